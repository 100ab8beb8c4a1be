//! Names of nodes, signals and fault classes. They are checked for form here; whether the vocabulary knows them is
//! asked of [`crate::Vocabulary`]. Copies of a name share its text, because everything that is known of an incident is
//! kept under names.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest name that is accepted, in bytes.
const MAX_BYTES: usize = 256;

/// A text that cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: {why}")]
pub struct InvalidName {
    what: &'static str,
    text: String,
    why: &'static str,
}

impl InvalidName {
    fn new(what: &'static str, text: &str, why: &'static str) -> Self {
        // A name may come from a hostile source, and an error is printed: shorten it and blank what a terminal obeys.
        let text = text.chars().take(80).map(|c| if is_obeyed(c) { '?' } else { c }).collect();
        Self { what, text, why }
    }
}

/// Whether a terminal or a browser would obey this character instead of showing it: control characters, and those that
/// turn the direction of writing or end a line.
///
/// ```
/// # use lagdoctor_model::is_obeyed;
/// assert!(is_obeyed('\u{1b}') && is_obeyed('\u{202e}') && !is_obeyed('ß'));
/// ```
pub fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The known word that somebody who wrote `word` most likely meant: the nearest by edits (Damerau and Levenshtein), within a
/// third of its length; `None` when none is that near.
///
/// ```
/// # use lagdoctor_model::nearest;
/// assert_eq!(nearest("databse", ["kafka-lag", "database"]), Some("database"));
/// assert_eq!(nearest("weather", ["kafka-lag", "database"]), None);
/// ```
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let edits = |known: &str| strsim::damerau_levenshtein(word, known);
    let near = known.into_iter().map(|known| (edits(known), known));
    near.filter(|(edits, known)| *edits <= known.chars().count().div_ceil(3)).min().map(|(_, known)| known)
}

fn check(what: &'static str, text: &str) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::new(what, text, "it is empty"));
    }
    if text.len() > MAX_BYTES {
        return Err(InvalidName::new(what, text, "it is longer than 256 bytes"));
    }
    if text.chars().any(is_obeyed) {
        return Err(InvalidName::new(what, text, "it holds a control character"));
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:expr, $why:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the form of a text and takes it as a name.
            ///
            /// # Errors
            /// When it is empty, longer than 256 bytes, holds control characters, or has the wrong form.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                check($what, &text)?;
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) { Ok(Self(text.into())) } else { Err(InvalidName::new($what, &text, $why)) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }
    };
}

name!(
    /// Which node: `kind:name`, for example `database:orders-db`. Unique in a topology, stable over time.
    NodeId,
    "node id",
    |text| text.split_once(':').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty()),
    "it must read `kind:name`"
);
name!(
    /// What kind of node: an entry of `nodes.toml`.
    NodeKind,
    "node kind",
    |text| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
    "it must be lower-case letters and hyphens"
);
name!(
    /// Which signal: an entry of `signals.toml`, or `log` or `event` where a finding rests on one of those.
    SignalName,
    "signal name",
    |text| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b)),
    "it must be lower-case letters, digits, dots, underscores and hyphens"
);
name!(
    /// Which fault class: an entry of `classes.toml`, such as `db.lock`.
    Class,
    "fault class",
    |text| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b)),
    "it must be lower-case letters, digits, dots and hyphens"
);

impl NodeId {
    /// The id of the node of this kind and name.
    ///
    /// # Errors
    /// As [`NodeId::new`].
    pub fn of(kind: &NodeKind, name: &str) -> Result<Self, InvalidName> {
        Self::new(format!("{kind}:{name}"))
    }

    /// The part before the first colon.
    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or("", |(kind, _)| kind)
    }

    /// As people say it.
    ///
    /// ```
    /// # use lagdoctor_model::NodeId;
    /// assert_eq!(NodeId::new("database:orders-db").unwrap().words(), "database orders-db");
    /// assert_eq!(NodeId::new("jvm:fulfilment-0").unwrap().words(), "JVM fulfilment-0");
    /// ```
    pub fn words(&self) -> String {
        let kind = if self.kind() == "jvm" { "JVM" } else { self.kind() };
        format!("{kind} {}", self.name())
    }

    /// The part after the first colon: what people call the node.
    ///
    /// ```
    /// # use lagdoctor_model::NodeId;
    /// assert_eq!(NodeId::new("link:a>b:9092").unwrap().name(), "a>b:9092");
    /// ```
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_move_the_cursor_is_refused_and_quoted_harmlessly() {
        let error = NodeId::new("group:\u{1b}[2Jorders").unwrap_err();
        assert_eq!(error.to_string(), "`group:?[2Jorders` is no node id: it holds a control character");
    }
}
