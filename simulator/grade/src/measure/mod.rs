//! Which figures say how often we are right? Each is a pure function of graded runs; where its formula comes from stands
//! with it. Start at [`MEASURES`] and [`Measure::estimate`].

pub(crate) mod calibration;
pub(crate) mod rank;
pub(crate) mod sets;
pub(crate) mod waiting;

use crate::interval::{Estimate, clustered, poisson_rate, wilson};
use crate::scorecard::Run;
use waiting::Wait;

/// Which end of a measure is the good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// How a measure is made of runs.
#[derive(Clone, Copy)]
enum Formula {
    /// The mean of what is 0 or 1, or a chance between; of the runs that have it.
    Share(fn(&Run) -> Option<f64>),
    /// The mean of any number; of the runs that have it.
    Mean(fn(&Run) -> Option<f64>),
    /// Events over hours.
    PerHour(fn(&Run) -> Option<(usize, f64)>),
    /// Anything else.
    Of(fn(&[&Run]) -> Option<f64>),
}

/// A figure about graded runs.
#[derive(Clone, Copy)]
pub struct Measure {
    /// Its name in JSON and in baselines.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it says, in one line.
    pub meaning: &'static str,
    /// Which end is the good one.
    pub better: Better,
    formula: Formula,
}

/// The seed of all intervals, so that the same runs have the same ones.
const SEED: u64 = 0x1a6d_0c70;

macro_rules! measures {
    ($($name:ident, $title:literal, $better:ident, $formula:expr, $meaning:literal;)*) => {
        /// All measures, in the order of reports. Of verdicts: the one at the end of a run, unless they say otherwise.
        pub const MEASURES: &[Measure] = &[$(Measure {
            name: stringify!($name), title: $title, meaning: $meaning, better: Better::$better, formula: $formula,
        }),*];
    };
}

measures! {
    ac1, "AC@1", Higher, Formula::Share(|run| run.accuracy(1)), "right node first, on the last verdict";
    ac3, "AC@3", Higher, Formula::Share(|run| run.accuracy(3)), "right node among the first three";
    avg5, "Avg@5", Higher, Formula::Mean(avg5), "mean of AC@1 to AC@5";
    mrr, "MRR", Higher, Formula::Mean(|run| run.incident.then_some(run.grade.reciprocal)), "mean of 1 / place of the first right node";
    ac1_early, "AC@1 early", Higher, Formula::Share(|run| early(run, 1)), "right node first, 3 minutes after the impact";
    ac3_early, "AC@3 early", Higher, Formula::Share(|run| early(run, 3)), "right node among the first three by then";
    exact1, "node+class", Higher, Formula::Share(|run| of_incident(run, run.grade.exact?)), "right node and right class first";
    set_f1, "set F1", Higher, Formula::Mean(|run| run.grade.set_f1.filter(|_| run.incident)), "F1 of the nodes named as causes";
    class_f1, "class F1", Higher, Formula::Of(class_f1), "F1 of the class that comes first, each class alike";
    path_f1, "path F1", Higher, Formula::Mean(|run| run.grade.path_f1.filter(|_| run.incident)), "F1 of the edges from symptom to cause";
    decoy_blame, "decoy blame", Lower, Formula::Share(decoy_blame), "a known decoy first";
    abstention, "abstention", Lower, Formula::Share(|run| of_incident(run, run.grade.abstained)), "incidents of which it names no cause";
    detected, "detected", Higher, Formula::Share(detected), "incidents that were noticed before the run ended";
    time_to_detect_s, "to detect", Lower, Formula::Of(time_to_detect), "seconds from impact to alarm, median, missed ones counted as longer";
    time_to_right_s, "to right", Lower, Formula::Of(time_to_right), "seconds from impact to the first of only right answers, median";
    flaps, "flaps", Lower, Formula::Mean(|run| Some(run.watched?.flaps as f64)), "changes of mind in a run";
    false_alarms, "false alarms", Lower, Formula::Share(false_alarm), "fault-free runs that end with an incident reported";
    false_alarms_per_hour, "alarms/h", Lower, Formula::PerHour(alarms), "incidents opened per hour without a fault";
    brier, "Brier", Lower, Formula::Of(|runs| calibration::brier(&confidences(runs))), "squared distance of confidence and truth";
    ece, "ECE", Lower, Formula::Of(|runs| calibration::expected_error(&confidences(runs))), "how far confidence is from the share that is right";
    forecast_error, "forecast", Lower, Formula::Of(forecast_error), "error of the forecast over that of `it stays as it is`";
    forecast_coverage, "coverage", Higher, Formula::Of(forecast_coverage), "values between the outermost quantiles of the forecast";
}

