//! Facts about what may be concluded, and about when nothing may be.

mod open;

use lagdoctor_model::{
    Basis, Cause, Class, Confidence, Dismissal, Finding, GapCause, Labels, NodeId, RankedCause, Ranking, SeriesKey,
    Signals, Verdict, Vocabulary,
};
use proptest::prelude::*;

use super::*;
use crate::plan::plan;
use crate::testing::{
    any_finding, any_node, connected, edges, finding, hour, id, key, noise, noon, read, symptomatic, topology,
};

/// A group, its service with a pool and a JVM, a database and its replica; all measured and calm but the replica.
fn shop() -> Signals {
    let mut signals = hour();
    signals.topology = topology(&[
        ("group:g", "worked-by", "service:s"),
        ("group:g", "consumes", "partition:orders/0"),
        ("partition:orders/0", "part-of", "topic:orders"),
        ("service:s", "runs-as", "instance:s-0"),
        ("instance:s-0", "runs-on", "jvm:s-0"),
        ("instance:s-0", "uses-pool", "pool:s-0/db"),
        ("pool:s-0/db", "connects-to", "database:db"),
        ("service:s", "calls", "database:db"),
        ("service:s", "calls", "database:db-replica"),
        ("database:db-replica", "replicates", "database:db"),
        ("group:other", "worked-by", "service:other"),
        ("service:other", "calls", "cache:aside"),
        ("service:web", "runs-as", "instance:web-0"),
    ]);
    let mut owned = lagdoctor_model::Node::new(id("database:db-replica"));
    owned.labels.insert("owner".into(), "orders-dba".into());
    signals.topology.add_node(owned);
    for (node, signal) in [
        ("partition:orders/0", "kafka.partition.current_offset"),
        ("topic:orders", "kafka.topic.append_rate"),
        ("instance:s-0", "messaging.process.duration"),
        ("jvm:s-0", "jvm.gc.overhead"),
        ("pool:s-0/db", "db.client.connection.pending_requests"),
        ("pool:s-0/db", "db.client.connection.use_time"),
        ("database:db", "db.server.statement.duration"),
        ("database:db", "db.server.up"),
        ("database:db-replica", "db.server.statement.duration"),
        ("database:db-replica", "db.server.up"),
        ("database:db-replica", "db.replication.apply_running"),
    ] {
        read(&mut signals, key(node, signal), |s| 1.0 + noise(s, 1) * 0.01);
    }
    read(
        &mut signals,
        key("database:db-replica", "db.replication.delay"),
        |s| if s > 1_200.0 { f64::NAN } else { 1.0 },
    );
    for partition in 0..2 {
        let labels = Labels::from([("topic".into(), "orders".into()), ("partition".into(), partition.to_string())]);
        let of = |signal: &str| SeriesKey { labels: labels.clone(), ..key("group:g", signal) };
        read(&mut signals, of("kafka.consumer_group.lag"), |s| s * f64::from(partition + 1));
        read(&mut signals, of("kafka.consumer_group.offset"), |_| 1_000.0 + f64::from(partition));
    }
    signals.normalised()
}

fn stopped_replica() -> Finding {
    let mut finding = finding("database:db-replica", "db.replication.apply_running", "db.replication-lag", 0.95);
    finding.statement = "the apply thread is stopped, 4.1 MB behind".into();
    (finding.observed, finding.expected) = (Some(0.0), Some(1.0));
    finding
}

fn ranked(node: &str, class: &str, confidence: f64, findings: &[usize]) -> RankedCause {
    RankedCause {
        node: id(node),
        class: Some(class).filter(|class| !class.is_empty()).map(|class| Class::new(class).unwrap()),
        confidence: Confidence::new(confidence).unwrap(),
        path: vec![],
        findings: findings.to_vec(),
        because: "it began first".into(),
    }
}

