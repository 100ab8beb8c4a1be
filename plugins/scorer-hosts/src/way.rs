//! Is it the way? Nobody measures a way itself. But who crosses it measures how long an exchange takes, and the far end says
//! how long it worked: what is left is the way. Packets that are sent again tell one that loses them from one that is
//! only long, and a client that gets no answer while its fellows do is cut off.

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::{percent, seconds};
use lagdoctor_sdk::{Change, Finding, NodeRef, View, ramp};

use crate::Config;

/// Smallest change of a time that is believed, in seconds.
const TIME_FLOOR_S: f64 = 5e-4;
/// Share of those who cross a way for whom it must take longer, from which it may be the way, and from which it is.
const CROSSERS: (f64, f64) = (0.5, 0.8);
/// What a way says; nobody measured it itself.
const BESIDE: f64 = 0.85;
/// What a way to Kafka says: many exchanges at a broker wait for something.
const TO_KAFKA: f64 = 0.7;
/// Share of segments that are sent again which is worth a word, and growth that is.
const RESENT_FLOOR: f64 = 0.001;
const RESENT_GROWTH: f64 = 2.0;
/// What a client says that gets no answers.
const CUT: f64 = 0.9;
/// How far back a silence is looked for.
const RECENT_MS: i64 = 900_000;

/// What is to be said about this way.
pub(crate) fn findings(config: &Config, view: &View<'_>, way: NodeRef<'_>) -> Vec<Finding> {
    let Some((_, to)) = way.name.split_once('>') else { return vec![] };
    let crossers: Vec<NodeRef<'_>> = view.dependents(way).map(|(node, _)| node).collect();
    let found = match (&crossers[..], view.find(&format!("database:{to}"))) {
        ([service], Some(database)) if service.kind == "service" => to_database(config, view, way, *service, database),
        ([service], None) if service.kind == "service" => to_kafka(config, view, way, *service),
        ([instance], None) if instance.kind == "instance" => silent(config, view, way, *instance),
        _ => None,
    };
    found.into_iter().collect()
}

fn rose(view: &View<'_>, node: NodeRef<'_>, signal: &str, floor: f64, times: f64) -> bool {
    let change =
        view.signal(node, signal).and_then(|series| series.compare(&Rules::default().floor(floor), Direction::Up));
    change.is_some_and(|change| change.rose(times))
}

/// Connections are held longer on (nearly) all instances, and the server works no longer than before.
fn to_database(
    config: &Config,
    view: &View<'_>,
    way: NodeRef<'_>,
    service: NodeRef<'_>,
    database: NodeRef<'_>,
) -> Option<Finding> {
    let instances = view.dependencies_of_kind(service, "instance");
    let pools = instances.iter().flat_map(|instance| view.dependencies_of_kind(*instance, "pool"));
    let of_way = |pool: &NodeRef<'_>| view.dependencies(*pool).any(|(node, _)| node.handle == database.handle);
    let held: Vec<Change<'_>> = pools
        .filter(of_way)
        .filter_map(|pool| view.signal(pool, "db.client.connection.use_time"))
        .filter_map(|series| series.compare(&Rules::default().floor(TIME_FLOOR_S), Direction::Up))
        .collect();
    // Without the server's own time nobody can tell the way from the server.
    let server = view.signal(database, "db.server.statement.duration")?;
    let server = server.compare(&Rules::default().floor(1e-4), Direction::Up)?;
    let is_down =
        view.signal(database, "db.server.up").is_some_and(|up| stats::min(up.recent(view.now_ms(), RECENT_MS)) < 0.5);
    let stands_still = instances
        .iter()
        .flat_map(|instance| view.dependencies_of_kind(*instance, "jvm"))
        .any(|jvm| rose(view, jvm, "jvm.gc.overhead", 0.01, config.very_slow_ratio));
    let is_elsewhere = server.rose(config.slow_ratio) || is_down || stands_still;
    weigh(config, view, way, &held, if is_elsewhere { 0.0 } else { BESIDE }, || {
        let (now, was) = (seconds(server.level()), seconds(server.past()));
        format!("the server works {now} on a statement, before {was}")
    })
}

/// Fetches and commits both take longer on (nearly) all instances; where records wait, a fetch takes no time at a broker.
fn to_kafka(config: &Config, view: &View<'_>, way: NodeRef<'_>, service: NodeRef<'_>) -> Option<Finding> {
    let instances = view.dependencies_of_kind(service, "instance");
    let changes = |signal: &str| -> Vec<Change<'_>> {
        instances
            .iter()
            .filter_map(|instance| view.signal(*instance, signal))
            .filter_map(|series| series.compare(&Rules::default().floor(0.002), Direction::Up))
            .collect()
    };
    let fetches = changes("kafka.consumer.fetch_latency");
    let longer = fetches.iter().filter(|fetch| fetch.rose(config.slow_ratio)).count() as f64;
    let share = ramp(longer / fetches.len().max(1) as f64, CROSSERS.0, CROSSERS.1);
    weigh(config, view, way, &changes("kafka.consumer.commit_latency"), TO_KAFKA * share, || {
        "so does each fetch".to_owned()
    })
}

