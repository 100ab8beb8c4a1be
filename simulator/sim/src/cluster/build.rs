//! Makes the pipeline that a scenario describes. The scenario has been checked, so that every name is found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::breaker::Breaker;
use super::database::Database;
use super::group::Group;
use super::instance::Instance;
use super::jvm::Jvm;
use super::kafka::Kafka;
use super::kafka::broker::Broker;
use super::knobs::Knobs;
use super::life::Life;
use super::line::Source;
use super::outside::{Cache, Endpoint, Host};
use super::plan::{ClientPlan, Output, Plan, Step, Visit};
use super::pool::Pool;
use super::topic::Topic;
use super::{Cluster, Everyday, Producer, STEP};
use crate::random::{Stream, Streams};
use crate::scenario::Scenario;
use crate::scenario::node::{CallSpec, NodeOf, NodeSpec, OutputSpec, ServiceSpec};
use crate::scenario::spec::WorkloadSpec;
use crate::units::Micros;

/// Where each node stands in the list of its kind.
#[derive(Default)]
struct Places {
    by_name: BTreeMap<String, usize>,
}

impl Places {
    fn find(&self, name: &str) -> usize {
        self.by_name.get(name).copied().unwrap_or(0)
    }
}

/// The nodes of one kind, in order, with their places.
fn of_kind<'a, T>(
    scenario: &'a Scenario,
    take: impl Fn(&'a NodeSpec) -> Option<T>,
) -> (Vec<(&'a NodeSpec, T)>, Places) {
    let nodes: Vec<_> = scenario.nodes.iter().filter_map(|node| Some((node, take(node)?))).collect();
    let by_name = nodes.iter().enumerate().map(|(place, (node, _))| (node.id.clone(), place)).collect();
    (nodes, Places { by_name })
}

impl Cluster {
    pub(crate) fn new(scenario: &Scenario, streams: &Streams) -> Self {
        let (hosts, host_places) = of_kind(scenario, |node| match &node.of {
            NodeOf::Host(host) => Some(host),
            _ => None,
        });
        let host = |name: &Option<String>| name.as_ref().map(|name| host_places.find(name));
        let (producers, producer_places) = of_kind(scenario, |node| matches!(node.of, NodeOf::Producer).then_some(()));
        let (brokers, _) = of_kind(scenario, |node| matches!(node.of, NodeOf::Broker).then_some(()));
        let (topics, topic_places) = of_kind(scenario, |node| match &node.of {
            NodeOf::Topic(topic) => Some(topic),
            _ => None,
        });
        let (databases, database_places) = of_kind(scenario, |node| match &node.of {
            NodeOf::Primary(database) | NodeOf::Replica(database) => Some(database),
            _ => None,
        });
        let (caches, cache_places) = of_kind(scenario, |node| match &node.of {
            NodeOf::Cache(cache) => Some(cache),
            _ => None,
        });
        let (endpoints, endpoint_places) = of_kind(scenario, |node| match &node.of {
            NodeOf::Http(http) => Some(http),
            _ => None,
        });
        let (services, _) = of_kind(scenario, |node| match &node.of {
            NodeOf::Service(service) => Some(&**service),
            _ => None,
        });

        let unsaid = WorkloadSpec::default();
        let is_written = |topic: &str| services.iter().any(|(_, s)| s.produces.iter().any(|to| to.topic == topic));
        let mut topics: Vec<Topic> = topics
            .iter()
            .map(|(node, spec)| {
                let workload = scenario.workloads.get(&node.id).or(is_written(&node.id).then_some(&unsaid));
                let workload = workload.map(|workload| {
                    (workload, workload.producers.iter().map(|name| producer_places.find(name)).collect())
                });
                Topic::new(&node.id, spec, workload, brokers.len(), STEP, streams)
            })
            .collect();
        rates_onward(&mut topics, &topic_places, &services);
        let mut groups: Vec<Group> = vec![];
        let mut instances: Vec<Instance> = vec![];
        for (node, service) in &services {
            let topic = topic_places.find(&service.kafka.topic);
            let mut plan = plan(node, service, &database_places, &cache_places, &endpoint_places, scenario);
            let output = |to: &OutputSpec| Output { topic: topic_places.find(&to.topic), per_record: to.per_record };
            plan.outputs = service.produces.iter().map(output).collect();
            let plan = Arc::new(plan);
            let members = instances.len()..instances.len() + service.replicas as usize;
            let ends = (0..topics[topic].partitions.len() as u32).map(|partition| {
                // Behind by what a second brings or two: consumers have been at work before the run begins.
                Some(topics[topic].log_end(partition, Micros::ZERO))
            });
            groups.push(Group::new(
                (service.kafka.group.as_str(), topic),
                ends.collect(),
                BTreeSet::from_iter(members.clone()),
                (plan.assignor, plan.max_poll_interval),
                streams.stream(&service.kafka.group, "commits"),
            ));
            for (number, index) in members.enumerate() {
                let name = format!("{}-{number}", node.id);
                let host = match service.hosts.len() {
                    0 => host(&node.host),
                    hosts => Some(host_places.find(&service.hosts[number % hosts])),
                };
                let jvm = jvm(service, streams.stream(&name, "gc"));
                let place = (groups.len() - 1, topic, host);
                let life = Life::new(number as u32, streams.stream(&name, "life"));
                instances.push(Instance::new((index, name), place, plan.clone(), (jvm, life), streams));
            }
        }
        let mut built: Vec<Database> = databases
            .iter()
            .map(|(node, spec)| {
                let of = spec.of.as_ref().map(|of| database_places.find(of));
                Database::new(&node.id, spec, of, streams)
            })
            .collect();
        let ends: Vec<f64> = built.iter().map(|database| database.log_end).collect();
        for database in &mut built {
            if let Some(replica) = &mut database.replica {
                replica.start(ends[replica.of]);
            }
        }
        let onward = topics.len();
        let new_broker = |(node, ()): &(&NodeSpec, ())| {
            Broker::new(node.id.parse().unwrap_or(0), host(&node.host), topics.len(), streams)
        };
        let brokers = brokers.iter().map(new_broker).collect();
        let kafka = Kafka::new(brokers, groups.len(), instances.len(), &topics, streams);
        let mut cluster = Self {
            topics,
            knobs: Knobs::default(),
            producers: producers
                .iter()
                .map(|(node, ())| Producer {
                    name: node.id.clone(),
                    host: host(&node.host),
                    sent: 0.0,
                    sent_bytes: 0.0,
                    record_size: 0.0,
                })
                .collect(),
            written: groups.iter().map(|group| vec![0; group.committed.len()]).collect(),
            eager: groups.iter().map(Group::is_eager).collect(),
            due: vec![],
            kafka,
            crossings: vec![],
            ways: vec![],
            groups,
            spent: vec![0.0; instances.len()],
            asked: vec![0.0; databases.len()],
            instances,
            database_hosts: databases.iter().map(|(node, _)| host(&node.host)).collect(),
            databases: built,
            caches: caches.iter().map(|(node, spec)| Cache::new(&node.id, spec)).collect(),
            endpoints: endpoints.iter().map(|(node, spec)| Endpoint::new(&node.id, spec)).collect(),
            hosts: hosts.iter().map(|(node, spec)| Host::new(&node.id, spec, streams)).collect(),
            lines: vec![],
            began_again: vec![],
            onward: vec![0.0; onward],
            everyday: vec![],
            unmatched: scenario.telemetry.logs.unmatched_templates,
            hosts_use: vec![0.0; hosts.len()],
            now: Micros::ZERO,
        };
        cluster.crossings = crossings(scenario, &cluster);
        cluster.ways = cluster.crossings.iter().map(|(_, way)| way.clone()).collect();
        cluster.ways.sort();
        cluster.ways.dedup();
        cluster.neutral_knobs();
        cluster.everyday = everyday(scenario, &cluster, streams);
        for group in 0..cluster.groups.len() {
            cluster.hand_out(group);
        }
        cluster
    }
}

/// Tells each topic what services usually write to it: what they read, as often as they write onward. Records never come
/// back to where they were, so that after as many rounds as there are topics nothing is left to tell.
fn rates_onward(topics: &mut [Topic], places: &Places, services: &[(&NodeSpec, &ServiceSpec)]) {
    for _ in 0..topics.len() {
        let mut brought = vec![0.0; topics.len()];
        for (_, service) in services {
            let read = topics[places.find(&service.kafka.topic)].usual_inflow();
            for output in &service.produces {
                brought[places.find(&output.topic)] += read * output.per_record;
            }
        }
        let mut has_changed = false;
        for (topic, brought) in topics.iter_mut().zip(brought) {
            has_changed |= topic.expect_onward(brought);
        }
        if !has_changed {
            break;
        }
    }
}

/// Who writes everyday lines, and how many: as many a second as the scenario says, as long as the load is as usual.
/// The ways that traffic takes, each with the id of who crosses it: from services and their instances to what they call
/// and to Kafka, from producers to Kafka, and between brokers.
fn crossings(scenario: &Scenario, cluster: &Cluster) -> Vec<(String, String)> {
    let numbers: Vec<u32> = cluster.kafka.brokers.iter().map(|broker| broker.number).collect();
    if numbers.is_empty() {
        return vec![];
    }
    let mut all = vec![];
    let mut cross = |kind: &str, who: &str, to: &str| all.push((format!("{kind}:{who}"), format!("{who}>{to}")));
    for node in &scenario.nodes {
        match &node.of {
            NodeOf::Producer => cross("producer", &node.id, "kafka"),
            NodeOf::Service(service) => {
                cross("service", &node.id, "kafka");
                service.calls.iter().for_each(|call| cross("service", &node.id, &call.to));
            }
            _ => {}
        }
    }
    cluster.instances.iter().for_each(|instance| cross("instance", &instance.name, "kafka"));
    for (place, one) in numbers.iter().enumerate() {
        for other in &numbers[place + 1..] {
            let way = format!("{one}>{other}");
            all.extend([one, other].map(|end| (format!("broker:{end}"), way.clone())));
        }
    }
    all
}

/// Servers write far fewer than applications.
fn everyday(scenario: &Scenario, cluster: &Cluster, streams: &Streams) -> Vec<Everyday> {
    const OF_AN_APPLICATION: f64 = 4.0;
    let Cluster { instances, producers, databases, kafka, groups, topics, .. } = cluster;
    let brokers = &kafka.brokers;
    let applications = instances.len() + producers.len();
    let weight = OF_AN_APPLICATION * applications as f64 + (databases.len() + brokers.len()) as f64;
    let share = scenario.telemetry.logs.background_per_s / weight.max(1.0);
    let one = |source: Source, name: String, records_per_s: Option<f64>| Everyday {
        source,
        stream: streams.stream(&name, "everyday lines"),
        per_record: records_per_s.map_or(0.0, |rate| share * OF_AN_APPLICATION / rate.max(1e-3)),
        per_second: if records_per_s.is_none() { share } else { 0.0 },
        seen: 0.0,
    };
    let instance = |(place, instance): (usize, &Instance)| {
        let rate = topics[instance.topic].usual_inflow() / groups[instance.group].members.len().max(1) as f64;
        one(Source::Instance(place), instance.name.clone(), Some(rate))
    };
    let producer = |(place, producer): (usize, &Producer)| {
        let rate = topics.iter().map(|topic| topic.usual_rate_of(place)).sum();
        one(Source::Producer(place), producer.name.clone(), Some(rate))
    };
    let database = |(place, database): (usize, &Database)| one(Source::Database(place), database.name.clone(), None);
    let broker =
        |(place, broker): (usize, &Broker)| one(Source::Broker(place), format!("kafka-{}", broker.number), None);
    let mut all: Vec<Everyday> = instances.iter().enumerate().map(instance).collect();
    all.extend(producers.iter().enumerate().map(producer));
    all.extend(databases.iter().enumerate().map(database));
    all.extend(brokers.iter().enumerate().map(broker));
    all
}

fn jvm(service: &ServiceSpec, mut stream: Stream) -> Jvm {
    let live = service.heap.live.draw(&mut stream) * stream.uniform(0.92, 1.08);
    Jvm::new(service.heap.max.log_normal().0, live, stream)
}

/// Share of the processor time that comes before the calls.
const BEFORE: f64 = 0.6;

fn client(endpoint: usize, call: &CallSpec) -> ClientPlan {
    let micros = |number: &crate::scenario::value::Number| Micros::of_seconds(number.log_normal().0);
    ClientPlan {
        endpoint,
        timeout: micros(&call.timeout),
        retries: call.retries,
        backoff: micros(&call.backoff),
        keep_alive: micros(&call.keep_alive),
        breaker: call.breaker.as_ref().map(Breaker::new),
    }
}

fn plan(
    node: &NodeSpec,
    service: &ServiceSpec,
    databases: &Places,
    caches: &Places,
    endpoints: &Places,
    scenario: &Scenario,
) -> Plan {
    let of = |name: &str| scenario.nodes.iter().find(|node| node.id == name).map(|node| &node.of);
    let mut pools: Vec<Pool> = vec![];
    let mut pool = |name: &str| {
        let known = pools.iter().position(|pool| pool.name == name);
        known.unwrap_or_else(|| {
            pools.push(Pool::new(databases.find(name), name, &service.pool));
            pools.len() - 1
        })
    };
    let mut steps = vec![Step::Cpu(BEFORE)];
    let mut clients: Vec<ClientPlan> = vec![];
    for call in &service.calls {
        let to = of(&call.to);
        match (to, &call.read_back) {
            (Some(NodeOf::Cache(_)), _) => {
                let miss = call.miss.as_ref().map(|miss| pool(miss));
                steps.push(Step::Cache {
                    cache: caches.find(&call.to),
                    hit: call.hit,
                    miss,
                    miss_work: call.miss_work,
                });
            }
            (Some(NodeOf::Http(_)), _) => {
                let endpoint = endpoints.find(&call.to);
                let known = clients.iter().position(|client| client.endpoint == endpoint);
                let client = known.unwrap_or_else(|| {
                    clients.push(client(endpoint, call));
                    clients.len() - 1
                });
                steps.push(Step::Call { client });
            }
            (Some(NodeOf::Replica(replica)), Some(back)) => steps.push(Step::ReadBack {
                pool: pool(&call.to),
                primary: pool(replica.of.as_deref().unwrap_or_default()),
                retries: back.retries,
                backoff: Micros::of_seconds(back.backoff.log_normal().0),
            }),
            (to, _) => {
                let visit = if matches!(to, Some(NodeOf::Primary(_))) { Visit::Write } else { Visit::Read };
                steps.push(Step::Query { pool: pool(&call.to), statements: call.per_record, visit });
            }
        }
    }
    steps.push(Step::Cpu(1.0 - BEFORE));
    let kafka = &service.kafka;
    let micros = |number: &crate::scenario::value::Number| Micros::of_seconds(number.log_normal().0);
    Plan {
        service: node.id.clone(),
        group: kafka.group.clone(),
        steps,
        threads: service.threads,
        cores: service.cores,
        cpu: service.cpu.log_normal().0,
        per_record: service.heap.per_record.log_normal().0,
        pools,
        clients,
        max_poll_records: kafka.max_poll_records,
        fetch_records: kafka.fetch_records,
        fetch_wait: micros(&kafka.fetch_wait),
        max_poll_interval: micros(&kafka.max_poll_interval),
        session_timeout: micros(&kafka.session_timeout),
        commit_interval: micros(&kafka.commit_interval),
        retry_backoff: micros(&kafka.retry_backoff),
        assignor: kafka.assignor,
        outputs: vec![],
        isolation: kafka.isolation,
    }
}
