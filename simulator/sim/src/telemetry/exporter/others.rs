//! redis_exporter, node_exporter, and the application that produces.

use super::super::scrape::Page;
use crate::cluster::Cluster;
use crate::cluster::outside::VOLUME;

pub(super) fn write_redis(page: &mut Page<'_>, cluster: &Cluster, place: usize) {
    let cache = &cluster.caches[place];
    if !cache.is_up {
        // The exporter is a process of its own, and has nothing else to say.
        page.gauge("redis_up", &[], 0.0);
        return;
    }
    page.begin_again(cache.born);
    page.gauge("redis_up", &[], 1.0);
    page.counter("redis_keyspace_hits_total", &[], cache.hits as f64);
    page.counter("redis_keyspace_misses_total", &[], cache.misses as f64);
    page.counter("redis_evicted_keys_total", &[], libm::floor(cache.evicted));
    page.counter("redis_rejected_connections_total", &[], 0.0);
    page.gauge("redis_connected_clients", &[], cluster.instances.len() as f64 * 8.0 + 2.0);
    page.gauge("redis_blocked_clients", &[], 0.0);
    let noise = page.noise();
    let (used, most) = cache.memory();
    page.gauge("redis_memory_used_bytes", &[], libm::floor((used * noise).min(most)));
    page.gauge("redis_memory_max_bytes", &[], libm::floor(most));
    page.gauge("redis_uptime_in_seconds", &[], libm::floor(page.uptime(2_031_744.0)));
}

pub(super) fn write_host(page: &mut Page<'_>, cluster: &Cluster, place: usize) {
    let host = &cluster.hosts[place];
    let (used, stolen) = (host.busy / host.cores, host.stolen / host.cores);
    let unused = 600.0 + host.idle / host.cores;
    for cpu in 0..(host.cores as u32).clamp(1, 64) {
        let number = cpu.to_string();
        let mut mode = |mode, seconds: f64| {
            page.counter(
                "node_cpu_seconds_total",
                &[("cpu", &number), ("mode", mode)],
                libm::round(seconds * 100.0) / 100.0,
            );
        };
        mode("user", used * 0.8);
        mode("system", used * 0.2);
        mode("iowait", 0.004 * unused);
        mode("idle", 0.996 * unused);
        mode("steal", stolen);
    }
    for (number, database) in cluster.databases_on(place).enumerate() {
        let device = format!("nvme{}n1", number + 1);
        let labels = [("device", device.as_str())];
        page.counter("node_disk_io_time_seconds_total", &labels, libm::round(database.disk_busy * 1000.0) / 1000.0);
        page.counter("node_disk_writes_completed_total", &labels, libm::floor(database.disk_writes));
    }
    let root = [("device", "/dev/nvme0n1p1"), ("fstype", "ext4"), ("mountpoint", "/")];
    page.gauge("node_filesystem_avail_bytes", &root, libm::floor(host.free));
    page.gauge("node_filesystem_size_bytes", &root, VOLUME);
    page.gauge("node_timex_offset_seconds", &[], libm::round(host.clock_s * 1e6) / 1e6);
    page.gauge("node_timex_sync_status", &[], if host.clock_s.abs() < 1.0 { 1.0 } else { 0.0 });
    let (resent, sent) = cluster.packets(place);
    page.counter("node_netstat_Tcp_RetransSegs", &[], libm::floor(resent));
    page.counter("node_netstat_Tcp_OutSegs", &[], libm::floor(sent));
    if let Some(broker) = cluster.kafka.brokers.iter().find(|broker| broker.host == Some(place)) {
        let seconds = cluster.now.as_seconds();
        let device = format!("nvme{}n1", cluster.databases_on(place).count() + 1);
        let disk = [("device", device.as_str())];
        let usual = broker.usual_busy() * (seconds - broker.meters.odd_s).max(0.0);
        let busy = usual + broker.meters.disk_s;
        page.counter("node_disk_io_time_seconds_total", &disk, libm::round(busy * 1000.0) / 1000.0);
        let device = format!("/dev/{device}");
        let mount = [("device", device.as_str()), ("fstype", "xfs"), ("mountpoint", "/var/lib/kafka")];
        let written: f64 = cluster.topics.iter().map(|topic| topic.written()).sum();
        page.gauge("node_filesystem_avail_bytes", &mount, libm::floor(broker.free(written)));
        page.gauge("node_filesystem_size_bytes", &mount, broker.volume.size);
    }
    page.gauge("node_memory_MemTotal_bytes", &[], 34_359_738_368.0);
    page.gauge("node_boot_time_seconds", &[], page.began(8_214_906.0));
}

pub(super) fn write_producer(page: &mut Page<'_>, cluster: &Cluster, place: usize) {
    let producer = &cluster.producers[place];
    let labels = [("client_id", producer.name.as_str()), ("kafka_version", "3.9.0")];
    let sent = producer.sent;
    let bytes: f64 = cluster.topics.iter().map(|topic| topic.bytes_sent_by(place)).sum();
    page.counter("kafka_producer_record_send_total", &labels, libm::floor(sent));
    page.counter("kafka_producer_byte_total", &labels, libm::floor(bytes));
    let lost = cluster.topics.iter().filter(|topic| topic.set.sent_by.contains(&place));
    let lost: f64 = lost.map(|topic| topic.given_up() as f64 / topic.set.sent_by.len() as f64).sum();
    page.counter("kafka_producer_record_error_total", &labels, libm::floor(lost));
    page.gauge("kafka_producer_record_size_avg", &labels, libm::round(producer.record_size));
    let noise = page.noise();
    let more = cluster.kafka.produce_takes_more(place, &cluster.knobs.kafka, &cluster.topics, cluster.now);
    page.gauge("kafka_producer_request_latency_avg", &labels, (4.2 + 1e3 * more) * noise);
    page.gauge("process_uptime_seconds", &[], page.uptime(41_387.0));
}
