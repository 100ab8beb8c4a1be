//! One record that cannot be read, or all of them? A record that is broken stands in one partition. Where records of several
//! partitions of one topic cannot be read, it is not the record but the form in which they are written, and that is their
//! producers' to change.

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_sdk::{Finding, LogRef, View, ramp};

use crate::Span;
use crate::known::named_partition;

/// What it is called.
pub(crate) const CLASS: &str = "data.schema-break";
/// How consumers say that they cannot read a record.
const UNREADABLE: [&str; 2] = ["RecordDeserializationException", "Error deserializing"];
/// Partitions from which it may be the form, and from which it is.
const PARTITIONS: (f64, f64) = (1.0, 3.0);
/// What unreadable records of several partitions say of their producers.
const FORM: f64 = 0.95;
/// What is left of a partition's own fault then.
const NOT_ITS_OWN: f64 = 0.3;

/// Lays records that cannot be read in several partitions of a topic to its producers, and takes it from the partitions.
pub(crate) fn apply(view: &View<'_>, lines: &[LogRef<'_>], span: &Span, findings: &mut Vec<Finding>) {
    let mut by_topic: BTreeMap<u32, (BTreeSet<u32>, LogRef<'_>, usize)> = BTreeMap::new();
    for line in lines.iter().filter(|line| !span.is_past(line.at_ms)) {
        if !UNREADABLE.iter().any(|words| line.message.contains(words)) {
            continue;
        }
        let Some(partition) = named_partition(view, line.message) else { continue };
        let Some(topic) = view.dependencies_of_kind(partition, "topic").first().copied() else { continue };
        let (partitions, _, count) = by_topic.entry(topic.handle).or_insert((BTreeSet::new(), *line, 0));
        partitions.insert(partition.handle);
        *count += 1;
    }
    for (topic, (partitions, first, count)) in by_topic {
        let score = ramp(partitions.len() as f64, PARTITIONS.0, PARTITIONS.1) * FORM;
        let Some(topic) = view.node(topic).filter(|_| score > 0.0) else { continue };
        for found in
            findings.iter_mut().filter(|found| partitions.contains(&found.node) && found.class == "data.poison")
        {
            found.score *= NOT_ITS_OWN;
        }
        let statement = format!(
            "{count} log lines say that records of {} partitions of {} cannot be read: it is not one record but their form",
            partitions.len(),
            topic.name
        );
        for producer in view.dependencies_of_kind(topic, "producer") {
            let finding = Finding::on(producer, "log").class(CLASS).score(score).magnitude(count as f64);
            let finding = finding.since(Some(first.at_ms)).log_line(first.handle);
            findings.push(finding.saw(count as f64, 0.0).says(statement.clone()));
        }
    }
}
