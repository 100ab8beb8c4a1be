use lagdoctor_sdk::Batch;
use lagdoctor_sdk::testing::{BatchBuilder, behind, check_manifest};

use super::*;

const GROUP: &str = "group:fulfilment";
const TOPIC: &str = "topic:orders";
const PRODUCER: &str = "producer:checkout-api";
const SERVICE: &str = "service:fulfilment";
const DB: &str = "database:orders-db";
const REPLICA: &str = "database:orders-db-replica";
/// When the symptom begins, in seconds after the start of the window.
const SYMPTOM_S: i64 = 1_800;

/// A group of four instances, each with a virtual machine and a pool to the primary and to the replica. All but the
/// node left dark is measured.
fn topology(dark: &str) -> Batch {
    let mut batch = BatchBuilder::minutes(40)
        .edge(GROUP, "consumes", TOPIC)
        .edge(TOPIC, "fed-by", PRODUCER)
        .edge(GROUP, "worked-by", SERVICE)
        .edge(REPLICA, "replicates", DB);
    let mut measured = vec![
        (TOPIC.to_owned(), "kafka.topic.append_rate"),
        (DB.to_owned(), "db.server.up"),
        (REPLICA.to_owned(), "db.server.up"),
    ];
    for number in 0..4 {
        let [instance, jvm] = ["instance", "jvm"].map(|kind| format!("{kind}:fulfilment-{number}"));
        batch = batch.edge(SERVICE, "runs-as", &instance).edge(&instance, "runs-on", &jvm);
        for server in ["orders-db", "orders-db-replica"] {
            let pool = format!("pool:fulfilment-{number}/{server}");
            batch = batch.edge(&instance, "uses-pool", &pool).edge(&pool, "connects-to", &format!("database:{server}"));
            measured.push((pool, "db.client.connection.use_time"));
        }
        measured.extend([(instance, "messaging.process.duration"), (jvm, "jvm.gc.overhead")]);
    }
    for (node, signal) in measured.iter().filter(|(node, _)| node != dark) {
        batch = batch.series(node, signal, |_| 1.0);
    }
    batch.with_node("database:unrelated").build()
}

/// A finding: node, class, score, seconds after the symptom.
type Said<'a> = (&'a str, &'a str, f64, i64);

fn rank_on(batch: &Batch, said: &[Said<'_>]) -> (Ranking, Vec<Finding>) {
    let view = View::new(batch);
    let at = |second: i64| batch.start_ms + (SYMPTOM_S + second) * 1_000;
    let finding = |(id, class, score, second): &Said<'_>| {
        let finding = Finding::on(view.find(id).unwrap(), if class.is_empty() { "log" } else { "db.server.up" });
        let finding = finding.class(class).score(*score).magnitude(score * 20.0);
        finding.since((*score > NORMAL).then(|| at(*second))).says(format!("{id} is {score}"))
    };
    let findings: Vec<Finding> = said.iter().map(finding).collect();
    let symptom = behind(&view, GROUP, at(0));
    let ranking = Propagation::from_json("{}").unwrap().rank(&view, &findings, &symptom).unwrap();
    for cause in &ranking.causes {
        assert_eq!(cause.path.first(), Some(&symptom.node), "{cause:?}");
        assert_eq!(cause.path.last(), Some(&cause.node), "{cause:?}");
        assert!(!cause.findings.is_empty() && !cause.because.is_empty(), "{cause:?}");
    }
    (ranking, findings)
}

fn id(batch: &Batch, node: u32) -> &str {
    &batch.nodes[node as usize].id
}

