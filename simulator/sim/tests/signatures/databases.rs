//! Databases and the pools before them.

use super::seen::*;

const COMMIT: &str = "sum(rate(mysql_perf_schema_events_statements_seconds_total{digest_text=\"COMMIT\"}[1m])) / \
                      sum(rate(mysql_perf_schema_events_statements_total{digest_text=\"COMMIT\"}[1m]))";
const COMMITS: &str = "sum(rate(mysql_perf_schema_events_statements_total{digest_text=\"COMMIT\"}[1m]))";
const ROWS: &str = "sum(rate(mysql_perf_schema_events_statements_seconds_total{digest_text!=\"COMMIT\",instance=\"orders-db:9104\"}[1m])) / \
                    sum(rate(mysql_perf_schema_events_statements_total{digest_text!=\"COMMIT\",instance=\"orders-db:9104\"}[1m]))";
const IDLE: &str = "avg(rate(node_cpu_seconds_total{instance=\"db-a:9100\",mode=\"idle\"}[1m]))";
const DISK: &str = "max(rate(node_disk_io_time_seconds_total{instance=\"db-a:9100\"}[1m]))";
const RUNNING: &str = "max(mysql_global_status_threads_running{instance=\"orders-db:9104\"})";

#[test]
fn sessions_that_wait_for_a_lock_leave_the_server_idle() {
    let seen = see("held-row", 1, "severity = 0.8\n");
    let waits = "max(mysql_global_status_innodb_row_lock_current_waits{instance=\"orders-db:9104\"})";
    assert!(seen.means(waits).0 < 0.5 && seen.means(waits).1 > 15.0, "{:?}", seen.means(waits));
    // Now and then nothing runs for most of a minute: all that is left of each batch waits.
    let flat = [ROWS, COMMIT].map(|query| seen.factor(&query.replace("[1m]", "[5m]")));
    assert!(flat.iter().all(|factor| (0.7..1.4).contains(factor)), "what runs, runs as ever: {flat:?}");
    assert!(seen.factor(COMMITS) < 0.5);
    assert!(seen.means(IDLE).1 >= seen.means(IDLE).0 - 0.02, "{:?}", seen.means(IDLE));
    let active = "avg(hikaricp_connections_active{pool=\"orders-db\"})";
    assert!(seen.factor(active) > 3.0, "{:?}, pending {:?}", seen.means(active), seen.means(PENDING));
    let lock_time = "sum(rate(mysql_global_status_innodb_row_lock_time{instance=\"orders-db:9104\"}[1m]))";
    let told = seen.one(lock_time).into_iter().find(|(at, value)| *at > 0.0 && *value > 1000.0).unwrap().0;
    assert!((48.0..100.0).contains(&told), "a wait is known only when it is over: {told}");
    assert!(seen.says("Lock wait timeout exceeded; try restarting transaction") > 20);
    assert!(seen.factor(CPU) < 0.6);
}

#[test]
fn a_lock_that_is_let_go_ends_it_at_once() {
    let seen = see("held-row", 1, "severity = 0.8\nhold = \"4m\"\n");
    let waits = "max(mysql_global_status_innodb_row_lock_current_waits{instance=\"orders-db:9104\"})";
    assert!(seen.mean_in(waits, 100.0..235.0) > 15.0 && seen.mean_in(waits, 260.0..540.0) < 0.5);
    let (during, after) = (seen.mean_in(DONE, 100.0..230.0), seen.mean_in(DONE, 310.0..340.0));
    assert!(after > 5.0 * during, "{during} {after}");
}

