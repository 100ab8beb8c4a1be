//! How would the same incident look to somebody who sees less of it? What happens stays the same, to the last record; only
//! what is measured of it, and told of its graph, becomes worse. Start at [`Scenario::blurred`].

use super::Scenario;

/// A way in which less is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blur {
    /// Measurements that are noisy in real life, such as processor use, are noisier: relative noise.
    Noise,
    /// Scrapes get no answer, so that readings are missing: share of scrapes.
    Gaps,
    /// The operator's topology lacks edges: share of edges.
    Edges,
}

impl Blur {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 3] = [Self::Noise, Self::Gaps, Self::Edges];
}

impl Scenario {
    /// The same scenario, of which at most this much is seen. `level` is a share, from 0 to 1; what is worse already stays as it
    /// is.
    ///
    /// ```
    /// # use lagdoctor_sim::{Blur, Scenario, Simulation};
    /// let scenario = Scenario::builtin("db-timeouts").unwrap();
    /// let [clear, dim] = [scenario.clone(), scenario.blurred(Blur::Edges, 0.5)].map(|one| Simulation::new(&one, 3));
    /// assert!(dim.topology().edges().count() < clear.topology().edges().count());
    /// ```
    #[must_use]
    pub fn blurred(&self, blur: Blur, level: f64) -> Self {
        let mut dim = self.clone();
        let seen = &mut dim.telemetry;
        let share = match blur {
            Blur::Noise => &mut seen.metric_noise,
            Blur::Gaps => &mut seen.scrape.gap_prob,
            Blur::Edges => &mut seen.topology.missing_edges,
        };
        *share = share.max(level.clamp(0.0, 1.0));
        dim
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pair, Simulation};

    fn pair(blur: Blur, level: f64) -> Pair {
        let text = "schema = 1\nid = \"t\"\nfamily = \"t\"\nduration = \"20m\"\nuse = [\"topo/orders.toml\"]\n\
            [[fault]]\nid = \"a\"\nkind = \"db.lock\"\ntarget = \"orders-db\"\nat = \"8m\"\nseverity = 0.9\n\
            [impact]\nsli = \"time_lag:fulfilment\"\nmin = \"20s\"\nfor = \"1m\"\n";
        let scenario = Scenario::parse(text, Scenario::builtin_use).unwrap();
        Simulation::pair(&scenario.blurred(blur, level), 5)
    }

    #[test]
    fn less_is_seen_of_exactly_the_same() {
        let clear = pair(Blur::Noise, 0.0);
        assert!(clear.impact.is_some());
        for blur in Blur::ALL {
            let dim = pair(blur, 0.4);
            assert_eq!(dim.truth(), clear.truth(), "{blur:?}");
            assert_eq!(dim.impact, clear.impact, "{blur:?}");
            assert_eq!(dim.suspects(), clear.suspects(), "{blur:?}");
            let is_same_graph = dim.run.topology() == clear.run.topology();
            assert_eq!(is_same_graph, blur != Blur::Edges, "{blur:?}");
            let is_same_view = dim.run.run_hash() == clear.run.run_hash();
            assert_eq!(is_same_view, blur == Blur::Edges, "{blur:?}");
        }
        // The marker that a series has ended is no reading.
        let is_read = |(_, value): &&(i64, f64)| !crate::telemetry::is_stale(*value);
        let read = |run: &Simulation| -> usize {
            run.telemetry().series.iter().map(|series| series.samples.iter().filter(is_read).count()).sum()
        };
        let fewer = |level| read(&pair(Blur::Gaps, level).run);
        assert!((fewer(0.4) as f64) < 0.7 * fewer(0.0) as f64, "{} of {}", fewer(0.4), fewer(0.0));
    }

    #[test]
    fn what_is_worse_already_stays_as_it_is() {
        let scenario = Scenario::builtin("quiet").unwrap();
        let worse = scenario.blurred(Blur::Noise, 0.3);
        assert_eq!(worse.blurred(Blur::Noise, 0.1).telemetry.metric_noise, 0.3);
        assert_eq!(worse.blurred(Blur::Gaps, 7.0).telemetry.scrape.gap_prob, 1.0);
    }
}
