//! Pipelines of other shapes than the orders pipeline: they do their work when nothing is wrong, records that services write
//! onward are neither lost nor made up, and what is drawn can be read, is joined to the symptom, and tells nothing.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::run;
use crate::cluster::Cluster;
use crate::random::Streams;
use crate::scenario::node::NodeOf;
use crate::simulation::streams;
use crate::spread::Needs;
use crate::{Scenario, Simulation};

fn with(minutes: u32, topology: &str) -> Scenario {
    let text = format!("schema = 1\nid = \"t\"\nfamily = \"t\"\nseed = 3\nduration = \"{minutes}m\"\n{topology}");
    Scenario::parse(&text, Scenario::builtin_use).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const FANOUT: &str = "use = [\"topo/fanout.toml\"]\n";
const TENANTS: &str = "use = [\"topo/tenants.toml\"]\n";

/// Nobody's lag grows, and nobody is ever late for long.
fn check_healthy(run: &Simulation, most_s: f64) {
    for (group, trace) in run.cluster.groups.iter().zip(&run.trace.groups) {
        let warm = &trace.time_lag[180..];
        let third = warm.len() / 3;
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let (early, late) = (mean(&warm[..third]), mean(&warm[2 * third..]));
        let worst = warm.iter().copied().fold(0.0, f64::max);
        assert!(worst < most_s, "{}: {worst} s behind", group.name);
        assert!(late < early * 1.5 + 1.0, "{}: {early} s behind at first, {late} s at last", group.name);
        let work =
            run.cluster.topics[group.topic].usual_inflow() * run.end().since(run.start()).as_millis() as f64 / 1000.0;
        let done: u64 = run
            .cluster
            .instances
            .iter()
            .filter(|one| run.cluster.groups[one.group].name == group.name)
            .map(|one| one.meters.listener.count)
            .sum();
        assert!(done as f64 > 0.7 * work, "{}: {done} of {work} records done", group.name);
    }
}

#[test]
fn the_fan_out_does_its_work_when_nothing_is_wrong() {
    let run = run(&with(20, FANOUT), 1);
    assert_eq!(run.cluster.groups.len(), 30);
    check_healthy(&run, 15.0);
}

#[test]
fn two_hundred_groups_of_many_tenants_do_their_work_when_nothing_is_wrong() {
    let run = run(&with(12, TENANTS), 1);
    assert_eq!((run.cluster.groups.len(), run.cluster.topics.len()), (200, 40));
    check_healthy(&run, 20.0);
}

#[test]
fn records_written_onward_are_those_that_were_worked_on() {
    let first = Simulation::new(&with(6, FANOUT), 2);
    let run = run(&with(6, FANOUT), 2);
    let mut sent = vec![0.0; run.cluster.topics.len()];
    for instance in &run.cluster.instances {
        for (output, records) in instance.plan.outputs.iter().zip(&instance.meters.sent) {
            let done = instance.meters.listener.count as f64;
            assert!((records - done * output.per_record).abs() < 1e-6 * done, "{}: {records} of {done}", instance.name);
            sent[output.topic] += records;
        }
    }
    let ends = |cluster: &Cluster, topic: usize| -> f64 {
        (0..)
            .take(cluster.topics[topic].partitions.len())
            .map(|p| cluster.topics[topic].log_end(p, cluster.now) as f64)
            .sum()
    };
    for (topic, sent) in sent.iter().enumerate().filter(|(_, sent)| **sent > 0.0) {
        let grown = ends(&run.cluster, topic) - ends(&first.cluster, topic);
        let partitions = run.cluster.topics[topic].partitions.len() as f64;
        // What came in the last step is not there yet, and each partition may owe a part of a record.
        let late = run.cluster.topics[topic].usual_inflow();
        assert!(grown <= sent + 1e-6 && grown > sent - partitions - late, "{sent} sent, {grown} there");
    }
    assert_eq!(sent.iter().filter(|sent| **sent > 0.0).count(), 5);
}

#[test]
fn a_service_that_stands_still_starves_those_that_read_what_it_writes() {
    let fault = "[[fault]]\nid = \"x\"\nkind = \"consumer.stuck\"\ntarget = \"dispatch-0\"\nat = \"4m\"\nseverity = 1\n\
                 [[fault]]\nid = \"y\"\nkind = \"consumer.stuck\"\ntarget = \"dispatch-1\"\nat = \"4m\"\nseverity = 1\n";
    let run = run(&with(10, &format!("{FANOUT}names = \"given\"\n{fault}")), 2);
    let place = |name: &str| run.cluster.groups.iter().position(|group| group.name == name).unwrap();
    assert!(*run.trace.groups[place("dispatch")].backlog.last().unwrap() > 5000);
    assert!(*run.trace.groups[place("label-print")].backlog.last().unwrap() < 50);
    let label_print = run.cluster.instances.iter().find(|instance| instance.name == "label-print-0").unwrap();
    let mut done = run.telemetry().named("spring_kafka_listener_seconds_count");
    let done = done.find(|series| series.labels["pod"] == label_print.name).unwrap();
    let at = |minute: i64| done.at(run.start().as_millis() + minute * 60_000, i64::MAX / 2).unwrap().1;
    assert!(at(4) - at(1) > 1000.0 && at(10) - at(6) < 10.0, "{} {}", at(4) - at(1), at(10) - at(6));
}

#[test]
fn a_burst_is_handed_on_from_topic_to_topic() {
    let fault = "[[fault]]\nid = \"x\"\nkind = \"load.burst\"\ntarget = \"web-shop\"\nat = \"4m\"\nseverity = 0.05\n";
    let run = run(&with(10, &format!("{FANOUT}names = \"given\"\n{fault}")), 2);
    let sent = |pod: &str| {
        let series =
            run.telemetry().named("kafka_producer_record_send_total").find(|series| series.labels["pod"] == pod);
        let at = |minute: i64| series.unwrap().at(run.start().as_millis() + minute * 60_000, i64::MAX / 2).unwrap().1;
        ((at(10) - at(6)) / 4.0) / ((at(4) - at(1)) / 3.0)
    };
    for pod in ["web-shop-0", "cashier-0", "billing-0", "dispatch-1", "order-mails-0"] {
        assert!((1.3..1.6).contains(&sent(pod)), "{pod}: {} times as many records", sent(pod));
    }
    let topology = run.topology().edges().any(|edge| {
        edge.kind.as_str() == "fed-by"
            && edge.dependent.as_str() == "topic:payments"
            && edge.dependency.as_str() == "group:cashier"
    });
    assert!(topology, "the topology says who writes a topic");
}

#[test]
fn records_never_come_back_to_their_topic() {
    let text = "names = \"given\"\n[[node]]\nid = \"label-print\"\nproduces = [{ topic = \"orders\" }]\n";
    let text = format!("schema = 1\nid = \"t\"\nfamily = \"t\"\nduration = \"5m\"\n{FANOUT}{text}");
    let error = Scenario::parse(&text, Scenario::builtin_use).unwrap_err().to_string();
    assert!(error.contains("come back to it through `produces`"), "{error}");
}

/// All names that are seen of a run.
fn names(run: &Simulation) -> BTreeSet<String> {
    run.topology().nodes().map(|node| node.id.to_string()).collect()
}

#[test]
fn drawn_names_differ_from_run_to_run_and_never_show_those_of_the_file() {
    let scenario = with(5, FANOUT);
    let [one, again, other] = [1, 1, 2].map(|seed| Simulation::new(&scenario, seed));
    assert_eq!(names(&one), names(&again));
    let common = names(&one).intersection(&names(&other)).count();
    assert!(common * 10 < names(&one).len(), "{common} of {} names are the same", names(&one).len());
    let given: Vec<&str> = scenario.nodes.iter().map(|node| node.id.as_str()).filter(|id| id.len() > 2).collect();
    let run = run(&scenario, 1);
    let said = run.telemetry().series.iter().flat_map(|series| series.labels.values());
    for text in said {
        // Where a drawn name is a given one by chance, the run calls another node so.
        assert!(!given.iter().any(|id| text == id && !run.scenario.nodes.iter().any(|node| node.id == *id)), "{text}");
    }
}

#[test]
fn a_fault_hits_the_same_node_whatever_it_is_called() {
    let fault = "[[fault]]\nid = \"x\"\nkind = \"consumer.slow-code\"\ntarget = \"dispatch-1\"\nat = \"2m\"\nseverity = 1\nparams = { how = \"wait\" }\n\
                 [[fault]]\nid = \"y\"\nkind = \"load.hot-key\"\ntarget = \"orders/3\"\nat = \"2m\"\nseverity = 1\n\
                 [truth]\nincident = true\ndecoys = [\"database:parcels-db\", \"group:dispatch\", \"pool:dispatch-1/parcels-db\"]\n\
                 [impact]\nsli = \"time_lag:dispatch\"\nmin = \"20s\"\nfor = \"1m\"\n";
    let pair = Simulation::pair(&with(8, &format!("{FANOUT}{fault}")), 4);
    let truth = pair.truth();
    let seen = names(&pair.run);
    // Of both, whether or not each of them alone makes a difference.
    let roots = crate::truth::roots(&pair.run, |_| false);
    assert!(roots[0].node.starts_with("instance:") && seen.contains(&roots[0].node), "{roots:?}");
    assert!(roots[1].node.starts_with("partition:") && roots[1].node.ends_with("/3"), "{roots:?}");
    assert!(truth.decoys.iter().all(|decoy| seen.contains(decoy)), "{truth:?}");
    assert!(pair.impact.is_some() && truth.path.len() > 2, "{truth:?}");
    assert_eq!(names(&pair.run), names(&pair.twin));
}

fn generated(services: u32, more: &str) -> Scenario {
    with(8, &format!("[generate]\nservices = {services}\n{more}"))
}

fn kinds(scenario: &Scenario) -> BTreeMap<&'static str, usize> {
    let mut kinds = BTreeMap::new();
    for node in &scenario.nodes {
        let kind = match node.of {
            NodeOf::Producer => "producer",
            NodeOf::Topic(_) => "topic",
            NodeOf::Broker => "broker",
            NodeOf::Service(_) => "service",
            NodeOf::Primary(_) => "primary",
            NodeOf::Replica(_) => "replica",
            NodeOf::Cache(_) => "cache",
            NodeOf::Http(_) => "endpoint",
            NodeOf::Host(_) => "host",
        };
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}

#[test]
fn a_generated_pipeline_has_what_was_asked_for() {
    let scenario = generated(24, "topics = 10\ndatabases = 5\ncaches = 3\nendpoints = 4\nhosts = 9\nbrokers = 5\n");
    let kinds = kinds(&scenario.of_run(&streams(&scenario, 3)));
    let expected = [("service", 24), ("topic", 10), ("primary", 5), ("cache", 3), ("endpoint", 4), ("broker", 5)];
    for (kind, count) in expected {
        assert_eq!(kinds[kind], count, "{kind}");
    }
    assert_eq!((kinds["producer"], kinds["host"]), (5, 9 + 5 + 5));
}

#[test]
fn what_a_scenario_says_of_a_generated_node_wins() {
    let more = "[[node]]\nid = \"service-1\"\nthreads = 31\n";
    let scenario = with(8, &format!("names = \"given\"\n[generate]\nservices = 5\n{more}"));
    for seed in 1..4 {
        let own = scenario.of_run(&streams(&scenario, seed));
        let NodeOf::Service(service) = &own.nodes.iter().find(|node| node.id == "service-1").unwrap().of else {
            panic!("service-1 is no service")
        };
        assert_eq!(service.threads, 31);
    }
}

#[test]
fn generated_pipelines_do_their_work_when_nothing_is_wrong() {
    for (services, seed) in [(1, 1), (6, 2), (12, 3), (12, 4), (30, 5)] {
        let run = run(&generated(services, ""), seed);
        check_healthy(&run, 20.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Each run draws another graph that can be read, and in each the first of each kind is joined to the first group.
    #[test]
    fn any_drawn_pipeline_is_valid_and_joined_to_the_symptom(services in 1u32..60, seed in 0u64..1_000_000) {
        let targets = ["producer-1", "database-1", "cache-1", "endpoint-1", "host-1", "service-1-1", "partition:topic-1/2"];
        let roots: Vec<String> = targets
            .iter()
            .map(|name| format!("{{ node = \"{name}\", component = \"x\", class = \"x\" }}"))
            .collect();
        let scenario = generated(
            services,
            "[impact]\nsli = \"time_lag:service-1\"\nmin = 1\nfor = 1\n",
        );
        let chance = Streams::new(seed);
        let own = scenario.of_run(&chance);
        prop_assert_eq!(format!("{:?}", own.nodes), format!("{:?}", scenario.of_run(&chance).nodes), "the same again");
        let other = scenario.of_run(&Streams::new(seed + 1));
        prop_assert_ne!(format!("{:?}", own.nodes), format!("{:?}", other.nodes));
        prop_assert_eq!(kinds(&own)["service"], services as usize);
        for root in &roots {
            let text = format!(
                "schema = 1\nid = \"t\"\nfamily = \"t\"\nduration = \"8m\"\n[generate]\nservices = {services}\n\
                 [truth]\nincident = true\nroots = [{root}]\n[impact]\nsli = \"time_lag:service-1\"\nmin = 1\nfor = 1\n"
            );
            let scenario = Scenario::parse(&text, Scenario::builtin_use).unwrap();
            let run = Simulation::new(&scenario, seed);
            let root = crate::truth::roots(&run, |_| false)[0].node.clone();
            let symptom = run.scenario.impact.as_ref().unwrap().sli.replace("time_lag:", "group:");
            let topology = crate::topology::whole_with(&run, [root.as_str()].into_iter());
            prop_assert!(Needs::of(&topology).all(&symptom).contains(root.as_str()), "{root} is not joined to {symptom}");
        }
    }
}
