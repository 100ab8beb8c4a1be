//! What do the consumers' Kafka clients say? Brokers that delay their answers because of a quota, partitions that are dealt
//! unevenly, and readers that poll, are idle, and yet get nothing, because a transaction before them is still open. In none
//! of these does a record take any longer, so they are looked for in the clients' own words. Start at [`findings`].

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::{number, percent, seconds};
use lagdoctor_sdk::{Change, Finding, NodeRef, SeriesRef, View, ramp};

use crate::group::Pulse;
use crate::{Config, partitions};

/// Smallest delay of an answer that is believed, in seconds, and delays from which one is worth a word and is clear.
const DELAY_FLOOR_S: f64 = 0.01;
const DELAYED_S: (f64, f64) = (0.02, 0.2);
/// What a quota says that delays answers while the group falls behind; nothing else does.
const THROTTLED: f64 = 0.95;
/// Times the mean number of partitions that one member has, from which the others could help, and from which plainly.
const UNEVEN: (f64, f64) = (1.3, 1.8);
/// Growth of that from which it is news.
const MORE_UNEVEN: f64 = 1.2;
/// What an uneven assignment says.
const DEALT: f64 = 0.85;
/// Readings that decide what is now: a rebalance takes all partitions for a moment.
const NOW: usize = 4;
/// Share of its usual records from which an instance plainly reads less.
const LESS_READ: f64 = 0.8;
/// Partitions that stand still from which their readers may be held back, and plainly are: one record stops one.
const HELD_BACK: (f64, f64) = (1.0, 3.0);
/// Time in which a group has dealt its partitions again.
const SETTLES_MS: i64 = 180_000;
/// What readers say that wait for nothing else.
const OPEN: f64 = 0.8;
/// Seconds since the last poll up to which a consumer polls.
const POLLS_S: f64 = 15.0;

/// Share of its usual records that a fetch must hold to be as before, and below which it plainly holds fewer.
const FEWER: (f64, f64) = (0.25, 0.7);
/// Smallest change of the time of a fetch that is believed, in seconds, and growth that is worth a word, and is clear.
const FETCH_FLOOR_S: f64 = 0.02;
const LATER: (f64, f64) = (1.5, 4.0);
/// What fetches say that hold fewer records, or come later, while records wait: a backlog makes them larger and faster.
const SETTINGS: f64 = 0.85;
/// Share of the instances on which it must be so, from which it may be a setting, and from which it is.
const SHARED: (f64, f64) = (0.5, 0.8);

/// What is to be said about a group from its members' clients.
pub(crate) fn findings(config: &Config, view: &View<'_>, pulse: &Pulse<'_>) -> Vec<Finding> {
    let instances = instances(view, pulse.group);
    let mut findings = vec![];
    findings.extend(throttled(view, pulse, &instances));
    findings.extend(uneven(view, pulse, &instances));
    findings.extend(held_back(config, view, pulse, &instances));
    findings.extend(settings(view, pulse, &instances));
    findings
}

/// The instances that work for a group.
fn instances<'a>(view: &View<'a>, group: NodeRef<'_>) -> Vec<NodeRef<'a>> {
    let services = view.dependencies_of_kind(group, "service").into_iter();
    services.flat_map(|service| view.dependencies_of_kind(service, "instance")).collect()
}

