//! What becomes of the grades where less is seen: for people at a terminal, for pull requests, for programs, and as plots.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{escaped, number, range, short};
use crate::interval::Estimate;
use crate::robust::{CLEAR, Curve, Point};

/// Said of all of them, wherever they stand.
const SAME_RUNS: &str = "the same runs, of which less is seen; what happens in them is the same to the last record";

/// A table of all curves; nothing where there are none.
pub(crate) fn text(curves: &[Curve]) -> String {
    if curves.is_empty() {
        return String::new();
    }
    let mut text = format!("\nrobustness: {SAME_RUNS}.\n");
    for curve in curves {
        let _ = writeln!(
            text,
            "{:24} {:>7}  {:12} {:>7}  {:14} {:>12} {:>9}",
            curve.title(),
            "AC@1",
            "interval",
            "change",
            "interval",
            "false alarms",
            "alarms/h"
        );
        for point in &curve.points {
            let [level, ac1, interval, change, of_change, alarms, per_hour] = cells(point);
            let _ = writeln!(
                text,
                "  {level:22} {ac1:>7}  {interval:12} {change:>7}  {of_change:14} {alarms:>12} {per_hour:>9}"
            );
        }
    }
    for curve in curves {
        let _ = writeln!(text, "{}: {}.", curve.title(), curve.meaning());
    }
    text
}

/// The same for a pull request or a wiki.
pub(crate) fn markdown(curves: &[Curve]) -> String {
    if curves.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\nRobustness: {SAME_RUNS}.\n\n| | level | AC@1 | 95 % | change | 95 % | false alarms | alarms/h |\n|---|---|---:|---|---:|---|---:|---:|\n"
    );
    for curve in curves {
        for point in &curve.points {
            let _ = writeln!(text, "| {} | {} |", curve.title(), cells(point).join(" | "));
        }
    }
    text
}

/// Level, AC@1 with interval, its change with interval, false alarms, alarms an hour.
fn cells(point: &Point) -> [String; 7] {
    let figure = |name| point.row.figure(name);
    let change = point.change.filter(|_| point.level > CLEAR);
    [
        level(point.level),
        short(figure("ac1")),
        range(figure("ac1")),
        change.map_or_else(String::new, |change| format!("{:+.2}", change.value)),
        change.map_or_else(String::new, |change| format!("{:+.2}..{:+.2}", change.low, change.high)),
        short(figure("false_alarms")),
        short(figure("false_alarms_per_hour")),
    ]
}

fn level(level: f64) -> String {
    if level > CLEAR { number(level) } else { "as it is".to_owned() }
}

/// For programs; null where there are none.
pub(crate) fn json(curves: &[Curve]) -> Value {
    if curves.is_empty() {
        return Value::Null;
    }
    let estimate = |figure: Option<Estimate>| match figure {
        Some(Estimate { value, low, high }) => json!({ "value": value, "low": low, "high": high }),
        None => Value::Null,
    };
    let point = |point: &Point| {
        json!({
            "level": point.level,
            "n": point.row.n,
            "ac1": estimate(point.row.figure("ac1")),
            "ac1_change": estimate(point.change),
            "false_alarms": estimate(point.row.figure("false_alarms")),
            "false_alarms_per_hour": estimate(point.row.figure("false_alarms_per_hour")),
        })
    };
    let curve =
        |curve: &Curve| json!({ "worse": curve.name(), "levels": curve.points.iter().map(point).collect::<Vec<_>>() });
    json!(curves.iter().map(curve).collect::<Vec<_>>())
}

/// A plot of each curve, for the page; nothing where there are none.
pub(crate) fn html(curves: &[Curve]) -> String {
    if curves.is_empty() {
        return String::new();
    }
    let plots: String = curves.iter().map(plot).collect();
    let mut text = format!(
        "<h2>Where less is seen</h2>\n<p class=\"note\">Here are {SAME_RUNS}. <span class=\"right\">Green</span>: AC@1 with its 95 % interval. <span class=\"wrong\">Red, dashed</span>: fault-free runs that end with an incident reported. On the left the runs as they are.</p>\n<div class=\"plots\">{plots}</div>\n<table><tr><th></th><th>level</th><th>AC@1</th><th>95 %</th><th>change</th><th>95 %</th><th>false alarms</th><th>alarms/h</th></tr>\n"
    );
    for curve in curves {
        for point in &curve.points {
            let cells = cells(point).map(|cell| format!("<td>{}</td>", escaped(&cell)));
            let _ = writeln!(text, "<tr><td>{}</td>{}</tr>", escaped(curve.title()), cells.concat());
        }
    }
    text + "</table>\n"
}

const LEFT: f64 = 38.0;
const WIDTH: f64 = 260.0;
const TOP: f64 = 24.0;
const DEEP: f64 = 170.0;

