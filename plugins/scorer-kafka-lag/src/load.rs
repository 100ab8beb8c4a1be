//! Is it the load? More coming in, before the backlog grew, with throughput that holds or rises, is a burst. Less
//! getting done with the same coming in is not, and then the topic and its producers are cleared in so many words.

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::number;
use lagdoctor_sdk::{Change, Finding, NodeRef, View, ramp};

use crate::Config;
use crate::group::Pulse;

/// Consumers that do this many times what they did before do not just hold their pace.
const FASTER: f64 = 1.2;
/// Readings by which the inflow may be seen to rise after the backlog, because sources are read at different times.
const SLACK_STEPS: i64 = 2;
/// What a burst counts that came after the backlog had begun to grow.
const TOO_LATE: f64 = 0.3;
/// What a burst counts that the same hour of other days had as well.
const SEASONAL: f64 = 0.3;
/// How far around the time of day the past is asked.
const HOUR_MS: i64 = 3_600_000;
/// Over how long a rate is taken.
const MINUTE_MS: i64 = 60_000;
/// Days that make a habit.
const HABIT: usize = 3;
/// What a burst counts where throughput is not known.
const UNSEEN_THROUGHPUT: f64 = 0.8;
/// Share of a topic's rise from which a producer is the one that made it.
const MADE_IT: f64 = 0.3;

/// What is to be said about topics and their producers.
pub(crate) fn findings(config: &Config, view: &View<'_>, pulses: &[Pulse<'_>]) -> Vec<Finding> {
    let mut findings = vec![];
    for topic in view.of_kind("topic") {
        let readers = pulses.iter().filter(|pulse| pulse.topics.contains(&topic.handle));
        // The group that hurts most decides whether consumers hold their pace.
        let reader = readers.max_by(|a, b| a.pain().total_cmp(&b.pain()));
        let inflow = change(view, topic, "kafka.topic.append_rate");
        let of_topic = inflow.as_ref().map(|inflow| burst(config, view, topic, inflow, reader));
        for (producer, _) in view.dependencies(topic).filter(|(node, _)| node.kind == "producer") {
            findings.extend(producing(config, view, topic, producer, inflow.as_ref(), reader));
        }
        findings.extend(of_topic);
    }
    findings
}

/// The inflow of a node against its own past, over a minute: single rates of a counter swing with the scrapes.
fn change<'a>(view: &View<'a>, node: NodeRef<'_>, signal: &str) -> Option<Change<'a>> {
    let series = view.signal(node, signal)?;
    let smooth = stats::rolling_mean(series.values, series.steps(MINUTE_MS));
    let seen = stats::compare(&smooth, &Rules::default().floor(0.5), Direction::Up)?;
    Some(Change { series, seen })
}

/// The finding about one inflow, of a topic or of a producer.
fn burst(
    config: &Config,
    view: &View<'_>,
    node: NodeRef<'_>,
    inflow: &Change<'_>,
    reader: Option<&Pulse<'_>>,
) -> Finding {
    let growth = inflow.score(ramp(inflow.ratio(), config.burst_ratio, config.clear_burst_ratio));
    let done = reader.and_then(|reader| reader.done.as_ref());
    let holds = done.map_or(UNSEEN_THROUGHPUT, |done| ramp(done.ratio(), config.lost_share, config.holds_share));
    let lag_onset = reader.and_then(|reader| reader.backlog.as_ref()).and_then(Change::onset_ms);
    let slack = inflow.series.step_ms * SLACK_STEPS;
    let is_late = inflow.onset_ms().zip(lag_onset).is_some_and(|(inflow, lag)| inflow > lag + slack);
    let habit = habit(view, node, inflow);
    let is_habit = habit.is_some_and(|usual| inflow.level() <= usual * config.burst_ratio);
    let score = growth * holds * if is_late { TOO_LATE } else { 1.0 } * if is_habit { SEASONAL } else { 1.0 };

    let (now, was) = (number(inflow.level()), number(inflow.past()));
    let mut statement = if growth < 0.1 {
        format!("inflow unchanged at {now} records/s (before: {was})")
    } else {
        format!("inflow rose to {now} records/s, {:.1} times the {was} before", inflow.ratio())
    };
    if growth >= 0.1 {
        if let Some(done) = done {
            let (now, was) = (number(done.level()), number(done.past()));
            let verb = match holds {
                holds if holds <= 0.5 => "but consumers fell to",
                _ if done.ratio() >= FASTER => "consumers do all they can, at",
                _ => "consumers hold their pace at",
            };
            statement.push_str(&format!("; {verb} {now}/s (before: {was})"));
        }
        if is_late {
            statement.push_str("; the backlog had begun to grow before");
        }
        if is_habit {
            statement.push_str("; other days have as much at this hour");
        }
    }
    let finding = Finding::about(&inflow.series).class("load.burst").score(score).magnitude(inflow.seen.magnitude);
    finding.since(inflow.onset_ms()).saw(inflow.level(), inflow.past()).says(statement)
}

/// What other days have at this hour, as a rule at most; `None` without enough of a past.
fn habit(view: &View<'_>, node: NodeRef<'_>, inflow: &Change<'_>) -> Option<f64> {
    let at = inflow.onset_ms().unwrap_or_else(|| view.now_ms());
    let past = view.same_time_of_day(node, inflow.series.signal, at, HOUR_MS);
    (past.len() >= HABIT).then(|| stats::quantile(&past, 0.9))
}

/// What is to be said about one producer of a topic.
fn producing(
    config: &Config,
    view: &View<'_>,
    topic: NodeRef<'_>,
    producer: NodeRef<'_>,
    inflow: Option<&Change<'_>>,
    reader: Option<&Pulse<'_>>,
) -> Option<Finding> {
    if let Some(sent) = change(view, producer, "messaging.client.sent.messages") {
        let finding = burst(config, view, producer, &sent, reader);
        // It may write to other topics too: what it adds must show in this one.
        let added = inflow.map_or(f64::INFINITY, |inflow| (inflow.level() - inflow.past()).max(1e-9));
        let share = (sent.level() - sent.past()) / added;
        let unseen = inflow.is_some() && finding.score > 0.0 && share < MADE_IT;
        let score = if unseen { finding.score * TOO_LATE } else { finding.score };
        return Some(finding.score(score));
    }
    // Nothing is measured on it. As the only producer it is the one all the same.
    let mut producers = view.dependencies(topic).filter(|(node, _)| node.kind == "producer");
    let is_only = producers.next().is_some() && producers.next().is_none();
    let inflow = inflow.filter(|_| is_only)?;
    let of_topic = burst(config, view, topic, inflow, reader);
    let statement = format!("{}, seen on its topic, which nobody else writes", of_topic.statement);
    Some(Finding { node: producer.handle, ..of_topic }.says(statement))
}
