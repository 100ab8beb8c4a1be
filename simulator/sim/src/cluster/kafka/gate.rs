//! What the brokers let through of one partition: records that its leader does not take wait in their producers and are
//! given up after a while; records behind an open transaction are there and cannot be read by who reads what is committed.

use std::collections::VecDeque;

use crate::units::Micros;

/// The gate of one partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    /// Records that this step lets through at most; `None` is all of them.
    pub(crate) most: Option<u64>,
    /// What waits: when it was sent, and how many.
    held: VecDeque<(Micros, u64)>,
    /// Records that were given up.
    pub(crate) expired: u64,
    /// Offset of the first record of an open transaction, and when it was opened.
    pub(crate) open: Option<(u64, Micros)>,
}

/// `delivery.timeout.ms`: how long a producer tries.
const DELIVERY: Micros = Micros::seconds(120);

impl Gate {
    /// Records of this step, `fresh` of which were sent now.
    pub(crate) fn pass(&mut self, now: Micros, fresh: u64) -> u64 {
        if self.most.is_none() && self.held.is_empty() {
            return fresh;
        }
        self.held.push_back((now, fresh));
        let mut room = self.most.unwrap_or(u64::MAX);
        let mut passed = 0;
        while let Some((_, count)) = self.held.front_mut() {
            let taken = room.min(*count);
            *count -= taken;
            (room, passed) = (room - taken, passed + taken);
            if *count > 0 {
                break;
            }
            self.held.pop_front();
        }
        while self.held.front().is_some_and(|(sent, _)| now - *sent > DELIVERY) {
            self.expired += self.held.pop_front().map_or(0, |(_, count)| count);
        }
        passed
    }

    /// Whether nothing waits and nothing is held back.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.most.is_none() && self.held.is_empty() && self.open.is_none()
    }

    /// Records that wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> u64 {
        self.held.iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waited_comes_first_and_what_waited_too_long_never_comes() {
        let mut gate = Gate::default();
        assert_eq!(gate.pass(Micros::ZERO, 7), 7);
        gate.most = Some(0);
        assert_eq!(gate.pass(Micros::SECOND, 5), 0);
        assert_eq!(gate.pass(Micros::seconds(100), 6), 0);
        assert_eq!((gate.waiting(), gate.expired), (11, 0));
        gate.most = Some(2);
        assert_eq!(gate.pass(Micros::seconds(125), 1), 2);
        assert_eq!((gate.waiting(), gate.expired), (7, 3));
        gate.most = None;
        assert_eq!(gate.pass(Micros::seconds(126), 4), 11);
        assert!(gate.is_at_rest());
    }
}
