//! What to do about a cause: the actions of its class with the names of this incident filled in. Commands only read, and
//! names are strangers' texts: in a command they are quoted. Start at [`actions`].

use lagdoctor_model::{Action, ClassSpec, Finding, NodeId, Series};

use super::Case;

/// How a look at a group with Kafka's own tools begins; collectors that read Kafka themselves give it as the query.
const TOOL: &str = "kafka-consumer-groups --bootstrap-server ";
/// What to do when a class has nothing better: look at the group.
const LOOK: &str = "kafka-consumer-groups --bootstrap-server {bootstrap} --describe --group {group}";

/// The actions of this class for this node; a look at the group when it has none.
pub(super) fn actions(case: &Case<'_>, node: &NodeId, class: Option<&ClassSpec>, findings: &[&Finding]) -> Vec<Action> {
    let names = Names::new(case, node, findings);
    let mut actions: Vec<Action> = class
        .into_iter()
        .flat_map(|class| &class.actions)
        .map(|action| Action {
            say: names.fill(&action.say, plain),
            command: action.command.as_ref().map(|command| names.fill(command, quoted)),
        })
        .collect();
    if actions.is_empty() {
        let first = format!("Look at the evidence about {} first", node.words());
        actions.push(match case.symptom.node.kind() {
            "group" => Action { say: first + ", and at who reads what", command: Some(names.fill(LOOK, quoted)) },
            _ => Action { say: first, command: None },
        });
    }
    if let Some(runbook) = case.signals.topology.node(node).and_then(|node| node.labels.get("runbook")) {
        actions.push(Action { say: format!("{}: {runbook}", Action::RUNBOOK), command: None });
    }
    actions
}

/// What the placeholders stand for; a hint in capitals where it is not known.
struct Names {
    names: [(&'static str, String); 6],
}

impl Names {
    fn new(case: &Case<'_>, node: &NodeId, findings: &[&Finding]) -> Self {
        let group = &case.symptom.node;
        let worst = worst_partition(case, group);
        let label = |name: &str| worst.and_then(|series| series.labels().get(name).cloned());
        let (own_topic, own_partition) = match (node.kind(), node.name().rsplit_once('/')) {
            ("topic", _) => (Some(node.name().to_owned()), None),
            ("partition", Some((topic, partition))) => (Some(topic.to_owned()), Some(partition.to_owned())),
            _ => (None, None),
        };
        let topic = own_topic.or_else(|| label("topic"));
        let partition = own_partition.or_else(|| label("partition"));
        let offset = committed(case, group, topic.as_deref(), partition.as_deref());
        let known = |name: Option<String>, hint: &str| name.unwrap_or_else(|| hint.to_owned());
        let names = [
            ("{name}", name(case, node, findings)),
            ("{group}", known((group.kind() == "group").then(|| group.name().to_owned()), "GROUP")),
            ("{topic}", known(topic, "TOPIC")),
            ("{partition}", known(partition, "PARTITION")),
            ("{offset}", known(offset, "OFFSET")),
            ("{bootstrap}", known(bootstrap(case), "HOST:PORT")),
        ];
        Self { names }
    }

    /// One pass over the template, so that a name that looks like a placeholder stays what it is.
    fn fill(&self, template: &str, write: fn(&str) -> String) -> String {
        let mut filled = String::new();
        let mut rest = template;
        while let Some(start) = rest.find('{') {
            let (before, after) = rest.split_at(start);
            filled.push_str(before);
            match self.names.iter().find(|(placeholder, _)| after.starts_with(placeholder)) {
                Some((placeholder, name)) => {
                    filled.push_str(&write(name));
                    rest = &after[placeholder.len()..];
                }
                None => {
                    filled.push('{');
                    rest = &after[1..];
                }
            }
        }
        filled.push_str(rest);
        filled
    }
}

/// What tools call the node: of a pool its instance, of a service the instance that looks worst.
fn name(case: &Case<'_>, node: &NodeId, findings: &[&Finding]) -> String {
    match node.kind() {
        "pool" => node.name().rsplit_once('/').map_or(node.name(), |(instance, _)| instance).to_owned(),
        "service" => {
            let is_copy = |other: &&NodeId| other.kind() == "instance" && case.graph.is_step(node, other);
            let worst = findings.iter().map(|finding| &finding.node).find(is_copy);
            let copy = worst.or_else(|| case.graph.dependencies(node).find(is_copy));
            copy.unwrap_or(node).name().to_owned()
        }
        _ => node.name().to_owned(),
    }
}

/// The partition in which the group is furthest behind.
fn worst_partition<'a>(case: &Case<'a>, group: &NodeId) -> Option<&'a Series> {
    let lags = case.seen.of(group, "kafka.consumer_group.lag").iter().copied();
    let lags = lags.filter_map(|series| Some((series.last()?.value, series)));
    // Of equals the first, which is in order of labels.
    lags.reduce(|worst, next| if next.0 > worst.0 { next } else { worst }).map(|(_, series)| series)
}

/// The offset at which the group stands there.
fn committed(case: &Case<'_>, group: &NodeId, topic: Option<&str>, partition: Option<&str>) -> Option<String> {
    let (topic, partition) = (topic?, partition?);
    let is_there = |series: &&&Series| {
        let label = |name: &str| series.labels().get(name).map(String::as_str);
        label("topic") == Some(topic) && label("partition") == Some(partition)
    };
    let offset = case.seen.of(group, "kafka.consumer_group.offset").iter().find(is_there)?.last()?.value;
    (offset >= 0.0).then(|| (offset as u64).to_string())
}

/// Where Kafka was read, when it was read directly.
fn bootstrap(case: &Case<'_>) -> Option<String> {
    let series = case.seen.signals(&case.symptom.node).flat_map(|(_, series)| series);
    let mut queries = series.filter_map(|series| series.query());
    let server = queries.find_map(|query| query.strip_prefix(TOOL)?.split(' ').next().map(str::to_owned))?;
    // One that had to be quoted would be quoted again.
    (!server.contains('\'')).then_some(server)
}

fn plain(name: &str) -> String {
    name.to_owned()
}

/// A word that a shell takes as it stands.
fn quoted(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:,/".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) && !word.starts_with('-') {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
