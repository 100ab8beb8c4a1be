//! What could not be read, in one sentence each: what is missing, why, and what to do. Start at [`Gaps`].

use std::collections::BTreeMap;

use lagdoctor_model::{Gap, GapCause, NodeId, PartitionId};
use rdkafka::error::RDKafkaErrorCode;

use crate::KafkaConfig;
use crate::client::{cause, words};
use crate::cluster::Unanswered;
use crate::tail::{Progress, TOPIC};

/// How many names a sentence holds before it counts the rest.
const NAMES: usize = 3;

/// Collects the gaps of one read.
#[derive(Debug)]
pub(crate) struct Gaps<'a> {
    config: &'a KafkaConfig,
    gaps: Vec<Gap>,
}

impl<'a> Gaps<'a> {
    pub(crate) fn new(config: &'a KafkaConfig) -> Self {
        Self { config, gaps: vec![] }
    }

    /// All gaps, in order, each once.
    pub(crate) fn finish(mut self) -> Vec<Gap> {
        self.gaps.sort();
        self.gaps.dedup();
        self.gaps
    }

    fn add(&mut self, cause: GapCause, node: Option<String>, statement: String) {
        // Names of topics and groups come from whoever made them, and a statement is printed.
        let statement = statement.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        let node = node.and_then(|node| NodeId::new(node).ok());
        self.gaps.push(Gap { source: format!("kafka:{}", self.config.cluster), cause, node, statement });
    }

    /// The command that grants a right.
    fn grant(&self, right: &str) -> String {
        let principal = match self.config.properties.get("sasl.username") {
            Some(user) => format!("User:{user}"),
            None => "User:<principal of lagdoctor>".to_owned(),
        };
        format!(
            "kafka-acls --bootstrap-server {} --add --allow-principal \"{principal}\" {right}",
            self.config.bootstrap
        )
    }

    pub(crate) fn unreachable(&mut self, why: &str, code: RDKafkaErrorCode) {
        let statement = format!(
            "no broker of `{}` at {} answers: {why}; offsets are the last ones known, lag is unknown",
            self.config.cluster, self.config.bootstrap
        );
        self.add(cause(code), None, statement);
    }

    pub(crate) fn listing(&mut self, why: &str, code: RDKafkaErrorCode) {
        let statement = format!(
            "groups could not be listed: {why}; states and members are those last known, and groups that never \
             committed are not seen"
        );
        self.add(cause(code), None, statement);
    }

    pub(crate) fn unlisted(&mut self, groups: &[&str]) {
        let statement = format!(
            "{} not listed by the brokers, so their state may be out of date; `Describe` on groups may be missing: {}",
            counted("group", groups),
            self.grant("--operation Describe --group '*'")
        );
        self.add(GapCause::Refused, None, statement);
    }

    pub(crate) fn offsets_topic_missing(&mut self) {
        let statement = format!(
            "`{TOPIC}` is not visible: either no group has ever committed, or `Read` on it is missing, and times of \
             commits and members of KIP-848 groups with it: {}",
            self.grant(&format!("--operation Read --topic {TOPIC}"))
        );
        self.add(GapCause::Refused, None, statement);
    }

    pub(crate) fn offsets_topic_denied(&mut self) {
        let statement = format!(
            "`{TOPIC}` may not be read, so groups are asked one by one, and times of commits and members of KIP-848 \
             groups are missing: {}",
            self.grant(&format!("--operation Read --topic {TOPIC}"))
        );
        self.add(GapCause::Refused, None, statement);
    }

    pub(crate) fn offsets_topic_failed(&mut self, code: RDKafkaErrorCode) {
        let statement = format!("`{TOPIC}` could not be read: {}; commits are the last ones known", words(code));
        self.add(cause(code), None, statement);
    }

