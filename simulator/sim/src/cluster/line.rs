//! Log lines as they are written, before they travel. Who writes too much of one kind is cut short, as a burst filter
//! does.

use std::collections::BTreeMap;

use crate::units::Micros;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) at: Micros,
    pub(crate) source: Source,
    pub(crate) level: Level,
    /// Who within the program says it.
    pub(crate) logger: &'static str,
    pub(crate) message: String,
}

/// Who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Instance(usize),
    Producer(usize),
    Database(usize),
    Broker(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    pub(crate) const ALL: [Level; 4] = [Level::Debug, Level::Info, Level::Warn, Level::Error];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Lets a kind of line through only so often.
#[derive(Clone, Debug, Default)]
pub(crate) struct BurstFilter {
    next: BTreeMap<&'static str, Micros>,
}

impl BurstFilter {
    pub(crate) fn passes(&mut self, kind: &'static str, now: Micros, gap: Micros) -> bool {
        let next = self.next.entry(kind).or_insert(Micros(i64::MIN));
        let passes = now >= *next;
        if passes {
            *next = now + gap;
        }
        passes
    }
}