fn changes<'a>(view: &View<'a>, instances: &[NodeRef<'_>], signal: &str, floor: f64) -> Vec<Change<'a>> {
    let of = |instance: &NodeRef<'_>| view.signal(*instance, signal);
    let compared = |series: SeriesRef<'a>| series.compare(&Rules::default().floor(floor), Direction::Either);
    instances.iter().filter_map(of).filter_map(compared).collect()
}

/// Answers that brokers delay because of a quota.
fn throttled(view: &View<'_>, pulse: &Pulse<'_>, instances: &[NodeRef<'_>]) -> Option<Finding> {
    let delays = changes(view, instances, "kafka.consumer.throttle_time", DELAY_FLOOR_S);
    let main = delays.iter().max_by(|a, b| a.level().total_cmp(&b.level()))?;
    let score = main.score(ramp(main.level() - main.past(), DELAYED_S.0, DELAYED_S.1)) * THROTTLED;
    let delayed = delays.iter().filter(|delay| delay.level() - delay.past() >= DELAYED_S.0).count();
    let statement = match score >= 0.1 {
        true => format!(
            "a quota makes brokers delay their answers to {delayed} of {} instances, by up to {} (before: {})",
            delays.len(),
            seconds(main.level()),
            seconds(main.past())
        ),
        false => "no quota delays answers to its members".to_owned(),
    };
    let finding = Finding::on(pulse.group, main.series.signal).rests_on(&main.series).class("quota.throttle");
    let finding = finding.score(score).magnitude(main.seen.magnitude).since(main.onset_ms());
    Some(finding.saw(main.level(), main.past()).says(statement))
}

/// One member with many more partitions than the others, who had its share before.
fn uneven(view: &View<'_>, pulse: &Pulse<'_>, instances: &[NodeRef<'_>]) -> Option<Finding> {
    let given: Vec<SeriesRef<'_>> = instances
        .iter()
        .filter_map(|instance| view.signal(*instance, "kafka.consumer.assigned_partitions"))
        .filter(|series| series.last_ms().is_some_and(|last| view.now_ms() - last <= series.step_ms * NOW as i64))
        .collect();
    let spread = |part: &dyn Fn(&SeriesRef<'_>) -> f64| {
        let counts: Vec<f64> = given.iter().map(part).filter(|count| count.is_finite()).collect();
        (stats::max(&counts), stats::max(&counts) / stats::mean(&counts))
    };
    let (most, now) = spread(&|series| stats::median(&series.values[series.values.len().saturating_sub(NOW)..]));
    let (_, before) = spread(&|series| stats::median(&series.values[..series.values.len() / 3]));
    if given.len() < 2 || !now.is_finite() || !before.is_finite() {
        return None;
    }
    let main = given.iter().max_by(|a, b| a.last().unwrap_or(0.0).total_cmp(&b.last().unwrap_or(0.0)))?;
    let is_news = now >= before * MORE_UNEVEN;
    let score = if is_news { ramp(now, UNEVEN.0, UNEVEN.1) * DEALT } else { 0.0 };
    let change = main.compare(&Rules::default().floor(0.2), Direction::Up);
    let statement = match score >= 0.1 {
        true => format!(
            "{} has {} partitions, {now:.1} times the mean; before, the most was {before:.1} times",
            main.node.name,
            number(most)
        ),
        false => format!("partitions are dealt as before: the most that a member has is {now:.1} times the mean"),
    };
    let onset = change.as_ref().and_then(Change::onset_ms).filter(|_| score > 0.0);
    let finding = Finding::on(pulse.group, main.signal).rests_on(main).class("group.uneven-assignment");
    let finding = finding.score(score).magnitude((now - before) * 10.0).since(onset);
    Some(finding.saw(most, most / now * before).says(statement))
}

/// Readers that poll and get nothing although records wait: whoever reads only what is committed reads nothing behind a
/// transaction that is open. Where several partitions stand still without an error, a delay or a member less, there is
/// little else that it can be.
fn held_back(config: &Config, view: &View<'_>, pulse: &Pulse<'_>, instances: &[NodeRef<'_>]) -> Option<Finding> {
    let newest = |signal: &str| -> Vec<f64> {
        instances.iter().filter_map(|instance| view.signal(*instance, signal)?.last()).collect()
    };
    let polls = newest("kafka.consumer.last_poll");
    let polls_all = polls.len() == instances.len() && stats::max(&polls) <= POLLS_S.min(config.unpolled_s);
    let has_answers = newest("kafka.consumer.last_heartbeat").into_iter().fold(0.0, f64::max) <= POLLS_S;
    let delays = changes(view, instances, "kafka.consumer.throttle_time", DELAY_FLOOR_S);
    let is_delayed = delays.iter().any(|delay| delay.level() >= DELAYED_S.0);
    let fails = newest("messaging.process.failures").into_iter().any(|rate| rate > 0.0);
    let members = view.signal(pulse.group, "kafka.consumer_group.members");
    let members = members.and_then(|series| series.compare(&Rules::default().floor(0.25), Direction::Down));
    let all_there = members.is_none_or(|members| members.seen.now >= members.past() - 0.5);
    // What nobody hands out, nobody works on: commits that are lost leave the reading as it was.
    let read = changes(view, instances, "messaging.client.consumed.messages", 0.5);
    let main = read.iter().filter(|read| read.fell(LESS_READ) && read.seen.lasts);
    let main = main.min_by(|a, b| a.ratio().total_cmp(&b.ratio()))?;
    let (stuck, moving) = partitions::standing(view, pulse);
    let restless = restless_since(view, pulse, instances, main.onset_ms().unwrap_or_else(|| view.now_ms()));
    if instances.is_empty() || !polls_all || !has_answers || is_delayed || fails || !all_there || restless {
        return None;
    }
    let score = ramp(stuck as f64, HELD_BACK.0, HELD_BACK.1) * OPEN;
    // Who wrote what is open: the only producer, else nobody can tell.
    let topics = pulse.topics.iter().filter_map(|topic| view.node(*topic));
    let producers: Vec<NodeRef<'_>> = topics.flat_map(|topic| view.dependencies_of_kind(topic, "producer")).collect();
    let [producer] = producers[..] else { return None };
    if score < 0.1 {
        return None;
    }
    let statement = format!(
        "{stuck} of {} partitions stand still while their readers poll, fail at nothing and get {} fewer records: they are \
         held back, as by a transaction that is open",
        stuck + moving,
        percent(1.0 - main.ratio())
    );
    let finding = Finding::on(producer, main.series.signal).rests_on(&main.series).class("txn.hang").score(score);
    let finding = finding.magnitude(main.seen.magnitude).since(main.onset_ms());
    Some(finding.saw(main.level(), main.past()).says(statement))
}

/// Whether the group rebalanced, or a topic that it reads got other partitions, shortly before this moment or since: then
/// partitions stand still because nobody has them yet.
fn restless_since(view: &View<'_>, pulse: &Pulse<'_>, instances: &[NodeRef<'_>], since_ms: i64) -> bool {
    let changed = |series: SeriesRef<'_>| {
        let around = series.between(since_ms - SETTLES_MS, view.now_ms());
        stats::max(around) > stats::min(around)
    };
    let generation = view.signal(pulse.group, "kafka.consumer_group.generation").is_some_and(changed);
    let topics = pulse.topics.iter().filter_map(|topic| view.node(*topic));
    let mut partitions = topics.filter_map(|topic| view.signal(topic, "kafka.topic.partitions"));
    // Some clusters tell no generation; then what the members have says it.
    let mut held = instances.iter().filter_map(|node| view.signal(*node, "kafka.consumer.assigned_partitions"));
    generation || partitions.any(changed) || held.any(changed)
}

/// Fetches that hold fewer records than before, or come later, although more records wait: each instance was told so.
fn settings(view: &View<'_>, pulse: &Pulse<'_>, instances: &[NodeRef<'_>]) -> Option<Finding> {
    let held = changes(view, instances, "kafka.consumer.records_per_request", 0.5);
    let late = changes(view, instances, "kafka.consumer.fetch_latency", FETCH_FLOOR_S);
    let waits = pulse.backlog.as_ref().is_some_and(|backlog| backlog.onset_ms().is_some() && backlog.seen.lasts);
    let delays = changes(view, instances, "kafka.consumer.throttle_time", DELAY_FLOOR_S);
    let is_delayed = delays.iter().any(|delay| delay.level() >= DELAYED_S.0);
    let lasting = |change: &Change<'_>| change.onset_ms().is_some() && change.seen.lasts;
    let fewer = |change: &Change<'_>| match lasting(change) {
        true => 1.0 - ramp(change.ratio(), FEWER.0, FEWER.1),
        false => 0.0,
    };
    let later = |change: &Change<'_>| if lasting(change) { ramp(change.ratio(), LATER.0, LATER.1) } else { 0.0 };
    // On how many of them, and how much on the median one; 0 where none is measured.
    let joint = |scores: Vec<f64>| {
        let share = scores.iter().filter(|score| **score > 0.1).count() as f64 / scores.len().max(1) as f64;
        ramp(share, SHARED.0, SHARED.1) * stats::median(&scores).max(0.0)
    };
    let by_size = joint(held.iter().map(fewer).collect());
    let by_time = joint(late.iter().map(later).collect());
    let is_size = !held.is_empty() && by_size >= by_time;
    let (all, matters) = if is_size { (&held, by_size) } else { (&late, by_time) };
    let main = all.iter().max_by(|a, b| a.seen.magnitude.abs().total_cmp(&b.seen.magnitude.abs()))?;
    let score = if waits && !is_delayed { matters * SETTINGS } else { 0.0 };
    let service = view.dependents_of_kind(main.series.node, "service").first().copied()?;
    let statement = match (score >= 0.1, is_size) {
        (false, _) => "its fetches are no smaller and no later than the records that wait explain".to_owned(),
        (true, true) => format!(
            "a fetch holds {} records instead of {} although more wait: settings of the consumers limit it",
            number(main.level()),
            number(main.past())
        ),
        (true, false) => format!(
            "a fetch takes {} instead of {} although records wait: settings of the consumers make it wait for more",
            seconds(main.level()),
            seconds(main.past())
        ),
    };
    let finding = Finding::on(service, main.series.signal).rests_on(&main.series).class("config.fetch-poll");
    let finding = finding.score(score).magnitude(main.seen.magnitude);
    let onset = all.iter().filter_map(Change::onset_ms).min().filter(|_| score > 0.0);
    Some(finding.since(onset).saw(main.level(), main.past()).says(statement))
}
