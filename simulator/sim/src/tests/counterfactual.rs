//! What a run and its twin tell together: which nodes became other, in which order, and what each of several faults did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{FAULTS, fault, scenario, scenario_of};
use crate::lint::unfit;
use crate::trace::GroupTrace;
use crate::units::Micros;
use crate::{Diverged, Pair, Scenario, Simulation, Truth, builtin_names};

/// The place of the first right answer among the suspects, from 1 on.
fn place_of_root(pair: &Pair, truth: &Truth) -> Option<usize> {
    let is_right = |node: &String| truth.roots.iter().any(|root| root.node == *node || root.accept.contains(node));
    pair.suspects().iter().position(is_right).map(|place| place + 1)
}

fn told(pair: &Pair) -> String {
    let row = |one: &Diverged| {
        let Diverged { node, after_s, own_after_s, what, size } = one;
        format!("  {after_s} s, of itself {own_after_s:?}: {node}, {what}, {size:.1} times\n")
    };
    pair.diverged().iter().take(20).map(row).collect()
}

/// How far the oldest record of a group that is looked after may be behind where nothing is wrong, and for how many seconds.
const CALM: (f64, usize) = (20.0, 120);

/// Which groups do not keep up, of those that somebody looks after.
fn late(name: &str, seed: u64, run: &Simulation) -> Vec<String> {
    let groups = run.trace.groups.iter().filter(|trace| trace.name != "orders-trial");
    let is_late = |trace: &GroupTrace| {
        let late = trace.time_lag.iter().skip(900).filter(|lag| **lag > CALM.0).count();
        let most = trace.time_lag.iter().skip(900).copied().fold(0.0, f64::max);
        (late >= CALM.1).then(|| format!("{name} {seed}: {} is late for {late} s, {most} s at most", trace.name))
    };
    groups.filter_map(is_late).collect()
}

