//! The group as a whole: how fast its backlog grows, how much it gets done, who is in it, and how restless it is.

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::{number, percent, seconds};
use lagdoctor_sdk::{Change, Finding, NodeRef, View, ramp, score_of};

use crate::Config;

/// The time over which a trend is taken.
const TREND_MS: i64 = 300_000;
/// The time over which rebalances are counted: at ten an hour, two or three.
const RESTLESS_MS: i64 = 900_000;
/// What a rebalance counts that a deploy or scaling explains.
const EXPECTED: f64 = 0.4;

/// Backlog and throughput of one group.
pub(crate) struct Pulse<'a> {
    pub(crate) group: NodeRef<'a>,
    pub(crate) backlog: Option<Change<'a>>,
    pub(crate) done: Option<Change<'a>>,
    /// Topics that it reads, by handle.
    pub(crate) topics: BTreeSet<u32>,
}

impl<'a> Pulse<'a> {
    pub(crate) fn of(config: &Config, view: &View<'a>, group: NodeRef<'a>) -> Self {
        let done = view
            .signal(group, "kafka.consumer_group.commit_rate")
            .and_then(|series| series.compare(&Rules::default().floor(0.5), Direction::Either));
        let floor = done.as_ref().map_or(0.0, Change::past) * config.backlog_s;
        let backlog = view
            .signal(group, "kafka.consumer_group.backlog")
            .and_then(|series| series.compare(&Rules::default().floor(floor.max(10.0)), Direction::Up));
        let mut topics = BTreeSet::new();
        for (node, _) in view.dependencies(group) {
            match node.kind {
                "topic" => {
                    topics.insert(node.handle);
                }
                "partition" => {
                    topics
                        .extend(view.dependencies(node).filter(|(up, _)| up.kind == "topic").map(|(up, _)| up.handle));
                }
                _ => {}
            }
        }
        Self { group, backlog, done, topics }
    }

    /// How many records a second are usually done; at least 1.
    pub(crate) fn usual_rate(&self) -> f64 {
        self.done.as_ref().map_or(1.0, |done| done.past().max(1.0))
    }

    /// How bad it is, to find the group that hurts among several that read one topic.
    pub(crate) fn pain(&self) -> f64 {
        self.backlog.as_ref().map_or(0.0, |backlog| backlog.seen.magnitude)
    }
}

/// What is to be said about the group itself.
pub(crate) fn findings(config: &Config, view: &View<'_>, pulse: &Pulse<'_>) -> Vec<Finding> {
    let mut findings = vec![];
    findings.extend(backlog(view, pulse));
    findings.extend(throughput(config, pulse));
    findings.extend(status(view, pulse.group));
    findings.extend(members(view, pulse.group));
    findings.extend(restless(config, view, pulse.group));
    findings
}

fn backlog(view: &View<'_>, pulse: &Pulse<'_>) -> Option<Finding> {
    let backlog = pulse.backlog.as_ref()?;
    let recent = backlog.series.recent(view.now_ms(), TREND_MS);
    let slope = stats::theil_sen(recent).map_or(0.0, |line| line.slope) * 1_000.0 / backlog.series.step_ms as f64;
    let now = backlog.seen.now;
    let score = score_of(backlog.seen.deviations.max(backlog.seen.magnitude));
    let trend = match slope / pulse.usual_rate() {
        growth if growth > 0.01 => format!("growing by {}/s", number(slope)),
        growth if growth < -0.01 => format!("shrinking by {}/s", number(-slope)),
        _ => "steady".to_owned(),
    };
    let worth = seconds(now / pulse.usual_rate());
    let statement = format!("{} records behind and {trend}, {worth} of its usual work", number(now));
    let finding = Finding::about(&backlog.series).score(score).magnitude(backlog.seen.magnitude);
    Some(finding.since(backlog.onset_ms()).saw(now, backlog.past()).says(statement))
}

/// Less done than usual says that the consumers' side is slower, not why.
fn throughput(config: &Config, pulse: &Pulse<'_>) -> Option<Finding> {
    let done = pulse.done.as_ref()?;
    let lost = 1.0 - ramp(done.ratio(), config.lost_share, config.holds_share);
    let score = if done.level() < done.past() { done.score(lost) } else { 0.0 };
    let (now, was) = (number(done.level()), number(done.past()));
    let statement = if score >= 0.1 {
        format!("gets {now} records/s done instead of {was}: its consumers' side has become slower")
    } else {
        format!("gets {now} records/s done, before {was}")
    };
    let finding = Finding::about(&done.series).score(score).magnitude(done.seen.magnitude);
    Some(finding.since(done.onset_ms()).saw(done.level(), done.past()).says(statement))
}

