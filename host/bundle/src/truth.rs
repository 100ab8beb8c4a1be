//! What really happened in a labelled bundle. Only grading opens it: it lies beside the bundle, as `DIR.truth.toml`,
//! so that nothing that diagnoses the folder can see it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lagdoctor_model::{Class, NodeId, Timestamp};
use serde::{Deserialize, Serialize};

/// What really happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// What people call the incident; empty for the name of its folder.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Incidents that are alike: graded together, and drawn together when an interval is made. Empty for the class.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub family: String,
    /// Whether anything did; false for fault-free and harmless windows.
    pub incident: bool,
    /// When the fault began.
    #[serde(rename = "onset_ms", default, skip_serializing_if = "Option::is_none")]
    pub onset: Option<Timestamp>,
    /// When it first hurt.
    #[serde(rename = "impact_ms", default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<Timestamp>,
    /// When it ended.
    #[serde(rename = "end_ms", default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    /// Nodes that set it off without being its cause: the traffic peak that found the leak.
    #[serde(default)]
    pub triggers: Vec<NodeId>,
    /// Nodes that a hasty diagnosis blames.
    #[serde(default)]
    pub decoys: Vec<NodeId>,
    /// From the cause to the symptom, in the order in which it spread.
    #[serde(default)]
    pub path: Vec<NodeId>,
    /// The causes; at least one if and only if there was an incident.
    #[serde(default, rename = "root", skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<Root>,
}

/// One cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Where.
    pub node: NodeId,
    /// Which part of the node, for people: `lock`, `disk`, `apply thread`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub component: String,
    /// What; `None` where nobody says it in a word of `classes.toml`, so that the place alone is graded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// What is as right: at most two other nodes or classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<Alternative>,
}

/// Another answer that is as right. Written as a node id, `database:orders-db`, or as a class, `db.lock`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Alternative {
    /// Another place.
    Node(NodeId),
    /// Another class.
    Class(Class),
}

impl TryFrom<String> for Alternative {
    type Error = lagdoctor_model::InvalidName;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.contains(':') { NodeId::new(text).map(Self::Node) } else { Class::new(text).map(Self::Class) }
    }
}

impl From<Alternative> for String {
    fn from(alternative: Alternative) -> String {
        match alternative {
            Alternative::Node(node) => node.into(),
            Alternative::Class(class) => class.into(),
        }
    }
}

/// Why a truth could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    /// There is none.
    #[error("bundle `{}` is not labelled: there is no `{}`; leave it out of grading, or write that file as FORMAT.md says", bundle.display(), path.display())]
    Unlabelled {
        /// The bundle.
        bundle: PathBuf,
        /// Where the truth should be.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read truth `{}`; check that it is a file that you may read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no truth.
    #[error("truth `{}` is not as FORMAT.md has it; fix the field named below", path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Box<toml::de::Error>,
    },
    /// It contradicts itself.
    #[error("truth `{}` contradicts itself: {why}", path.display())]
    Contradiction {
        /// Which.
        path: PathBuf,
        /// How.
        why: String,
    },
    /// It cannot be written.
    #[error("cannot write truth `{}`; check that the folder is there and may be written to", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Truth {
    /// Where the truth of the bundle in this folder is: beside it.
    ///
    /// ```
    /// # use std::path::Path;
    /// let path = lagdoctor_bundle::Truth::path_for(Path::new("incidents/7f3a/"));
    /// assert_eq!(path, Path::new("incidents/7f3a.truth.toml"));
    /// ```
    pub fn path_for(bundle: &Path) -> PathBuf {
        // Through its components, so that a trailing slash does not move the truth into the bundle.
        let mut name = bundle.components().as_path().as_os_str().to_owned();
        name.push(".truth.toml");
        PathBuf::from(name)
    }

    /// Reads the truth of the bundle in this folder.
    ///
    /// # Errors
    /// When there is none, or it is not as the format has it, or it contradicts itself.
    pub fn read(bundle: &Path) -> Result<Self, TruthError> {
        let path = Self::path_for(bundle);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(TruthError::Unlabelled { bundle: bundle.to_owned(), path });
            }
            Err(source) => return Err(TruthError::Read { path, source }),
        };
        let truth: Self = match toml::from_str(&text) {
            Ok(truth) => truth,
            Err(source) => return Err(TruthError::Parse { path, source: Box::new(source) }),
        };
        truth.check().map_err(|why| TruthError::Contradiction { path, why })?;
        Ok(truth)
    }

    /// Writes the truth of the bundle in this folder, beside it. The same truth gives the same bytes.
    ///
    /// # Errors
    /// When it contradicts itself, or the file cannot be written.
    pub fn write(&self, bundle: &Path) -> Result<(), TruthError> {
        let path = Self::path_for(bundle);
        if let Err(why) = self.check() {
            return Err(TruthError::Contradiction { path, why });
        }
        let written = toml::to_string(self).map_err(io::Error::other).and_then(|text| fs::write(&path, text));
        written.map_err(|source| TruthError::Write { path, source })
    }

    fn check(&self) -> Result<(), String> {
        match (self.incident, self.roots.is_empty()) {
            (true, true) => return Err("it tells of an incident, but names no `[[root]]`".to_owned()),
            (false, false) => return Err("it names a `[[root]]`, but says `incident = false`".to_owned()),
            _ => {}
        }
        if let Some(root) = self.roots.iter().find(|root| root.accept.len() > 2) {
            let count = root.accept.len();
            return Err(format!("root `{}` accepts {count} alternatives, and two is the most", root.node));
        }
        let times: Vec<_> = [self.onset, self.impact, self.end].into_iter().flatten().collect();
        if !times.is_sorted() {
            return Err("`onset_ms`, `impact_ms` and `end_ms` are not in order".to_owned());
        }
        Ok(())
    }
}