#[test]
fn a_leak_empties_one_pool_step_by_step_while_its_database_has_nothing_to_do() {
    let seen = see("lost-connections", 2, "target = \"fulfilment-2/orders-db\"\nseverity = 0.31\n");
    let of = |name: &str, pod: &str| format!("hikaricp_connections_{name}{{pod=\"{pod}\",pool=\"orders-db\"}}");
    let active = of("active", "fulfilment-2");
    // Batches come and go; what is in use between two of them is what nobody will give back.
    let fewest = |query: &str, within: std::ops::Range<f64>| {
        let values = seen.one(query).into_iter().filter(|(at, _)| within.contains(at)).map(|(_, value)| value);
        values.fold(f64::MAX, f64::min)
    };
    let stairs = [-300.0..0.0, 90.0..130.0, 150.0..200.0, 220.0..260.0, 320.0..540.0].map(|time| fewest(&active, time));
    assert!(stairs.windows(2).all(|pair| pair[0] + 0.5 < pair[1]) && stairs[4] > 9.9, "{stairs:?}");
    assert!(
        seen.mean_in(&of("pending", "fulfilment-2"), 320.0..540.0) > 13.0,
        "all threads wait, none has a connection"
    );
    assert!(seen.means(&of("active", "fulfilment-0")).1 < 4.0);
    assert!(seen.says("Connection is not available, request timed out after") > 50);
    assert!(is_flat(&seen, STATEMENT) && is_flat(&seen, USE), "what is given back was lent as briefly as ever");
    let fewest = (fewest(RUNNING, -300.0..0.0), fewest(RUNNING, 320.0..540.0));
    assert!(fewest.1 <= fewest.0 + 1.0, "who leaked runs nothing: {fewest:?}");
    let lags = lags(&seen);
    let (its, others) = (&lags[6..9], [&lags[..6], &lags[9..]].concat());
    assert!(its.iter().all(|lag| *lag > 4000.0) && others.iter().all(|lag| *lag < 400.0), "{lags:?}");
}

#[test]
fn a_pool_that_is_too_small_makes_threads_wait_and_nothing_slow() {
    let seen = see("one-connection", 3, "severity = 1.0\n");
    assert_eq!(seen.means("max(hikaricp_connections_max{pool=\"orders-db\"})"), (10.0, 1.0));
    let acquire = "sum(rate(hikaricp_connections_acquire_seconds_sum{pool=\"orders-db\"}[1m])) / \
                   sum(rate(hikaricp_connections_acquire_seconds_count{pool=\"orders-db\"}[1m]))";
    assert!(seen.factor(acquire) > 20.0 && seen.means(PENDING).1 > 10.0);
    assert!(is_flat(&seen, USE) && is_flat(&seen, STATEMENT), "{} {}", seen.factor(USE), seen.factor(STATEMENT));
    assert!(seen.means(IDLE).1 > 0.6);
    assert!(seen.factor(DONE) < 0.9 && is_flat(&seen, INFLOW) && spread(&lags(&seen)) < 1.6);
}

#[test]
fn busy_storage_makes_commits_late_and_statements_not() {
    let seen = see("nightly-copy", 4, "ramp = \"10s\"\nseverity = 0.8\n");
    assert!(seen.factor(COMMIT) > 20.0 && is_flat(&seen, ROWS), "{} {}", seen.factor(COMMIT), seen.factor(ROWS));
    assert!(seen.means(DISK).0 < 0.6 && seen.means(DISK).1 > 0.95, "{:?}", seen.means(DISK));
    assert!(seen.means(IDLE).1 > seen.means(IDLE).0 - 0.02, "processors have nothing to do with it");
    assert!(seen.factor(COMMITS) < 0.8 && seen.means(PENDING).1 > 5.0 && seen.factor(USE) > 10.0);
    assert!(seen.says("page_cleaner: 1000ms intended loop took") > 5);
}

#[test]
fn checkpoints_make_the_backlog_come_and_go_with_their_period() {
    let seen = see("busy-checkpoints", 5, "shape = \"pulse(4m, 0.5)\"\nseverity = 0.85\n");
    let commit = |from, to| seen.mean_in(COMMIT, from..to);
    assert!(commit(70.0, 115.0) > 10.0 * commit(200.0, 235.0) && commit(310.0, 355.0) > 10.0 * commit(440.0, 475.0));
    let lag = |at: f64| seen.mean_in(LAG, at - 10.0..at + 10.0);
    assert!(lag(120.0) > 4.0 * lag(230.0) && lag(360.0) > 4.0 * lag(470.0), "{} {}", lag(120.0), lag(230.0));
}

/// Commits that take so long that some are always under way.
const FAR_STORAGE: &str = "[[node]]\nid = \"orders-db\"\ncommit = \"25ms\"\n";
const UP: &str = "max(mysql_up{instance=\"orders-db:9104\"})";

