//! What is graded at a moment is what was known at it, and it does not depend on how many runs are graded at a time.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use lagdoctor_diagnosis::detect;
use lagdoctor_grade::{
    Asked, Cadence, Contender, Exam, Question, Run, Stage, Subject, Whole, incidents, lane_sources, look, look_back,
    sit_all, sources,
};
use lagdoctor_model::{LogLine, Millis, Series, Signals, Timestamp};
use lagdoctor_runtime::{Bound, Host, HostOptions};
use lagdoctor_service::{Bundled, plugins};
use lagdoctor_sim::{Scenario, Simulation};

const HOUR: Millis = Millis::minutes(60);

/// A run, and all that the collectors saw of it in the end.
async fn whole(name: &str, seed: u64) -> (Arc<Simulation>, Whole) {
    let (run, signals) = common::seen(&Scenario::builtin(name).unwrap(), seed).await;
    let whole = Whole::new(signals, run.telemetry(), HOUR);
    (run, whole)
}

/// What the collectors would have seen, had they been asked at this moment.
async fn seen_at(name: &str, seed: u64, moment: Millis) -> (Signals, Vec<LogLine>) {
    let stage = Arc::new(Stage::default());
    let host = Host::new(HostOptions::new(stage.clone())).unwrap();
    let built = common::built();
    let components: Vec<_> = built.iter().map(|(name, wasm)| Bundled { name, wasm }).collect();
    let collectors = plugins::collectors(&host, &sources(), &components).await.unwrap();
    let scenario = Scenario::builtin(name).unwrap();
    let (mut then, mut end) = (Simulation::new(&scenario, seed), Simulation::new(&scenario, seed));
    let now = then.start() + moment;
    then.advance_to(now);
    end.advance_to(end.end());
    let (then, end) = (Arc::new(then), Arc::new(end));
    stage.put_on(then.clone());
    let seen = look(&then, &collectors).await;
    stage.put_on(end.clone());
    (seen, look_back(&end, now, &collectors).await)
}

#[tokio::test]
async fn what_is_cut_out_of_the_whole_is_what_would_have_been_seen_then() {
    for (name, seed, minute) in [("replication-delay", 7, 50), ("gc-pauses", 2, 53)] {
        let (run, mut whole) = whole(name, seed).await;
        let moment = Millis::minutes(minute);
        let (seen, lines) = seen_at(name, seed, moment).await;
        whole.add_lines(run.start() + moment, &lines);
        let cut = whole.at(run.start() + moment);
        assert_eq!(cut.window, seen.window);
        let keys = |signals: &Signals| signals.series.iter().map(|series| series.key().clone()).collect::<Vec<_>>();
        assert_eq!(keys(&cut), keys(&seen), "{name}");
        let values = |series: &Series| {
            series.samples().iter().map(|sample| (sample.at, sample.value.to_bits())).collect::<Vec<_>>()
        };
        for (cut, seen) in cut.series.iter().zip(&seen.series) {
            assert_eq!(values(cut), values(seen), "{name}: {:?}", cut.key());
        }
        // A collector reads so many lines and no more, those too late for the moment among them, so that the oldest ones
        // may differ; and it numbers the people in lines as it meets them.
        let since = cut.window.now - Millis::minutes(10);
        let lines = |signals: &Signals| {
            let late = signals.logs.iter().filter(|line| line.at >= since);
            late.map(|line| (line.at, line.node.clone(), line.severity)).collect::<Vec<_>>()
        };
        let (known, wanted) = (lines(&cut), lines(&seen));
        let missing = wanted.iter().filter(|line| !known.contains(line)).count();
        let added = known.iter().filter(|line| !wanted.contains(line)).count();
        // Pages end elsewhere, and hosts name their lines otherwise: 7 of 3,668 lines.
        assert!(wanted.len() > 500 && (missing + added) * 200 < wanted.len(), "{name}: {missing} and {added}");
    }
}

/// The first minutes of a run, as the collectors see them.
async fn seen_of(name: &str, minutes: u32) -> (Arc<Simulation>, Signals) {
    let stage = Arc::new(Stage::default());
    let host = Host::new(HostOptions::new(stage.clone())).unwrap();
    let built = common::built();
    let components: Vec<_> = built.iter().map(|(name, wasm)| Bundled { name, wasm }).collect();
    let collectors = plugins::collectors(&host, &sources(), &components).await.unwrap();
    let mut run = Simulation::new(&Scenario::builtin(name).unwrap(), 3);
    run.advance_to(run.start() + Millis::minutes(minutes));
    let run = Arc::new(run);
    stage.put_on(run.clone());
    let signals = look(&run, &collectors).await;
    (run, signals)
}

/// How many lines of each millisecond are in the one and not in the other.
fn balance(written: impl Iterator<Item = i64>, read: &[LogLine]) -> BTreeMap<i64, i64> {
    let mut balance = BTreeMap::new();
    written.for_each(|at_ms| *balance.entry(at_ms).or_default() += 1);
    read.iter().for_each(|line| *balance.entry(line.at.as_millis()).or_default() -= 1);
    balance.retain(|_, left| *left != 0);
    balance
}

