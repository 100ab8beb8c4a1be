//! Known messages, gathered by what they speak for and of whom. An instance writes about its virtual machine, its pool,
//! its database and its group: the topology says which those are.

use std::collections::BTreeMap;

use lagdoctor_sdk::words::number;
use lagdoctor_sdk::{Finding, LogRef, NodeRef, View, ramp};

use crate::finder::Finder;
use crate::patterns::{About, Pattern};
use crate::{Config, Span};

/// Lines of one kind, about one node, for one class.
struct Gathered<'a> {
    node: NodeRef<'a>,
    first: LogRef<'a>,
    best: &'static Pattern,
    past: usize,
    since: usize,
}

/// One finding for each node and class that new messages speak for.
pub(crate) fn findings(
    config: &Config,
    view: &View<'_>,
    lines: &[LogRef<'_>],
    span: &Span,
    finder: &mut Finder,
) -> Vec<Finding> {
    // By node and class; symptoms, which have no class, by their entry.
    let mut gathered: BTreeMap<(u32, &str, usize), Gathered<'_>> = BTreeMap::new();
    for line in lines {
        let Some((place, pattern)) = finder.find(line.message) else { continue };
        let Some(node) = about(view, line, pattern.about) else { continue };
        // A class is said of the kind of node that it can be the fault of; a message about another says only "unusual".
        let key = (node.handle, pattern.class, if pattern.class.is_empty() { place } else { 0 });
        let is_past = span.is_past(line.at_ms);
        let entry = gathered.entry(key).or_insert(Gathered { node, first: *line, best: pattern, past: 0, since: 0 });
        if is_past {
            entry.past += 1;
            continue;
        }
        if entry.since == 0 {
            entry.first = *line;
        }
        entry.since += 1;
        if pattern.weight > entry.best.weight {
            entry.best = pattern;
        }
    }
    gathered.values().filter(|found| found.since > 0).map(|found| finding(config, found, span)).collect()
}

fn finding(config: &Config, found: &Gathered<'_>, span: &Span) -> Finding {
    let usual = found.past as f64 / span.past_minutes * span.since_minutes;
    // One line that was never written before is news; what is always written must come much more often.
    let novelty = ramp(found.since as f64, usual * config.more_often * 0.5, (usual * config.more_often).max(1.0));
    let enough = 0.5 + 0.5 * ramp(found.since as f64, 0.0, config.lines);
    let meaning = found.best.meaning;
    let lines = if found.since == 1 { "line" } else { "lines" };
    let before = if found.past == 0 { "none before".to_owned() } else { format!("usual: {}", number(usual)) };
    // Poisson: the deviation of a count is its root.
    let deviations = (found.since as f64 - usual) / usual.sqrt().max(1.0);
    Finding::on(found.node, "log")
        .class(found.best.class)
        .score(found.best.weight * novelty * enough)
        .magnitude(deviations)
        .since(Some(found.first.at_ms))
        .log_line(found.first.handle)
        .saw(found.since as f64, usual)
        .says(format!("{meaning}: {} log {lines} ({before})", found.since))
}

/// Whom a line speaks of; the writer where that cannot be told, and nobody for a partition that is not known.
fn about<'a>(view: &View<'a>, line: &LogRef<'a>, about: About) -> Option<NodeRef<'a>> {
    let writer = line.node;
    let below = |kind: &str| {
        let mut found = view.dependencies_of_kind(writer, kind).into_iter();
        found.next().filter(|_| found.next().is_none())
    };
    let above = |node: NodeRef<'a>, kind: &str| view.dependents_of_kind(node, kind).first().copied();
    let service = || if writer.kind == "service" { Some(writer) } else { above(writer, "service") };
    match about {
        About::Writer => Some(writer),
        About::Jvm => Some(below("jvm").unwrap_or(writer)),
        About::Service => Some(service().unwrap_or(writer)),
        About::Group => Some(service().and_then(|service| above(service, "group")).unwrap_or(writer)),
        About::Partition => named_partition(view, line.message),
        About::Pool => named_pool(view, line).or_else(|| below("pool")).or(Some(writer)),
        About::Database => Some(database(view, line).unwrap_or(writer)),
        About::Cache => Some(service().and_then(|service| cache(view, line, service)).unwrap_or(writer)),
        About::Host => Some(if writer.kind == "host" { writer } else { below("host").unwrap_or(writer) }),
        About::Broker => Some(broker(view, writer).unwrap_or(writer)),
        About::NumberedBroker => numbered_broker(view, line.message),
        About::Topic => {
            let mut topics = view.nodes().filter(|node| node.kind == "topic");
            topics.find(|topic| words(line.message).any(|word| word == topic.name))
        }
    }
}

/// The words of a message, as names are written.
fn words(message: &str) -> impl Iterator<Item = &str> {
    message.split(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.')))
}

/// The cache that a message names, else the only one that a service calls.
fn cache<'a>(view: &View<'a>, line: &LogRef<'a>, service: NodeRef<'a>) -> Option<NodeRef<'a>> {
    let called: Vec<NodeRef<'a>> = view.dependencies_of_kind(service, "cache");
    let named = called.iter().find(|cache| line.message.contains(cache.name)).copied();
    named.or(if let [only] = called[..] { Some(only) } else { None })
}

