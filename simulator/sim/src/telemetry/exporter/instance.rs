//! A Spring Boot application's `/actuator/prometheus`: Micrometer's words for the JVM, HikariCP, executors, the Kafka
//! client, listeners, HTTP clients, Resilience4j and Logback.

use super::super::scrape::Page;
use crate::cluster::Cluster;
use crate::cluster::flight::Exception;
use crate::cluster::instance::Instance;
use crate::cluster::line::Level;
use crate::units::Micros;

/// The names of the three series of a timer.
macro_rules! timer {
    ($name:literal) => {
        [concat!($name, "_count"), concat!($name, "_sum"), concat!($name, "_max")]
    };
}

pub(super) fn write(page: &mut Page<'_>, cluster: &mut Cluster, place: usize, now: Micros) {
    let (assigned, lag) = {
        let instance = &cluster.instances[place];
        let topic = &cluster.topics[instance.topic];
        let behind = instance.positions.iter().map(|(number, at)| topic.log_end(*number, now).saturating_sub(at.next));
        (instance.positions.len(), behind.max())
    };
    let endpoints: Vec<(String, String)> = cluster.instances[place]
        .plan
        .clients
        .iter()
        .map(|client| &cluster.endpoints[client.endpoint])
        .map(|endpoint| (endpoint.name.clone(), endpoint.uri.clone()))
        .collect();
    let instance = &mut cluster.instances[place];
    write_jvm(page, instance, now);
    write_pools(page, instance, now);
    write_executor(page, instance);
    if instance.life.denied.is_none() {
        // A client that is closed takes its metrics with it.
        write_kafka(page, instance, (assigned, lag), now);
    }
    write_sent(page, cluster, place);
    let name = format!("{}-listener-0", cluster.topics[cluster.instances[place].topic].name);
    let instance = &mut cluster.instances[place];
    let listener = |result, exception| [("exception", exception), ("name", name.as_str()), ("result", result)];
    page.timer(
        timer!("spring_kafka_listener_seconds"),
        &listener("success", "none"),
        &mut instance.meters.listener,
        now,
    );
    let meters = &mut instance.meters;
    for (timer, exception) in [
        (&mut meters.listener_poison, "IllegalArgumentException"),
        (&mut meters.listener_twice, "DuplicateKeyException"),
    ] {
        if timer.count > 0 {
            page.timer(timer!("spring_kafka_listener_seconds"), &listener("failure", exception), timer, now);
        }
    }
    for (exception, timer) in Exception::ALL.into_iter().zip(&mut instance.meters.failed_by) {
        if timer.count > 0 {
            page.timer(timer!("spring_kafka_listener_seconds"), &listener("failure", exception.name()), timer, now);
        }
    }
    write_clients(page, instance, &endpoints, now);
    let retries = [
        ("successful_without_retry", instance.meters.at_once),
        ("successful_with_retry", instance.meters.retried),
        ("failed_with_retry", instance.meters.retried_in_vain),
        ("failed_without_retry", 0),
    ];
    if let Some(replica) = instance.pools.last().map(|pool| pool.name.clone()) {
        for (kind, count) in retries {
            page.counter("resilience4j_retry_calls_total", &[("kind", kind), ("name", &replica)], count as f64);
        }
    }
    for (level, count) in Level::ALL.into_iter().zip(instance.meters.lines) {
        page.counter("logback_events_total", &[("level", level.word())], count as f64);
    }
}

/// Spring's HTTP client and Resilience4j around it, by the name and path of what is called.
fn write_clients(page: &mut Page<'_>, instance: &mut Instance, endpoints: &[(String, String)], now: Micros) {
    let Instance { clients, plan, .. } = instance;
    for (((name, uri), client), plan) in endpoints.iter().zip(clients).zip(&plan.clients) {
        // A meter comes into being with the first thing that it measures; successes were measured long before the run.
        let timers = [
            (&mut client.answered, ["none", "SUCCESS", "200"]),
            (&mut client.refused, ["none", "SERVER_ERROR", "503"]),
            (&mut client.unsigned, ["none", "CLIENT_ERROR", "401"]),
            (&mut client.unanswered, ["ResourceAccessException", "UNKNOWN", "CLIENT_ERROR"]),
        ];
        for (timer, [exception, outcome, status]) in timers {
            if timer.count > 0 || outcome == "SUCCESS" {
                let labels = [
                    ("client_name", name.as_str()),
                    ("error", exception),
                    ("exception", exception),
                    ("method", "GET"),
                    ("outcome", outcome),
                    ("status", status),
                    ("uri", uri),
                ];
                page.timer(timer!("http_client_requests_seconds"), &labels, timer, now);
            }
        }
        if plan.retries > 0 || client.again > 0 {
            let calls = [
                ("successful_without_retry", client.at_once),
                ("successful_with_retry", client.retried),
                ("failed_with_retry", client.in_vain),
                ("failed_without_retry", 0),
            ];
            for (kind, count) in calls {
                page.counter("resilience4j_retry_calls_total", &[("kind", kind), ("name", name)], count as f64);
            }
        }
        if let Some(breaker) = &client.breaker {
            for (state, word) in [("closed", "CLOSED"), ("open", "OPEN"), ("half_open", "HALF_OPEN")] {
                let is_so = if breaker.state.word() == word { 1.0 } else { 0.0 };
                page.gauge("resilience4j_circuitbreaker_state", &[("name", name), ("state", state)], is_so);
            }
            let labels = [("kind", "not_permitted"), ("name", name.as_str())];
            page.counter(
                "resilience4j_circuitbreaker_not_permitted_calls_total",
                &labels,
                breaker.not_permitted as f64,
            );
        }
    }
}