fn diagnosis(signals: &Signals, findings: Vec<Finding>, causes: Vec<RankedCause>) -> Diagnosis {
    let detection = symptomatic("group:g");
    let plan = plan(signals, &detection, findings);
    let ranking = Ranking { causes, dismissed: vec![] };
    conclude(signals, &detection, &plan, Some(("ranker-test".into(), ranking)), None, vec![])
}

/// The verdict on the shop with these causes, and the end of the sentence that says why.
fn check(signals: &Signals, causes: Vec<RankedCause>, verdict: Verdict, why: &str) -> Diagnosis {
    let diagnosis = diagnosis(signals, vec![stopped_replica()], causes);
    assert_eq!(diagnosis.verdict, verdict, "{}", diagnosis.headline);
    assert!(diagnosis.headline.ends_with(why), "{}", diagnosis.headline);
    diagnosis
}

/// The shop without these signals.
fn without(prefix: &str) -> Signals {
    let mut signals = shop();
    signals.series.retain(|series| !format!("{} {}", series.node(), series.signal()).starts_with(prefix));
    signals
}

#[test]
fn a_sure_cause_is_named_with_symptom_since_and_numbers() {
    let found =
        check(&shop(), vec![ranked("database:db-replica", "db.replication-lag", 0.91, &[0])], Verdict::Cause, "sure)");
    insta::assert_snapshot!(found.headline, @"database db-replica: the replica is behind its primary, so group g has fallen 1,240,331 records and 14 min 5 s behind since 12:20:15 (91 % sure)");
    let cause = &found.causes[0];
    assert_eq!(cause.basis, Basis::Direct);
    assert_eq!(cause.owner.as_deref(), Some("orders-dba"));
    assert_eq!(cause.path, ["group:g", "service:s", "database:db-replica"].map(id));
    let evidence = &cause.evidence[0];
    assert_eq!((evidence.observed, evidence.expected, evidence.unit.as_str()), (Some(0.0), Some(1.0), "1"));
    assert_eq!(evidence.age, Some(lagdoctor_model::Millis::ZERO));
    assert_eq!(evidence.query.as_deref(), Some("db_replication_apply_running{node=\"db-replica\"}"));
    let commands: Vec<_> = cause.actions.iter().filter_map(|action| action.command.as_deref()).collect();
    insta::assert_snapshot!(commands.join("\n"), @r"
mysql -h db-replica -e 'SHOW REPLICA STATUS\G'
mysql -h db-replica -e 'SHOW FULL PROCESSLIST'
");
}

#[test]
fn a_metric_that_vanished_is_told() {
    let found =
        check(&shop(), vec![ranked("database:db-replica", "db.replication-lag", 0.91, &[0])], Verdict::Cause, "sure)");
    assert_eq!(found.gaps.len(), 1, "{:?}", found.gaps);
    assert_eq!(found.gaps[0].cause, GapCause::Malformed);
    insta::assert_snapshot!(found.gaps[0].statement, @"`db.replication.delay` (seconds behind the primary, as the replica itself says; vanishes while its apply thread is stopped) of database db-replica vanished after 12:20:00, while `db.replication.apply_running` is still read: that it vanished may itself be a trace of the cause");
}

#[test]
fn less_than_half_sure_is_no_answer() {
    let unsure = vec![ranked("database:db-replica", "db.replication-lag", 0.499, &[0])];
    let found = check(&shop(), unsure, Verdict::InsufficientEvidence, "only 49 % sure");
    assert_eq!(found.causes.len(), 1, "candidates are still told");
    check(&shop(), vec![], Verdict::InsufficientEvidence, "nothing unusual was found on its way");
}

#[test]
fn two_places_that_are_equally_likely_are_no_answer_unless_both_are_sure() {
    let pair = |one: f64, other: f64| {
        vec![ranked("database:db", "db.lock", one, &[]), ranked("jvm:s-0", "jvm.gc-full", other, &[])]
    };
    check(&shop(), pair(0.62, 0.60), Verdict::InsufficientEvidence, "database db and JVM s-0 are equally likely");
    check(&shop(), pair(0.70, 0.60), Verdict::Cause, "sure)");
    let both = check(&shop(), pair(0.90, 0.88), Verdict::Cause, "sure)");
    insta::assert_snapshot!(both.headline, @"database db: sessions wait for a lock, and JVM s-0: full garbage collections stop the process for seconds, so group g has fallen 1,240,331 records and 14 min 5 s behind since 12:20:15 (90 % sure)");
    let alike = vec![ranked("jvm:s-0", "jvm.gc-full", 0.6, &[]), ranked("instance:s-0", "jvm.gc-full", 0.6, &[])];
    check(&shop(), alike, Verdict::Cause, "sure)");
}

#[test]
fn a_slow_service_is_no_answer_while_its_database_and_pool_are_not_measured() {
    let slow = || vec![ranked("service:s", "deploy.bad-version", 0.8, &[])];
    check(&shop(), slow(), Verdict::Cause, "sure)");
    let blind = without("database:db db.server");
    check(&blind, slow(), Verdict::Cause, "sure)");
    let mut blinder = blind;
    blinder.series.retain(|series| series.node().kind() != "pool");
    let found = check(
        &blinder,
        slow(),
        Verdict::InsufficientEvidence,
        "the cause may be database db, of which nothing is measured",
    );
    insta::assert_snapshot!(found.needs.iter().map(|need| need.statement.as_str()).collect::<Vec<_>>().join("\n"), @r"
whether database db is well: `db.server.statement.duration` and `db.server.up` are missing; mysqld_exporter or postgres_exporter gives it
whether pool s-0/db is well: `db.client.connection.pending_requests` and `db.client.connection.use_time` are missing; otel-service or hikari-micrometer or hikari-prometheus gives it
");
}

#[test]
fn a_class_whose_own_signals_settle_it_may_be_named_beside_a_blind_database() {
    let mut blind = without("database:db ");
    blind.series.retain(|series| series.signal().as_str() != "db.client.connection.pending_requests");
    let slow = vec![ranked("service:s", "consumer.slow-code", 0.8, &[])];
    check(&blind, slow.clone(), Verdict::Cause, "sure)");
    let blinder = without("pool:");
    check(&blinder, slow, Verdict::Cause, "sure)");
    let blindest = {
        let mut signals = without("pool:");
        signals.series.retain(|series| series.node().as_str() != "database:db");
        signals
    };
    let slow = vec![ranked("service:s", "consumer.slow-code", 0.8, &[])];
    let found = check(
        &blindest,
        slow,
        Verdict::InsufficientEvidence,
        "the cause may be database db, of which nothing is measured",
    );
    insta::assert_snapshot!(found.needs[0].statement, @"whether the consumer's own code has become slow (service s): `db.client.connection.use_time` is missing; otel-service or hikari-micrometer or hikari-prometheus gives it");
}

#[test]
fn a_database_is_no_answer_for_what_its_own_missing_exporter_would_say_but_its_effects_may_say_it() {
    let blind = without("database:db db.server");
    let mut held = finding("pool:s-0/db", "db.client.connection.use_time", "db.slow-statement", 0.9);
    held.statement = "connections are held 400 ms (before: 4 ms)".into();
    let found = diagnosis(&blind, vec![held], vec![ranked("database:db", "db.slow-statement", 0.7, &[0])]);
    assert_eq!((found.verdict, found.causes[0].basis), (Verdict::Cause, Basis::Inferred));
    assert!(found.needs.iter().any(|need| need.node == id("database:db")), "{:?}", found.needs);
}

#[test]
fn when_no_ranker_answers_the_deepest_unusual_nodes_are_candidates() {
    let detection = symptomatic("group:g");
    let slow = finding("instance:s-0", "messaging.process.duration", "consumer.slow-code", 0.9);
    let plan = plan(&shop(), &detection, vec![slow, stopped_replica()]);
    let found = conclude(&shop(), &detection, &plan, None, None, vec![]);
    assert_eq!(found.verdict, Verdict::InsufficientEvidence);
    let nodes: Vec<_> = found.causes.iter().map(|cause| cause.node.as_str()).collect();
    assert_eq!(nodes, ["database:db-replica", "instance:s-0"]);
    assert!(found.causes.iter().all(|cause| cause.confidence.get() < CONFIDENT));
    assert!(found.headline.ends_with("no ranker answered"), "{}", found.headline);
}

#[test]
fn what_was_looked_at_and_found_normal_is_ruled_out_with_its_numbers() {
    let normal = |node: &str, class: &str, statement: &str| Finding {
        statement: statement.into(),
        ..finding(node, "db.client.connection.pending_requests", class, 0.02)
    };
    let findings = vec![
        stopped_replica(),
        normal("pool:s-0/db", "pool.too-small", "at most 3 of 10 connections in use, nobody waits"),
        normal("jvm:s-0", "jvm.gc-full", "longest pause 40 ms (before: 38 ms)"),
        normal("database:db", "db.lock", "nobody waits for a lock"),
        normal("database:db-replica", "db.lock", "nobody waits for a lock here either"),
        Finding {
            statement: "hit ratio 0.2 (before: 0.9)".into(),
            ..finding("cache:aside", "cache.hit_ratio", "cache.thrash", 0.9)
        },
    ];
    let detection = symptomatic("group:g");
    let plan = plan(&shop(), &detection, findings);
    let ranking = Ranking {
        causes: vec![ranked("database:db-replica", "db.replication-lag", 0.91, &[0])],
        dismissed: vec![Dismissal {
            node: id("service:s"),
            class: None,
            findings: vec![0],
            because: "it only waits for the replica".into(),
        }],
    };
    let found = conclude(&shop(), &detection, &plan, Some(("ranker-test".into(), ranking)), None, vec![]);
    let told: Vec<String> = found.ruled_out.iter().map(|out| format!("{}: {}", out.node, out.because)).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
service:s: it only waits for the replica (the apply thread is stopped, 4.1 MB behind)
database:db: nobody waits for a lock; ruled out for one other of this kind, too
jvm:s-0: longest pause 40 ms (before: 38 ms)
pool:s-0/db: at most 3 of 10 connections in use, nobody waits
cache:aside: hit ratio 0.2 (before: 0.9), but no dependency and nothing shared leads from group g to it
");
}

#[test]
fn a_ranker_that_invents_nodes_ways_and_findings_is_not_believed() {
    let mut odd = ranked("database:db-replica", "db.replication-lag", 0.8, &[0, 0, 99]);
    odd.path = vec![id("group:g"), id("database:db-replica")];
    let ghost = ranked("database:ghost", "db.down", 0.99, &[]);
    let itself = ranked("group:g", "", 0.95, &[]);
    let found = check(&shop(), vec![ghost, itself, odd.clone(), odd], Verdict::Cause, "sure)");
    assert_eq!(found.causes.len(), 1);
    assert_eq!(found.causes[0].evidence.len(), 1);
    assert_eq!(found.causes[0].path.len(), 3);
}

#[test]
fn placeholders_are_filled_with_the_worst_partition_and_names_are_quoted() {
    let mut signals = shop();
    let of_pool = ranked("pool:s-0/db", "pool.leak", 0.9, &[]);
    let poison = ranked("partition:orders/0", "data.poison", 0.9, &[]);
    let command = |found: &Cause| found.actions.iter().find_map(|action| action.command.clone()).unwrap();
    let found = diagnosis(&signals, vec![], vec![of_pool, poison]);
    insta::assert_snapshot!(command(&found.causes[0]), @"jcmd s-0 Thread.print");
    insta::assert_snapshot!(command(&found.causes[1]), @"kafka-console-consumer --bootstrap-server HOST:PORT --topic orders --partition 0 --offset 1000 --max-messages 1");
    let rude = "database:db; rm -rf {group} 'x'";
    signals.topology.connect(lagdoctor_model::Edge::new(id("service:s"), "calls", id(rude)).unwrap());
    let found = diagnosis(&signals, vec![], vec![ranked(rude, "db.lock", 0.9, &[])]);
    insta::assert_snapshot!(command(&found.causes[0]), @r"mysql -h 'db; rm -rf {group} '\''x'\''' -e 'SELECT * FROM sys.innodb_lock_waits'");
    for series in &mut signals.series {
        if series.node().kind() == "group" {
            *series =
                series.clone().with_query("kafka-consumer-groups --bootstrap-server kafka:9092 --describe --group g");
        }
    }
    let found = diagnosis(&signals, vec![], vec![ranked("topic:orders", "load.burst", 0.9, &[])]);
    insta::assert_snapshot!(command(&found.causes[0]), @"kafka-consumer-groups --bootstrap-server kafka:9092 --describe --group g");
}

#[test]
fn every_command_of_the_vocabulary_only_reads() {
    let reads = |command: &str| {
        let sql = command.split_once(" -e ").map_or("", |(_, sql)| sql.trim_start_matches('\''));
        let words = |wanted: &[&str]| wanted.iter().any(|word| command.contains(word));
        match command.split(' ').next().unwrap_or_default() {
            "jcmd" => words(&["{name} Thread.print", "{name} GC.heap_info", "{name} GC.class_histogram"]),
            "mysql" => sql.starts_with("SELECT ") || sql.starts_with("SHOW "),
            "redis-cli" => words(&["{name} INFO stats"]),
            "kafka-consumer-groups" | "kafka-topics" | "kafka-configs" | "kafka-log-dirs" => words(&[" --describe"]),
            "kafka-acls" => words(&[" --list"]),
            "kafka-metadata-quorum" => words(&[" describe --status"]),
            "kafka-transactions" => words(&[" find-hanging "]),
            "kafka-broker-api-versions" => true,
            // Without a group it assigns itself one partition, and commits nothing.
            "kafka-console-consumer" => words(&[" --partition "]) && words(&[" --offset "]) && !words(&[" --group "]),
            _ => false,
        }
    };
    let changes =
        ["--delete", "--reset", "--execute", "--alter", "--create", "GC.run", "KILL", "UPDATE", "INSERT", "DROP"];
    for class in Vocabulary::bundled().classes() {
        assert!(!class.actions.is_empty(), "{} has nothing to do about it", class.slug);
        for command in class.actions.iter().filter_map(|action| action.command.as_deref()) {
            assert!(reads(command), "{} has a command that is not known to only read: {command}", class.slug);
            assert!(changes.iter().all(|word| !command.contains(word)), "{}: {command}", class.slug);
        }
    }
}

#[test]
fn no_incident_says_how_many_groups_keep_up_and_what_is_remarkable() {
    let health = |name: &str, backlog: f64, rate: f64| {
        let mut signals = hour();
        signals.topology.add_node(lagdoctor_model::Node::new(id(name)));
        read(&mut signals, key(name, "kafka.consumer_group.backlog"), |s| backlog + noise(s, 1) * 5.0);
        read(&mut signals, key(name, "kafka.consumer_group.commit_rate"), |_| rate);
        signals
    };
    let headline = |groups: &[(&str, f64, f64)]| {
        let mut signals = hour();
        for (name, backlog, rate) in groups {
            let one = health(name, *backlog, *rate);
            signals.series.extend(one.series);
            one.topology.nodes().for_each(|node| signals.topology.add_node(node.clone()));
        }
        let signals = signals.normalised();
        let detection = crate::detect(&signals, None);
        conclude(&signals, &detection, &plan(&signals, &detection, vec![]), None, None, vec![]).headline
    };
    let mut lines = vec![headline(&[]), headline(&[("group:a", 50.0, 100.0)])];
    lines.push(headline(&[("group:a", 50.0, 100.0), ("group:b", 50.0, 100.0)]));
    lines.push(headline(&[("group:a", 50.0, 100.0), ("group:b", 90_000.0, 100.0)]));
    lines.push(headline(&[("group:a", 50.0, 100.0), ("group:b", 90_000.0, 0.0)]));
    insta::assert_snapshot!(lines.join("\n"), @r"
nothing can be said: the lag of no group is known well enough
nothing hurts: group a keeps up
nothing hurts: both groups keep up
nothing hurts: 1 of 2 groups keep up; backlog of `b` is 90,002 records for the whole window, and gets neither better nor worse
nothing hurts: 1 of 2 groups keep up; backlog of `b` is 90,002 records, and it has had neither members nor commits since before 12:00:00
");
}

#[test]
fn where_no_lag_is_known_nobody_is_told_that_all_is_well() {
    let mut signals = hour();
    for name in ["group:a", "group:b", "group:c"] {
        signals.topology.add_node(lagdoctor_model::Node::new(id(name)));
    }
    let concluded = |signals: &Signals| {
        let detection = crate::detect(signals, None);
        conclude(signals, &detection, &plan(signals, &detection, vec![]), None, None, vec![])
    };
    let blind = concluded(&signals);
    assert_eq!(blind.verdict, Verdict::InsufficientEvidence);
    insta::assert_snapshot!(blind.needs[0].statement, @"whether group a keeps up: too little of its lag is known, and of 2 others of this kind; kafka_exporter or kminion or kafka-lag-exporter gives it");
    assert_eq!(concluded(&hour()).verdict, Verdict::InsufficientEvidence);

    read(&mut signals, key("group:a", "kafka.consumer_group.backlog"), |s| 50.0 + noise(s, 1) * 5.0);
    read(&mut signals, key("group:a", "kafka.consumer_group.commit_rate"), |_| 100.0);
    assert_eq!(concluded(&signals).verdict, Verdict::NoIncident);
}

/// Any answer of a ranker about any nodes, sensible or not.
fn any_ranking() -> impl Strategy<Value = Ranking> {
    let class =
        prop::option::of(prop::sample::select(&["db.slow-statement", "jvm.gc-full", "load.burst", "not.known"][..]));
    let cause = (
        any_node(),
        class,
        0.0..=1.0_f64,
        prop::collection::vec(0usize..30, 0..5),
        prop::collection::vec(any_node(), 0..4),
    );
    let causes = prop::collection::vec(cause, 0..6).prop_map(|causes| {
        let cause =
            |(node, class, confidence, findings, path): (NodeId, Option<&str>, f64, Vec<usize>, Vec<NodeId>)| {
                RankedCause {
                    node,
                    findings,
                    path,
                    class: class.map(|class| Class::new(class).unwrap()),
                    confidence: Confidence::new(confidence).unwrap(),
                    because: String::new(),
                }
            };
        causes.into_iter().map(cause).collect::<Vec<_>>()
    });
    let dismissed = prop::collection::vec((any_node(), prop::collection::vec(0usize..30, 0..3)), 0..4);
    (causes, dismissed).prop_map(|(causes, dismissed)| Ranking {
        causes,
        dismissed: dismissed
            .into_iter()
            .map(|(node, findings)| Dismissal { node, class: None, findings, because: String::new() })
            .collect(),
    })
}

fn some_signals(edges: &[(NodeId, &str, NodeId)]) -> Signals {
    let mut signals = hour();
    signals.topology = connected(edges);
    signals.topology.add_node(lagdoctor_model::Node::new(id("group:0")));
    signals
}

fn is_finite(diagnosis: &Diagnosis) -> bool {
    let evidence = diagnosis.causes.iter().flat_map(|cause| &cause.evidence);
    evidence.flat_map(|evidence| [evidence.observed, evidence.expected]).flatten().all(f64::is_finite)
}

proptest! {
    #[test]
    fn whatever_guests_say_there_is_a_diagnosis_without_nan(
        edges in edges(), findings in prop::collection::vec(any_finding(), 0..20), ranking in prop::option::of(any_ranking()),
    ) {
        let signals = some_signals(&edges);
        let detection = symptomatic("group:0");
        let plan = plan(&signals, &detection, findings);
        let found = conclude(&signals, &detection, &plan, ranking.map(|ranking| ("r".to_owned(), ranking)), None, vec![]);
        prop_assert!(is_finite(&found));
        prop_assert!(found.verdict != Verdict::NoIncident && found.symptom.is_some());
        prop_assert!(found.verdict == Verdict::InsufficientEvidence || !found.causes.is_empty());
        prop_assert!(!found.headline.contains("NaN") && !found.headline.contains('\n'));
        for cause in &found.causes {
            prop_assert_eq!(cause.path.last(), Some(&cause.node));
            prop_assert!(!cause.actions.is_empty());
        }
        let known = |out: &lagdoctor_model::RuledOut| found.causes.iter().any(|cause| cause.node == out.node && cause.class == out.class);
        prop_assert!(!found.ruled_out.iter().any(known));
    }

    #[test]
    fn the_order_of_findings_never_changes_the_diagnosis(edges in edges(), findings in prop::collection::vec(any_finding(), 0..20)) {
        let signals = some_signals(&edges);
        let detection = symptomatic("group:0");
        let mut reversed = findings.clone();
        reversed.reverse();
        let of = |findings: Vec<Finding>| conclude(&signals, &detection, &plan(&signals, &detection, findings), None, None, vec![]);
        prop_assert_eq!(of(findings), of(reversed));
    }

    #[test]
    fn a_healthy_node_beside_it_never_changes_the_first_cause(
        edges in edges(), findings in prop::collection::vec(any_finding(), 0..20), to in any_node(), is_attached in any::<bool>(),
    ) {
        let detection = symptomatic("group:0");
        let alone = some_signals(&edges);
        let mut wider = alone.clone();
        let aside = id("topic:aside");
        wider.topology.add_node(lagdoctor_model::Node::new(aside.clone()));
        if is_attached && alone.topology.node(&to).is_some() {
            // Another topic may depend on anything; what does not depend on it is not touched.
            wider.topology.connect(lagdoctor_model::Edge::new(aside, "calls", to.clone()).unwrap());
        }
        let first = |signals: &Signals| {
            let plan = plan(signals, &detection, findings.clone());
            let found = conclude(signals, &detection, &plan, None, None, vec![]);
            (found.verdict, found.causes.first().map(|cause| (cause.node.clone(), cause.class.clone(), cause.path.clone())))
        };
        prop_assert_eq!(first(&alone), first(&wider));
    }

    #[test]
    fn no_incident_exactly_when_there_is_no_symptom(edges in edges(), hurts in any::<bool>(), findings in prop::collection::vec(any_finding(), 0..5)) {
        let signals = some_signals(&edges);
        let mut keeps_up = hour();
        keeps_up.topology.add_node(lagdoctor_model::Node::new(id("group:0")));
        read(&mut keeps_up, key("group:0", "kafka.consumer_group.backlog"), |s| 50.0 + noise(s, 1) * 5.0);
        read(&mut keeps_up, key("group:0", "kafka.consumer_group.commit_rate"), |_| 100.0);
        let detection = if hurts { symptomatic("group:0") } else { crate::detect(&keeps_up, None) };
        let found = conclude(&signals, &detection, &plan(&signals, &detection, findings), None, None, vec![]);
        prop_assert_eq!(found.verdict == Verdict::NoIncident, !hurts);
        prop_assert_eq!(found.symptom.is_none(), !hurts);
    }
}

#[test]
fn what_is_told_of_the_window_is_when_it_was_made() {
    let found = diagnosis(&shop(), vec![], vec![]);
    assert_eq!(found.window.now, noon(3_600));
}
