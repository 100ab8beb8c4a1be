//! Why does the group fall behind? Pure thinking (`diagnosis`) before, between and after the plugins that judge. Live
//! service, bundles, replay and grading all come through [`diagnose`], so that what is graded is what runs at night.
//!
//! A plugin that fails or is late costs what it knows and nothing else: it becomes a gap, and the diagnosis goes on.
//! How a diagnosis came about is its [`Trace`]; [`again`] makes the same one from what was recorded.

mod again;
mod trace;

use std::collections::BTreeMap;
use std::future::Future;

use lagdoctor_diagnosis::{Detection, conclude, detect, on_the_way, plan};
use lagdoctor_model::{Diagnosis, Finding, Forecast, Labels, Millis, Outlook, Ranking, SeriesKey, Signals, Symptom};
use lagdoctor_runtime::{Batch, Bound, CallError, ForecastTarget, RawForecast};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::duration;
use crate::plugins::Plugins;

pub use again::again;
use trace::Answer;
pub use trace::{Asked, Job, Trace};

/// How a diagnosis is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The group to explain; `None` for the one that hurts most.
    pub group: Option<String>,
    /// The diagnosis is there after this time, with what is known by then.
    pub deadline: Millis,
    /// How far the forecaster looks ahead.
    pub horizon: Millis,
}

impl Default for Options {
    fn default() -> Self {
        Self { group: None, deadline: Millis::seconds(20), horizon: Millis::minutes(60) }
    }
}

/// Share of the deadline after which scorers are late; ranker and forecaster have the rest.
const SCORING_SHARE: f64 = 0.7;

/// Makes a diagnosis of these signals. Series that follow from offsets must be there: see [`crate::derive::derive`].
pub async fn diagnose(signals: &Signals, plugins: &Plugins, options: &Options) -> Diagnosis {
    traced(signals, plugins, options).await.0
}

/// The same, with how it came about.
pub async fn traced(signals: &Signals, plugins: &Plugins, options: &Options) -> (Diagnosis, Trace) {
    with(signals, &plugins.scorers, &plugins.ranker, plugins.forecaster.as_ref(), options).await
}

/// A plugin that judges: a bound one, or a stand-in in tests.
trait Judge: Clone + Send + Sync + 'static {
    fn name(&self) -> &str;
    fn score(&self, batch: &Batch) -> impl Future<Output = Result<Vec<Finding>, CallError>> + Send;
    fn rank(
        &self,
        batch: &Batch,
        findings: &[Finding],
        symptom: &Symptom,
    ) -> impl Future<Output = Result<Ranking, CallError>> + Send;
    fn forecast(
        &self,
        batch: &Batch,
        targets: &[ForecastTarget],
        horizon: Millis,
    ) -> impl Future<Output = Result<Vec<RawForecast>, CallError>> + Send;
}

impl Judge for Bound {
    fn name(&self) -> &str {
        Bound::name(self)
    }

    async fn score(&self, batch: &Batch) -> Result<Vec<Finding>, CallError> {
        Bound::score(self, batch).await
    }

    async fn rank(&self, batch: &Batch, findings: &[Finding], symptom: &Symptom) -> Result<Ranking, CallError> {
        Bound::rank(self, batch, findings, symptom).await
    }

    async fn forecast(
        &self,
        batch: &Batch,
        targets: &[ForecastTarget],
        horizon: Millis,
    ) -> Result<Vec<RawForecast>, CallError> {
        Bound::forecast(self, batch, targets, horizon).await
    }
}

/// What there is to say before anybody is asked, and what all who judge are shown. It is the same whoever judges, so that it
/// is made once where several judge the same moment.
pub struct Prepared<'a> {
    signals: &'a Signals,
    detection: Detection,
    /// What hurts, and the batch that is shown; nothing where nothing hurts.
    shown: Option<(Symptom, Batch)>,
}

impl<'a> Prepared<'a> {
    /// Detects what hurts: of this group, or of all.
    pub fn of(signals: &'a Signals, group: Option<&str>) -> Self {
        let detection = detect(signals, group);
        let shown = detection.symptom.clone().map(|symptom| {
            let batch = Batch::new(signals).with_core(&on_the_way(signals, &symptom));
            (symptom, batch)
        });
        Self { signals, detection, shown }
    }

    /// Has these plugins judge it, as [`traced`] does. `options.group` was asked about when it was prepared.
    pub async fn judged_by(&self, plugins: &Plugins, options: &Options) -> (Diagnosis, Trace) {
        judged(self, Instant::now(), &plugins.scorers, &plugins.ranker, plugins.forecaster.as_ref(), options).await
    }
}

async fn with<J: Judge>(
    signals: &Signals,
    scorers: &[J],
    ranker: &J,
    forecaster: Option<&J>,
    options: &Options,
) -> (Diagnosis, Trace) {
    let begun = Instant::now();
    judged(&Prepared::of(signals, options.group.as_deref()), begun, scorers, ranker, forecaster, options).await
}