/// The producer of a service that writes onward: one client for all topics.
fn write_sent(page: &mut Page<'_>, cluster: &Cluster, place: usize) {
    let instance = &cluster.instances[place];
    if instance.plan.outputs.is_empty() {
        return;
    }
    let client = format!("{}-producer", instance.plan.service);
    let labels = [("client_id", client.as_str()), ("kafka_version", "3.9.0")];
    let sent = || instance.meters.sent.iter().map(|sent| libm::floor(*sent));
    let bytes = sent().zip(&instance.plan.outputs).map(|(sent, to)| sent * cluster.topics[to.topic].record_bytes());
    page.counter("kafka_producer_record_send_total", &labels, sent().sum());
    page.counter("kafka_producer_byte_total", &labels, libm::floor(bytes.sum()));
    page.counter("kafka_producer_record_error_total", &labels, 0.0);
    let noise = page.noise();
    page.gauge("kafka_producer_request_latency_avg", &labels, 4.2 * noise);
}

fn write_jvm(page: &mut Page<'_>, instance: &mut Instance, now: Micros) {
    let heap = |id| [("area", "heap"), ("id", id)];
    let jvm = &mut instance.jvm;
    let young = [("action", "end of minor GC"), ("cause", "G1 Evacuation Pause"), ("gc", "G1 Young Generation")];
    let full = [("action", "end of major GC"), ("cause", "G1 Compaction Pause"), ("gc", "G1 Old Generation")];
    page.timer(timer!("jvm_gc_pause_seconds"), &young, &mut jvm.young_pauses, now);
    if jvm.full_pauses.count > 0 {
        // A meter comes into being with the first thing that it measures.
        page.timer(timer!("jvm_gc_pause_seconds"), &full, &mut jvm.full_pauses, now);
    }
    page.gauge("jvm_gc_overhead", &[], jvm.overhead(now));
    page.gauge("jvm_gc_live_data_size_bytes", &[], libm::floor(jvm.after_full));
    page.gauge("jvm_gc_max_data_size_bytes", &[], jvm.heap);
    page.counter("jvm_gc_memory_allocated_bytes_total", &[], libm::floor(jvm.allocated));
    page.counter("jvm_gc_memory_promoted_bytes_total", &[], libm::floor(jvm.promoted));
    page.gauge("jvm_memory_usage_after_gc", &[("area", "heap"), ("pool", "long-lived")], jvm.after_last / jvm.heap);
    page.gauge("jvm_memory_used_bytes", &heap("G1 Eden Space"), libm::floor(jvm.used_young()));
    page.gauge("jvm_memory_used_bytes", &heap("G1 Survivor Space"), 8_388_608.0);
    page.gauge("jvm_memory_used_bytes", &heap("G1 Old Gen"), libm::floor(jvm.used_old()));
    for (id, max) in [("G1 Eden Space", -1.0), ("G1 Survivor Space", -1.0), ("G1 Old Gen", jvm.heap)] {
        page.gauge("jvm_memory_max_bytes", &heap(id), max);
    }
    let nonheap = [("area", "nonheap"), ("id", "Metaspace")];
    page.gauge("jvm_memory_used_bytes", &nonheap, 148_635_648.0);
    page.gauge("jvm_memory_max_bytes", &nonheap, -1.0);
    page.gauge("jvm_threads_live_threads", &[], f64::from(instance.plan.threads) + 41.0);
    let since = (now - page.target.last_cpu.0).as_seconds().max(0.001);
    let used = (instance.meters.cpu_seconds - page.target.last_cpu.1) / since / instance.plan.cores;
    page.target.last_cpu = (now, instance.meters.cpu_seconds);
    let noise = page.noise();
    page.gauge("process_cpu_usage", &[], (used * noise).clamp(0.0, 1.0));
    page.gauge("system_cpu_count", &[], instance.plan.cores);
    page.gauge("process_uptime_seconds", &[], page.uptime(273_642.0));
}

