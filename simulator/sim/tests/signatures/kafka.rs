use super::seen::*;

const THROTTLE: &str = "avg(kafka_consumer_fetch_manager_fetch_throttle_time_avg)";
const COMMIT_MS: &str = "avg(kafka_consumer_coordinator_commit_latency_avg)";
const LACKING: &str = "sum(kafka_server_replicamanager_underreplicatedpartitions)";

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::MIN, f64::max)
}

#[test]
fn a_quota_makes_consumption_a_flat_line_while_nobody_has_much_to_do() {
    let seen = see("fetch-quota", 4, "severity = 0.6\n");
    let (before, after) = seen.means(THROTTLE);
    assert!(before == 0.0 && after > 30.0, "{before} {after}");
    // 0.85 - 0.55 * 0.6 of what usually comes.
    let share = seen.factor(DONE);
    assert!((0.42..0.64).contains(&share), "{share}");
    let done = seen.between(DONE, 180.0..=520.0);
    assert!(most(&done) / mean(&done) < 1.15, "a flat line: {done:?}");
    assert!((0.8..1.2).contains(&seen.factor(INFLOW)));
    // What comes comes in lumps, so that records crowd on the processors.
    assert!((0.5..2.5).contains(&seen.factor(RECORD)), "no record is slower: {}", seen.factor(RECORD));
    assert!(seen.factor(CPU) < 1.0);
    let lag = seen.one(LAG).last().unwrap().1;
    assert!(lag > 50_000.0, "{lag}");
    assert_eq!(seen.means(MEMBERS), (4.0, 4.0));
    assert_eq!(seen.means(LACKING), (0.0, 0.0));
}

#[test]
fn a_dead_broker_is_fenced_after_nine_seconds_and_others_lead_what_it_led() {
    let seen = see("broker-gone", 2, "target = \"2\"\n");
    let up = seen.one("up{job=\"kafka\",broker_id=\"2\"}");
    assert!(up.iter().all(|(at, value)| (*at > 20.0) == (*value == 0.0) || (0.0..=20.0).contains(at)), "{up:?}");
    assert!(seen.says("Fencing broker 2 because its session has timed out.") >= 1);
    assert!(seen.says("Connection to node 2") >= 1, "clients try it in vain");
    let lacking = seen.between(LACKING, 60.0..=500.0);
    assert!(lacking.iter().all(|count| *count == 12.0), "each partition lacks its copy: {lacking:?}");
    let leaders = seen.ask("kafka_topic_partition_leader");
    assert_eq!(leaders.len(), 12);
    for (labels, points) in leaders {
        let (before, after) = (points[0].1, points.last().unwrap().1);
        assert!(after != 2.0 && (before == 2.0 || before == after), "{labels} {before} {after}");
    }
    assert_eq!(seen.one("kafka_brokers").last().unwrap().1, 2.0);
    // All of it is over within half a minute, and nobody was put out of the group.
    assert!(seen.one(LAG).last().unwrap().1 < 2000.0);
    assert_eq!(seen.means(MEMBERS), (4.0, 4.0));
    assert!((0.85..1.15).contains(&seen.factor(INFLOW)));
}

#[test]
fn what_only_a_dead_broker_had_is_offline_until_it_is_back() {
    let seen = see("broker-gone-one-copy", 3, "target = \"3\"\n");
    let offline = seen.between("sum(kafka_controller_kafkacontroller_offlinepartitionscount)", 60.0..=500.0);
    assert!(offline.iter().all(|count| *count == 4.0), "{offline:?}");
    let leaders = seen.ask("kafka_topic_partition_leader");
    assert_eq!(leaders.iter().filter(|(_, points)| points.last().unwrap().1 == -1.0).count(), 4);
    let ends = seen.ask("kafka_topic_partition_current_offset");
    let gone = ends.iter().filter(|(_, points)| points.last().unwrap().0 < 30.0).count();
    assert_eq!(gone, 4, "nobody can be asked where they end");
    let inflow = seen.factor(INFLOW);
    assert!((0.55..0.8).contains(&inflow), "a third does not get in: {inflow}");
    let errors = seen.one("sum(kafka_producer_record_error_total)");
    let first = errors.iter().find(|(_, value)| *value > 0.0).unwrap().0;
    assert!((110.0..160.0).contains(&first), "producers give up after two minutes: {first}");
}

