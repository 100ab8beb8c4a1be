//! How sure is the line? Readings lie around it, its slope is only known as well as they allow, and slopes do not stay: a
//! backlog that began to grow two minutes ago may stop as suddenly. So the slopes of stretches of the past, one behind
//! the other, are compared, and the slope is taken to go on changing by chance as much as it did: the local linear trend
//! of structural time series (Harvey, "Forecasting, Structural Time Series Models and the Kalman Filter", 1989), whose
//! doubt grows with the third power of time. Start at [`Band::of`].

use lagdoctor_sdk::stats::{self, Line};

/// Standard deviations from the middle to the 10 % and 90 % quantiles of a normal distribution.
const TO_OUTER: f64 = 1.2816;
/// Stretches of the past that are compared.
const STRETCHES: usize = 6;

/// What makes a forecast unsure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Band {
    /// Spread of readings around the line.
    spread: f64,
    /// Readings that the line rests on.
    count: f64,
    /// Variance of the change of the slope from one stretch to the next.
    turn: f64,
    /// Readings of a stretch.
    length: f64,
}

impl Band {
    /// Of a line through the newest readings, around which they lie with this spread. `values` are all readings up to the
    /// newest; a stretch has as many of them as the line was drawn through.
    pub(crate) fn of(values: &[f64], length: usize, spread: f64, count: f64) -> Self {
        let stretches: Vec<(Line, f64)> = values.rchunks_exact(length).take(STRETCHES).map_while(line).collect();
        let n = length as f64;
        let turns: Vec<f64> = stretches.windows(2).map(|two| (two[0].0.slope - two[1].0.slope).powi(2)).collect();
        let around: Vec<f64> = stretches.iter().map(|(_, variance)| *variance).collect();
        // Noise alone makes slopes differ, too: each by the variance of a least squares slope.
        let by_noise = 24.0 * mean(&around) / (n * (n * n - 1.0));
        Self { spread, count, turn: (mean(&turns) - by_noise).max(0.0), length: n }
    }

    /// Half the width of the 80 % band so many readings ahead.
    pub(crate) fn half(&self, ahead: f64) -> f64 {
        let n = self.count;
        // That of a least squares line, where the doubt about the slope grows with the distance from the middle.
        let from_middle = ahead + (n - 1.0) / 2.0;
        let doubt = 1.0 + 1.0 / n + 12.0 * from_middle * from_middle / (n * (n * n - 1.0));
        // A slope that changes by chance has done so within the stretch that the line was drawn through, and goes on. With
        // the variance 1 for each unit of time and stretches of that length, a change at a place x of the stretch leaves
        // k (x² (3 - 2x)) + (1 - x) x² between the line and what comes k later; squared and summed over all places, with
        // k³/3 for what is still to change, that is the bracket times 26/35, which is the variance of `turn`.
        let k = ahead / self.length;
        let turned = self.length * self.length * (35.0 * k.powi(3) + 39.0 * k * k + 11.0 * k + 1.0) / 78.0;
        TO_OUTER * (self.spread * self.spread * doubt + self.turn * turned).sqrt()
    }
}

/// The line through a stretch, and the variance of its readings around it; none where half of them are missing.
fn line(stretch: &[f64]) -> Option<(Line, f64)> {
    let known = stats::count(stretch);
    let line = stats::least_squares(stretch).filter(|_| known >= 3 && known * 2 > stretch.len())?;
    let apart = (0..).zip(stretch).map(|(place, value)| value - line.at(f64::from(place)));
    let squares: f64 = apart.filter(|apart| !apart.is_nan()).map(|apart| apart * apart).sum();
    Some((line, squares / (known as f64 - 2.0)))
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lagdoctor_sdk::testing::wobble;

    /// Nearly normal, of variance 1.
    fn chance(place: usize, salt: u32) -> f64 {
        (0..12).map(|part| wobble(place as f64 / 4.0, salt * 12 + part)).sum::<f64>() / 2.0
    }

    /// A level whose slope changes by chance with each reading, by so much, and is read with so much noise.
    fn walk(length: usize, turn: f64, noise: f64, salt: u32) -> Vec<f64> {
        let (mut level, mut slope) = (0.0, 2.0);
        let next = |place: usize| {
            slope += turn * chance(place, 2 * salt);
            level += slope;
            level + noise * chance(place, 2 * salt + 1)
        };
        (0..length).map(next).collect()
    }

    /// The share of walks that lie within the band so many readings ahead.
    fn covered(turn: f64, noise: f64, ahead: usize) -> f64 {
        const WALKS: u32 = 600;
        const LENGTH: usize = 8;
        let is_within = |salt: &u32| {
            let whole = walk(80 + ahead, turn, noise, *salt);
            let (known, newest) = (&whole[..80], &whole[72..80]);
            let line = stats::least_squares(newest).unwrap();
            let apart: Vec<f64> = (0..).zip(newest).map(|(place, value)| value - line.at(f64::from(place))).collect();
            // Not robust, which for a handful of readings would be another question.
            let spread = (apart.iter().map(|apart| apart * apart).sum::<f64>() / 6.0).sqrt();
            let band = Band::of(known, LENGTH, spread, 8.0);
            let off = whole[79 + ahead] - line.at((7 + ahead) as f64);
            off.abs() <= band.half(ahead as f64)
        };
        (0..WALKS).filter(is_within).count() as f64 / f64::from(WALKS)
    }

    #[test]
    fn four_fifths_of_what_comes_lies_within_the_band_whether_slopes_stay_or_change() {
        for (turn, noise) in [(0.0, 5.0), (1.0, 0.0), (1.0, 5.0), (0.2, 5.0)] {
            for ahead in [4, 20, 60] {
                let share = covered(turn, noise, ahead);
                assert!((0.7..=0.9).contains(&share), "{share} at {ahead} of turn {turn} and noise {noise}");
            }
        }
    }

    #[test]
    fn a_backlog_that_has_just_begun_to_grow_may_as_well_stop() {
        let begun = |place: usize| if place < 72 { 100.0 } else { 100.0 + (place - 71) as f64 * 50.0 };
        let values: Vec<f64> = (0..80).map(begun).collect();
        let band = Band::of(&values, 8, 0.0, 8.0);
        let growth = 50.0 * 60.0;
        assert!((0.5..2.0).contains(&(band.half(60.0) / growth)), "{}", band.half(60.0));
        let steady: Vec<f64> = (0..80).map(|place| f64::from(place) * 50.0).collect();
        assert!(Band::of(&steady, 8, 0.0, 8.0).half(60.0) < 1e-6);
    }
}
