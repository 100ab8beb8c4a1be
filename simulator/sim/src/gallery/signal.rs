//! Which signals differ most between a run and its twin, and by how much? Every series of every exporter is looked at as an
//! engineer would query it: gauges as they stand, counters as rates, timers as means. Start at [`Signal::of`].

use std::collections::{BTreeMap, BTreeSet};

use crate::pair::Pair;
use crate::simulation::Simulation;
use crate::telemetry::{Metric, MetricKind, Telemetry};

/// Seconds between the points of a line.
const STEP: f64 = 15.0;
/// How many points a line has at most.
const MOST_POINTS: usize = 200;
/// How many signals are shown besides lag and flow.
const CHOSEN: usize = 4;
/// What is left of the noise of a signal before a difference counts as one.
const CLEAR: f64 = 3.0;

/// The stretch of a run that is shown. Seconds since the start of the run.
#[derive(Clone, Debug)]
pub(super) struct Around {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    pub(super) onset_s: Option<f64>,
    /// When the fault ends, if that is within the run.
    pub(super) end_s: Option<f64>,
    /// When nodes became other.
    pub(super) moments_s: Vec<f64>,
    step_s: f64,
}

impl Around {
    pub(super) fn of(pair: &Pair) -> Self {
        const BEFORE: f64 = 480.0;
        const AFTER: f64 = 480.0;
        let run = &pair.run;
        let whole = run.end().since(run.start()).as_millis() as f64 / 1000.0;
        let causes: Vec<_> = run.faults.iter().map(|(drawn, _)| drawn).collect();
        let onset_s = causes.iter().map(|drawn| drawn.at.as_seconds()).min_by(f64::total_cmp);
        let last = causes.iter().map(|drawn| drawn.end.as_seconds()).max_by(f64::total_cmp);
        let end_s = last.filter(|end| *end < whole);
        // What has been so since the beginning is shown as a whole.
        let from_s = onset_s.map_or(0.0, |onset| (onset - BEFORE).max(0.0)).max(120.0);
        let to_s = end_s.map_or(whole, |end| (end + AFTER).min(whole));
        let step_s = libm::ceil((to_s - from_s) / MOST_POINTS as f64 / STEP).max(1.0) * STEP;
        let moments_s = pair.diverged().iter().map(|node| node.after_s).collect();
        Self { from_s, to_s, onset_s, end_s, moments_s, step_s }
    }

    pub(super) fn seconds(&self) -> impl Iterator<Item = f64> + '_ {
        let count = ((self.to_s - self.from_s) / self.step_s) as usize;
        (0..=count).map(|place| self.from_s + place as f64 * self.step_s)
    }

    /// Whether the fault is there, or has just been.
    fn is_with(&self, second: f64) -> bool {
        self.onset_s.is_some_and(|onset| second > onset) && self.end_s.is_none_or(|end| second < end + 60.0)
    }
}

/// One number at each moment that is shown; `None` where nobody knows it.
type Values = Vec<Option<f64>>;

/// What one panel shows.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    /// As a query.
    pub(super) title: String,
    /// The lines of the run, and those of its twin: one each, or what is done and what comes in.
    pub(super) run: Vec<Values>,
    pub(super) twin: Vec<Values>,
    /// Seconds from the fault until it differs clearly.
    pub(super) moves_after_s: Option<f64>,
    /// Means of the first line.
    pub(super) before: Option<f64>,
    pub(super) with: Option<f64>,
    pub(super) without: Option<f64>,
    score: f64,
    /// Name of the metric without what timers append.
    base: String,
    target: String,
}

