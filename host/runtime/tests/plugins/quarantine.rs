//! A guarded plugin: how often it is called when it fails, what is said meanwhile, and how it comes back.

use std::time::Duration;

use lagdoctor_model::{GapCause, Millis, Signals, Timestamp, Window};
use lagdoctor_runtime::{Batch, Bound, BreakerRules, CollectQuery, FailureKind, Limits, PluginState};

use crate::guest::Guest;
use crate::{at, bound_with, limits, signals};

fn rules() -> BreakerRules {
    BreakerRules {
        failures: 3,
        within: Millis::minutes(10),
        first: Millis::minutes(2),
        longest: Millis::minutes(30),
        healthy: Millis::minutes(10),
    }
}

fn minute(minute: u32) -> Timestamp {
    at(minute * 60)
}

/// What is known in this minute.
fn known(now: Timestamp) -> Batch {
    let signals = signals();
    Batch::new(&Signals { window: Window { now, ..signals.window }, ..signals })
}

/// A scorer that panics until this moment of the batch and finds nothing from then on.
fn ill_until(moment: Timestamp) -> Guest {
    Guest::scorer(|image| {
        let nothing = image.findings(&[]);
        let ms = moment.as_millis();
        format!("(if (i64.lt_s (i64.load (local.get 0)) (i64.const {ms})) (then unreachable)) (i32.const {nothing})")
    })
}

async fn guarded(guest: Guest, limits: Limits) -> Bound {
    bound_with(guest, limits).await.guarded(rules())
}

fn state(bound: &Bound) -> PluginState {
    bound.standing().unwrap().state
}

#[tokio::test]
async fn a_scorer_that_traps_each_time_is_called_as_often_as_its_budget_allows_and_comes_back_when_it_is_well() {
    let scorer = guarded(ill_until(minute(10)), limits()).await;
    let mut kinds = vec![];
    for now in 1..=14 {
        kinds.push(scorer.score(&known(minute(now))).await.err().map(|error| error.kind));
    }
    let (trap, left_alone) = (Some(FailureKind::Trap), Some(FailureKind::Quarantined));
    let first = [trap, trap, trap, left_alone];
    let probe_and_again = [trap, left_alone, left_alone, left_alone];
    assert_eq!(kinds, [&first[..], &probe_and_again, &[trap], &[left_alone; 5]].concat());

    let late = scorer.score(&known(minute(17))).await;
    assert_eq!((late, state(&scorer)), (Ok(vec![]), PluginState::Ready));
    let tally = scorer.standing().unwrap().tally;
    assert_eq!((tally.calls, tally.refused, tally.quarantines), (6, 9, 3));
    assert_eq!(tally.failures.into_iter().collect::<Vec<_>>(), [(FailureKind::Trap, 5)]);
    assert!(tally.fuel > 0);
    assert_eq!(tally.last_failure.map(|failure| failure.at), Some(minute(9)));
}

#[tokio::test]
async fn the_gap_of_a_quarantined_plugin_says_since_when_why_and_when_it_is_tried_again() {
    let scorer = guarded(ill_until(minute(100)), limits()).await;
    for now in 1..=3 {
        let gap = scorer.score(&known(minute(now))).await.unwrap_err().gap();
        assert!(gap.statement.contains("panicked"), "{}", gap.statement);
    }
    let gap = scorer.score(&known(minute(4))).await.unwrap_err().gap();
    assert_eq!((gap.source.as_str(), gap.cause), ("mine", GapCause::PluginFailed));
    let (since, next) = ("since 1970-01-01T00:03:00.000Z", "tried again at 1970-01-01T00:05:00.000Z");
    for part in ["`mine` is quarantined", since, next, "failed 3 times", "panicked scoring 1 series of 2 nodes"] {
        assert!(gap.statement.contains(part), "{part}: {}", gap.statement);
    }
}

