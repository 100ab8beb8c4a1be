//! Facts about patience with plugins, and what no course of calls may break.

use proptest::prelude::*;

use super::*;
use crate::testing::at;

fn rules() -> BreakerRules {
    BreakerRules {
        failures: 3,
        within: Millis::seconds(100),
        first: Millis::seconds(10),
        longest: Millis::seconds(40),
        healthy: Millis::seconds(60),
    }
}

fn fault() -> Ending {
    Ending::Failed(FailureKind::Trap, "plugin `mine` panicked".to_owned())
}

/// One call at each of these seconds: `T` traps, `a` answers, `w` is withdrawn. Says what happened to each: `+` called,
/// `?` called as a probe, `-` not called.
fn check(course: &[(u32, char)], expected: &str) {
    let mut breaker = Breaker::new(rules());
    let happened: String = course.iter().map(|&(second, does)| call(&mut breaker, at(second), does)).collect();
    assert_eq!(happened, expected, "{course:?}");
}

fn call(breaker: &mut Breaker, now: Timestamp, does: char) -> char {
    let Ok(pass) = breaker.admit(now) else { return '-' };
    let said = if pass.is_probe() { '?' } else { '+' };
    let ending = match does {
        'T' => fault(),
        'w' => Ending::Withdrawn,
        _ => Ending::Answered,
    };
    breaker.settle(pass, now, ending);
    said
}

fn quarantined() -> Breaker {
    let mut breaker = Breaker::new(rules());
    for second in 0..3 {
        call(&mut breaker, at(second), 'T');
    }
    assert_eq!(breaker.state(), PluginState::Quarantined);
    breaker
}

#[test]
fn a_plugin_that_fails_until_its_budget_is_used_up_is_left_alone_and_tried_once_after_the_back_off() {
    check(&[(0, 'T'), (1, 'T'), (2, 'T'), (3, 'a'), (11, 'a'), (12, 'a'), (13, 'a')], "+++--?+");
}

#[test]
fn each_failed_probe_doubles_the_back_off_up_to_the_longest() {
    let course = [(0, 'T'), (0, 'T'), (0, 'T'), (10, 'T'), (29, 'a'), (30, 'T'), (69, 'a'), (70, 'T'), (109, 'a')];
    check(&course, "+++?-?-?-");
    check(&[&course[..], &[(110, 'a'), (111, 'a')]].concat(), "+++?-?-?-?+");
}

#[test]
fn failures_far_apart_use_up_no_budget() {
    check(&[(0, 'T'), (60, 'T'), (120, 'T'), (180, 'T'), (240, 'T')], "+++++");
}

#[test]
fn answers_in_between_do_not_hide_that_half_of_the_calls_fail() {
    check(&[(0, 'T'), (1, 'a'), (2, 'T'), (3, 'a'), (4, 'T'), (5, 'a')], "+++++-");
}

#[test]
fn a_plugin_on_probation_is_quarantined_by_its_next_failure_and_for_longer() {
    check(&[(0, 'T'), (0, 'T'), (0, 'T'), (10, 'a'), (11, 'T'), (30, 'a'), (31, 'a')], "+++?+-?");
}

#[test]
fn the_whole_budget_is_back_after_healthy_time() {
    let course = [(0, 'T'), (0, 'T'), (0, 'T'), (10, 'a'), (70, 'a'), (71, 'T'), (72, 'T'), (73, 'a')];
    check(&course, "+++?++++");
    // And the back-off begins small again.
    check(&[&course[..], &[(74, 'T'), (83, 'a'), (84, 'a')]].concat(), "+++?+++++-?");
}

#[test]
fn time_in_which_nobody_calls_is_not_healthy_time() {
    check(&[(0, 'T'), (0, 'T'), (0, 'T'), (10, 'a'), (500, 'T'), (501, 'a')], "+++?+-");
}

#[test]
fn a_probe_that_never_began_is_given_to_whoever_comes_next() {
    check(&[(0, 'T'), (0, 'T'), (0, 'T'), (10, 'w'), (10, 'w'), (10, 'a'), (10, 'a')], "+++???+");
}