impl Signal {
    /// Lag and flow of the group that hurts, and what differs most, in the order in which it begins to.
    pub(super) fn of(pair: &Pair, around: &Around) -> Vec<Self> {
        let Some((lag, flow)) = lag_and_flow(pair, around) else { return vec![] };
        let roots: Vec<String> = pair.truth().roots.into_iter().map(|root| root.node).collect();
        let names: Vec<String> =
            roots.iter().filter_map(|root| root.split_once(':')).map(|(_, name)| name.to_owned()).collect();
        let series = &pair.run.telemetry().series;
        let mut all: Vec<Self> = series.iter().filter_map(|metric| Self::read(pair, around, metric, &names)).collect();
        all.sort_by(|one, other| other.score.total_cmp(&one.score).then_with(|| one.title.cmp(&other.title)));
        let is_own = |signal: &&Self| names.iter().any(|name| signal.says(name));
        let (mut bases, mut targets) = (BTreeSet::new(), BTreeMap::new());
        let mut chosen: Vec<Self> = vec![];
        // One of what broke, and then whatever differs most: each metric once, and of each target two if there are others.
        for most_of_target in [2, CHOSEN] {
            for signal in all.iter().filter(is_own).take(1).chain(&all) {
                let of_target = targets.entry(signal.target.clone()).or_insert(0);
                let is_clear = signal.moves_after_s.is_some();
                if chosen.len() < CHOSEN && is_clear && *of_target < most_of_target && bases.insert(&signal.base) {
                    *of_target += 1;
                    chosen.push(signal.clone());
                }
            }
        }
        chosen.sort_by(|one, other| one.moves_after_s.unwrap_or(0.0).total_cmp(&other.moves_after_s.unwrap_or(0.0)));
        [vec![lag, flow], chosen].concat()
    }

    /// Whether its labels name this node; a partition is called `orders/4`.
    fn says(&self, name: &str) -> bool {
        match name.split_once('/') {
            Some((topic, number)) if number.parse::<u32>().is_ok() => {
                self.title.contains(&format!("topic=\"{topic}\", partition=\"{number}\""))
            }
            Some((pod, pool)) => self.title.contains(&format!("\"{pod}\", pool=\"{pool}\"")),
            None => self.title.contains(&format!("\"{name}")),
        }
    }

    fn read(pair: &Pair, around: &Around, metric: &Metric, roots: &[String]) -> Option<Self> {
        const SHOWN_ANYWAY: [&str; 2] = ["kafka_consumergroup_", "kafka_topic_partition_current_offset"];
        let name = metric.name.as_str();
        let mean_of =
            || partner(pair.run.telemetry(), metric).and(name.strip_suffix("_sum").or(name.strip_suffix("_total")));
        let (told, base) = match metric.kind {
            MetricKind::Counter => match mean_of() {
                Some(base) => (Told::Mean, base),
                None => (Told::Rate, name.strip_suffix("_count").unwrap_or(name)),
            },
            MetricKind::Gauge if name.ends_with("_current_offset") => (Told::Slope, name),
            MetricKind::Gauge => (Told::Now, name.strip_suffix("_max").unwrap_or(name)),
        };
        let is_of_partition = || {
            let (topic, number) = (metric.labels.get("topic")?, metric.labels.get("partition")?);
            Some(roots.contains(&format!("{topic}/{number}")))
        };
        let is_shown =
            name != "kafka_consumergroup_members" && SHOWN_ANYWAY.iter().any(|shown| name.starts_with(shown));
        let tells_age = name.contains("uptime") || name.contains("boot_time");
        if tells_age || is_shown && !(told == Told::Slope && is_of_partition() == Some(true)) {
            return None;
        }
        let run = told.values(&pair.run, around, Some(metric));
        let twin = pair.twin.telemetry().find(name, &metric.labels).map(|place| &pair.twin.telemetry().series[place]);
        let twin = told.values(&pair.twin, around, twin);
        let labels = labels(metric);
        let title = match told {
            Told::Now => format!("{name}{labels}"),
            Told::Rate | Told::Slope => format!("rate({name}{labels})"),
            Told::Mean => format!("mean of {base}{labels}"),
        };
        let target = metric.labels.get("instance").cloned().unwrap_or_default();
        let mut signal = Self::new(title, vec![run], vec![twin], around);
        (signal.base, signal.target) = (base.to_owned(), target);
        (signal.score > 1.0).then_some(signal)
    }