impl Measure {
    /// The measure of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        MEASURES.iter().find(|measure| measure.name == name)
    }

    /// The figure over these runs; `None` where none of them has it.
    pub fn value(&self, runs: &[&Run]) -> Option<f64> {
        match self.formula {
            Formula::Share(each) | Formula::Mean(each) => mean(runs, each),
            Formula::PerHour(each) => {
                let all = counted(runs, each);
                (all.1 > 0.0).then(|| all.0 as f64 / all.1)
            }
            Formula::Of(all) => all(runs),
        }
    }

    /// What it is of one run, where it is a mean over runs: what paired comparisons are made of.
    pub fn of_run(&self, run: &Run) -> Option<f64> {
        match self.formula {
            Formula::Share(each) | Formula::Mean(each) => each(run),
            Formula::PerHour(_) | Formula::Of(_) => None,
        }
    }

    /// The figure with its interval, over runs by family. Shares of one family have Wilson's interval, and so do those
    /// that are 0 or 1, where no draw would differ; rates have Garwood's; all else is drawn again by family.
    pub fn estimate(&self, families: &[Vec<&Run>]) -> Option<Estimate> {
        let all: Vec<&Run> = families.iter().flatten().copied().collect();
        let value = self.value(&all)?;
        match self.formula {
            Formula::PerHour(each) => {
                let (events, hours) = counted(&all, each);
                poisson_rate(events, hours)
            }
            Formula::Share(each) if families.len() == 1 || value <= 0.0 || value >= 1.0 => {
                let n = all.iter().filter(|run| each(run).is_some()).count();
                wilson(value * n as f64, n)
            }
            _ => clustered(families, SEED, |runs| self.value(runs)),
        }
    }
}

fn mean(runs: &[&Run], each: fn(&Run) -> Option<f64>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0_usize);
    for value in runs.iter().filter_map(|run| each(run)) {
        sum += value;
        n += 1;
    }
    (n > 0).then(|| sum / n as f64)
}

fn counted(runs: &[&Run], each: fn(&Run) -> Option<(usize, f64)>) -> (usize, f64) {
    runs.iter().filter_map(|run| each(run)).fold((0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1))
}

fn of_incident(run: &Run, is_so: bool) -> Option<f64> {
    run.incident.then(|| f64::from(u8::from(is_so)))
}

fn decoy_blame(run: &Run) -> Option<f64> {
    of_incident(run, run.grade.decoy).filter(|_| run.has_decoys || !run.recorded)
}

fn avg5(run: &Run) -> Option<f64> {
    let accuracy = run.grade.accuracy;
    run.incident.then(|| accuracy.iter().sum::<f64>() / accuracy.len() as f64)
}

fn early(run: &Run, k: usize) -> Option<f64> {
    run.early.as_ref()?.accuracy.get(k - 1).copied()
}

fn class_f1(runs: &[&Run]) -> Option<f64> {
    let pairs = runs.iter().filter_map(|run| {
        let class = run.root.as_ref()?.1.as_ref()?;
        let said = run.grade.first.as_ref().and_then(|first| first.class.as_ref()).map(|class| class.as_str());
        // What the label accepts in place of its class is that class.
        Some((class.as_str(), if run.grade.exact == Some(true) { Some(class.as_str()) } else { said }))
    });
    sets::macro_f1(pairs)
}

