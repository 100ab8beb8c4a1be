//! For looking at: one file without scripts, fonts or links, with the leaderboard, the confusion of root and blamed, the
//! calibration, and the timeline of every run. Start at [`html`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::{escaped, range, short};
use crate::measure::calibration::bins;
use crate::measure::{MEASURES, confidences};
use crate::scorecard::{Row, Run, Scorecard, by};

const STYLE: &str = "
:root { color-scheme: light dark; --ink: light-dark(#1d2329, #d7dce1); --soft: light-dark(#69737d, #8b949e);
  --line: light-dark(#d5dbe1, #30363d); --good: light-dark(#1a7f4b, #3fb97a); --bad: light-dark(#c43d3d, #f07070);
  --mark: light-dark(#2f6fb3, #6aa9ec); --back: light-dark(#ffffff, #0f1318); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink); background: var(--back); }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } p.note { color: var(--soft); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } th, td { padding: .15rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child, td.words { text-align: left; } th { color: var(--soft); font-weight: 500; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg .soft { fill: var(--soft); }
.axis { stroke: var(--line); } .bar { fill: var(--mark); } .ours { fill: var(--good); } .whisker { stroke: var(--ink); stroke-width: 1.5; }
details { margin: .2rem 0; } summary { cursor: pointer; } .right { color: var(--good); } .wrong { color: var(--bad); }
.scroll { overflow-x: auto; } .plots { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; }
";

/// The whole report: simulated runs and recorded incidents, each for themselves.
pub fn html(scorecards: &[&Scorecard]) -> String {
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>lagdoctor evaluate</title>\n<style>{STYLE}</style>\n<h1>How often is it right?</h1>\n"
    );
    for scorecard in scorecards {
        text += &part(scorecard);
    }
    text + "</html>\n"
}

fn part(scorecard: &Scorecard) -> String {
    let overall = scorecard.overall();
    let right = scorecard.runs().iter().filter(|run| run.is_right()).count();
    let what = escaped(&super::runs(scorecard));
    let mut text = if scorecard.is_recorded() {
        "<h1>Recorded incidents</h1>\n<p class=\"note\">None of these figures is mixed with those of simulated runs. Nobody can have an incident again without its fault, so there is no oracle; a class and a way are graded where the label tells them.</p>\n".to_owned()
    } else {
        String::new()
    };
    let _ = writeln!(
        text,
        "<p>{right} of {} {what} are wholly right. AC@1 {} <span class=\"soft\">({})</span>.</p>",
        overall.n,
        short(overall.figure("ac1")),
        range(overall.figure("ac1")),
    );
    text += &leaderboard(&scorecard.leaderboard());
    text += &grades(&overall);
    text += &families(&scorecard.families());
    text += &confusion(scorecard.runs());
    text += &calibration(scorecard.runs());
    text += &super::robust::html(scorecard.curves());
    text + &timelines(scorecard)
}

fn leaderboard(rows: &[Row]) -> String {
    const LEFT: f64 = 170.0;
    const WIDTH: f64 = 520.0;
    let height = 34.0 + 26.0 * rows.len() as f64;
    let x = |share: f64| LEFT + WIDTH * share;
    let mut svg =
        format!("<svg viewBox=\"0 0 780 {height}\" width=\"780\" role=\"img\" aria-label=\"AC@1 of each contender\">");
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let at = x(tick);
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{at}\" x2=\"{at}\" y1=\"4\" y2=\"{}\"/><text class=\"soft\" x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{tick}</text>",
            height - 24.0,
            height - 8.0
        );
    }
    for (place, row) in rows.iter().enumerate() {
        let Some(ac1) = row.figure("ac1") else { continue };
        let y = 8.0 + 26.0 * place as f64;
        let class = if row.name == "plugins" { "ours" } else { "bar" };
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text><rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{:.1}\" height=\"16\" rx=\"2\"/><line class=\"whisker\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{m}\" y2=\"{m}\"/><text x=\"{:.1}\" y=\"{}\">{}</text>",
            LEFT - 8.0,
            y + 13.0,
            escaped(&row.name),
            WIDTH * ac1.value,
            x(ac1.low),
            x(ac1.high),
            x(ac1.high.max(ac1.value)) + 8.0,
            y + 13.0,
            short(Some(ac1)),
            m = y + 8.0,
        );
    }
    format!(
        "<h2>Leaderboard</h2>\n<p class=\"note\">AC@1 on the last verdict, with its 95 % interval.</p>\n{svg}</svg>\n"
    )
}

fn grades(overall: &Row) -> String {
    let mut text = "<h2>Grades</h2>\n<table><tr><th>grade</th><th>value</th><th>95 %</th><th></th></tr>\n".to_owned();
    for (measure, figure) in MEASURES.iter().zip(&overall.figures).filter(|(_, figure)| figure.is_some()) {
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"words\">{}</td></tr>",
            escaped(measure.title),
            short(*figure),
            range(*figure),
            escaped(measure.meaning)
        );
    }
    text + "</table>\n"
}

