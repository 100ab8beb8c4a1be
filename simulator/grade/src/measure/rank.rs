//! How near the top is what is right? Causes that are equally sure have no order, so every grade here is the expectation
//! over all orders of equals, as in McSherry and Najork, "Computing information retrieval performance measures
//! efficiently in the presence of tied scores" (ECIR 2008).
//!
//! AC@k is the share of true roots among the first k causes, of at most k: Σ [root among first k] / min(k, roots), as
//! the papers on root causes of microservices have it; Avg@5 is the mean of AC@1 to AC@5. The reciprocal rank is that of
//! the first right cause (Voorhees, TREC-8 1999), 0 when none is right.

/// Causes in the order of a diagnosis: how sure it is, and which roots (by their place) it would be right about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ranked {
    /// How sure.
    pub(crate) confidence: f64,
    /// The roots that it fits.
    pub(crate) fits: Vec<usize>,
}

/// A group of equals: how many come before it, how many it has, how many of these are right.
struct Tie {
    before: usize,
    size: usize,
    right: usize,
}

fn ties(ranked: &[Ranked], is_right: impl Fn(&Ranked) -> bool) -> Vec<Tie> {
    let mut ties: Vec<Tie> = vec![];
    let mut last = f64::NAN;
    for (place, cause) in ranked.iter().enumerate() {
        let right = usize::from(is_right(cause));
        match ties.last_mut() {
            Some(tie) if cause.confidence.to_bits() == last.to_bits() => {
                tie.size += 1;
                tie.right += right;
            }
            _ => ties.push(Tie { before: place, size: 1, right }),
        }
        last = cause.confidence;
    }
    ties
}

/// Chance that none of `right` among `size` is drawn in `draws` draws without putting back.
fn none_drawn(size: usize, right: usize, draws: usize) -> f64 {
    (0..draws.min(size)).map(|drawn| (size - right).saturating_sub(drawn) as f64 / (size - drawn) as f64).product()
}

/// Chance that a right cause is among the first `k`.
fn hit(ranked: &[Ranked], k: usize, is_right: impl Fn(&Ranked) -> bool) -> f64 {
    // Groups are in order: the first that holds something right decides.
    let first = ties(ranked, is_right).into_iter().find(|tie| tie.right > 0);
    first.map_or(0.0, |tie| 1.0 - none_drawn(tie.size, tie.right, k.saturating_sub(tie.before)))
}

/// AC@k over `roots` roots; 0 where there is none.
pub(crate) fn accuracy_at(ranked: &[Ranked], roots: usize, k: usize) -> f64 {
    if roots == 0 || k == 0 {
        return 0.0;
    }
    let found: f64 = (0..roots).map(|root| hit(ranked, k, |cause| cause.fits.contains(&root))).sum();
    (found / roots.min(k) as f64).min(1.0)
}

/// Expected reciprocal rank of the first right cause.
pub(crate) fn reciprocal_rank(ranked: &[Ranked]) -> f64 {
    let Some(tie) = ties(ranked, |cause| !cause.fits.is_empty()).into_iter().find(|tie| tie.right > 0) else {
        return 0.0;
    };
    let first_at = |draw: usize| none_drawn(tie.size, tie.right, draw) - none_drawn(tie.size, tie.right, draw + 1);
    (0..tie.size).map(|draw| first_at(draw) / (tie.before + draw + 1) as f64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(causes: &[(f64, &[usize])]) -> Vec<Ranked> {
        causes.iter().map(|(confidence, fits)| Ranked { confidence: *confidence, fits: fits.to_vec() }).collect()
    }

    fn check(causes: &[(f64, &[usize])], roots: usize, accuracies: [f64; 3], reciprocal: f64) {
        let ranked = ranked(causes);
        for (k, expected) in (1..).zip(accuracies) {
            let found = accuracy_at(&ranked, roots, k);
            assert!((found - expected).abs() < 1e-12, "AC@{k} is {found}, not {expected}");
        }
        let found = reciprocal_rank(&ranked);
        assert!((found - reciprocal).abs() < 1e-12, "the reciprocal rank is {found}, not {reciprocal}");
    }

    #[test]
    fn a_right_cause_counts_from_its_place_on() {
        check(&[(0.9, &[0]), (0.5, &[])], 1, [1.0, 1.0, 1.0], 1.0);
        check(&[(0.9, &[]), (0.5, &[0])], 1, [0.0, 1.0, 1.0], 0.5);
        check(&[(0.9, &[]), (0.5, &[])], 1, [0.0; 3], 0.0);
        check(&[], 1, [0.0; 3], 0.0);
    }

    #[test]
    fn of_equals_each_is_as_likely_to_come_first() {
        // Right among two equals: first in half of the orders. 1/2 * 1 + 1/2 * 1/2 = 3/4.
        check(&[(0.9, &[]), (0.9, &[0])], 1, [0.5, 1.0, 1.0], 0.75);
        // After one that is surer, among three equals: places 2, 3, 4 with a third each.
        let third = 1.0 / 3.0;
        let reciprocal = third * (0.5 + third + 0.25);
        check(&[(0.9, &[]), (0.4, &[]), (0.4, &[0]), (0.4, &[])], 1, [0.0, third, 2.0 * third], reciprocal);
        // Two of three equals are right: the first place is right in 2 of 3 orders, the second at the latest in all.
        check(&[(0.4, &[0]), (0.4, &[0]), (0.4, &[])], 1, [2.0 * third, 1.0, 1.0], 2.0 * third + third / 2.0);
    }

    #[test]
    fn of_several_roots_as_many_as_fit_must_be_there() {
        check(&[(0.9, &[0]), (0.8, &[]), (0.7, &[1])], 2, [1.0, 0.5, 1.0], 1.0);
        // One answer that fits both is both.
        check(&[(0.9, &[0, 1])], 2, [1.0, 1.0, 1.0], 1.0);
    }
}
