//! Where are the cases, and what does each say of itself? A case is a folder with a table and either `case.json` or
//! `inject_time.txt`; in the second layout its path is its label. Start at [`found`] and [`Label::read`].

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ImportError;

/// How deep below the folder that was named cases are looked for.
const DEEPEST: usize = 8;
/// More folders than this are no set of incidents.
const MOST_FOLDERS: usize = 200_000;
/// A description has at most this many bytes.
const MOST_BYTES: u64 = 16 << 20;

/// What describes a case.
pub(super) const CASE: &str = "case.json";
/// What says when, where the path says the rest.
const INJECT_TIME: &str = "inject_time.txt";
/// Names of tables, the plainest first: of one case there may be several.
const TABLES: [&str; 4] = ["data", "simple_metrics", "simple_data", "metrics"];

/// A case as it says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Label {
    /// Unix seconds of the fault.
    pub(super) inject_s: f64,
    /// The service at fault.
    pub(super) root: String,
    /// `SERVICE_FAULT` as a path says it: either may hold an underscore, and only the table knows which.
    pub(super) path: Option<String>,
    /// Which part of it, where that is said.
    pub(super) component: String,
    /// The fault, in the words of the source.
    pub(super) fault: String,
    /// Who calls whom; `None` where nobody says.
    pub(super) calls: Option<Vec<(String, String)>>,
    /// What the alert was about.
    pub(super) target: Option<Target>,
    /// Where requests come in.
    pub(super) entry: Option<String>,
}

/// What an alert was about.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Target {
    /// The service.
    pub(super) node: String,
    /// What was measured.
    #[serde(default)]
    pub(super) metric: String,
    /// When it rang, in Unix seconds.
    #[serde(default)]
    pub(super) timestamp: Option<f64>,
}

#[derive(Deserialize)]
struct Case {
    inject_time: Option<f64>,
    root_cause_service: Option<String>,
    #[serde(default)]
    root_cause_metric: Option<String>,
    #[serde(default)]
    fault_type: Option<String>,
    #[serde(default)]
    graph_edges: Option<Vec<(String, String)>>,
    #[serde(default)]
    target: Option<Alerted>,
    #[serde(default)]
    entry_service: Option<String>,
}

/// A target with all that is known, or its name alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Alerted {
    Whole(Target),
    Name(String),
}

/// All folders below this one, itself included, that hold a case, in order.
pub(super) fn found(root: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let read = |path: &Path, source| ImportError::Folder { path: path.to_owned(), source };
    let mut open = vec![(root.to_owned(), 0)];
    let mut cases = vec![];
    let mut seen = 0;
    while let Some((folder, depth)) = open.pop() {
        seen += 1;
        if seen > MOST_FOLDERS {
            return Err(ImportError::TooMany { path: root.to_owned(), most: MOST_FOLDERS });
        }
        let mut is_case = false;
        for entry in fs::read_dir(&folder).map_err(|source| read(&folder, source))? {
            let entry = entry.map_err(|source| read(&folder, source))?;
            let kind = entry.file_type().map_err(|source| read(&folder, source))?;
            // A link may lead in a circle.
            if kind.is_dir() && depth < DEEPEST {
                open.push((entry.path(), depth + 1));
            } else if kind.is_file() {
                let name = entry.file_name();
                is_case |= name == CASE || name == INJECT_TIME || is_plain_table(&name.to_string_lossy());
            }
        }
        if is_case {
            cases.push(folder);
        }
    }
    cases.sort();
    Ok(cases)
}

/// Whether the name alone says that this is the table of a case.
fn is_plain_table(name: &str) -> bool {
    stem(name).is_some_and(|stem| TABLES.contains(&stem))
}

/// The name of a table without what it ends with.
fn stem(name: &str) -> Option<&str> {
    name.strip_suffix(".csv").or_else(|| name.strip_suffix(".csv.gz"))
}