#[test]
fn a_dead_primary_stops_all_work_until_another_one_takes_over() {
    let seen = see("other-primary", 6, &format!("severity = 0.6\nparams = {{ how = \"crash\" }}\n{FAR_STORAGE}"));
    // 20 * 10^(1.3 * 0.6) seconds.
    assert_eq!((seen.mean_in(UP, 20.0..115.0), seen.mean_in(UP, 145.0..540.0)), (0.0, 1.0));
    assert_eq!(seen.mean_in("max(mysql_up{instance=\"orders-db-replica:9104\"})", 0.0..540.0), 1.0);
    assert_eq!(seen.mean_in("max(mysql_slave_status_slave_io_running)", 20.0..115.0), 0.0);
    assert!(seen.mean_in("max(hikaricp_connections{pool=\"orders-db\"})", 20.0..115.0) < 0.1);
    assert!(seen.mean_in("max(hikaricp_connections{pool=\"orders-db\"})", 145.0..540.0) > 9.9);
    assert!(seen.mean_in(DONE, 80.0..115.0) < 30.0, "nothing is done");
    assert!(seen.mean_in(LAG, 100.0..120.0) > 30_000.0 && seen.mean_in(LAG, 400.0..540.0) < 1000.0, "it catches up");
    assert!(seen.mean_in("max(mysql_global_status_uptime{instance=\"orders-db:9104\"})", 300.0..540.0) < 500.0);
    assert!(
        seen.says("marked as broken because of SQLSTATE(08S01)") > 0 && seen.says("Communications link failure") > 0
    );
    assert!(seen.says("Possibly consider using a shorter maxLifetime value") > 0);
    assert!(seen.says("(total=0, active=0, idle=0, waiting=") > 50);
    assert!(seen.says("Starting crash recovery from checkpoint LSN=") == 1);
}

#[test]
fn a_silent_machine_holds_threads_until_drivers_lose_patience() {
    let seen = see("silent-primary", 7, &format!("severity = 0.1\nparams = {{ how = \"silent\" }}\n{FAR_STORAGE}"));
    // Another server answers after 27 s, drivers wait for a minute.
    assert_eq!(seen.mean_in(UP, 45.0..540.0), 1.0);
    let active = "sum(hikaricp_connections_active{pool=\"orders-db\"})";
    assert!(seen.mean_in(active, 18.0..28.0) >= 1.0, "{}", seen.mean_in(active, 18.0..28.0));
    assert!(seen.says("marked as broken because of SQLSTATE(08S01)") > 0);
    let longest = seen.one("max(hikaricp_connections_usage_seconds_max{pool=\"orders-db\"})");
    let longest = longest.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    assert!((59.0..62.0).contains(&longest), "{longest}");
}

#[test]
fn a_pool_whose_server_has_lost_its_name_loses_its_connections_one_by_one() {
    let pool = "[[node]]\nid = \"fulfilment\"\npool = { size = 10, timeout = \"3s\", max_lifetime = \"4m\" }\n";
    let fault = "kind = \"dns.failure\"\ntarget = \"fulfilment>orders-db\"\nseverity = 1.0\n";
    let seen = see("quiet", 8, &format!("{fault}{pool}"));
    let all = "min(hikaricp_connections{pool=\"orders-db\"})";
    let at = |from: f64, to: f64| seen.mean_in(all, from..to);
    assert_eq!(at(-300.0, 0.0), 10.0);
    assert!((5.0..9.0).contains(&at(50.0, 70.0)) && (1.0..5.0).contains(&at(150.0, 180.0)), "{}", at(50.0, 70.0));
    assert_eq!(at(300.0, 540.0), 0.0);
    assert_eq!(seen.mean_in("min(hikaricp_connections{pool=\"orders-db-replica\"})", 0.0..540.0), 10.0);
    assert_eq!(seen.mean_in(UP, 0.0..540.0), 1.0);
    assert!(seen.says("UnknownHostException: orders-db: Name or service not known") > 50);
    let healthy = seen.mean_in(DONE, 20.0..120.0) / seen.mean_in(DONE, -200.0..0.0);
    assert!((0.9..1.1).contains(&healthy), "as long as some are left, nobody feels it: {healthy}");
    assert!(seen.mean_in(LAG, 480.0..540.0) > 30_000.0);
}
