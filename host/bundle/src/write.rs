//! Writes a bundle: the same signals give the same bytes, and a crash leaves the old bundle or the new one.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use lagdoctor_model::{Edge, Gap, Labels, Node, Redactor, Series, Signals, Vocabulary, Window};
use serde::Serialize;

use crate::header::{Meta, RawHeader, RawWindow};
use crate::{SCHEMA, files};

/// Why a bundle could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is something else.
    #[error("`{}` holds `{found}`, which is no part of a bundle; choose another folder, or clear this one", dir.display())]
    Occupied {
        /// The folder.
        dir: PathBuf,
        /// What is in the way.
        found: String,
    },
    /// Its window could not be read again.
    #[error("the window of these signals cannot be written: {why}; record a shorter one, or with longer steps")]
    Window {
        /// What is wrong with it.
        why: String,
    },
    /// The disk says no.
    #[error("cannot write `{}`; check rights and free space there", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// Why it was not.
        source: io::Error,
    },
}

#[derive(Serialize)]
struct SeriesLine<'a> {
    node: &'a str,
    signal: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    labels: &'a Labels,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times_ms: Option<Vec<i64>>,
    values: Vec<Option<f64>>,
}

fn is_empty(labels: &&Labels) -> bool {
    labels.is_empty()
}

#[derive(Serialize)]
struct LogLine<'a> {
    time_ms: i64,
    node: &'a str,
    level: Level<'a>,
    message: &'a str,
}

/// A name where it says all, else the OpenTelemetry number.
#[derive(Serialize)]
#[serde(untagged)]
enum Level<'a> {
    Name(&'a str),
    Number(u8),
}

#[derive(Serialize)]
struct EventLine<'a> {
    time_ms: i64,
    node: &'a str,
    kind: &'a str,
    what: &'a str,
}

/// Writes these signals as a bundle into a folder, which replaces the bundle that is there, if one is. The folder
/// appears whole or not at all. Statements of gaps and the source are redacted; logs and events are already.
///
/// # Errors
/// When the folder holds something that is no bundle, or cannot be written.
pub fn write(dir: &Path, signals: &Signals, meta: &Meta) -> Result<(), WriteError> {
    checked(signals.window)?;
    if let Some(found) = stranger(dir)? {
        return Err(WriteError::Occupied { dir: dir.to_owned(), found });
    }
    let staging = Staging::beside(dir)?;
    each_file(signals, meta, |name, write| staging.file(name, write))?;
    staging.become_bundle(dir)
}

/// The same bundle as one sequence of bytes, for whoever keeps many: see [`crate::unpack`]. Each file goes through
/// `clean`, which may take out of it what must not be kept.
///
/// # Errors
/// When the window is none that could be read again.
pub fn pack(signals: &Signals, meta: &Meta, mut clean: impl FnMut(Vec<u8>) -> Vec<u8>) -> Result<Vec<u8>, WriteError> {
    checked(signals.window)?;
    let mut packed = files::PACKED.to_vec();
    each_file(signals, meta, |name, write| {
        let mut bytes = vec![];
        write(&mut bytes).map_err(|source| WriteError::Write { path: name.into(), source })?;
        let mut bytes = clean(bytes);
        packed.extend_from_slice(format!("{name} {}\n", bytes.len()).as_bytes());
        packed.append(&mut bytes);
        Ok(())
    })?;
    Ok(packed)
}

fn checked(window: Window) -> Result<(), WriteError> {
    RawWindow::of(window).checked().map(drop).map_err(|why| WriteError::Window { why })
}

/// Writes the content of one file.
type Content<'a> = &'a dyn Fn(&mut dyn Write) -> io::Result<()>;

