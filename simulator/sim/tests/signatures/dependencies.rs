//! What services call besides databases: caches, HTTP, names.

use super::seen::*;

const HTTP: &str =
    "sum(rate(http_client_requests_seconds_sum[1m])) / sum(rate(http_client_requests_seconds_count[1m]))";
const CALLS: &str = "sum(rate(http_client_requests_seconds_count[1m]))";
const ANSWERS: &str = "sum(rate(http_client_requests_seconds_count{outcome=\"SUCCESS\"}[1m]))";
const HITS: &str = "sum(rate(redis_keyspace_hits_total[1m])) / \
                    (sum(rate(redis_keyspace_hits_total[1m])) + sum(rate(redis_keyspace_misses_total[1m])))";
const READ: &str = "sum(rate(mysql_perf_schema_events_statements_seconds_total{instance=\"orders-db-replica:9104\"}[1m])) / \
                    sum(rate(mysql_perf_schema_events_statements_total{instance=\"orders-db-replica:9104\"}[1m]))";
const READ_TIME: &str =
    "sum(rate(mysql_perf_schema_events_statements_seconds_total{instance=\"orders-db-replica:9104\"}[1m]))";

#[test]
fn a_late_answer_holds_threads_and_leaves_everything_else_alone() {
    let seen = see("late-prices", 1, "severity = 0.7\n");
    assert!(seen.factor(HTTP) > 10.0, "{}", seen.factor(HTTP));
    assert!(seen.onset_of(HTTP) <= seen.onset_of(RECORD) + 15.0);
    assert!(seen.factor(RECORD) > 5.0 && seen.factor(DONE) < 0.7 && seen.factor(CPU) < 0.7);
    let active = seen.means("avg(executor_active_threads)");
    assert!(active.1 > 13.0, "{active:?}");
    assert!(is_flat(&seen, STATEMENT) && is_flat(&seen, USE) && is_flat(&seen, INFLOW));
    assert!(seen.means(PENDING).1 < 1.0);
    assert!(spread(&lags(&seen)) < 1.6, "all alike: {:?}", lags(&seen));
    assert_eq!(seen.means(MEMBERS), (4.0, 4.0));
}

#[test]
fn refused_calls_open_the_breaker_and_send_records_round_again() {
    let seen = see("refused-prices", 2, "severity = 0.75\n");
    let errors = seen.ask("sum(rate(http_client_requests_seconds_count{status=\"503\"}[1m]))").remove(0).1;
    assert!(errors.iter().all(|(at, _)| *at > 0.0), "none before");
    assert!(seen.means("max(resilience4j_circuitbreaker_state{state=\"open\"})").1 > 0.6);
    assert!(seen.means("sum(rate(resilience4j_circuitbreaker_not_permitted_calls_total[1m]))").1 > 10.0);
    assert!(seen.says("changed state from CLOSED to OPEN") > 0 && seen.says("503 Service Unavailable") > 5);
    assert!(seen.says("is OPEN and does not permit further calls") > 50);
    assert!(seen.factor(HTTP) < 1.3, "who is refused is refused at once: {}", seen.factor(HTTP));
    assert!(seen.factor(RECORD) > 3.0 && is_flat(&seen, STATEMENT));
}

#[test]
fn without_its_cache_a_replica_does_all_the_loading() {
    let seen = see("cold-stock", 3, "");
    assert_eq!(seen.means("max(redis_up)"), (1.0, 0.0));
    let last = seen.one("sum(redis_keyspace_hits_total)").last().unwrap().0;
    assert!(last < 20.0, "a server that is gone says nothing: {last}");
    assert!(
        seen.factor(READ_TIME) > 4.0 && seen.factor(READ) > 4.0,
        "{} {}",
        seen.factor(READ_TIME),
        seen.factor(READ)
    );
    let idle = "avg(rate(node_cpu_seconds_total{instance=\"db-b:9100\",mode=\"idle\"}[1m]))";
    assert!(seen.means(idle).0 > 0.5 && seen.means(idle).1 < 0.2, "{:?}", seen.means(idle));
    assert!(is_flat(&seen, STATEMENT), "the primary does not feel it: {}", seen.factor(STATEMENT));
    assert!(seen.says("Connection refused") > 50);
    assert!(seen.factor(RECORD) > 2.0 && spread(&lags(&seen)) < 1.6);
}

