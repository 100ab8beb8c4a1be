//! Facts about how what sources say becomes signals.

use lagdoctor_model::{Millis, Sample, Severity, SignalName, Timestamp};
use lagdoctor_runtime::{RawEvent, RawLog};

use super::*;

fn at(seconds: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::seconds(seconds)
}

fn window() -> Window {
    Window { start: at(0), now: at(600), step: Millis::seconds(15) }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn raw(signal: &str, attributes: &[(&str, &str)], value: f64) -> RawSeries {
    RawSeries {
        signal: SignalName::new(signal).unwrap(),
        attributes: map(attributes),
        temporality: Temporality::Gauge,
        samples: vec![Sample { at: at(15), value }],
        query: None,
    }
}

fn line(attributes: &[(&str, &str)], seconds: u32, message: &str) -> RawLog {
    RawLog { at: at(seconds), severity: Severity::ERROR, message: message.into(), attributes: map(attributes) }
}

fn topology(nodes: &[&str]) -> Topology {
    let mut topology = Topology::new();
    for id in nodes {
        topology.add_node(Node::new(NodeId::new(*id).unwrap()));
    }
    topology
}

fn resolve(topology: Topology, page: CollectedPage) -> Signals {
    let mut resolver = Resolver::new(window(), topology, Caps { logs: 3, ..Caps::default() });
    resolver.add_nodes("prometheus", &page);
    resolver.add_page("prometheus", 0, page);
    resolver.finish()
}

fn edges(signals: &Signals) -> Vec<String> {
    signals.topology.edges().map(|edge| format!("{} {} {}", edge.dependent, edge.kind, edge.dependency)).collect()
}

#[test]
fn metrics_alone_give_the_way_from_a_group_to_its_database() {
    let page = CollectedPage {
        series: vec![
            raw(
                "db.client.connection.used",
                &[("instance", "fulfilment-0:8080"), ("pool", "orders-db"), ("app", "fulfilment")],
                3.0,
            ),
            raw("messaging.process.duration", &[("instance", "fulfilment-0:8080"), ("app", "fulfilment")], 0.1),
            raw("jvm.gc.overhead", &[("instance", "fulfilment-0:8080")], 0.1),
            raw("db.server.up", &[("instance", "orders-db:9104")], 1.0),
            raw(
                "kafka.consumer_group.lag",
                &[("consumergroup", "fulfilment"), ("topic", "orders"), ("partition", "0")],
                5.0,
            ),
            raw("kafka.partition.current_offset", &[("topic", "orders"), ("partition", "0")], 5.0),
        ],
        ..CollectedPage::default()
    };
    let signals = resolve(Topology::new(), page);
    insta::assert_snapshot!(edges(&signals).join("\n"), @r#"
group:fulfilment consumes partition:orders/0
group:fulfilment worked-by service:fulfilment
instance:fulfilment-0 runs-on jvm:fulfilment-0
instance:fulfilment-0 uses-pool pool:fulfilment-0/orders-db
partition:orders/0 part-of topic:orders
pool:fulfilment-0/orders-db connects-to database:orders-db
service:fulfilment runs-as instance:fulfilment-0
"#);
    let group = signals.topology.node(&NodeId::new("group:fulfilment").unwrap()).unwrap();
    assert_eq!(group.labels["guessed"], "worked-by service:fulfilment");
}

#[test]
fn what_the_operator_wrote_down_is_not_doubled_by_guesses() {
    let mut topology =
        topology(&["service:workers", "instance:fulfilment-0", "pool:fulfilment-0/orders-db", "database:orders-db"]);
    for (dependent, kind, dependency) in [
        ("group:fulfilment", "worked-by", "service:workers"),
        ("service:workers", "runs-as", "instance:fulfilment-0"),
        ("pool:fulfilment-0/orders-db", "connects-to", "database:proxy"),
        ("service:fulfilment", "calls", "database:orders-db"),
    ] {
        topology.connect(Edge::new(NodeId::new(dependent).unwrap(), kind, NodeId::new(dependency).unwrap()).unwrap());
    }
    let signals = resolve(topology, CollectedPage::default());
    assert_eq!(
        edges(&signals),
        [
            "group:fulfilment worked-by service:workers",
            "instance:fulfilment-0 uses-pool pool:fulfilment-0/orders-db",
            "pool:fulfilment-0/orders-db connects-to database:proxy",
            "service:fulfilment calls database:orders-db",
            "service:workers runs-as instance:fulfilment-0",
        ]
    );
}

#[test]
fn the_service_with_the_longest_matching_name_runs_the_instance() {
    let signals =
        resolve(topology(&["service:orders", "service:orders-api", "instance:orders-api-0"]), CollectedPage::default());
    assert_eq!(edges(&signals), ["service:orders-api runs-as instance:orders-api-0"]);
}

#[test]
fn a_line_belongs_to_the_most_exact_node_that_its_labels_name() {
    let topology = topology(&["database:orders-db", "service:fulfilment", "instance:fulfilment-0"]);
    for (attributes, node) in [
        (&[("service.name", "fulfilment"), ("k8s.pod.name", "fulfilment-0")][..], "instance:fulfilment-0"),
        (&[("service.name", "fulfilment"), ("host.name", "h7")], "service:fulfilment"),
        (&[("service.name", "orders-db"), ("server.address", "orders-db:3306")], "database:orders-db"),
        (&[("service.name", "orders-db"), ("host.name", "h9")], "database:orders-db"),
        (&[("service.name", "pricing")], "service:pricing"),
        (&[("host.name", "h7")], "host:h7"),
    ] {
        let page = CollectedPage { logs: vec![line(attributes, 30, "failed")], ..CollectedPage::default() };
        assert_eq!(resolve(topology.clone(), page).logs[0].node.as_str(), node);
    }
}

#[test]
fn one_customer_has_one_token_in_all_lines_and_no_name_in_any() {
    let from = [("service.name", "fulfilment")];
    let page = CollectedPage {
        logs: vec![line(&from, 40, "retry for user=alice"), line(&from, 30, "no stock for user=alice")],
        events: vec![RawEvent {
            at: at(50),
            kind: "Deploy".into(),
            what: "by user=alice".into(),
            attributes: map(&from),
        }],
        ..CollectedPage::default()
    };
    let signals = resolve(Topology::new(), page);
    let messages: Vec<_> = signals.logs.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(messages, ["no stock for user=<user:1>", "retry for user=<user:1>"]);
    assert_eq!((signals.events[0].kind.as_str(), signals.events[0].what.as_str()), ("deploy", "by user=<user:1>"));
}

#[test]
fn too_many_lines_lose_the_harmless_first_and_the_loss_is_named() {
    let from = [("service.name", "fulfilment")];
    let mut logs: Vec<_> =
        (0..5).map(|at| RawLog { severity: Severity::INFO, ..line(&from, at + 100, "fine") }).collect();
    logs.push(line(&from, 1, "first failure"));
    let signals = resolve(Topology::new(), CollectedPage { logs, ..CollectedPage::default() });
    let kept: Vec<_> = signals.logs.iter().map(|line| line.at.as_millis() / 1000).collect();
    assert_eq!(kept, [1, 103, 104]);
    assert_eq!(signals.gaps[0].cause, GapCause::Truncated);
    assert!(signals.gaps[0].statement.starts_with("3 of 6 log lines"), "{}", signals.gaps[0].statement);
}

#[test]
fn what_names_no_node_is_counted_and_named_once() {
    let page = CollectedPage {
        series: vec![
            raw("kafka.consumer_group.lag", &[("foo", "bar")], 1.0),
            raw("kafka.consumer_group.lag", &[("foo", "baz")], 1.0),
        ],
        logs: vec![line(&[("colour", "red")], 30, "failed")],
        ..CollectedPage::default()
    };
    let signals = resolve(Topology::new(), page);
    let gaps: Vec<_> = signals.gaps.iter().map(|gap| gap.statement.as_str()).collect();
    assert_eq!(
        gaps,
        [
            "left out 1 log lines that name no node (labels: colour)",
            "left out 2 series of `kafka.consumer_group.lag` (labels: foo) that name no group"
        ]
    );
    assert!(signals.series.is_empty() && signals.logs.is_empty());
}

#[test]
fn an_edge_that_the_vocabulary_does_not_allow_is_left_out() {
    let edge = |dependent: &str, kind: &str, dependency: &str| RawEdge {
        dependent: NodeId::new(dependent).unwrap(),
        dependency: NodeId::new(dependency).unwrap(),
        kind: EdgeKind::new(kind).unwrap(),
    };
    let page = CollectedPage {
        edges: vec![
            edge("service:a", "calls", "database:b"),
            edge("database:b", "calls", "service:a"),
            edge("a:b", "contends", "c:d"),
        ],
        ..CollectedPage::default()
    };
    let signals = resolve(Topology::new(), page);
    assert_eq!(edges(&signals), ["service:a calls database:b"]);
    assert_eq!(signals.gaps.len(), 2);
}
