//! One signal over the window, as an SVG: the readings, where they usually are, and when things began. All charts of a
//! page have the same time axis, so that what began first stands further left. Start at [`Chart::svg`].

use lagdoctor_diagnosis::number::{number, quantity};
use lagdoctor_model::{Millis, Sample, Timestamp, Window};

use super::escaped;

/// Size of a chart in its own units; the page scales it.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 118.0;
/// Room for the numbers at the left, and for times below.
const LEFT: f64 = 124.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 18.0;
/// Longer numbers than this do not fit there, and are told without their unit.
const MOST_LETTERS: usize = 18;
/// Readings further apart than this many steps are not joined: between them nothing is known.
const MOST_STEPS: i64 = 4;
/// Labels of times closer together than this would overlap.
const LABEL_WIDTH: f64 = 52.0;

/// How readings are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A line from reading to reading.
    Line,
    /// A bar for each count.
    Bars,
}

/// A moment worth a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: Timestamp,
    pub(super) class: &'static str,
    pub(super) words: String,
}

/// What one chart shows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chart<'a> {
    pub(super) window: Window,
    pub(super) samples: &'a [Sample],
    pub(super) unit: &'a str,
    pub(super) expected: Option<f64>,
    pub(super) shape: Shape,
    pub(super) marks: Vec<Mark>,
}

impl Chart<'_> {
    /// The chart. `words` says what it shows to those who cannot see it.
    pub(super) fn svg(&self, words: &str) -> String {
        let (low, high) = self.range();
        let bottom = HEIGHT - BOTTOM;
        let y = |value: f64| bottom - (value - low) / (high - low) * (bottom - TOP);
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n<title>{0}</title>\n",
            escaped(words)
        );
        for value in [low, high] {
            let full = quantity(value, self.unit);
            let fits = full.chars().count() <= MOST_LETTERS;
            let (at, text) = (y(value), escaped(&if fits { full } else { number(value) }));
            out.push_str(&format!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>",
                WIDTH - RIGHT
            ));
            out.push_str(&format!("<text class=\"number\" x=\"{}\" y=\"{:.1}\">{text}</text>\n", LEFT - 6.0, at + 3.5));
        }
        for (x, text) in self.ticks() {
            out.push_str(&format!("<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>"));
            out.push_str(&format!("<text class=\"time\" x=\"{x:.1}\" y=\"{}\">{text}</text>\n", HEIGHT - 5.0));
        }
        if let Some(expected) = self.expected.filter(|value| (low..=high).contains(value)) {
            let at = y(expected);
            out.push_str(&format!(
                "<line class=\"usual\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\n",
                WIDTH - RIGHT
            ));
        }
        match self.shape {
            Shape::Line => self.push_lines(&mut out, y),
            Shape::Bars => self.push_bars(&mut out, y),
        }
        self.push_marks(&mut out);
        out.push_str("</svg>\n");
        out
    }

    fn x(&self, at: Timestamp) -> f64 {
        let span = self.window.now.since(self.window.start).as_seconds().max(1.0);
        LEFT + (at.since(self.window.start).as_seconds() / span).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    /// From zero, unless something is below it; never empty.
    fn range(&self) -> (f64, f64) {
        let values =
            self.samples.iter().map(|sample| sample.value).chain(self.expected).filter(|value| value.is_finite());
        let (low, high) = values.fold((0.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        if high > low { (low, high) } else { (low, low + 1.0) }
    }

    /// Whole minutes, not too close to each other.
    fn ticks(&self) -> Vec<(f64, String)> {
        let Window { start, now, .. } = self.window;
        let span = now.since(start).as_millis().max(1);
        let room = ((WIDTH - LEFT - RIGHT) / LABEL_WIDTH) as i64;
        let minutes = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080];
        let is_roomy = |minutes: &&i64| span / (**minutes * 60_000) <= room;
        let every = minutes.iter().find(is_roomy).copied().unwrap_or(span / 60_000 / room.max(1) + 1) * 60_000;
        let first = start.as_millis().div_euclid(every) + 1;
        let moments = (first..).map(|number| number.saturating_mul(every)).take_while(|ms| *ms <= now.as_millis());
        let ticks = moments.filter_map(|ms| Timestamp::from_millis(ms).ok());
        ticks.map(|at| (self.x(at), at.clock().chars().take(5).collect())).collect()
    }

    fn push_lines(&self, out: &mut String, y: impl Fn(f64) -> f64) {
        let most = self.window.step.as_millis().saturating_mul(MOST_STEPS);
        let known: Vec<&Sample> = self.samples.iter().filter(|sample| sample.value.is_finite()).collect();
        for run in known.chunk_by(|a, b| b.at.since(a.at).as_millis() <= most) {
            if let [only] = run {
                out.push_str(&format!(
                    "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"1.6\"/>\n",
                    self.x(only.at),
                    y(only.value)
                ));
                continue;
            }
            let points: Vec<String> =
                run.iter().map(|sample| format!("{:.1},{:.1}", self.x(sample.at), y(sample.value))).collect();
            out.push_str(&format!("<polyline class=\"line\" points=\"{}\"/>\n", points.join(" ")));
        }
    }

    fn push_bars(&self, out: &mut String, y: impl Fn(f64) -> f64) {
        let width = self.x(self.window.start + Millis::minutes(1)) - LEFT;
        for sample in self.samples.iter().filter(|sample| sample.value > 0.0) {
            let (x, top) = (self.x(sample.at), y(sample.value));
            out.push_str(&format!(
                "<rect class=\"bar\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                (width - 1.0).max(1.0),
                y(0.0) - top
            ));
        }
        out.push('\n');
    }

    fn push_marks(&self, out: &mut String) {
        for mark in self.marks.iter().filter(|mark| mark.at >= self.window.start && mark.at <= self.window.now) {
            let x = self.x(mark.at);
            let (anchor, at) = if x > WIDTH * 0.75 { ("end", x - 4.0) } else { ("start", x + 4.0) };
            out.push_str(&format!(
                "<line class=\"{}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{}\"/><text class=\"{0} mark\" x=\"{at:.1}\" \
                 y=\"{}\" text-anchor=\"{anchor}\">{}</text>\n",
                mark.class,
                HEIGHT - BOTTOM,
                TOP - 4.0,
                escaped(&mark.words)
            ));
        }
    }
}
