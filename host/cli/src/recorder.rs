//! Leaves a record of each diagnosis in the audit. Whatever is wrong with the database costs one remark, never the
//! diagnosis. Start at [`Recorder::keep`].

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use lagdoctor_model::{Diagnosis, Millis, Signals};
use lagdoctor_runtime::{Bound, Secrets};
use lagdoctor_service::audit::{Audit, AuditError, Build, Digest, Draft, Entry, Keep, Place, default_database};
use lagdoctor_service::{Config, Options, Reading, Trace};

use crate::bundled::BUNDLED;
use crate::output::Output;
use crate::session::{self, Session};

/// Writes records, or does not.
pub struct Recorder {
    audit: Option<Audit>,
    build: Known,
    /// What was wrong the last time, so that a service says it once.
    trouble: Option<String>,
}

/// This build, once it is known: reading the whole program takes a moment, in which sources can be read as well.
enum Known {
    Soon(Option<JoinHandle<Build>>),
    Now(Build),
}

/// What was done.
#[derive(Clone, Copy)]
pub struct Done<'a> {
    /// From what.
    pub signals: &'a Signals,
    /// What came of reading it.
    pub readings: &'a [Reading],
    /// How.
    pub options: &'a Options,
    /// What was answered.
    pub diagnosis: &'a Diagnosis,
    /// How that came about.
    pub trace: &'a Trace,
}

impl Recorder {
    /// Leaves no record.
    pub fn off() -> Self {
        Self { audit: None, build: Known::Soon(None), trouble: None }
    }

    /// Leaves records in this file, or where the configuration says, or in the user's own audit.
    pub fn new(file: Option<&Path>, config: Option<&Config>, output: &Output) -> Self {
        let Some(place) = place(file, config) else {
            output
                .note("no audit record is kept: neither XDG_STATE_HOME nor HOME is set; name a database with --audit");
            return Self::off();
        };
        let keep = config.map_or_else(Keep::default, |config| config.audit.how_much());
        let reading = std::thread::Builder::new().name("lagdoctor-build".to_owned()).spawn(this_build).ok();
        Self { audit: Some(Audit::new(place, keep)), build: Known::Soon(reading), trouble: None }
    }

    /// Leaves a record.
    pub fn keep(
        &mut self,
        done: Done<'_>,
        collectors: &[Bound],
        cluster: &str,
        took: Millis,
        session: &Session,
        output: &Output,
    ) {
        let Some(audit) = self.audit.clone() else { return };
        let build = self.build();
        // Packing and writing hold the thread; whatever else runs goes on on others.
        let kept = tokio::task::block_in_place(|| append(&audit, &build, done, collectors, cluster, took, session));
        let trouble = match kept {
            Ok(notes) if notes.is_empty() => None,
            Ok(notes) => Some(notes.join("; ")),
            Err(error) => Some(format!("no record is kept of this: {error}")),
        };
        if let Some(trouble) = trouble.as_ref().filter(|trouble| self.trouble.as_ref() != Some(trouble)) {
            output.note(&format!("audit: {trouble}"));
        }
        self.trouble = trouble;
    }

    fn build(&mut self) -> Build {
        if let Known::Soon(reading) = &mut self.build {
            let build = reading.take().and_then(|reading| reading.join().ok());
            self.build = Known::Now(build.unwrap_or_else(this_build));
        }
        match &self.build {
            Known::Now(build) => build.clone(),
            Known::Soon(_) => this_build(),
        }
    }
}

fn append(
    audit: &Audit,
    build: &Build,
    done: Done<'_>,
    collectors: &[Bound],
    cluster: &str,
    took: Millis,
    session: &Session,
) -> Result<Vec<String>, AuditError> {
    let Done { signals, readings, options, diagnosis, trace } = done;
    let plugins = &session.loaded.plugins;
    let at = session::wall_clock().unwrap_or(signals.window.now);
    let links = &session.links();
    let entry =
        Entry { at, took, cluster, signals, options, links, collectors, plugins, readings, diagnosis, trace, build };
    let draft = Draft::new(&entry, &session.sources.secrets.all())?;
    let component = |sha256: Digest| component(session, sha256);
    Ok(audit.append(&draft, &component)?.notes)
}

/// The bytes of a component in use: of this program, or of the file that it was loaded from.
fn component(session: &Session, sha256: Digest) -> Option<Vec<u8>> {
    let plugins = &session.loaded.plugins;
    let judges = plugins.scorers.iter().chain([&plugins.ranker]).chain(&plugins.forecaster);
    let mut all = session.loaded.collectors.iter().chain(judges);
    let bound = all.find(|bound| bound.plugin().digest() == sha256.to_string())?;
    let source = bound.plugin().source();
    match BUNDLED.iter().find(|bundled| bundled.name == source) {
        Some(bundled) => Some(bundled.wasm.to_vec()),
        None => std::fs::read(source).ok(),
    }
}

/// Where the audit lies: in this file, where the configuration says, or in the user's state folder.
pub fn place(file: Option<&Path>, config: Option<&Config>) -> Option<Place> {
    let section = config.map(|config| (&config.audit, &config.folder));
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let database = match (file, section) {
        (Some(file), _) => file.to_owned(),
        (None, Some((audit, folder))) if audit.file.is_some() => folder.join(audit.file.as_ref()?),
        _ => default_database(variable("XDG_STATE_HOME").as_deref(), variable("HOME").as_deref())?,
    };
    let mut place = Place::beside(database);
    // An anchor of the configuration belongs to its database, not to one that was named instead.
    if let (None, Some((audit, folder))) = (file, section)
        && let Some(anchor) = &audit.anchor
    {
        place.anchor = folder.join(anchor);
    }
    Some(place)
}

/// This program.
pub fn this_build() -> Build {
    let program = std::env::current_exe().and_then(File::open).and_then(Digest::of_reader);
    Build { version: env!("CARGO_PKG_VERSION").to_owned(), sha256: program.ok() }
}