#[tokio::test]
async fn every_line_that_has_arrived_is_read_once_and_known_from_then_on() {
    for (name, minutes) in [("quiet", 20), ("db-timeouts", 18)] {
        let (run, signals) = seen_of(name, minutes).await;
        let start = signals.window.start;
        let arrived = |now: Timestamp| {
            let lines = run.telemetry().lines().filter(move |line| line.seen_ms <= now.as_millis());
            let within = move |at_ms: &i64| (start.as_millis()..=now.as_millis()).contains(at_ms);
            lines.map(|line| line.at_ms).filter(within)
        };
        let (now, count) = (signals.window.now, signals.logs.len());
        assert!((4000..10_000).contains(&count), "{name}: {count} lines");
        assert_eq!(balance(arrived(now), &signals.logs), BTreeMap::new(), "{name}: {count} lines");

        let whole = Whole::new(signals, run.telemetry(), Millis::minutes(60));
        for minute in [5, 10, 15] {
            let moment = start + Millis::minutes(minute);
            let known = whole.at(moment).logs;
            let off = balance(arrived(moment), &known);
            // Of two lines of one writer and millisecond nobody can tell which one was late.
            assert!(off.len() <= 1 && known.len() > 1000, "{name} at {minute}: {off:?} of {}", known.len());
        }
    }
}

#[tokio::test]
async fn detection_sees_in_the_flow_what_it_sees_in_everything() {
    let (run, whole) = whole("db-timeouts", 1).await;
    let hurts = |at: Timestamp| detect(&whole.at(at), None).symptom.is_some();
    let alarms = |at: Timestamp| !incidents(&whole, at, at, &Cadence::default()).is_empty();
    let moments: Vec<Timestamp> = (30..60).map(|minute| run.start() + Millis::minutes(minute)).collect();
    let seen: Vec<bool> = moments.iter().map(|at| alarms(*at)).collect();
    assert_eq!(seen, moments.iter().map(|at| hurts(*at)).collect::<Vec<_>>());
    assert!(seen.contains(&true) && seen.contains(&false), "{seen:?}");
}

/// The runs of some scenarios, graded in so many lanes.
async fn graded(lanes: usize) -> Vec<Run> {
    let stage = Arc::new(Stage::default());
    let host = Host::new(HostOptions::new(stage.clone())).unwrap();
    let built = common::built();
    let components: Vec<_> = built.iter().map(|(name, wasm)| Bundled { name, wasm }).collect();
    let plugins = plugins::load(&host, &sources(), &components).await.unwrap().plugins;
    let contender = |name: &str, asked| Contender { name: name.to_owned(), plugins: plugins.clone(), asked };
    let contenders = vec![contender("all", Asked::Throughout), contender("late", Asked::AtTheEnd)];
    let exam = Arc::new(Exam { contenders, cadence: Cadence::default(), has_oracle: true });
    let mut collectors: Vec<Vec<Bound>> = vec![];
    for lane in 0..lanes {
        collectors.push(plugins::collectors(&host, &lane_sources(lane), &components).await.unwrap());
    }
    let names = ["replication-delay", "quiet", "gc-pauses"];
    let question = |name: &str| Question {
        name: name.to_owned(),
        source: name.to_owned(),
        subject: Subject::Simulated { scenario: Arc::new(Scenario::builtin(name).unwrap()), seed: 3 },
    };
    let questions = names.into_iter().map(question).collect();
    let sat = sit_all(exam, stage, collectors, questions, || {}).await.unwrap();
    sat.into_iter().flat_map(|sat| sat.runs).map(|run| Run { took_ms: 0.0, ..run }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_lane_and_two_give_the_same_runs_in_the_same_order() {
    let (one, two) = (graded(1).await, graded(2).await);
    let names: Vec<&str> = one.iter().map(|run| run.scenario.as_str()).collect();
    let thrice = ["replication-delay", "quiet", "gc-pauses"].map(|name| [name; 3]);
    assert_eq!(names, thrice.concat(), "two contenders and the oracle");
    assert_eq!(one, two);
    let (incident, late, oracle, quiet) = (&one[0], &one[1], &one[2], &one[3]);
    assert_eq!((oracle.accuracy(1), oracle.grade.rank), (Some(1.0), Some(1)), "{}", oracle.said);
    assert!(one[5].grade.verdict_fits && one[5].grade.rank.is_none(), "nothing differs where nothing is wrong");
    assert_eq!(incident.grade, late.grade, "the last verdict is the same for who was asked before and who was not");
    assert!(incident.spoken.len() > 3 && late.spoken.len() == 1, "{:?}", incident.spoken);
    assert!(incident.early.is_some() && incident.forecast.is_some());
    assert_eq!(quiet.watched.unwrap().false_alarms, 0);
    assert!((quiet.watched.unwrap().fault_free_h - 0.75).abs() < 1e-9, "an hour without its warm-up");
}
