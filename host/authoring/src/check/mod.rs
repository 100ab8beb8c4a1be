//! Would a host want this plugin? Loads it as a host would, without any network, and tries what production would try
//! sooner or later: a usual window, a large one, and windows that make little sense. Start at [`check`].

mod asked;
mod inputs;
mod large;
mod lines;

use std::sync::Arc;

use lagdoctor_runtime::{Bound, CallError, ErrorCode, FailureKind, HostError, Limits, Plugin, World};
use serde_json::Value;

pub use lines::{Line, Outcome, Report};

use crate::case::Case;
use crate::job::{self, Input, Said};
use crate::stranger::Stranger;
use crate::subject::{Subject, bind};

/// Share of a limit from which one is warned of it.
const WARNED: f64 = 0.5;
/// Nodes of the large window.
const LARGE: usize = 1000;

/// Checks a component. `usual` is a window as production has them.
///
/// # Errors
/// When there is no host to check it on. Everything that is wrong with the plugin is in the report.
pub async fn check(subject: Subject<'_>, usual: Case) -> Result<Report, HostError> {
    let stranger = Arc::new(Stranger::new());
    let host = subject.host(&stranger)?;
    let mut report = Report::default();
    let plugin = match host.load(subject.source, subject.wasm).await {
        Ok(plugin) => plugin,
        Err(error) => {
            report.fail("contract", error.to_string());
            return Ok(report);
        }
    };
    asked::contract(&plugin, &mut report);
    asked::imports(&plugin, &mut report);
    asked::grants(&plugin, &mut report);
    let Some(config) = asked::schema(&plugin, subject.config.as_ref(), &mut report) else { return Ok(report) };
    let Ok(bound) = bind(&plugin, config.clone()) else { return Ok(report) };
    let bench = Bench { stranger, subject, config };
    let usual = usual.made_up();
    let inputs = inputs::usual(&plugin, &usual);
    bench.limits(&bound, &inputs, &mut report).await;
    bench.determinism(&bound, &inputs, &mut report).await?;
    bench.hostile(&plugin, &usual, &mut report).await;
    Ok(report)
}

/// What it takes to try a plugin.
struct Bench<'a> {
    stranger: Arc<Stranger>,
    subject: Subject<'a>,
    config: Value,
}

