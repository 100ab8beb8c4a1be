//! A diagnosis at a terminal. The order is that of an engineer who was just woken: what is it, how bad, where, how do
//! you know, what do I do; then what was ruled out and what could not be seen. Queries and commands are never wrapped,
//! so that they can be copied. Start at [`text`].

use lagdoctor_model::{Basis, Cause, Diagnosis, Evidence, Millis, NodeId, Outlook, Verdict};

use super::fold;
use super::page::{Page, Paint, Style};
use lagdoctor_diagnosis::number::{number, quantity, whole};

/// A reading older than this is worth a remark.
const STALE: Millis = Millis::minutes(2);
/// How many pieces of evidence are shown of causes after the first.
const BRIEF_EVIDENCE: usize = 2;

/// The diagnosis as text for a terminal.
pub fn text(diagnosis: &Diagnosis, style: Style) -> String {
    let mut page = Page::new(style);
    let paint = match diagnosis.verdict {
        Verdict::Cause => Paint::Bad,
        Verdict::InsufficientEvidence => Paint::Warn,
        Verdict::NoIncident => Paint::Good,
    };
    page.hanging("", Paint::Normal, &sentence(&diagnosis.headline), paint);
    page.blank();
    summary(&mut page, diagnosis);
    causes(&mut page, diagnosis);
    list(&mut page, "UNUSUAL, AND NOBODY SAID WHETHER IT MATTERS", "  • ", Paint::Warn, &fold::unconnected(diagnosis));
    ruled_out(&mut page, diagnosis);
    missing(&mut page, diagnosis);
    page.blank();
    let window = &diagnosis.window;
    let (year, month, day, ..) = window.now.civil();
    let looked = format!(
        "Looked at {} to {} UTC of {year:04}-{month:02}-{day:02}, a reading every {}.",
        window.start.clock(),
        window.now.clock(),
        window.step
    );
    page.hanging("", Paint::Normal, &looked, Paint::Faint);
    page.finish()
}

/// With a capital letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    // A name keeps its spelling: `orders-db` is not `Orders-db`, but `nothing` may become `Nothing`.
    let first_word: String = text.split_whitespace().next().unwrap_or_default().into();
    let is_word = first_word.trim_end_matches([',', ':', '.']).bytes().all(|b| b.is_ascii_lowercase());
    if is_word { format!("{}{}{stop}", first.to_ascii_uppercase(), letters.as_str()) } else { format!("{text}{stop}") }
}

/// How bad it is, in one line of numbers; empty when nothing is known.
pub(super) fn impact(diagnosis: &Diagnosis) -> String {
    let impact = &diagnosis.impact;
    let mut parts = vec![];
    if let Some(backlog) = impact.backlog {
        let noun = if backlog == 1 { "record" } else { "records" };
        let mut part = format!("{} {noun} behind", whole(backlog));
        if let Some((lagging, all)) = impact.partitions {
            part.push_str(&format!(" in {lagging} of {all} partitions"));
        }
        parts.push(part);
    }
    if let Some(growth) = impact.growth_per_s {
        parts.push(if growth.abs() < 0.5 {
            "not growing".into()
        } else if growth > 0.0 {
            format!("growing by {} records/s", number(growth))
        } else {
            format!("shrinking by {} records/s", number(-growth))
        });
    }
    if let Some(time_lag) = impact.time_lag {
        parts.push(format!("the oldest is {time_lag} old"));
    }
    parts.join(", ")
}

/// When records are lost that nobody has processed.
pub(super) fn data_loss(time: Millis) -> String {
    if time == Millis::ZERO {
        "retention is deleting records that were never processed, now".into()
    } else {
        format!("in {time} retention begins to delete records that were never processed")
    }
}

pub(super) fn forecast(diagnosis: &Diagnosis) -> Option<String> {
    let forecast = diagnosis.forecast.as_ref()?;
    let at = forecast.at.filter(|_| matches!(forecast.outlook, Outlook::Clears | Outlook::Breaches));
    let when = at.map(|at| format!(" ({} UTC, in {})", at.clock(), at.since(diagnosis.window.now))).unwrap_or_default();
    Some(format!("{}{when}, says {}", forecast.statement.trim_end_matches('.'), forecast.by))
}

fn summary(page: &mut Page, diagnosis: &Diagnosis) {
    let mut line = |name: &str, text: &str, paint| page.hanging(&format!("{name:<11}"), Paint::Faint, text, paint);
    let impact = impact(diagnosis);
    if diagnosis.verdict != Verdict::NoIncident && !impact.is_empty() {
        line("Impact", &impact, Paint::Bold);
    }
    if let Some(symptom) = &diagnosis.symptom {
        line("Symptom", &symptom.statement, Paint::Normal);
    }
    if let Some(time) = diagnosis.time_to_data_loss {
        line("Data loss", &data_loss(time), Paint::Bad);
    }
    if let Some(forecast) = forecast(diagnosis) {
        line("Forecast", &forecast, Paint::Normal);
    }
}

