//! What is asked about an incident that was recorded: a bundle with a truth beside it, looked at as it was known from moment to
//! moment, at the cadence of simulated runs as far as its readings are dense enough for that. Nobody can have it again without
//! its fault, so that there is no oracle and no way that is known to be the true one. Start at [`Recording::all`].

use std::path::{Path, PathBuf};

use lagdoctor_bundle::{BundleError, Truth, TruthError};
use lagdoctor_model::{Millis, Timestamp, Window};
use lagdoctor_service::derive::derive;

use crate::exam::Case;
use crate::moment::Whole;
use crate::watch::{Cadence, Incident, incidents};

/// How often an incident of a long recording is diagnosed at most.
const MOST_DIAGNOSES: i64 = 30;
/// Readings from which on detection is taken to know a past.
const WARM: i64 = 20;

/// A labelled bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// What people call it.
    pub name: String,
    /// Incidents that are alike.
    pub family: String,
    /// Where it is.
    pub folder: PathBuf,
    /// What really happened.
    pub truth: Truth,
}

/// Why recordings cannot be graded.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A folder cannot be read.
    #[error("cannot read `{}`; name a folder of labelled bundles, as `lagdoctor import` and `simulate --out` write them", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing to grade on.
    #[error("`{}` holds no labelled bundle, a folder NAME with NAME.truth.toml beside it; `lagdoctor import` makes some", path.display())]
    None {
        /// Where.
        path: PathBuf,
    },
    /// A truth that is none.
    #[error(transparent)]
    Truth(#[from] TruthError),
}

impl Recording {
    /// All labelled bundles of a folder, in order of their names; and the bundles in it that have no label. The folder may be a
    /// bundle itself.
    ///
    /// # Errors
    /// When the folder cannot be read, there is none in it, or a truth is not as it should be.
    pub fn all(folder: &Path) -> Result<(Vec<Self>, Vec<PathBuf>), RecordingError> {
        if is_bundle(folder) {
            return Ok((vec![Self::of(folder)?], vec![]));
        }
        let unreadable = |source| RecordingError::Folder { path: folder.to_owned(), source };
        let (mut all, mut unlabelled) = (vec![], vec![]);
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if !is_bundle(&path) {
                continue;
            }
            match Self::of(&path) {
                Ok(recording) => all.push(recording),
                Err(TruthError::Unlabelled { bundle, .. }) => unlabelled.push(bundle),
                Err(error) => return Err(error.into()),
            }
        }
        if all.is_empty() {
            return Err(RecordingError::None { path: folder.to_owned() });
        }
        all.sort_by(|a, b| (&a.name, &a.folder).cmp(&(&b.name, &b.folder)));
        unlabelled.sort();
        Ok((all, unlabelled))
    }

    fn of(folder: &Path) -> Result<Self, TruthError> {
        let truth = Truth::read(folder)?;
        let own = || folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let class = || truth.roots.first().and_then(|root| root.class.as_ref()).map(ToString::to_string);
        Ok(Self {
            name: if truth.name.is_empty() { own() } else { truth.name.clone() },
            family: match truth.family.as_str() {
                "" => class().unwrap_or_else(|| if truth.incident { "unnamed" } else { "no incident" }.to_owned()),
                family => family.to_owned(),
            },
            folder: folder.to_owned(),
            truth,
        })
    }

    /// What is asked about. This reads the bundle, which may be large.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn case(&self, cadence: &Cadence) -> Result<Case, BundleError> {
        let mut signals = lagdoctor_bundle::read(&self.folder)?.signals;
        derive(&mut signals);
        let Window { start, now, step } = signals.window;
        let alert = signals.reported.as_ref().and_then(|reported| reported.onset);
        let truth = self.truth.clone();
        let fault_free = truth.onset.filter(|_| truth.incident).unwrap_or(now).since(start);
        let cadence = cadence.at_step(step).throughout(now.since(start + fault_free));
        let warm = start + warm_up(fault_free, &cadence, step);
        let whole = Whole::recorded(signals.normalised());
        let seen = incidents(&whole, warm, now, &cadence);
        Ok(Case { whole, truth, begin: start, warm, end: now, incidents: seen, alert, cadence, run_hash: 0 })
    }
}

