//! Is the audit what it was? Walks the chain from the first record to the last, compares it with what was anchored, and
//! looks at every part that a record names. What is altered together with its hash no longer fits its neighbour; a chain
//! that was made anew as a whole no longer fits the anchor. Start at [`Book::verify`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::anchor::Anchors;
use super::book::{Book, Found, NoPart, Row};
use super::chain::{Head, link};
use super::record::Record;
use super::{AuditError, Digest};

/// What an audit is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Against {
    /// An anchor file.
    Anchors(Anchors),
    /// One hash, noted somewhere else: the record of this hash, and all before it, are checked.
    Hash(Digest),
    /// Nothing but itself: then whoever made the whole chain anew is not found.
    Nothing,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// First and last record that are there.
    pub records: Option<(u64, u64)>,
    /// How many records are there.
    pub count: usize,
    /// The last record that is anchored.
    pub anchored: Option<u64>,
    /// What is wrong, by the place in the chain.
    pub faults: Vec<Fault>,
}

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Records that were there are gone.
    Missing {
        /// The first one.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// The end of the chain is gone.
    Truncated {
        /// The first one that is gone.
        from: u64,
        /// The last one that was anchored.
        to: u64,
    },
    /// A record is not what its hash says.
    Altered {
        /// Which.
        sequence: u64,
    },
    /// A record cannot be read, because the file is damaged where it lies.
    Unreadable {
        /// Which.
        sequence: u64,
    },
    /// A record lies in the place of another.
    Moved {
        /// Where it lies.
        sequence: u64,
        /// Where it belongs.
        from: u64,
    },
    /// A record does not follow the one before: that one, or all up to it, were written anew.
    Unlinked {
        /// Which.
        sequence: u64,
    },
    /// A record is whole and is not the one that was anchored.
    NotAnchored {
        /// Which.
        sequence: u64,
        /// When another one was anchored.
        at: String,
    },
    /// A part of a record is gone or altered.
    Part {
        /// Of which.
        sequence: u64,
        /// Which part.
        part: String,
        /// Whether it is gone.
        is_missing: bool,
    },
    /// No record has the hash that is to be checked against.
    NoSuchHash,
    /// A line of the anchor file cannot be read.
    AnchorLine {
        /// From 1.
        line: usize,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = |f: &mut fmt::Formatter<'_>, from: u64, to: u64, what: &str| match to - from {
            0 => write!(f, "record {from} {what}"),
            _ => write!(f, "records {from} to {to} {what}"),
        };
        match self {
            Self::Missing { from, to } => records(f, *from, *to, "missing: removed from the database"),
            Self::Truncated { from, to } => records(f, *from, *to, "missing: anchored, and the database ends before"),
            Self::Altered { sequence } => write!(f, "record {sequence} altered: its content is not what its hash says"),
            Self::Unreadable { sequence } => {
                write!(f, "record {sequence} unreadable: the file is damaged where it lies")
            }
            Self::Moved { sequence, from } => {
                write!(f, "record {sequence} reordered: what lies there is record {from}")
            }
            Self::Unlinked { sequence } => write!(
                f,
                "record {sequence} does not follow record {}: that one was replaced, or this one",
                sequence.saturating_sub(1)
            ),
            Self::NotAnchored { sequence, at } => {
                write!(f, "record {sequence} altered: it is not the one that was anchored at {at}")
            }
            Self::Part { sequence, part, is_missing } => {
                write!(f, "record {sequence}: its {part} is {}", if *is_missing { "missing" } else { "altered" })
            }
            Self::NoSuchHash => f.write_str("no record has the hash that it should be checked against"),
            Self::AnchorLine { line } => write!(f, "line {line} of the anchor cannot be read"),
        }
    }
}

impl Fault {
    /// The place in the chain, for order; what is about no record comes last.
    fn place(&self) -> u64 {
        match self {
            Self::Missing { from, .. } | Self::Truncated { from, .. } => *from,
            Self::Altered { sequence }
            | Self::Unreadable { sequence }
            | Self::Moved { sequence, .. }
            | Self::Unlinked { sequence }
            | Self::NotAnchored { sequence, .. }
            | Self::Part { sequence, .. } => *sequence,
            Self::NoSuchHash | Self::AnchorLine { .. } => u64::MAX,
        }
    }
}

impl Book {
    /// Checks every record and every part of it. Read the anchor before this, and nothing that is written meanwhile is
    /// taken for a fault.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn verify(&self, against: &Against) -> Result<Verified, AuditError> {
        let moment = self.at_one_moment()?;
        let places = self.sequences()?;
        let mut walk = Walk::new(against, &places);
        let mut parts: BTreeMap<Digest, Option<NoPart>> = BTreeMap::new();
        let belongs = self.belongings(&places)?;
        for &place in &places {
            let row = match self.row(place)? {
                Found::Row(row) => row,
                Found::Nothing => continue,
                Found::Damage => {
                    walk.pass_over(place);
                    continue;
                }
            };
            if let Some(record) = walk.see(&row, &belongs) {
                for (name, digest) in record.parts() {
                    let state = match parts.get(&digest) {
                        Some(state) => *state,
                        None => self.part(digest)?.err(),
                    };
                    parts.insert(digest, state);
                    // A component that could not be kept is told by the replay, and is nobody's doing.
                    let is_component = name.starts_with("component");
                    if let Some(state) = state.filter(|state| !is_component || *state == NoPart::Altered) {
                        let is_missing = state == NoPart::Missing;
                        walk.faults.push(Fault::Part { sequence: place, part: name, is_missing });
                    }
                }
            }
        }
        drop(moment);
        Ok(walk.end())
    }

    /// Where each hash belongs, as the successors say: a record of this hash lies before them.
    fn belongings(&self, places: &[u64]) -> Result<BTreeMap<Vec<u8>, u64>, AuditError> {
        let mut belongs = BTreeMap::new();
        for &place in places {
            if let Found::Row(row) = self.row(place)? {
                belongs.insert(row.previous, place.saturating_sub(1));
            }
        }
        Ok(belongs)
    }
}

