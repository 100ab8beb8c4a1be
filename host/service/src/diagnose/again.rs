//! The same diagnosis once more. What plugins compute comes out the same by itself, because they see the same input under
//! the same fuel; what the moment decided does not, so it is told again as it was: who was late, for whom there was no
//! room. Start at [`again`].

use std::collections::BTreeMap;

use lagdoctor_model::{Diagnosis, Finding, Millis, Ranking, Signals, Symptom};
use lagdoctor_runtime::{Batch, Bound, CallError, FailureKind, ForecastTarget, RawForecast};

use super::{Job, Judge, Options, Trace, with};
use crate::plugins::Plugins;

/// Long enough for any machine: what was in time then shall be in time now.
const PATIENCE: Millis = Millis::minutes(60);

/// Whether the moment decided this, and not the input.
pub(super) fn is_of_the_moment(kind: FailureKind) -> bool {
    // By name are those that come back by themselves; whatever else there may be one day is rather told again.
    !matches!(
        kind,
        FailureKind::Fuel
            | FailureKind::Memory
            | FailureKind::Trap
            | FailureKind::Contract
            | FailureKind::NotGranted
            | FailureKind::Typed { .. }
    )
}

/// Makes a diagnosis again, of the signals and by the plugins that it was made of and by then. `failed` is
/// [`Trace::of_the_moment`]: those who are not asked, because they failed then for reasons of that moment.
pub async fn again(
    signals: &Signals,
    plugins: &Plugins,
    options: &Options,
    failed: &BTreeMap<(String, Job), CallError>,
) -> (Diagnosis, Trace) {
    let replayed = |bound: &Bound| {
        let of = |job| failed.get(&(bound.name().to_owned(), job)).cloned();
        Replayed { bound: bound.clone(), failed: [of(Job::Scoring), of(Job::Ranking), of(Job::Forecasting)] }
    };
    let scorers: Vec<Replayed> = plugins.scorers.iter().map(replayed).collect();
    let forecaster = plugins.forecaster.as_ref().map(replayed);
    let options = Options { deadline: PATIENCE, ..options.clone() };
    with(signals, &scorers, &replayed(&plugins.ranker), forecaster.as_ref(), &options).await
}

#[derive(Clone)]
struct Replayed {
    bound: Bound,
    /// By job, in the order of [`Job`].
    failed: [Option<CallError>; 3],
}

impl Replayed {
    fn then(&self, job: Job) -> Result<(), CallError> {
        self.failed[job as usize].clone().map_or(Ok(()), Err)
    }
}

impl Judge for Replayed {
    fn name(&self) -> &str {
        self.bound.name()
    }

    async fn score(&self, batch: &Batch) -> Result<Vec<Finding>, CallError> {
        self.then(Job::Scoring)?;
        self.bound.score(batch).await
    }

    async fn rank(&self, batch: &Batch, findings: &[Finding], symptom: &Symptom) -> Result<Ranking, CallError> {
        self.then(Job::Ranking)?;
        self.bound.rank(batch, findings, symptom).await
    }

    async fn forecast(
        &self,
        batch: &Batch,
        targets: &[ForecastTarget],
        horizon: Millis,
    ) -> Result<Vec<RawForecast>, CallError> {
        self.then(Job::Forecasting)?;
        self.bound.forecast(batch, targets, horizon).await
    }
}