    pub(crate) fn progress(&mut self, progress: &Progress) {
        let Progress { behind, past_left, partitions } = progress;
        if *behind > 0 {
            let statement = format!(
                "{behind} of {partitions} partitions of `{TOPIC}` were not read to their end within {}: commits of \
                 some groups are older than they look, and lag is overstated",
                self.config.timeout
            );
            self.add(GapCause::Unreachable, None, statement);
        }
        if past_left > behind {
            let statement = format!(
                "the past of {past_left} of {partitions} partitions of `{TOPIC}` is still to be read: groups that \
                 have not committed for {} may be missing, and members of KIP-848 groups too; later reads go on",
                self.config.window
            );
            self.add(GapCause::Truncated, None, statement);
        }
    }

    pub(crate) fn group(&mut self, group: &str, code: RDKafkaErrorCode) {
        let next = match cause(code) {
            GapCause::Refused => format!(": {}", self.grant(&format!("--operation Describe --group '{group}'"))),
            _ => "; its offsets are the last ones known".to_owned(),
        };
        let statement = format!("what group `{group}` committed could not be asked: {}{next}", words(code));
        self.add(cause(code), Some(format!("group:{group}")), statement);
    }

    pub(crate) fn too_many_groups(&mut self, left_out: usize) {
        let statement = format!(
            "{left_out} groups were left out, since asking each takes a connection; allow reading `{TOPIC}`, or name \
             fewer groups in `allow`"
        );
        self.add(GapCause::Truncated, None, statement);
    }

    pub(crate) fn unnamed(&mut self, group: &str, partitions: usize) {
        let statement = format!(
            "{partitions} partitions that members of group `{group}` read belong to topics whose name is not known \
             before the group commits for them"
        );
        self.add(GapCause::Malformed, Some(format!("group:{group}")), statement);
    }

    pub(crate) fn topics(&mut self, topics: &BTreeMap<&str, Option<RDKafkaErrorCode>>) {
        for (topic, code) in topics {
            let why = code.map_or("it was deleted, or `Describe` on it is missing".to_owned(), words);
            let statement = format!(
                "topic `{topic}`, which a group has committed for, is not visible: {why}: {}",
                self.grant(&format!("--operation Describe --topic '{topic}'"))
            );
            self.add(GapCause::Refused, Some(format!("topic:{topic}")), statement);
        }
    }

    /// `what` is an end of the log: "log end" or "log start". `total` logs were asked for.
    pub(crate) fn logs(&mut self, what: &str, failed: &[Unanswered]) {
        let mut by_cause: BTreeMap<(Option<i32>, GapCause, String), Vec<&PartitionId>> = BTreeMap::new();
        for Unanswered { leader, partitions, why } in failed {
            by_cause.entry((*leader, cause(*why), words(*why))).or_default().extend(partitions);
        }
        for ((leader, cause, words), partitions) in by_cause {
            let names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let node = match (leader, partitions.as_slice()) {
                (Some(leader), _) => Some(format!("broker:{leader}")),
                (None, [only]) => Some(format!("partition:{only}")),
                (None, _) => None,
            };
            let who = match leader {
                Some(leader) => format!("broker {leader}: {words}"),
                None => "no broker leads".to_owned(),
            };
            let statement = format!("{what} of {} unknown: {who}", counted("partition", &names));
            self.add(cause, node, statement);
        }
    }

    pub(crate) fn skipped(&mut self, malformed: u64, too_young: u64) {
        if malformed > 0 {
            let statement = format!("{malformed} records of `{TOPIC}` make no sense and were skipped");
            self.add(GapCause::Malformed, None, statement);
        }
        if too_young > 0 {
            let statement = format!(
                "{too_young} records of `{TOPIC}` have a form younger than this program and were skipped; update lagdoctor"
            );
            self.add(GapCause::Malformed, None, statement);
        }
    }
}

/// `partition orders/1`, or `4 partitions (orders/1, orders/2, orders/3, …)`, and the verb.
fn counted(noun: &str, names: &[&str]) -> String {
    match names {
        [only] => format!("{noun} {only} is"),
        _ => {
            let more = if names.len() > NAMES { ", …" } else { "" };
            let first: Vec<&str> = names.iter().take(NAMES).copied().collect();
            format!("{} {noun}s ({}{more}) are", names.len(), first.join(", "))
        }
    }
}
