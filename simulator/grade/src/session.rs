//! Many questions at the same time: each lane of the stage takes the next one that is open. What comes out is in the order
//! of the questions, so that it does not depend on how many lanes there are. Start at [`sit_all`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lagdoctor_bundle::BundleError;
use lagdoctor_model::InvalidName;
use lagdoctor_runtime::Bound;
use tokio::task::JoinSet;

use crate::exam::{Exam, Question, Sat, SitError};
use crate::stage::Stage;

/// Why an exam came to no end.
#[derive(Debug, thiserror::Error)]
pub enum ExamError {
    /// The scenario names a node or class that can be none.
    #[error("scenario `{scenario}` with seed {seed} has a truth that nobody could name; correct its [truth]")]
    Truth {
        /// The scenario.
        scenario: String,
        /// The draw.
        seed: u64,
        /// What is wrong with the name.
        source: InvalidName,
    },
    /// A bundle cannot be read.
    #[error("the recorded incident `{incident}` cannot be graded")]
    Bundle {
        /// The incident.
        incident: String,
        /// Why.
        source: BundleError,
    },
    /// A lane ended before its questions did.
    #[error(
        "grading of `{scenario}` with seed {seed} ended without an answer; report it, and grade the others without it"
    )]
    Lost {
        /// The scenario.
        scenario: String,
        /// The draw.
        seed: u64,
    },
}

/// Answers every question. `lanes` are the collectors of each lane; `done` is called after each question.
///
/// # Errors
/// The first question in their order that could not be graded.
pub async fn sit_all(
    exam: Arc<Exam>,
    stage: Arc<Stage>,
    lanes: Vec<Vec<Bound>>,
    questions: Vec<Question>,
    done: impl Fn() + Clone + Send + 'static,
) -> Result<Vec<Sat>, ExamError> {
    let questions = Arc::new(questions);
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for (lane, collectors) in lanes.into_iter().enumerate() {
        let (exam, stage, questions, next, done) =
            (exam.clone(), stage.clone(), questions.clone(), next.clone(), done.clone());
        tasks.spawn(async move {
            let mut answered = vec![];
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(question) = questions.get(place) else { break answered };
                answered.push((place, Box::pin(exam.sit(&stage, lane, &collectors, question)).await));
                done();
            }
        });
    }
    let mut all: Vec<Option<Result<Sat, SitError>>> = questions.iter().map(|_| None).collect();
    while let Some(answered) = tasks.join_next().await {
        for (place, sat) in answered.unwrap_or_default() {
            all[place] = Some(sat);
        }
    }
    let name = |question: &Question| (question.name.clone(), question.seed());
    let each = all.into_iter().zip(questions.iter()).map(|(sat, question)| {
        let (scenario, seed) = name(question);
        match sat {
            Some(Ok(sat)) => Ok(sat),
            Some(Err(SitError::Truth(source))) => Err(ExamError::Truth { scenario, seed, source }),
            Some(Err(SitError::Bundle(source))) => Err(ExamError::Bundle { incident: scenario, source }),
            None => Err(ExamError::Lost { scenario, seed }),
        }
    });
    each.collect()
}
