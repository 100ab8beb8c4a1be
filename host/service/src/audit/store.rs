//! The database: records by their place in the chain, and their larger parts by digest. A record is added in one
//! transaction that holds the write lock, so that writers in several processes make one chain. Start at [`append`];
//! reading is the matter of [`super::book`].

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use lagdoctor_model::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use super::chain::{Head, link};
use super::draft::{Draft, Part, json};
use super::record::Record;
use super::{AuditError, Digest, Keep, Place, anchor};

/// Marks the file as ours: "lagd".
const APPLICATION: i64 = 0x6c61_6764;
/// Version of the tables.
const VERSION: i64 = 1;
/// How long another process is waited for. Whoever diagnoses has answered by then.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// Once there is too much, so much of what is allowed is left: removing takes longer than adding.
const LEFT: f64 = 0.9;

const TABLES: &str = "
    CREATE TABLE records (
        sequence INTEGER PRIMARY KEY, previous BLOB NOT NULL, hash BLOB NOT NULL, record BLOB NOT NULL
    ) STRICT;
    CREATE TABLE parts (sha256 BLOB PRIMARY KEY, size INTEGER NOT NULL, packed BLOB NOT NULL) STRICT;
    CREATE TABLE uses (sequence INTEGER NOT NULL, sha256 BLOB NOT NULL, PRIMARY KEY (sequence, sha256)) STRICT,
        WITHOUT ROWID;
    CREATE INDEX uses_by_part ON uses (sha256);
";

/// A record that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its place, from 1.
    pub sequence: u64,
    /// Its hash, which stands for all records up to it.
    pub hash: Digest,
    /// How many old records were removed.
    pub removed: u64,
    /// What whoever runs this should know, one sentence each.
    pub notes: Vec<String>,
}

pub(super) fn append(
    place: &Place,
    keep: Keep,
    draft: &Draft,
    component: &dyn Fn(Digest) -> Option<Vec<u8>>,
) -> Result<Appended, AuditError> {
    let path = &place.database;
    let failed = |doing| move |error: rusqlite::Error| AuditError::database(path, doing, &error);
    let at = Timestamp::from_millis(draft.record.at_ms).unwrap_or(Timestamp::EPOCH);
    let mut connection = writable(path)?;
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed("write to"))?;
    let anchored = anchor::newest(&place.anchor)?;
    let known = head(&transaction).map_err(failed("read"))?;
    let mut notes = vec![];
    // What was anchored once has been there. When it is gone, the chain goes on behind it, so that verifying finds the
    // hole for ever, whatever is added later.
    let previous = match (known, anchored) {
        (known, Some(anchored)) if known.is_none_or(|known| known.sequence < anchored.sequence) => {
            notes.push(format!(
                "record {} of the audit is anchored, and the database ends before it; look into it with `lagdoctor audit verify`",
                anchored.sequence
            ));
            anchored
        }
        (known, _) => known.unwrap_or(Head { sequence: 0, hash: Digest::NONE }),
    };
    let mut record = draft.record.clone();
    let input = draft.input_that_fits(keep.bytes);
    record.input.kept = input.is_some();
    if input.is_none() {
        notes.push(
            "the input of this diagnosis is too large to be kept, so it cannot be replayed; raise `max_mib` of [audit]"
                .to_owned(),
        );
    }
    let bytes = json(&record);
    let sequence = previous.sequence + 1;
    let hash = link(previous.hash, sequence, &bytes);
    let write = || -> rusqlite::Result<()> {
        for part in input.into_iter().chain(&draft.parts[1..]) {
            add_part(&transaction, part)?;
        }
        for plugin in &record.plugins {
            if !has_part(&transaction, plugin.sha256)?
                && let Some(wasm) = component(plugin.sha256).filter(|wasm| Digest::of(wasm) == plugin.sha256)
            {
                add_part(&transaction, &Part::new(&wasm))?;
            }
        }
        transaction.execute(
            "INSERT INTO records (sequence, previous, hash, record) VALUES (?1, ?2, ?3, ?4)",
            params![place_of(sequence), previous.hash.as_slice(), hash.as_slice(), bytes],
        )?;
        for (_, part) in record.parts() {
            let uses = params![place_of(sequence), part.as_slice()];
            transaction.execute("INSERT OR IGNORE INTO uses (sequence, sha256) VALUES (?1, ?2)", uses)?;
        }
        Ok(())
    };
    write().map_err(failed("write to"))?;
    let removed = remove_old(&transaction, keep, at, sequence).map_err(failed("write to"))?;
    if let Some(from) = removed.from {
        anchor::add_from(&place.anchor, from, at)?;
    }
    transaction.commit().map_err(failed("write to"))?;
    // The record stands whatever becomes of its anchor, and the next anchor covers it.
    if let Err(error) = anchor::add_head(&place.anchor, Head { sequence, hash }, at) {
        notes.push(format!("record {sequence} is kept and not anchored: {error}"));
    }
    if removed.count > 0 {
        // That pages are free is enough, if they cannot be given back to the disk.
        let _ = give_back(&connection);
    }
    Ok(Appended { sequence, hash, removed: removed.count, notes })
}

struct Removed {
    count: u64,
    /// The first record that is left, and what it follows.
    from: Option<Head>,
}

