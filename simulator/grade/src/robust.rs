//! How much worse are the answers where less is seen? The same runs, scenario by scenario and seed by seed, are graded once
//! more with noisier measurements, missing scrapes and a topology that lacks edges; what happens in them stays the same, so
//! that each comparison is paired. Start at [`Curve`].

use lagdoctor_sim::Blur;

use crate::interval::Estimate;
use crate::paired::Comparison;
use crate::scorecard::{Row, Run};

/// Where the runs are graded as they are.
pub(crate) const CLEAR: f64 = 0.0;

/// What becomes of the grades as less and less is seen in one way.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// In which way.
    pub blur: Blur,
    /// From what is seen as it is, to the least that is seen.
    pub points: Vec<Point>,
}

/// The grades at one level.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// At most this much is seen: the level of [`lagdoctor_sim::Scenario::blurred`]; 0 for the runs as they are.
    pub level: f64,
    /// Every figure.
    pub row: Row,
    /// By how much AC@1 differs from that of the runs as they are, with a paired interval; `None` where nothing broke.
    pub change: Option<Estimate>,
}

impl Curve {
    /// The levels at which runs are graded again; they begin at 0, as they are.
    pub const fn levels(blur: Blur) -> [f64; 3] {
        match blur {
            Blur::Noise => [0.1, 0.2, 0.4],
            Blur::Gaps => [0.1, 0.3, 0.5],
            Blur::Edges => [0.1, 0.3, 0.6],
        }
    }

    /// A curve that begins with the runs as they are.
    pub fn new(blur: Blur, clear: &[Run]) -> Self {
        Self { blur, points: vec![Point::of(CLEAR, clear, clear)] }
    }

    /// Adds what the same runs came to at a level; `clear` are those as they are, in the same order.
    pub fn add(&mut self, level: f64, clear: &[Run], dim: &[Run]) {
        self.points.push(Point::of(level, clear, dim));
    }

    /// What is worse, for people.
    pub fn title(&self) -> &'static str {
        match self.blur {
            Blur::Noise => "noisier measurements",
            Blur::Gaps => "scrapes without answer",
            Blur::Edges => "edges missing",
        }
    }

    /// What a level is.
    pub fn meaning(&self) -> &'static str {
        match self.blur {
            Blur::Noise => "relative noise of measurements, at least",
            Blur::Gaps => "share of scrapes that get no answer, at least",
            Blur::Edges => "share of edges that the topology lacks, at least",
        }
    }

    /// Its name for programs.
    pub fn name(&self) -> &'static str {
        match self.blur {
            Blur::Noise => "metric_noise",
            Blur::Gaps => "scrape_gaps",
            Blur::Edges => "missing_edges",
        }
    }
}

impl Point {
    fn of(level: f64, clear: &[Run], dim: &[Run]) -> Self {
        let changes = Comparison::of(clear, dim).changes;
        let change = changes.into_iter().find(|change| change.measure == "ac1").map(|change| change.change);
        Self { level, row: Row::of("", &dim.iter().collect::<Vec<_>>()), change }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorecard::testing::run;

    #[test]
    fn a_curve_begins_where_nothing_is_hidden_and_compares_run_with_run() {
        let of = |wrong: u64| -> Vec<Run> {
            let mut runs = vec![];
            for family in ["a", "b", "c", "d"] {
                runs.extend((1..=10).map(|seed| run(family, seed, Some(if seed <= wrong { 2 } else { 1 }))));
            }
            runs
        };
        let clear = of(1);
        let mut curve = Curve::new(Blur::Gaps, &clear);
        curve.add(0.3, &clear, &of(4));
        let [first, next] = curve.points.as_slice() else { panic!("{curve:?}") };
        let value = |point: &Point| point.row.figure("ac1").unwrap().value;
        assert_eq!((first.level, value(first), first.change.unwrap().value), (CLEAR, 0.9, 0.0));
        assert_eq!((next.level, value(next)), (0.3, 0.6));
        let change = next.change.unwrap();
        // Each family loses three of ten, so that there is no doubt about it.
        assert!((change.value + 0.3).abs() < 1e-9 && (change.high + 0.3).abs() < 1e-9, "{change:?}");
    }

    #[test]
    fn levels_rise_within_what_a_scenario_can_be_asked_for() {
        for blur in Blur::ALL {
            let levels = Curve::levels(blur);
            assert!(levels[0] > CLEAR && levels.is_sorted() && levels[2] <= 1.0, "{blur:?}");
        }
    }
}