/// The statuses that follow from the last commits: words and how bad each is.
const STATUSES: [(&str, f64); 6] =
    [("OK", 0.0), ("WARN", 0.4), ("ERR", 0.6), ("STOP", 0.7), ("STALL", 0.7), ("REWIND", 0.6)];

fn status(view: &View<'_>, group: NodeRef<'_>) -> Option<Finding> {
    let mut count: BTreeMap<usize, usize> = BTreeMap::new();
    let mut worst = None;
    for series in view.signals(group, "kafka.consumer_group.status") {
        let Some(last) = series.last().filter(|last| (0.0..6.0).contains(last)) else { continue };
        let status = last as usize;
        *count.entry(status).or_default() += 1;
        let badness = STATUSES[status].1;
        if worst.as_ref().is_none_or(|(_, worst)| badness > *worst) {
            worst = Some((series, badness));
        }
    }
    let (series, badness) = worst?;
    let total: usize = count.values().sum();
    let words: Vec<String> =
        count.iter().rev().map(|(status, many)| format!("{many} {}", STATUSES[*status].0)).collect();
    let statement = format!("of {total} partitions judged by their commits: {}", words.join(", "));
    let finding = Finding::about(&series).score(badness).magnitude(badness * 10.0);
    Some(finding.saw(series.last().unwrap_or(f64::NAN), 0.0).says(statement))
}

/// Members that left: too few consumers remain. Which one is gone, its own scrapes say.
fn members(view: &View<'_>, group: NodeRef<'_>) -> Option<Finding> {
    let series = view.signal(group, "kafka.consumer_group.members")?;
    let rules = Rules { far: 3.0, ..Rules::default().floor(0.25) };
    let change = series.compare(&rules, Direction::Down)?;
    let lost = if change.past() > 0.0 { 1.0 - change.level() / change.past() } else { 0.0 };
    let still = change.seen.onset.is_some() && change.seen.lasts;
    let score = if still { 0.3 + 0.6 * ramp(lost, 0.1, 0.5) } else { 0.0 };
    let (now, was) = (number(change.level()), number(change.past()));
    let statement = match (still, change.seen.onset) {
        (true, _) => format!("{now} members instead of {was}: {} of its capacity is gone", percent(lost)),
        (false, Some(_)) => format!("fell to {now} members for a while; there are {} again", number(change.seen.now)),
        (false, None) => format!("{now} members, as before"),
    };
    let finding = Finding::about(&series).class("consumer.too-few").score(score).magnitude(change.seen.magnitude);
    Some(finding.since(change.onset_ms()).saw(change.level(), change.past()).says(statement))
}

/// Each step of the generation is a rebalance, during which nobody works under an eager assignor.
fn restless(config: &Config, view: &View<'_>, group: NodeRef<'_>) -> Option<Finding> {
    let series = view.signal(group, "kafka.consumer_group.generation")?;
    let since = view.now_ms() - RESTLESS_MS;
    let mut before = None;
    let (mut recent, mut earlier, mut first) = (0.0, 0.0, None);
    for (time, generation) in series.readings() {
        let steps = before.map_or(0.0, |before: f64| (generation - before).max(0.0));
        before = Some(generation);
        if steps > 0.0 && time >= since {
            recent += steps;
            first = first.or(Some(time));
        } else {
            earlier += steps;
        }
    }
    let earlier_ms = (since - series.start_ms).max(1) as f64;
    let usual = earlier * RESTLESS_MS as f64 / earlier_ms.max(RESTLESS_MS as f64);
    let expected = view.events().any(|(_, event)| {
        event.at_ms >= since - 120_000 && matches!(event.kind.as_str(), "deploy" | "scaling" | "restart")
    });
    let explained = if expected { EXPECTED } else { 1.0 };
    let score = ramp(recent - usual, config.rebalances - 1.0, config.rebalances * 4.0) * 0.9 * explained;
    let why = if expected && recent > 0.0 { ", beside a deploy, restart or scaling" } else { "" };
    let statement =
        format!("{} rebalances within a quarter of an hour (usual: {}){why}", number(recent), number(usual));
    let finding = Finding::about(&series).class("group.rebalance-storm").score(score).magnitude(recent - usual);
    Some(finding.since(first).saw(recent, usual).says(statement))
}
