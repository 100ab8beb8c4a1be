//! What happens to hosts, versions and whole processes.

use super::seen::*;

const ERRORS: &str = "sum by (pod) (rate(logback_events_total{job=\"fulfilment\",level=\"error\"}[1m]))";
const TOOK: &str = "sum by (pod) (rate(spring_kafka_listener_seconds_sum[1m])) / sum by (pod) (rate(spring_kafka_listener_seconds_count[1m]))";

/// Pods of which this is so, by the mean before the onset and the one well after it.
fn pods(seen: &Seen, query: &str, fits: impl Fn(f64, f64) -> bool) -> Vec<String> {
    let rows = seen.ask(query).into_iter().filter(|(_, points)| {
        let (before, after) = means(points);
        fits(before, after)
    });
    rows.filter_map(|(labels, _)| Some(labels["pod"].as_str()?.to_owned())).collect()
}

#[test]
fn a_new_version_is_slow_where_it_runs_and_nowhere_else() {
    let seen = see("half-rolled-out", 2, "severity = 0.8\nparams = { pods = 2 }\n");
    let newer = ["fulfilment-0", "fulfilment-1"];
    for pod in ["fulfilment-0", "fulfilment-1", "fulfilment-2", "fulfilment-3"] {
        assert_eq!(restarts(&seen, pod), usize::from(newer.contains(&pod)), "{pod} is begun again with it");
    }
    assert_eq!(pods(&seen, TOOK, |before, after| after > 2.0 * before), newer);
    assert_eq!(pods(&seen, ERRORS, |before, after| after > 20.0 * before + 0.2), newer);
    assert!(seen.says("Starting Application v2.") == 2, "each says which version it is");
    assert!(seen.says("because \"campaign\" is null") > 50, "a line that nobody has seen before");
    assert!((0.6..1.5).contains(&seen.factor(STATEMENT)) && seen.means(PENDING).1 < 2.0);
    assert!((0.8..1.2).contains(&seen.factor(INFLOW)));
}

#[test]
fn a_wrong_clock_stamps_lines_and_is_not_believed_and_offsets_do_not_care() {
    for (how, sign) in [("ahead", 1.0), ("behind", -1.0)] {
        let seen =
            see("wrong-time", 3, &format!("target = \"worker-1\"\nseverity = 0.5\nparams = {{ how = \"{how}\" }}\n"));
        let offset = |host: &str| seen.means(&format!("node_timex_offset_seconds{{instance=\"{host}:9100\"}}"));
        let (before, after) = offset("worker-1");
        assert!(before.abs() < 0.01 && (after * sign - 332.5).abs() < 1.0, "{how}: {before} {after}");
        assert!(offset("worker-2").1.abs() < 0.01);
        let refused = "sum by (pod) (rate(http_client_requests_seconds_count{status=\"401\"}[1m]))";
        assert_eq!(pods(&seen, refused, |_, after| after > 0.5), ["fulfilment-0", "fulfilment-3"], "{how}");
        let (leap, token) = match how {
            "ahead" => ("Thread starvation or clock leap detected", "the token is not valid yet"),
            _ => ("Retrograde clock change detected", "the token has expired"),
        };
        assert_eq!(seen.says(leap), 4, "{how}: two pools of two instances");
        assert!(seen.says(token) > 20, "{how}: {}", seen.says(token));
        assert!((0.7..1.4).contains(&seen.factor(STATEMENT)), "the server itself is as always");
        assert!(lags(&seen).iter().all(|lag| *lag >= 0.0), "no offset is of another time");
        // Lines of that host bear times at which nothing has been written yet, or long ago.
        let odd = seen.run.telemetry().lines().filter(|line| {
            let off = (line.at_ms - line.seen_ms) as f64 / 1000.0 * sign;
            off > 150.0 && ["fulfilment-0", "fulfilment-3"].contains(&line.instance)
        });
        assert!(odd.count() > 50, "{how}");
    }
}

#[test]
fn a_volume_fills_for_long_and_then_everything_there_ends_again_and_again() {
    let seen = see("no-room", 4, "target = \"worker-1\"\nramp = \"5m\"\nseverity = 0.1\n");
    let free = seen.one("node_filesystem_avail_bytes{instance=\"worker-1:9100\",mountpoint=\"/\"}");
    let at = |moment: f64| free.iter().find(|(at, _)| *at >= moment).unwrap().1;
    let whole = at(-30.0);
    assert!(whole > 3e10 && (0.6..0.85).contains(&(at(75.0) / whole)) && (0.3..0.65).contains(&(at(150.0) / whole)));
    assert_eq!(at(330.0), 0.0);
    let ended: Vec<usize> = (0..4).map(|n| seen.says(&format!("shop/fulfilment-{n} exitCode=1"))).collect();
    assert!(ended[0] >= 3 && ended[3] >= 3 && ended[1] + ended[2] == 0, "{ended:?}");
    assert!(seen.says("No space left on device") >= 6 && restarts(&seen, "fulfilment-0") >= 1);
    assert!(seen.onset_of(LAG) > 200.0, "nothing hurts while there is room: {}", seen.onset_of(LAG));
    let elsewhere = seen.one("node_filesystem_avail_bytes{instance=\"worker-2:9100\",mountpoint=\"/\"}");
    assert!(elsewhere.windows(2).all(|pair| pair[0].1 == pair[1].1));
    assert!((0.7..1.4).contains(&seen.factor(STATEMENT)));
}

#[test]
fn a_process_that_runs_out_of_memory_begins_again_and_runs_out_of_it_again() {
    let seen = see("out-of-memory", 5, "target = \"fulfilment-1\"\nramp = \"2m\"\nseverity = 0.5\n");
    let floor = seen.one("jvm_memory_usage_after_gc{pod=\"fulfilment-1\"}");
    let falls: Vec<f64> =
        floor.windows(2).filter(|pair| pair[0].1 > 0.8 && pair[1].1 < 0.5).map(|pair| pair[1].0).collect();
    assert!(falls.len() >= 2 && falls[0] > 110.0, "a sawtooth: {falls:?}");
    assert!(seen.says("java.lang.OutOfMemoryError: Java heap space") >= 4 && seen.says("exitCode=3") >= 2);
    assert!(seen.says("has failed, removing it from the group.") >= 1, "it told nobody");
    assert!(restarts(&seen, "fulfilment-1") >= 2 && restarts(&seen, "fulfilment-0") == 0);
    let overhead = seen.one("rate(jvm_gc_pause_seconds_sum{pod=\"fulfilment-1\",action=\"end of major GC\"}[1m])");
    let most = overhead.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    assert!(most > 0.2, "collections take everything before the end: {most}");
    assert!((0.7..1.4).contains(&seen.factor(STATEMENT)) && (0.8..1.2).contains(&seen.factor(INFLOW)));
}
