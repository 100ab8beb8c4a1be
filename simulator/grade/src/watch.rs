//! When would somebody have been told, and of what? Detection looks at every scrape. When an incident opens there is a
//! diagnosis, then one each minute of incident time up to a bound, and one at the end of the run. Start at [`incidents`]
//! and [`Cadence::moments`].

use lagdoctor_model::{Millis, Timestamp};

use crate::moment::Whole;

/// When what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// Between two looks whether something hurts.
    pub detect_every: Millis,
    /// Between two diagnoses of one incident.
    pub diagnose_every: Millis,
    /// For how long after it opened an incident is diagnosed again and again.
    pub bound: Millis,
    /// How long after the impact the early verdict is due.
    pub early: Millis,
    /// How long nothing must hurt until an incident is over.
    pub calm: Millis,
}

impl Default for Cadence {
    fn default() -> Self {
        Self {
            detect_every: Millis::seconds(15),
            diagnose_every: Millis::seconds(60),
            bound: Millis::minutes(5),
            early: Millis::minutes(3),
            calm: Millis::minutes(2),
        }
    }
}

/// Something that hurt for a while, as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident {
    /// The first look that saw it.
    pub opened: Timestamp,
    /// The last look that saw it.
    pub last: Timestamp,
}

/// What detection saw from one moment to another, both included.
pub fn incidents(whole: &Whole, from: Timestamp, to: Timestamp, cadence: &Cadence) -> Vec<Incident> {
    let mut lookout = whole.lookout();
    let mut hurting = vec![];
    let mut now = from;
    while now <= to {
        if lookout.hurts_at(whole.window(now)) {
            hurting.push(now);
        }
        now = now + cadence.detect_every;
    }
    joined(&hurting, cadence.calm)
}

/// Moments at which something hurt, joined where less than `calm` lies between them.
fn joined(hurting: &[Timestamp], calm: Millis) -> Vec<Incident> {
    let mut incidents: Vec<Incident> = vec![];
    for at in hurting {
        match incidents.last_mut() {
            Some(known) if at.since(known.last) <= calm => known.last = *at,
            _ => incidents.push(Incident { opened: *at, last: *at }),
        }
    }
    incidents
}

impl Cadence {
    /// When an incident is diagnosed, up to the end of the run, which is always a moment.
    pub fn moments(&self, incident: Option<&Incident>, end: Timestamp) -> Vec<Timestamp> {
        let mut moments = vec![];
        if let Some(incident) = incident {
            let until = end.min(incident.opened + self.bound).min(incident.last + self.calm);
            let mut at = incident.opened;
            while at <= until && at < end {
                moments.push(at);
                at = at + self.diagnose_every;
            }
        }
        moments.push(end);
        moments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u32) -> Timestamp {
        Timestamp::EPOCH + Millis::seconds(seconds)
    }

    #[test]
    fn one_calm_look_ends_no_incident() {
        let hurting = [60, 75, 105, 300].map(at);
        let expected = [Incident { opened: at(60), last: at(105) }, Incident { opened: at(300), last: at(300) }];
        assert_eq!(joined(&hurting, Millis::minutes(2)), expected);
    }

    #[test]
    fn an_incident_is_diagnosed_each_minute_up_to_the_bound_and_at_the_end() {
        let incident = Incident { opened: at(600), last: at(3600) };
        let moments = Cadence::default().moments(Some(&incident), at(3600));
        assert_eq!(moments, [600, 660, 720, 780, 840, 900, 3600].map(at));
        let short = Incident { opened: at(600), last: at(600) };
        assert_eq!(Cadence::default().moments(Some(&short), at(650)), [600, 650].map(at));
        assert_eq!(Cadence::default().moments(None, at(3600)), [at(3600)]);
    }
}
