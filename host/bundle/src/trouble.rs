//! What can be wrong inside a bundle, counted per file and told as gaps: one per file and kind, so that a broken
//! file of a million lines says so once.

use std::collections::BTreeMap;

use lagdoctor_model::{Gap, GapCause, Redactor};

/// One kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    Missing,
    Unreadable,
    NotUtf8,
    TooLong,
    CutShort,
    NotJson,
    WrongShape,
    UnknownKind,
    UnknownNode,
    UnknownSignal,
    OtherUnit,
    UnknownLabel,
    UnevenLengths,
    NotANumber,
    NotATime,
    Unsorted,
    SameTime,
    AfterNow,
    SameSeries,
    UnfitQuery,
    SelfLoop,
    TooMany,
}

impl Trouble {
    /// What is counted, what is wrong with it, and what has become of it and can be done.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Missing => ("file", "it is not there", "nothing is known of what it would tell"),
            Self::Unreadable => {
                ("file", "it cannot be read", "nothing is known of what it would tell; check its rights")
            }
            Self::NotUtf8 => ("line", "not UTF-8", "what cannot be read is shown as `\u{fffd}`; write UTF-8"),
            Self::TooLong => ("line", "too long", "cut or left out; write shorter lines"),
            Self::CutShort => ("line", "the file ends in the middle", "the rest is missing; copy the bundle again"),
            Self::NotJson => ("line", "not JSON", "left out; write one JSON object a line"),
            Self::WrongShape => ("entry", "not as the schema has it", "left out; see FORMAT.md"),
            Self::UnknownKind => ("entry", "a kind that the vocabulary does not know", "left out; see nodes.toml"),
            Self::UnknownNode => ("entry", "a node that is not in topology.json", "left out; add the node"),
            Self::UnknownSignal => ("line", "a signal that the vocabulary does not know", "left out; see signals.toml"),
            Self::OtherUnit => ("line", "not in the unit of the vocabulary", "left out; convert the values"),
            Self::UnknownLabel => ("label", "a label that its signal does not have", "dropped; see signals.toml"),
            Self::UnevenLengths => ("line", "not as many times as values", "left out; write one time for each value"),
            Self::NotANumber => ("value", "no finite number", "taken as missing; write null for a missing value"),
            Self::NotATime => ("time", "no time in Unix milliseconds", "left out; write whole milliseconds"),
            Self::Unsorted => ("line", "times do not increase", "put in order; sort by time"),
            Self::SameTime => ("value", "a time that stands twice in its line", "only the first is used"),
            Self::AfterNow => ("entry", "later than `now_ms`", "left out; the window ends there, or a clock is ahead"),
            Self::SameSeries => ("line", "a series that stands on an earlier line", "joined; write each series once"),
            Self::UnfitQuery => ("query", "longer than 4 KiB, or with control characters", "dropped"),
            Self::SelfLoop => ("edge", "it joins a node to itself", "left out"),
            Self::TooMany => ("entry", "more than can be held", "not all are used; record a shorter window"),
        }
    }

    fn cause(self) -> GapCause {
        match self {
            Self::Missing => GapCause::NotConfigured,
            Self::Unreadable => GapCause::Unreachable,
            Self::TooLong | Self::TooMany => GapCause::Truncated,
            _ => GapCause::Malformed,
        }
    }
}

/// Where in a file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// All of it.
    File,
    /// A line, from 1.
    Line(usize),
    /// An entry of `nodes`, from 1.
    Node(usize),
    /// An entry of `edges`, from 1.
    Edge(usize),
    /// An entry of `[[gap]]`, from 1.
    Gap(usize),
}

/// So many characters of what the bundle says are quoted.
const MAX_DETAIL: usize = 120;

struct Found {
    first: Place,
    detail: String,
    count: usize,
}

/// The troubles of one file.
pub(crate) struct Troubles {
    file: &'static str,
    found: BTreeMap<Trouble, Found>,
}

impl Troubles {
    pub(crate) fn of(file: &'static str) -> Self {
        Self { file, found: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, trouble: Trouble, place: Place) {
        self.add_some(trouble, place, 1, "");
    }

    /// With what shows it: a name, or what a parser says.
    pub(crate) fn add_about(&mut self, trouble: Trouble, place: Place, detail: &str) {
        self.add_some(trouble, place, 1, detail);
    }

    pub(crate) fn add_some(&mut self, trouble: Trouble, place: Place, count: usize, detail: &str) {
        if count == 0 {
            return;
        }
        let found = self.found.entry(trouble).or_insert_with(|| {
            let mut short: String = detail.chars().take(MAX_DETAIL).collect();
            if short.len() < detail.len() {
                short.push('…');
            }
            Found { first: place, detail: short, count: 0 }
        });
        found.count += count;
    }

    /// One gap for each kind of trouble. What it quotes comes from the bundle, so it is redacted like all of that.
    pub(crate) fn into_gaps(self, redactor: &mut Redactor) -> impl Iterator<Item = Gap> {
        self.found.into_iter().map(move |(trouble, found)| {
            let (noun, what, outcome) = trouble.words();
            let place = match found.first {
                Place::File => String::new(),
                Place::Line(number) => format!(" line {number}"),
                Place::Node(number) => format!(" node {number}"),
                Place::Edge(number) => format!(" edge {number}"),
                Place::Gap(number) => format!(" gap {number}"),
            };
            let more = match found.count {
                1 => String::new(),
                2 => format!(" and 1 more {noun}"),
                count => format!(" and {} more {}", count - 1, plural(noun)),
            };
            let detail = redactor.redact(&found.detail);
            let detail = if found.detail.is_empty() { String::new() } else { format!(" ({detail})") };
            let statement = format!("{}{place}{more}: {what}{detail}; {outcome}", self.file);
            Gap { source: self.file.to_owned(), cause: trouble.cause(), node: None, statement }
        })
    }
}

fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{noun}s"),
    }
}
