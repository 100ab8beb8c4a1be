//! `bundle.toml`: which window, from where, and what was missing already when the bundle was written.

use lagdoctor_model::{Gap, GapCause, KnownSymptom, Millis, NodeId, Timestamp, Window};
use serde::{Deserialize, Serialize};

/// What a bundle says of itself besides its signals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Where it comes from, for people: `recorded from prod-eu`, `simulated, scenario 3f2a, seed 7`.
    pub source: String,
}

/// More points than this are no incident window: a wrong unit is likely, and everything on the grid would be as long.
const MAX_POINTS: usize = 200_000;

#[derive(Serialize, Deserialize)]
pub(crate) struct RawWindow {
    start_ms: i64,
    now_ms: i64,
    step_ms: i64,
}

impl RawWindow {
    pub(crate) fn of(window: Window) -> Self {
        let Window { start, now, step } = window;
        Self { start_ms: start.as_millis(), now_ms: now.as_millis(), step_ms: step.as_millis() }
    }

    /// The window, or why it is none.
    pub(crate) fn checked(&self) -> Result<Window, String> {
        let time = |ms| Timestamp::from_millis(ms).map_err(|error| error.to_string());
        let (start, now) = (time(self.start_ms)?, time(self.now_ms)?);
        let step = Millis::new(self.step_ms).map_err(|error| error.to_string())?;
        if step == Millis::ZERO {
            return Err("`step_ms` is 0".to_owned());
        }
        if now < start {
            return Err(format!("`now_ms` ({now}) lies before `start_ms` ({start})"));
        }
        let window = Window { start, now, step };
        if window.points() > MAX_POINTS {
            return Err(format!("it has {} steps, and {MAX_POINTS} is the most", window.points()));
        }
        Ok(window)
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct RawGap {
    source: String,
    cause: GapCause,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<NodeId>,
    statement: String,
}

impl From<Gap> for RawGap {
    fn from(Gap { source, cause, node, statement }: Gap) -> Self {
        Self { source, cause, node, statement }
    }
}

impl From<RawGap> for Gap {
    fn from(RawGap { source, cause, node, statement }: RawGap) -> Self {
        Self { source, cause, node, statement }
    }
}

/// What [`crate::write()`] writes. Tables come last, as TOML wants it.
#[derive(Serialize)]
pub(crate) struct RawHeader<'a> {
    pub(crate) schema: u32,
    pub(crate) source: &'a str,
    pub(crate) window: RawWindow,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) symptom: Option<&'a KnownSymptom>,
    #[serde(rename = "gap", skip_serializing_if = "Vec::is_empty")]
    pub(crate) gaps: Vec<RawGap>,
}
