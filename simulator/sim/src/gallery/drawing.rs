//! Panels below each other, one for each signal: the run, its twin faint behind it, and where the fault begins and ends.
//! Start at [`svg`].

use std::fmt::Write;

use super::number;
use super::signal::{Around, Signal};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 30.0;
const PANEL: f64 = 62.0;
const GAP: f64 = 26.0;

const STYLE: &str = "text{font:11px system-ui,sans-serif;fill:#1d2329}.soft{fill:#69737d}.twin{fill:none;stroke:#b4bcc4;\
    stroke-width:2.4}.run{fill:none;stroke:#2f6fb3;stroke-width:1.4}.in{stroke:#1a7f4b}.frame{fill:none;stroke:#d5dbe1}\
    .fault{stroke:#c43d3d}.end{stroke:#c43d3d;stroke-dasharray:4 3}.moment{fill:#c43d3d}";

/// The drawing.
pub(super) fn svg(title: &str, signals: &[Signal], around: &Around) -> String {
    let height = TOP + signals.len() as f64 * (PANEL + GAP) + 18.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" role=\"img\" \
         aria-label=\"{title}\">\n<style>{STYLE}</style>\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (place, signal) in signals.iter().enumerate() {
        panel(&mut svg, signal, TOP + place as f64 * (PANEL + GAP), around);
    }
    let bottom = TOP + signals.len() as f64 * (PANEL + GAP) - GAP + 8.0;
    for at in &around.moments_s {
        if (around.from_s..=around.to_s).contains(at) {
            let at = x(*at, around);
            let _ = writeln!(svg, "<path class=\"moment\" d=\"M{:.1} 4h7l-3.5 6z\"/>", at - 3.5);
        }
    }
    for (class, at) in [("fault", around.onset_s), ("end", around.end_s)] {
        let Some(at) = at.filter(|at| (around.from_s..=around.to_s).contains(at)) else { continue };
        let at = x(at, around);
        let _ = writeln!(svg, "<line class=\"{class}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"11\" y2=\"{bottom}\"/>");
    }
    let zero = around.onset_s.unwrap_or(around.from_s);
    let long = around.to_s - around.from_s;
    let tick = if long > 2400.0 { 600.0 } else { 300.0 };
    let first = libm::ceil((around.from_s - zero) / tick) as i64;
    let last = libm::floor((around.to_s - zero) / tick) as i64;
    for count in first..=last {
        let seconds = count as f64 * tick;
        let _ = writeln!(
            svg,
            "<text class=\"soft\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{:.0} min</text>",
            x(zero + seconds, around).min(WIDTH - RIGHT - 14.0),
            bottom + 12.0,
            seconds / 60.0
        );
    }
    svg + "</svg>\n"
}

fn x(second: f64, around: &Around) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * (second - around.from_s) / (around.to_s - around.from_s)
}

fn panel(svg: &mut String, signal: &Signal, top: f64, around: &Around) {
    let all = || signal.run.iter().chain(&signal.twin).flatten().flatten().copied();
    let most = all().fold(f64::NEG_INFINITY, f64::max).max(1e-9);
    // Something that hardly moves is shown from nothing on, so that noise does not look like news.
    let low = all().fold(f64::INFINITY, f64::min).min(most);
    let least = if low > 0.7 * most { low - 0.5 * (most - low) - 0.05 * most } else { low.min(0.0) };
    let y = |value: f64| top + PANEL * (1.0 - (value - least) / (most - least));
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{:.1}\">{}</text><rect class=\"frame\" x=\"{LEFT}\" y=\"{top}\" width=\"{}\" height=\"{PANEL}\"/>\
         <text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
         <text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        top - 5.0,
        escaped(&cut(&signal.title)),
        WIDTH - LEFT - RIGHT,
        LEFT - 4.0,
        top + 9.0,
        number(Some(most)),
        LEFT - 4.0,
        top + PANEL,
        number(Some(least)),
    );
    let seconds: Vec<f64> = around.seconds().collect();
    for (class, lines) in [("twin", &signal.twin), ("run", &signal.run)] {
        for (number, values) in lines.iter().enumerate() {
            let class = if number > 0 && class == "run" { "run in" } else { class };
            let path = path(&seconds, values, |second| x(second, around), y);
            let _ = writeln!(svg, "<path class=\"{class}\" d=\"{path}\"/>");
        }
    }
}

/// A line that is interrupted where nothing is known.
fn path(seconds: &[f64], values: &[Option<f64>], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut is_open = false;
    for (second, value) in seconds.iter().zip(values) {
        if let Some(value) = value {
            let _ = write!(path, "{}{:.1} {:.1}", if is_open { "L" } else { "M" }, x(*second), y(*value));
        }
        is_open = value.is_some();
    }
    path
}

/// As much of a title as fits.
fn cut(title: &str) -> String {
    const FITS: usize = 124;
    match title.chars().count() > FITS {
        true => title.chars().take(FITS).chain(['…']).collect(),
        false => title.to_owned(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