fn families(rows: &[Row]) -> String {
    let value = |row: &Row| row.figure("ac1").map_or(2.0, |ac1| ac1.value);
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by(|a, b| value(a).total_cmp(&value(b)).then(a.name.cmp(&b.name)));
    let mut text = "<h2>Families, the worst first</h2>\n<table><tr><th>family</th><th>runs</th><th>AC@1</th><th>95 %</th><th>AC@3</th><th>early</th><th>node+class</th><th>alarms</th></tr>\n".to_owned();
    for row in rows {
        let ac1 = row.figure("ac1");
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&row.name),
            row.n,
            short(ac1),
            range(ac1),
            short(row.figure("ac3")),
            short(row.figure("ac1_early")),
            short(row.figure("exact1")),
            short(row.figure("false_alarms"))
        );
    }
    text + "</table>\n"
}

/// Who was at fault against who was blamed, by class.
fn confusion(runs: &[Run]) -> String {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let class_of = |run: &Run| match &run.root {
        Some((_, class)) => class.clone(),
        None => Some("nothing".to_owned()),
    };
    for (run, truth) in runs.iter().filter_map(|run| Some((run, class_of(run)?))) {
        let truth = truth.as_str();
        let first = run.grade.first.as_ref();
        let said = match first.map(|first| first.class.as_ref()) {
            _ if run.grade.exact == Some(true) => truth.to_owned(),
            Some(Some(class)) => class.to_string(),
            Some(None) => "a node alone".to_owned(),
            None => "nothing".to_owned(),
        };
        *counts.entry((truth.to_owned(), said)).or_default() += 1;
    }
    if counts.is_empty() {
        return String::new();
    }
    let truths: BTreeSet<&String> = counts.keys().map(|(truth, _)| truth).collect();
    let said: BTreeSet<&String> = counts.keys().map(|(_, said)| said).collect();
    const CELL: f64 = 26.0;
    const LEFT: f64 = 210.0;
    const TOP: f64 = 190.0;
    let (width, height) = (LEFT + CELL * said.len() as f64 + 130.0, TOP + CELL * truths.len() as f64 + 10.0);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" role=\"img\" aria-label=\"root against blamed\">"
    );
    for (column, class) in said.iter().enumerate() {
        let x = LEFT + CELL * (column as f64 + 0.6);
        let _ = write!(svg, "<text transform=\"translate({x} {}) rotate(-55)\">{}</text>", TOP - 8.0, escaped(class));
    }
    for (line, truth) in truths.iter().enumerate() {
        let y = TOP + CELL * line as f64;
        let of: usize = counts.iter().filter(|((known, _), _)| known == *truth).map(|(_, count)| count).sum();
        let _ =
            write!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", LEFT - 8.0, y + 17.0, escaped(truth));
        for (column, class) in said.iter().enumerate() {
            let x = LEFT + CELL * column as f64;
            let count = counts.get(&((*truth).clone(), (*class).clone())).copied().unwrap_or_default();
            let share = count as f64 / of.max(1) as f64;
            let fill = if truth == class { "var(--good)" } else { "var(--bad)" };
            let _ = write!(
                svg,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{w}\" rx=\"2\" fill=\"{fill}\" fill-opacity=\"{:.2}\" stroke=\"var(--line)\"/>",
                0.85 * share,
                w = CELL - 2.0
            );
            if count > 0 {
                let _ =
                    write!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{count}</text>", x + 12.0, y + 17.0);
            }
        }
    }
    format!(
        "<h2>Root against blamed</h2>\n<p class=\"note\">Rows: the class that broke. Columns: the class that came first. Numbers are runs.</p>\n<div class=\"scroll\">{svg}</svg></div>\n"
    )
}

fn calibration(runs: &[Run]) -> String {
    let pairs = confidences(&runs.iter().filter(|run| run.incident).collect::<Vec<_>>());
    const SIDE: f64 = 300.0;
    const LEFT: f64 = 40.0;
    let mut svg = format!(
        "<svg viewBox=\"0 0 380 360\" width=\"380\" role=\"img\" aria-label=\"calibration\"><line class=\"axis\" x1=\"{LEFT}\" y1=\"{0}\" x2=\"{1}\" y2=\"20\" stroke-dasharray=\"4 4\"/>",
        SIDE + 20.0,
        LEFT + SIDE
    );
    for tick in [0.0, 0.5, 1.0] {
        let (x, y) = (LEFT + SIDE * tick, 20.0 + SIDE * (1.0 - tick));
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{x}\" x2=\"{x}\" y1=\"20\" y2=\"{b}\"/><line class=\"axis\" x1=\"{LEFT}\" x2=\"{r}\" y1=\"{y}\" y2=\"{y}\"/><text class=\"soft\" x=\"{x}\" y=\"{t}\" text-anchor=\"middle\">{tick}</text><text class=\"soft\" x=\"{l}\" y=\"{m}\" text-anchor=\"end\">{tick}</text>",
            b = SIDE + 20.0,
            r = LEFT + SIDE,
            t = SIDE + 38.0,
            l = LEFT - 6.0,
            m = y + 4.0
        );
    }
    for bin in bins(&pairs).iter().filter(|bin| bin.n > 0) {
        let (x, y) = (LEFT + SIDE * bin.confidence, 20.0 + SIDE * (1.0 - bin.right));
        let radius = 3.0 + (bin.n as f64).sqrt();
        let _ = write!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"var(--mark)\" fill-opacity=\".75\"><title>{} answers, {:.0} % sure, {:.0} % right</title></circle>",
            bin.n,
            bin.confidence * 100.0,
            bin.right * 100.0
        );
    }
    format!(
        "<h2>Calibration</h2>\n<p class=\"note\">Across: how sure. Up: which share was the right node. On the line both agree; the larger the dot, the more answers.</p>\n{svg}</svg>\n"
    )
}

