//! Does the cache do its work? One that does not answer says so; one that lost what it held answers and has nothing; one
//! that is too small gives up what is still needed. In all three the database behind it gets what the cache no longer takes.

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::{number, percent};
use lagdoctor_sdk::{Change, Finding, NodeRef, View, ramp};

use crate::Config;

/// How far back a cache is asked whether it answers.
const RECENT_MS: i64 = 600_000;
/// Readings without an answer from which a cache may be down, and from which it is.
const MISSED: (f64, f64) = (1.0, 3.0);
/// What a cache says that does not answer.
const AWAY: f64 = 0.97;
/// What one says that answers and knows nothing any more.
const EMPTY: f64 = 0.9;
/// Smallest change of the share of hits, and of evictions per second, that is believed.
const HITS_FLOOR: f64 = 0.005;
const EVICTIONS_FLOOR: f64 = 0.2;

/// What is to be said about this cache.
pub(crate) fn findings(config: &Config, view: &View<'_>, cache: NodeRef<'_>) -> Vec<Finding> {
    let hits = view
        .signal(cache, "cache.hit_ratio")
        .and_then(|series| series.compare(&Rules::default().floor(HITS_FLOOR), Direction::Down));
    let evictions = view
        .signal(cache, "cache.evictions")
        .and_then(|series| series.compare(&Rules::default().floor(EVICTIONS_FLOOR), Direction::Up));
    let mut findings = vec![];
    findings.extend(down(view, cache));
    findings.extend(hits.map(|hits| missing(config, &hits, evictions.as_ref())));
    findings.extend(evictions.as_ref().map(|evictions| thrash(config, evictions, hits.as_ref())));
    findings
}

fn down(view: &View<'_>, cache: NodeRef<'_>) -> Option<Finding> {
    let up = view.signal(cache, "cache.up")?;
    let recent = up.range(view.now_ms() - RECENT_MS, view.now_ms());
    let missed = up.values[recent.clone()].iter().filter(|value| **value < 0.5).count();
    let first = recent.clone().find(|index| up.values[*index] < 0.5);
    let score = ramp(missed as f64, MISSED.0, MISSED.1) * AWAY;
    let known = stats::count(&up.values[recent]);
    let statement = match missed {
        0 => "the cache answers".to_owned(),
        _ => format!("the cache did not answer {missed} of {known} times"),
    };
    let since = first.filter(|_| score > 0.0).map(|index| up.time(index));
    let finding = Finding::about(&up).class("cache.down").score(score).magnitude(-(missed as f64)).since(since);
    Some(finding.saw(up.last().unwrap_or(f64::NAN), 1.0).says(statement))
}

/// How much a fall of the share of hits matters.
fn lost(config: &Config, hits: &Change<'_>) -> f64 {
    hits.score(ramp(hits.past() - hits.level(), config.lost_hits, config.many_lost_hits))
}

/// Whether it gives up more than before.
fn evicts(evictions: Option<&Change<'_>>) -> bool {
    evictions.is_some_and(|evictions| evictions.onset_ms().is_some())
}

/// Fewer hits without more evictions: what was in it is gone.
fn missing(config: &Config, hits: &Change<'_>, evictions: Option<&Change<'_>>) -> Finding {
    let score = if evicts(evictions) { 0.0 } else { lost(config, hits) * EMPTY };
    let (now, was) = (percent(hits.level()), percent(hits.past()));
    let statement = match (score >= 0.1, evicts(evictions)) {
        (true, _) => {
            format!(
                "the cache answers {now} of look-ups instead of {was}, and gives up no more than before: it was emptied"
            )
        }
        (false, true) => format!("the cache answers {now} of look-ups, before {was}, because it gives up more"),
        (false, false) => format!("the cache answers {now} of look-ups, as before ({was})"),
    };
    let finding = Finding::about(&hits.series).class("cache.down").score(score).magnitude(hits.seen.magnitude);
    finding.since(hits.onset_ms()).saw(hits.level(), hits.past()).says(statement)
}

/// More evictions; that they hurt, fewer hits show.
fn thrash(config: &Config, evictions: &Change<'_>, hits: Option<&Change<'_>>) -> Finding {
    let hurts = hits.map_or(0.5, |hits| lost(config, hits));
    let score = evictions.score(1.0) * hurts;
    let (now, was) = (number(evictions.level()), number(evictions.past()));
    let statement = match (score >= 0.1, hits) {
        (true, Some(hits)) => {
            let (hit, before) = (percent(hits.level()), percent(hits.past()));
            format!(
                "the cache gives up {now} keys/s instead of {was}, and answers {hit} of look-ups instead of {before}"
            )
        }
        (true, None) => format!("the cache gives up {now} keys/s instead of {was}"),
        (false, _) => format!("the cache gives up {now} keys/s, before {was}"),
    };
    let finding = Finding::about(&evictions.series).class("cache.thrash").score(score);
    let finding = finding.magnitude(evictions.seen.magnitude).since(evictions.onset_ms());
    finding.saw(evictions.level(), evictions.past()).says(statement)
}
