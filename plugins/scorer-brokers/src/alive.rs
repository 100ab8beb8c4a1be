//! Does a broker answer? It says so itself when it is scraped, or others say that it is there; a reading that is missing
//! while those of other brokers are there says that it is not.

use lagdoctor_sdk::words::seconds;
use lagdoctor_sdk::{Finding, NodeRef, SeriesRef, View, ramp};

use crate::{Config, EXPLAINED, RECENT_MS};

/// What a broker counts that is there again: what it left behind may still hurt.
const BACK: f64 = 0.7;
/// What a broker that does not answer says; nothing is as sure.
const AWAY: f64 = 0.95;

/// Whether this broker is down; `None` where nobody says.
pub(crate) fn down(
    config: &Config,
    view: &View<'_>,
    brokers: &[NodeRef<'_>],
    broker: NodeRef<'_>,
    is_explained: bool,
) -> Option<Finding> {
    let up = view.signal(broker, "kafka.broker.up")?;
    let others: Vec<SeriesRef<'_>> = brokers
        .iter()
        .filter(|other| other.handle != broker.handle)
        .filter_map(|other| view.signal(*other, "kafka.broker.up"))
        .collect();
    let there = |series: &SeriesRef<'_>, time: i64| {
        let nearest = series.between(time - series.step_ms, time);
        nearest.iter().any(|value| *value > 0.5)
    };
    let from = up.range(view.now_ms() - RECENT_MS, view.now_ms()).start;
    // The longest run of readings without an answer, and whether it lasts.
    let (mut longest, mut run): ((usize, usize), (usize, usize)) = ((0, 0), (0, 0));
    for index in from..up.values.len() {
        let value = up.values[index];
        let time = up.time(index);
        let is_away = value < 0.5 || (value.is_nan() && others.iter().any(|other| there(other, time)));
        run = if is_away { (if run.1 == 0 { index } else { run.0 }, run.1 + 1) } else { (0, 0) };
        if run.1 >= longest.1 {
            longest = run;
        }
    }
    let (first, missed) = longest;
    let is_back = run.1 == 0;
    let score = ramp(missed as f64, config.missed - 1.0, config.missed + 1.0) * AWAY;
    let score = score * if is_back { BACK } else { 1.0 } * if is_explained { EXPLAINED } else { 1.0 };
    let lasted = seconds((missed as i64 * up.step_ms) as f64 / 1_000.0);
    let statement = match (missed as f64 >= config.missed, is_back) {
        (false, _) => "the broker answers".to_owned(),
        (true, false) => format!("the broker has not answered for {lasted}"),
        (true, true) => format!("the broker did not answer for {lasted}, and answers again"),
    };
    let since = (score > 0.0).then(|| up.time(first));
    let finding = Finding::about(&up).class("broker.down").score(score).magnitude(-(missed as f64)).since(since);
    Some(finding.saw(if is_back { 1.0 } else { 0.0 }, 1.0).says(statement))
}
