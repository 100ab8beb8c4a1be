//! How long does a record take, by the consumers' own clocks? That is an effect more often than a cause: a slow database or
//! a pause is in it as well. So its score is capped, and whether something below explains it is the ranker's question.
//! When most instances of a service are slow it is about the service, else about the instance.

use std::collections::BTreeSet;

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::seconds;
use lagdoctor_sdk::{Change, Finding, NodeRef, View, ramp};

use crate::workers::begun_again;
use crate::{Config, EFFECT};

/// Smallest change of a record's time that is believed, in seconds.
const TIME_FLOOR_S: f64 = 1e-4;
/// Share of a service's instances from which slowness is the service's.
const MOST: f64 = 0.6;
/// What slowness of a few instances says about their service: that it is not at fault.
const NOT_SHARED: f64 = 0.05;
/// An instance counts as slow from this score on.
const SLOW: f64 = 0.25;
/// An instance that is slow from so long after it was begun again on runs something else than before.
const FRESH_MS: i64 = 600_000;
/// What a new version says that is slower, and what its own slowness counts beside that.
const NEW_VERSION: f64 = 0.85;
const BY_VERSION: f64 = 0.2;
/// Seconds since the last poll at which Kafka evicts a consumer.
const EVICTED_S: f64 = 300.0;

/// Newest readings that decide whether an instance is gone.
const NEWEST: usize = 5;
/// What an instance says that answers no scrape: with a member less in its group, and without, when only its exporter
/// may be gone.
const GONE: (f64, f64) = (0.85, 0.5);

/// What is to be said about services and their instances. `left` are groups, by handle, that have lost members.
pub(crate) fn findings(config: &Config, view: &View<'_>, left: &BTreeSet<u32>) -> Vec<Finding> {
    let mut findings = vec![];
    for service in view.of_kind("service") {
        let instances = view.dependencies_of_kind(service, "instance").into_iter();
        let times: Vec<Timed<'_>> =
            instances.filter_map(|instance| Some((instance, time_per_record(view, instance)?))).collect();
        let mut found = slow(config, service, &times);
        if let Some(version) = new_version(config, view, service, &times) {
            found = found
                .into_iter()
                .map(|found| {
                    let score = found.score * BY_VERSION;
                    found.score(score)
                })
                .collect();
            found.push(version);
        }
        findings.extend(found);
    }
    for instance in view.of_kind("instance") {
        findings.extend(stuck(config, view, instance));
        findings.extend(gone(view, instance, left));
        let has_service = view.dependents(instance).any(|(node, _)| node.kind == "service");
        if let Some(time) = time_per_record(view, instance).filter(|_| !has_service) {
            findings.push(about(config, instance, &time));
        }
    }
    findings
}

fn time_per_record<'a>(view: &View<'a>, instance: NodeRef<'_>) -> Option<Change<'a>> {
    let series = view.signal(instance, "messaging.process.duration")?;
    series.compare(&Rules::default().floor(TIME_FLOOR_S), Direction::Up)
}

fn slowness(config: &Config, time: &Change<'_>) -> f64 {
    time.score_of_growth(config.slow_ratio, config.very_slow_ratio)
}

fn about(config: &Config, node: NodeRef<'_>, time: &Change<'_>) -> Finding {
    let score = slowness(config, time);
    let (now, was) = (seconds(time.level()), seconds(time.past()));
    let statement = if score < 0.1 {
        format!("a record takes {now}, as before ({was})")
    } else {
        format!("a record takes {now} instead of {was}, {:.1} times as long", time.ratio())
    };
    Finding::on(node, time.series.signal)
        .rests_on(&time.series)
        .class("consumer.slow-code")
        .score(score * EFFECT)
        .magnitude(time.seen.magnitude)
        .since(time.onset_ms())
        .saw(time.level(), time.past())
        .says(statement)
}

/// One instance and its time per record.
type Timed<'a> = (NodeRef<'a>, Change<'a>);

fn median_of(times: &[&Timed<'_>], value: impl Fn(&Change<'_>) -> f64) -> f64 {
    stats::median(&times.iter().map(|(_, time)| value(time)).collect::<Vec<_>>())
}