fn timelines(scorecard: &Scorecard) -> String {
    let mut text = "<h2>Every run</h2>\n<p class=\"note\">The backlog by minute, or what else was the symptom; a dashed line where the fault began, a solid one where it began to hurt; a dot for each verdict, green when the right node came first.</p>\n".to_owned();
    let runs: Vec<&Run> = scorecard.runs().iter().collect();
    for (scenario, runs) in by(&runs, |run| &run.scenario) {
        let right = runs.iter().filter(|run| run.is_right()).count();
        let _ = writeln!(
            text,
            "<details><summary>{} <span class=\"soft\">{right} of {} right</span></summary>",
            escaped(scenario),
            runs.len()
        );
        for run in runs {
            let class = if run.is_right() { "right" } else { "wrong" };
            let _ = writeln!(
                text,
                "<details><summary class=\"{class}\">{}: {}</summary>\n<p>truth: {}<br>again: <code>{}</code></p>\n{}</details>",
                if run.recorded { escaped(&run.family) } else { format!("seed {}", run.seed) },
                escaped(&run.said),
                escaped(&run.truth),
                escaped(&super::again(run, scorecard.flags())),
                timeline(run)
            );
        }
        text += "</details>\n";
    }
    text
}

fn timeline(run: &Run) -> String {
    const WIDTH: f64 = 720.0;
    const TOP: f64 = 10.0;
    const DEEP: f64 = 130.0;
    let last_s = (run.backlog.len().saturating_sub(1).max(1) * 60) as f64;
    let x = |seconds: f64| 10.0 + WIDTH * (seconds / last_s).clamp(0.0, 1.0);
    let least = if run.recorded { f64::MIN_POSITIVE } else { 1.0 };
    let most = run.backlog.iter().flatten().copied().fold(least, f64::max);
    let points: Vec<String> = run
        .backlog
        .iter()
        .enumerate()
        .filter_map(|(minute, value)| Some((minute, (*value)?)))
        .map(|(minute, value)| format!("{:.1},{:.1}", x(minute as f64 * 60.0), TOP + DEEP * (1.0 - value / most)))
        .collect();
    let mut svg = format!(
        "<svg viewBox=\"0 0 740 190\" width=\"740\" role=\"img\" aria-label=\"timeline\"><line class=\"axis\" x1=\"10\" x2=\"730\" y1=\"{b}\" y2=\"{b}\"/><polyline points=\"{}\" fill=\"none\" stroke=\"var(--mark)\" stroke-width=\"1.5\"/><text class=\"soft\" x=\"12\" y=\"20\">{}{}</text>",
        points.join(" "),
        super::number(most),
        if run.recorded { "" } else { " records" },
        b = TOP + DEEP
    );
    for (at, dash, word) in [(run.onset_s, "4 3", "fault"), (run.impact_s, "none", "impact")] {
        let Some(at) = at else { continue };
        let at = x(at);
        let _ = write!(
            svg,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{}\" stroke=\"var(--bad)\" stroke-dasharray=\"{dash}\"><title>{word}</title></line>",
            TOP + DEEP
        );
    }
    for said in &run.spoken {
        let fill = if said.right { "var(--good)" } else { "var(--bad)" };
        let what = said.node.as_deref().unwrap_or("nobody");
        let sure = said.confidence.map_or(String::new(), |sure| format!(", {:.0} % sure", sure * 100.0));
        let class = said.class.as_deref().unwrap_or("no class");
        let _ = write!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{}\" r=\"5\" fill=\"{fill}\"><title>{:.0} s: {} ({}){sure}</title></circle>",
            x(said.at_s),
            TOP + DEEP + 16.0,
            said.at_s,
            escaped(what),
            escaped(class)
        );
    }
    for quarter in 0..=4_u8 {
        let seconds = last_s * f64::from(quarter) / 4.0;
        let _ = write!(
            svg,
            "<text class=\"soft\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{:.0} min</text>",
            x(seconds).clamp(22.0, 712.0),
            TOP + DEEP + 42.0,
            seconds / 60.0
        );
    }
    svg + "</svg>\n"
}
