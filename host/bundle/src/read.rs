//! Reads a bundle: strict about what makes a folder a bundle, lenient about everything in it.

mod cells;
mod lines;
mod place;
mod repair;
mod series;
mod text;
mod topology;

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use lagdoctor_model::{Gap, KnownSymptom, NodeId, Redactor, Signals, Topology, Vocabulary, Window};

use crate::header::{Meta, RawGap, RawWindow};
use crate::trouble::{Place, Trouble, Troubles};
use crate::{SCHEMA, files};
use lines::Lines;
use place::Source;

/// The longest `bundle.toml` and `topology.json` that are read.
const MAX_HEADER_BYTES: u64 = 4 << 20;
const MAX_TOPOLOGY_BYTES: u64 = 64 << 20;

/// A bundle, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What it tells, normalised. What it fails to tell is in `gaps`.
    pub signals: Signals,
    /// What it says of itself.
    pub meta: Meta,
}

/// Why a folder cannot be read as a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// There is no such folder.
    #[error("there is no folder `{}`; give the folder of a bundle", dir.display())]
    NoFolder {
        /// The folder.
        dir: PathBuf,
    },
    /// It has no `bundle.toml`.
    #[error(
        "`{}` is no bundle: it has no bundle.toml; give a folder that `lagdoctor record` or `lagdoctor simulate --out` \
         wrote, or write one as FORMAT.md says", dir.display()
    )]
    NotABundle {
        /// The folder.
        dir: PathBuf,
    },
    /// Its format is another.
    #[error("bundle `{}` has {found}, and this lagdoctor reads schema {SCHEMA}; {way_out}", dir.display())]
    Version {
        /// The folder.
        dir: PathBuf,
        /// What it has.
        found: String,
        /// What to do.
        way_out: &'static str,
    },
    /// Its `bundle.toml` is broken.
    #[error("cannot make sense of `{}`; fix what is named below, FORMAT.md shows how it should look", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
    /// Nothing can be placed in its window.
    #[error("the `[window]` of `{}` is no window: {why}; write Unix milliseconds", path.display())]
    Window {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The disk says no.
    #[error("cannot read `{}`; check that it is a file that you may read", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// Why it was not.
        source: io::Error,
    },
}

/// Reads the bundle in this folder. What is broken in it is told as a gap, with file and line, and left out; the rest
/// is used. Text is redacted, whoever wrote it. Reads no more than fits: long lines are cut, and of too many log lines
/// the last are kept.
///
/// # Errors
/// When the folder has no `bundle.toml` of this schema with a window in it.
pub fn read(dir: &Path) -> Result<Recorded, BundleError> {
    from(&Source::Folder(dir))
}

/// Reads a bundle that [`crate::pack`] made, as [`read()`] does; `name` is what errors call it.
///
/// # Errors
/// As [`read()`].
pub fn unpack(name: &str, packed: &[u8]) -> Result<Recorded, BundleError> {
    from(&Source::packed(name, packed))
}

fn from(source: &Source<'_>) -> Result<Recorded, BundleError> {
    let header = read_header(source)?;
    let Header { window, mut meta, symptom, gaps: told } = header;
    let mut signals = Signals::empty(window);
    let mut places = Places { source, window, topology: Topology::new(), is_listed: true };
    let mut all = vec![];

    let mut troubles = Troubles::of(files::TOPOLOGY);
    match places.open(files::TOPOLOGY) {
        Ok(file) => match whole(file, MAX_TOPOLOGY_BYTES) {
            Ok((bytes, is_cut)) => {
                places.is_listed = topology::read(&bytes, is_cut, &mut places.topology, &mut troubles)
            }
            Err(error) => troubles.add_about(Trouble::Unreadable, Place::File, &error.to_string()),
        },
        Err(trouble) => troubles.add(trouble, Place::File),
    }
    places.is_listed &= !places.topology.is_empty();
    all.push(troubles);

    let mut troubles = Troubles::of(files::SERIES);
    each_line(&mut places, files::SERIES, series::MAX_LINE_BYTES, &mut troubles, series::read)
        .map_or_else(|trouble| troubles.add(trouble, Place::File), |series| signals.series = series);
    all.push(troubles);
    // Without a past there is no seasonality, which is no fault of the bundle.
    let mut troubles = Troubles::of(files::HISTORY);
    if source.has(files::HISTORY) {
        each_line(&mut places, files::HISTORY, series::MAX_LINE_BYTES, &mut troubles, series::read)
            .map_or_else(|trouble| troubles.add(trouble, Place::File), |series| signals.history = series);
    }
    all.push(troubles);

    let mut redactor = Redactor::for_topology(&places.topology);
    let mut troubles = Troubles::of(files::LOGS);
    each_line(&mut places, files::LOGS, text::MAX_LINE_BYTES, &mut troubles, |places, lines, troubles| {
        text::logs(places, lines, troubles, &mut redactor)
    })
    .map_or_else(|trouble| troubles.add(trouble, Place::File), |logs| signals.logs = logs);
    all.push(troubles);
    let mut troubles = Troubles::of(files::EVENTS);
    each_line(&mut places, files::EVENTS, text::MAX_LINE_BYTES, &mut troubles, |places, lines, troubles| {
        text::events(places, lines, troubles, &mut redactor)
    })
    .map_or_else(|trouble| troubles.add(trouble, Place::File), |events| signals.events = events);
    all.push(troubles);

    let mut troubles = Troubles::of(files::HEADER);
    for (place, gap) in told.into_iter().enumerate() {
        match gap.try_into::<RawGap>() {
            Ok(gap) => {
                let Gap { source, cause, node, statement } = gap.into();
                let mut redact = |text: &str| redactor.redact(text).as_str().to_owned();
                signals.gaps.push(Gap { source: redact(&source), cause, node, statement: redact(&statement) });
            }
            Err(error) => troubles.add_about(Trouble::WrongShape, Place::Gap(place + 1), error.message()),
        }
    }
    if let Some(symptom) = symptom {
        match symptom.try_into::<KnownSymptom>() {
            Ok(symptom) => signals.reported = Some(symptom),
            Err(error) => {
                troubles.add_about(Trouble::WrongShape, Place::File, &format!("symptom: {}", error.message()))
            }
        }
    }
    meta.source = redactor.redact(&meta.source).as_str().to_owned();
    all.push(troubles);

    for troubles in all {
        signals.gaps.extend(troubles.into_gaps(&mut redactor));
    }
    signals.topology = places.topology;
    Ok(Recorded { signals: signals.normalised(), meta })
}

