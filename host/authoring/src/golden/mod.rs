//! Does a plugin still say what it said before? Each case below `tests/golden` is shown to it, and what it says, rounded
//! and as text that people read, is compared with `expected.txt` beside the case. For plugins that judge, and for
//! notifiers, a case is a recorded incident; for collectors it is what a far side answers. Start at [`folders`] and
//! [`Rig`].

mod answers;
mod diff;
mod far;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use lagdoctor_model::Millis;
use lagdoctor_runtime::{
    Batch, BindError, Bound, CallError, HostError, IncidentEvent, LoadError, Phase, Plugin, Rendering, World,
};

pub use answers::{Answers, AnswersError};

use crate::case::Case;
use crate::stranger::{Answer, Stranger};
use crate::subject::{Subject, bind, configurations};

/// Where cases lie, seen from the project.
pub const FOLDER: &str = "tests/golden";
/// What the plugin is held to, beside a case.
pub const EXPECTED: &str = "expected.txt";
/// How a line begins about what the host did not take from a plugin.
const LEFT_OUT: &str = "left out: ";
/// The file that makes a folder a recorded incident.
const RECORDING: &str = "bundle.toml";

/// A file of the golden folder cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {}", path.display())]
pub struct GoldenError {
    /// `read` or `write`.
    pub verb: &'static str,
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// The file that makes a folder a case for plugins of this world.
pub fn mark(world: World) -> &'static str {
    if world == World::Collector { answers::FILE } else { RECORDING }
}

/// The folders below this project's golden folder that hold a case for this world, in the order of their names.
///
/// # Errors
/// When the golden folder is there and cannot be read.
pub fn folders(project: &Path, world: World) -> Result<Vec<PathBuf>, GoldenError> {
    let path = project.join(FOLDER);
    let failed = |source| GoldenError { verb: "read", path: path.clone(), source };
    let entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(failed(error)),
    };
    let mut found = vec![];
    for entry in entries {
        let folder = entry.map_err(failed)?.path();
        if folder.join(mark(world)).is_file() {
            found.push(folder);
        }
    }
    found.sort();
    Ok(found)
}

/// A case.
#[derive(Clone, Debug)]
pub enum Shown {
    /// To plugins that judge: an incident.
    Window(Box<Case>),
    /// To collectors: what the far side answers.
    Answers(Answers),
    /// To notifiers: what they are given when an incident opens, and when it is over.
    Incident {
        /// The newest moment of the incident.
        at: lagdoctor_model::Timestamp,
        /// The diagnosis as JSON.
        document: String,
        /// The diagnosis for people.
        renderings: Vec<Rendering>,
    },
}

/// There is nothing to show a case to.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// No host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// No plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// No configuration that it accepts.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// A plugin that cases are shown to.
pub struct Rig {
    stranger: Arc<Stranger>,
    plugin: Plugin,
    bound: Bound,
}

impl Rig {
    /// Loads a component and configures it: as given, or as its schema allows.
    ///
    /// # Errors
    /// When it is no plugin, or accepts no such configuration.
    pub async fn open(subject: Subject<'_>) -> Result<Self, RigError> {
        let stranger = Arc::new(Stranger::new());
        let plugin = subject.host(&stranger)?.load(subject.source, subject.wasm).await?;
        let configs = configurations(&plugin.manifest().config_schema, subject.config.as_ref());
        // The least that can be given is tried last, and what is wrong with it is the easiest to understand.
        let mut tries = configs.into_iter().map(|config| bind(&plugin, config));
        let mut outcome = tries.next().unwrap_or_else(|| bind(&plugin, serde_json::json!({})));
        for other in tries {
            outcome = outcome.or(other);
        }
        let bound = outcome?;
        Ok(Self { stranger, plugin, bound })
    }

    /// Its job.
    pub fn world(&self) -> World {
        self.plugin.world()
    }

