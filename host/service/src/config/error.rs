//! What can be wrong with a configuration or a topology file, said so that one look at the right line mends it.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use crate::report::clean;

/// Most characters of one part of an error. The longest lists of words that there are fit.
const MOST: usize = 4000;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {}", shown(path.display()))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A field is missing, unknown, or of the wrong type; or the text is no TOML or JSON at all.
    #[error("{}:{line}:{column}: {}{}", shown(path.display()), shown(field), shown(why))]
    Field {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// `` `FIELD` in [SECTION]: ``, or empty.
        field: String,
        /// What is wrong and what was expected.
        why: String,
    },
    /// Fields that are right alone and wrong together.
    #[error("{}: {}: {}", shown(path.display()), shown(section), shown(why))]
    Conflict {
        /// The file.
        path: PathBuf,
        /// Where in it.
        section: String,
        /// What to change.
        why: String,
    },
    /// A word of a topology file that the vocabulary does not have, or an edge that makes no sense.
    #[error("{}: {}: {}", shown(path.display()), shown(subject), shown(why))]
    Topology {
        /// The file.
        path: PathBuf,
        /// The node or edge.
        subject: String,
        /// What is wrong, and which words there are.
        why: String,
    },
    /// A secret is not where it should be.
    #[error("secret `{}` is not to be had from {}: {}", shown(name), shown(place), shown(why))]
    Secret {
        /// The secret's name.
        name: String,
        /// The variable or file.
        place: String,
        /// Why; never the value.
        why: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// What a field needs is not to be had.
    #[error("{}: {source}", shown(by))]
    Used {
        /// The field that needs it, and where it stands.
        by: String,
        /// What is not to be had.
        source: Box<ConfigError>,
    },
    /// What `[[tls]]` names cannot be used.
    #[error("[[tls]] for {}: {source}", shown(hosts))]
    Tls {
        /// The hosts that it is about.
        hosts: String,
        /// Why.
        source: lagdoctor_runtime::TlsError,
    },
    /// A flag of the command line.
    #[error("{flag} {why}")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// What is wrong and what was expected.
        why: String,
    },
}

/// A part of an error as a terminal may show it: a file may hold what a terminal would obey, and errors quote files.
fn shown(part: impl Display) -> String {
    let text = clean(&part.to_string());
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl ConfigError {
    /// From a TOML error: finds line, column, field and section in the text.
    pub(super) fn toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..at).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |feed| feed + 1);
        let line = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        Self::Field {
            path: path.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            field: field_and_section(before, line),
            why: error.message().trim().replace('\n', "; "),
        }
    }

    /// From a JSON error.
    pub(super) fn json(path: &Path, error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let why = text.split(" at line ").next().unwrap_or(&text).to_owned();
        Self::Field { path: path.into(), line: error.line(), column: error.column(), field: String::new(), why }
    }
}

/// The TOML reader tells where it stopped, not in which field; the line and the last header above it say so.
fn field_and_section(before: &str, line: &str) -> String {
    let key = line.split_once('=').map(|(key, _)| key.trim()).filter(|key| !key.is_empty() && !key.starts_with('['));
    let header = |line: &str| {
        let line = line.trim();
        let end = line.rfind(']')?;
        line.starts_with('[').then(|| line[..=end].to_owned())
    };
    let section = header(line).or_else(|| before.lines().rev().find_map(header));
    match (key, section) {
        (Some(key), Some(section)) => format!("`{key}` in {section}: "),
        (Some(key), None) => format!("`{key}`: "),
        (None, Some(section)) => format!("{section}: "),
        (None, None) => String::new(),
    }
}