#[tokio::test]
async fn without_a_guard_each_call_is_made() {
    let scorer = bound_with(ill_until(minute(100)), limits()).await;
    for now in 1..=20 {
        assert_eq!(scorer.score(&known(minute(now))).await.unwrap_err().kind, FailureKind::Trap);
    }
    assert_eq!(scorer.standing(), None);
}

#[tokio::test]
async fn a_clone_shares_the_guard_and_another_guard_knows_nothing_of_it() {
    let scorer = guarded(ill_until(minute(100)), limits()).await;
    for now in 1..=3 {
        assert!(scorer.clone().score(&known(minute(now))).await.is_err());
    }
    assert_eq!(state(&scorer), PluginState::Quarantined);
    assert_eq!(state(&scorer.guarded(rules())), PluginState::Ready);
}

#[tokio::test]
async fn what_the_far_side_or_the_operator_has_to_put_right_quarantines_nobody() {
    for (code, state_after) in [
        ("unreachable", PluginState::Ready),
        ("rate-limited", PluginState::Ready),
        ("upstream", PluginState::Ready),
        ("not-granted", PluginState::Ready),
        ("unauthorised", PluginState::Ready),
        ("bad-config", PluginState::Ready),
        ("internal", PluginState::Quarantined),
        ("out-of-cheese", PluginState::Quarantined),
    ] {
        let guest = Guest::scorer(|image| format!("(i32.const {})", image.error(code, "sorry")));
        let scorer = guarded(guest, limits()).await;
        for now in 1..=3 {
            assert!(scorer.score(&known(minute(now))).await.is_err());
        }
        assert_eq!(state(&scorer), state_after, "{code}");
        let tally = scorer.standing().unwrap().tally;
        assert_eq!((tally.calls, tally.failures.values().sum::<u64>()), (3, 3), "{code}: it is counted all the same");
    }
}

#[tokio::test]
async fn each_way_to_fall_counts_against_a_plugin() {
    let grow = "(loop (br_if 0 (i32.ne (i32.const -1) (memory.grow (i32.const 64))))) unreachable";
    for (job, kind) in [
        ("unreachable", FailureKind::Trap),
        ("(loop (br 0)) unreachable", FailureKind::Fuel),
        (grow, FailureKind::Memory),
        ("i32.const 3", FailureKind::Contract),
    ] {
        let scorer = guarded(Guest::new("scorer", job), limits()).await;
        for now in 1..=3 {
            assert_eq!(scorer.score(&known(minute(now))).await.unwrap_err().kind, kind);
        }
        assert_eq!(scorer.standing().unwrap().quarantine.map(|told| told.kind), Some(kind));
    }
}

#[tokio::test]
async fn whoever_is_given_up_waiting_for_has_failed() {
    let guest = Guest::new("scorer", "(loop (br 0)) unreachable");
    let scorer = guarded(guest, Limits { fuel: u64::MAX, timeout: Duration::from_secs(600), ..limits() }).await;
    for now in 1..=3 {
        let batch = known(minute(now));
        let waiting = tokio::time::timeout(Duration::from_millis(30), scorer.score(&batch)).await;
        assert!(waiting.is_err());
    }
    let standing = scorer.standing().unwrap();
    let told = standing.quarantine.unwrap();
    assert_eq!((standing.state, told.kind), (PluginState::Quarantined, FailureKind::Deadline));
    assert!(told.reason.contains("was not done in the time that its caller had"), "{}", told.reason);
    assert!(standing.tally.fuel > 0, "what it took until then is counted");
}

#[tokio::test]
async fn a_collector_is_asked_by_the_clock_that_it_is_given() {
    let collector = guarded(Guest::new("collector", "unreachable"), limits()).await;
    let query = CollectQuery::all(at(0), at(60), Millis::seconds(15));
    let mut kinds = vec![];
    for now in [1, 1, 1, 2, 3] {
        kinds.push(collector.collect(&query, minute(now)).await.unwrap_err().kind);
    }
    use FailureKind::{Quarantined, Trap};
    assert_eq!(kinds, [Trap, Trap, Trap, Quarantined, Trap]);
}
