//! Names that tell nothing: where a scenario says `names = "drawn"`, each run calls its nodes something else, so that
//! nobody can learn which name tends to be to blame. Names are drawn for each node by itself, whatever breaks. Start at
//! [`Scenario::named_anew`].

use std::collections::{BTreeMap, BTreeSet};

use super::Scenario;
use super::node::{NodeOf, NodeSpec};
use super::spec::{PathSpec, Roots};
use super::value::Word;
use crate::random::{Stream, Streams};

const THINGS: [&str; 64] = [
    "account",
    "address",
    "alert",
    "asset",
    "audit",
    "badge",
    "basket",
    "batch",
    "billing",
    "booking",
    "branch",
    "budget",
    "campaign",
    "card",
    "carrier",
    "catalog",
    "claim",
    "contract",
    "coupon",
    "credit",
    "customer",
    "delivery",
    "device",
    "dispatch",
    "document",
    "feed",
    "fleet",
    "gift",
    "identity",
    "inventory",
    "invoice",
    "journal",
    "label",
    "ledger",
    "license",
    "listing",
    "locker",
    "loyalty",
    "mandate",
    "media",
    "member",
    "meter",
    "order",
    "parcel",
    "partner",
    "payment",
    "payout",
    "policy",
    "price",
    "profile",
    "quote",
    "receipt",
    "refund",
    "report",
    "return",
    "review",
    "route",
    "shipment",
    "store",
    "supplier",
    "tariff",
    "ticket",
    "vendor",
    "voucher",
];
const WORKERS: [&str; 20] = [
    "aggregator",
    "archiver",
    "bridge",
    "checker",
    "enricher",
    "exporter",
    "feeder",
    "handler",
    "importer",
    "indexer",
    "matcher",
    "notifier",
    "planner",
    "processor",
    "projector",
    "recorder",
    "router",
    "service",
    "sync",
    "worker",
];
const EVENTS: [&str; 12] = [
    "accepted",
    "cancelled",
    "changes",
    "closed",
    "commands",
    "created",
    "events",
    "facts",
    "requested",
    "stream",
    "updated",
    "updates",
];
const SENDERS: [&str; 8] = ["api", "backend", "desk", "edge", "frontend", "gateway", "intake", "portal"];
const STORES: [&str; 6] = ["db", "mysql", "rdb", "data", "sql", "primary"];
const COPIES: [&str; 4] = ["copy", "reader", "replica", "ro"];
const CACHES: [&str; 4] = ["cache", "lookup", "redis", "store"];
const CALLED: [&str; 5] = ["http", "lookup-api", "provider", "rest", "upstream"];
const READERS: [&str; 4] = ["cg", "consumers", "group", "readers"];

/// Old names of nodes and groups, and the new ones.
#[derive(Debug, Default)]
struct Names {
    nodes: BTreeMap<String, String>,
    groups: BTreeMap<String, String>,
    owners: BTreeMap<String, String>,
    taken: BTreeSet<String>,
}

impl Scenario {
    /// The same scenario with other names for all its nodes and groups.
    pub(super) fn named_anew(&self, streams: &Streams) -> Self {
        let names = Names::draw(&self.nodes, streams);
        let mut named = self.clone();
        for node in &mut named.nodes {
            names.rename_node(node);
        }
        named.workloads = std::mem::take(&mut named.workloads)
            .into_iter()
            .map(|(topic, mut load)| {
                load.producers.iter_mut().for_each(|producer| *producer = names.node(producer));
                (names.node(&topic), load)
            })
            .collect();
        for fault in &mut named.faults {
            fault.target = match &fault.target {
                Word::Fixed(target) => Word::Fixed(names.target(target)),
                Word::Choice(targets) => Word::Choice(targets.iter().map(|target| names.target(target)).collect()),
            };
        }
        let rename = |words: &mut Vec<String>| words.iter_mut().for_each(|word| *word = names.word(word));
        if let Roots::Given(roots) = &mut named.truth.roots {
            for root in roots {
                root.node = names.word(&root.node);
                rename(&mut root.accept);
            }
        }
        rename(&mut named.truth.triggers);
        rename(&mut named.truth.decoys);
        if let PathSpec::Given(path) = &mut named.truth.path {
            rename(path);
        }
        rename(&mut named.expect.not_blamed);
        if let Some(impact) = &mut named.impact
            && let Some((what, group)) = impact.sli.split_once(':')
        {
            impact.sli = format!("{what}:{}", names.group(group));
        }
        named
    }
}

fn pick<'a>(stream: &mut Stream, words: &[&'a str]) -> &'a str {
    words[stream.below(words.len() as u64) as usize]
}