fn causes(page: &mut Page, diagnosis: &Diagnosis) {
    if diagnosis.causes.is_empty() {
        return;
    }
    page.heading(match diagnosis.verdict {
        Verdict::Cause => "LIKELY CAUSES",
        _ => "CANDIDATES, NOT ANSWERS",
    });
    for (place, cause) in diagnosis.causes.iter().enumerate() {
        page.blank();
        let lead = format!("{:>2}  ", place + 1);
        let title = format!("{}: {}", cause.node.words(), cause.words);
        page.hanging(&lead, Paint::Bold, &title, Paint::Bold);
        let confidence = cause.confidence.get();
        let paint = if place == 0 && diagnosis.verdict == Verdict::Cause { Paint::Bad } else { Paint::Warn };
        let owner = cause.owner.as_ref().map(|owner| format!("   owner: {owner}")).unwrap_or_default();
        let percent = format!(" {:>3.0} %", confidence * 100.0);
        page.pieces(
            4,
            &[
                (&bar(confidence), paint),
                (&percent, Paint::Bold),
                (&format!("   {}{owner}", basis(cause.basis)), Paint::Faint),
            ],
        );
        if cause.path.len() > 1 {
            page.hanging("    ", Paint::Normal, &path(cause), Paint::Normal);
        }
        if !cause.because.is_empty() {
            page.hanging("    ", Paint::Normal, &sentence(&cause.because), Paint::Normal);
        }
        let shown = if place == 0 { usize::MAX } else { BRIEF_EVIDENCE };
        for evidence in cause.evidence.iter().take(shown) {
            self::evidence(page, evidence);
        }
        if cause.evidence.len() > shown {
            page.verbatim(4, &format!("… {} more in the JSON report", cause.evidence.len() - shown), Paint::Faint);
        }
        let shown = if place == 0 { usize::MAX } else { 1 };
        for action in cause.actions.iter().take(shown) {
            page.hanging("    → ", Paint::Good, &action.say, Paint::Normal);
            if let Some(command) = &action.command {
                page.verbatim(6, &format!("$ {command}"), Paint::Code);
            }
        }
    }
}

fn evidence(page: &mut Page, evidence: &Evidence) {
    let when = evidence.onset.map_or_else(|| " ".repeat(8), |onset| onset.clock());
    let mut said = evidence.statement.clone();
    said.push_str(&values(evidence));
    page.hanging(&format!("    {when}  "), Paint::Faint, &said, Paint::Normal);
    let mut what = match evidence.signal.as_str() {
        "log" => format!("log of {}", evidence.node),
        "event" => format!("event of {}", evidence.node),
        signal => format!("{signal} of {}", evidence.node),
    };
    if let Some(age) = evidence.age.filter(|age| *age > STALE) {
        what.push_str(&format!(", last reading {age} old"));
    }
    page.verbatim(14, &what, Paint::Faint);
    if let Some(query) = &evidence.query {
        page.verbatim(14, query, Paint::Code);
    }
}

/// ` (seen 412 ms, normally 4.1 ms)`.
pub(super) fn values(evidence: &Evidence) -> String {
    let show = |value: f64| quantity(value, &evidence.unit);
    match (evidence.observed, evidence.expected) {
        (Some(observed), Some(expected)) => format!(" (seen {}, normally {})", show(observed), show(expected)),
        (Some(observed), None) => format!(" (seen {})", show(observed)),
        _ => String::new(),
    }
}

/// Ten cells, of which as many are full as there are tenths.
pub(super) fn bar(confidence: f64) -> String {
    let full = (confidence.clamp(0.0, 1.0) * 10.0).round() as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(10 - full))
}

pub(super) fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Direct => "its own signals show it",
        Basis::PartlySeen => "its own signals show it; part of the way to the symptom is unseen",
        Basis::Inferred => "inferred from its effects",
    }
}

/// The way from the symptom to the cause.
pub(super) fn path(cause: &Cause) -> String {
    cause.path.iter().map(NodeId::words).collect::<Vec<_>>().join(" → ")
}

/// At most this many lines of what was ruled out, and of what could not be seen.
const MOST_LINES: usize = 10;

fn ruled_out(page: &mut Page, diagnosis: &Diagnosis) {
    list(page, "RULED OUT", "  ✗ ", Paint::Good, &fold::ruled_out(diagnosis));
}

fn missing(page: &mut Page, diagnosis: &Diagnosis) {
    let needs: Vec<_> = diagnosis.needs.iter().map(fold::need).collect();
    list(page, "WHAT WOULD SETTLE IT", "  ? ", Paint::Warn, &needs);
    let gaps = diagnosis.gaps.iter().map(|gap| (gap.source.as_str(), gap.statement.as_str()));
    list(page, "COULD NOT BE SEEN", "  ! ", Paint::Warn, &fold::gaps(gaps));
}

/// A heading and its lines, or nothing when there are none.
pub(super) fn list(page: &mut Page, heading: &str, lead: &str, paint: Paint, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    page.heading(heading);
    for line in lines.iter().take(MOST_LINES) {
        page.hanging(lead, paint, line, Paint::Normal);
    }
    if lines.len() > MOST_LINES {
        page.verbatim(4, &format!("… {} more in the JSON report", lines.len() - MOST_LINES), Paint::Faint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Colour, samples};

    #[test]
    fn a_cause_is_told_with_evidence_and_commands() {
        insta::assert_snapshot!(text(&samples::cause(), Style::plain()));
    }

    #[test]
    fn thin_evidence_gives_candidates_and_what_would_settle_it() {
        insta::assert_snapshot!(text(&samples::insufficient(), Style::new(Colour::Plain, 80)));
    }

    #[test]
    fn a_quiet_cluster_takes_three_lines() {
        insta::assert_snapshot!(text(&samples::no_incident(), Style::plain()));
    }

    #[test]
    fn colour_changes_no_letter() {
        let painted = text(&samples::cause(), Style::new(Colour::Ansi, 100));
        let escape = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
        assert!(escape.is_match(&painted));
        assert_eq!(escape.replace_all(&painted, ""), text(&samples::cause(), Style::plain()));
    }

    #[test]
    fn a_query_stays_on_one_line_at_any_width() {
        let mut diagnosis = samples::cause();
        let query = format!("sum by (instance) (rate({}[5m]))", "x".repeat(200));
        diagnosis.causes[0].evidence[0].query = Some(query.clone());
        assert!(text(&diagnosis, Style::new(Colour::Plain, 80)).lines().any(|line| line.trim() == query));
    }
}