/// The broker that wrote a line. What ships its log often knows the machine only.
fn broker<'a>(view: &View<'a>, writer: NodeRef<'a>) -> Option<NodeRef<'a>> {
    if writer.kind == "broker" {
        return Some(writer);
    }
    let mut on_it = view.dependents_of_kind(writer, "broker").into_iter();
    on_it.next().filter(|_| on_it.next().is_none())
}

/// `broker 3` or `brokerId: 3`.
fn numbered_broker<'a>(view: &View<'a>, message: &str) -> Option<NodeRef<'a>> {
    let after = ["brokerId: ", "Fencing broker "].iter().find_map(|before| Some(message.split_once(before)?.1))?;
    let number: String = after.chars().take_while(char::is_ascii_digit).collect();
    view.find(&format!("broker:{number}"))
}

/// `orders-3@17` or `partition orders-3 at offset 17`: the partition of the topology that the message names.
pub(crate) fn named_partition<'a>(view: &View<'a>, message: &str) -> Option<NodeRef<'a>> {
    words(message).filter_map(|word| word.rsplit_once('-')).find_map(|(topic, number)| {
        let number: u32 = number.trim_end_matches('.').parse().ok()?;
        view.find(&format!("partition:{topic}/{number}"))
    })
}

/// The writer's pool whose name the message gives: `orders-db - Connection is not available`.
fn named_pool<'a>(view: &View<'a>, line: &LogRef<'a>) -> Option<NodeRef<'a>> {
    let pools = view.dependencies_of_kind(line.node, "pool").into_iter();
    let short = |pool: &NodeRef<'a>| pool.name.rsplit_once('/').map_or(pool.name, |(_, name)| name);
    // The longest name first, since one may be the beginning of another.
    pools.filter(|pool| line.message.contains(short(pool))).max_by_key(|pool| short(pool).len())
}

/// The database behind the named pool, else the only one that the writer reaches.
fn database<'a>(view: &View<'a>, line: &LogRef<'a>) -> Option<NodeRef<'a>> {
    if line.node.kind == "database" {
        return Some(line.node);
    }
    let behind = |pool: NodeRef<'a>| view.dependencies_of_kind(pool, "database").first().copied();
    if let Some(pool) = named_pool(view, line) {
        return behind(pool);
    }
    let direct = view.dependencies(line.node).map(|(node, _)| node);
    let mut reached: Vec<NodeRef<'a>> = direct
        .filter_map(
            |node| if node.kind == "pool" { behind(node) } else { Some(node).filter(|node| node.kind == "database") },
        )
        .collect();
    reached.dedup_by_key(|node| node.handle);
    if let [only] = reached[..] { Some(only) } else { None }
}
