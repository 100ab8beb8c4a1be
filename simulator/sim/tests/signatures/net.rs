use super::seen::*;

const FETCH_MS: &str = "avg(kafka_consumer_fetch_manager_fetch_latency_avg)";
const RESENT: &str = "sum(rate(node_netstat_Tcp_RetransSegs{instance=~\"worker-.*|db-a:9100\"}[1m]))";

#[test]
fn a_long_way_makes_connections_be_held_longer_while_the_server_is_as_fast_as_ever() {
    let seen = see("long-way-to-database", 4, "severity = 0.6\n");
    assert!(seen.factor(USE) > 20.0, "{}", seen.factor(USE));
    assert!((0.8..1.25).contains(&seen.factor(STATEMENT)), "{}", seen.factor(STATEMENT));
    assert!(seen.factor(RECORD) > 5.0 && seen.means(PENDING).1 > 8.0);
    assert!(seen.factor(CPU) < 0.8);
    let replica = seen.ask("avg by (pool) (hikaricp_connections_usage_seconds_max)");
    let longest = |pool: &str| means(&replica.iter().find(|(labels, _)| labels["pool"] == pool).unwrap().1).1;
    assert!(longest("orders-db") > 0.2 && longest("orders-db-replica") < 0.1, "that way and no other");
    assert!(seen.factor(FETCH_MS) < 1.5, "fetches are as fast as ever: {}", seen.factor(FETCH_MS));
    assert!(seen.one(LAG).last().unwrap().1 > 20_000.0);
    assert!(seen.factor(RESENT) < 1.5, "nothing is lost");
}

#[test]
fn a_long_way_to_the_brokers_makes_fetches_slow_and_nothing_else() {
    let seen = see("long-way-to-database", 4, "target = \"fulfilment>kafka\"\nseverity = 0.8\n");
    assert!(seen.means(FETCH_MS).0 < 200.0 && seen.means(FETCH_MS).1 > 1500.0, "{:?}", seen.means(FETCH_MS));
    assert!((0.6..1.6).contains(&seen.factor(USE)) && (0.7..1.4).contains(&seen.factor(STATEMENT)));
    assert!((0.5..2.5).contains(&seen.factor(RECORD)));
    assert!(seen.one(LAG).last().unwrap().1 > 10_000.0, "{:?}", seen.one(LAG).last());
}

#[test]
fn lost_packets_make_some_statements_wait_for_a_timer_and_are_sent_again() {
    let seen = see("lossy-way-to-database", 5, "severity = 0.6\n");
    assert!(seen.factor(RESENT) > 3.0, "{}", seen.factor(RESENT));
    assert!((0.8..1.25).contains(&seen.factor(STATEMENT)), "the server is idle: {}", seen.factor(STATEMENT));
    assert!(seen.factor(USE) > 10.0);
    let (longest, mean) =
        (seen.means("max(hikaricp_connections_usage_seconds_max{pool=\"orders-db\"})").1, seen.means(USE).1);
    assert!(longest > 6.0 * mean, "the slowest are far slower than the mean: {longest} {mean}");
    assert!(seen.one(LAG).last().unwrap().1 > 20_000.0);
}

#[test]
fn who_is_cut_off_gives_up_after_half_a_minute_and_is_put_out_after_forty_five_seconds() {
    let seen = see("cut-off-consumer", 6, "target = \"fulfilment-2>kafka\"\n");
    let put_out = seen.one(MEMBERS).iter().find(|(at, value)| *at >= 0.0 && *value < 4.0).unwrap().0;
    assert!((45.0..66.0).contains(&put_out), "{put_out}");
    assert!(seen.says("Disconnecting from node") >= 3);
    assert!(seen.says("has failed, removing it from the group.") == 1);
    let up = seen.ask("up{pod=\"fulfilment-2\"}");
    assert!(up[0].1.iter().all(|(_, value)| *value == 1.0), "its process is well");
    // Its three partitions of twelve stand still until others have them.
    let rows = seen.ask("kafka_consumergroup_lag");
    for (labels, points) in rows {
        let partition: u32 = labels["partition"].as_str().unwrap().parse().unwrap();
        let worst =
            points.iter().filter(|(at, _)| (0.0..70.0).contains(at)).map(|(_, value)| *value).fold(0.0, f64::max);
        assert_eq!(worst > 800.0, (6..9).contains(&partition), "{partition}: {worst}");
    }
    assert!(seen.one(LAG).last().unwrap().1 < 2000.0, "the others do its work");
    assert_eq!(seen.means("sum(kafka_server_replicamanager_underreplicatedpartitions)"), (0.0, 0.0));
}

#[test]
fn brokers_that_do_not_reach_each_other_lose_copies_while_both_are_up() {
    let seen = see("brokers-apart", 7, "target = \"2>3\"\n");
    let lacking = seen.one("sum(kafka_server_replicamanager_underreplicatedpartitions)");
    let first = lacking.iter().find(|(_, count)| *count > 0.0).unwrap().0;
    assert!((30.0..60.0).contains(&first), "{first}");
    assert_eq!(lacking.last().unwrap().1, 8.0, "what either of them leads");
    assert!(
        seen.says("Out of sync replicas: (brokerId: 3") >= 3 && seen.says("Out of sync replicas: (brokerId: 2") >= 3
    );
    assert_eq!(seen.says("Fencing broker"), 0);
    assert_eq!(seen.means("min(up{job=\"kafka\"})"), (1.0, 1.0));
    let rates = seen.one(INFLOW);
    let least = rates.iter().filter(|(at, _)| (0.0..45.0).contains(at)).map(|(_, rate)| *rate).fold(f64::MAX, f64::min);
    assert!(least < 0.85 * means(&rates).0, "what must be in both waits: {least}");
}