#[test]
fn a_slow_disk_holds_its_handlers_and_after_half_a_minute_its_copies_fall_out() {
    let seen = see("broker-slow-disk", 5, "severity = 0.9\n");
    const IDLE: &str = "kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent{broker_id=\"1\"}";
    let (before, after) = seen.means(IDLE);
    assert!(before > 0.9 && after < 0.2, "{before} {after}");
    let other = seen.means("kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent{broker_id=\"2\"}");
    assert!(other.0 > 0.9 && other.1 > 0.9, "{other:?}");
    let local = "kafka_network_requestmetrics_localtimems{request=\"Produce\",quantile=\"0.99\",broker_id=\"1\"}";
    assert!(seen.factor(local) > 50.0);
    assert!(seen.factor("kafka_log_logflushstats_logflushrateandtimems{broker_id=\"1\"}") > 50.0);
    let io = "rate(node_disk_io_time_seconds_total{instance=\"kafka-a:9100\"}[1m])";
    assert!(seen.means(io).0 < 0.2 && seen.means(io).1 > 0.9, "{:?}", seen.means(io));
    let shrinks = seen.one("sum(kafka_server_replicamanager_isrshrinks_total)");
    let first = shrinks.iter().find(|(_, value)| *value > 0.0).unwrap().0;
    assert!((30.0..60.0).contains(&first), "{first}");
    assert!(seen.says("Out of sync replicas: (brokerId: 1") >= 6, "healthy leaders write it");
    assert_eq!(seen.says("Out of sync replicas: (brokerId: 2"), 0);
    assert!(seen.means(COMMIT_MS).0 < 20.0 && seen.means(COMMIT_MS).1 > 1000.0, "{:?}", seen.means(COMMIT_MS));
    assert!((0.5..2.5).contains(&seen.factor(RECORD)) && (0.6..1.4).contains(&seen.factor(STATEMENT)));
}

#[test]
fn a_broker_that_stops_is_fenced_and_comes_back_by_itself() {
    let seen = see("broker-pauses", 6, "severity = 0.6\n");
    let pauses = seen.one("jvm_gc_collection_seconds_sum{gc=\"G1 Old Generation\",broker_id=\"1\"}");
    assert!(pauses.iter().all(|(at, value)| *at > 0.0 || *value == 0.0) && pauses.last().unwrap().1 > 60.0);
    assert!(seen.says("Fencing broker 1 because its session has timed out.") >= 2, "again and again");
    assert!(seen.says("The request from broker 1 to unfence has been granted") >= 2);
    assert!(seen.says("Pause Full (G1 Compaction Pause)") >= 4);
    let began = seen.one("process_start_time_seconds{job=\"kafka\",broker_id=\"1\"}");
    assert!(began.iter().all(|(_, at)| (at - began[0].1).abs() <= 11.0), "its process is the same");
    assert_eq!(seen.means(MEMBERS), (4.0, 4.0));
    let others = "sum(jvm_gc_collection_seconds_count{gc=\"G1 Old Generation\",broker_id!=\"1\"})";
    assert_eq!(seen.means(others), (0.0, 0.0));
}

#[test]
fn an_open_transaction_leaves_consumers_idle_while_the_log_grows() {
    let seen = see("open-transaction", 7, "severity = 0.5\n");
    assert!((0.9..1.1).contains(&seen.factor(INFLOW)), "producers go on");
    let behind: Vec<bool> = lags(&seen).iter().map(|lag| *lag > 3000.0).collect();
    let count = behind.iter().filter(|is| **is).count();
    assert!((4..=6).contains(&count), "the partitions of the transaction and no other: {:?}", lags(&seen));
    assert!(seen.factor(CPU) < 0.9, "who waits for it has nothing to do: {}", seen.factor(CPU));
    assert!((0.7..1.4).contains(&seen.factor(RECORD)));
    let polled = seen.means("max(kafka_consumer_last_poll_seconds_ago)").1;
    assert!(polled < 2.0, "they poll: {polled}");
    assert_eq!(seen.means(MEMBERS), (4.0, 4.0));
    // After its time the coordinator aborts it, and all that waited is read at once.
    let short = see("open-transaction", 7, "severity = 0.5\nparams = { timeout = 120 }\n");
    assert!(short.one(LAG).last().unwrap().1 < 2000.0);
    assert!(most(&short.between(LAG, 60.0..=120.0)) > 8000.0);
}

#[test]
fn without_a_majority_nothing_is_to_be_seen_until_a_broker_fails() {
    let seen = see("no-majority", 8, "[[fault]]\nid = \"f2\"\ntarget = \"3\"\noffset = \"120s\"\n");
    let active = "sum(kafka_controller_kafkacontroller_activecontrollercount)";
    assert_eq!(mean(&seen.between(active, -300.0..=0.0)), 1.0);
    assert_eq!(mean(&seen.between(active, 30.0..=110.0)), 0.0);
    assert!(most(&seen.between(LAG, 20.0..=110.0)) < 3000.0, "data flows");
    assert_eq!(seen.says("Fencing broker"), 0, "nobody is there to do it");
    let led = seen.ask("kafka_topic_partition_leader");
    assert_eq!(led.iter().filter(|(_, points)| points.last().unwrap().1 == 3.0).count(), 4);
    assert!((0.0..0.8).contains(&seen.factor(INFLOW)), "{}", seen.factor(INFLOW));
}

