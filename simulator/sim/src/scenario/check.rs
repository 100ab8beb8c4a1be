//! Whether everything that a scenario names exists, and whether what it says can be. Each error names its subject and
//! what would be right.

use std::collections::BTreeSet;

use super::Scenario;
use super::node::{BreakerSpec, NodeOf, NodeSpec, ServiceSpec};
use super::spec::{FaultSpec, PathSpec, Phase, Roots};
use crate::fault;
use crate::telemetry::dialect::Dialect;

pub(super) fn check(scenario: &Scenario) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = scenario.nodes.iter().find(|node| !seen.insert(&node.id)) {
        return Err(format!("node `{}` is there twice", twice.id));
    }
    if !(scenario.duration >= 1.0 && scenario.duration <= 7.0 * 86_400.0) {
        return Err("`duration` lies outside 1 s to 7 d".into());
    }
    if scenario.warmup < 0.0 || scenario.warmup > scenario.duration {
        return Err("`warmup` is longer than `duration`, or negative".into());
    }
    let may_be = |(days, step): (u32, f64)| (1..=60).contains(&days) && (60.0..=86_400.0).contains(&step);
    if !scenario.history().is_none_or(may_be) {
        return Err("history: `days` lies outside 1 to 60, or `step` outside 1 min to 1 d".into());
    }
    for node in &scenario.nodes {
        check_node(scenario, node).map_err(|why| format!("node `{}`: {why}", node.id))?;
    }
    for (topic, workload) in &scenario.workloads {
        let at = |why: String| format!("workload `{topic}`: {why}");
        find(scenario, topic, "a topic", |of| matches!(of, NodeOf::Topic(_))).map_err(at)?;
        if workload.producers.is_empty() && writers(scenario, topic).next().is_none() {
            return Err(at("it has no `producers`, and no service produces to it".into()));
        }
        for producer in &workload.producers {
            find(scenario, producer, "a producer", |of| matches!(of, NodeOf::Producer)).map_err(at)?;
        }
        if let Some(season) = &workload.season {
            if season.period.log_normal().0 <= 0.0 || !(0.0..1.0).contains(&season.amp) {
                return Err(at("`season` needs a period above 0 and an `amp` from 0 to below 1".into()));
            }
            if matches!(&season.phase, Phase::Word(word) if word != "random") {
                return Err(at("`phase` is a share of the period, or \"random\"".into()));
            }
        }
    }
    check_no_circle(scenario)?;
    let mut ids = BTreeSet::new();
    for (topic, batch) in scenario.workloads.iter().filter_map(|(topic, load)| Some((topic, load.batch.as_ref()?))) {
        let (every, lasting) = (batch.every.log_normal().0, batch.lasting.log_normal().0);
        if !(lasting > 0.0 && lasting < every) || batch.times.log_normal().0 < 1.0 {
            return Err(format!(
                "workload `{topic}`: `batch` needs `for` above 0 and below `every`, and `times` of 1 or more"
            ));
        }
    }
    for spec in &scenario.faults {
        check_fault(scenario, spec, &ids).map_err(|why| format!("fault `{}`: {why}", spec.id))?;
        if !ids.insert(spec.id.as_str()) {
            return Err(format!("fault `{}` is there twice", spec.id));
        }
    }
    check_telemetry(scenario)?;
    check_truth(scenario)
}

fn find<'a>(
    scenario: &'a Scenario,
    name: &str,
    what: &str,
    fits: impl Fn(&NodeOf) -> bool,
) -> Result<&'a NodeSpec, String> {
    let node = scenario.nodes.iter().find(|node| node.id == name);
    match node {
        Some(node) if fits(&node.of) => Ok(node),
        Some(_) => Err(format!("`{name}` is not {what}")),
        None => Err(format!("there is no node `{name}`")),
    }
}

