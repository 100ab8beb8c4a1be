//! How far may a figure be from what more runs would give? Runs of one family are alike, so that they do not count as
//! independent: families are drawn, not runs. Start at [`clustered`].

/// A figure and the interval that holds the true one in 95 of 100 repetitions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Draws of one bootstrap.
const DRAWS: usize = 1000;
/// The normal quantile of 97.5 %.
const Z: f64 = 1.959_963_984_540_054;
/// Probability on each side of an interval.
const TAIL: f64 = 0.025;

/// Random numbers that are the same everywhere: Steele, Lea and Flood, "Fast splittable pseudorandom number generators"
/// (OOPSLA 2014).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `count`, all alike but for one part in 2^32 or so.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }
}

/// Interval of a share: Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
pub(crate) fn wilson(right: f64, n: usize) -> Option<Estimate> {
    if n == 0 {
        return None;
    }
    let (n, z2) = (n as f64, Z * Z);
    let share = (right / n).clamp(0.0, 1.0);
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    // Where all or none are right the end is exact, whatever rounding made of it.
    let low = if share == 0.0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if share == 1.0 { 1.0 } else { (middle + half).min(1.0) };
    Some(Estimate { value: share, low, high })
}

/// Interval of a rate of rare events, exact: Garwood, "Fiducial limits for the Poisson distribution" (1936). Of none in
/// 300 hours it says: up to 0.0123 an hour.
pub(crate) fn poisson_rate(events: usize, hours: f64) -> Option<Estimate> {
    if hours <= 0.0 {
        return None;
    }
    let most = (events as f64 + 1.0) * 4.0 + 20.0;
    let low = if events == 0 { 0.0 } else { crossing(most, |mean| at_most(events - 1, mean) > 1.0 - TAIL) };
    let high = crossing(most, |mean| at_most(events, mean) > TAIL);
    Some(Estimate { value: events as f64 / hours, low: low / hours, high: high / hours })
}

/// Probability of at most so many events, of which `mean` are expected.
fn at_most(events: usize, mean: f64) -> f64 {
    let mut term = (-mean).exp();
    let mut sum = term;
    for count in 1..=events {
        term *= mean / count as f64;
        sum += term;
    }
    sum
}

/// Where in `0..most` something that holds at first ceases to hold.
fn crossing(most: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, most);
    for _ in 0..80 {
        let middle = (low + high) / 2.0;
        if holds(middle) { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// Interval of any figure over clusters: whole clusters are drawn with putting back, and the figure is taken of all that
/// was drawn (Field and Welsh, "Bootstrapping clustered data", 2007); percentiles of a thousand draws. With one cluster
/// its members are drawn instead. `None` where the figure is undefined.
pub(crate) fn clustered<T>(clusters: &[Vec<&T>], seed: u64, figure: impl Fn(&[&T]) -> Option<f64>) -> Option<Estimate> {
    clustered_within(clusters, seed, TAIL, figure)
}

/// The same with another probability on each side.
pub(crate) fn clustered_within<T>(
    clusters: &[Vec<&T>],
    seed: u64,
    tail: f64,
    figure: impl Fn(&[&T]) -> Option<f64>,
) -> Option<Estimate> {
    let all: Vec<&T> = clusters.iter().flatten().copied().collect();
    let value = figure(&all)?;
    let mut dice = Dice::new(seed);
    let mut drawn: Vec<f64> = vec![];
    let mut sample: Vec<&T> = Vec::with_capacity(all.len() * 2);
    for _ in 0..DRAWS {
        sample.clear();
        if let [only] = clusters {
            sample.extend((0..only.len()).map(|_| only[dice.below(only.len())]));
        } else {
            sample.extend((0..clusters.len()).flat_map(|_| &clusters[dice.below(clusters.len())]).copied());
        }
        drawn.extend(figure(&sample));
    }
    let (low, high) = ends(&mut drawn, value, tail);
    Some(Estimate { value, low, high })
}

/// The percentiles, never beyond the value itself on the wrong side.
fn ends(drawn: &mut [f64], value: f64, tail: f64) -> (f64, f64) {
    drawn.sort_by(f64::total_cmp);
    let at = |share: f64| drawn.get((share * drawn.len().saturating_sub(1) as f64).round() as usize).copied();
    (at(tail).unwrap_or(value).min(value), at(1.0 - tail).unwrap_or(value).max(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: Option<Estimate>, expected: (f64, f64, f64)) {
        let found = found.unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 5e-4;
        let is_near = near(found.value, expected.0) && near(found.low, expected.1) && near(found.high, expected.2);
        assert!(is_near, "{found:?}, not {expected:?}");
    }

    #[test]
    fn shares_have_the_intervals_of_the_textbooks() {
        // Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29, by Wilson's score without correction.
        check(wilson(81.0, 263), (0.3080, 0.2553, 0.3662));
        check(wilson(15.0, 148), (0.1014, 0.0624, 0.1605));
        check(wilson(0.0, 20), (0.0, 0.0, 0.1611));
        check(wilson(1.0, 29), (0.0345, 0.0061, 0.1718));
        assert_eq!(wilson(0.0, 0), None);
    }

    #[test]
    fn no_false_alarm_in_300_hours_bounds_the_rate_at_one_in_81() {
        check(poisson_rate(0, 1.0), (0.0, 0.0, 3.6889));
        check(poisson_rate(0, 300.0), (0.0, 0.0, 0.0123));
        check(poisson_rate(10, 1.0), (10.0, 4.7954, 18.3904));
        assert_eq!(poisson_rate(3, 0.0), None);
    }

    fn mean(runs: &[&f64]) -> Option<f64> {
        (!runs.is_empty()).then(|| runs.iter().copied().sum::<f64>() / runs.len() as f64)
    }

    #[test]
    fn families_that_agree_among_themselves_are_few_witnesses() {
        let width = |families: &[Vec<f64>]| {
            let clusters: Vec<Vec<&f64>> = families.iter().map(|family| family.iter().collect()).collect();
            let found = clustered(&clusters, 1, mean).unwrap();
            assert_eq!(found.value, 0.5);
            assert_eq!(clustered(&clusters, 1, mean), Some(found), "the same seed gives the same interval");
            found.high - found.low
        };
        let alike = width(&(0..6).map(|family| vec![f64::from(family % 2); 40]).collect::<Vec<_>>());
        let mixed = width(&vec![(0..40).map(|run| f64::from(run % 2)).collect(); 6]);
        assert!(alike > 0.6, "{alike}");
        assert!(mixed < 0.01, "each family says the same: {mixed}");
        assert_eq!(clustered::<f64>(&[], 1, mean), None);
    }

    #[test]
    fn one_family_alone_is_judged_by_its_runs() {
        let runs: Vec<f64> = (0..100).map(|run| f64::from(run % 2)).collect();
        let Estimate { low, high, .. } = clustered(&[runs.iter().collect()], 1, mean).unwrap();
        assert!((0.38..0.43).contains(&low) && (0.57..0.62).contains(&high), "{low} {high}");
    }
}
