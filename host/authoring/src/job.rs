//! One job of a plugin of any world, on one input: what it said, as text that can be compared byte by byte, and what a
//! host would hold against it. Start at [`run`].

use std::time::{Duration, Instant};

use lagdoctor_model::{Millis, Timestamp};
use lagdoctor_runtime::{Batch, Bound, CallError, CollectQuery, IncidentEvent, Rendering, World};

use crate::case::Case;
use crate::stranger::{Answer, Stranger};

/// What a plugin is given.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// To those that judge.
    Window(Box<Case>),
    /// To collectors, with what the far side answers.
    Query(CollectQuery, Answer),
    /// To notifiers, with the document, the renderings and what the far side answers.
    Event(IncidentEvent, String, Vec<Rendering>, Answer),
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// Everything in the answer, as text.
    pub(crate) text: String,
    /// `3 findings`.
    pub(crate) summary: String,
    /// What is wrong with the answer although it came.
    pub(crate) complaints: Vec<String>,
    /// How long it took, on this machine, now.
    pub(crate) took: Duration,
}

/// Runs the job.
pub(crate) async fn run(bound: &Bound, input: &Input, stranger: &Stranger) -> Result<Said, CallError> {
    match input {
        Input::Window(case) => judge(bound, case).await,
        Input::Query(query, answer) => {
            stranger.answers(answer.clone());
            let (page, took) = timed(bound.collect(query, query.end)).await;
            let page = page?;
            let summary = counted(page.series.len(), "series", "series");
            Ok(Said { text: format!("{page:#?}"), summary, complaints: vec![], took })
        }
        Input::Event(event, document, renderings, answer) => {
            stranger.answers(answer.clone());
            let (receipts, took) = timed(bound.notify(event, document, renderings, event.at)).await;
            let receipts = receipts?;
            let summary = counted(receipts.len(), "receipt", "receipts");
            Ok(Said { text: format!("{receipts:#?}"), summary, complaints: vec![], took })
        }
    }
}

async fn judge(bound: &Bound, case: &Case) -> Result<Said, CallError> {
    let batch = Batch::new(&case.signals);
    let window = case.signals.window;
    let mut complaints = vec![];
    let (text, summary, took) = match bound.plugin().world() {
        World::Ranker => {
            let Some(symptom) = &case.symptom else { return Ok(nothing_to_ask("no node")) };
            let (ranking, took) = timed(bound.rank(&batch, &case.findings, symptom)).await;
            let ranking = ranking?;
            let summary = counted(ranking.causes.len(), "cause", "causes");
            (format!("{ranking:#?}"), summary, took)
        }
        World::Forecaster => {
            let targets = case.targets(bound.plugin().manifest());
            let (forecasts, took) = timed(bound.forecast(&batch, &targets, Millis::minutes(60))).await;
            let forecasts = forecasts?;
            let summary = counted(forecasts.len(), "forecast", "forecasts");
            (format!("{forecasts:#?}"), summary, took)
        }
        _ => {
            let (findings, took) = timed(bound.score(&batch)).await;
            let findings = findings?;
            let is_outside = |at: &Timestamp| *at < window.start || *at > window.now;
            if let Some(finding) = findings.iter().find(|finding| finding.onset.as_ref().is_some_and(is_outside)) {
                complaints.push(format!("says that `{}` of {} began outside the window", finding.signal, finding.node));
            }
            if let Some(finding) = findings.iter().find(|finding| finding.statement.trim().is_empty()) {
                complaints.push(format!("says nothing about `{}` of {}", finding.signal, finding.node));
            }
            let summary = counted(findings.len(), "finding", "findings");
            (format!("{findings:#?}"), summary, took)
        }
    };
    // What the host had to leave out of the answer.
    let left_out = batch.gaps();
    complaints.extend(left_out.iter().map(|gap| gap.statement.clone()));
    Ok(Said { text: format!("{text}{left_out:#?}"), summary, complaints, took })
}

/// What came of it, and how long it took.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    // The one figure here that no answer depends on.
    let begun = Instant::now();
    let answer = work.await;
    (answer, begun.elapsed())
}

fn nothing_to_ask(why: &str) -> Said {
    Said { text: String::new(), summary: format!("not asked: {why}"), complaints: vec![], took: Duration::ZERO }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
