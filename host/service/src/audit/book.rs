//! An audit that is read: records by number or hash, and their parts. Start at [`Book::open`].

use std::path::{Path, PathBuf};

use lagdoctor_bundle::Recorded;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};

use super::error::is_damage;
use super::record::Record;
use super::store::{Ours, PATIENCE, is_ours, place_of};
use super::{AuditError, DecisionPath, Digest};

/// A record and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Its place, from 1.
    pub sequence: u64,
    /// Its hash.
    pub hash: Digest,
    /// What it says.
    pub record: Record,
}

/// One row, as it lies there.
pub(super) struct Row {
    pub(super) sequence: u64,
    pub(super) previous: Vec<u8>,
    pub(super) hash: Vec<u8>,
    pub(super) record: Vec<u8>,
}

/// What lies in one place.
pub(super) enum Found {
    Row(Row),
    Nothing,
    /// The place cannot be read, because the file is damaged there.
    Damage,
}

/// An audit that is read.
pub struct Book {
    connection: Connection,
    path: PathBuf,
}

/// A part that could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPart {
    Missing,
    Altered,
}

impl Book {
    pub(super) fn open(path: &Path) -> Result<Self, AuditError> {
        if !path.exists() {
            return Err(AuditError::Missing { path: path.to_owned() });
        }
        let failed = |error: rusqlite::Error| AuditError::database(path, "open", &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        if is_ours(&connection, path)? == Ours::Empty {
            return Err(AuditError::Missing { path: path.to_owned() });
        }
        Ok(Self { connection, path: path.to_owned() })
    }

    fn failed(&self, error: &rusqlite::Error) -> AuditError {
        AuditError::database(&self.path, "read", error)
    }

    /// The last so many records, oldest first.
    ///
    /// # Errors
    /// When the database or one of them cannot be read.
    pub fn last(&self, most: usize) -> Result<Vec<Kept>, AuditError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut rows = self.rows("SELECT * FROM records ORDER BY sequence DESC LIMIT ?1", most)?;
        rows.reverse();
        rows.into_iter().map(kept).collect()
    }

    /// One record: by its number, or by the beginning of the hash of its body, which is the `body_sha256` of a report;
    /// of several the newest.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn record(&self, wanted: &str) -> Result<Kept, AuditError> {
        let by_number = match wanted.parse::<i64>() {
            Ok(number) => self.rows("SELECT * FROM records WHERE sequence = ?1", number)?.pop(),
            Err(_) => None,
        };
        if let Some(row) = by_number {
            return kept(row);
        }
        let wanted = wanted.to_ascii_lowercase();
        if wanted.len() >= 8 && wanted.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            for kept in self.last(usize::MAX)?.into_iter().rev() {
                if kept.record.body.to_string().starts_with(&wanted) {
                    return Ok(kept);
                }
            }
        }
        let numbers = self.sequences()?;
        let held = match (numbers.first(), numbers.last()) {
            (Some(first), Some(last)) => format!(
                "it holds {first} to {last}; a record is named by its number, or by 8 or more digits of a report's body_sha256"
            ),
            _ => "it is empty".to_owned(),
        };
        Err(AuditError::NoRecord { wanted, held })
    }

    /// The last so many records that can be read, oldest first; those that were altered beyond that are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn readable(&self, most: usize) -> Result<Vec<Kept>, AuditError> {
        let places = self.sequences()?;
        let mut readable = Vec::new();
        for &place in &places[places.len().saturating_sub(most)..] {
            if let Found::Row(row) = self.row(place)? {
                readable.extend(kept(row));
            }
        }
        Ok(readable)
    }

    /// The body that a record tells of; `None` when it is missing or altered.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn body(&self, kept: &Kept) -> Result<Option<Vec<u8>>, AuditError> {
        Ok(self.part(kept.record.body)?.ok())
    }

    /// How the verdict of a record came about; `None` when that is missing or altered.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn path(&self, kept: &Kept) -> Result<Option<DecisionPath>, AuditError> {
        Ok(self.part(kept.record.path)?.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The input of a record; `None` when it was not kept, is missing or altered.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn input(&self, kept: &Kept) -> Result<Option<Recorded>, AuditError> {
        let name = format!("input of record {}", kept.sequence);
        let input = self.part(kept.record.input.sha256)?.ok();
        Ok(input.and_then(|input| lagdoctor_bundle::unpack(&name, &input).ok()))
    }

    /// The numbers of all records.
    pub(super) fn sequences(&self) -> Result<Vec<u64>, AuditError> {
        let read = || -> rusqlite::Result<Vec<i64>> {
            let mut query = self.connection.prepare("SELECT sequence FROM records ORDER BY sequence")?;
            query.query_map([], |row| row.get(0))?.collect()
        };
        let numbers = read().map_err(|error| self.failed(&error))?;
        Ok(numbers.into_iter().filter_map(|number| u64::try_from(number).ok()).collect())
    }

    /// One row, as it lies there.
    pub(super) fn row(&self, sequence: u64) -> Result<Found, AuditError> {
        match self.read("SELECT * FROM records WHERE sequence = ?1", place_of(sequence)) {
            Ok(mut rows) => Ok(rows.pop().map_or(Found::Nothing, Found::Row)),
            Err(error) if is_damage(&error) => Ok(Found::Damage),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn rows(&self, query: &str, parameter: i64) -> Result<Vec<Row>, AuditError> {
        self.read(query, parameter).map_err(|error| self.failed(&error))
    }

    fn read(&self, query: &str, parameter: i64) -> rusqlite::Result<Vec<Row>> {
        let mut query = self.connection.prepare(query)?;
        let row = |row: &rusqlite::Row<'_>| {
            let sequence = u64::try_from(row.get::<_, i64>("sequence")?).unwrap_or(0);
            Ok(Row { sequence, previous: row.get("previous")?, hash: row.get("hash")?, record: row.get("record")? })
        };
        query.query_map([parameter], row)?.collect()
    }

    /// A part by its digest.
    pub(super) fn part(&self, sha256: Digest) -> Result<Result<Vec<u8>, NoPart>, AuditError> {
        let read = "SELECT size, packed FROM parts WHERE sha256 = ?1";
        let found: Option<(i64, Vec<u8>)> = self
            .connection
            .query_row(read, [sha256.as_slice()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .or_else(|error| if is_damage(&error) { Ok(Some((0, vec![]))) } else { Err(self.failed(&error)) })?;
        let Some((size, packed)) = found else { return Ok(Err(NoPart::Missing)) };
        let most = usize::try_from(size).unwrap_or(0);
        let bytes = miniz_oxide::inflate::decompress_to_vec_with_limit(&packed, most).ok();
        Ok(bytes.filter(|bytes| Digest::of(bytes) == sha256).ok_or(NoPart::Altered))
    }

    /// The whole of what follows is seen as of one moment, whoever writes meanwhile, until the answer is dropped.
    pub(super) fn at_one_moment(&self) -> Result<Transaction<'_>, AuditError> {
        self.connection.unchecked_transaction().map_err(|error| self.failed(&error))
    }
}

pub(super) fn kept(row: Row) -> Result<Kept, AuditError> {
    let broken = |reason: String| AuditError::Broken { sequence: row.sequence, reason };
    let hash = Digest::from_slice(&row.hash).ok_or_else(|| broken("its hash is none".to_owned()))?;
    let record = serde_json::from_slice(&row.record).map_err(|error| broken(error.to_string()))?;
    Ok(Kept { sequence: row.sequence, hash, record })
}
