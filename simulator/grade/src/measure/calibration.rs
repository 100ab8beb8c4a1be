//! Is a cause that is said to be 80 % sure right in 80 of 100 cases? Pairs are (confidence, whether it was right).

/// How many bins confidences are sorted into.
pub(crate) const BINS: usize = 10;

/// One bin of confidences.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// How many answers.
    pub n: usize,
    /// How sure they were, on average.
    pub confidence: f64,
    /// Which share of them was right.
    pub right: f64,
}

/// Mean squared distance of confidence and outcome (Brier, "Verification of forecasts expressed in terms of probability",
/// 1950); 0 is best, 0.25 is a coin that says 50 %.
pub(crate) fn brier(pairs: &[(f64, bool)]) -> Option<f64> {
    let square = |(confidence, right): &(f64, bool)| (confidence - f64::from(u8::from(*right))).powi(2);
    (!pairs.is_empty()).then(|| pairs.iter().map(square).sum::<f64>() / pairs.len() as f64)
}

/// Answers by confidence, in ten bins of equal width: `[0, 0.1)` to `[0.9, 1]`.
pub fn bins(pairs: &[(f64, bool)]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for (confidence, right) in pairs {
        let place = ((confidence * BINS as f64) as usize).min(BINS - 1);
        bins[place].n += 1;
        bins[place].confidence += confidence;
        bins[place].right += f64::from(u8::from(*right));
    }
    for bin in bins.iter_mut().filter(|bin| bin.n > 0) {
        bin.confidence /= bin.n as f64;
        bin.right /= bin.n as f64;
    }
    bins
}

/// Expected calibration error: Σ n_b / n · |right_b − confidence_b| (Naeini, Cooper and Hauskrecht, AAAI 2015).
pub(crate) fn expected_error(pairs: &[(f64, bool)]) -> Option<f64> {
    let off = |bin: &Bin| bin.n as f64 * (bin.right - bin.confidence).abs();
    (!pairs.is_empty()).then(|| bins(pairs).iter().map(off).sum::<f64>() / pairs.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brier_and_calibration_error_of_four_answers() {
        let pairs = [(0.95, true), (0.95, false), (0.6, true), (0.3, false)];
        // (0.0025 + 0.9025 + 0.16 + 0.09) / 4
        assert!((brier(&pairs).unwrap() - 0.28875).abs() < 1e-12);
        // Bin 0.9: two at 0.95, half right: 2 * 0.45. Bin 0.6: 0.4. Bin 0.3: 0.3. (0.9 + 0.4 + 0.3) / 4
        assert!((expected_error(&pairs).unwrap() - 0.4).abs() < 1e-12);
        assert_eq!((brier(&[]), expected_error(&[])), (None, None));
    }

    #[test]
    fn certainty_lies_in_the_last_bin() {
        let bins = bins(&[(1.0, true), (0.0, false)]);
        assert_eq!((bins[0].n, bins[9].n, bins[9].right), (1, 1, 1.0));
    }
}
