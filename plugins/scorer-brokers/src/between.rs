//! Can two brokers reach each other? Where the way between them is cut, each leads partitions that lack the other, and
//! nobody else lacks anything: a broker that is slow, paused or gone is lacking on all others instead.

use std::collections::BTreeSet;

use lagdoctor_sdk::stats::{Direction, Rules};
use lagdoctor_sdk::words::number;
use lagdoctor_sdk::{Change, Finding, NodeRef, View};

use crate::CLEAR;

/// What two brokers that lack replicas say of the way between them; where there are only two, either may be at fault.
const CUT: f64 = 0.9;
const ONLY_TWO: f64 = 0.6;

/// One finding for each way between two brokers that is known.
pub(crate) fn cut(view: &View<'_>, findings: &[Finding]) -> Vec<Finding> {
    let lacking = |broker: NodeRef<'_>| {
        let series = view.signal(broker, "kafka.broker.under_replicated_partitions")?;
        series.compare(&Rules { sustained: 2, ..Rules::default().floor(0.1) }, Direction::Up)
    };
    let brokers: Vec<(NodeRef<'_>, Option<Change<'_>>)> =
        view.of_kind("broker").map(|broker| (broker, lacking(broker))).collect();
    let lacks: BTreeSet<u32> = brokers
        .iter()
        .filter(|(_, change)| change.as_ref().is_some_and(|change| change.onset_ms().is_some()))
        .map(|(broker, _)| broker.handle)
        .collect();
    let is_other = brokers.iter().any(|(broker, _)| {
        findings
            .iter()
            .any(|found| found.node == broker.handle && found.score >= CLEAR && found.class.starts_with("broker."))
    });
    let mut found = vec![];
    for way in view.of_kind("link") {
        let ends: BTreeSet<u32> =
            view.dependents(way).filter(|(end, _)| end.kind == "broker").map(|(end, _)| end.handle).collect();
        if ends.len() != 2 {
            continue;
        }
        let of_ends = brokers.iter().filter(|(broker, _)| ends.contains(&broker.handle));
        let changes: Vec<&Change<'_>> = of_ends.filter_map(|(_, change)| change.as_ref()).collect();
        let [one, other] = changes[..] else { continue };
        let score = match lacks == ends && !is_other {
            true if brokers.len() > 2 => CUT,
            true => ONLY_TWO,
            false => 0.0,
        };
        let statement = match score > 0.0 {
            true => format!(
                "both ends answer, each leads partitions that lack a replica ({} and {}), and no other broker does",
                number(one.level()),
                number(other.level())
            ),
            false => "what its ends lack, if anything, is not what is between them".to_owned(),
        };
        let main = if one.seen.magnitude >= other.seen.magnitude { one } else { other };
        let onset = [one, other].iter().filter_map(|change| change.onset_ms()).min();
        let finding = Finding::on(way, main.series.signal).rests_on(&main.series).class("net.partition-broker");
        let finding = finding.score(score).magnitude(main.seen.magnitude).since(onset.filter(|_| score > 0.0));
        found.push(finding.saw(main.level(), main.past()).says(statement));
    }
    found
}
