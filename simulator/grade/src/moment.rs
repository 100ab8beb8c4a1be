//! What was known at a moment of a run? Collecting costs more than all else, and what a collector reads of one moment does
//! not depend on what comes after it; so a run is collected once, at its end, and cut. Start at [`Whole::at`].

use std::collections::BTreeMap;

use lagdoctor_diagnosis::Lookout;
use lagdoctor_model::{LogLine, Millis, Series, Severity, Signals, Timestamp, Window};
use lagdoctor_sim::Telemetry;

/// All that the collectors saw of a run, with when it could be seen.
pub struct Whole {
    signals: Signals,
    /// Log lines with when they could first be found, in order of time: those of `signals`, and in place of them, up to
    /// some moment, those that were asked for as of that moment.
    lines: Vec<(LogLine, Timestamp)>,
    arrivals: BTreeMap<(i64, String), i64>,
    span: Millis,
}

impl Whole {
    /// What was collected at the end of a run. `span` is how long the window of a diagnosis is.
    pub fn new(signals: Signals, telemetry: &Telemetry, span: Millis) -> Self {
        let mut arrivals: BTreeMap<(i64, String), i64> = BTreeMap::new();
        for line in telemetry.lines() {
            // Which of these a line is taken to be of depends on what else is known: those of brokers are their hosts'.
            for name in [line.instance, line.service, line.host] {
                let seen = arrivals.entry((line.at_ms, name.to_owned())).or_insert(line.seen_ms);
                *seen = line.seen_ms.max(*seen);
            }
        }
        Self::of(signals, arrivals, span)
    }

    /// What was recorded, in a window of its own length. Lines are taken to have been there when they say that they were
    /// written.
    pub fn recorded(signals: Signals) -> Self {
        let span = signals.window.now.since(signals.window.start);
        Self::of(signals, BTreeMap::new(), span)
    }

    fn of(signals: Signals, arrivals: BTreeMap<(i64, String), i64>, span: Millis) -> Self {
        let lines = arrived(&arrivals, &signals.logs);
        Self { signals, lines, arrivals, span }
    }

    /// The whole.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Log lines that were asked for as of `until` take the place of those up to then. A collector reads so many lines and
    /// no more, so that at the end of a run it knows less of a moment than it knew at it.
    pub fn add_lines(&mut self, until: Timestamp, asked: &[LogLine]) {
        let mut lines = arrived(&self.arrivals, asked);
        lines.retain(|(line, _)| line.at <= until);
        lines.extend(self.lines.iter().filter(|(line, _)| line.at > until).cloned());
        self.lines = lines;
    }

    /// Since when every line is known, as far as there was room for it: rare severe lines are kept from before.
    pub(crate) fn lines_since(&self) -> Option<Timestamp> {
        let plain = |(line, _): &&(LogLine, Timestamp)| line.severity < Severity::WARN;
        self.lines.iter().find(plain).map(|(line, _)| line.at)
    }

    /// What was known at this moment, in the window of a diagnosis made then.
    pub fn at(&self, now: Timestamp) -> Signals {
        let window = self.window(now);
        let is_seen =
            |(line, arrived): &&(LogLine, Timestamp)| *arrived <= now && line.at >= window.start && line.at <= now;
        let seen = self.lines.iter().filter(is_seen);
        Signals {
            window,
            topology: self.signals.topology.clone(),
            series: cut(&self.signals.series, &window),
            history: self.signals.history.clone(),
            logs: seen.map(|(line, _)| line.clone()).collect(),
            events: self.signals.events.iter().filter(|event| event.at <= now).cloned().collect(),
            gaps: self.signals.gaps.clone(),
            reported: self.signals.reported.clone(),
        }
    }

    /// Sees at any moment whether something hurts.
    pub(crate) fn lookout(&self) -> Lookout<'_> {
        Lookout::over(&self.signals)
    }

    /// The window of a diagnosis that is made at this moment.
    pub(crate) fn window(&self, now: Timestamp) -> Window {
        let Window { start, step, .. } = self.signals.window;
        Window { start: start.max(now - self.span), now, step }
    }
}

/// Lines with when they could first be found; of lines of one millisecond and writer, when the last of them could.
fn arrived(arrivals: &BTreeMap<(i64, String), i64>, lines: &[LogLine]) -> Vec<(LogLine, Timestamp)> {
    let arrival = |line: &LogLine| {
        let seen = arrivals.get(&(line.at.as_millis(), line.node.name().to_owned()));
        seen.and_then(|ms| Timestamp::from_millis(*ms).ok()).unwrap_or(line.at)
    };
    lines.iter().map(|line| (line.clone(), arrival(line))).collect()
}

/// The readings within a window; a series that has none is not known.
fn cut(series: &[Series], window: &Window) -> Vec<Series> {
    series.iter().filter_map(|series| series.within(window.start, window.now)).collect()
}
