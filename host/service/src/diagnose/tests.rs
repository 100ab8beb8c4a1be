//! Facts about plugins that fail, dawdle or answer out of turn.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lagdoctor_model::{
    Class, Node, NodeId, RankedCause, Sample, Score, Series, SignalName, Timestamp, Verdict, Window,
};
use lagdoctor_runtime::FailureKind;

use super::*;
use crate::derive::derive;

fn at(minutes: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::minutes(minutes)
}

fn node(id: &str) -> NodeId {
    NodeId::new(id).unwrap()
}

fn signal(name: &str) -> SignalName {
    SignalName::new(name).unwrap()
}

/// Two partitions written at 100 records/s each; from minute 30 on the group does only `speed` records/s.
fn signals(speed: f64) -> Signals {
    let mut signals = Signals::empty(Window { start: at(0), now: at(60), step: Millis::seconds(30) });
    for id in ["group:g", "service:s", "database:d", "partition:t/0", "partition:t/1"] {
        signals.topology.add_node(Node::new(node(id)));
    }
    for (dependent, kind, dependency) in [
        ("group:g", "worked-by", "service:s"),
        ("service:s", "calls", "database:d"),
        ("group:g", "consumes", "partition:t/0"),
    ] {
        let edge = lagdoctor_model::Edge::new(node(dependent), kind, node(dependency)).unwrap();
        signals.topology.add_edge(edge).unwrap();
    }
    let seconds = |reading: u32| f64::from(reading) * 30.0;
    let series = |of: &str, name: &str, labels: Labels, value: &dyn Fn(f64) -> f64| {
        let samples = (0..=120u32)
            .map(|reading| Sample { at: at(0) + Millis::seconds(reading * 30), value: value(seconds(reading)) })
            .collect();
        Series::new(SeriesKey { node: node(of), signal: signal(name), labels }, samples).unwrap()
    };
    for partition in 0..2 {
        let labels = Labels::from([("topic".into(), "t".into()), ("partition".into(), partition.to_string())]);
        let end = |seconds: f64| seconds * 100.0 + 50.0;
        let done = |seconds: f64| seconds.min(1800.0) * 100.0 + (seconds - 1800.0).max(0.0) * speed;
        let log = format!("partition:t/{partition}");
        signals.series.push(series(&log, "kafka.partition.current_offset", Labels::new(), &end));
        signals.series.push(series("group:g", "kafka.consumer_group.offset", labels, &done));
    }
    derive(&mut signals);
    signals.normalised()
}

#[derive(Clone)]
enum Does {
    Answers,
    AnswersAfter(Duration),
    Fails,
    Nothing,
}

#[derive(Clone)]
struct Fake {
    name: &'static str,
    does: Does,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn new(name: &'static str, does: Does) -> Self {
        Self { name, does, asked: Arc::default() }
    }

    async fn act(&self, job: &str) -> Result<(), CallError> {
        self.asked.lock().unwrap().push(job.to_owned());
        match self.does {
            Does::Answers => Ok(()),
            Does::AnswersAfter(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Does::Fails => Err(CallError {
                plugin: self.name.into(),
                kind: FailureKind::Trap,
                statement: format!("plugin `{}` panicked", self.name),
            }),
            Does::Nothing => std::future::pending().await,
        }
    }
}

impl Judge for Fake {
    fn name(&self) -> &str {
        self.name
    }

    async fn score(&self, _: &Batch) -> Result<Vec<Finding>, CallError> {
        self.act("score").await?;
        Ok(vec![Finding {
            by: self.name.into(),
            node: node("database:d"),
            signal: signal("db.server.statement.duration"),
            score: Score::new(0.9).unwrap(),
            magnitude: 8.0,
            onset: Some(at(30)),
            class: Some(Class::new("db.slow-statement").unwrap()),
            observed: Some(1.0),
            expected: Some(0.01),
            series: None,
            log_line: None,
            statement: "statements take 100 times as long".into(),
        }])
    }

    async fn rank(&self, _: &Batch, findings: &[Finding], symptom: &Symptom) -> Result<Ranking, CallError> {
        let by: Vec<_> = findings.iter().map(|finding| finding.by.as_str()).collect();
        self.act(&format!("rank {}", by.join(" "))).await?;
        let cause = RankedCause {
            node: node("database:d"),
            class: Some(Class::new("db.slow-statement").unwrap()),
            confidence: Score::new(0.9).unwrap(),
            path: vec![symptom.node.clone(), node("service:s"), node("database:d")],
            findings: (0..findings.len()).collect(),
            because: "it began first".into(),
        };
        Ok(Ranking { causes: vec![cause], dismissed: vec![] })
    }

