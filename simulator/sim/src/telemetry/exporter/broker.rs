//! jmx_exporter in a broker's JVM, with the rules of `kafka-2_0_0`, lower-cased. A broker tells what it knows itself: of the
//! partitions that it leads, of its own handlers and disk; only the active controller tells of all.

use super::super::scrape::Page;
use crate::cluster::Cluster;
use crate::cluster::kafka::NOBODY;
use crate::units::Micros;

/// Seconds that its process had been up when the run began, and the distance and length of its young collections.
const UPTIME: f64 = 1_914_377.0;
const YOUNG: (f64, f64) = (11.0, 0.014);

pub(super) fn write(page: &mut Page<'_>, cluster: &mut Cluster, place: usize, now: Micros) {
    let Cluster { kafka, topics, knobs, .. } = cluster;
    kafka.count(topics, now);
    let remote_s = kafka.followers_take(place, now, &knobs.kafka);
    let broker = &mut kafka.brokers[place];
    let pace = broker.pace;
    broker.meters.shown.take_in(now, &pace, remote_s);
    let (mut led, mut copies, mut lacking, mut below, mut offline) = (0, 0, 0, 0, 0);
    for (number, topic) in topics.iter().enumerate() {
        let labels = [("topic", topic.name.as_str())];
        let meters = &kafka.brokers[place].meters;
        let (records, out) = (meters.records_in[number], meters.records_out[number]);
        page.counter("kafka_server_brokertopicmetrics_messagesin_total", &labels, records);
        page.counter("kafka_server_brokertopicmetrics_bytesin_total", &labels, records * topic.record_bytes());
        page.counter("kafka_server_brokertopicmetrics_bytesout_total", &labels, out * topic.record_bytes());
        for partition in &topic.partitions {
            let has_copy = kafka.copies(partition.first_replica, topic.set.replication).any(|copy| copy == place);
            copies += u32::from(has_copy);
            offline += u32::from(partition.leader == NOBODY);
            if partition.leader == place {
                let in_sync = kafka.in_sync(place, partition.first_replica, topic.set.replication);
                led += 1;
                lacking += u32::from(in_sync < topic.set.replication);
                below += u32::from(in_sync < topic.set.min_insync);
            }
        }
    }
    let broker = &kafka.brokers[place];
    let is_active = kafka.controller.active == Some(place);
    let as_controller = |count: u32| if is_active { f64::from(count) } else { 0.0 };
    let fenced = kafka.brokers.iter().filter(|broker| broker.is_fenced).count() as u32;
    let all = kafka.brokers.len() as u32;
    // A meter of how idle handlers were is never still, not even where nothing is wrong.
    let idle = (1.0 - (1.0 - broker.meters.shown.idle) * page.noise()).max(0.0);
    for (name, value) in [
        ("kafka_server_replicamanager_partitioncount", f64::from(copies)),
        ("kafka_server_replicamanager_leadercount", f64::from(led)),
        ("kafka_server_replicamanager_underreplicatedpartitions", f64::from(lacking)),
        ("kafka_server_replicamanager_underminisrpartitioncount", f64::from(below)),
        ("kafka_controller_kafkacontroller_activecontrollercount", as_controller(1)),
        ("kafka_controller_kafkacontroller_offlinepartitionscount", as_controller(offline)),
        ("kafka_controller_kafkacontroller_fencedbrokercount", as_controller(fenced)),
        ("kafka_controller_kafkacontroller_activebrokercount", as_controller(all - fenced)),
        ("kafka_log_logmanager_offlinelogdirectorycount", if broker.volume.is_offline { 1.0 } else { 0.0 }),
        ("kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent", idle),
        ("kafka_network_requestchannel_requestqueuesize", libm::floor(pace.wait_s * 250.0)),
    ] {
        page.gauge(name, &[], value);
    }
    let meters = broker.meters.clone();
    page.counter(
        "kafka_server_brokertopicmetrics_failedproducerequests_total",
        &[],
        libm::floor(meters.failed_produce),
    );
    page.counter("kafka_server_brokertopicmetrics_failedfetchrequests_total", &[], libm::floor(meters.failed_fetch));
    page.counter("kafka_server_replicamanager_isrshrinks_total", &[], meters.isr_shrinks as f64);
    page.counter("kafka_server_replicamanager_isrexpands_total", &[], meters.isr_expands as f64);
    let shown = meters.shown;
    let produce = shown.queue_ms + shown.append_ms + shown.remote_ms;
    for (request, name, value) in [
        ("Produce", "kafka_network_requestmetrics_requestqueuetimems", shown.queue_ms),
        ("Produce", "kafka_network_requestmetrics_localtimems", shown.append_ms),
        ("Produce", "kafka_network_requestmetrics_remotetimems", shown.remote_ms),
        ("Produce", "kafka_network_requestmetrics_totaltimems", produce),
        ("FetchConsumer", "kafka_network_requestmetrics_totaltimems", shown.fetch_ms + 30.0),
        ("FetchConsumer", "kafka_network_requestmetrics_localtimems", shown.fetch_ms - shown.queue_ms),
    ] {
        for (quantile, factor) in [("0.5", 0.8), ("0.99", 2.6)] {
            let noise = page.noise();
            page.gauge(name, &[("quantile", quantile), ("request", request)], value * factor * noise);
        }
    }
    let noise = page.noise();
    page.gauge("kafka_log_logflushstats_logflushrateandtimems", &[("quantile", "0.99")], 9.0 * shown.write_ms * noise);
    // The cleaner looks every fifteen seconds.
    let idle_s = broker.cleaner_died.map_or(now.as_seconds() % 15.0, |died| (now - died).as_seconds());
    page.gauge("kafka_log_logcleanermanager_time_since_last_run_ms", &[], libm::floor(idle_s * 1000.0));
    let dead = if broker.cleaner_died.is_some() { 1.0 } else { 0.0 };
    page.gauge("kafka_log_logcleaner_deadthreadcount", &[], dead);
    let compacted = [("partition", "7"), ("topic", "__consumer_offsets")];
    page.gauge("kafka_log_log_size", &compacted, libm::floor(48e6 + broker.uncleaned));
    let before = broker.started.map_or(UPTIME, |started| -started.as_seconds());
    write_jvm(page, meters.pauses, before, now);
}

/// `before` is how long its process had been up when the run began; negative when it began later.
fn write_jvm(page: &mut Page<'_>, (count, seconds): (u64, f64), before: f64, now: Micros) {
    let young = libm::floor((before + now.as_seconds()).max(0.0) / YOUNG.0);
    for (gc, count, seconds) in
        [("G1 Young Generation", young, young * YOUNG.1), ("G1 Old Generation", count as f64, seconds)]
    {
        page.counter("jvm_gc_collection_seconds_count", &[("gc", gc)], count);
        // A Java machine counts what it collects in whole milliseconds.
        page.counter("jvm_gc_collection_seconds_sum", &[("gc", gc)], libm::round(seconds * 1000.0) / 1000.0);
    }
    let noise = page.noise();
    page.gauge("jvm_memory_bytes_used", &[("area", "heap")], libm::floor(3.4e9 * noise));
    page.gauge("jvm_memory_bytes_max", &[("area", "heap")], 6_442_450_944.0);
    page.gauge("process_start_time_seconds", &[], page.began(before));
}