    fn new(title: String, run: Vec<Values>, twin: Vec<Values>, around: &Around) -> Self {
        let (ours, theirs) = (&run[0], &twin[0]);
        let both: Vec<(f64, Option<f64>, Option<f64>)> =
            around.seconds().zip(ours).zip(theirs).map(|((at, one), other)| (at, *one, *other)).collect();
        let mean = |values: &mut dyn Iterator<Item = f64>| {
            let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
            (count > 0.0).then(|| sum / count)
        };
        let onset = around.onset_s.unwrap_or(f64::INFINITY);
        let before = mean(&mut both.iter().filter(|(at, ..)| *at <= onset).filter_map(|(_, one, _)| *one));
        let with = mean(&mut both.iter().filter(|(at, ..)| around.is_with(*at)).filter_map(|(_, one, _)| *one));
        let without = mean(&mut both.iter().filter(|(at, ..)| around.is_with(*at)).filter_map(|(.., other)| *other));
        let usual = mean(&mut theirs.iter().copied().flatten()).unwrap_or(0.0);
        let wanders = mean(&mut theirs.iter().flatten().map(|value| (value - usual) * (value - usual))).unwrap_or(0.0);
        let most = ours.iter().chain(theirs).flatten().fold(0.0_f64, |most, value| most.max(value.abs()));
        let least = libm::sqrt(wanders) + 0.04 * most + 1e-9;
        // Somebody who says nothing any more differs as well.
        let differs = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => (one - other).abs() / least,
            (None, Some(_)) => 5.0,
            (Some(one), None) if one != 0.0 => one.abs() / least,
            _ => 0.0,
        };
        let during: Vec<(f64, f64)> = both
            .iter()
            .filter(|(at, ..)| around.is_with(*at))
            .map(|(at, one, other)| (*at, differs(*one, *other)))
            .collect();
        let score = mean(&mut during.iter().map(|(_, times)| *times)).unwrap_or(0.0);
        let clear = CLEAR.min(score);
        let moves = during.windows(2).find(|pair| pair.iter().all(|(_, times)| *times > 0.5 * clear && *times > 0.6));
        let moves_after_s = moves.filter(|_| score > 0.4).map(|pair| pair[0].0 - onset);
        Self {
            title,
            run,
            twin,
            moves_after_s,
            before,
            with,
            without,
            score,
            base: String::new(),
            target: String::new(),
        }
    }
}

/// How a series is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Now,
    /// Of a counter, whose resets are seen through.
    Rate,
    /// Of something that may also go back.
    Slope,
    /// A sum of seconds by its count.
    Mean,
}

impl Told {
    fn values(self, run: &Simulation, around: &Around, metric: Option<&Metric>) -> Values {
        let interval = run.scenario.telemetry.scrape.interval;
        let window = (4.5 * interval * 1000.0) as i64;
        let ms = |second: f64| run.start().as_millis() + (second * 1000.0) as i64;
        let Some(metric) = metric else {
            return around.seconds().map(|_| matches!(self, Self::Rate).then_some(0.0)).collect();
        };
        let count = partner(run.telemetry(), metric);
        let value = |second: f64| {
            let now = ms(second);
            match self {
                Self::Now => {
                    metric.at(now, (1.6 * interval * 1000.0) as i64).map(|(_, value)| value).filter(|v| v.is_finite())
                }
                Self::Slope => {
                    let ends: Vec<(i64, f64)> = metric.within(now - window, now).filter(|(_, v)| *v >= 0.0).collect();
                    let (first, last) = (ends.first()?, ends.last()?);
                    (last.0 > first.0).then(|| (last.1 - first.1) * 1000.0 / (last.0 - first.0) as f64)
                }
                Self::Rate => grown(metric, now - window, now).map(|(sum, seconds)| sum / seconds),
                Self::Mean => {
                    let (sum, _) = grown(metric, now - window, now)?;
                    let (count, _) = grown(count?, now - window, now)?;
                    (count > 0.0).then(|| sum / count)
                }
            }
        };
        around.seconds().map(value).collect()
    }
}

/// By how much a counter grew between two moments, and in how many seconds; resets are seen through.
fn grown(metric: &Metric, from_ms: i64, to_ms: i64) -> Option<(f64, f64)> {
    let samples: Vec<(i64, f64)> = metric.within(from_ms, to_ms).collect();
    let (first, last) = (samples.first()?, samples.last()?);
    let steps = samples.windows(2).map(|pair| if pair[1].1 < pair[0].1 { pair[1].1 } else { pair[1].1 - pair[0].1 });
    let seconds = (last.0 - first.0) as f64 / 1000.0;
    (seconds > 0.0).then(|| (steps.sum(), seconds))
}