impl Bench<'_> {
    /// What it takes of its limits, on a usual and on a large input.
    async fn limits(&self, bound: &Bound, inputs: &[(String, Input)], report: &mut Report) {
        for (name, input) in inputs {
            // Bound anew, so that the most it uses is what it uses for this input.
            let Ok(fresh) = bind(bound.plugin(), self.config.clone()) else { continue };
            let (outcome, took) = job::timed(job::run(&fresh, input, &self.stranger)).await;
            match outcome {
                Ok(said) => self.cost(name, &fresh, &said, report),
                Err(error) if is_the_far_sides(&error) => {
                    self.cost(name, &fresh, &Said { took, ..gave_up(&error) }, report);
                }
                Err(error) => {
                    let what = if error.kind == FailureKind::Contract { "answer" } else { "limits" };
                    report.fail(what, format!("{name}: {}", to_the_author(&error)));
                }
            }
        }
    }

    fn cost(&self, name: &str, bound: &Bound, said: &Said, report: &mut Report) {
        let (limits, usage): (&Limits, _) = (bound.limits(), bound.usage());
        let fuel = usage.fuel as f64 / limits.fuel as f64;
        let memory = usage.memory_bytes as f64 / limits.memory_bytes as f64;
        let time = said.took.as_secs_f64() / limits.timeout.as_secs_f64();
        let words = format!(
            "{name}: {} in {:.1} ms, {} of fuel, {:.1} MiB; of its limits {}, {} and {}",
            said.summary,
            said.took.as_secs_f64() * 1000.0,
            millions(usage.fuel),
            usage.memory_bytes as f64 / f64::from(1 << 20),
            percent(time),
            percent(fuel),
            percent(memory),
        );
        let most = fuel.max(memory).max(time);
        if most >= WARNED {
            report.warn("limits", format!("{words}; a window not much larger will be too much for it"));
        } else {
            report.fine("limits", words);
        }
        for complaint in &said.complaints {
            report.fail("answer", format!("{name}: {complaint}"));
        }
    }

    /// The same input twice, and on another host: the same bytes.
    async fn determinism(
        &self,
        bound: &Bound,
        inputs: &[(String, Input)],
        report: &mut Report,
    ) -> Result<(), HostError> {
        let Some((name, input)) = inputs.first() else { return Ok(()) };
        let stranger = Arc::new(Stranger::new());
        let host = self.subject.host(&stranger)?;
        let elsewhere = match host.load(self.subject.source, self.subject.wasm).await {
            Ok(plugin) => bind(&plugin, self.config.clone()),
            Err(error) => {
                report.fail("determinism", format!("it loads once and not twice: {error}"));
                return Ok(());
            }
        };
        let Ok(elsewhere) = elsewhere else { return Ok(()) };
        let mut answers = vec![];
        for (place, bound, stranger) in [
            ("once", bound, &self.stranger),
            ("again", bound, &self.stranger),
            ("on another host", &elsewhere, &stranger),
        ] {
            answers.push((place, job::run(bound, input, stranger).await));
        }
        // A plugin that fell has said nothing that could be compared; one that gave up because of the far side has.
        let is_mute = |answer: &Result<Said, CallError>| answer.as_ref().is_err_and(|error| !is_the_far_sides(error));
        if answers.iter().all(|(_, answer)| is_mute(answer)) {
            let words = format!("{name}: cannot be judged, because each of the three calls failed, as said above");
            report.warn("determinism", words);
            return Ok(());
        }
        let gave_up = answers.iter().all(|(_, answer)| answer.is_err());
        let text = |answer: Result<Said, CallError>| answer.map_or_else(|error| error.statement, |said| said.text);
        let answers: Vec<_> = answers.into_iter().map(|(place, answer)| (place, text(answer))).collect();
        let (_, first) = &answers[0];
        match answers.iter().find(|(_, text)| text != first) {
            None if gave_up => {
                report.fine("determinism", format!("{name}, three times on two hosts: it gave up with the same words"))
            }
            None => {
                report.fine("determinism", format!("{name}, three times on two hosts: the same answer to the byte"))
            }
            Some((place, other)) => {
                let at = first.lines().zip(other.lines()).find(|(a, b)| a != b);
                let (was, is) = at.map_or(("more lines", "fewer lines"), |(a, b)| (a.trim(), b.trim()));
                report.fail("determinism", format!("{name}: asked {place}, it answers otherwise: `{was}` became `{is}`; a diagnosis could not be replayed"));
            }
        }
        Ok(())
    }

    /// Inputs that make little sense: it may say so, but it may not fall.
    async fn hostile(&self, plugin: &Plugin, usual: &Case, report: &mut Report) {
        for (name, input) in inputs::hostile(plugin, usual) {
            let Ok(bound) = bind(plugin, self.config.clone()) else { continue };
            match job::run(&bound, &input, &self.stranger).await {
                Ok(said) if said.complaints.is_empty() => report.fine("hostile", format!("{name}: {}", said.summary)),
                Ok(said) => report.fail("hostile", format!("{name}: {}", said.complaints.join("; "))),
                Err(error) if is_polite(&error) => {
                    report.fine("hostile", format!("{name}: {}", gave_up(&error).summary));
                }
                Err(error) => report.fail("hostile", format!("{name}: {}", to_the_author(&error))),
            }
        }
    }
}

fn gave_up(error: &CallError) -> Said {
    let code = match error.kind {
        FailureKind::Typed { code } => code.to_string(),
        _ => "not-granted".to_owned(),
    };
    Said {
        text: error.statement.clone(),
        summary: format!("gave up with `{code}`"),
        complaints: vec![],
        took: std::time::Duration::ZERO,
    }
}

/// What an operator is told, without the advice to tell the author, who reads this.
fn to_the_author(error: &CallError) -> &str {
    let words = error.statement.as_str();
    let words = words.strip_suffix("report it to the plugin's author").unwrap_or(words);
    words.trim_end_matches([' ', ';']).trim_end_matches(", or")
}

/// A far side that is not there is no fault of the plugin.
fn is_the_far_sides(error: &CallError) -> bool {
    use ErrorCode::{NotGranted, RateLimited, Unauthorised, Unreachable, Upstream};
    match error.kind {
        FailureKind::NotGranted => true,
        FailureKind::Typed { code } => [Unreachable, Upstream, RateLimited, Unauthorised, NotGranted].contains(&code),
        _ => false,
    }
}

/// Giving up with a reason is an answer, unless the reason is its own fault.
fn is_polite(error: &CallError) -> bool {
    match error.kind {
        FailureKind::Typed { code } => code != ErrorCode::Internal,
        FailureKind::NotGranted => true,
        _ => false,
    }
}

fn millions(units: u64) -> String {
    format!("{:.1} million units", units as f64 / 1e6)
}

fn percent(share: f64) -> String {
    if share < 0.0995 { format!("{:.1} %", share * 100.0) } else { format!("{:.0} %", share * 100.0) }
}

/// Whether the plugin judges a window.
fn judges(plugin: &Plugin) -> bool {
    !matches!(plugin.world(), World::Collector | World::Notifier)
}
