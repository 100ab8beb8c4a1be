//! Records as people read them.

use std::fmt::Write;

use lagdoctor_model::{Millis, Timestamp, Verdict};
use lagdoctor_service::audit::{CallRecord, DecisionPath, Kept, PluginRecord, RankedRecord};

use crate::output::counted;

/// Findings that are shown of one plugin; a scorer says of most nodes that they are normal.
const MOST_FINDINGS: usize = 5;

fn time(ms: i64) -> String {
    Timestamp::from_millis(ms).map_or_else(|_| "?".to_owned(), |at| at.to_string())
}

fn span(ms: i64) -> String {
    if ms < 1000 { format!("{ms} ms") } else { Millis::new(ms).unwrap_or(Millis::ZERO).to_string() }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Cause => "cause",
        Verdict::NoIncident => "no incident",
        Verdict::InsufficientEvidence => "thin evidence",
    }
}

/// One line a record.
pub fn list(records: &[Kept]) -> String {
    let mut page = format!(
        "{:>6}  {:24}  {:12}  {:16}  {:13}  {:>8}  headline\n",
        "id", "time", "cluster", "group", "verdict", "took"
    );
    for Kept { sequence, record, .. } in records {
        let group = record.group.as_deref().unwrap_or("-");
        let _ = writeln!(
            page,
            "{sequence:>6}  {:24}  {:12}  {group:16}  {:13}  {:>8}  {}",
            time(record.at_ms),
            record.cluster,
            verdict(record.verdict),
            span(record.took_ms),
            record.headline
        );
    }
    page
}

/// One record on a page.
pub fn show(kept: &Kept, path: Option<&DecisionPath>) -> String {
    let record = &kept.record;
    let mut page = Page::default();
    page.line("record", format!("{} of {}", kept.sequence, time(record.at_ms)));
    page.line("hash", kept.hash.to_string());
    let group = record.group.as_deref().map(|group| format!(", group {group}")).unwrap_or_default();
    page.line("about", format!("cluster {}{group}", record.cluster));
    page.line("verdict", format!("{}: {}", verdict(record.verdict), record.headline));
    page.line("body", record.body.to_string());
    let build = record.build.sha256.map_or("unknown".to_owned(), |build| build.to_string());
    page.line("by", format!("lagdoctor {}, build {build}, in {}", record.build.version, span(record.took_ms)));
    if !record.blanked.is_empty() {
        page.line("blanked", format!("a secret in its {}", record.blanked.join(" and ")));
    }
    let input = &record.input;
    let window = input.window;
    page.line(
        "input",
        format!(
            "{} series, {}, {} from {} to {}; {} KiB{}, sha256 {}",
            input.series,
            counted(input.logs, "log line"),
            counted(input.events, "event"),
            window.start,
            window.now,
            input.bytes / 1024,
            if input.kept { "" } else { ", too large to be kept" },
            input.sha256
        ),
    );
    for reading in &record.readings {
        page.line(
            "read",
            format!(
                "{}: {} series, {}, {} in {}",
                reading.source,
                reading.series,
                counted(reading.logs, "log line"),
                counted(reading.events, "event"),
                span(reading.took_ms)
            ),
        );
        for exchange in &reading.exchanges {
            let took = span(i64::try_from(exchange.took_ms).unwrap_or(i64::MAX));
            let kib = exchange.bytes / 1024;
            page.more(format!("{} gave {} x{}, {kib} KiB in {took}", exchange.to, exchange.outcome, exchange.count));
        }
        reading.gaps.iter().for_each(|gap| page.more(gap.clone()));
    }
    record.plugins.iter().for_each(|plugin| page.plugin(plugin));
    record.calls.iter().for_each(|call| page.call(call, path));
    match path.and_then(|path| path.ranking.as_ref()) {
        Some(ranking) => {
            for (place, cause) in ranking.causes.iter().enumerate() {
                page.line("cause", ranked(cause, Some(place + 1)));
            }
            ranking.dismissed.iter().for_each(|out| page.line("set aside", ranked(out, None)));
        }
        None if path.is_none() => page.line("path", "missing or altered; see `lagdoctor audit verify`".to_owned()),
        None => {}
    }
    page.0
}

fn ranked(record: &RankedRecord, place: Option<usize>) -> String {
    let place = place.map(|place| format!("{place}. ")).unwrap_or_default();
    let class = record.class.as_deref().unwrap_or("unknown class");
    let confidence = record.confidence.map(|confidence| format!(" {confidence:.2}")).unwrap_or_default();
    format!("{place}{} {class}{confidence}: {}", record.node, record.because)
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, name: &str, text: String) {
        let _ = writeln!(self.0, "{name:9}  {}", text.replace('\n', " "));
    }

    fn more(&mut self, text: String) {
        self.line("", format!("  {text}"));
    }

    fn plugin(&mut self, plugin: &PluginRecord) {
        let PluginRecord { name, plugin: own, version, world, sha256, granted, denied, config, .. } = plugin;
        let alias = if name == own { String::new() } else { format!(" ({own})") };
        self.line("plugin", format!("{name}{alias} {version}, {world}, sha256 {sha256}"));
        if config.as_object().is_some_and(|config| !config.is_empty()) {
            self.more(format!("config {config}"));
        }
        // What it may say is a long list and the least of what it may do.
        let (signals, rest): (Vec<&String>, Vec<&String>) =
            granted.iter().partition(|grant| grant.starts_with("signals "));
        rest.iter().for_each(|grant| self.more(format!("granted {grant}")));
        if !signals.is_empty() {
            self.more(format!("granted {}", counted(signals.len(), "signal")));
        }
        denied.iter().for_each(|ask| self.more(format!("not granted {ask}")));
    }

    fn call(&mut self, call: &CallRecord, path: Option<&DecisionPath>) {
        let CallRecord { plugin, job, took_ms, items, failure } = call;
        let took = span(*took_ms);
        if let Some(failure) = failure {
            self.line("asked", format!("{plugin} {job}: {} after {took}", failure.kind));
            self.more(failure.statement.clone());
            return;
        }
        self.line("asked", format!("{plugin} {job}: gave {} in {took}", counted(items.unwrap_or(0), "answer")));
        if job != "scoring" {
            return;
        }
        let mut said: Vec<_> =
            path.iter().flat_map(|path| &path.findings).filter(|finding| finding.by == *plugin).collect();
        said.sort_by(|a, b| b.score.total_cmp(&a.score));
        let all = said.len();
        for finding in said.iter().take(MOST_FINDINGS) {
            let class = finding.class.as_deref().unwrap_or("no class");
            self.more(format!(
                "{:.2} {} {} {class}: {}",
                finding.score, finding.node, finding.signal, finding.statement
            ));
        }
        if all > MOST_FINDINGS {
            self.more(format!("and {} more, in --format json", all - MOST_FINDINGS));
        }
    }
}