fn check_node(scenario: &Scenario, node: &NodeSpec) -> Result<(), String> {
    let is_host = |of: &NodeOf| matches!(of, NodeOf::Host(_));
    if let Some(host) = &node.host {
        find(scenario, host, "a host", is_host)?;
    }
    match &node.of {
        NodeOf::Service(service) => {
            for host in &service.hosts {
                find(scenario, host, "a host", is_host)?;
            }
            check_service(scenario, service)
        }
        NodeOf::Topic(topic) if topic.partitions == 0 || topic.partitions > 10_000 => {
            Err("`partitions` lies outside 1 to 10000".into())
        }
        NodeOf::Broker if node.id.parse::<u32>().is_err() => Err("the `id` of a broker is its number".into()),
        NodeOf::Replica(replica) => {
            let of = replica.of.as_ref().ok_or("a replica names its primary in `of`")?;
            find(scenario, of, "a primary", |of| matches!(of, NodeOf::Primary(_))).map(drop)
        }
        NodeOf::Http(http) if http.workers == Some(0) => {
            Err("`workers` is at least 1; leave it out for any number".into())
        }
        NodeOf::Cache(cache) if cache.keys < 1.0 => Err("`keys` is at least 1".into()),
        NodeOf::Primary(primary) if !(1..=4).contains(&primary.statements.len()) => {
            Err("a primary has one to four `statements`".into())
        }
        _ => Ok(()),
    }
}

/// Services that produce to a topic: what they read, and the records that they write for each one.
fn writers<'a>(scenario: &'a Scenario, topic: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    let services = scenario.nodes.iter().filter_map(|node| match &node.of {
        NodeOf::Service(service) => Some(&**service),
        _ => None,
    });
    services.flat_map(move |service| {
        let own = service.produces.iter().filter(move |output| output.topic == topic);
        own.map(|output| (service.kafka.topic.as_str(), output.per_record))
    })
}

/// Records that come back to where they came from would be worked on for ever.
fn check_no_circle(scenario: &Scenario) -> Result<(), String> {
    let topics = scenario.nodes.iter().filter(|node| matches!(node.of, NodeOf::Topic(_)));
    for topic in topics {
        let mut before = BTreeSet::new();
        let mut open = vec![topic.id.as_str()];
        while let Some(at) = open.pop() {
            for (from, _) in writers(scenario, at) {
                if from == topic.id {
                    return Err(format!("records of topic `{from}` come back to it through `produces`"));
                }
                open.extend(before.insert(from).then_some(from));
            }
        }
    }
    Ok(())
}

fn check_service(scenario: &Scenario, service: &ServiceSpec) -> Result<(), String> {
    find(scenario, &service.kafka.topic, "a topic", |of| matches!(of, NodeOf::Topic(_)))?;
    for output in &service.produces {
        find(scenario, &output.topic, "a topic", |of| matches!(of, NodeOf::Topic(_)))?;
        if !(output.per_record > 0.0 && output.per_record <= 20.0) {
            return Err(format!("produces to `{}`: `per_record` lies above 0, and up to 20", output.topic));
        }
    }
    let counts = [service.replicas, service.threads, service.pool.size, service.kafka.max_poll_records];
    if counts.contains(&0) || service.replicas > 1000 || service.threads > 10_000 {
        return Err("`replicas`, `threads`, pool `size` and `max_poll_records` are at least 1".into());
    }
    if service.heap.live.log_normal().0 >= service.heap.max.log_normal().0 {
        return Err("the `live` part of the heap does not fit into its `max`".into());
    }
    let is_database = |of: &NodeOf| matches!(of, NodeOf::Primary(_) | NodeOf::Replica(_));
    for call in &service.calls {
        let called = find(scenario, &call.to, "something that can be called", |of| {
            is_database(of) || matches!(of, NodeOf::Cache(_) | NodeOf::Http(_))
        })?;
        if let Some(miss) = &call.miss {
            find(scenario, miss, "a database", is_database)?;
        }
        if call.read_back.is_some() {
            let NodeOf::Replica(replica) = &called.of else {
                return Err(format!("`read_back` is for a replica, and `{}` is none", call.to));
            };
            if !service.calls.iter().any(|call| Some(&call.to) == replica.of.as_ref()) {
                return Err(format!(
                    "`read_back` from `{}` needs a call of its primary, which writes the row",
                    call.to
                ));
            }
        }
        if !(0.0..=1.0).contains(&call.hit) || !(1.0..=20.0).contains(&call.per_record) {
            return Err(format!("call of `{}`: `hit` lies in 0 to 1, `per_record` in 1 to 20", call.to));
        }
        let is_share = |breaker: &BreakerSpec| breaker.failure_rate > 0.0 && breaker.failure_rate <= 1.0;
        if !call.breaker.as_ref().is_none_or(|breaker| is_share(breaker) && breaker.window > 0) {
            return Err(format!(
                "call of `{}`: `failure_rate` of its breaker is above 0 and at most 1, and its `window` at least 1",
                call.to
            ));
        }
    }
    Ok(())
}

