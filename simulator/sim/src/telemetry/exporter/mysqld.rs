//! mysqld_exporter, on a primary and on a replica. A column that is NULL becomes no series at all: while the apply thread of
//! a replica stands, nobody says how far it is behind.

use super::super::scrape::Page;
use crate::cluster::Cluster;
use crate::cluster::database::{Database, Health, LOG_FILE};
use crate::random::Hash;

pub(super) fn write(page: &mut Page<'_>, cluster: &Cluster, place: usize) {
    let database = &cluster.databases[place];
    let pools = || cluster.instances.iter().flat_map(|instance| &instance.pools).filter(|pool| pool.database == place);
    if database.health != Health::Up {
        // The exporter is a process of its own, and has nothing else to say.
        page.gauge("mysql_up", &[], 0.0);
        return;
    }
    page.begin_again(database.born);
    // Who holds a connection and asks for nothing is a sleeping session.
    let away: f64 = pools().map(|pool| pool.away).sum();
    let lent: u32 = pools().map(|pool| pool.in_use - pool.leaked - pool.dead).sum();
    let lent = lent.saturating_sub(libm::round(away) as u32);
    let connected: u32 = pools().map(|pool| pool.open - pool.dead).sum();
    // The statement that the exporter runs is one of those that it counts.
    let noise = page.noise();
    let theirs = libm::round(0.3 * noise + (database.running - f64::from(lent)).clamp(0.0, 2.0) * 0.5);
    page.gauge("mysql_up", &[], 1.0);
    page.gauge("mysql_global_status_threads_running", &[], f64::from(lent) + 1.0 + theirs);
    page.gauge("mysql_global_status_threads_connected", &[], f64::from(connected) + 14.0);
    page.gauge("mysql_global_variables_max_connections", &[], f64::from(database.max_conn));
    page.counter("mysql_global_status_questions", &[], libm::floor(database.questions));
    page.counter("mysql_global_status_queries", &[], libm::floor(database.questions * 1.02));
    page.counter("mysql_global_status_slow_queries", &[], database.slow as f64);
    let handler = |handler| [("handler", handler)];
    page.counter("mysql_global_status_handlers_total", &handler("rollback"), database.rolled_back as f64);
    page.counter("mysql_global_status_innodb_row_lock_waits", &[], libm::floor(database.lock_waits));
    page.counter("mysql_global_status_innodb_row_lock_time", &[], libm::floor(database.lock_ms));
    page.gauge("mysql_global_status_innodb_row_lock_current_waits", &[], f64::from(database.waiting_now));
    page.gauge("mysql_global_status_uptime", &[], libm::floor(page.uptime(4_018_233.0)));
    for statement in database.statements.iter().chain([&database.commits]).filter(|statement| statement.count > 0) {
        let digest = format!("{:016x}", Hash::of(&[statement.text.as_bytes()]));
        let labels = [("digest", digest.as_str()), ("digest_text", &statement.text), ("schema", "shop")];
        page.counter("mysql_perf_schema_events_statements_total", &labels, statement.count as f64);
        page.counter("mysql_perf_schema_events_statements_seconds_total", &labels, statement.sum.as_seconds());
    }
    if let Some(replica) = &database.replica {
        write_replica(page, cluster, database, &cluster.databases[replica.of]);
    }
}

fn write_replica(page: &mut Page<'_>, cluster: &Cluster, database: &Database, primary: &Database) {
    let Some(replica) = &database.replica else { return };
    let uuid = format!(
        "{0:08x}-6b1d-11ee-9c4e-0242ac1{1:05x}",
        Hash::of(&[primary.name.as_bytes()]) as u32,
        cluster.databases.len()
    );
    let labels =
        [("channel_name", ""), ("connection_name", ""), ("master_host", primary.name.as_str()), ("master_uuid", &uuid)];
    // The start of a log file is its header.
    let place = |position: f64| libm::floor(position % LOG_FILE) + 4.0;
    let flag = |is_on: bool| if is_on { 1.0 } else { 0.0 };
    let is_fed = primary.health == Health::Up;
    page.gauge("mysql_slave_status_slave_io_running", &labels, flag(is_fed));
    page.gauge("mysql_slave_status_slave_sql_running", &labels, flag(replica.applies));
    page.gauge("mysql_slave_status_read_master_log_pos", &labels, place(replica.received));
    page.gauge("mysql_slave_status_exec_master_log_pos", &labels, place(replica.applied));
    page.gauge("mysql_slave_status_relay_log_space", &labels, libm::floor(replica.received - replica.applied) + 700.0);
    page.gauge("mysql_slave_status_sql_delay", &labels, replica.delay.as_seconds());
    // With nobody to hear from and nothing left to apply, how far it is behind is NULL too.
    if let Some(behind) = replica.seconds_behind().filter(|_| is_fed) {
        page.gauge("mysql_slave_status_seconds_behind_master", &labels, behind);
    }
    if let Some(remaining) = replica.remaining_delay() {
        page.gauge("mysql_slave_status_sql_remaining_delay", &labels, remaining);
    }
}
