//! What did the operator say beforehand, and was it right? Who depends on whom stands in files, and a name in a file that
//! nothing in the cluster has is most often a name that is spelt differently there. Start at [`Charted::unseen`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lagdoctor_model::{Edge, Gap, GapCause, NodeId, Signals, Topology};

/// Names that one gap lists at most.
const LISTED: usize = 3;

/// How the operator names sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ways {
    /// With flags of the command line.
    #[default]
    Flags,
    /// In a configuration file.
    File,
}

impl Ways {
    pub(super) fn kafka(self) -> &'static str {
        match self {
            Self::Flags => "name one with --bootstrap HOST:PORT",
            Self::File => "add a section [[kafka]]",
        }
    }

    pub(super) fn metrics(self) -> &'static str {
        match self {
            Self::Flags => "name one with --prometheus URL",
            Self::File => {
                "add a section [[plugin]] with name = \"collector-prometheus\" and config = { url = \"URL\" }"
            }
        }
    }

    pub(super) fn logs(self) -> &'static str {
        match self {
            Self::Flags => "name one with --logs URL",
            Self::File => {
                "add a section [[plugin]] with name = \"collector-elasticsearch\" and config = { url = \"URL\" }"
            }
        }
    }
}

/// What the operator said.
#[derive(Clone, Debug, Default)]
pub(super) struct Charted {
    /// Who depends on whom, of all files.
    pub(super) topology: Topology,
    /// The files, and what each of them names.
    pub(super) files: Vec<(PathBuf, Topology)>,
    pub(super) ways: Ways,
}

impl Charted {
    /// What the files name and nothing shows, told as long as anything else was seen at all.
    pub(super) fn unseen(&self, signals: &Signals) -> Vec<Gap> {
        let seen = self.seen(signals);
        if seen.is_empty() {
            return vec![];
        }
        self.files.iter().filter_map(|(file, named)| unseen(file, named, &seen)).collect()
    }

    /// Nodes of which anything is known that no file says.
    fn seen<'s>(&self, signals: &'s Signals) -> BTreeSet<&'s NodeId> {
        let series = signals.series.iter().map(|series| series.node());
        let lines = signals.logs.iter().map(|line| &line.node);
        let events = signals.events.iter().map(|event| &event.node);
        let known: BTreeSet<&Edge> = self.topology.edges().collect();
        let found = signals.topology.edges().filter(|edge| !known.contains(edge));
        let ends = found.flat_map(|edge| [&edge.dependent, &edge.dependency]);
        let mut seen: BTreeSet<&NodeId> = series.chain(lines).chain(events).chain(ends).collect();
        // A service itself writes and counts nothing; its copies do.
        let copies = signals.topology.edges().filter(|edge| edge.kind.as_str() == "runs-as");
        let shown: Vec<&NodeId> =
            copies.filter(|edge| seen.contains(&edge.dependency)).map(|edge| &edge.dependent).collect();
        seen.extend(shown);
        seen
    }
}

fn unseen(file: &Path, named: &Topology, seen: &BTreeSet<&NodeId>) -> Option<Gap> {
    let name = file.display();
    let count = named.nodes().count();
    let unseen: Vec<&NodeId> = named.nodes().map(|node| &node.id).filter(|id| !seen.contains(id)).collect();
    // A database or a host may be there and export nothing. Groups and services show in Kafka and in logs.
    let unknown: Vec<&str> =
        unseen.iter().filter(|id| ["group", "service"].contains(&id.kind())).map(|id| id.as_str()).collect();
    let statement = if count == 0 {
        format!(
            "topology {name} names no node, so what depends on what is not known beyond what Kafka and the metrics show"
        )
    } else if unseen.len() == count {
        let nodes = if count == 1 { "node, which was not seen" } else { "nodes, none of which was seen" };
        format!(
            "topology {name} names {count} {nodes}; check how they are spelt, since a name must be the very one that Kafka, metrics and logs use"
        )
    } else if unknown.is_empty() {
        return None;
    } else {
        let more = unknown.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let listed = unknown.into_iter().take(LISTED).collect::<Vec<_>>().join(", ");
        format!("topology {name} names {listed}{more}, of which nothing was seen; check how the names are spelt")
    };
    Some(Gap { source: "topology".into(), cause: GapCause::Malformed, node: None, statement })
}

#[cfg(test)]
mod tests {
    use lagdoctor_model::{Node, Series, SeriesKey, SignalName, Timestamp, Window};

    use super::*;

    fn topology(ids: &[&str], edges: &[(&str, &str, &str)]) -> Topology {
        let mut topology = Topology::new();
        let id = |text: &str| NodeId::new(text).unwrap();
        ids.iter().for_each(|text| topology.add_node(Node::new(id(text))));
        edges.iter().for_each(|(from, kind, to)| topology.connect(Edge::new(id(from), kind, id(to)).unwrap()));
        topology
    }

    /// What is said of a file that names these, where there is a reading of each of those.
    fn check(named: &Topology, seen: &[&str], expected: &[&str]) {
        let window =
            Window { start: Timestamp::EPOCH, now: Timestamp::EPOCH, step: lagdoctor_model::Millis::seconds(15) };
        let mut signals = Signals::empty(window);
        signals.topology = named.clone();
        let signal = SignalName::new("log.error_rate").unwrap();
        for id in seen {
            let key = SeriesKey { node: NodeId::new(*id).unwrap(), signal: signal.clone(), labels: Default::default() };
            signals.series.push(Series::new(key, vec![]).unwrap());
        }
        let files = vec![("shop.toml".into(), named.clone())];
        let charted = Charted { topology: named.clone(), files, ways: Ways::File };
        let said: Vec<String> = charted.unseen(&signals).into_iter().map(|gap| gap.statement).collect();
        let said: Vec<&str> = said.iter().map(|text| text.split([';', ',']).next().unwrap_or(text)).collect();
        assert_eq!(said, expected);
    }

    #[test]
    fn a_file_about_another_cluster_is_named() {
        let two = topology(&["group:a", "service:b"], &[("group:a", "worked-by", "service:b")]);
        check(&two, &["group:other"], &["topology shop.toml names 2 nodes"]);
        check(&topology(&["group:a"], &[]), &["group:other"], &["topology shop.toml names 1 node"]);
    }

    #[test]
    fn an_empty_file_is_named() {
        check(&topology(&[], &[]), &["group:a"], &["topology shop.toml names no node"]);
    }

    #[test]
    fn a_service_that_nothing_shows_is_named_and_one_whose_copies_are_seen_is_not() {
        let both = topology(&["group:a", "service:b", "service:c"], &[("service:b", "runs-as", "instance:b-0")]);
        check(&both, &["group:a", "instance:b-0"], &["topology shop.toml names service:c"]);
    }

    #[test]
    fn a_database_without_metrics_and_a_circle_are_nothing_to_speak_of() {
        let edges = [("service:b", "calls", "service:c"), ("service:c", "calls", "service:b")];
        let circle = topology(&["service:b", "service:c", "database:d"], &edges);
        check(&circle, &["service:b", "service:c"], &[]);
    }

    #[test]
    fn where_nothing_was_seen_at_all_the_file_is_not_to_blame() {
        check(&topology(&["group:a"], &[]), &[], &[]);
    }
}