/// The first cause, and nodes that must not be among the causes but be set aside.
fn check(said: &[Said<'_>], first: (&str, &str), set_aside: &[&str]) -> Ranking {
    let batch = topology("");
    let (ranking, _) = rank_on(&batch, said);
    let found = ranking.causes.first().map(|cause| (id(&batch, cause.node), cause.class.as_str()));
    assert_eq!(found, Some(first), "{ranking:#?}");
    for node in set_aside {
        assert!(ranking.causes.iter().all(|cause| id(&batch, cause.node) != *node), "{node} is a cause: {ranking:#?}");
        assert!(ranking.dismissed.iter().any(|aside| id(&batch, aside.node) == *node), "{node}: {ranking:#?}");
    }
    ranking
}

#[test]
fn the_manifest_keeps_the_contract() {
    check_manifest::<Propagation>();
}

#[test]
fn a_slow_statement_explains_the_louder_pools_and_the_service() {
    let ranking = check(
        &[
            (DB, "db.slow-statement", 0.85, -20),
            ("pool:fulfilment-0/orders-db", "", 0.98, -15),
            ("pool:fulfilment-1/orders-db", "", 0.98, -15),
            ("pool:fulfilment-0/orders-db", "pool.too-small", 0.1, 0),
            (SERVICE, "consumer.slow-code", 0.69, 0),
            (PRODUCER, "load.burst", 0.01, 0),
            (TOPIC, "load.burst", 0.01, 0),
        ],
        (DB, "db.slow-statement"),
        &["pool:fulfilment-0/orders-db", SERVICE, PRODUCER],
    );
    let cause = &ranking.causes[0];
    assert!(cause.confidence > 0.7, "{cause:?}");
    assert_eq!(cause.path.len(), 5);
    assert!(cause.because.contains("explains service:fulfilment, pool:fulfilment-0/orders-db and 1 more"), "{cause:?}");
    let service = ranking.dismissed.iter().find(|aside| aside.class == "consumer.slow-code").unwrap();
    assert_eq!(service.because, "explained by database:orders-db (db.slow-statement), which began 20 s earlier");
}

#[test]
fn slow_code_is_blamed_when_nothing_below_is_slow() {
    let ranking = check(
        &[
            (SERVICE, "consumer.slow-code", 0.68, -15),
            (DB, "db.slow-statement", 0.02, 0),
            ("jvm:fulfilment-0", "jvm.gc-full", 0.01, 0),
            (TOPIC, "load.burst", 0.01, 0),
        ],
        (SERVICE, "consumer.slow-code"),
        &[DB, "jvm:fulfilment-0", TOPIC],
    );
    assert!(ranking.causes[0].confidence > 0.5, "{ranking:#?}");
}

#[test]
fn a_pausing_virtual_machine_explains_the_timers_of_its_own_instance() {
    check(
        &[
            ("jvm:fulfilment-2", "jvm.gc-full", 0.7, 0),
            ("instance:fulfilment-2", "consumer.slow-code", 0.7, 0),
            ("pool:fulfilment-2/orders-db", "", 0.95, 0),
            ("pool:fulfilment-2/orders-db-replica", "", 0.95, 0),
            (DB, "db.slow-statement", 0.02, 0),
        ],
        ("jvm:fulfilment-2", "jvm.gc-full"),
        &["instance:fulfilment-2", "pool:fulfilment-2/orders-db"],
    );
}

#[test]
fn one_pausing_virtual_machine_does_not_explain_a_service_that_is_slow_everywhere() {
    check(
        &[("jvm:fulfilment-2", "jvm.gc-full", 0.4, 0), (SERVICE, "consumer.slow-code", 0.69, 0)],
        (SERVICE, "consumer.slow-code"),
        &[],
    );
}

#[test]
fn a_burst_explains_what_fills_up_behind_it() {
    check(
        &[
            (PRODUCER, "load.burst", 0.95, -15),
            (TOPIC, "load.burst", 0.95, -15),
            (SERVICE, "consumer.slow-code", 0.6, 0),
            ("pool:fulfilment-0/orders-db", "pool.too-small", 0.9, 15),
            (DB, "db.slow-statement", 0.3, 15),
        ],
        (PRODUCER, "load.burst"),
        &[TOPIC, SERVICE, "pool:fulfilment-0/orders-db"],
    );
}

#[test]
fn a_rise_of_the_inflow_explains_nothing_that_began_before_it() {
    check(
        &[
            (PRODUCER, "load.burst", 0.4, 120),
            (DB, "db.slow-statement", 0.8, -30),
            (SERVICE, "consumer.slow-code", 0.6, 0),
        ],
        (DB, "db.slow-statement"),
        &[SERVICE],
    );
}

#[test]
fn a_lagging_replica_explains_the_service_and_not_the_primary() {
    check(
        &[
            (REPLICA, "db.replication-lag", 0.98, -60),
            (SERVICE, "consumer.slow-code", 0.5, 0),
            (DB, "db.slow-statement", 0.02, 0),
            ("pool:fulfilment-0/orders-db-replica", "pool.too-small", 0.05, 0),
        ],
        (REPLICA, "db.replication-lag"),
        &[SERVICE, DB],
    );
}

#[test]
fn a_pool_that_leaks_is_blamed_before_the_service_that_waits_for_it() {
    check(
        &[
            ("pool:fulfilment-1/orders-db", "pool.leak", 0.9, -120),
            ("instance:fulfilment-1", "consumer.slow-code", 0.69, 0),
            (DB, "db.slow-statement", 0.01, 0),
        ],
        ("pool:fulfilment-1/orders-db", "pool.leak"),
        &["instance:fulfilment-1", DB],
    );
}

#[test]
fn poll_timeouts_and_rebalances_follow_from_what_made_the_batch_slow() {
    check(
        &[
            (DB, "db.lock", 0.8, -310),
            ("instance:fulfilment-0", "consumer.poll-timeout", 0.7, 0),
            (GROUP, "group.rebalance-storm", 0.8, 0),
            (SERVICE, "consumer.slow-code", 0.6, -290),
        ],
        (DB, "db.lock"),
        &["instance:fulfilment-0", SERVICE, GROUP],
    );
}

#[test]
fn what_the_symptom_does_not_depend_on_is_set_aside_however_loud() {
    check(
        &[("database:unrelated", "db.slow-statement", 1.0, -60), (DB, "db.slow-statement", 0.6, -10)],
        (DB, "db.slow-statement"),
        &["database:unrelated"],
    );
}

#[test]
fn what_began_minutes_after_the_symptom_counts_little() {
    check(
        &[(DB, "db.slow-statement", 0.9, 300), (SERVICE, "consumer.slow-code", 0.6, -10)],
        (SERVICE, "consumer.slow-code"),
        &[],
    );
}

#[test]
fn a_dark_database_caps_the_confidence_in_what_it_could_explain() {
    let said = [("service:fulfilment", "consumer.slow-code", 0.7, 0)];
    let seen = rank_on(&topology(""), &said).0;
    let dark = rank_on(&topology(DB), &said).0;
    assert!(dark.causes[0].confidence <= Config::default().unseen_cap);
    assert!(seen.causes[0].confidence > dark.causes[0].confidence, "{seen:#?}");
    assert!(dark.causes[0].because.contains("nothing is measured on database:orders-db"), "{dark:#?}");
}

#[test]
fn two_equally_good_candidates_share_the_doubt() {
    let alone = rank_on(&topology(""), &[(DB, "db.slow-statement", 0.8, 0)]).0;
    let said = [(DB, "db.slow-statement", 0.8, 0), ("jvm:fulfilment-0", "jvm.gc-full", 0.8, 0)];
    let both = rank_on(&topology(""), &said).0;
    assert!(both.causes[0].confidence < alone.causes[0].confidence);
}

#[test]
fn nothing_unusual_gives_no_cause() {
    let (ranking, _) = rank_on(&topology(""), &[(DB, "db.slow-statement", 0.05, 0), (TOPIC, "load.burst", 0.0, 0)]);
    assert_eq!((ranking.causes.len(), ranking.dismissed.len()), (0, 2));
}

#[test]
fn the_symptoms_own_numbers_are_no_cause() {
    assert_eq!(rank_on(&topology(""), &[(GROUP, "", 1.0, 0)]).0.causes, []);
}

#[test]
fn a_cycle_of_dependencies_is_walked_once() {
    let batch = BatchBuilder::minutes(10)
        .edge(GROUP, "worked-by", "service:a")
        .edge("service:a", "calls", "service:b")
        .edge("service:b", "calls", "service:a")
        .build();
    let said = [("service:a", "consumer.slow-code", 0.7, 0), ("service:b", "consumer.slow-code", 0.7, -60)];
    let (ranking, _) = rank_on(&batch, &said);
    assert_eq!(id(&batch, ranking.causes[0].node), "service:b", "{ranking:#?}");
    assert_eq!(ranking.causes[0].path.len(), 3);
}

#[test]
fn the_order_of_findings_does_not_matter() {
    let said = [
        (DB, "db.slow-statement", 0.8, -20),
        ("jvm:fulfilment-0", "jvm.gc-full", 0.5, 0),
        (SERVICE, "consumer.slow-code", 0.6, 0),
        ("pool:fulfilment-0/orders-db", "", 0.9, 0),
    ];
    let batch = topology("");
    let order = |said: &[Said<'_>]| {
        let (ranking, _) = rank_on(&batch, said);
        ranking.causes.iter().map(|cause| (cause.node, cause.class.clone(), cause.confidence)).collect::<Vec<_>>()
    };
    let mut turned = said;
    turned.reverse();
    assert_eq!(order(&said), order(&turned));
}

/// Services of which one hurts, with or without somebody saying who calls whom; what is blamed, the surest first.
fn blamed_of_services(has_edges: bool) -> (Vec<String>, Ranking) {
    let mut batch =
        BatchBuilder::minutes(40).with_node("service:shop").with_node("service:db").with_node("service:ads");
    if has_edges {
        batch = batch.edge("service:shop", "calls", "service:db");
    }
    let batch = batch.build();
    let view = View::new(&batch);
    let at = batch.start_ms + SYMPTOM_S * 1_000;
    let said = |id: &str, signal: &str, score: f64| {
        Finding::on(view.find(id).unwrap(), signal).score(score).since(Some(at)).says("other than it was")
    };
    let findings = [
        said("service:shop", "service.latency", 0.6),
        said("service:db", "service.cpu", 0.8),
        said("service:ads", "service.cpu", 0.7),
    ];
    let symptom = behind(&view, "service:shop", at);
    let ranking = Propagation::from_json("{}").unwrap().rank(&view, &findings, &symptom).unwrap();
    let name = |cause: &lagdoctor_sdk::Cause| view.node(cause.node).map_or("", |node| node.id).to_owned();
    (ranking.causes.iter().map(name).collect(), ranking)
}

#[test]
fn a_service_that_hurts_may_be_at_fault_itself_and_what_it_never_calls_is_not() {
    let (blamed, _) = blamed_of_services(true);
    assert_eq!(blamed.first().map(String::as_str), Some("service:db"), "{blamed:?}");
    assert!(!blamed.contains(&"service:ads".to_owned()), "{blamed:?}");
}

#[test]
fn where_nobody_says_who_calls_whom_any_service_may_be_behind_it_and_no_way_is_made_up() {
    let (blamed, ranking) = blamed_of_services(false);
    assert_eq!(blamed, ["service:db", "service:ads", "service:shop"]);
    assert!(ranking.causes.iter().all(|cause| cause.confidence < 0.5), "{ranking:?}");
    assert!(ranking.causes.iter().take(2).all(|cause| cause.path.is_empty()), "{ranking:?}");
}

#[test]
fn what_shows_beside_its_own_branch_explains_what_it_leads_to_and_nothing_else() {
    let batch = BatchBuilder::minutes(40)
        .edge(GROUP, "worked-by", SERVICE)
        .edge(GROUP, "consumes", "partition:orders/3")
        .edge("partition:orders/3", "part-of", TOPIC)
        .edge(TOPIC, "fed-by", PRODUCER)
        .edge(SERVICE, "calls", "cache:stock")
        .edge(SERVICE, "calls", DB)
        .edge(SERVICE, "calls", "endpoint:prices")
        .edge("service:other", "calls", "cache:other")
        .edge(GROUP, "worked-by", "service:other")
        .build();
    let first = |cause: (&str, &str), effect: (&str, &str)| {
        let said = [(cause.0, cause.1, 0.9, -15), (effect.0, effect.1, 0.97, 0)];
        let (ranking, _) = rank_on(&batch, &said);
        id(&batch, ranking.causes[0].node).to_owned()
    };
    let slow = (DB, "db.slow-statement");
    assert_eq!(first(("cache:stock", "cache.down"), slow), "cache:stock");
    assert_eq!(first(("cache:stock", "cache.thrash"), slow), "cache:stock");
    // Who calls that cache does not wait for this database.
    assert_eq!(first(("cache:other", "cache.down"), slow), DB);
    assert_eq!(first((SERVICE, "data.duplicate-key"), ("partition:orders/3", "data.poison")), SERVICE);
    assert_eq!(first((PRODUCER, "data.schema-break"), ("partition:orders/3", "data.poison")), PRODUCER);
}