/// Looks at the pairs of every scenario that is built in, for three seeds, with two threads.
fn of_every_scenario(look: impl Fn(&str, u64, &Pair) + Sync) {
    let all: Vec<(&str, u64)> = builtin_names().flat_map(|name| (1..=3).map(move |seed| (name, seed))).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((name, seed)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            look(name, *seed, &Simulation::pair(&Scenario::builtin(name).unwrap(), *seed));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
}

#[test]
fn every_scenario_is_fit_where_nothing_is_wrong_groups_keep_up_and_whoever_sees_both_runs_finds_the_root() {
    let asked = AtomicUsize::new(0);
    let (wrong, troubled, astray) = (Mutex::new(vec![]), Mutex::new(vec![]), Mutex::new(vec![]));
    let onsets: Mutex<BTreeMap<String, BTreeSet<i64>>> = Mutex::default();
    of_every_scenario(|name, seed, pair| {
        let truth = pair.truth();
        if let Some(onset) = truth.onset_ms {
            let after = onset - pair.run.start().as_millis();
            onsets.lock().unwrap().entry(name.to_owned()).or_default().insert(after);
        }
        let unfit = unfit(pair, &truth).into_iter().map(|remark| format!("{name} {seed}: {remark}"));
        troubled.lock().unwrap().extend(unfit);
        if !truth.incident {
            return troubled.lock().unwrap().extend(late(name, seed, &pair.run));
        }
        asked.fetch_add(1, Ordering::Relaxed);
        if place_of_root(pair, &truth) != Some(1) {
            let first: Vec<String> = pair.suspects().into_iter().take(4).collect();
            let line = format!("{name} {seed}: {:?}, not {first:?}\n{}", truth.roots[0].node, told(pair));
            wrong.lock().unwrap().push(line);
        }
        let (Some(onset), Some(impact)) = (truth.onset_ms, truth.impact_ms) else { return };
        let (start, end) = (pair.run.start().as_millis(), pair.run.end().as_millis());
        // What comes over half an hour is there for half an hour before it hurts.
        let comes_slowly = pair.run.faults.iter().any(|(drawn, _)| drawn.ramp > Micros::seconds(600));
        let (quiet_min, hidden_min) = if comes_slowly { (15, 35) } else { (40, 6) };
        let (quiet, hidden, rest) = (onset - start, impact - onset, end - onset);
        if quiet < quiet_min * 60_000 || rest < 10 * 60_000 || hidden <= 0 || hidden >= hidden_min * 60_000 {
            let line =
                format!("{name} {seed}: {quiet} ms before the fault, {hidden} until it hurts, {rest} to the end");
            troubled.lock().unwrap().push(line);
        }
        let symptom = pair.impact.as_ref().and_then(|impact| Some(format!("group:{}", impact.sli.split_once(':')?.1)));
        if truth.path.last() != symptom.as_ref() || truth.path.first() != Some(&truth.roots[0].node) {
            astray.lock().unwrap().push(format!("{name} {seed}: {:?}\n{}", truth.path, told(pair)));
        }
        if let Some(early) = pair.diverged().iter().find(|one| one.after_s * 1000.0 < quiet as f64) {
            troubled.lock().unwrap().push(format!("{name} {seed}: before the fault, {early:?}"));
        }
    });
    let (troubled, astray) = (troubled.into_inner().unwrap(), astray.into_inner().unwrap());
    assert!(troubled.is_empty() && astray.is_empty(), "{}\n{}", troubled.join("\n"), astray.join("\n"));
    let onsets = onsets.into_inner().unwrap();
    let fixed: Vec<&String> = onsets.iter().filter(|(_, after)| after.len() < 2).map(|(name, _)| name).collect();
    assert!(fixed.is_empty(), "the fault begins at the same moment in each run: {fixed:?}");
    let (asked, wrong) = (asked.into_inner(), wrong.into_inner().unwrap());
    let share = 1.0 - wrong.len() as f64 / asked as f64;
    assert!(share >= 0.98, "{share} of {asked}\n{}", wrong.join("\n"));
}

#[test]
fn nothing_differs_where_nothing_is_wrong() {
    let pair = Simulation::pair(&scenario(4, ""), 2);
    assert_eq!((pair.diverged(), pair.suspects()), (&[][..], vec![]));
}

#[test]
fn every_kind_of_fault_is_found_where_it_is_and_spreads_from_there_to_the_group() {
    let mut wrong = String::new();
    for (kind, target, params) in FAULTS.iter().copied() {
        let pair = Simulation::pair(&scenario_of(kind, 9, &fault(kind, target, 0.95, params)), 3);
        let truth = pair.truth();
        let ends = truth.path.first().zip(truth.path.last()).map(|(first, last)| (first.as_str(), last.as_str()));
        let expected = Some((truth.roots[0].node.as_str(), "group:fulfilment"));
        if place_of_root(&pair, &truth) != Some(1) || ends != expected {
            wrong += &format!("{kind} {params}: {:?} {:?}\n{}", truth.path, pair.suspects(), told(&pair));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_way_is_the_one_that_the_run_took() {
    let way = |kind, target| Simulation::pair(&scenario(8, &fault(kind, target, 0.9, "")), 5).truth().path;
    // Two of four instances run on that host: it reached the group through them, and not through what is elsewhere.
    let by_host = way("host.cpu", "worker-1");
    assert!(["instance:fulfilment-0", "instance:fulfilment-3"].contains(&by_host[1].as_str()), "{by_host:?}");
    let by_heap = way("jvm.gc-full", "fulfilment-2");
    assert_eq!(by_heap, ["jvm:fulfilment-2", "instance:fulfilment-2", "service:fulfilment", "group:fulfilment"]);
    assert_eq!(way("load.burst", "checkout-api"), ["producer:checkout-api", "topic:orders", "group:fulfilment"]);
}

/// Two faults from the second minute on.
fn two(one: String, other: &str) -> Pair {
    let other = other.replace("id = \"x\"", "id = \"y\"");
    Simulation::pair(&scenario(9, &(one + &other)), 4)
}

fn roots(truth: &Truth) -> Vec<&str> {
    truth.roots.iter().map(|root| root.node.as_str()).collect()
}

#[test]
fn of_two_faults_that_both_hurt_each_is_a_root() {
    let slow = fault("consumer.slow-code", "fulfilment-0", 0.8, "how = \"wait\"");
    let pair = two(slow, &fault("jvm.gc-full", "fulfilment-2", 0.8, ""));
    assert_eq!(roots(&pair.truth()), ["instance:fulfilment-0", "jvm:fulfilment-2"]);
    assert!(pair.without.iter().all(|without| without.matters && without.is_cause), "{:?}", pair.without);
}

#[test]
fn a_fault_without_which_it_hurts_as_much_is_no_root() {
    let refused = fault("security.credentials", "fulfilment", 0.9, "");
    let pair = two(refused, &fault("consumer.crash", "fulfilment-1", 0.9, ""));
    assert_eq!(roots(&pair.truth()), ["service:fulfilment"]);
    assert_eq!(pair.without.iter().map(|without| without.matters).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_trigger_that_set_nothing_off_is_none() {
    let slow = fault("consumer.slow-code", "fulfilment", 0.9, "how = \"wait\"");
    let peak = |severity| fault("load.burst", "checkout-api", severity, "") + "role = \"trigger\"\n";
    let idle = two(slow.clone(), &peak(0.0001)).truth();
    assert_eq!((roots(&idle), idle.triggers.len()), (vec!["service:fulfilment"], 0));
    assert_eq!(two(slow, &peak(0.9)).truth().triggers, ["producer:checkout-api"]);
}

#[test]
fn a_fault_that_follows_another_comes_when_it_would_have_come_without_that() {
    let follows = "[[fault]]\nid = \"y\"\nkind = \"consumer.crash\"\ntarget = \"fulfilment-1\"\nafter = \"x\"\noffset = \"1m\"\n\
        severity = 1.0\nrole = \"benign\"\n";
    let pair = Simulation::pair(&scenario(6, &(fault("load.burst", "checkout-api", 0.9, "") + follows)), 4);
    assert_eq!(pair.twin.faults.len(), 1);
    assert_eq!(pair.twin.faults[0].0.at, Micros::seconds(180));
}

#[test]
fn what_breaks_again_where_it_broke_before_is_one_root() {
    let pair = Simulation::pair(&Scenario::builtin("came-and-went").unwrap(), 1);
    assert_eq!(pair.run.faults.len(), 2);
    let roots: Vec<String> = pair.truth().roots.into_iter().map(|root| root.node).collect();
    assert_eq!(roots, ["endpoint:pricing"]);
}
