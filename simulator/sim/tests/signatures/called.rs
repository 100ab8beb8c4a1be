use super::seen::*;

#[test]
fn a_slow_statement_is_seen_on_the_server_before_it_is_seen_in_pools_and_records() {
    let seen = see("db-timeouts", 4, "severity = 0.75\n");
    let order = [STATEMENT, USE, RECORD].map(|query| seen.onset_of(query));
    assert!(order[0] <= order[1] + 15.0 && order[1] <= order[2] + 15.0, "{order:?}");
    assert!(seen.factor(STATEMENT) > 50.0 && seen.factor(USE) > 50.0);
    let pending = seen.one(PENDING);
    let late: Vec<f64> = pending.iter().filter(|(at, _)| *at > 60.0).map(|(_, value)| *value).collect();
    assert!(late.iter().all(|value| *value <= 10.0), "never more than threads less connections: {late:?}");
    assert!(late.iter().filter(|value| **value == 10.0).count() * 2 > late.len(), "and mostly just that: {late:?}");
    assert!(seen.means("avg(hikaricp_connections_active{pool=\"orders-db\"})").1 > 8.5);
    assert!(seen.one("sum(hikaricp_connections_timeout_total)").last().unwrap().1 > 100.0);
    assert!(seen.says("Connection is not available, request timed out after") > 20);
    assert!(seen.means("max(mysql_global_status_threads_running{instance=\"orders-db:9104\"})").1 > 30.0);
    assert!(seen.one("sum(rate(mysql_global_status_slow_queries[1m]))").last().unwrap().1 > 1.0);
    assert!(seen.factor(CPU) < 0.6, "consumers only wait");
    let idle = "avg(rate(node_cpu_seconds_total{instance=\"db-a:9100\",mode=\"idle\"}[1m]))";
    assert!(seen.means(idle).0 > 0.6 && seen.means(idle).1 < 0.4, "the server works: {:?}", seen.means(idle));
}

const BEHIND: &str = "mysql_slave_status_seconds_behind_master";

#[test]
fn a_stopped_apply_thread_takes_the_delay_metric_away() {
    let seen = see("replication-delay", 5, "severity = 0.5\nparams = { face = \"stopped\" }\n");
    let last = seen.one(BEHIND).last().unwrap().0;
    assert!(last < 20.0, "the metric is gone with the next scrape, not after five minutes: {last} s");
    assert_eq!(seen.means("mysql_slave_status_slave_sql_running"), (1.0, 0.0));
    assert_eq!(seen.means("mysql_slave_status_slave_io_running"), (1.0, 1.0));
    assert_eq!(seen.means("min(mysql_up)"), (1.0, 1.0));
    let read = seen.one("mysql_slave_status_read_master_log_pos").last().unwrap().1;
    let applied = seen.one("mysql_slave_status_exec_master_log_pos").last().unwrap().1;
    assert!(read - applied > 20e6, "{read} {applied}");
    check_readers(&seen);
}

#[test]
fn an_honest_delay_climbs() {
    for (face, climbs) in [("delayed", 310.0..330.0), ("slow", 200.0..545.0)] {
        let seen = see("replication-delay", 5, &format!("severity = 0.5\nparams = {{ face = \"{face}\" }}\n"));
        let behind = seen.one(BEHIND);
        assert!(behind.iter().all(|(at, value)| *at > 0.0 || *value == 0.0));
        assert!(climbs.contains(&behind.last().unwrap().1), "{face}: {:?}", behind.last());
        assert_eq!(seen.means("mysql_slave_status_slave_sql_running"), (1.0, 1.0));
        check_readers(&seen);
    }
}

/// Readers wait for their own rows, and databases, pools and heaps are as always.
fn check_readers(seen: &Seen) {
    assert!(seen.factor(RECORD) > 3.0);
    assert!((0.7..1.4).contains(&seen.factor(STATEMENT)));
    assert!(seen.means(CPU).1 < 0.4);
    let in_vain = "sum(rate(resilience4j_retry_calls_total{kind=\"failed_with_retry\"}[1m]))";
    assert!(seen.means(in_vain).1 > 100.0);
    assert!(seen.says("entity not found, retry") > 100);
    assert!(spread(&lags(seen)) < 1.6, "{:?}", lags(seen));
}