async fn judged<J: Judge>(
    prepared: &Prepared<'_>,
    begun: Instant,
    scorers: &[J],
    ranker: &J,
    forecaster: Option<&J>,
    options: &Options,
) -> (Diagnosis, Trace) {
    let until = begun + duration(options.deadline);
    let scored_until = begun + duration(options.deadline).mul_f64(SCORING_SHARE);
    let Prepared { signals, detection, shown } = prepared;
    // Where nothing hurts nobody needs to look for a cause, and what is never asked can raise no false alarm.
    let Some((symptom, batch)) = shown else {
        let plan = plan(signals, detection, vec![]);
        return (conclude(signals, detection, &plan, None, None, vec![]), Trace::default());
    };
    let batch = &batch.afresh();
    let (findings, mut trace) = scored(scorers, batch, scored_until).await;
    let plan = plan(signals, detection, findings);
    let ranking = in_time(ranker.name(), Job::Ranking, until, ranker.rank(batch, &plan.findings, symptom));
    let forecast = forecast(forecaster, batch, signals, detection, options.horizon, until);
    let (ranking, forecast) = tokio::join!(ranking, forecast);
    let ranking = trace.keep(ranking, |ranking| ranking.causes.len() + ranking.dismissed.len());
    let forecast = forecast
        .and_then(|answer| trace.keep(answer, Vec::len))
        .and_then(|given| Some(told(given.iter().find(|given| given.target == 0)?, symptom)));
    let mut gaps = trace.gaps();
    gaps.extend(batch.gaps());
    trace.findings.clone_from(&plan.findings);
    trace.ranking.clone_from(&ranking);
    let ranking = ranking.map(|ranking| (ranker.name().to_owned(), ranking));
    (conclude(signals, detection, &plan, ranking, forecast, gaps), trace)
}

/// All findings, in the order of the scorers.
async fn scored<J: Judge>(scorers: &[J], batch: &Batch, until: Instant) -> (Vec<Finding>, Trace) {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (place, scorer) in scorers.iter().enumerate() {
        let (scorer, batch) = (scorer.clone(), batch.clone());
        tasks.spawn(async move { (place, in_time(scorer.name(), Job::Scoring, until, scorer.score(&batch)).await) });
    }
    let mut answers: BTreeMap<usize, Answer<Vec<Finding>>> = BTreeMap::new();
    // A guest that does not give its thread back cannot be waited for by its own task, so the waiting has an end too.
    while let Ok(Some(answer)) = timeout_at(until, tasks.join_next()).await {
        if let Ok((place, answer)) = answer {
            answers.insert(place, answer);
        }
    }
    tasks.abort_all();
    let (mut findings, mut trace) = (vec![], Trace::default());
    for (place, scorer) in scorers.iter().enumerate() {
        let answer = answers.remove(&place).unwrap_or_else(|| Answer::late(scorer.name(), Job::Scoring, begun));
        findings.extend(trace.keep(answer, Vec::len).into_iter().flatten());
    }
    (findings, trace)
}

async fn in_time<T>(
    name: &str,
    job: Job,
    until: Instant,
    call: impl Future<Output = Result<T, CallError>>,
) -> Answer<T> {
    let begun = Instant::now();
    match timeout_at(until, call).await {
        Ok(result) => Answer::of(name, job, begun, result),
        Err(_) => Answer::late(name, job, begun),
    }
}

/// Where the symptom's own series goes; `None` when there is nobody or nothing to ask.
async fn forecast<J: Judge>(
    forecaster: Option<&J>,
    batch: &Batch,
    signals: &Signals,
    detection: &Detection,
    horizon: Millis,
    until: Instant,
) -> Option<Answer<Vec<RawForecast>>> {
    let (forecaster, symptom) = (forecaster?, detection.symptom.as_ref()?);
    let key = SeriesKey { node: symptom.node.clone(), signal: symptom.signal.clone(), labels: Labels::new() };
    signals.series.iter().find(|series| *series.key() == key)?;
    let clears_at = symptom.expected.is_finite().then(|| symptom.expected.max(0.0));
    let targets = [ForecastTarget { series: key, clears_at, breaches_at: None }];
    let call = forecaster.forecast(batch, &targets, horizon);
    Some(in_time(forecaster.name(), Job::Forecasting, until, call).await)
}

fn told(raw: &RawForecast, symptom: &Symptom) -> Forecast {
    // A slope that would not add a tenth to what hurts within ten minutes is no growth that anybody would see.
    let grows = raw.slope_per_s * 600.0 > symptom.observed.abs() * 0.1;
    let (outlook, at) = match (raw.clears, raw.breaches) {
        (_, Some(at)) => (Outlook::Breaches, Some(at)),
        (Some(at), None) => (Outlook::Clears, Some(at)),
        (None, None) if grows => (Outlook::Grows, None),
        (None, None) => (Outlook::Steady, None),
    };
    Forecast { by: raw.by.clone(), outlook, at, statement: raw.statement.clone() }
}

#[cfg(test)]
mod tests;
