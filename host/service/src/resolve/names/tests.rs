//! Facts about how labels name nodes.

use super::*;

fn resolver(nodes: &[(&str, &[(&str, &str)])]) -> NodeResolver {
    let mut topology = Topology::new();
    for (id, labels) in nodes {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        topology.add_node(Node { id: NodeId::new(*id).unwrap(), labels });
    }
    NodeResolver::new(topology)
}

fn check(resolver: &mut NodeResolver, kind: &str, attributes: &[(&str, &str)], expected: Option<&str>) {
    let attributes = Attributes::new(attributes.iter().copied());
    let placed = resolver.place(kind, &attributes).map(|id| id.to_string());
    assert_eq!(placed.as_deref(), expected, "{kind} {attributes:?}");
}

#[test]
fn one_instance_label_names_different_nodes_by_the_kind_that_is_measured() {
    let mut resolver = resolver(&[]);
    check(&mut resolver, "database", &[("instance", "orders-db:9104")], Some("database:orders-db"));
    check(&mut resolver, "jvm", &[("instance", "fulfilment-0:8080")], Some("jvm:fulfilment-0"));
    check(&mut resolver, "host", &[("instance", "h7:9100")], Some("host:h7"));
    check(
        &mut resolver,
        "pool",
        &[("instance", "fulfilment-0:8080"), ("pool", "orders-db")],
        Some("pool:fulfilment-0/orders-db"),
    );
}

#[test]
fn the_surest_label_names_a_new_node() {
    let mut resolver = resolver(&[]);
    check(
        &mut resolver,
        "instance",
        &[("instance", "10.0.0.7:8080"), ("pod", "fulfilment-0")],
        Some("instance:fulfilment-0"),
    );
    check(
        &mut resolver,
        "group",
        &[("consumergroup", "fulfilment"), ("instance", "exporter:9308")],
        Some("group:fulfilment"),
    );
    check(&mut resolver, "partition", &[("topic", "orders"), ("partition", "3")], Some("partition:orders/3"));
}

#[test]
fn a_node_of_the_topology_is_preferred_over_a_surer_label() {
    let mut resolver = resolver(&[("producer:checkout-api", &[])]);
    check(
        &mut resolver,
        "producer",
        &[("client_id", "producer-1"), ("job", "checkout-api")],
        Some("producer:checkout-api"),
    );
}

#[test]
fn an_address_finds_the_node_that_has_it() {
    let mut resolver = resolver(&[
        ("instance:fulfilment-0", &[("address", "10.0.0.7:8080")]),
        ("database:orders-db", &[("address", "10.0.0.9")]),
    ]);
    check(&mut resolver, "instance", &[("instance", "10.0.0.7:8080")], Some("instance:fulfilment-0"));
    check(&mut resolver, "instance", &[("instance", "10.0.0.7:9999")], Some("instance:fulfilment-0"));
    check(&mut resolver, "jvm", &[("instance", "10.0.0.7:8080")], Some("jvm:fulfilment-0"));
    check(
        &mut resolver,
        "pool",
        &[("instance", "10.0.0.7:8080"), ("pool", "orders-db")],
        Some("pool:fulfilment-0/orders-db"),
    );
    check(&mut resolver, "database", &[("instance", "10.0.0.9:9104")], Some("database:orders-db"));
}

#[test]
fn an_address_that_two_nodes_share_names_neither_without_its_port() {
    let mut resolver =
        resolver(&[("instance:a", &[("address", "10.0.0.7:8080")]), ("instance:b", &[("address", "10.0.0.7:8081")])]);
    check(&mut resolver, "instance", &[("instance", "10.0.0.7:8081")], Some("instance:b"));
    check(&mut resolver, "instance", &[("instance", "10.0.0.7:1")], Some("instance:10.0.0.7"));
}

#[test]
fn a_pool_with_a_made_up_name_is_found_by_its_label() {
    let mut resolver = resolver(&[("pool:fulfilment-0/orders-db", &[("pool", "HikariPool-1")])]);
    check(
        &mut resolver,
        "pool",
        &[("instance", "fulfilment-0"), ("pool", "HikariPool-1")],
        Some("pool:fulfilment-0/orders-db"),
    );
    check(
        &mut resolver,
        "pool",
        &[("instance", "fulfilment-1"), ("pool", "HikariPool-1")],
        Some("pool:fulfilment-1/HikariPool-1"),
    );
}

#[test]
fn what_names_nothing_is_placed_nowhere() {
    let mut resolver = resolver(&[]);
    check(&mut resolver, "group", &[("topic", "orders")], None);
    check(&mut resolver, "group", &[("group", "")], None);
    check(&mut resolver, "group", &[("group", "a\u{1b}[2J")], None);
    check(&mut resolver, "partition", &[("topic", "orders")], None);
    check(&mut resolver, "link", &[("instance", "a")], None);
    check(&mut resolver, "gremlin", &[("instance", "a")], None);
}

#[test]
fn only_digits_after_the_last_colon_are_a_port() {
    for (value, host) in [
        ("db:3306", "db"),
        ("[::1]:9104", "[::1]"),
        ("::1", "::1"),
        ("db", "db"),
        ("db:", "db:"),
        ("a:b", "a:b"),
        (":80", ":80"),
    ] {
        assert_eq!(without_port(value), host);
    }
}

#[test]
fn labels_that_the_vocabulary_does_not_know_are_dropped() {
    let signal = Vocabulary::bundled().signal("kafka.consumer_group.lag").unwrap();
    let attributes = Attributes::new([("topic_name", "orders"), ("partition_id", "3"), ("member_host", "/10.0.0.7")]);
    let labels = resolver(&[]).labels(signal, &attributes);
    assert_eq!(labels, Labels::from([("topic".into(), "orders".into()), ("partition".into(), "3".into())]));
}