fn detected(run: &Run) -> Option<f64> {
    Some(f64::from(u8::from(matches!(run.watched?.detected?, Wait::Took(_)))))
}

fn time_to_detect(runs: &[&Run]) -> Option<f64> {
    waiting::median(&runs.iter().filter_map(|run| run.watched?.detected).collect::<Vec<_>>())
}

fn time_to_right(runs: &[&Run]) -> Option<f64> {
    waiting::median(&runs.iter().filter_map(|run| run.watched?.right).collect::<Vec<_>>())
}

fn false_alarm(run: &Run) -> Option<f64> {
    (!run.incident).then(|| f64::from(u8::from(!run.grade.verdict_fits)))
}

fn alarms(run: &Run) -> Option<(usize, f64)> {
    run.watched.map(|watched| (watched.false_alarms, watched.fault_free_h))
}

/// How sure each first cause was, and whether it was the right node.
pub fn confidences(runs: &[&Run]) -> Vec<(f64, bool)> {
    let pair = |run: &&Run| run.grade.first.as_ref().map(|first| (first.confidence, run.grade.is_right_first()));
    runs.iter().filter_map(pair).collect()
}

fn forecast_error(runs: &[&Run]) -> Option<f64> {
    let (error, naive) = runs
        .iter()
        .filter_map(|run| run.forecast)
        .fold((0.0, 0.0), |all, one| (all.0 + one.error / one.n as f64, all.1 + one.naive / one.n as f64));
    (naive > 0.0).then(|| error / naive)
}

fn forecast_coverage(runs: &[&Run]) -> Option<f64> {
    let all = runs.iter().filter_map(|run| run.forecast).fold((0, 0), |all, one| (all.0 + one.covered, all.1 + one.n));
    (all.1 > 0).then(|| all.0 as f64 / all.1 as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorecard::testing::run;

    #[test]
    fn each_measure_has_a_name_of_its_own() {
        let mut names: Vec<&str> = MEASURES.iter().map(|measure| measure.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), MEASURES.len());
        assert_eq!(Measure::named("mrr").map(|measure| measure.title), Some("MRR"));
    }

    #[test]
    fn runs_without_a_fault_count_for_alarms_alone() {
        let quiet = Run { incident: false, root: None, ..run("quiet", 1, None) };
        let runs = [run("a", 1, Some(1)), run("a", 2, Some(2)), run("b", 1, None), quiet];
        let all: Vec<&Run> = runs.iter().collect();
        let value = |name: &str| Measure::named(name).unwrap().value(&all);
        assert_eq!(value("ac1"), Some(1.0 / 3.0));
        assert_eq!(value("ac3"), Some(2.0 / 3.0));
        assert_eq!(value("mrr"), Some((1.0 + 0.5 + 0.0) / 3.0));
        assert_eq!(value("avg5"), Some((1.0 + 0.8 + 0.0) / 3.0));
        assert_eq!(value("false_alarms"), Some(0.0));
        assert_eq!(value("forecast_error"), None);
    }

    #[test]
    fn all_right_is_not_certainty() {
        let runs: Vec<Run> = (0..20).map(|seed| run(if seed < 10 { "a" } else { "b" }, seed, Some(1))).collect();
        let (a, b) = (runs[..10].iter().collect::<Vec<_>>(), runs[10..].iter().collect::<Vec<_>>());
        let estimate = Measure::named("ac1").unwrap().estimate(&[a, b]).unwrap();
        // Wilson on 20 of 20.
        assert!(estimate.value == 1.0 && estimate.high == 1.0 && (estimate.low - 0.8389).abs() < 5e-4, "{estimate:?}");
    }
}