#[test]
fn while_one_tries_all_others_are_told_so() {
    let mut breaker = quarantined();
    let probe = breaker.admit(at(12)).unwrap();
    assert!(probe.is_probe());
    assert_eq!(breaker.state(), PluginState::Probing);
    let told = breaker.admit(at(500)).unwrap_err();
    assert_eq!((told.since, told.next_try, told.failures), (at(2), at(12), 3));
    breaker.settle(probe, at(501), Ending::Answered);
    assert_eq!((breaker.state(), breaker.quarantine()), (PluginState::Ready, None));
}

#[test]
fn a_quarantine_says_since_when_why_and_until_when() {
    let mut breaker = quarantined();
    let told = breaker.admit(at(5)).unwrap_err();
    assert_eq!((told.since, told.next_try, told.failures, told.kind), (at(2), at(12), 3, FailureKind::Trap));
    assert_eq!(told.reason, "plugin `mine` panicked");
    assert_eq!(call(&mut breaker, at(12), 'T'), '?');
    let told = breaker.quarantine().unwrap();
    assert_eq!((told.since, told.next_try, told.failures), (at(2), at(32), 4), "a failed probe is no new quarantine");
}

#[test]
fn calls_that_began_before_a_quarantine_neither_end_it_nor_make_it_longer() {
    let mut breaker = Breaker::new(rules());
    let [early, late, later] = [(); 3].map(|()| breaker.admit(at(0)).unwrap());
    for _ in 0..3 {
        call(&mut breaker, at(1), 'T');
    }
    let told = breaker.quarantine();
    breaker.settle(early, at(2), Ending::Answered);
    breaker.settle(late, at(2), fault());
    assert_eq!(breaker.quarantine().map(|now| now.next_try), told.map(|then| then.next_try));
    assert_eq!(call(&mut breaker, at(11), 'a'), '?');
    breaker.settle(later, at(12), fault());
    assert_eq!(breaker.state(), PluginState::Ready, "an old failure is no new one");
}

#[test]
fn a_clock_that_is_set_back_makes_no_quarantine_longer() {
    let mut breaker = quarantined();
    let year = Millis::minutes(365 * 24 * 60);
    let back = at(2) - year;
    assert_eq!(call(&mut breaker, back, 'a'), '-');
    assert_eq!(breaker.quarantine().unwrap().next_try, back + Millis::seconds(10));
    assert_eq!(call(&mut breaker, back + Millis::seconds(10), 'a'), '?');
}

#[test]
fn a_budget_of_nothing_is_a_budget_of_one() {
    let mut breaker = Breaker::new(BreakerRules { failures: 0, ..rules() });
    assert_eq!(call(&mut breaker, at(0), 'a'), '+');
    assert_eq!(call(&mut breaker, at(0), 'T'), '+');
    assert_eq!(call(&mut breaker, at(0), 'T'), '-');
}

/// Something that happens to a breaker.
#[derive(Clone, Debug)]
enum Step {
    /// The clock goes on, or back.
    Clock(i64),
    /// Somebody wants to call.
    Ask,
    /// One of the calls under way ends: 0 answers, 1 fails, 2 is withdrawn.
    End(usize, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let clock = prop_oneof![4 => 0..20_000_i64, 1 => -100_000..0_i64, 1 => 0..10_000_000_i64].prop_map(Step::Clock);
    let end = (0..8_usize, 0..5_u8).prop_map(|(which, how)| Step::End(which, how));
    prop::collection::vec(prop_oneof![1 => clock, 3 => Just(Step::Ask), 3 => end], 0..200)
}

fn any_rules() -> impl Strategy<Value = BreakerRules> {
    let time = || prop_oneof![Just(0), 1..100_000_i64].prop_map(|ms| Millis::new(ms).unwrap());
    (0..6_u32, time(), time(), time(), time()).prop_map(|(failures, within, first, longest, healthy)| BreakerRules {
        failures,
        within,
        first,
        longest,
        healthy,
    })
}

/// A breaker, its clock, and the calls under way.
struct Course {
    breaker: Breaker,
    now: Timestamp,
    /// Milliseconds that the clock went forwards.
    forwards: i64,
    under_way: Vec<Pass>,
}

impl Course {
    fn new(rules: BreakerRules) -> Self {
        let now = Timestamp::from_millis(1_772_366_400_000).unwrap();
        Self { breaker: Breaker::new(rules), now, forwards: 0, under_way: vec![] }
    }