/// The table of a case, and the names of CSV files beside it that are not read.
pub(super) fn table(folder: &Path) -> Result<(PathBuf, Vec<String>), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("the folder cannot be read: {error}"))?;
    let mut names: Vec<String> =
        entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect();
    names.retain(|name| stem(name).is_some());
    let rank = |name: &String| TABLES.iter().position(|table| stem(name) == Some(*table)).unwrap_or(TABLES.len());
    names.sort_by(|a, b| rank(a).cmp(&rank(b)).then(a.cmp(b)));
    let is_only = names.len() == 1;
    match names.first() {
        Some(first) if is_only || rank(first) < TABLES.len() => Ok((folder.join(first), names.split_off(1))),
        Some(_) => Err(format!("which of {} holds the metrics is not said; name it data.csv", names.join(", "))),
        None => Err("there is no table; name it data.csv or metrics.csv".to_owned()),
    }
}

impl Label {
    /// What the case in this folder says of itself, or why it cannot be graded.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        if folder.join(CASE).exists() { Self::of_file(folder) } else { Self::of_path(folder) }
    }

    fn of_file(folder: &Path) -> Result<Self, String> {
        let text = text(&folder.join(CASE))?;
        let case: Case = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| format!("{CASE} is not as it should be: {error}"))?;
        let missing = |what: &str| format!("{CASE} has no `{what}`, so it cannot be graded; add it");
        let alerted = |alerted| match alerted {
            Alerted::Whole(target) => target,
            Alerted::Name(node) => Target { node, ..Target::default() },
        };
        Ok(Self {
            inject_s: case.inject_time.ok_or_else(|| missing("inject_time"))?,
            root: case.root_cause_service.ok_or_else(|| missing("root_cause_service"))?,
            component: case.root_cause_metric.unwrap_or_default(),
            fault: case.fault_type.unwrap_or_default(),
            path: None,
            calls: case.graph_edges,
            target: case.target.map(alerted),
            entry: case.entry_service,
        })
    }

    /// Splits the path where its first part is a service that is known: as far to the right as possible.
    pub(super) fn settle(&mut self, is_service: impl Fn(&str) -> bool) {
        let Some(path) = self.path.take() else { return };
        let splits = path.rmatch_indices('_').map(|(at, _)| (&path[..at], &path[at + 1..]));
        let known = splits.into_iter().find(|(root, fault)| !fault.is_empty() && is_service(root));
        if let Some((root, fault)) = known {
            (self.root, self.fault) = (root.to_owned(), fault.to_owned());
        }
    }

    /// `SERVICE_FAULT/1`, or `SERVICE_FAULT` alone.
    fn of_path(folder: &Path) -> Result<Self, String> {
        let path = folder.join(INJECT_TIME);
        if !path.exists() {
            return Err(format!(
                "it says neither by {INJECT_TIME} nor by {CASE} when the fault began; add one of them"
            ));
        }
        let text = text(&path)?;
        let inject_s = text.trim().parse().ok().filter(|seconds: &f64| seconds.is_finite()).ok_or_else(|| {
            let shown: String = text.trim().chars().filter(|c| !c.is_control()).take(40).collect();
            format!("{INJECT_TIME} holds `{shown}`, which is no time in Unix seconds")
        })?;
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // `.` and the like have no name of their own.
        let folder = fs::canonicalize(folder).map_err(|error| format!("the folder cannot be found: {error}"))?;
        let own = name(&folder);
        let is_number = !own.is_empty() && own.bytes().all(|b| b.is_ascii_digit());
        let label = if is_number { folder.parent().map(name).unwrap_or_default() } else { own };
        match label.rsplit_once('_') {
            Some((root, fault)) if !root.is_empty() && !fault.is_empty() => Ok(Self {
                inject_s,
                root: root.to_owned(),
                fault: fault.to_owned(),
                path: Some(label.clone()),
                ..Self::default()
            }),
            _ => Err(format!("its folder is called `{label}`, and SERVICE_FAULT would say what broke; or add {CASE}")),
        }
    }
}

fn text(path: &Path) -> Result<String, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unreadable = |error: std::io::Error| format!("{name} cannot be read: {error}");
    if fs::metadata(path).map_err(unreadable)?.len() > MOST_BYTES {
        return Err(format!("{name} has more than {} MiB", MOST_BYTES >> 20));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