struct Walk<'a> {
    against: &'a Against,
    heads: BTreeMap<u64, Vec<(Digest, &'a str)>>,
    places: &'a [u64],
    /// The record before, as the chain has it so far.
    before: Option<Head>,
    /// Where the hash is that is checked against.
    hash_at: Option<u64>,
    faults: Vec<Fault>,
}

impl<'a> Walk<'a> {
    fn new(against: &'a Against, places: &'a [u64]) -> Self {
        let mut heads: BTreeMap<u64, Vec<(Digest, &str)>> = BTreeMap::new();
        let mut faults = vec![];
        let mut before = Some(Head { sequence: 0, hash: Digest::NONE });
        match against {
            Against::Anchors(anchors) => {
                for anchored in &anchors.heads {
                    heads.entry(anchored.head.sequence).or_default().push((anchored.head.hash, &anchored.at));
                }
                faults.extend(anchors.unreadable.iter().map(|line| Fault::AnchorLine { line: *line }));
                if let (Some(from), Some(first)) = (anchors.from, places.first()) {
                    // Records before it may still be there: their removal was announced and did not happen.
                    before =
                        if *first < from.sequence { None } else { Some(Head { sequence: from.sequence - 1, ..from }) };
                }
            }
            // Without an anchor nobody knows whether what came before was removed by intent.
            Against::Hash(_) | Against::Nothing => before = None,
        }
        Self { against, heads, places, before, hash_at: None, faults }
    }

    /// Looks at one record, in order; gives what it says when it is what its hash says.
    fn see(&mut self, row: &Row, belongs: &BTreeMap<Vec<u8>, u64>) -> Option<Record> {
        let sequence = row.sequence;
        if let Some(before) = self.before.filter(|before| before.sequence + 1 < sequence) {
            self.faults.push(Fault::Missing { from: before.sequence + 1, to: sequence - 1 });
            self.before = None;
        }
        let previous = Digest::from_slice(&row.previous);
        let hash = Digest::from_slice(&row.hash);
        let is_whole = previous.is_some_and(|previous| Some(link(previous, sequence, &row.record)) == hash);
        if !is_whole {
            let elsewhere = hash.and_then(|hash| self.anchored_at(hash)).or_else(|| belongs.get(&row.hash).copied());
            match elsewhere.filter(|elsewhere| *elsewhere != sequence) {
                Some(from) => self.faults.push(Fault::Moved { sequence, from }),
                None => self.faults.push(Fault::Altered { sequence }),
            }
        } else if self.before.is_some_and(|before| Some(before.hash) != previous) {
            self.faults.push(Fault::Unlinked { sequence });
        }
        if is_whole
            && let Some((_, at)) =
                self.heads.get(&sequence).and_then(|heads| heads.iter().find(|(head, _)| Some(*head) != hash))
        {
            self.faults.push(Fault::NotAnchored { sequence, at: (*at).to_owned() });
        }
        if is_whole && matches!(self.against, Against::Hash(wanted) if Some(*wanted) == hash) {
            self.hash_at = Some(sequence);
        }
        // A record that was altered without its hash still says what the next one follows.
        self.before = hash.map(|hash| Head { sequence, hash });
        if !is_whole {
            return None;
        }
        let record = serde_json::from_slice(&row.record).ok();
        if record.is_none() {
            self.faults.push(Fault::Altered { sequence });
        }
        record
    }

    /// Notes a record that cannot be read. What follows it has nothing to be compared with.
    fn pass_over(&mut self, sequence: u64) {
        self.faults.push(Fault::Unreadable { sequence });
        self.before = None;
    }

    fn anchored_at(&self, hash: Digest) -> Option<u64> {
        self.heads.iter().find(|(_, heads)| heads.iter().any(|(head, _)| *head == hash)).map(|(place, _)| *place)
    }

    fn end(mut self) -> Verified {
        let anchored = match self.against {
            Against::Anchors(anchors) => anchors.last().map(|(sequence, ..)| sequence),
            Against::Hash(_) => self.hash_at,
            Against::Nothing => None,
        };
        if let (Against::Anchors(_), Some(anchored)) = (self.against, anchored) {
            let last = self.places.last().copied().unwrap_or_else(|| match self.against {
                Against::Anchors(Anchors { from: Some(from), .. }) => from.sequence - 1,
                _ => 0,
            });
            if last < anchored {
                self.faults.push(Fault::Truncated { from: last + 1, to: anchored });
            }
        }
        if matches!(self.against, Against::Hash(_)) && self.hash_at.is_none() {
            self.faults.push(Fault::NoSuchHash);
        }
        let once: BTreeSet<Fault> = self.faults.into_iter().collect();
        let mut faults: Vec<Fault> = once.into_iter().collect();
        faults.sort_by_key(Fault::place);
        let records = self.places.first().copied().zip(self.places.last().copied());
        Verified { records, count: self.places.len(), anchored, faults }
    }
}