/// The count that belongs to a sum.
fn partner<'a>(telemetry: &'a Telemetry, metric: &Metric) -> Option<&'a Metric> {
    let count = match metric.name.strip_suffix("_sum") {
        Some(base) => format!("{base}_count"),
        None => format!("{}_total", metric.name.strip_suffix("_seconds_total")?),
    };
    telemetry.find(&count, &metric.labels).map(|place| &telemetry.series[place])
}

/// Labels that say which of several it is, as a query has them.
fn labels(metric: &Metric) -> String {
    const LONGEST: usize = 44;
    const KEPT: [&str; 30] = [
        "pod",
        "pool",
        "topic",
        "consumergroup",
        "group",
        "partition",
        "digest_text",
        "name",
        "gc",
        "outcome",
        "exception",
        "result",
        "kind",
        "state",
        "device",
        "mode",
        "cpu",
        "handler",
        "request",
        "level",
        "area",
        "id",
        "mountpoint",
        "job",
        "listener",
        "reason",
        "client",
        "client_name",
        "interface",
        "error",
    ];
    let mut shown: Vec<(&str, String)> = vec![];
    for name in KEPT {
        let has_pod = metric.labels.contains_key("pod");
        if let Some(value) = metric.labels.get(name).filter(|value| !(value.is_empty() || has_pod && name == "job")) {
            shown.push((name, value.clone()));
        }
    }
    if !metric.labels.contains_key("pod")
        && let Some(instance) = metric.labels.get("instance")
    {
        shown.retain(|(name, _)| *name != "job");
        shown.push(("instance", instance.split(':').next().unwrap_or_default().to_owned()));
    }
    let short = |value: String| match value.chars().count() > LONGEST {
        true => value.chars().take(LONGEST).chain(['…']).collect(),
        false => value,
    };
    let pairs: Vec<String> =
        shown.into_iter().map(|(name, value)| format!("{name}=\"{}\"", short(value).replace('`', ""))).collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(", ")) }
}

/// The backlog of the group that hurts, as the exporter says it, and records that come in beside those that are done.
fn lag_and_flow(pair: &Pair, around: &Around) -> Option<(Signal, Signal)> {
    let run = &pair.run;
    let hurt = run.scenario.impact.as_ref().and_then(|impact| impact.sli.split_once(':')).map(|(_, group)| group);
    let is_hurt =
        |metric: &&Metric| hurt.is_none_or(|group| metric.labels.get("consumergroup").is_some_and(|own| own == group));
    let lag = run.telemetry().named("kafka_consumergroup_lag_sum").find(is_hurt)?;
    let (group, topic) = (lag.labels.get("consumergroup")?, lag.labels.get("topic")?);
    let read = |told: Told, name: &str, label: (&str, &String)| -> [Values; 2] {
        [run, &pair.twin].map(|run| {
            let own = run.telemetry().named(name).filter(|metric| {
                metric.labels.get(label.0) == Some(label.1) && metric.labels.get("topic") == Some(topic)
            });
            let all: Vec<Values> = own.map(|metric| told.values(run, around, Some(metric))).collect();
            let count = around.seconds().count();
            // Who asks for offsets does not get those of partitions that nobody leads.
            let sum = |place: usize| {
                let known: Vec<f64> = all.iter().filter_map(|values| values[place]).collect();
                (!known.is_empty()).then(|| known.iter().sum())
            };
            (0..count).map(sum).collect()
        })
    };
    let [lags, twins] = read(Told::Now, "kafka_consumergroup_lag_sum", ("consumergroup", group));
    let backlog = Signal::new(
        format!("kafka_consumergroup_lag_sum{{consumergroup=\"{group}\"}}"),
        vec![lags],
        vec![twins],
        around,
    );
    let [came, came_twin] = read(Told::Slope, "kafka_topic_partition_current_offset", ("topic", topic));
    let [done, done_twin] = read(Told::Slope, "kafka_consumergroup_current_offset", ("consumergroup", group));
    let flow = Signal::new(
        format!(
            "done: sum(rate(kafka_consumergroup_current_offset{{consumergroup=\"{group}\"}})); came in (green): the same of {topic}"
        ),
        vec![done, came],
        vec![done_twin, came_twin],
        around,
    );
    Some((backlog, flow))
}