/// Time after which detection is held to what it says: a past of some readings, and no more than half of the time without a
/// fault. On the grid of detection.
fn warm_up(fault_free: Millis, cadence: &Cadence, step: Millis) -> Millis {
    let grid = cadence.detect_every.as_millis().max(1);
    let wanted = (step.as_millis() * WARM).min(fault_free.as_millis() / 2);
    Millis::new(wanted / grid * grid).unwrap_or(Millis::ZERO)
}

fn is_bundle(folder: &Path) -> bool {
    folder.join("bundle.toml").is_file()
}

/// The incident that is diagnosed: from the alert on, where there was one before anything was seen.
pub(crate) fn opened(own: Option<&Incident>, alert: Option<Timestamp>, end: Timestamp) -> Option<Incident> {
    match (own.copied(), alert) {
        (Some(own), Some(alert)) if alert < own.opened => Some(Incident { opened: alert, last: end }),
        (None, Some(alert)) => Some(Incident { opened: alert, last: end }),
        (own, _) => own,
    }
}

impl Cadence {
    /// The same where readings are this far apart: nothing is looked at between two of them, and what is due between two is due at
    /// the later one.
    #[must_use]
    pub fn at_step(self, step: Millis) -> Self {
        let step = step.as_millis().max(1);
        let up = |time: Millis| Millis::new((time.as_millis() + step - 1) / step * step).unwrap_or(time);
        Self {
            detect_every: up(self.detect_every),
            diagnose_every: up(self.diagnose_every),
            bound: up(self.bound),
            early: up(self.early),
            calm: up(self.calm).max(up(Millis::new(step * 2).unwrap_or(self.calm))),
        }
    }

    /// The same for as long as an incident lasts, in larger steps where that would be too often.
    fn throughout(self, time: Millis) -> Self {
        let every = self.diagnose_every.as_millis().max(1);
        let times = (time.as_millis() / every / MOST_DIAGNOSES + 1) * every;
        Self { bound: time.max(self.bound), diagnose_every: Millis::new(times).unwrap_or(self.diagnose_every), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_between_two_readings_is_due_at_the_later_one() {
        let minutes = Cadence::default().at_step(Millis::minutes(5));
        assert_eq!(minutes.detect_every, Millis::minutes(5));
        assert_eq!((minutes.diagnose_every, minutes.early), (Millis::minutes(5), Millis::minutes(5)));
        assert_eq!((minutes.bound, minutes.calm), (Millis::minutes(5), Millis::minutes(10)));
        assert_eq!(Cadence::default().at_step(Millis::seconds(1)), Cadence::default());
        assert_eq!(Cadence::default().at_step(Millis::seconds(7)).detect_every, Millis::seconds(21));
    }

    #[test]
    fn a_long_incident_is_diagnosed_up_to_its_end_and_not_a_hundred_times() {
        let long = Cadence::default().throughout(Millis::minutes(120));
        assert_eq!((long.bound, long.diagnose_every), (Millis::minutes(120), Millis::minutes(5)));
        let short = Cadence::default().throughout(Millis::minutes(4));
        assert_eq!((short.bound, short.diagnose_every), (Millis::minutes(5), Millis::minutes(1)));
    }

    #[test]
    fn an_alert_opens_what_nothing_had_shown_by_then() {
        let at = |s| Timestamp::EPOCH + Millis::seconds(s);
        let own = Incident { opened: at(300), last: at(900) };
        let alerted = |second| Some(Incident { opened: at(second), last: at(1_200) });
        assert_eq!(opened(Some(&own), None, at(1_200)), Some(own));
        assert_eq!(opened(Some(&own), Some(at(200)), at(1_200)), alerted(200));
        assert_eq!(opened(Some(&own), Some(at(400)), at(1_200)), Some(own));
        assert_eq!(opened(None, Some(at(400)), at(1_200)), alerted(400));
        assert_eq!(opened(None, None, at(1_200)), None);
    }
}