fn write_pools(page: &mut Page<'_>, instance: &mut Instance, now: Micros) {
    for pool in &mut instance.pools {
        let name = pool.name.clone();
        let labels = [("pool", name.as_str())];
        page.gauge("hikaricp_connections", &labels, f64::from(pool.open));
        page.gauge("hikaricp_connections_active", &labels, f64::from(pool.in_use));
        page.gauge("hikaricp_connections_idle", &labels, f64::from(pool.free()));
        page.gauge("hikaricp_connections_pending", &labels, f64::from(pool.waiting));
        page.gauge("hikaricp_connections_max", &labels, f64::from(pool.size));
        page.gauge("hikaricp_connections_min", &labels, f64::from(pool.size));
        page.counter("hikaricp_connections_timeout_total", &labels, pool.timeouts as f64);
        page.timer(timer!("hikaricp_connections_acquire_seconds"), &labels, &mut pool.acquire, now);
        page.timer(timer!("hikaricp_connections_usage_seconds"), &labels, &mut pool.usage, now);
    }
}

fn write_executor(page: &mut Page<'_>, instance: &Instance) {
    let labels = [("name", "orderWorkers")];
    let queued = instance.batch.as_ref().map_or(0, |batch| batch.queued);
    let done = instance.meters.done();
    page.gauge(
        "executor_active_threads",
        &labels,
        f64::from((instance.active + instance.stuck).min(instance.plan.threads)),
    );
    page.gauge("executor_queued_tasks", &labels, f64::from(queued));
    page.gauge("executor_queue_remaining_tasks", &labels, 2_147_483_647.0 - f64::from(queued));
    page.gauge("executor_pool_size_threads", &labels, f64::from(instance.plan.threads));
    page.gauge("executor_pool_core_threads", &labels, f64::from(instance.plan.threads));
    page.gauge("executor_pool_max_threads", &labels, f64::from(instance.plan.threads));
    page.counter("executor_completed_tasks_total", &labels, done as f64);
}

fn write_kafka(page: &mut Page<'_>, instance: &mut Instance, (assigned, lag): (usize, Option<u64>), now: Micros) {
    let name = instance.name.clone();
    let labels = [("client_id", name.as_str()), ("kafka_version", "3.9.0")];
    let known = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let since_heartbeat = (now - instance.last_heartbeat).as_seconds();
    let since_poll = (now - instance.last_poll).as_seconds();
    let meters = &mut instance.meters;
    let consumed = meters.consumed as f64;
    page.counter("kafka_consumer_fetch_manager_records_consumed_total", &labels, consumed);
    page.counter("kafka_consumer_fetch_manager_bytes_consumed_total", &labels, libm::floor(meters.consumed_bytes));
    page.gauge("kafka_consumer_fetch_manager_records_lag_max", &labels, known(lag.map(|lag| lag as f64)));
    page.gauge("kafka_consumer_last_poll_seconds_ago", &labels, libm::floor(since_poll));
    page.gauge("kafka_consumer_time_between_poll_avg", &labels, known(meters.between_polls.mean(now)) * 1000.0);
    page.gauge("kafka_consumer_time_between_poll_max", &labels, known(meters.between_polls.max(now)) * 1000.0);
    page.gauge("kafka_consumer_coordinator_assigned_partitions", &labels, assigned as f64);
    page.gauge(
        "kafka_consumer_coordinator_commit_latency_avg",
        &labels,
        known(meters.commit_latency.mean(now)) * 1000.0,
    );
    let fetcher = &mut instance.fetcher;
    let throttled_s = fetcher.throttled.mean(now).unwrap_or(0.0);
    page.gauge("kafka_consumer_fetch_manager_fetch_throttle_time_avg", &labels, throttled_s * 1000.0);
    let meters = &mut instance.meters;
    page.counter("kafka_consumer_coordinator_commit_total", &labels, meters.commits as f64);
    page.counter("kafka_consumer_coordinator_rebalance_total", &labels, meters.rebalances as f64);
    page.gauge(
        "kafka_consumer_coordinator_rebalance_latency_avg",
        &labels,
        known(meters.join_latency.mean(now)) * 1000.0,
    );
    page.gauge("kafka_consumer_coordinator_last_heartbeat_seconds_ago", &labels, libm::floor(since_heartbeat));
    let fetch_latency = known(meters.fetch_latency.mean(now)) * 1000.0;
    page.gauge("kafka_consumer_fetch_manager_fetch_latency_avg", &labels, fetch_latency);
    page.gauge("kafka_consumer_fetch_manager_records_per_request_avg", &labels, known(meters.per_poll.mean(now)) * 1e6);
}