#[test]
fn an_emptied_cache_misses_and_warms_up_again() {
    let seen = see("expired-stock", 4, "severity = 1.0\n");
    let (early, late) = (seen.mean_in(HITS, 60.0..120.0), seen.mean_in(HITS, 480.0..540.0));
    assert!(seen.means(HITS).0 > 0.9 && early < 0.35 && late > early + 0.1, "{early} {late}");
    assert_eq!(seen.means("max(redis_up)"), (1.0, 1.0));
    assert!(seen.onset_of(READ_TIME) <= seen.onset_of(RECORD) + 15.0);
    assert!(seen.factor(READ) > 3.0 && is_flat(&seen, STATEMENT));
}

#[test]
fn a_cache_without_room_evicts_for_as_long_as_it_lasts() {
    let seen = see("crowded-stock", 5, "ramp = \"60s\"\nseverity = 0.9\n");
    assert!(seen.means(HITS).0 > 0.9 && seen.means(HITS).1 < 0.3, "{:?}", seen.means(HITS));
    let evicted = "sum(rate(redis_evicted_keys_total[1m]))";
    assert!(seen.means(evicted).0 == 0.0 && seen.mean_in(evicted, 400.0..540.0) > 50.0, "{:?}", seen.means(evicted));
    assert!(seen.factor("max(redis_memory_max_bytes)") < 0.2);
    assert_eq!(seen.means("max(redis_up)"), (1.0, 1.0));
    assert!(seen.factor(READ_TIME) > 4.0 && is_flat(&seen, STATEMENT) && is_flat(&seen, INFLOW));
    assert!(seen.factor(RECORD) > 1.5 && spread(&lags(&seen)) < 1.6);
}

#[test]
fn a_lost_name_hurts_only_new_connections_so_it_comes_by_and_by() {
    let seen = see("lost-name", 6, "severity = 1.0\nparams = { lookup = \"5s\" }\n");
    assert!(seen.says("java.net.UnknownHostException: pricing") > 50);
    assert!(seen.says("java.net.UnknownHostException: orders-db") == 0);
    let ok = "sum(rate(http_client_requests_seconds_sum{outcome=\"SUCCESS\"}[1m])) / \
              sum(rate(http_client_requests_seconds_count{outcome=\"SUCCESS\"}[1m]))";
    let healthy = (seen.mean_in(ok, -300.0..0.0), seen.mean_in(ok, 15.0..60.0));
    assert!((0.7..1.4).contains(&(healthy.1 / healthy.0)), "connections that there are work as ever: {healthy:?}");
    let failed = seen.one("sum(rate(http_client_requests_seconds_count{outcome=\"UNKNOWN\"}[30s]))");
    assert!(failed.iter().all(|(at, _)| *at > 0.0));
    let slowest = seen.one("max(http_client_requests_seconds_max{outcome=\"UNKNOWN\"})").last().unwrap().1;
    assert!((5.0..5.2).contains(&slowest), "a look-up ends at its timeout: {slowest}");
    assert!(seen.means(ANSWERS).1 < 0.05 * seen.means(ANSWERS).0 || seen.ask(ANSWERS).is_empty());
    assert!(is_flat(&seen, STATEMENT) && is_flat(&seen, USE));
}

/// Attempts for each answer, well after a trigger of a minute.
fn attempts(seen: &Seen) -> f64 {
    seen.mean_in(CALLS, 300.0..540.0) / seen.mean_in(ANSWERS, 300.0..540.0).max(1.0)
}

#[test]
fn a_retry_storm_outlives_its_trigger_and_neither_does_it_alone() {
    let storm = see("endless-calls", 7, "severity = 1.0\n");
    assert!(attempts(&storm) > 2.0, "{}", attempts(&storm));
    assert!(storm.mean_in(LAG, 480.0..540.0) > 40_000.0);
    let again = "sum(rate(resilience4j_retry_calls_total{kind=~\".+_with_retry\",name=\"pricing\"}[1m]))";
    assert!(storm.mean_in(again, 300.0..540.0) > 20.0, "{}", storm.mean_in(again, 300.0..540.0));
    assert!(storm.says("Read timed out") > 50 && is_flat(&storm, STATEMENT), "{}", storm.factor(STATEMENT));
    let no_trigger = see("endless-calls", 7, "severity = 1.0\n[[fault]]\nid = \"t1\"\nseverity = 0.0\n");
    let no_policy = see("endless-calls", 7, "severity = 0.0\nparams = { timeout = \"10s\" }\n");
    for (seen, what) in [(&no_trigger, "the policy alone"), (&no_policy, "the trigger alone")] {
        assert!(attempts(seen) < 1.3, "{what}: {}", attempts(seen));
        assert!(seen.mean_in(LAG, 420.0..460.0) < 2000.0, "{what}: {}", seen.mean_in(LAG, 420.0..460.0));
    }
}