    /// Shows it the case in this folder.
    ///
    /// # Errors
    /// When what is expected cannot be read. A plugin that fails is no error: that is what it says.
    pub async fn show(&self, folder: &Path, shown: &Shown) -> Result<Trial, GoldenError> {
        let mut is_at_fault = false;
        let mut failed = |error: CallError| {
            is_at_fault |= error.kind.is_fault();
            format!("failed: {}\n", error.statement)
        };
        let said = match shown {
            Shown::Window(case) => {
                let (said, left_out) = judged(&self.bound, case).await;
                said.unwrap_or_else(&mut failed) + &left_out
            }
            Shown::Answers(answers) => {
                self.stranger.answers_in_turn(answers.all());
                let page = self.bound.collect(&answers::query(), answers::query().end).await;
                far::requests(&self.stranger.heard()) + &page.map_or_else(&mut failed, |page| far::page(&page))
            }
            Shown::Incident { at, document, renderings } => {
                let mut said = String::new();
                for phase in [Phase::Opened, Phase::Closed] {
                    self.stranger.answers(Answer::Says(200, b"ok".to_vec()));
                    let idempotency_key = format!("golden/1/{}", phase.as_str());
                    let event = IncidentEvent { incident: "golden/1".to_owned(), phase, at: *at, idempotency_key };
                    let receipts = self.bound.notify(&event, document, renderings, *at).await;
                    said += &format!("when it has {}\n", phase.as_str());
                    said += &far::letters(&self.stranger.heard());
                    said += &receipts.map_or_else(&mut failed, |receipts| far::receipts(&receipts));
                }
                said
            }
        };
        let is_at_fault = is_at_fault || said.lines().any(|line| line.starts_with(LEFT_OUT));
        let path = folder.join(EXPECTED);
        let outcome = match fs::read_to_string(&path) {
            // A checkout may have changed the ends of lines.
            _ if is_at_fault => Outcome::Broken,
            Ok(expected) if expected.replace("\r\n", "\n") == said => Outcome::Same,
            Ok(expected) => Outcome::Differs(diff::between(&expected.replace("\r\n", "\n"), &said)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Outcome::New,
            Err(source) => return Err(GoldenError { verb: "read", path, source }),
        };
        Ok(Trial { said, outcome, path })
    }
}

/// How one case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As before.
    Same,
    /// Otherwise than before: lines with `-` are expected, lines with `+` are said.
    Differs(String),
    /// Nothing is expected yet.
    New,
    /// It fell, or broke its contract, which nobody may expect of it.
    Broken,
}

/// What a plugin says of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What it says, as `expected.txt` has it.
    pub said: String,
    /// Compared with what is expected.
    pub outcome: Outcome,
    path: PathBuf,
}

impl Trial {
    /// From now on this is what is expected.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self) -> Result<(), GoldenError> {
        let failed = |source| GoldenError { verb: "write", path: self.path.clone(), source };
        fs::write(&self.path, &self.said).map_err(failed)
    }

    /// How many things it said, gave or sent.
    pub fn found(&self) -> usize {
        self.said.lines().filter(|line| words::is_item(line)).count()
    }
}

/// What a plugin that judges says, as text, and what the host left out of it.
async fn judged(bound: &Bound, case: &Case) -> (Result<String, CallError>, String) {
    let batch = Batch::new(&case.signals);
    let said = said(bound, case, &batch).await;
    (said, batch.gaps().iter().map(|gap| format!("{LEFT_OUT}{}\n", gap.statement)).collect())
}

async fn said(bound: &Bound, case: &Case, batch: &Batch) -> Result<String, CallError> {
    Ok(match bound.plugin().world() {
        World::Ranker => match &case.symptom {
            Some(symptom) => words::ranking(&bound.rank(batch, &case.findings, symptom).await?),
            None => "nothing hurts in this recording, so there is nothing to rank\n".to_owned(),
        },
        World::Forecaster => {
            let targets = case.targets(bound.plugin().manifest());
            words::forecasts(&bound.forecast(batch, &targets, Millis::minutes(60)).await?, &targets)
        }
        _ => words::findings(&bound.score(batch).await?),
    })
}
