//! Did the topic itself change? Records that grow make each fetch hold fewer of them; partitions that are added get records
//! before anybody reads them, and send keys elsewhere than before.

use lagdoctor_sdk::stats::{Direction, Rules};
use lagdoctor_sdk::words::{bytes, number};
use lagdoctor_sdk::{Finding, NodeRef, View};

/// Bytes of a record below which a change is not believed.
const BYTES_FLOOR: f64 = 8.0;
/// Growth of records from which they may be the reason, and from which they are plainly other records.
const GROWN: (f64, f64) = (1.3, 2.0);
/// What records say that have grown: that they are large alone hurts nobody.
const LARGER: f64 = 0.85;
/// What a change of the number of partitions says.
const CHANGED: f64 = 0.9;
/// Records per second of a topic below which their size says nothing.
const FEW: f64 = 0.1;

/// What is to be said about topics.
pub(crate) fn findings(view: &View<'_>) -> Vec<Finding> {
    let mut findings = vec![];
    for topic in view.of_kind("topic") {
        findings.extend(size(view, topic));
        findings.extend(partitions(view, topic));
    }
    findings
}

/// Bytes over records; about the only producer where there is one.
fn size(view: &View<'_>, topic: NodeRef<'_>) -> Option<Finding> {
    let written = view.signal(topic, "kafka.topic.append_bytes")?;
    let records = view.signal(topic, "kafka.topic.append_rate")?;
    let of = |index: usize, value: &f64| {
        let at = written.time(index);
        let count = records.between(at, at).first().copied().unwrap_or(f64::NAN);
        if count >= FEW { value / count } else { f64::NAN }
    };
    let sizes: Vec<f64> = written.values.iter().enumerate().map(|(index, value)| of(index, value)).collect();
    let series = written.with_values(&sizes);
    let change = series.compare(&Rules { floor_share: 0.03, ..Rules::default().floor(BYTES_FLOOR) }, Direction::Up)?;
    let score = change.score_of_growth(GROWN.0, GROWN.1) * LARGER;
    let (now, was) = (bytes(change.level()), bytes(change.past()));
    let statement = match score >= 0.1 {
        true => format!("a record has {now} instead of {was}, {:.1} times as much", change.ratio()),
        false => format!("a record has {now}, as before ({was})"),
    };
    let producers: Vec<NodeRef<'_>> = view.dependencies_of_kind(topic, "producer");
    let node = if let [only] = producers[..] { only } else { topic };
    let finding = Finding::on(node, written.signal).rests_on(&written).class("load.message-size").score(score);
    let finding = finding.magnitude(change.seen.magnitude).since(change.onset_ms());
    Some(finding.saw(change.level(), change.past()).says(statement))
}

/// A topic that has more partitions than it had.
fn partitions(view: &View<'_>, topic: NodeRef<'_>) -> Option<Finding> {
    let series = view.signal(topic, "kafka.topic.partitions")?;
    let (_, was) = series.readings().next()?;
    let now = series.last()?;
    let first = series.readings().find(|(_, count)| *count != was).map(|(time, _)| time);
    let score = if now == was { 0.0 } else { CHANGED };
    let statement = match now == was {
        true => format!("the topic has {} partitions, as before", number(now)),
        false => format!("the topic has {} partitions instead of {}", number(now), number(was)),
    };
    let finding = Finding::about(&series).class("topic.metadata-change").score(score).magnitude((now - was) * 10.0);
    Some(finding.since(first.filter(|_| now != was)).saw(now, was).says(statement))
}
