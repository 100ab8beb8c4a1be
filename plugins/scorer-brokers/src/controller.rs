//! Is there a controller? Exactly one broker says that it is the active one. An election takes seconds; where nobody says so
//! for longer, data flows on and nothing can change: whoever fails from then on is replaced by nobody.

use lagdoctor_sdk::stats;
use lagdoctor_sdk::words::seconds;
use lagdoctor_sdk::{Finding, NodeRef, SeriesRef, View, ramp};

use crate::{Config, RECENT_MS};

/// What a controller says that nobody is; the rest is left to what would have to be replaced.
const NOBODY: f64 = 0.9;

/// Whether the controller is lost: the finding is about the broker that was the active one last. `None` where nobody ever
/// said that it was.
pub(crate) fn lost(config: &Config, view: &View<'_>, brokers: &[NodeRef<'_>]) -> Option<Finding> {
    let said: Vec<SeriesRef<'_>> =
        brokers.iter().filter_map(|broker| view.signal(*broker, "kafka.broker.active_controller")).collect();
    // Who was it last, and until when?
    let last_as_one =
        |series: &SeriesRef<'_>| series.readings().filter(|(_, is)| *is > 0.5).map(|(time, _)| time).last();
    let (last, was) =
        said.iter().filter_map(|series| Some((last_as_one(series)?, *series))).max_by_key(|(time, _)| *time)?;
    // Since then the others must have been heard, or it is only that nobody was asked.
    let heard = |series: &SeriesRef<'_>| stats::count(series.between(last + 1, view.now_ms()));
    let missed = said.iter().map(heard).max().unwrap_or(0);
    let is_recent = last >= view.now_ms() - RECENT_MS;
    let score = if is_recent { ramp(missed as f64, config.missed, config.missed + 2.0) * NOBODY } else { 0.0 };
    let lasted = seconds((view.now_ms() - last) as f64 / 1_000.0);
    let statement = match score > 0.0 {
        true => format!("nobody has been the active controller for {lasted}; this broker was the last one"),
        false => "there is an active controller".to_owned(),
    };
    let finding = Finding::about(&was).class("controller.loss").score(score).magnitude(-(missed as f64));
    let since = (score > 0.0).then_some(last + was.step_ms);
    Some(finding.since(since).saw(if score > 0.0 { 0.0 } else { 1.0 }, 1.0).says(statement))
}