#[test]
fn another_controller_takes_over_within_seconds_and_nobody_notices() {
    let seen = see(
        "no-majority",
        8,
        "params = { what = \"active\" }\n[[fault]]\nid = \"f2\"\nseverity = 0\noffset = \"9m\"\n",
    );
    assert_eq!(seen.says("Becoming the active controller at epoch 42"), 1);
    let lags = seen.between(LAG, 0.0..=500.0);
    assert!(most(&lags) < 3000.0 && seen.means(LACKING) == (0.0, 0.0));
    assert_eq!(seen.between("sum(kafka_controller_kafkacontroller_activecontrollercount)", 60.0..=500.0)[0], 1.0);
}

#[test]
fn a_volume_runs_full_evenly_and_then_its_broker_ends() {
    let seen = see("broker-volume", 9, "target = \"2\"\nseverity = 0.9\n");
    let free = "node_filesystem_avail_bytes{instance=\"kafka-b:9100\",mountpoint=\"/var/lib/kafka\"}";
    let (early, late) = (seen.between(free, 15.0..=90.0), seen.between(free, 100.0..=175.0));
    let fall = |values: &[f64]| values[0] - values[values.len() - 1];
    assert!((0.7..1.4).contains(&(fall(&early) / fall(&late))), "{early:?} {late:?}");
    let other = seen.one("node_filesystem_avail_bytes{instance=\"kafka-a:9100\",mountpoint=\"/var/lib/kafka\"}");
    let kept = other[other.len() - 1].1 / other[0].1;
    assert!((0.97..1.01).contains(&kept), "{kept}");
    let errors = seen.one("up{job=\"kafka\",broker_id=\"2\"}");
    let gone = errors.iter().find(|(_, up)| *up == 0.0).unwrap().0;
    // 900 - 780 * 0.9 seconds.
    assert!((195.0..235.0).contains(&gone), "{gone}");
    assert!(seen.says("No space left on device") >= 1 && seen.says("Stopping serving logs in dir") >= 1);
    assert!(most(&seen.between(LAG, 20.0..=190.0)) < 3000.0, "nothing else is to be seen before");
}

#[test]
fn a_dead_log_cleaner_is_felt_when_its_broker_has_to_keep_a_group() {
    let seen = see("dead-cleaner", 9, "severity = 0.7\n[[fault]]\nid = \"f2\"\noffset = \"150s\"\n");
    let dead = seen.one("sum(kafka_log_logcleaner_deadthreadcount)");
    assert!(dead.iter().all(|(at, count)| if *at < 0.0 { *count == 0.0 } else { *at < 20.0 || *count == 1.0 }));
    let size = seen.between("kafka_log_log_size{broker_id=\"2\"}", -60.0..=500.0);
    assert!(size[0] < 1e8 && size[size.len() - 1] > 5e9, "{size:?}");
    assert!(most(&seen.between(LAG, 0.0..=140.0)) < 3000.0, "nobody feels it before");
    assert_eq!(seen.says("kafka-log-cleaner-thread-0"), 1);
    // The broker reads for minutes, and nobody can say what the group has committed.
    let known: Vec<f64> = seen.one("kafka_consumergroup_members").iter().map(|(at, _)| *at).collect();
    assert!(known.iter().all(|at| *at < 200.0), "{:?}", known.last());
    assert!(seen.means("avg(executor_active_threads)").1 < 0.5, "who cannot commit waits");
}

#[test]
fn new_partitions_are_written_at_once_and_read_only_when_the_group_learns_of_them() {
    let seen = see("more-partitions", 3, "severity = 0.3\n");
    let count = seen.one("kafka_topic_partitions");
    assert_eq!((count[0].1, count.last().unwrap().1), (12.0, 16.0));
    let lags = seen.ask("kafka_consumergroup_lag");
    assert_eq!(lags.len(), 16);
    for (labels, points) in &lags {
        let number: u32 = labels["partition"].as_str().unwrap().parse().unwrap();
        let worst = points.iter().filter(|(at, _)| *at > 0.0).map(|(_, value)| *value).fold(0.0, f64::max);
        assert_eq!(worst > 700.0, number >= 12, "{number}: {worst}");
        assert!(points.last().unwrap().1 < 700.0, "{number} is read in the end");
    }
    assert!((0.9..1.1).contains(&seen.factor(INFLOW)));
    assert!(seen.says("CreatePartitions result(s)") == 1 && seen.says("cached metadata has changed") >= 1);
    let rebalances = seen.one("max(kafka_consumer_coordinator_rebalance_total)");
    assert_eq!(rebalances.last().unwrap().1 - rebalances[0].1, 1.0);
}
