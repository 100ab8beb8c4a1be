//! What was in the days before a run, coarsely, where its scenario asks for `[history]`. Weeks in steps of 100 ms would take
//! minutes; but a healthy pipeline is soon in the state that its load asks for. So the same physics runs for some minutes
//! at each of a few loads between the least and the greatest of those days, and whoever wants the past looks up each
//! moment's load between them. Start at [`Simulation::past`].

use lagdoctor_model::{Millis, Timestamp};

use crate::random::Stream;
use crate::scenario::Scenario;
use crate::simulation::{Simulation, streams};
use crate::units::Micros;

/// The load of the days before a run. Loads are multiples of the usual one.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// Distance of its moments.
    pub step: Millis,
    /// Moments before the run, in order, and the mean load of the step that ends there.
    pub loads: Vec<(Timestamp, f64)>,
    /// Loads at which the pipeline is run, in order: from the least to the greatest.
    pub levels: Vec<f64>,
}

/// How many loads are tried out.
const LEVELS: u32 = 7;
/// How long a run at one load takes to come to rest, and how long it is looked at then.
const SETTLE: Millis = Millis::minutes(3);
const LOOK: Millis = Millis::minutes(5);
/// Runs at one load lie in the past, each in an hour of its own, so that none has its times from another.
const APART: Millis = Millis::minutes(60);

impl Simulation {
    /// The load of the days before the run; `None` when the scenario does not ask for them.
    pub fn past(&self) -> Option<Past> {
        let (days, step_s) = self.scenario.history()?;
        let step = Micros::of_seconds(step_s);
        let count = (f64::from(days) * 86_400.0 / step_s) as i64;
        let mut chance = streams(&self.scenario, self.seed()).stream("run", "past");
        let load = |back: i64| {
            let ago = Micros(step.0 * back);
            // The middle of the step that ends then.
            let load = self.cluster.load_before(ago + step.times(0.5)) * self.wandered(step_s, &mut chance);
            Some((self.start() - Millis::new(ago.as_millis()).ok()?, load))
        };
        let loads: Vec<_> = (1..=count).rev().filter_map(load).collect();
        let least = loads.iter().map(|(_, load)| *load).fold(f64::INFINITY, f64::min);
        let greatest = loads.iter().map(|(_, load)| *load).fold(0.0, f64::max);
        let level = |place: u32| least + (greatest - least) * f64::from(place) / f64::from(LEVELS - 1);
        Some(Past { step: Millis::new(step.as_millis()).ok()?, loads, levels: (0..LEVELS).map(level).collect() })
    }

    /// How far the mean load of a step lies from what the season says.
    fn wandered(&self, step_s: f64, chance: &mut Stream) -> f64 {
        let noise = self.scenario.workloads.values().map(|workload| workload.noise).fold(0.0, f64::max);
        chance.factor(noise * crate::cluster::load::share_of_wander_in_a_mean_over(step_s))
    }

    /// The run at the level of this place: the same pipeline, with nothing wrong and at one load, to its end.
    pub fn at_level(&self, past: &Past, place: usize) -> Self {
        let load = past.levels.get(place).copied().unwrap_or(1.0);
        let mut run = Self::new(&self.scenario.at_load(load), self.seed());
        run.set_start(self.end_of_level(place) - SETTLE - LOOK);
        run.advance_to(run.end());
        run
    }

    /// When the run of this level is to be looked at: from, and to its end.
    pub fn window_of_level(&self, place: usize) -> (Timestamp, Timestamp) {
        let end = self.end_of_level(place);
        (end - LOOK, end)
    }

    fn end_of_level(&self, place: usize) -> Timestamp {
        (0..=place).fold(self.start(), |at, _| at - APART)
    }
}

impl Scenario {
    /// The same pipeline with nothing wrong, no season, and this multiple of its usual load.
    fn at_load(&self, load: f64) -> Self {
        let mut steady = self.clone();
        steady.faults.clear();
        steady.history = None;
        steady.impact = None;
        steady.warmup = 0.0;
        steady.duration = (SETTLE.as_millis() + LOOK.as_millis()) as f64 / 1000.0;
        (steady.telemetry.scrape.gap_prob, steady.telemetry.scrape.reset_prob) = (0.0, 0.0);
        for workload in steady.workloads.values_mut() {
            (workload.season, workload.batch) = (None, None);
            workload.load = load;
        }
        steady
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(history: &str) -> Simulation {
        let text = format!(
            "schema = 1\nid = \"t\"\nfamily = \"t\"\nduration = \"20m\"\nuse = [\"db-timeouts\"]\n{history}\n\
             [workload.orders]\nseason = {{ period = \"24h\", amp = 0.4, phase = 0.25 }}\n\
             [[fault]]\nid = \"f1\"\nat = \"10m\"\n"
        );
        Simulation::new(&Scenario::parse(&text, Scenario::builtin_use).unwrap(), 4)
    }

    #[test]
    fn the_load_of_the_past_goes_up_and_down_with_the_season() {
        let run = run("[history]\ndays = 3\nstep = \"5m\"");
        let past = run.past().unwrap();
        assert_eq!(past.loads.len(), 3 * 288);
        assert_eq!(past.loads.last().unwrap().0, run.start() - Millis::minutes(5));
        let day = |from: usize| past.loads[from..from + 288].iter().map(|(_, load)| *load).collect::<Vec<_>>();
        for from in [0, 288, 576] {
            let day = day(from);
            // A quarter of the season has passed when the run begins: its top. Half a day before was its bottom.
            assert!((day[286] / 1.4 - 1.0).abs() < 0.15 && (day[143] / 0.6 - 1.0).abs() < 0.15, "{day:?}");
        }
        assert!(past.loads.windows(2).all(|pair| pair[0].1 != pair[1].1), "it wanders, too");
        assert_eq!(run.past(), Some(past), "and is always the same");
    }

    #[test]
    fn a_pipeline_at_one_load_does_that_much_and_nothing_is_wrong_with_it() {
        let run = run("[history]\ndays = 1\nstep = \"5m\"");
        let past = run.past().unwrap();
        let rate = |place: usize| {
            let mut level = run.at_level(&past, place);
            let (from, to) = run.window_of_level(place);
            assert_eq!((level.end(), level.now()), (to, to));
            assert!(level.start() < from && to < run.start());
            assert!(level.backlog("fulfilment").unwrap() < 2000, "the fault of the scenario is none of the past");
            level.kafka_state().partitions.iter().map(|partition| partition.log_end.0).sum::<u64>() as f64
        };
        let (least, greatest) = (rate(0), rate(6));
        let grown = |sum: f64| sum - run.cluster.groups[0].committed.iter().flatten().sum::<u64>() as f64;
        let expected = past.levels[6] / past.levels[0];
        assert!((grown(greatest) / grown(least) / expected - 1.0).abs() < 0.05, "{least} {greatest} {expected}");
    }

    #[test]
    fn a_scenario_that_asks_for_no_past_has_none() {
        assert_eq!(run("").past(), None);
    }
}
