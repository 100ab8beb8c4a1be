//! A diagnosis for tickets and chats. Every piece of foreign text is escaped: a log line must not become a link, a
//! heading or a mention of everybody.

use lagdoctor_model::{Cause, Diagnosis, Verdict};

use super::fold;
use super::links::Links;
use super::page::clean;
use super::text;

/// The verdict in one line, for subjects of messages.
pub fn headline(diagnosis: &Diagnosis) -> String {
    clean(&text::sentence(&diagnosis.headline))
}

/// The diagnosis as Markdown.
pub fn markdown(diagnosis: &Diagnosis, links: &Links) -> String {
    let mut out = format!("## {}\n\n", escaped(&text::sentence(&diagnosis.headline)));
    let impact = text::impact(diagnosis);
    let mut facts = vec![];
    if diagnosis.verdict != Verdict::NoIncident && !impact.is_empty() {
        facts.push(("Impact", impact));
    }
    if let Some(symptom) = &diagnosis.symptom {
        facts.push(("Symptom", symptom.statement.clone()));
    }
    if let Some(time) = diagnosis.time_to_data_loss {
        facts.push(("Data loss", text::data_loss(time)));
    }
    if let Some(forecast) = text::forecast(diagnosis) {
        facts.push(("Forecast", forecast));
    }
    for (name, fact) in facts {
        out.push_str(&format!("- **{name}:** {}\n", escaped(&fact)));
    }
    if !diagnosis.causes.is_empty() {
        let title = if diagnosis.verdict == Verdict::Cause { "Likely causes" } else { "Candidates, not answers" };
        out.push_str(&format!("\n### {title}\n"));
    }
    for (place, cause) in diagnosis.causes.iter().enumerate() {
        push_cause(&mut out, place, cause, diagnosis, links);
    }
    push_list(&mut out, "Unusual, and nobody said whether it matters", fold::unconnected(diagnosis));
    push_list(&mut out, "Ruled out", fold::ruled_out(diagnosis));
    push_list(&mut out, "What would settle it", diagnosis.needs.iter().map(fold::need).collect());
    let gaps = diagnosis.gaps.iter().map(|gap| (gap.source.as_str(), gap.statement.as_str()));
    push_list(&mut out, "Could not be seen", fold::gaps(gaps));
    let window = &diagnosis.window;
    out.push_str(&format!("\n_{} to {}, a reading every {}_\n", window.start, window.now, window.step));
    out
}

fn push_cause(out: &mut String, place: usize, cause: &Cause, diagnosis: &Diagnosis, links: &Links) {
    let title = format!("{}: {}", cause.node.words(), cause.words);
    let owner = cause.owner.as_ref().map(|owner| format!(", owner {}", escaped(owner))).unwrap_or_default();
    out.push_str(&format!(
        "\n{}. **{}** ({:.0} %, {}{owner})\n",
        place + 1,
        escaped(&title),
        cause.confidence.get() * 100.0,
        text::basis(cause.basis)
    ));
    if cause.path.len() > 1 {
        out.push_str(&format!("   - Path: {}\n", escaped(&text::path(cause))));
    }
    if !cause.because.is_empty() {
        out.push_str(&format!("   - {}\n", escaped(&text::sentence(&cause.because))));
    }
    for evidence in &cause.evidence {
        let when = evidence.onset.map(|onset| format!("{} UTC: ", onset.clock())).unwrap_or_default();
        let said = format!("{when}{}{}", evidence.statement, text::values(evidence));
        out.push_str(&format!("   - {}", escaped(&said)));
        if let Some(query) = &evidence.query {
            out.push_str(&format!(" {}", code(query)));
        }
        if let Some(url) = links.url(evidence, &diagnosis.window) {
            out.push_str(&format!(" [graph](<{}>)", url.replace(['<', '>', '\n'], "")));
        }
        out.push('\n');
    }
    for action in &cause.actions {
        let command = action.command.as_ref().map(|command| format!(" {}", code(command))).unwrap_or_default();
        out.push_str(&format!("   - **Do:** {}{command}\n", escaped(&action.say)));
    }
}

fn push_list(out: &mut String, title: &str, items: Vec<String>) {
    if items.is_empty() {
        return;
    }
    out.push_str(&format!("\n### {title}\n\n"));
    for item in items {
        out.push_str(&format!("- {}\n", escaped(&item)));
    }
}

/// Text that Markdown shows as it is written.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in clean(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '!' | '#' | '&' => {
                out.push('\\');
                out.push(c);
            }
            // A zero-width space after it keeps chats from calling people.
            '@' => out.push_str("@\u{200b}"),
            c => out.push(c),
        }
    }
    out
}

/// A code span that holds any text: fenced by more backticks than the text has in a row.
fn code(text: &str) -> String {
    let text = clean(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if text.starts_with('`') || text.ends_with('`') {
        format!("{fence} {text} {fence}")
    } else {
        format!("{fence}{text}{fence}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_cause_becomes_a_ticket() {
        insta::assert_snapshot!(markdown(&samples::cause(), &Links::prometheus("http://prometheus:9090")));
    }

    #[test]
    fn thin_evidence_is_no_answer() {
        insta::assert_snapshot!(markdown(&samples::insufficient(), &Links::none()));
    }

    #[test]
    fn a_hostile_log_line_stays_text() {
        let mut diagnosis = samples::cause();
        diagnosis.causes[0].evidence[0].statement = "@channel [click](http://evil) <img> `x` **b**\n# big".into();
        let told = markdown(&diagnosis, &Links::none());
        assert!(told.contains("@\u{200b}channel \\[click\\](http://evil) \\<img\\> \\`x\\` \\*\\*b\\*\\* \\# big"));
    }

    #[test]
    fn the_headline_is_one_line() {
        let mut diagnosis = samples::cause();
        diagnosis.headline = "two\nlines\u{1b}[2J".into();
        assert_eq!(headline(&diagnosis), "Two lines\u{fffd}[2J.");
    }

    #[test]
    fn backticks_in_a_query_do_not_end_the_code() {
        assert_eq!(code("a ``b"), "```a ``b```");
        assert_eq!(code("`a`"), "`` `a` ``");
    }
}
