//! What is simulated: the pipeline, its load, what breaks in it and how it is seen. A scenario is a TOML file; many of
//! its numbers may be distributions, so that one scenario gives as many different runs as there are seeds.
//! Start at [`Scenario::parse`] or [`Scenario::builtin`].

mod blur;
mod check;
mod copies;
mod generate;
mod merge;
mod names;
pub(crate) mod node;
mod pack;
pub(crate) mod spec;
#[cfg(test)]
mod tests;
pub(crate) mod value;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use lagdoctor_model::Millis;
use serde::Deserialize;
use toml::{Table, Value};

use crate::random::Streams;
pub use blur::Blur;
use generate::GenerateSpec;
use node::NodeSpec;
pub use pack::builtin_version;
pub use spec::Expect;
use spec::{FaultSpec, HistorySpec, ImpactSpec, Role, TelemetrySpec, TruthSpec, WorkloadSpec};
use value::Number;

/// Why a text is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It is no TOML.
    #[error("{file} is no TOML")]
    Toml {
        /// The file.
        file: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A field is missing, unknown, of the wrong type, or names something that does not exist.
    #[error("{file}: {why}")]
    Wrong {
        /// The file.
        file: String,
        /// One sentence that names the field and says what would be right.
        why: String,
    },
    /// It uses a file that is not there.
    #[error("{file} uses `{used}`, which cannot be found; name it as it lies beside {file}")]
    NotFound {
        /// The file that uses it.
        file: String,
        /// The name in `use`.
        used: String,
    },
    /// No scenario of this name is built in.
    #[error("there is no builtin scenario `{name}`; there are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// All names.
        known: String,
    },
}

/// A pipeline, its load and its faults. Invariant: every name in it refers to something in it.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub(crate) id: String,
    pub(crate) family: String,
    pub(crate) is_held_out: bool,
    pub(crate) seed: u64,
    pub(crate) duration: f64,
    pub(crate) warmup: f64,
    pub(crate) history: Option<HistorySpec>,
    pub(crate) nodes: Vec<NodeSpec>,
    pub(crate) workloads: BTreeMap<String, WorkloadSpec>,
    pub(crate) faults: Vec<FaultSpec>,
    pub(crate) telemetry: TelemetrySpec,
    pub(crate) truth: TruthSpec,
    pub(crate) impact: Option<ImpactSpec>,
    pub(crate) expect: Expect,
    /// What it says besides the nodes that `[generate]` draws, for each run anew.
    generated: Option<Arc<Table>>,
    names: Naming,
}

/// What nodes are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Naming {
    /// As the scenario calls them.
    #[default]
    Given,
    /// By names that are drawn for each run.
    Drawn,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    id: String,
    family: String,
    #[serde(default)]
    split: Option<String>,
    #[serde(default)]
    seed: u64,
    duration: Number,
    #[serde(default = "no_time")]
    warmup: Number,
    #[serde(default)]
    history: Option<HistorySpec>,
    /// `given` or `drawn`; drawn where nodes are, when missing.
    #[serde(default)]
    names: Option<Naming>,
    #[serde(default)]
    generate: Option<GenerateSpec>,
    #[serde(default)]
    node: Vec<Table>,
    #[serde(default)]
    workload: BTreeMap<String, WorkloadSpec>,
    #[serde(default)]
    fault: Vec<FaultSpec>,
    #[serde(default)]
    telemetry: TelemetrySpec,
    #[serde(default)]
    truth: TruthSpec,
    #[serde(default)]
    impact: Option<ImpactSpec>,
    #[serde(default)]
    expect: Expect,
}

fn no_time() -> Number {
    Number::Fixed(0.0)
}

// `BUILTIN` and `USED`: scenarios and the topologies that they use, by name, as built into the program.
include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// Names of the scenarios that are built in.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(name, _)| *name)
}

/// The text of a scenario that is built in.
pub(crate) fn source(name: &str) -> Option<&'static str> {
    BUILTIN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// What a scenario that is built in is about: the remark at the head of its file, on one line.
///
/// ```
/// assert!(lagdoctor_sim::builtin_about("quiet").starts_with("Nothing is wrong"));
/// ```
pub fn builtin_about(name: &str) -> String {
    let text = source(name).unwrap_or_default();
    let remark: Vec<&str> = text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim).collect();
    remark.join(" ")
}

impl Scenario {
    /// Reads a scenario. `resolve_use` gives the text of a file that `use` names; the scenario's own keys win over it.
    ///
    /// # Errors
    /// When it is no TOML, a field is missing, unknown or wrong, or a name in it refers to nothing.
    pub fn parse(text: &str, resolve_use: impl Fn(&str) -> Option<String>) -> Result<Self, ScenarioError> {
        Self::read("the scenario", text, &resolve_use)
    }

