//! Log lines and events. Their text is [`Redacted`], a type that only the redactor makes, so that nothing unredacted
//! can enter [`crate::Signals`].

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::{NodeId, Timestamp};

/// An OpenTelemetry SeverityNumber: 0 unknown, 1..=24 from trace to fatal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub struct Severity(u8);

impl Severity {
    /// The source gave none.
    pub const UNKNOWN: Severity = Severity(0);
    /// The least severe info.
    pub const INFO: Severity = Severity(9);
    /// The least severe warning.
    pub const WARN: Severity = Severity(13);
    /// The least severe error.
    pub const ERROR: Severity = Severity(17);

    /// From the words that log libraries use, in any case; unknown words are `UNKNOWN`.
    pub fn from_level(level: &str) -> Self {
        match level.to_ascii_lowercase().as_str() {
            "trace" | "finest" => Self(1),
            "debug" | "fine" => Self(5),
            "info" | "information" | "notice" => Self(9),
            "warn" | "warning" => Self(13),
            "error" | "err" | "severe" => Self(17),
            "fatal" | "critical" | "emergency" | "alert" | "panic" => Self(21),
            _ => Self(0),
        }
    }

    /// The number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The level's usual name; empty for unknown.
    pub fn level(self) -> &'static str {
        match self.0 {
            1..=4 => "trace",
            5..=8 => "debug",
            9..=12 => "info",
            13..=16 => "warn",
            17..=20 => "error",
            21..=24 => "fatal",
            _ => "",
        }
    }
}

/// Numbers above 24 are unknown.
impl From<u8> for Severity {
    fn from(number: u8) -> Self {
        if number <= 24 { Self(number) } else { Self(0) }
    }
}

impl From<Severity> for u8 {
    fn from(severity: Severity) -> u8 {
        severity.0
    }
}

/// Text without user ids, order numbers, addresses, phone and card numbers, tokens or control characters.
/// Made by [`crate::Redactor::redact`] and in no other way; what reads a bundle redacts again. Copies share the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Redacted(Arc<str>);

impl Redacted {
    /// Only for the redactor.
    pub(crate) fn by_redactor(text: String) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for Redacted {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// One log line of one node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogLine {
    /// When it says it was written.
    pub at: Timestamp,
    /// Who wrote it.
    pub node: NodeId,
    /// How bad its writer thought it.
    pub severity: Severity,
    /// What it says.
    pub message: Redacted,
}

/// Something that happened once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub node: NodeId,
    /// `deploy`, `config`, `scaling`, `rebalance`, `restart`, `failover`, or another word in that style.
    pub kind: String,
    /// What.
    pub what: Redacted,
}
