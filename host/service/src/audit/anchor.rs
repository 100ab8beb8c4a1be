//! The second place: a file of lines that is only ever added to. `head SEQUENCE HASH TIME` says which record was the last
//! one then; `from SEQUENCE HASH TIME` says that older records may be gone by intent, and HASH is what record SEQUENCE
//! follows. A `from` is written before records are removed and a `head` after one was added, so that a crash in between
//! raises no false alarm.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use lagdoctor_model::Timestamp;

use super::AuditError;
use super::chain::{Digest, Head};

/// What the file says of itself, to whoever opens it.
const TITLE: &str = "# Heads of lagdoctor's audit, checked by `lagdoctor audit verify`. Only ever add to this file.\n";
/// The newest head is looked for in so many bytes at the end.
const TAIL: u64 = 16 << 10;

/// One `head` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Anchored {
    pub(super) head: Head,
    /// When, as it stands there.
    pub(super) at: String,
}

/// All that an anchor says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    pub(super) heads: Vec<Anchored>,
    /// The first record that must be there, and what it follows.
    pub(super) from: Option<Head>,
    /// Lines that cannot be read, from 1.
    pub(super) unreadable: Vec<usize>,
}

enum Line {
    Head(Anchored),
    From(Head),
}

fn line(text: &str) -> Option<Line> {
    let words: Vec<&str> = text.split(' ').collect();
    let [kind, sequence, hash, at] = words[..] else { return None };
    let head = Head { sequence: sequence.parse().ok()?, hash: hash.parse().ok()? };
    match kind {
        "head" => Some(Line::Head(Anchored { head, at: at.to_owned() })),
        "from" => Some(Line::From(head)),
        _ => None,
    }
}

impl Anchors {
    /// What this text of an anchor file says.
    pub(super) fn parse(text: &str) -> Self {
        let mut anchors = Self::default();
        for (number, text) in text.lines().enumerate() {
            match line(text) {
                Some(Line::Head(head)) => anchors.heads.push(head),
                Some(Line::From(from)) => anchors.from = anchors.from.max_by_place(from),
                None if text.is_empty() || text.starts_with('#') => {}
                None => anchors.unreadable.push(number + 1),
            }
        }
        anchors
    }

    /// What an anchor file says; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load(path: &Path) -> Result<Option<Self>, AuditError> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(Self::parse(&String::from_utf8_lossy(&bytes)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(AuditError::Anchor { path: path.to_owned(), doing: "read", source }),
        }
    }

    /// The last record that is anchored, its hash, and since when.
    pub fn last(&self) -> Option<(u64, Digest, &str)> {
        let last = self.heads.iter().max_by_key(|anchored| anchored.head.sequence)?;
        Some((last.head.sequence, last.head.hash, &last.at))
    }
}

trait MaxByPlace {
    fn max_by_place(self, other: Head) -> Self;
}

impl MaxByPlace for Option<Head> {
    fn max_by_place(self, other: Head) -> Self {
        Some(self.filter(|known| known.sequence > other.sequence).unwrap_or(other))
    }
}

/// The newest head of an anchor file, from its end.
pub(super) fn newest(path: &Path) -> Result<Option<Head>, AuditError> {
    let fail = |source| AuditError::Anchor { path: path.to_owned(), doing: "read", source };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(fail(source)),
    };
    let length = file.metadata().map_err(fail)?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).map_err(fail)?;
    let mut bytes = vec![];
    file.take(TAIL).read_to_end(&mut bytes).map_err(fail)?;
    let tail = Anchors::parse(&String::from_utf8_lossy(&bytes));
    Ok(tail.heads.iter().map(|anchored| anchored.head).max_by_key(|head| head.sequence))
}

/// Adds `head` for the record that was added.
pub(super) fn add_head(path: &Path, head: Head, at: Timestamp) -> Result<(), AuditError> {
    add(path, "head", head, at)
}

/// Adds `from` for records that are about to be removed.
pub(super) fn add_from(path: &Path, from: Head, at: Timestamp) -> Result<(), AuditError> {
    add(path, "from", from, at)
}

fn add(path: &Path, kind: &str, head: Head, at: Timestamp) -> Result<(), AuditError> {
    let write = || -> io::Result<()> {
        super::store::make_folder(path)?;
        let mut file = super::store::owner_only().append(true).read(true).create(true).open(path)?;
        let length = file.metadata()?.len();
        let mut text = if length == 0 { TITLE.to_owned() } else { String::new() };
        if length > 0 {
            // A line that a crash cut short must not spoil the next one.
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                text.push('\n');
            }
        }
        text.push_str(&format!("{kind} {} {} {at}\n", head.sequence, head.hash));
        // One write, so that lines of several processes stay whole.
        file.write_all(text.as_bytes()).inspect_err(|_| {
            // On a full disk half a line may have been written, which would be found to be unreadable for ever.
            if file.metadata().is_ok_and(|now| now.len() < length + text.len() as u64) {
                let _ = file.set_len(length);
            }
        })?;
        file.sync_data()
    };
    write().map_err(|source| AuditError::Anchor { path: path.to_owned(), doing: "write", source })
}
