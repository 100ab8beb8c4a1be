//! What of the diagnosis a message shows. Every field may be missing: a message about half a diagnosis is better than
//! none. The names are those of the published schema.

use serde::Deserialize;

/// The diagnosis, as far as it is shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Diagnosis {
    pub(crate) verdict: String,
    pub(crate) headline: String,
    pub(crate) impact: Impact,
    pub(crate) time_to_data_loss_ms: Option<i64>,
    pub(crate) causes: Vec<Cause>,
    pub(crate) ruled_out: Vec<RuledOut>,
    pub(crate) gaps: Vec<Said>,
    pub(crate) needs: Vec<Said>,
    pub(crate) forecast: Option<Said>,
}

/// How much it hurts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Impact {
    pub(crate) backlog: Option<u64>,
    pub(crate) time_lag_ms: Option<i64>,
    pub(crate) growth_per_s: Option<f64>,
    pub(crate) partitions_lagging: Option<u64>,
    pub(crate) partitions: Option<u64>,
}

/// A possible cause.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Cause {
    pub(crate) node: String,
    pub(crate) words: String,
    pub(crate) confidence: f64,
    pub(crate) owner: Option<String>,
    pub(crate) because: String,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) actions: Vec<Action>,
}

/// Something that was seen.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Evidence {
    pub(crate) node: String,
    pub(crate) statement: String,
    pub(crate) url: Option<String>,
}

/// Something to do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Action {
    pub(crate) say: String,
    pub(crate) command: Option<String>,
}

/// Something that was set aside.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RuledOut {
    pub(crate) node: String,
    pub(crate) because: String,
}

/// A sentence: a gap, a need, a forecast.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Said {
    pub(crate) statement: String,
}
