//! The message: what happened, why, how that is known, what to do, and what could not be seen. Start at [`message`].

use lagdoctor_sdk::json::{Value, json};
use lagdoctor_sdk::{IncidentEvent, Rendering};

use crate::diagnosis::{Cause, Diagnosis, Impact};
use crate::mrkdwn::{HEADER, SECTION, code, code_block, cut, escaped, link};

/// Most blocks of a message.
const BLOCKS: usize = 50;
/// Lines of each kind; the whole report is elsewhere.
const EVIDENCE: usize = 4;
const ACTIONS: usize = 3;
const OTHERS: usize = 2;
const RULED_OUT: usize = 3;
const GAPS: usize = 4;

/// Which step of an incident, in words and a sign that can be seen from afar.
fn sign(phase: &str) -> (&'static str, &'static str) {
    match phase {
        "closed" => ("\u{2705}", "Over"),
        "updated" => ("\u{1f7e0}", "Update"),
        _ => ("\u{1f534}", "Incident"),
    }
}

/// The message of Slack's `chat.postMessage` and of its incoming webhooks.
pub(crate) fn message(
    event: &IncidentEvent,
    diagnosis: Option<&Diagnosis>,
    renderings: &[Rendering],
    mention: Option<&str>,
) -> Value {
    let rendered =
        |format: &str| renderings.iter().find(|rendering| rendering.format == format).map(|it| it.text.as_str());
    let headline = rendered("headline").or(diagnosis.map(|it| it.headline.as_str())).unwrap_or("").trim();
    let headline = if headline.is_empty() { event.incident.as_str() } else { headline };
    let (sign, words) = sign(&event.phase);
    let title = format!("{sign} {words}: {headline}");

    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "emoji": true, "text": cut(&escaped(&title.replace('\n', " ")), HEADER)},
    })];
    // A person who is called reads a header that was cut short in full below it.
    if title.chars().count() > HEADER {
        blocks.push(section(&escaped(headline)));
    }
    if let Some(mention) = mention.filter(|_| event.phase == "opened") {
        blocks.push(section(mention));
    }
    match diagnosis {
        Some(diagnosis) => blocks.extend(body(diagnosis, event.phase == "closed")),
        None => {
            let text = rendered("text").or(rendered("markdown")).unwrap_or("The report could not be read.");
            blocks.push(section(&code_block(text)));
        }
    }
    blocks.truncate(BLOCKS - 1);
    blocks.push(context(&format!("lagdoctor, incident {}, {}", code(&event.incident), date(event.at_ms))));
    json!({"text": cut(&escaped(&title), SECTION), "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
}

fn body(diagnosis: &Diagnosis, is_over: bool) -> Vec<Value> {
    let mut blocks = Vec::new();
    let impact = impact(&diagnosis.impact, diagnosis.time_to_data_loss_ms);
    let forecast = diagnosis.forecast.as_ref().map_or("", |forecast| forecast.statement.as_str());
    let impact: Vec<String> =
        [impact.as_str(), forecast].iter().filter(|line| !line.is_empty()).map(|line| escaped(line)).collect();
    if !impact.is_empty() {
        blocks.push(section(&impact.join("\n")));
    }
    // When it is over, the causes that are left are those of nothing.
    if is_over {
        return blocks;
    }
    let is_sure = diagnosis.verdict == "cause";
    if let Some((first, others)) = diagnosis.causes.split_first() {
        blocks.extend(cause(first, is_sure));
        let others: Vec<String> = others.iter().take(OTHERS).map(|other| format!("• {}", claim(other))).collect();
        if !others.is_empty() {
            let words = if is_sure { "Less likely" } else { "Or" };
            blocks.push(section(&format!("*{words}*\n{}", others.join("\n"))));
        }
    }
    let ruled_out = diagnosis.ruled_out.iter().take(RULED_OUT);
    let ruled_out: Vec<String> =
        ruled_out.map(|it| format!("• {}: {}", code(&it.node), escaped(&it.because))).collect();
    if !ruled_out.is_empty() {
        blocks.push(section(&format!("*Ruled out*\n{}", ruled_out.join("\n"))));
    }
    let missing = diagnosis.gaps.iter().chain(diagnosis.needs.iter().filter(|_| !is_sure));
    let count = missing.clone().count();
    let mut missing: Vec<String> = missing.take(GAPS).map(|gap| format!("• {}", escaped(&gap.statement))).collect();
    if count > GAPS {
        missing.push(format!("• and {} more", count - GAPS));
    }
    if !missing.is_empty() {
        blocks.push(section(&format!("*Not seen*\n{}", missing.join("\n"))));
    }
    blocks
}

fn cause(cause: &Cause, is_sure: bool) -> Vec<Value> {
    let words = if is_sure { "Cause" } else { "Best guess, not enough evidence" };
    let owner = cause.owner.as_ref().map(|owner| format!("\nOwner: {}", escaped(owner))).unwrap_or_default();
    let because = if cause.because.is_empty() { String::new() } else { format!("\n{}", escaped(&cause.because)) };
    let mut blocks = vec![section(&format!("*{words}*\n{}{because}{owner}", claim(cause)))];
    let evidence: Vec<String> = cause
        .evidence
        .iter()
        .take(EVIDENCE)
        .map(|it| {
            let graph = it.url.as_ref().map(|url| format!(" {}", link(url, "graph"))).unwrap_or_default();
            let node = if it.node.is_empty() { String::new() } else { format!("{}: ", code(&it.node)) };
            format!("• {node}{}{graph}", escaped(&it.statement))
        })
        .collect();
    if !evidence.is_empty() {
        blocks.push(section(&format!("*Evidence*\n{}", evidence.join("\n"))));
    }
    let actions: Vec<String> = cause
        .actions
        .iter()
        .take(ACTIONS)
        .map(|action| {
            let command =
                action.command.as_ref().map(|command| format!("\n{}", code_block(command))).unwrap_or_default();
            format!("• {}{command}", escaped(&action.say))
        })
        .collect();
    if !actions.is_empty() {
        blocks.push(section(&format!("*What to do*\n{}", actions.join("\n"))));
    }
    blocks
}

/// One line that says where, what and how surely.
fn claim(cause: &Cause) -> String {
    let words = if cause.words.is_empty() { String::new() } else { format!(" {}", escaped(&cause.words)) };
    format!("{}{words} ({:.0} % sure)", code(&cause.node), cause.confidence.clamp(0.0, 1.0) * 100.0)
}

fn impact(impact: &Impact, loss_ms: Option<i64>) -> String {
    let mut parts = Vec::new();
    if let Some(backlog) = impact.backlog {
        parts.push(format!("{} records behind", grouped(backlog)));
    }
    if let Some(time_lag_ms) = impact.time_lag_ms {
        parts.push(format!("oldest waits {}", span(time_lag_ms)));
    }
    match impact.growth_per_s {
        Some(growth) if growth >= 1.0 => parts.push(format!("growing by {growth:.0} a second")),
        Some(growth) if growth <= -1.0 => parts.push(format!("shrinking by {:.0} a second", -growth)),
        _ => {}
    }
    if let (Some(lagging), Some(all)) = (impact.partitions_lagging, impact.partitions) {
        parts.push(format!("{lagging} of {all} partitions"));
    }
    match loss_ms {
        Some(0) => parts.push("records are being deleted unread".to_owned()),
        Some(millis) => parts.push(format!("records are deleted unread in {}", span(millis))),
        None => {}
    }
    parts.join(", ")
}

/// 1234567 as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time in its two largest units.
fn span(millis: i64) -> String {
    let seconds = millis.max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A time that Slack shows in the reader's own zone.
fn date(at_ms: i64) -> String {
    let seconds = at_ms.div_euclid(1000);
    format!("<!date^{seconds}^{{date_short_pretty}} {{time_secs}}|Unix time {seconds}>")
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": cut(text, SECTION)}})
}

fn context(text: &str) -> Value {
    json!({"type": "context", "elements": [{"type": "mrkdwn", "text": cut(text, SECTION)}]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_for_people() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(184_200), "184,200");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(span(59_999), "59 s");
        assert_eq!(span(330_000), "5 min 30 s");
        assert_eq!(span(90_000_000), "1 d 1 h");
    }
}