    /// A scenario that is built into the program.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn builtin(name: &str) -> Result<Self, ScenarioError> {
        let Some(text) = source(name) else {
            let known = builtin_names().collect::<Vec<_>>().join(", ");
            return Err(ScenarioError::Unknown { name: name.to_owned(), known });
        };
        Self::read(name, text, &Self::builtin_use)
    }

    /// The text of a topology or scenario that is built in, so that scenarios of others can use it.
    pub fn builtin_use(name: &str) -> Option<String> {
        USED.iter().chain(BUILTIN).find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
    }

    fn read(file: &str, text: &str, resolve: &dyn Fn(&str) -> Option<String>) -> Result<Self, ScenarioError> {
        let wrong = |why: String| ScenarioError::Wrong { file: file.to_owned(), why: why.trim().replace('\n', " ") };
        let table = merge::read(file, text, resolve, &[])?;
        Self::of_table(table, None).map_err(wrong)
    }

    /// A text with all that it uses, as one table.
    pub(crate) fn table(text: &str, resolve_use: &dyn Fn(&str) -> Option<String>) -> Result<Table, ScenarioError> {
        merge::read("the scenario", text, resolve_use, &[])
    }

    /// Reads such a table.
    pub(crate) fn of(table: Table) -> Result<Self, String> {
        Self::of_table(table, None)
    }

    /// Reads a table with all that it uses. What is generated is drawn from these streams, or from the seed of the scenario.
    fn of_table(table: Table, streams: Option<&Streams>) -> Result<Self, String> {
        let mut generated = None;
        let mut whole = table;
        if let Some(spec) = whole.get("generate") {
            let spec = GenerateSpec::deserialize(spec.clone()).map_err(|error| format!("generate: {error}"))?;
            spec.check()?;
            let seed = whole.get("seed").and_then(Value::as_integer).unwrap_or_default();
            let topology = match streams {
                Some(streams) => spec.topology(streams)?,
                None => spec.topology(&Streams::new(seed as u64))?,
            };
            generated = Some(Arc::new(whole.clone()));
            whole = merge::merged(topology, whole);
        }
        let read = File::deserialize(Value::Table(whole)).map_err(|error| error.to_string())?;
        if read.schema != 1 {
            return Err(format!("`schema` is {}, and this program reads 1", read.schema));
        }
        let is_held_out = match read.split.as_deref() {
            None | Some("public") => false,
            Some("heldout") => true,
            Some(other) => return Err(format!("`split` is `{other}`; there are public and heldout")),
        };
        let nodes = read.node.into_iter().map(NodeSpec::read).collect::<Result<Vec<_>, _>>()?;
        let names = read.names.unwrap_or(if read.generate.is_some() { Naming::Drawn } else { Naming::Given });
        let scenario = Self {
            id: read.id,
            family: read.family,
            is_held_out,
            seed: read.seed,
            duration: read.duration.log_normal().0,
            warmup: read.warmup.log_normal().0,
            history: read.history,
            nodes,
            workloads: read.workload,
            faults: read.fault,
            telemetry: read.telemetry,
            truth: read.truth,
            impact: read.impact,
            expect: read.expect,
            generated,
            names,
        };
        check::check(&scenario)?;
        Ok(scenario)
    }

    /// The scenario as it is in one run: with the nodes and the names that are drawn for it.
    pub(crate) fn of_run(&self, streams: &Streams) -> Cow<'_, Self> {
        let mut own = Cow::Borrowed(self);
        if let Some(table) = &self.generated
            // Whatever is drawn can be read, which tests hold; the graph that the scenario was checked with can in any case.
            && let Ok(drawn) = Self::of_table((**table).clone(), Some(streams))
        {
            let own = own.to_mut();
            (own.nodes, own.workloads, own.generated) = (drawn.nodes, drawn.workloads, None);
        }
        if self.names == Naming::Drawn {
            own = Cow::Owned(own.named_anew(streams));
            own.to_mut().names = Naming::Given;
        }
        own
    }

    /// Its name; never shown to plugins, for it may tell the answer.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Scenarios of one family are alike, so that they are never split between training and test.
    pub fn family(&self) -> &str {
        &self.family
    }

    /// Whether it is kept back from those who tune plugins.
    pub fn is_held_out(&self) -> bool {
        self.is_held_out
    }

    /// How long a run is, in the time of the simulation.
    pub fn duration(&self) -> Millis {
        Millis::new((self.duration * 1000.0) as i64).unwrap_or(Millis::ZERO)
    }

    /// How long it runs before anything may break: what is normal is learned from here.
    pub fn warmup(&self) -> Millis {
        Millis::new((self.warmup * 1000.0) as i64).unwrap_or(Millis::ZERO)
    }

    /// How many days of coarse past, and their step in seconds, where the scenario asks for them.
    pub fn history(&self) -> Option<(u32, f64)> {
        self.history.as_ref().map(|history| (history.days, history.step.log_normal().0))
    }

    /// What a diagnosis must achieve.
    pub fn expect(&self) -> &Expect {
        &self.expect
    }

    /// Whether its nodes are drawn for each run.
    #[cfg(test)]
    pub(crate) fn has_drawn_nodes(&self) -> bool {
        self.generated.is_some()
    }

    /// Whether somebody should be woken.
    pub fn is_incident(&self) -> bool {
        self.truth.incident
    }

    /// Whether it says what counts as an impact, so that a run whose faults move nothing can be told.
    pub fn has_impact(&self) -> bool {
        self.impact.is_some()
    }

    /// The same scenario without the faults that cause or trigger anything: the other half of a pair.
    #[must_use]
    pub fn without_faults(&self) -> Self {
        let mut twin = self.clone();
        twin.faults.retain(|fault| fault.role == Role::Benign);
        twin
    }
}