fn check_fault(scenario: &Scenario, spec: &FaultSpec, before: &BTreeSet<&str>) -> Result<(), String> {
    let kind = fault::kind(&spec.kind).ok_or_else(|| {
        format!("`{}` is no kind of fault; there are {}", spec.kind, fault::names().collect::<Vec<_>>().join(", "))
    })?;
    for target in spec.target.all() {
        if !kind.target().fits(scenario, target) {
            return Err(format!("`{target}` cannot have it: it happens to {}", kind.target().words()));
        }
    }
    fault::Shape::parse(&spec.shape)?;
    match (&spec.at, &spec.after) {
        (Some(_), None) => {}
        (None, Some(after)) if before.contains(after.as_str()) => {}
        (None, Some(after)) => return Err(format!("`after` names `{after}`, which is no fault above it")),
        _ => return Err("it needs `at` or `after`, and not both".into()),
    }
    for name in spec.params.keys() {
        if !kind.params().contains(&name.as_str()) {
            let known = kind.params().join(", ");
            return Err(format!("it has no parameter `{name}`; there are {known}"));
        }
    }
    Ok(())
}

fn check_telemetry(scenario: &Scenario) -> Result<(), String> {
    let seen = &scenario.telemetry;
    seen.dialect.iter().flat_map(|words| words.all()).try_for_each(|name| Dialect::check(name))?;
    if !(1.0..=3600.0).contains(&seen.scrape.interval) || seen.scrape.jitter * 2.0 >= seen.scrape.interval {
        return Err("telemetry: `interval` lies in 1 s to 1 h, and `jitter` is less than half of it".into());
    }
    let shares = [
        seen.scrape.gap_prob,
        seen.scrape.reset_prob,
        seen.logs.drop,
        seen.logs.unmatched_templates,
        seen.topology.missing_edges,
        seen.topology.stale_edges,
    ];
    if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
        return Err("telemetry: a probability lies outside 0 to 1".into());
    }
    Ok(())
}

fn check_truth(scenario: &Scenario) -> Result<(), String> {
    let truth = &scenario.truth;
    match &truth.roots {
        Roots::Auto(word) if word != "auto" => return Err("truth: `roots` is \"auto\" or a list".into()),
        Roots::Given(roots) if roots.iter().any(|root| root.accept.len() > 2) => {
            return Err("truth: a root accepts at most two alternatives".into());
        }
        _ => {}
    }
    if matches!(&truth.path, PathSpec::Auto(word) if word != "auto") {
        return Err("truth: `path` is \"auto\" or a list".into());
    }
    if let Some(impact) = &scenario.impact {
        let group = impact.sli.strip_prefix("time_lag:").or_else(|| impact.sli.strip_prefix("backlog:"));
        let has = |group: &str| {
            scenario
                .nodes
                .iter()
                .any(|node| matches!(&node.of, NodeOf::Service(service) if service.kafka.group == group))
        };
        if !group.is_some_and(has) {
            return Err(format!("impact: `{}` is no `time_lag:GROUP` or `backlog:GROUP` of a group here", impact.sli));
        }
    }
    Ok(())
}
