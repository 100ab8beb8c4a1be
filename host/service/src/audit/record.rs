//! What one record says. It is kept as the very bytes that were hashed, as JSON whose fields are only added; larger parts
//! (input, body, decision path, components) are kept beside it by their digest, equal ones once. Start at [`Record`].

use lagdoctor_model::{Gap, GapCause, NodeId, Verdict, Window};
use lagdoctor_runtime::{Bound, Limits};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chain::Digest;
use crate::collect::Reading;
use crate::diagnose::Asked;

/// One diagnosis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of what is described here.
    pub schema: u32,
    /// When it was written, in Unix milliseconds.
    pub at_ms: i64,
    /// The cluster that was asked about; empty for none.
    pub cluster: String,
    /// The group that hurts, or else the one that was asked about.
    pub group: Option<String>,
    /// The outcome in one word.
    pub verdict: Verdict,
    /// The outcome in one sentence.
    pub headline: String,
    /// How long collecting and diagnosing took.
    pub took_ms: i64,
    /// The program that did it.
    pub build: Build,
    /// How it was asked to.
    pub options: OptionsRecord,
    /// The template of links in reports; part of the body's bytes.
    pub links: Option<String>,
    /// What it was made of.
    pub input: InputRecord,
    /// Collectors, scorers, ranker and forecaster, in this order.
    pub plugins: Vec<PluginRecord>,
    /// What came of reading, by source; nothing for a bundle.
    pub readings: Vec<Reading>,
    /// Who was asked to judge, and how it ended.
    pub calls: Vec<CallRecord>,
    /// Digest of the body: the `body_sha256` of the report.
    pub body: Digest,
    /// Digest of the decision path.
    pub path: Digest,
    /// Parts in which a secret stood and was blanked. They are not what they were, so there is no replay.
    pub blanked: Vec<String>,
}

/// A build of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Its version.
    pub version: String,
    /// Digest of the program file; `None` when it could not be read.
    pub sha256: Option<Digest>,
}

/// [`crate::Options`] as they are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionsRecord {
    /// The group to explain.
    pub group: Option<String>,
    /// Time for the diagnosis.
    pub deadline_ms: i64,
    /// How far the forecaster looks.
    pub horizon_ms: i64,
}

/// What a diagnosis was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputRecord {
    /// Digest of the packed bundle.
    pub sha256: Digest,
    /// Its bytes.
    pub bytes: u64,
    /// Whether it is kept; one that is too large for the audit is not.
    pub kept: bool,
    /// The window.
    pub window: Window,
    /// How many series.
    pub series: usize,
    /// How many log lines.
    pub logs: usize,
    /// How many events.
    pub events: usize,
    /// What was missing, in the words that reports use.
    pub gaps: Vec<GapRecord>,
}

/// [`Gap`] as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GapRecord {
    source: String,
    cause: GapCause,
    node: Option<NodeId>,
    statement: String,
}

impl From<Gap> for GapRecord {
    fn from(Gap { source, cause, node, statement }: Gap) -> Self {
        Self { source, cause, node, statement }
    }
}

impl From<GapRecord> for Gap {
    fn from(GapRecord { source, cause, node, statement }: GapRecord) -> Self {
        Self { source, cause, node, statement }
    }
}

/// A plugin as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginRecord {
    /// The operator's name for it.
    pub name: String,
    /// Its own name.
    pub plugin: String,
    /// Its own version.
    pub version: String,
    /// Its job.
    pub world: String,
    /// Digest of the component.
    pub sha256: Digest,
    /// Its configuration. Secrets stand there by name.
    pub config: Value,
    /// What the operator allowed.
    pub rules: Vec<String>,
    /// What it had in the end.
    pub granted: Vec<String>,
    /// What it asked for in vain.
    pub denied: Vec<String>,
    /// What one call might use.
    pub limits: Limits,
}

impl PluginRecord {
    pub(super) fn of(bound: &Bound) -> Option<Self> {
        let plugin = bound.plugin();
        let manifest = plugin.manifest();
        Some(Self {
            name: bound.name().to_owned(),
            plugin: manifest.name.clone(),
            version: manifest.version.clone(),
            world: plugin.world().to_string(),
            sha256: plugin.digest().parse().ok()?,
            config: serde_json::from_str(bound.config()).unwrap_or_default(),
            rules: bound.rules().iter().map(ToString::to_string).collect(),
            granted: bound.grants().effective(),
            denied: bound.grants().denied().iter().map(|ask| format!("{} {}", ask.kind, ask.value)).collect(),
            limits: bound.limits().clone(),
        })
    }
}

/// One call of a plugin that judges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The operator's name of the plugin.
    pub plugin: String,
    /// `scoring`, `ranking` or `forecasting`.
    pub job: String,
    /// How long it took.
    pub took_ms: i64,
    /// How many items it answered with.
    pub items: Option<usize>,
    /// How it failed.
    pub failure: Option<FailureRecord>,
}

/// A call that gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// In one word.
    pub kind: String,
    /// In one sentence.
    pub statement: String,
    /// What the report calls it.
    pub cause: GapCause,
    /// Whether the moment decided it: then a replay tells it again, and does not ask.
    pub of_the_moment: bool,
}

impl CallRecord {
    pub(super) fn of(asked: &Asked) -> Self {
        let failure = asked.outcome.as_ref().err().map(|error| FailureRecord {
            kind: error.kind.as_str().to_owned(),
            statement: error.statement.clone(),
            cause: error.gap().cause,
            of_the_moment: asked.is_of_the_moment(),
        });
        Self {
            plugin: asked.plugin.clone(),
            job: asked.job.as_str().to_owned(),
            took_ms: asked.took.as_millis(),
            items: asked.outcome.as_ref().ok().copied(),
            failure,
        }
    }
}

impl Record {
    /// Every part that is kept beside the record, and what it is.
    pub(super) fn parts(&self) -> Vec<(String, Digest)> {
        let mut parts = vec![("body".to_owned(), self.body), ("decision path".to_owned(), self.path)];
        if self.input.kept {
            parts.push(("input".to_owned(), self.input.sha256));
        }
        parts.extend(self.plugins.iter().map(|plugin| (format!("component of `{}`", plugin.name), plugin.sha256)));
        parts
    }
}