impl Names {
    fn draw(nodes: &[NodeSpec], streams: &Streams) -> Self {
        let mut names = Self::default();
        let mut run = streams.stream("run", "names");
        let (style, first_broker) = (run.below(4), [0, 1, 101, 1001][run.below(4) as usize]);
        let brokers = nodes.iter().filter(|node| matches!(node.of, NodeOf::Broker));
        for (place, node) in brokers.enumerate() {
            names.nodes.insert(node.id.clone(), (first_broker + place).to_string());
        }
        let owners: BTreeSet<&String> = nodes.iter().filter_map(|node| node.labels.get("owner")).collect();
        for owner in owners {
            let mut stream = streams.stream(owner, "name of a team");
            let name = loop {
                let name = format!("team-{}-{}", pick(&mut stream, &THINGS), stream.below(20));
                if names.taken.insert(name.clone()) {
                    break name;
                }
            };
            names.owners.insert(owner.clone(), name);
        }
        // Replicas come last: they are called after their primaries.
        let is_replica = |node: &&NodeSpec| matches!(node.of, NodeOf::Replica(_));
        for node in nodes.iter().filter(|node| !is_replica(node)).chain(nodes.iter().filter(is_replica)) {
            let mut stream = streams.stream(&node.id, "name");
            if matches!(node.of, NodeOf::Broker) {
                continue;
            }
            let name = loop {
                let name = names.one(node, style, &mut stream);
                if names.taken.insert(name.clone()) {
                    break name;
                }
            };
            if let NodeOf::Service(service) = &node.of {
                let group = &service.kafka.group;
                let called =
                    if *group == node.id { name.clone() } else { format!("{name}-{}", pick(&mut stream, &READERS)) };
                names.groups.entry(group.clone()).or_insert(called);
            }
            names.nodes.insert(node.id.clone(), name);
        }
        names
    }

    /// A name for a node, which may be taken.
    fn one(&self, node: &NodeSpec, style: u64, stream: &mut Stream) -> String {
        let thing = pick(stream, &THINGS);
        let second = match &node.of {
            NodeOf::Producer => pick(stream, &SENDERS),
            NodeOf::Topic(_) => pick(stream, &EVENTS),
            NodeOf::Broker | NodeOf::Service(_) => pick(stream, &WORKERS),
            NodeOf::Primary(_) => pick(stream, &STORES),
            NodeOf::Replica(replica) => {
                let of = replica.of.as_ref().map_or(thing, |of| self.nodes.get(of).map_or(thing, String::as_str));
                let number = stream.below(90);
                return format!(
                    "{of}-{}{}",
                    pick(stream, &COPIES),
                    if number < 45 { String::new() } else { number.to_string() }
                );
            }
            NodeOf::Cache(_) => pick(stream, &CACHES),
            NodeOf::Http(_) => pick(stream, &CALLED),
            NodeOf::Host(_) => {
                let (a, b) = (stream.below(256), stream.below(256));
                return match style {
                    0 => format!("ip-10-31-{a}-{b}"),
                    1 => format!("node-{:05x}", a * 4096 + b * 16),
                    2 => format!("vm{:04}", (a * 256 + b) % 10_000),
                    _ => format!("{}{:03}", ["fra", "ams", "dub"][(a % 3) as usize], (a * 256 + b) % 1000),
                };
            }
        };
        format!("{thing}-{second}")
    }

    fn node(&self, old: &str) -> String {
        self.nodes.get(old).cloned().unwrap_or_else(|| old.to_owned())
    }

    fn group(&self, old: &str) -> String {
        self.groups.get(old).cloned().unwrap_or_else(|| old.to_owned())
    }

    /// A node, an instance such as `packing-2`, a partition such as `orders/3`, or a group.
    fn target(&self, old: &str) -> String {
        if let Some(new) = self.nodes.get(old).or_else(|| self.groups.get(old)) {
            return new.clone();
        }
        if let Some((from, to)) = old.split_once('>') {
            return format!("{}>{}", self.target(from), self.target(to));
        }
        if let Some((first, rest)) = old.split_once('/') {
            // A number after a topic is no broker.
            let rest = if rest.parse::<u32>().is_ok() { rest.to_owned() } else { self.target(rest) };
            return format!("{}/{rest}", self.target(first));
        }
        match old.rsplit_once('-') {
            Some((service, number)) if number.parse::<u32>().is_ok() && self.nodes.contains_key(service) => {
                format!("{}-{number}", self.node(service))
            }
            _ => old.to_owned(),
        }
    }

    /// The same with or without the kind before it.
    fn word(&self, old: &str) -> String {
        match old.split_once(':') {
            Some(("group", group)) => format!("group:{}", self.group(group)),
            Some((kind, name)) => format!("{kind}:{}", self.target(name)),
            None => self.target(old),
        }
    }

    fn rename_node(&self, node: &mut NodeSpec) {
        node.id = self.node(&node.id);
        if let Some(owner) = node.labels.get_mut("owner") {
            *owner = self.owners.get(owner).cloned().unwrap_or_default();
        }
        let rename = |name: &mut String| *name = self.node(name);
        node.host.iter_mut().for_each(rename);
        match &mut node.of {
            NodeOf::Service(service) => {
                service.hosts.iter_mut().for_each(rename);
                service.produces.iter_mut().for_each(|output| rename(&mut output.topic));
                for call in &mut service.calls {
                    rename(&mut call.to);
                    call.miss.iter_mut().for_each(rename);
                }
                rename(&mut service.kafka.topic);
                service.kafka.group = self.group(&service.kafka.group);
            }
            NodeOf::Primary(database) | NodeOf::Replica(database) => database.of.iter_mut().for_each(rename),
            NodeOf::Producer
            | NodeOf::Topic(_)
            | NodeOf::Broker
            | NodeOf::Cache(_)
            | NodeOf::Http(_)
            | NodeOf::Host(_) => {}
        }
    }
}
