//! How long until records are deleted that were never processed? Retention moves the start of the log; when that overtakes
//! the group's committed offset, what lies between is lost. Start at [`time_to_data_loss`].

use lagdoctor_model::{Millis, NodeId, PartitionId, Signals};

use super::track::Track;
use crate::seen::Seen;

/// With fewer steps of the log start in the window its pace is that of one segment that happened to go, and no forecast.
const FEWEST_STEPS: usize = 3;
/// What is further away than this is nothing to say tonight.
const FURTHEST: Millis = Millis::minutes(14 * 24 * 60);

/// The time until retention deletes the first record that `group` has not committed; zero when it does so already.
/// `None` when that is not to be seen coming: retention does not gain on the group, or the offsets are not known.
pub(super) fn time_to_data_loss(signals: &Signals, seen: &Seen<'_>, group: &NodeId) -> Option<Millis> {
    let partitions = seen.of(group, "kafka.consumer_group.offset").iter();
    let times = partitions.filter_map(|committed| {
        let labels = committed.labels();
        let id = PartitionId::new(labels.get("topic")?.as_str(), labels.get("partition")?.parse().ok()?);
        let partition = id.node().ok()?;
        let track = |node: &NodeId, signal: &str| Some(Track::of(seen.plain(node, signal)?, &signals.window));
        let oldest = track(&partition, "kafka.partition.oldest_offset")?;
        let log_end = track(&partition, "kafka.partition.current_offset");
        of_partition(&Track::of(committed, &signals.window), &oldest, log_end.as_ref())
    });
    times.min().filter(|time| *time <= FURTHEST)
}

fn of_partition(committed: &Track, oldest: &Track, log_end: Option<&Track>) -> Option<Millis> {
    let margin = committed.last()?.1 - oldest.last()?.1;
    if margin < 0.0 {
        return Some(Millis::ZERO);
    }
    let mut retention = pace(oldest)?;
    let values = oldest.values();
    if values.windows(2).filter(|pair| pair[1] > pair[0]).count() < FEWEST_STEPS {
        // Whole segments go at once. In the long run no more can go than came.
        retention = retention.min(pace(log_end?)?);
    }
    let gains = retention - pace(committed).unwrap_or(0.0);
    // A group that keeps up commits as fast as retention deletes; the difference is noise.
    if gains <= retention * 0.02 || gains <= 0.0 {
        return None;
    }
    let ms = margin / gains * 1_000.0;
    Millis::new(ms.min(FURTHEST.as_millis() as f64 + 1.0) as i64).ok()
}

/// Change per second from the first to the last reading, never negative.
fn pace(track: &Track) -> Option<f64> {
    let ((from, first), (to, last)) = (track.first()?, track.last()?);
    let seconds = to.since(from).as_seconds();
    (seconds > 0.0).then(|| (last - first).max(0.0) / seconds)
}

#[cfg(test)]
mod tests {
    use lagdoctor_model::Labels;

    use super::*;
    use crate::testing::{hour, id, key, read};

    /// Time to loss for a log that starts and a group that stands at such offsets; the log grows by 100/s.
    fn check(start: impl Fn(f64) -> f64, committed: impl Fn(f64) -> f64, expected_s: Option<f64>) {
        let mut signals = hour();
        let mut of_group = key("group:g", "kafka.consumer_group.offset");
        of_group.labels = Labels::from([("topic".into(), "t".into()), ("partition".into(), "0".into())]);
        read(&mut signals, of_group, committed);
        read(&mut signals, key("partition:t/0", "kafka.partition.oldest_offset"), start);
        read(&mut signals, key("partition:t/0", "kafka.partition.current_offset"), |s| 1e6 + s * 100.0);
        let found = time_to_data_loss(&signals, &Seen::new(&signals), &id("group:g"));
        assert_eq!(found.map(Millis::as_seconds), expected_s);
    }

    #[test]
    fn retention_overtakes_a_group_that_stands_still() {
        check(|s| s * 100.0, |_| 720_000.0, Some(3_600.0));
    }

    #[test]
    fn a_group_that_is_merely_slower_has_more_time() {
        check(|s| s * 100.0, |s| 540_000.0 + s * 50.0, Some(7_200.0));
    }

    #[test]
    fn who_keeps_up_loses_nothing() {
        check(|s| s * 100.0, |s| 500_000.0 + s * 100.0, None);
        check(|_| 0.0, |_| 720_000.0, None);
    }

    #[test]
    fn an_offset_before_the_log_start_is_loss_now() {
        check(|s| s * 100.0, |_| 300_000.0, Some(0.0));
    }

    #[test]
    fn one_segment_that_went_is_no_pace() {
        // A jump of 720,000 within the hour would be 200/s, but only 100/s were ever written.
        check(|s| if s < 1_800.0 { 0.0 } else { 720_000.0 }, |_| 900_000.0, Some(1_800.0));
    }
}
