//! The parts of a scenario other than its nodes: load, faults, how telemetry is seen, what is true and what is expected.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::value::{Number, Param, Word};

/// Records that producers send to one topic.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkloadSpec {
    /// Records per second, all producers together.
    #[serde(default = "none")]
    pub(crate) rate: Number,
    #[serde(default)]
    pub(crate) season: Option<SeasonSpec>,
    /// More of it for a while, planned and as often as that.
    #[serde(default)]
    pub(crate) batch: Option<BatchSpec>,
    #[serde(default)]
    pub(crate) keys: KeysSpec,
    /// Names of the producers; they share the load evenly. None where services alone write to the topic.
    #[serde(default)]
    pub(crate) producers: Vec<String>,
    /// How much the rate wanders over some minutes: standard deviation of its logarithm.
    #[serde(default = "small")]
    pub(crate) noise: f64,
    #[serde(default = "kilobyte")]
    pub(crate) record_bytes: Number,
    /// Multiple of the rate; 1 in every scenario that is read.
    #[serde(skip, default = "as_it_is")]
    pub(crate) load: f64,
    /// Records in each partition when the run begins.
    #[serde(default = "some_records")]
    pub(crate) start_offset: Number,
}

impl Default for WorkloadSpec {
    /// Of a topic that only services write to.
    fn default() -> Self {
        Self {
            rate: none(),
            season: None,
            batch: None,
            keys: KeysSpec::default(),
            producers: vec![],
            noise: small(),
            record_bytes: kilobyte(),
            load: as_it_is(),
            start_offset: some_records(),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeasonSpec {
    pub(crate) period: Number,
    pub(crate) amp: f64,
    /// Share of the period that has passed when the run begins; `"random"` draws it.
    #[serde(default = "random_phase")]
    pub(crate) phase: Phase,
}

/// A planned batch: it was there at the same hour before the run, too.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchSpec {
    /// How often.
    pub(crate) every: Number,
    /// When it begins in this run.
    pub(crate) at: Number,
    /// For how long.
    #[serde(rename = "for")]
    pub(crate) lasting: Number,
    /// Multiple of the usual rate.
    pub(crate) times: Number,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Phase {
    At(Number),
    Word(String),
}

/// How records spread over partitions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeysSpec {
    pub(crate) dist: KeyDist,
    #[serde(default)]
    pub(crate) s: f64,
    #[serde(default = "many_keys")]
    pub(crate) n: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyDist {
    Uniform,
    Zipf,
}

impl Default for KeysSpec {
    fn default() -> Self {
        Self { dist: KeyDist::Uniform, s: 0.0, n: many_keys() }
    }
}

/// One `[[fault]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultSpec {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) target: Word,
    #[serde(default = "cause")]
    pub(crate) role: Role,
    /// Since the start of the run.
    #[serde(default)]
    pub(crate) at: Option<Number>,
    /// The fault that it follows, instead of `at`.
    #[serde(default)]
    pub(crate) after: Option<String>,
    /// How long after that one; may be negative.
    #[serde(default = "none")]
    pub(crate) offset: Number,
    /// How long it takes to reach its full size.
    #[serde(default = "none")]
    pub(crate) ramp: Number,
    /// How long it stays.
    #[serde(default = "a_day")]
    pub(crate) hold: Number,
    #[serde(default = "step")]
    pub(crate) shape: String,
    pub(crate) severity: Number,
    #[serde(default)]
    pub(crate) params: BTreeMap<String, Param>,
}

/// What part a fault plays in the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Cause,
    Trigger,
    Benign,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TelemetrySpec {
    /// In whose words metrics are told: `kafka_exporter`, when missing, `otel` or `burrow`; drawn, where it is a choice.
    pub(crate) dialect: Option<Word>,
    pub(crate) scrape: ScrapeSpec,
    /// Relative noise of measurements that are noisy in real life, such as processor use.
    pub(crate) metric_noise: f64,
    pub(crate) logs: LogsSpec,
    /// How far clocks of hosts may be wrong, in seconds.
    #[serde(deserialize_with = "seconds")]
    pub(crate) clock_skew: f64,
    pub(crate) topology: TopologySpec,
}

fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Number::deserialize(deserializer).map(|number| number.log_normal().0)
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ScrapeSpec {
    #[serde(deserialize_with = "seconds")]
    pub(crate) interval: f64,
    #[serde(deserialize_with = "seconds")]
    pub(crate) jitter: f64,
    /// How long a scrape waits for an answer.
    #[serde(deserialize_with = "seconds")]
    pub(crate) timeout: f64,
    /// Probability that a scrape fails for no reason of ours.
    pub(crate) gap_prob: f64,
    /// Probability, per scrape, that the counters of a target begin again.
    pub(crate) reset_prob: f64,
}

impl Default for ScrapeSpec {
    fn default() -> Self {
        Self { interval: 15.0, jitter: 1.0, timeout: 10.0, gap_prob: 0.0, reset_prob: 0.0 }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogsSpec {
    /// Lines that say nothing about any fault, from all sources together.
    pub(crate) background_per_s: f64,
    /// Probability that a line is lost on its way.
    pub(crate) drop: f64,
    /// How late the latest lines in a hundred arrive, in seconds.
    #[serde(deserialize_with = "seconds")]
    pub(crate) late_p99: f64,
    /// Share of application lines in words that nobody has a pattern for.
    pub(crate) unmatched_templates: f64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TopologySpec {
    /// Probability that the operator's topology lacks an edge.
    pub(crate) missing_edges: f64,
    /// Share of edges, on top, that have long been wrong.
    pub(crate) stale_edges: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TruthSpec {
    /// False when nobody should be woken.
    pub(crate) incident: bool,
    #[serde(default)]
    pub(crate) roots: Roots,
    #[serde(default)]
    pub(crate) triggers: Vec<String>,
    #[serde(default)]
    pub(crate) decoys: Vec<String>,
    #[serde(default = "auto")]
    pub(crate) path: PathSpec,
}

impl Default for TruthSpec {
    fn default() -> Self {
        Self { incident: true, roots: Roots::default(), triggers: vec![], decoys: vec![], path: auto() }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Roots {
    /// `"auto"`: what the faults of role `cause` say of themselves.
    Auto(String),
    Given(Vec<RootSpec>),
}

impl Default for Roots {
    fn default() -> Self {
        Self::Auto("auto".into())
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RootSpec {
    pub(crate) node: String,
    pub(crate) component: String,
    pub(crate) class: String,
    #[serde(default)]
    pub(crate) accept: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum PathSpec {
    Auto(String),
    Given(Vec<String>),
}

/// When a fault counts as having had an effect.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImpactSpec {
    /// `time_lag:GROUP` in seconds or `backlog:GROUP` in records.
    pub(crate) sli: String,
    /// By how much it must be worse than without the fault.
    pub(crate) min: Number,
    #[serde(rename = "for")]
    pub(crate) lasting: Number,
}

/// What a diagnosis of this scenario must achieve; read by grading.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Longest time from impact to detection, in seconds.
    #[serde(deserialize_with = "some_seconds", rename = "detect_within")]
    pub detect_within_s: Option<f64>,
    /// The true root is among this many first causes.
    pub root_rank_max: Option<u32>,
    /// Nodes that must not be the first cause.
    pub not_blamed: Vec<String>,
    /// Most alarms where nothing is wrong.
    pub max_false_alarms: Option<u32>,
    /// Share of seeds that must pass.
    pub min_pass_rate: Option<f64>,
    /// Over how many seeds.
    pub seeds: Option<u32>,
}

fn some_seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    seconds(deserializer).map(Some)
}

/// The past that seasonality is learned from; see [`crate::Past`] for what is made of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistorySpec {
    pub(crate) days: u32,
    pub(crate) step: Number,
}

fn small() -> f64 {
    0.03
}
fn as_it_is() -> f64 {
    1.0
}
fn kilobyte() -> Number {
    Number::Fixed(1024.0)
}
fn some_records() -> Number {
    Number::Uniform { low: 1000.0, high: 3000.0 }
}
fn random_phase() -> Phase {
    Phase::Word("random".into())
}
fn many_keys() -> u32 {
    50_000
}
fn cause() -> Role {
    Role::Cause
}
fn none() -> Number {
    Number::Fixed(0.0)
}
fn a_day() -> Number {
    Number::Fixed(86_400.0)
}
fn step() -> String {
    "step".into()
}
fn auto() -> PathSpec {
    PathSpec::Auto("auto".into())
}