    fn go(&mut self, ms: i64) {
        let moved = Millis::new(ms.abs()).unwrap();
        self.now = if ms < 0 { self.now - moved } else { self.now + moved };
        self.forwards += ms.max(0);
    }

    fn ask(&mut self) -> Option<bool> {
        let pass = self.breaker.admit(self.now).ok()?;
        let is_probe = pass.is_probe();
        self.under_way.push(pass);
        Some(is_probe)
    }

    fn end(&mut self, which: usize, how: u8) {
        if self.under_way.is_empty() {
            return;
        }
        let pass = self.under_way.remove(which % self.under_way.len());
        let ending = match how {
            0 => Ending::Answered,
            1..4 => fault(),
            _ => Ending::Withdrawn,
        };
        self.breaker.settle(pass, self.now, ending);
    }
}

proptest! {
    #[test]
    fn whatever_happens_a_quarantine_is_kept_and_only_one_probe_is_out(rules in any_rules(), steps in steps()) {
        let mut course = Course::new(rules.clone());
        let mut entered: Option<i64> = None;
        for step in steps {
            let before = course.breaker.state();
            match step {
                Step::Clock(ms) => course.go(ms),
                Step::Ask => {
                    let called = course.ask();
                    match before {
                        PluginState::Ready => prop_assert_eq!(called, Some(false)),
                        PluginState::Probing => prop_assert_eq!(called, None, "two probes at once"),
                        PluginState::Quarantined => {
                            prop_assert_ne!(called, Some(false));
                            if called == Some(true) && let Some(entered) = entered {
                                prop_assert!(course.forwards - entered >= rules.first.as_millis(), "called in quarantine");
                            }
                        }
                    }
                    let is_out = course.breaker.state() == PluginState::Probing;
                    let probes = course.under_way.iter().filter(|pass| pass.is_probe()).count();
                    prop_assert!(probes <= 1 && (probes == 1) == is_out);
                }
                Step::End(which, how) => {
                    course.end(which, how);
                    if before != PluginState::Quarantined && course.breaker.state() == PluginState::Quarantined {
                        // A probe that was withdrawn may be taken by the next at once.
                        let is_new = how != 4;
                        entered = is_new.then_some(course.forwards);
                        let told = course.breaker.quarantine().unwrap();
                        let pause = told.next_try.since(course.now);
                        prop_assert!(pause <= rules.longest.max(rules.first));
                        prop_assert!(!is_new || pause >= rules.first);
                    }
                }
            }
            prop_assert_eq!(course.breaker.quarantine().is_none(), course.breaker.state() == PluginState::Ready);
        }
    }

    #[test]
    fn a_plugin_that_works_again_always_comes_back_and_gets_its_whole_budget(rules in any_rules(), steps in steps()) {
        let mut course = Course::new(rules.clone());
        for step in steps {
            match step {
                Step::Clock(ms) => course.go(ms),
                Step::Ask => drop(course.ask()),
                Step::End(which, how) => course.end(which, how),
            }
        }
        while !course.under_way.is_empty() {
            course.end(0, 0);
        }
        course.ask();
        course.end(0, 0);
        course.go(rules.longest.max(rules.first).as_millis());
        prop_assert!(course.ask().is_some(), "it is tried after the longest back-off");
        course.end(0, 0);
        prop_assert_eq!(course.breaker.state(), PluginState::Ready);
        course.go(rules.healthy.as_millis());
        prop_assert_eq!(course.ask(), Some(false));
        course.end(0, 0);
        for _ in 0..rules.failures.max(1) {
            prop_assert_eq!(course.ask(), Some(false), "the whole budget is there");
            course.end(0, 1);
        }
        prop_assert_eq!(course.breaker.state(), PluginState::Quarantined);
    }

    #[test]
    fn a_clock_that_only_goes_back_lets_nobody_out_early(back in prop::collection::vec(1..10_000_000_i64, 1..20)) {
        let mut course = Course::new(rules());
        for _ in 0..3 {
            course.ask();
            course.end(0, 1);
        }
        for ms in back {
            course.go(-ms);
            prop_assert_eq!(course.ask(), None);
        }
    }
}
