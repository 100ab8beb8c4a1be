//! How did a diagnosis come about? Who was asked what, how it ended, and what the verdict was made from. A record of the
//! audit keeps it, and with it what no second run could know: who was late.

use std::collections::BTreeMap;

use lagdoctor_model::{Finding, Gap, Millis, Ranking};
use lagdoctor_runtime::{CallError, FailureKind};
use tokio::time::Instant;

use super::again::is_of_the_moment;

/// What a plugin is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// To say what is unusual.
    Scoring,
    /// To say what caused it.
    Ranking,
    /// To say where it goes.
    Forecasting,
}

impl Job {
    /// Its word, as in "was not done scoring".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scoring => "scoring",
            Self::Ranking => "ranking",
            Self::Forecasting => "forecasting",
        }
    }
}

/// One call of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The operator's name of the plugin.
    pub plugin: String,
    /// What it was asked to do.
    pub job: Job,
    /// How long that took, waiting for an instance included.
    pub took: Millis,
    /// How many items it answered with (findings; causes and dismissals; forecasts), or how it failed.
    pub outcome: Result<usize, CallError>,
}

impl Asked {
    /// Whether it failed for a reason of that moment, which no second run could find by itself: it was late, there was no
    /// room, it was not asked.
    pub fn is_of_the_moment(&self) -> bool {
        self.outcome.as_ref().is_err_and(|error| is_of_the_moment(error.kind))
    }
}

/// How a diagnosis came about. Empty when nothing hurt, because then nobody is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Scorers in their order, then ranker and forecaster.
    pub asked: Vec<Asked>,
    /// The findings that were ranked; the handles of `ranking` are places in this list.
    pub findings: Vec<Finding>,
    /// What the ranker made of them; `None` when it failed.
    pub ranking: Option<Ranking>,
}

impl Trace {
    /// The calls that failed for reasons of the moment and not of the input, as [`super::again`] wants them.
    pub fn of_the_moment(&self) -> BTreeMap<(String, Job), CallError> {
        let failed = self.asked.iter().filter(|asked| asked.is_of_the_moment());
        let error = |asked: &Asked| asked.outcome.as_ref().err().cloned();
        failed.filter_map(|asked| Some(((asked.plugin.clone(), asked.job), error(asked)?))).collect()
    }

    /// Notes how a call went, and gives what it gave.
    pub(super) fn keep<T>(&mut self, answer: Answer<T>, items: impl Fn(&T) -> usize) -> Option<T> {
        let Answer { plugin, job, took, result } = answer;
        let outcome = result.as_ref().map(items).map_err(Clone::clone);
        self.asked.push(Asked { plugin, job, took, outcome });
        result.ok()
    }

    /// What those leave that failed.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        self.asked.iter().filter_map(|asked| Some(asked.outcome.as_ref().err()?.gap())).collect()
    }
}

/// What came of one call.
pub(super) struct Answer<T> {
    plugin: String,
    job: Job,
    took: Millis,
    result: Result<T, CallError>,
}

impl<T> Answer<T> {
    pub(super) fn of(plugin: &str, job: Job, begun: Instant, result: Result<T, CallError>) -> Self {
        let took = i64::try_from(begun.elapsed().as_millis()).ok().and_then(|ms| Millis::new(ms).ok());
        Self { plugin: plugin.to_owned(), job, took: took.unwrap_or(Millis::ZERO), result }
    }

    /// The diagnosis could not wait for it any longer.
    pub(super) fn late(plugin: &str, job: Job, begun: Instant) -> Self {
        let word = job.as_str();
        let statement = format!(
            "plugin `{plugin}` was not done {word} in time, so what it knows is missing; give more time with a longer deadline"
        );
        let error = CallError { plugin: plugin.to_owned(), kind: FailureKind::Deadline, statement };
        Self::of(plugin, job, begun, Err(error))
    }
}