fn plot(curve: &Curve) -> String {
    let most = curve.points.iter().map(|point| point.level).fold(f64::MIN_POSITIVE, f64::max);
    let x = |level: f64| LEFT + WIDTH * level / most;
    let y = |share: f64| TOP + DEEP * (1.0 - share);
    let mut svg = format!(
        "<figure><svg viewBox=\"0 0 316 244\" width=\"316\" role=\"img\" aria-label=\"AC@1 and false alarms with {title}\"><text x=\"{LEFT}\" y=\"14\">{title}</text>",
        title = escaped(curve.title())
    );
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text class=\"soft\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
            LEFT + WIDTH,
            LEFT - 6.0,
            y(tick) + 4.0,
            at = y(tick)
        );
    }
    for (place, point) in curve.points.iter().enumerate() {
        let anchor = if place == 0 { "start" } else { "middle" };
        let word = if place == 0 { "as it is".to_owned() } else { number(point.level) };
        // Levels that are near to each other leave no room for both.
        let is_near = place == 1 && x(point.level) < LEFT + 70.0;
        if !is_near {
            let _ = write!(
                svg,
                "<text class=\"soft\" x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{word}</text>",
                x(point.level),
                TOP + DEEP + 16.0
            );
        }
    }
    let _ = write!(
        svg,
        "<text class=\"soft\" x=\"{LEFT}\" y=\"{}\">{}</text>",
        TOP + DEEP + 36.0,
        escaped(curve.meaning())
    );
    for (name, colour, dash) in [("false_alarms", "var(--bad)", "5 4"), ("ac1", "var(--good)", "none")] {
        let figures: Vec<(f64, Estimate)> =
            curve.points.iter().filter_map(|point| Some((point.level, point.row.figure(name)?))).collect();
        let line: Vec<String> =
            figures.iter().map(|(level, figure)| format!("{:.1},{:.1}", x(*level), y(figure.value))).collect();
        let _ = write!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>",
            line.join(" ")
        );
        for (at, figure) in &figures {
            let (cx, cy) = (x(*at), y(figure.value));
            if name == "ac1" {
                let _ = write!(
                    svg,
                    "<line x1=\"{cx:.1}\" x2=\"{cx:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" stroke-opacity=\".5\"/>",
                    y(figure.low),
                    y(figure.high)
                );
            }
            let _ = write!(
                svg,
                "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3.5\" fill=\"{colour}\"><title>{}: {} ({})</title></circle>",
                level(*at),
                number(figure.value),
                range(Some(*figure))
            );
        }
    }
    svg + "</svg></figure>\n"
}

#[cfg(test)]
mod tests {
    use lagdoctor_sim::Blur;

    use super::*;
    use crate::scorecard::Run;
    use crate::scorecard::testing::run;

    fn curves() -> Vec<Curve> {
        let runs = |wrong: u64| -> Vec<Run> {
            let one = |seed| run("a", seed, Some(if seed <= wrong { 2 } else { 1 }));
            let quiet = Run { incident: false, root: None, ..run("quiet", 1, None) };
            (1..=4).map(one).chain([quiet]).collect()
        };
        let mut curve = Curve::new(Blur::Noise, &runs(0));
        curve.add(0.2, &runs(0), &runs(1));
        curve.add(0.4, &runs(0), &runs(3));
        vec![curve]
    }

    #[test]
    fn nothing_is_said_where_nobody_asked() {
        assert_eq!((text(&[]), markdown(&[]), html(&[]), json(&[])), Default::default());
    }

    #[test]
    fn the_table_begins_with_what_is_so_and_says_by_how_much_it_falls() {
        let text = text(&curves());
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        let line = |word: &str| lines.iter().find(|line| line.first() == Some(&word)).unwrap().clone();
        assert_eq!(line("as")[..4], ["as", "it", "is", "1.00"]);
        assert_eq!((line("0.20")[1], line("0.20")[3]), ("0.75", "-0.25"));
        assert_eq!((line("0.40")[1], line("0.40")[3]), ("0.25", "-0.75"));
        assert_eq!(markdown(&curves()).matches("\n| noisier measurements |").count(), 3);
    }

    #[test]
    fn a_plot_falls_from_left_to_right_within_its_frame() {
        let html = html(&curves());
        let (_, rest) = html.split_once("<polyline points=\"").unwrap();
        let (_, rest) = rest.split_once("<polyline points=\"").unwrap();
        let (points, _) = rest.split_once('"').unwrap();
        let points: Vec<(f64, f64)> = points
            .split(' ')
            .map(|point| point.split_once(',').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).unwrap())
            .collect();
        // AC@1 of 1, 0.75 and 0.25.
        assert_eq!(points, [(38.0, 24.0), (168.0, 66.5), (298.0, 151.5)]);
        assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
    }
}
