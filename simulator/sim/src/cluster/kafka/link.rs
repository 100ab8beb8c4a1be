//! The network between two nodes: what a way that is slow, lossy or cut does to what crosses it. Ways on which nothing is
//! wrong are not kept at all. Start at [`Way`].

use std::sync::Arc;

use crate::random::Stream;
use crate::units::Micros;

/// One end of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Producer(usize),
    Instance(usize),
    Broker(usize),
    Database(usize),
    Cache(usize),
    Endpoint(usize),
}

/// Something wrong on all ways between two sets of nodes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinkKnobs {
    /// What the way is called: `FROM>TO`.
    pub(crate) name: Arc<str>,
    pub(crate) ends: (Vec<Place>, Vec<Place>),
    pub(crate) way: Way,
}

/// What is wrong on a way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Way {
    /// Seconds that a round trip takes longer.
    pub(crate) delay_s: f64,
    /// Standard deviation of the logarithm of that.
    pub(crate) jitter: f64,
    /// Probability that a packet is lost.
    pub(crate) loss: f64,
    pub(crate) is_cut: bool,
}

impl Default for Way {
    fn default() -> Self {
        Self { delay_s: 0.0, jitter: 0.0, loss: 0.0, is_cut: false }
    }
}

/// Payload of a packet, in bytes.
const SEGMENT: f64 = 1448.0;
/// Round trip within one data centre, in seconds.
const ROUND_TRIP: f64 = 0.0005;
/// Least time until a packet is sent again, in seconds; it doubles each time.
const RESEND: f64 = 0.2;
/// Times that a packet is sent again before we stop counting.
const MOST_RESENDS: f64 = 7.0;

impl LinkKnobs {
    pub(super) fn joins(&self, one: Place, other: Place) -> bool {
        let (here, there) = &self.ends;
        (here.contains(&one) && there.contains(&other)) || (here.contains(&other) && there.contains(&one))
    }
}

/// What one exchange over a way costs.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub(crate) struct Toll {
    pub(crate) time: Micros,
    /// Packets that were sent again.
    pub(crate) resent: f64,
}

impl Way {
    /// Both at once.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            delay_s: self.delay_s + other.delay_s,
            jitter: self.jitter.max(other.jitter),
            loss: 1.0 - (1.0 - self.loss) * (1.0 - other.loss),
            is_cut: self.is_cut || other.is_cut,
        }
    }

    /// What one request and its answer, of `bytes` together, cost on top of what they cost on a good way. A packet at the
    /// end of either is missed only by a timer; the rest is bounded by what TCP makes of the loss.
    pub(crate) fn toll(&self, bytes: f64, stream: &mut Stream) -> Toll {
        let delay = self.delay_s * stream.factor(self.jitter);
        let unit = stream.unit();
        if self.loss <= 0.0 {
            return Toll { time: Micros::of_seconds(delay), resent: 0.0 };
        }
        let either = 1.0 - (1.0 - self.loss) * (1.0 - self.loss);
        let again = libm::floor(libm::log(unit.max(1e-12)) / libm::log(either.clamp(1e-9, 0.999))).min(MOST_RESENDS);
        let waits = RESEND * (libm::pow(2.0, again) - 1.0);
        let transfer = bytes / self.ceiling();
        let resent = again + self.loss * bytes / SEGMENT;
        Toll { time: Micros::of_seconds(delay + waits + transfer), resent }
    }

    /// Bytes per second that one connection can carry at most: 1.22 segments per round trip and root of the loss.
    pub(crate) fn ceiling(&self) -> f64 {
        if self.loss <= 0.0 {
            return f64::INFINITY;
        }
        1.22 * SEGMENT / ((ROUND_TRIP + self.delay_s) * libm::sqrt(self.loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;

    #[test]
    fn loss_bounds_what_one_connection_carries_as_the_formula_says() {
        let ceiling = |delay_s: f64, loss| Way { delay_s, loss, ..Way::default() }.ceiling() / 1e6;
        assert!((17.0..36.0).contains(&ceiling(0.0005, 0.01)), "{}", ceiling(0.0005, 0.01));
        assert!((0.3..0.4).contains(&ceiling(0.0495, 0.01)), "{}", ceiling(0.0495, 0.01));
        assert!(ceiling(0.05, 0.0).is_infinite());
    }

    #[test]
    fn a_lossy_way_makes_a_few_exchanges_very_slow_and_most_not_at_all() {
        let mut stream = Streams::new(3).stream("a", "b");
        let way = Way { loss: 0.03, ..Way::default() };
        let mut times: Vec<f64> = (0..4000).map(|_| way.toll(1000.0, &mut stream).time.as_seconds()).collect();
        times.sort_by(f64::total_cmp);
        assert!(times[2000] < 0.001 && times[3960] >= 0.2, "{} {}", times[2000], times[3960]);
        let slow = times.iter().filter(|time| **time > 0.1).count() as f64 / 4000.0;
        assert!((0.04..0.08).contains(&slow), "either of two packets is lost: {slow}");
    }

    #[test]
    fn a_way_joins_its_ends_in_both_directions_and_nothing_else() {
        let (here, there) = (Place::Instance(2), Place::Broker(0));
        let link = LinkKnobs { name: "a>b".into(), ends: (vec![here], vec![there]), way: Way::default() };
        assert!(link.joins(here, there) && link.joins(there, here));
        assert!(!link.joins(here, Place::Broker(1)) && !link.joins(here, here));
    }
}
