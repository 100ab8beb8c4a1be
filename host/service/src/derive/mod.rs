//! What follows from offsets: lag, backlog, rates, time lag and status. Sources differ in which of these they give; here
//! they are made from committed offsets and log ends, alike for native Kafka, for exporters and for recorded incidents.
//! Start at [`derive()`].

mod flow;
mod readings;
mod status;
mod time_lag;

use std::collections::BTreeMap;

use lagdoctor_model::{Labels, NodeId, PartitionId, Sample, Series, SeriesKey, SignalName, Signals};

pub use status::{status_number, status_of};
pub use time_lag::time_lag_at;

/// Adds the series that follow from offsets. What can be computed replaces what a source said; where offsets are
/// missing, the source's own series stay.
pub fn derive(signals: &mut Signals) {
    let mut made = flow::lags(signals);
    join(signals, &mut made);
    let mut made = flow::backlogs(signals);
    made.extend(flow::commit_rates(signals));
    made.extend(flow::append_rates(signals));
    made.extend(time_lag::time_lags(signals));
    made.extend(status::statuses(signals));
    join(signals, &mut made);
}

/// Puts series into their places, over those of the same key.
fn join(signals: &mut Signals, made: &mut Vec<Series>) {
    if made.is_empty() {
        return;
    }
    let mut all: BTreeMap<SeriesKey, Series> =
        signals.series.drain(..).map(|series| (series.key().clone(), series)).collect();
    all.extend(made.drain(..).map(|series| (series.key().clone(), series)));
    signals.series = all.into_values().collect();
}

/// A series of readings on a node; `None` when there are none.
fn series(node: &NodeId, signal: &str, labels: Labels, samples: Vec<Sample>, query: Option<String>) -> Option<Series> {
    if samples.iter().all(|sample| sample.value.is_nan()) {
        return None;
    }
    let key = SeriesKey { node: node.clone(), signal: SignalName::new(signal).ok()?, labels };
    let series = Series::new(key, samples).ok()?;
    Some(match query {
        Some(query) => series.with_query(query),
        None => series,
    })
}

/// The partition that a series of a group is about, by its labels.
pub fn partition_of(series: &Series) -> Option<PartitionId> {
    let labels = series.labels();
    Some(PartitionId::new(labels.get("topic")?.as_str(), labels.get("partition")?.parse().ok()?))
}

fn labels_of(id: &PartitionId) -> Labels {
    Labels::from([("topic".into(), id.topic.clone()), ("partition".into(), id.partition.to_string())])
}

/// All series of this signal on nodes of this kind, by node.
fn by_node<'a>(signals: &'a Signals, signal: &str) -> BTreeMap<&'a NodeId, Vec<&'a Series>> {
    let mut found: BTreeMap<&NodeId, Vec<&Series>> = BTreeMap::new();
    for series in signals.series.iter().filter(|series| series.signal().as_str() == signal) {
        found.entry(series.node()).or_default().push(series);
    }
    found
}

/// The log end of each partition.
fn log_ends(signals: &Signals) -> BTreeMap<&NodeId, &Series> {
    let series = signals.series.iter().filter(|series| series.signal().as_str() == "kafka.partition.current_offset");
    series.map(|series| (series.node(), series)).collect()
}

/// How a person sees the lag of a group with nothing but Kafka's own tools.
pub fn group_command(bootstrap: &str, group: &str) -> String {
    format!("{COMMAND} --bootstrap-server {} --describe --group {}", quoted(bootstrap), quoted(group))
}

const COMMAND: &str = "kafka-consumer-groups";

/// Whether this "query" is a command for a shell and not one for a graph.
pub fn is_command(query: &str) -> bool {
    query.starts_with(COMMAND)
}

/// A word that a shell takes as it stands. A group's name is a stranger's text and may hold anything.
fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:,/".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// One query for several series: the same metric with the matchers that all have. `None` when they have no common
/// form.
fn common_query<'a>(queries: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let mut common: Option<(&str, Vec<&str>)> = None;
    let mut first = None;
    let mut same = true;
    for query in queries {
        let query = query?;
        same &= *first.get_or_insert(query) == query;
        let selector = query.split_once('{').and_then(|(metric, rest)| {
            let matchers = rest.strip_suffix('}')?;
            // Values with commas or quotes would need a parser; such a query is not joined.
            let plain = metric.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
            let matchers: Vec<_> = matchers.split(',').map(str::trim).filter(|matcher| !matcher.is_empty()).collect();
            let whole = matchers.iter().all(|matcher| matcher.matches('"').count() == 2 && matcher.ends_with('"'));
            (plain && whole).then_some((metric, matchers))
        });
        common = match (common, selector) {
            (None, Some(selector)) => Some(selector),
            (Some((metric, mut matchers)), Some((other, others))) if metric == other => {
                matchers.retain(|matcher| others.contains(matcher));
                Some((metric, matchers))
            }
            _ if same => None,
            _ => return None,
        };
    }
    match common {
        Some((metric, matchers)) => Some(format!("{metric}{{{}}}", matchers.join(","))),
        None if same => first.map(str::to_owned),
        None => None,
    }
}

#[cfg(test)]
mod tests;