/// Hands each file's name and content to `file`, always in the same order.
fn each_file(
    signals: &Signals,
    meta: &Meta,
    mut file: impl FnMut(&str, Content<'_>) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let signals = signals.clone().normalised();
    let mut redactor = Redactor::for_topology(&signals.topology);
    let mut redact = |text: &str| redactor.redact(text).as_str().to_owned();
    let source = redact(&meta.source);
    let gaps = signals.gaps.iter().map(|gap| Gap {
        source: redact(&gap.source),
        statement: redact(&gap.statement),
        ..gap.clone()
    });
    let (window, gaps) = (RawWindow::of(signals.window), gaps.map(Into::into).collect());
    let header = RawHeader { schema: SCHEMA, source: &source, window, symptom: signals.reported.as_ref(), gaps };
    file(files::HEADER, &|out| out.write_all(toml::to_string(&header).map_err(io::Error::other)?.as_bytes()))?;
    file(files::TOPOLOGY, &|out| topology(out, signals.topology.nodes(), signals.topology.edges()))?;
    file(files::SERIES, &|out| signals.series.iter().try_for_each(|series| line(out, &series_line(series))))?;
    file(files::HISTORY, &|out| signals.history.iter().try_for_each(|series| line(out, &series_line(series))))?;
    file(files::LOGS, &|out| {
        signals.logs.iter().try_for_each(|log| {
            let name = log.severity.level();
            let is_all = lagdoctor_model::Severity::from_level(name) == log.severity;
            let level = if is_all { Level::Name(name) } else { Level::Number(log.severity.number()) };
            let (node, message) = (log.node.as_str(), log.message.as_str());
            line(out, &LogLine { time_ms: log.at.as_millis(), node, level, message })
        })
    })?;
    file(files::EVENTS, &|out| {
        signals.events.iter().try_for_each(|event| {
            let (node, what) = (event.node.as_str(), event.what.as_str());
            line(out, &EventLine { time_ms: event.at.as_millis(), node, kind: &event.kind, what })
        })
    })
}

/// Something in the folder that no bundle has there. An empty folder, or none, is free.
fn stranger(dir: &Path) -> Result<Option<String>, WriteError> {
    let fail = |source| WriteError::Write { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    let mut names = vec![];
    for entry in entries {
        names.push(entry.map_err(fail)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let is_bundle = names.is_empty() || names.iter().any(|name| name == files::HEADER);
    Ok(names.into_iter().find(|name| !is_bundle || !files::ALL.contains(&name.as_str())))
}

/// A topology as a bundle's `topology.json` holds it, which is also what `--topology` reads.
pub fn topology_json(known: &lagdoctor_model::Topology) -> String {
    let mut out = vec![];
    // Memory does not fail to be written to, and nodes and edges are plain words.
    let _ = topology(&mut out, known.nodes(), known.edges());
    String::from_utf8(out).unwrap_or_default()
}

/// `{"nodes": […], "edges": […]}`, one entry a line, so that two topologies can be compared by eye.
fn topology<'a>(
    out: &mut dyn Write,
    nodes: impl Iterator<Item = &'a Node>,
    edges: impl Iterator<Item = &'a Edge>,
) -> io::Result<()> {
    out.write_all(b"{\"nodes\": [")?;
    entries(out, nodes)?;
    out.write_all(b"], \"edges\": [")?;
    entries(out, edges)?;
    out.write_all(b"]}\n")
}

fn entries<T: Serialize>(out: &mut dyn Write, entries: impl Iterator<Item = T>) -> io::Result<()> {
    for (place, entry) in entries.enumerate() {
        out.write_all(if place == 0 { b"\n  " } else { b",\n  " })?;
        serde_json::to_writer(&mut *out, &entry)?;
    }
    Ok(())
}

fn line(out: &mut dyn Write, entry: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, entry)?;
    out.write_all(b"\n")
}

fn series_line(series: &Series) -> SeriesLine<'_> {
    let times: Vec<i64> = series.samples().iter().map(|sample| sample.at.as_millis()).collect();
    let step = times.get(1).zip(times.first()).map(|(second, first)| second - first);
    let regular = step.filter(|step| times.windows(2).all(|pair| pair[1] - pair[0] == *step));
    SeriesLine {
        node: series.node().as_str(),
        signal: series.signal().as_str(),
        labels: series.labels(),
        unit: Vocabulary::bundled().signal(series.signal().as_str()).map(|spec| spec.unit.as_str()),
        query: series.query(),
        start_ms: regular.and(times.first().copied()),
        step_ms: regular,
        times_ms: regular.is_none().then_some(times),
        // What is missing is NaN here and null there.
        values: series.samples().iter().map(|sample| Some(sample.value).filter(|value| value.is_finite())).collect(),
    }
}

/// A folder beside the one to be written, gone again unless it takes that one's place.
struct Staging(PathBuf);

impl Staging {
    fn beside(dir: &Path) -> Result<Self, WriteError> {
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(|source| WriteError::Write { path: parent.to_owned(), source })?;
        }
        free_name(dir, "new", |path| fs::create_dir(path)).map(Self)
    }

    fn file(&self, name: &str, write: Content<'_>) -> Result<(), WriteError> {
        let path = self.0.join(name);
        let written = File::create_new(&path).and_then(|file| {
            let mut out = BufWriter::new(file);
            write(&mut out)?;
            // A name that outlives a crash must not point to half a file.
            out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
        });
        written.map_err(|source| WriteError::Write { path, source })
    }

    fn become_bundle(self, dir: &Path) -> Result<(), WriteError> {
        let fail = |source| WriteError::Write { path: dir.to_owned(), source };
        if fs::remove_dir(dir).is_ok() || !dir.exists() {
            return fs::rename(&self.0, dir).map_err(fail);
        }
        let old = free_name(dir, "old", |path| fs::rename(dir, path))?;
        if let Err(error) = fs::rename(&self.0, dir) {
            // The old bundle back in its place is worth more than a second error.
            let _ = fs::rename(&old, dir);
            return Err(fail(error));
        }
        fs::remove_dir_all(&old).map_err(|source| WriteError::Write { path: old, source })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Once renamed there is nothing left to remove, and what cannot be removed is only in the way.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A hidden name beside `dir` that `take` can take; leftovers of an earlier crash may hold the first ones.
fn free_name(dir: &Path, role: &str, take: impl Fn(&Path) -> io::Result<()>) -> Result<PathBuf, WriteError> {
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut number = 0;
    loop {
        let path = dir.with_file_name(format!(".{name}.{role}{number}"));
        match take(&path) {
            Ok(()) => return Ok(path),
            Err(error) if is_taken(&error) && number < 100 => number += 1,
            Err(source) => return Err(WriteError::Write { path, source }),
        }
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty)
}
