//! Do two sets agree? F1 is the harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN) (van Rijsbergen,
//! "Information Retrieval", 1979). Used for the roots that a diagnosis names and for the edges of the way that it tells.

use std::collections::{BTreeMap, BTreeSet};

/// F1 from counts; `None` where there was nothing to find and nothing was said.
pub(crate) fn f1(both: usize, only_said: usize, only_true: usize) -> Option<f64> {
    let all = 2 * both + only_said + only_true;
    (all > 0).then(|| 2.0 * both as f64 / all as f64)
}

/// F1 of the edges of two ways, whichever end each is told from; `None` where there is no true way of two nodes.
pub(crate) fn path_f1(said: &[&str], truth: &[&str]) -> Option<f64> {
    let edges = |way: &[&str]| -> BTreeSet<(String, String)> {
        let ordered =
            |a: &str, b: &str| if a < b { (a.to_owned(), b.to_owned()) } else { (b.to_owned(), a.to_owned()) };
        way.windows(2).map(|pair| ordered(pair[0], pair[1])).collect()
    };
    let (said, truth) = (edges(said), edges(truth));
    if truth.is_empty() {
        return None;
    }
    let both = said.intersection(&truth).count();
    f1(both, said.len() - both, truth.len() - both)
}

/// F1 of each class, averaged over the classes that truly occur: each counts alike, however rare. This is the averaged F1
/// of Opitz and Burst, "Macro F1 and Macro F1" (2019). Pairs are (true class, said class).
pub(crate) fn macro_f1<'a>(pairs: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Option<f64> {
    #[derive(Default)]
    struct Counts {
        both: usize,
        only_said: usize,
        only_true: usize,
    }
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut occurring: BTreeSet<&str> = BTreeSet::new();
    for (truth, said) in pairs {
        occurring.insert(truth);
        if said == Some(truth) {
            counts.entry(truth).or_default().both += 1;
            continue;
        }
        counts.entry(truth).or_default().only_true += 1;
        if let Some(said) = said {
            counts.entry(said).or_default().only_said += 1;
        }
    }
    let each = occurring.iter().filter_map(|class| counts.get(class));
    let scores: Vec<f64> = each.filter_map(|counts| f1(counts.both, counts.only_said, counts.only_true)).collect();
    (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: Option<f64>, expected: Option<f64>) {
        let is_same = match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
            (found, expected) => found == expected,
        };
        assert!(is_same, "{found:?}, not {expected:?}");
    }

    #[test]
    fn two_of_three_said_and_two_of_four_true_give_four_sevenths() {
        check(f1(2, 1, 2), Some(4.0 / 7.0));
        check(f1(0, 0, 0), None);
        check(f1(0, 1, 0), Some(0.0));
    }

    #[test]
    fn a_way_is_the_same_from_either_end() {
        check(path_f1(&["group:g", "service:s", "database:d"], &["database:d", "service:s", "group:g"]), Some(1.0));
        // One edge of two in common, one too many, one missing: 2 / (2 + 1 + 1).
        check(path_f1(&["group:g", "service:s", "cache:c"], &["database:d", "service:s", "group:g"]), Some(0.5));
        check(path_f1(&[], &["a:a", "b:b"]), Some(0.0));
        check(path_f1(&["a:a", "b:b"], &["a:a"]), None);
    }

    #[test]
    fn each_class_counts_alike_however_rare() {
        // db.lock: 2 right, 1 missed, nothing too much: 4/5. load.burst: 0 right, 1 missed: 0.
        // consumer.crash, said once and never true, only costs what it was said in place of.
        let pairs = [
            ("db.lock", Some("db.lock")),
            ("db.lock", Some("db.lock")),
            ("db.lock", Some("consumer.crash")),
            ("load.burst", None),
        ];
        check(macro_f1(pairs.into_iter()), Some((0.8 + 0.0) / 2.0));
        check(macro_f1(std::iter::empty()), None);
    }
}
