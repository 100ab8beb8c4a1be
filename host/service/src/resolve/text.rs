//! Log lines and events: whose are they, how many are kept, and redacted at the door. Nothing that this module gives
//! away holds a text as it was written. Start at [`Texts::redacted`].

use lagdoctor_model::{Event, Gap, GapCause, LogLine, NodeId, Redactor, Severity, Timestamp};

use super::Caps;
use super::names::{Attributes, NodeResolver};

/// Kinds of node that write logs, the most exact first. A pod's log is about the instance and not about its service.
const WRITERS: [&str; 8] = ["instance", "database", "cache", "broker", "producer", "endpoint", "service", "host"];

/// The node that the labels of a line or event name. They do not say which kind it is, so a node that the topology has
/// is preferred over all kinds; a new one is only made of labels that name nothing else.
pub(super) fn place(nodes: &mut NodeResolver, attributes: &Attributes) -> Option<NodeId> {
    if let Some(known) = WRITERS.iter().find_map(|kind| nodes.find(kind, attributes)) {
        return Some(known);
    }
    // A database's log shipper calls the database a service. Of a name that the topology has as something else, no new
    // service is made.
    if let Some(name) = ["service.name", "service_name", "service", "app"].iter().find_map(|name| attributes.get(name))
        && let Some(known) = WRITERS.iter().find_map(|kind| nodes.known(kind, name))
    {
        return Some(known);
    }
    let has = |names: &[&str]| names.iter().any(|name| attributes.get(name).is_some());
    let kind = if has(&["service.instance.id", "k8s.pod.name", "pod", "kubernetes_pod_name"]) {
        "instance"
    } else if has(&["consumergroup", "group_id", "consumer_group", "messaging.consumer.group.name"]) {
        "group"
    } else if has(&["service.name", "service_name", "service", "app", "application"]) {
        "service"
    } else if has(&["db_instance"]) {
        "database"
    } else if has(&["instance"]) {
        "instance"
    } else if has(&["host.name", "host", "node", "nodename", "hostname"]) {
        "host"
    } else {
        return None;
    };
    nodes.place(kind, attributes)
}

struct RawLine {
    at: Timestamp,
    node: NodeId,
    severity: Severity,
    message: String,
}

struct RawHappening {
    at: Timestamp,
    node: NodeId,
    kind: String,
    what: String,
}

/// Lines and events on their nodes, not yet redacted.
#[derive(Default)]
pub(super) struct Texts {
    logs: Vec<RawLine>,
    events: Vec<RawHappening>,
}

impl Texts {
    pub(super) fn add_log(&mut self, at: Timestamp, node: NodeId, severity: Severity, message: String) {
        self.logs.push(RawLine { at, node, severity, message });
    }

    pub(super) fn add_event(&mut self, at: Timestamp, node: NodeId, kind: String, what: String) {
        self.events.push(RawHappening { at, node, kind: word(&kind), what });
    }

    /// All in order of time, redacted, and gaps for what was too much.
    pub(super) fn redacted(mut self, redactor: &mut Redactor, caps: Caps) -> (Vec<LogLine>, Vec<Event>, Vec<Gap>) {
        let mut gaps = vec![];
        let over = |what: &str, count: usize, most: usize| Gap {
            source: "resolve".into(),
            cause: GapCause::Truncated,
            node: None,
            statement: format!("{} of {count} {what} were left out; narrow the window", count - most),
        };
        if self.logs.len() > caps.logs {
            gaps.push(over("log lines (the oldest of those below warning first)", self.logs.len(), caps.logs));
            self.logs.sort_by_key(|line| (line.severity < Severity::WARN, std::cmp::Reverse(line.at)));
            self.logs.truncate(caps.logs);
        }
        if self.events.len() > caps.events {
            gaps.push(over("events (the oldest)", self.events.len(), caps.events));
            self.events.sort_by_key(|event| std::cmp::Reverse(event.at));
            self.events.truncate(caps.events);
        }
        // The order of time first, and all of it: tokens are numbered as they are met, and two runs must number alike.
        self.logs.sort_by(|a, b| (a.at, &a.node, a.severity, &a.message).cmp(&(b.at, &b.node, b.severity, &b.message)));
        self.events.sort_by(|a, b| (a.at, &a.node, &a.kind, &a.what).cmp(&(b.at, &b.node, &b.kind, &b.what)));
        self.events.dedup_by(|a, b| (a.at, &a.node, &a.kind, &a.what) == (b.at, &b.node, &b.kind, &b.what));
        let logs = self.logs.into_iter().map(|line| LogLine {
            at: line.at,
            node: line.node,
            severity: line.severity,
            message: redactor.redact(&line.message),
        });
        let logs = logs.collect();
        let events = self.events.into_iter().map(|event| Event {
            at: event.at,
            node: event.node,
            kind: event.kind,
            what: redactor.redact(&event.what),
        });
        (logs, events.collect(), gaps)
    }
}

/// A kind of event as one word in the contract's style; anything else is `other`, since it is not redacted.
fn word(kind: &str) -> String {
    let kind = kind.trim().to_ascii_lowercase();
    let plain = !kind.is_empty() && kind.len() <= 32 && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    if plain { kind } else { "other".into() }
}