/// What crossers that wait longer say of a way: late, or lossy where hosts at its ends send packets again.
fn weigh(
    config: &Config,
    view: &View<'_>,
    way: NodeRef<'_>,
    times: &[Change<'_>],
    most: f64,
    besides: impl Fn() -> String,
) -> Option<Finding> {
    let main = times.iter().max_by(|a, b| a.seen.magnitude.total_cmp(&b.seen.magnitude))?;
    let longer: Vec<&Change<'_>> = times.iter().filter(|time| time.rose(config.slow_ratio)).collect();
    let share = ramp(longer.len() as f64 / times.len() as f64, CROSSERS.0, CROSSERS.1);
    let growth = main.score_of_growth(config.slow_ratio, config.very_slow_ratio);
    let score = growth * share * most;
    let resent = resent(view, way);
    let class = if resent.is_some() { "net.loss" } else { "net.latency" };
    let (now, was) = (seconds(main.level()), seconds(main.past()));
    let mut statement = match score >= 0.1 {
        true => format!("an exchange takes up to {now} instead of {was}; {}", besides()),
        false => format!("exchanges over it take no longer than their ends explain (up to {now}, before {was})"),
    };
    if let Some((host, resent)) = resent.filter(|_| score >= 0.1) {
        let (now, was) = (percent(resent.level()), percent(resent.past()));
        statement.push_str(&format!("; {} sends {now} of its packets again, before {was}", host.name));
    }
    let onset = longer.iter().filter_map(|time| time.onset_ms()).min();
    let finding = Finding::on(way, main.series.signal).rests_on(&main.series).class(class).score(score);
    let finding = finding.magnitude(main.seen.magnitude).since(onset.filter(|_| score > 0.0));
    Some(finding.saw(main.level(), main.past()).says(statement))
}

/// The host at one of its ends that sends the most packets again, where that is more than before.
fn resent<'a>(view: &'a View<'a>, way: NodeRef<'_>) -> Option<(NodeRef<'a>, Change<'a>)> {
    let ends = view.dependents(way).map(|(node, _)| node);
    let near = ends.flat_map(|end| std::iter::once(end).chain(view.dependencies(end).map(|(node, _)| node)));
    let hosts = near.flat_map(|node| view.dependencies_of_kind(node, "host"));
    let rose = hosts.filter_map(|host| {
        let series = view.signal(host, "system.network.retransmits")?;
        let change = series.compare(&Rules::default().floor(RESENT_FLOOR * 0.2), Direction::Up)?;
        (change.rose(RESENT_GROWTH) && change.level() >= RESENT_FLOOR).then_some((host, change))
    });
    rose.max_by(|a, b| a.1.level().total_cmp(&b.1.level()))
}

/// A client that lives and gets no answers, while most of its fellows do.
fn silent(config: &Config, view: &View<'_>, way: NodeRef<'_>, instance: NodeRef<'_>) -> Option<Finding> {
    let longest = |node: NodeRef<'_>| {
        let series = view.signal(node, "kafka.consumer.last_heartbeat")?;
        let recent = series.range(view.now_ms() - RECENT_MS, view.now_ms());
        let known = recent.filter(|index| !series.values[*index].is_nan());
        let place = known.max_by(|a, b| series.values[*a].total_cmp(&series.values[*b]))?;
        Some((series, series.values[place], series.time(place)))
    };
    let (series, silence, at) = longest(instance)?;
    let service = view.dependents_of_kind(instance, "service").first().copied()?;
    let fellows: Vec<f64> = view
        .dependencies_of_kind(service, "instance")
        .into_iter()
        .filter(|fellow| fellow.handle != instance.handle)
        .filter_map(|fellow| longest(fellow).map(|(_, silence, _)| silence))
        .collect();
    let cut = fellows.iter().filter(|silence| **silence >= config.silent_s).count();
    // All at once lost their coordinator, which is no way of one of them.
    let alone = if cut * 2 > fellows.len() { 0.0 } else { 1.0 };
    let score = ramp(silence, config.silent_s, config.long_silent_s) * CUT * alone;
    let statement = match score > 0.0 {
        true => format!(
            "got no answer to a heartbeat for {} and was alive all the while; its fellows got theirs",
            seconds(silence)
        ),
        false => format!("heartbeats are answered, {} apart at most", seconds(silence)),
    };
    let since = (score > 0.0).then_some(at - (silence * 1_000.0) as i64);
    let finding = Finding::on(way, series.signal).rests_on(&series).class("net.partition-client").score(score);
    Some(finding.magnitude(silence / 3.0).since(since).saw(silence, 3.0).says(statement))
}
