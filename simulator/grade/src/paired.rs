//! Is one set of plugins better than another, and here is the proof? Both are asked about the same runs, so that what is
//! hard about a run is hard for both, and only what differs counts. Start at [`Comparison::of`].

use crate::interval::{Estimate, clustered};
use crate::measure::{MEASURES, Measure};
use crate::scorecard::{Run, by};

/// The seed of the intervals.
const SEED: u64 = 0x7a15_ed00;

/// One measure of two sets of plugins.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Name of the measure.
    pub measure: &'static str,
    /// Of the one that is compared with.
    pub before: f64,
    /// Of the one that is graded.
    pub after: f64,
    /// After less before, with an interval by paired bootstrap over families.
    pub change: Estimate,
}

/// Two sets of plugins on the same runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Runs that both have.
    pub n: usize,
    /// Incidents that only the graded one is right about first: scenario and seed.
    pub won: Vec<(String, u64)>,
    /// Incidents that only the other one is right about first.
    pub lost: Vec<(String, u64)>,
    /// McNemar's exact test of won against lost, two-sided.
    pub p: f64,
    /// Every measure that both have.
    pub changes: Vec<Change>,
}

impl Comparison {
    /// Compares runs of the same questions in the same order; runs that only one of them has are left out.
    pub fn of(before: &[Run], after: &[Run]) -> Self {
        let same = |(a, b): &(&Run, &Run)| a.scenario == b.scenario && a.seed == b.seed;
        let pairs: Vec<(&Run, &Run)> = before.iter().zip(after).filter(same).collect();
        let named = |(_, run): &(&Run, &Run)| (run.scenario.clone(), run.seed);
        let right = |run: &Run| run.grade.is_right_first();
        let only = |wanted: fn(bool, bool) -> bool| {
            let fits = |(a, b): &&(&Run, &Run)| b.incident && wanted(right(a), right(b));
            pairs.iter().filter(fits).map(named).collect::<Vec<_>>()
        };
        let (won, lost) = (only(|before, after| after && !before), only(|before, after| before && !after));
        let p = mcnemar(won.len(), lost.len());
        let changes = MEASURES.iter().filter_map(|measure| change(measure, &pairs)).collect();
        Self { n: pairs.len(), won, lost, p, changes }
    }
}

fn change(measure: &'static Measure, pairs: &[(&Run, &Run)]) -> Option<Change> {
    let values = |pairs: &[&(&Run, &Run)]| {
        let before: Vec<&Run> = pairs.iter().map(|pair| pair.0).collect();
        let after: Vec<&Run> = pairs.iter().map(|pair| pair.1).collect();
        Some((measure.value(&before)?, measure.value(&after)?))
    };
    let (before, after) = values(&pairs.iter().collect::<Vec<_>>())?;
    let firsts: Vec<&Run> = pairs.iter().map(|pair| pair.0).collect();
    let families: Vec<Vec<&(&Run, &Run)>> = by(&firsts, |run| &run.family)
        .into_keys()
        .map(|family| pairs.iter().filter(|pair| pair.0.family == family).collect())
        .collect();
    let change = clustered(&families, SEED, |pairs| values(pairs).map(|(before, after)| after - before))?;
    Some(Change { measure: measure.name, before, after, change })
}

/// How likely it is that two that are equally good differ so much or more: under the null hypothesis each run on which
/// they disagree falls to either side like a coin (McNemar, "Note on the sampling error of the difference between
/// correlated proportions", 1947; exact by the binomial distribution). Two-sided.
pub fn mcnemar(won: usize, lost: usize) -> f64 {
    let (fewer, n) = (won.min(lost), won + lost);
    // Through logarithms: a half to the power of some thousands is no number any more.
    let mut log_term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = log_term.exp();
    for count in 1..=fewer {
        log_term += ((n - count + 1) as f64 / count as f64).ln();
        tail += log_term.exp();
    }
    (2.0 * tail).min(1.0)
}

/// The smallest drop of a share that so many paired runs are likely to show: with 80 % power at 5 %, two-sided, when a
/// share `changed` of runs changes at all (Connor, "Sample size for testing differences in proportions for the
/// paired-sample design", Biometrics 1987, solved for the difference).
pub fn smallest_drop(n: usize, changed: f64) -> f64 {
    const ALPHA: f64 = 1.959_963_984_540_054;
    const BETA: f64 = 0.841_621_233_572_914_3;
    // n d² = (z_α √c + z_β √(c − d²))², solved by halving: the right side falls as d grows.
    let n = n.max(1) as f64;
    let short = |drop: f64| {
        let spread = (changed - drop * drop).max(0.0).sqrt();
        n.sqrt() * drop < ALPHA * changed.sqrt() + BETA * spread
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if short(middle) { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorecard::testing::run;

    fn check(won: usize, lost: usize, expected: f64) {
        assert!((mcnemar(won, lost) - expected).abs() < 1e-9, "{won} {lost}: {}", mcnemar(won, lost));
        assert_eq!(mcnemar(won, lost), mcnemar(lost, won));
    }

    #[test]
    fn disagreements_are_weighed_like_tosses_of_a_coin() {
        check(0, 0, 1.0);
        check(5, 5, 1.0);
        // 2 / 2^6
        check(6, 0, 0.031_25);
        // 2 (1 + 10) / 2^10
        check(9, 1, 22.0 / 1024.0);
        assert!(mcnemar(3000, 2000) < 1e-40 && mcnemar(3000, 2000) >= 0.0);
    }

    #[test]
    fn six_runs_won_and_none_lost_are_named_and_tested() {
        let runs = |from: u64| -> Vec<Run> {
            (0..20).map(|seed| run(if seed % 2 == 0 { "a" } else { "b" }, seed, (seed >= from).then_some(1))).collect()
        };
        let (before, after) = (runs(12), runs(6));
        let comparison = Comparison::of(&before, &after);
        assert_eq!((comparison.n, comparison.won.len(), comparison.lost.len()), (20, 6, 0));
        assert_eq!(comparison.won[0], ("a-s".to_owned(), 6));
        assert!((comparison.p - 0.031_25).abs() < 1e-12);
        let ac1 = comparison.changes.iter().find(|change| change.measure == "ac1").unwrap();
        assert!((ac1.change.value - 0.3).abs() < 1e-12 && ac1.change.low > 0.0, "{ac1:?}");
        let same = Comparison::of(&before, &before);
        assert!(
            same.p == 1.0 && same.changes.iter().all(|change| change.change.high == 0.0 && change.change.low == 0.0)
        );
    }

    #[test]
    fn more_runs_show_smaller_drops() {
        // Of 600 runs of which a tenth changes: 2.8 √0.1 / √600 is 0.036; the exact value is a little below.
        let drop = smallest_drop(600, 0.1);
        assert!((0.034..0.0365).contains(&drop), "{drop}");
        assert!(smallest_drop(60, 0.1) > 3.0 * drop);
    }
}