struct Header {
    window: Window,
    meta: Meta,
    symptom: Option<toml::Value>,
    gaps: Vec<toml::Value>,
}

fn read_header(source: &Source<'_>) -> Result<Header, BundleError> {
    let (dir, path) = (source.name(), source.name().join(files::HEADER));
    let text = match source.reader(files::HEADER).and_then(|file| whole(file, MAX_HEADER_BYTES)) {
        Ok((bytes, _)) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if !source.is_there() && is_absent(&error) => {
            return Err(BundleError::NoFolder { dir: dir.to_owned() });
        }
        Err(error) if is_absent(&error) => return Err(BundleError::NotABundle { dir: dir.to_owned() }),
        Err(source) => return Err(BundleError::Read { path, source }),
    };
    let header = |source| BundleError::Header { path: path.clone(), source: Box::new(source) };
    let mut table: toml::Table = toml::from_str(text.trim_start_matches('\u{feff}')).map_err(header)?;
    // The version comes before all else: what else there is depends on it.
    let version = match table.get("schema") {
        Some(toml::Value::Integer(version)) if *version == i64::from(SCHEMA) => None,
        Some(toml::Value::Integer(version)) if *version > i64::from(SCHEMA) => {
            Some((format!("schema {version}"), "read it with a newer lagdoctor"))
        }
        Some(other) => {
            Some((format!("schema {}", short(&other.to_string())), "write `schema = 1` if it is of that format"))
        }
        None => Some(("no `schema`".to_owned(), "write `schema = 1` if it is of that format")),
    };
    if let Some((found, way_out)) = version {
        return Err(BundleError::Version { dir: dir.to_owned(), found, way_out });
    }
    let Some(window) = table.remove("window") else {
        return Err(BundleError::Window { path, why: "there is none".to_owned() });
    };
    let window = window.try_into::<RawWindow>().map_err(header)?.checked();
    let window = window.map_err(|why| BundleError::Window { path: path.clone(), why })?;
    let source = match table.remove("source") {
        Some(toml::Value::String(source)) => source,
        _ => String::new(),
    };
    let gaps = match table.remove("gap") {
        Some(toml::Value::Array(gaps)) => gaps,
        other => other.into_iter().collect(),
    };
    Ok(Header { window, meta: Meta { source }, symptom: table.remove("symptom"), gaps })
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What a text of the bundle may show of itself in an error: no control characters, not much.
fn short(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// What the bytes hold, and whether that is not all.
fn whole(file: impl Read, most: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut bytes = vec![];
    file.take(most + 1).read_to_end(&mut bytes)?;
    let is_cut = bytes.len() as u64 > most;
    bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok((bytes, is_cut))
}

/// Where things can be placed: when and on which nodes.
struct Places<'a> {
    source: &'a Source<'a>,
    window: Window,
    topology: Topology,
    /// Whether the bundle lists its nodes. If not, the nodes are those that something is told about.
    is_listed: bool,
}

impl<'a> Places<'a> {
    fn open(&self, file: &str) -> Result<Box<dyn Read + 'a>, Trouble> {
        self.source.open(file)
    }

    /// The node of this name, if something may be told about it.
    fn node(&mut self, name: &str, place: Place, troubles: &mut Troubles) -> Option<NodeId> {
        let node = match NodeId::new(name) {
            Ok(node) => node,
            Err(error) => {
                troubles.add_about(Trouble::WrongShape, place, &error.to_string());
                return None;
            }
        };
        if self.topology.node(&node).is_some() {
            return Some(node);
        }
        if self.is_listed {
            troubles.add_about(Trouble::UnknownNode, place, node.as_str());
            return None;
        }
        if Vocabulary::bundled().node(node.kind()).is_none() {
            troubles.add_about(Trouble::UnknownKind, place, node.as_str());
            return None;
        }
        self.topology.add_node(lagdoctor_model::Node::new(node.clone()));
        Some(node)
    }
}

/// Opens a file of lines and lets `read` go through it.
fn each_line<'a, T>(
    places: &mut Places<'a>,
    file: &str,
    most: usize,
    troubles: &mut Troubles,
    read: impl FnOnce(&mut Places<'a>, Lines<BufReader<Box<dyn Read + 'a>>>, &mut Troubles) -> T,
) -> Result<T, Trouble> {
    let file = places.open(file)?;
    let lines = Lines::new(BufReader::new(file), most);
    Ok(read(places, lines, troubles))
}
