//! A diagnosis as one HTML file that needs nothing else: no script, no font, no address is loaded, so it can be attached
//! to a ticket and opened years later. It shows what the text only says: the signals behind the verdict over one time
//! axis, with the moments at which they became unusual. Start at [`html`].

mod chart;
mod plots;

use lagdoctor_model::{Cause, Diagnosis, Evidence, Signals, Verdict};

use super::fold;
use super::json::Envelope;
use super::links::Links;
use super::page::clean;
use super::text;

const STYLE: &str = include_str!("style.css");

/// The diagnosis as a page. `signals` are those that it was made from.
pub fn html(diagnosis: &Diagnosis, signals: &Signals, links: &Links, envelope: &Envelope) -> String {
    let headline = escaped(&text::sentence(&diagnosis.headline));
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{headline}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    let (word, words) = match diagnosis.verdict {
        Verdict::Cause => ("cause", "Cause found"),
        Verdict::InsufficientEvidence => ("insufficient-evidence", "Insufficient evidence"),
        Verdict::NoIncident => ("no-incident", "No incident"),
    };
    out.push_str(&format!("<span class=\"verdict {word}\">{words}</span>\n<h1>{headline}</h1>\n"));
    push_facts(&mut out, diagnosis);
    plots::push(&mut out, diagnosis, signals);
    if !diagnosis.causes.is_empty() {
        let title = if diagnosis.verdict == Verdict::Cause { "Likely causes" } else { "Candidates, not answers" };
        out.push_str(&format!("<h2>{title}</h2>\n"));
    }
    for (place, cause) in diagnosis.causes.iter().enumerate() {
        push_cause(&mut out, place, cause, diagnosis, links);
    }
    push_list(&mut out, "Unusual, and nobody said whether it matters", "open", fold::unconnected(diagnosis));
    push_list(&mut out, "Ruled out", "out", fold::ruled_out(diagnosis));
    push_list(&mut out, "What would settle it", "open", diagnosis.needs.iter().map(fold::need).collect());
    let gaps = diagnosis.gaps.iter().map(|gap| (gap.source.as_str(), gap.statement.as_str()));
    push_list(&mut out, "Could not be seen", "blind", fold::gaps(gaps));
    push_footer(&mut out, diagnosis, envelope);
    out.push_str("</body>\n</html>\n");
    out
}

fn push_facts(out: &mut String, diagnosis: &Diagnosis) {
    let mut facts = vec![];
    let impact = text::impact(diagnosis);
    if diagnosis.verdict != Verdict::NoIncident && !impact.is_empty() {
        facts.push(("Impact", impact));
    }
    facts.extend(diagnosis.symptom.as_ref().map(|symptom| ("Symptom", symptom.statement.clone())));
    facts.extend(diagnosis.time_to_data_loss.map(|time| ("Data loss", text::data_loss(time))));
    facts.extend(text::forecast(diagnosis).map(|forecast| ("Forecast", forecast)));
    if facts.is_empty() {
        return;
    }
    out.push_str("<dl>\n");
    for (name, fact) in facts {
        out.push_str(&format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(&text::sentence(&fact))));
    }
    out.push_str("</dl>\n");
}

fn push_cause(out: &mut String, place: usize, cause: &Cause, diagnosis: &Diagnosis, links: &Links) {
    let first = if place == 0 && diagnosis.verdict == Verdict::Cause { " first" } else { "" };
    let title = format!("{}. {}: {}", place + 1, cause.node.words(), cause.words);
    let percent = cause.confidence.get() * 100.0;
    let owner = cause.owner.as_ref().map(|owner| format!(" · owner: {}", escaped(owner))).unwrap_or_default();
    out.push_str(&format!(
        "<section class=\"card{first}\">\n<h3>{}</h3>\n<div class=\"sure\"><span class=\"meter\"><i style=\"width:{percent:.0}%\">\
         </i></span><b>{percent:.0} %</b> {}{owner}</div>\n",
        escaped(&title),
        text::basis(cause.basis)
    ));
    if cause.path.len() > 1 {
        let steps: Vec<String> = cause
            .path
            .iter()
            .enumerate()
            .map(|(step, node)| {
                let end = if step + 1 == cause.path.len() { " class=\"end\"" } else { "" };
                format!("<span{end}>{}</span>", escaped(&node.words()))
            })
            .collect();
        out.push_str(&format!("<div class=\"way\">{}</div>\n", steps.join("<small>waits for →</small>")));
    }
    if !cause.because.is_empty() {
        out.push_str(&format!("<p>{}</p>\n", escaped(&text::sentence(&cause.because))));
    }
    if !cause.evidence.is_empty() {
        out.push_str("<ul class=\"evidence\">\n");
        cause.evidence.iter().for_each(|evidence| push_evidence(out, evidence, diagnosis, links));
        out.push_str("</ul>\n");
    }
    if !cause.actions.is_empty() {
        out.push_str("<ol>\n");
        for action in &cause.actions {
            let command = action.command.as_ref().map(|command| code(command)).unwrap_or_default();
            out.push_str(&format!("<li>{}{command}</li>\n", escaped(&action.say)));
        }
        out.push_str("</ol>\n");
    }
    out.push_str("</section>\n");
}

fn push_evidence(out: &mut String, evidence: &Evidence, diagnosis: &Diagnosis, links: &Links) {
    let when = evidence.onset.map(|onset| format!("<time>{}</time>", onset.clock())).unwrap_or_default();
    let said = escaped(&format!("{}{}", evidence.statement, text::values(evidence)));
    let of = escaped(&format!("{} of {}", evidence.signal.as_str(), evidence.node));
    let graph = links.url(evidence, &diagnosis.window);
    let graph = graph.filter(|url| url.starts_with("http://") || url.starts_with("https://"));
    let graph = graph.map(|url| format!(" · <a href=\"{}\" rel=\"noreferrer\">graph</a>", escaped(&url)));
    let query = evidence.query.as_ref().map(|query| code(query)).unwrap_or_default();
    out.push_str(&format!("<li>{when}{said}<div class=\"of\">{of}{}</div>{query}</li>\n", graph.unwrap_or_default()));
}

fn push_list(out: &mut String, title: &str, class: &str, items: Vec<String>) {
    if items.is_empty() {
        return;
    }
    out.push_str(&format!("<h2>{title}</h2>\n<ul class=\"{class}\">\n"));
    for item in items {
        out.push_str(&format!("<li>{}</li>\n", escaped(&item)));
    }
    out.push_str("</ul>\n");
}

fn push_footer(out: &mut String, diagnosis: &Diagnosis, envelope: &Envelope) {
    let window = &diagnosis.window;
    let (year, month, day, ..) = window.now.civil();
    let plugins: Vec<String> =
        envelope.plugins.iter().map(|plugin| escaped(&format!("{} {}", plugin.name, plugin.version))).collect();
    let cluster = Some(&envelope.cluster).filter(|cluster| !cluster.is_empty());
    let cluster = cluster.map(|cluster| format!(" · cluster {}", escaped(cluster))).unwrap_or_default();
    out.push_str(&format!(
        "<footer>Looked at {} to {} UTC of {year:04}-{month:02}-{day:02}, a reading every {}{cluster} · took {} · lagdoctor {}<br>\
         {}</footer>\n",
        window.start.clock(),
        window.now.clock(),
        window.step,
        envelope.took,
        env!("CARGO_PKG_VERSION"),
        plugins.join(", ")
    ));
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// Text that a browser shows as it is written, between tags and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