/// Removes records that are too old or too many, the newest never.
fn remove_old(transaction: &Transaction<'_>, keep: Keep, now: Timestamp, newest: u64) -> rusqlite::Result<Removed> {
    let mut count = 0;
    let mut most = keep.bytes;
    loop {
        let oldest: Option<(i64, Vec<u8>)> = transaction
            .query_row("SELECT sequence, record FROM records ORDER BY sequence LIMIT 1", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let Some((sequence, record)) = oldest.filter(|(sequence, _)| *sequence < place_of(newest)) else { break };
        // A record that cannot be read has no age; it goes when there is no room.
        let at =
            serde_json::from_slice::<Record>(&record).ok().and_then(|record| Timestamp::from_millis(record.at_ms).ok());
        let is_old = at.is_some_and(|at| at + keep.age < now);
        if !is_old && bytes_used(transaction)? <= most {
            break;
        }
        if !is_old {
            most = (keep.bytes as f64 * LEFT) as u64;
        }
        transaction.execute(
            "DELETE FROM parts WHERE sha256 IN (SELECT sha256 FROM uses WHERE sequence = ?1) AND NOT EXISTS
             (SELECT 1 FROM uses WHERE uses.sha256 = parts.sha256 AND uses.sequence <> ?1)",
            [sequence],
        )?;
        transaction.execute("DELETE FROM uses WHERE sequence = ?1", [sequence])?;
        transaction.execute("DELETE FROM records WHERE sequence = ?1", [sequence])?;
        count += 1;
    }
    let from = transaction
        .query_row("SELECT sequence, previous FROM records ORDER BY sequence LIMIT 1", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?
        .filter(|_| count > 0)
        .map(|(sequence, previous)| Head {
            sequence: u64::try_from(sequence).unwrap_or(0),
            hash: Digest::from_slice(&previous).unwrap_or(Digest::NONE),
        });
    Ok(Removed { count, from })
}

/// Gives free pages back to the disk, one a step.
fn give_back(connection: &Connection) -> rusqlite::Result<()> {
    let mut vacuum = connection.prepare("PRAGMA incremental_vacuum")?;
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    Ok(())
}

fn bytes_used(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let pages = number("page_count")? - number("freelist_count")?;
    Ok(u64::try_from(pages * number("page_size")?).unwrap_or(0))
}

fn head(connection: &Connection) -> rusqlite::Result<Option<Head>> {
    let newest = "SELECT sequence, hash FROM records ORDER BY sequence DESC LIMIT 1";
    let row =
        connection.query_row(newest, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?;
    Ok(row.map(|(sequence, hash)| Head {
        sequence: u64::try_from(sequence).unwrap_or(0),
        // A hash that is none was put there by somebody else; what follows it says so.
        hash: Digest::from_slice(&hash).unwrap_or(Digest::NONE),
    }))
}

fn has_part(connection: &Connection, sha256: Digest) -> rusqlite::Result<bool> {
    connection.prepare("SELECT 1 FROM parts WHERE sha256 = ?1")?.exists([sha256.as_slice()])
}

fn add_part(connection: &Connection, part: &Part) -> rusqlite::Result<()> {
    let add = "INSERT OR IGNORE INTO parts (sha256, size, packed) VALUES (?1, ?2, ?3)";
    let size = i64::try_from(part.size).unwrap_or(i64::MAX);
    connection.execute(add, params![part.sha256.as_slice(), size, part.packed]).map(drop)
}

pub(super) fn place_of(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// Opens the database for writing; makes it, for its owner alone, when there is none.
fn writable(path: &Path) -> Result<Connection, AuditError> {
    let create = || -> io::Result<()> {
        make_folder(path)?;
        owner_only().read(true).append(true).create(true).open(path).map(drop)
    };
    if !path.exists() {
        create().map_err(|source| AuditError::Create { path: path.to_owned(), source })?;
    }
    let failed = |error: rusqlite::Error| AuditError::database(path, "open", &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    // What is anchored must be on the disk before; what is removed shall be gone.
    connection
        .execute_batch("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;")
        .map_err(failed)?;
    if is_ours(&connection, path)? == Ours::Empty {
        let begin = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        // Two that begin at once: the second one finds the tables of the first.
        if is_ours(&begin, path)? == Ours::Empty {
            begin.execute_batch(TABLES).map_err(failed)?;
            begin.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
            begin.pragma_update(None, "user_version", VERSION).map_err(failed)?;
        }
        begin.commit().map_err(failed)?;
    }
    Ok(connection)
}

#[derive(PartialEq, Eq)]
pub(super) enum Ours {
    Yes,
    Empty,
}

pub(super) fn is_ours(connection: &Connection, path: &Path) -> Result<Ours, AuditError> {
    let number = |query: &str| {
        connection
            .query_row(query, [], |row| row.get::<_, i64>(0))
            .map_err(|error| AuditError::database(path, "open", &error))
    };
    let foreign = |found: &str| AuditError::Foreign { path: path.to_owned(), found: found.to_owned() };
    match (number("PRAGMA application_id")?, number("PRAGMA user_version")?) {
        (APPLICATION, VERSION) => Ok(Ours::Yes),
        (APPLICATION, version) => Err(foreign(&format!("its format is {version}, and this program reads {VERSION}"))),
        _ if number("SELECT count(*) FROM sqlite_schema")? == 0 => Ok(Ours::Empty),
        _ => Err(foreign("it belongs to another program")),
    }
}

/// Makes the folder of a file, for its owner alone.
pub(super) fn make_folder(file: &Path) -> io::Result<()> {
    let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// How a file is opened that others must not read.
pub(super) fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
