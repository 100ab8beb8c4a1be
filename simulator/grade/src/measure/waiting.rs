//! How long does it take, where some never get there? A run that ends before the time has come is censored: all that is
//! known is that it took longer. Leaving such runs out, or counting the end of the run as the time, would both flatter.

/// How long something took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wait {
    /// So many seconds.
    Took(f64),
    /// Longer than so many seconds: nothing is known of what came after.
    LongerThan(f64),
}

/// The median by Kaplan and Meier ("Nonparametric estimation from incomplete observations", 1958): the first time at which
/// S(t) = Π (1 − d_i / n_i) is a half or less. `None` where it never is: more than half took longer than was watched.
pub(crate) fn median(waits: &[Wait]) -> Option<f64> {
    let mut ordered: Vec<(f64, bool)> = waits
        .iter()
        .map(|wait| match wait {
            Wait::Took(seconds) => (*seconds, true),
            Wait::LongerThan(seconds) => (*seconds, false),
        })
        .collect();
    // Of equals those that got there come first: the others were still waiting then.
    ordered.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut waiting = 1.0;
    for (place, (seconds, got_there)) in ordered.iter().enumerate() {
        if *got_there {
            waiting *= 1.0 - 1.0 / (ordered.len() - place) as f64;
        }
        if waiting <= 0.5 + 1e-12 {
            return Some(*seconds);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use Wait::{LongerThan, Took};

    #[test]
    fn those_who_never_got_there_push_the_median_up() {
        assert_eq!(median(&[Took(10.0), Took(20.0), Took(30.0)]), Some(20.0));
        // At 10: 2/3 still wait. At 30, of the one left: 0. So the median is 30, not 20.
        assert_eq!(median(&[Took(10.0), LongerThan(20.0), Took(30.0)]), Some(30.0));
        assert_eq!(median(&[Took(10.0), LongerThan(5.0), LongerThan(50.0), LongerThan(60.0)]), None);
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_textbook_sample_has_its_textbook_median() {
        // Times of remission under 6-mercaptopurine, in weeks (Freireich and others 1963): the median is 23.
        let took = [6.0, 6.0, 6.0, 7.0, 10.0, 13.0, 16.0, 22.0, 23.0].map(Took);
        let longer = [6.0, 9.0, 10.0, 11.0, 17.0, 19.0, 20.0, 25.0, 32.0, 32.0, 34.0, 35.0].map(LongerThan);
        assert_eq!(median(&[&took[..], &longer[..]].concat()), Some(23.0));
    }
}