fn slow(config: &Config, service: NodeRef<'_>, times: &[Timed<'_>]) -> Vec<Finding> {
    let all: Vec<&Timed<'_>> = times.iter().collect();
    let slow: Vec<&Timed<'_>> = times.iter().filter(|(_, time)| slowness(config, time) >= SLOW).collect();
    let is_service = times.len() == 1 || slow.len() as f64 >= (times.len() as f64 * MOST).max(2.0);
    if !slow.is_empty() && !is_service {
        let mut findings: Vec<Finding> = slow.iter().map(|(instance, time)| about(config, *instance, time)).collect();
        let statement =
            format!("only {} of {} instances are slow, so it is not the code they share", slow.len(), times.len());
        let finding = Finding::on(service, slow[0].1.series.signal).class("consumer.slow-code").score(NOT_SHARED);
        findings.push(finding.says(statement));
        return findings;
    }
    let shown = if slow.is_empty() { &all } else { &slow };
    // The furthest of them shows it best.
    let furthest = shown.iter().max_by(|(_, a), (_, b)| a.seen.magnitude.total_cmp(&b.seen.magnitude));
    let Some((_, furthest)) = furthest else { return vec![] };
    // The onset is that of most, not of one that happened to be early.
    let mut onsets: Vec<i64> = slow.iter().filter_map(|(_, time)| time.onset_ms()).collect();
    onsets.sort_unstable();
    let onset = onsets.get(onsets.len().saturating_sub(1) / 2).copied();
    let (now, was) = (median_of(shown, |time| time.level()), median_of(shown, |time| time.past()));
    let (now_words, was_words) = (seconds(now), seconds(was));
    let statement = if slow.is_empty() {
        format!("a record takes {now_words} on all {} instances, as before ({was_words})", times.len())
    } else {
        format!("a record takes {now_words} instead of {was_words} on {} of {} instances", slow.len(), times.len())
    };
    let finding = Finding::on(service, furthest.series.signal).rests_on(&furthest.series).class("consumer.slow-code");
    let finding = finding.score(median_of(shown, |time| slowness(config, time)) * EFFECT);
    let magnitude = median_of(shown, |time| time.seen.magnitude);
    vec![finding.magnitude(magnitude).since(onset).saw(now, was).says(statement)]
}

/// Instances that were begun again and have been slow since, while those that were not begun again are as fast as ever.
fn new_version(config: &Config, view: &View<'_>, service: NodeRef<'_>, times: &[Timed<'_>]) -> Option<Finding> {
    let is_fresh = |(instance, time): &&Timed<'_>| {
        let slow_from = time.onset_ms().unwrap_or(i64::MIN);
        begun_again(view, *instance).is_some_and(|begun| {
            begun <= slow_from.saturating_add(time.series.step_ms * 2) && slow_from - begun <= FRESH_MS
        })
    };
    let slow: Vec<&Timed<'_>> = times.iter().filter(|(_, time)| slowness(config, time) >= SLOW).collect();
    let begun = times.iter().filter(|(instance, _)| begun_again(view, *instance).is_some()).count();
    if slow.is_empty() || !slow.iter().all(is_fresh) || begun != slow.len() {
        return None;
    }
    let (_, worst) = slow.iter().max_by(|(_, a), (_, b)| a.seen.magnitude.total_cmp(&b.seen.magnitude))?;
    let (now, was) = (median_of(&slow, |time| time.level()), median_of(&slow, |time| time.past()));
    let statement = format!(
        "{} of {} instances were begun again, and take {} for a record since, instead of {}: the others are as before",
        slow.len(),
        times.len(),
        seconds(now),
        seconds(was)
    );
    let finding = Finding::on(service, worst.series.signal).rests_on(&worst.series).class("deploy.bad-version");
    let finding = finding.score(median_of(&slow, |time| slowness(config, time)) * NEW_VERSION);
    let onset = slow.iter().filter_map(|(_, time)| time.onset_ms()).min();
    Some(finding.magnitude(worst.seen.magnitude).since(onset).saw(now, was).says(statement))
}

/// A consumer that is alive but does not poll.
fn stuck(config: &Config, view: &View<'_>, instance: NodeRef<'_>) -> Option<Finding> {
    let series = view.signal(instance, "kafka.consumer.last_poll")?;
    let last = series.last()?;
    let past = stats::past(series.values, &Rules::default().floor(1.0))?;
    let beyond = last - past.centre;
    let score = ramp(beyond, config.unpolled_s, EVICTED_S * 0.8) * 0.9;
    let statement = format!("last polled {} ago (usual: {})", seconds(last), seconds(past.centre));
    let began = series.last_ms().map(|time| time - (last * 1_000.0) as i64).filter(|_| score > 0.0);
    let finding = Finding::about(&series).class("consumer.stuck").score(score).magnitude(past.deviations(last));
    Some(finding.since(began).saw(last, past.centre).says(statement))
}

/// An instance that does not answer its scrapes any more. One that pauses for collections misses some, not all.
fn gone(view: &View<'_>, instance: NodeRef<'_>, left: &BTreeSet<u32>) -> Option<Finding> {
    let up = view.signal(instance, "scrape.up")?;
    let newest = &up.values[up.values.len().saturating_sub(NEWEST)..];
    let is_gone = stats::count(newest) > 0 && stats::max(newest) < 0.5 && stats::max(up.values) > 0.5;
    if !is_gone {
        return None;
    }
    let services = view.dependents_of_kind(instance, "service").into_iter();
    let has_left = services.flat_map(|service| view.dependents(service)).any(|(group, _)| left.contains(&group.handle));
    let since = up.readings().filter(|(_, value)| *value > 0.5).last().map(|(time, _)| time + up.step_ms);
    let finding = Finding::about(&up).class("consumer.crash").score(if has_left { GONE.0 } else { GONE.1 });
    let statement = "has not answered its scrapes since then, and stays away";
    Some(finding.magnitude(-100.0).since(since).saw(0.0, 1.0).says(statement))
}