    async fn forecast(
        &self,
        _: &Batch,
        targets: &[ForecastTarget],
        horizon: Millis,
    ) -> Result<Vec<RawForecast>, CallError> {
        self.act("forecast").await?;
        assert_eq!(targets.len(), 1);
        Ok(vec![RawForecast {
            by: self.name.into(),
            target: 0,
            start: at(60),
            step: horizon,
            levels: vec![0.5],
            values: vec![1.0],
            clears: None,
            breaches: None,
            slope_per_s: 1000.0,
            statement: "it grows".into(),
        }])
    }
}

struct Outcome {
    diagnosis: Diagnosis,
    trace: Trace,
    took: Duration,
    ranker: Fake,
}

async fn judged(signals: &Signals, scorers: &[Fake], ranker: Does, forecaster: Option<Does>) -> Outcome {
    let ranker = Fake::new("ranker", ranker);
    let forecaster = forecaster.map(|does| Fake::new("forecaster", does));
    let begun = Instant::now();
    let (diagnosis, trace) = with(signals, scorers, &ranker, forecaster.as_ref(), &Options::default()).await;
    Outcome { diagnosis, trace, took: begun.elapsed(), ranker }
}

fn gaps_of(outcome: &Outcome) -> Vec<&str> {
    outcome.diagnosis.gaps.iter().map(|gap| gap.source.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_panics_costs_only_what_it_knows() {
    let scorers = [Fake::new("a", Does::Answers), Fake::new("b", Does::Fails), Fake::new("c", Does::Answers)];
    let outcome = judged(&signals(10.0), &scorers, Does::Answers, Some(Does::Fails)).await;
    assert_eq!(gaps_of(&outcome), ["b", "forecaster"]);
    assert_eq!(outcome.diagnosis.causes[0].node, node("database:d"));
    assert!(outcome.ranker.asked.lock().unwrap()[0].starts_with("rank "));
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_never_answers_does_not_hold_up_the_diagnosis() {
    let scorers = [Fake::new("a", Does::Nothing), Fake::new("b", Does::Answers)];
    let outcome = judged(&signals(10.0), &scorers, Does::Nothing, Some(Does::Nothing)).await;
    assert!(outcome.took <= Duration::from_secs(20), "{:?}", outcome.took);
    let mut gaps = gaps_of(&outcome);
    gaps.sort_unstable();
    assert_eq!(gaps, ["a", "forecaster", "ranker"]);
}

#[tokio::test(start_paused = true)]
async fn a_trace_tells_who_was_asked_what_and_how_it_ended() {
    let scorers = [Fake::new("a", Does::Nothing), Fake::new("b", Does::Fails), Fake::new("c", Does::Answers)];
    let outcome = judged(&signals(10.0), &scorers, Does::Answers, Some(Does::Answers)).await;
    let told: Vec<String> = outcome
        .trace
        .asked
        .iter()
        .map(|asked| match &asked.outcome {
            Ok(items) => format!("{} {} gave {items} after {}", asked.plugin, asked.job.as_str(), asked.took),
            Err(error) => format!("{} {} {:?} after {}", asked.plugin, asked.job.as_str(), error.kind, asked.took),
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(outcome.trace.findings.len(), 1);
    assert_eq!(outcome.trace.ranking.unwrap().causes[0].node, node("database:d"));
}

#[tokio::test(start_paused = true)]
async fn without_a_ranking_there_is_no_cause_however_loud_a_finding_is() {
    let outcome = judged(&signals(10.0), &[Fake::new("a", Does::Answers)], Does::Fails, None).await;
    assert_eq!(outcome.diagnosis.verdict, Verdict::InsufficientEvidence);
    assert_eq!(gaps_of(&outcome), ["ranker"]);
}

#[tokio::test(start_paused = true)]
async fn findings_keep_the_order_of_the_scorers_whoever_is_first() {
    let slow = Does::AnswersAfter(Duration::from_secs(5));
    let fast_first =
        judged(&signals(10.0), &[Fake::new("a", Does::Answers), Fake::new("b", slow.clone())], Does::Answers, None)
            .await;
    let slow_first =
        judged(&signals(10.0), &[Fake::new("a", slow), Fake::new("b", Does::Answers)], Does::Answers, None).await;
    assert_eq!(fast_first.diagnosis, slow_first.diagnosis);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_hurts_no_plugin_is_asked() {
    let scorers = [Fake::new("a", Does::Answers)];
    let outcome = judged(&signals(100.0), &scorers, Does::Answers, Some(Does::Answers)).await;
    assert_eq!(outcome.diagnosis.verdict, Verdict::NoIncident);
    assert!(scorers[0].asked.lock().unwrap().is_empty());
    assert!(outcome.ranker.asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_forecast_of_the_symptom_is_told() {
    let outcome = judged(&signals(10.0), &[], Does::Answers, Some(Does::Answers)).await;
    let forecast = outcome.diagnosis.forecast.unwrap();
    assert_eq!((forecast.by.as_str(), forecast.outlook), ("forecaster", Outlook::Grows));
}
