//! How do incidents that others recorded become labelled bundles? Two layouts of public sets of root causes are known: a
//! CSV of `time,SERVICE_METRIC...` in a folder whose name is the label, with `inject_time.txt` beside it; and such a CSV
//! with a `case.json` that says all that and who calls whom. Start at [`cases`] and [`import`].

mod columns;
mod label;
mod table;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use lagdoctor_model::{
    Edge, Gap, GapCause, KnownSymptom, Labels, Millis, Node, NodeId, Sample, Series, SeriesKey, SignalName, Signals,
    Timestamp, Window,
};

use crate::header::RawWindow;
use crate::{Meta, Root, Truth};
use columns::{ANYTHING, Column, signal_of};
use label::Label;

pub use table::{Table, TableError, read_table};

/// Fewer readings before the fault are no past.
const FEWEST_BEFORE: usize = 8;
/// Who says what is missing.
const SOURCE: &str = "import";

/// Why nothing can be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A folder cannot be read.
    #[error("cannot read `{}`; check the path and the rights", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There are too many folders.
    #[error("`{}` holds more than {most} folders; name the folder of one set of incidents", path.display())]
    TooMany {
        /// Where.
        path: PathBuf,
        /// How many there may be.
        most: usize,
    },
}

/// A case that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The incident.
    pub signals: Signals,
    /// Where it comes from, and what hurt.
    pub meta: Meta,
    /// What really happened.
    pub truth: Truth,
    /// Whether somebody says who calls whom.
    pub has_graph: bool,
    /// What became of its columns.
    pub columns: Columns,
}

/// What became of columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// How many became which signal that means the same.
    pub mapped: BTreeMap<&'static str, usize>,
    /// How many are told as readings of which nothing but the name is known, by that name.
    pub generic: BTreeMap<String, usize>,
    /// How many tell nothing, with why.
    pub ignored: BTreeMap<&'static str, usize>,
}

impl Columns {
    /// Adds those of another case.
    pub fn add(&mut self, other: &Self) {
        let sum = |(name, count): (&&'static str, &usize), into: &mut BTreeMap<&'static str, usize>| {
            *into.entry(name).or_default() += count;
        };
        other.mapped.iter().for_each(|one| sum(one, &mut self.mapped));
        other.ignored.iter().for_each(|one| sum(one, &mut self.ignored));
        for (name, count) in &other.generic {
            *self.generic.entry(name.clone()).or_default() += count;
        }
    }
}

/// All folders below this one, itself included, that hold a case, in order.
///
/// # Errors
/// When a folder cannot be read, or there are too many.
pub fn cases(root: &Path) -> Result<Vec<PathBuf>, ImportError> {
    label::found(root)
}

/// A name for the bundle of a case that tells nothing of it: its path below `root`, hashed.
pub fn opaque_name(root: &Path, case: &Path) -> String {
    let path = case.strip_prefix(root).unwrap_or(case).to_string_lossy();
    // FNV-1a, as Fowler, Noll and Vo have it.
    let hash = path
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

/// Reads the case in this folder, which lies below `root`.
///
/// # Errors
/// With what is wrong and what to do about it, when it cannot become a labelled bundle.
pub fn import(root: &Path, folder: &Path) -> Result<Imported, String> {
    let mut label = Label::read(folder)?;
    let (path, unread) = label::table(folder)?;
    let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let table = File::open(&path).map_err(TableError::from).and_then(read_table);
    let table = table.map_err(|error| format!("{file_name}: {error}"))?;
    let name = folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().into_owned();
    label.settle(|name| {
        table.columns.iter().any(|(column, _)| Column::of(column).is_some_and(|one| one.service == name))
    });
    let mut imported = placed(&table, &label)?;
    imported.truth.name = if name.is_empty() { "case".to_owned() } else { name };
    let mut gap = |cause, statement| {
        imported.signals.gaps.push(Gap { source: SOURCE.to_owned(), cause, node: None, statement });
    };
    for remark in &table.remarks {
        gap(GapCause::Malformed, format!("{file_name} {remark}"));
    }
    if !unread.is_empty() {
        gap(GapCause::NotConfigured, format!("{} beside {file_name} was not read", unread.join(", ")));
    }
    imported.signals = imported.signals.normalised();
    Ok(imported)
}

/// A service as a node.
fn service(name: &str) -> Option<NodeId> {
    NodeId::new(format!("service:{name}")).ok()
}

/// The table and what is said of it, as signals and truth.
fn placed(table: &Table, label: &Label) -> Result<Imported, String> {
    let window = window(&table.times_ms, label)?;
    let mut signals = Signals::empty(window);
    let mut columns = Columns::default();
    for (name, values) in &table.columns {
        match series(name, &table.times_ms, values) {
            Ok((series, metric)) => {
                match Column::of(name).map_or(ANYTHING, |column| column.signal) {
                    ANYTHING => *columns.generic.entry(metric).or_default() += 1,
                    signal => *columns.mapped.entry(signal).or_default() += 1,
                }
                signals.topology.add_node(Node::new(series.node().clone()));
                signals.series.push(series);
            }
            Err(why) => *columns.ignored.entry(why).or_default() += 1,
        }
    }
    for (why, count) in &columns.ignored {
        let statement = format!("{count} columns of the table are not used: {why}");
        signals.gaps.push(Gap { source: SOURCE.into(), cause: GapCause::Malformed, node: None, statement });
    }
    let calls = label.calls.iter().flatten();
    for edge in calls.filter_map(|(from, to)| Edge::new(service(from)?, "calls", service(to)?).ok()) {
        if edge.dependent != edge.dependency {
            signals.topology.connect(edge);
        }
    }
    let has_graph = signals.topology.edges().next().is_some();
    if !has_graph {
        let statement = "the source does not say who calls whom, so that no way from a symptom to a cause is known";
        let cause = GapCause::NotConfigured;
        signals.gaps.push(Gap { source: SOURCE.into(), cause, node: None, statement: statement.to_owned() });
    }
    let root = service(&label.root).filter(|root| signals.topology.node(root).is_some());
    let Some(root) = root else {
        return Err(format!(
            "the service at fault, `{}`, has neither a column nor an edge; look at the label",
            label.root
        ));
    };
    signals.reported = reported(label, &signals);
    let truth = Truth {
        incident: true,
        onset: time(label.inject_s),
        family: if label.fault.is_empty() { "unnamed".to_owned() } else { label.fault.clone() },
        roots: vec![Root { node: root, component: label.component.clone(), class: None, accept: vec![] }],
        ..Truth::default()
    };
    let meta = Meta { source: "imported".to_owned() };
    Ok(Imported { signals, meta, truth, has_graph, columns })
}

/// What somebody complained about, or would: what the alert was about, else where requests come in.
fn reported(label: &Label, signals: &Signals) -> Option<KnownSymptom> {
    let (name, metric, at) = match (&label.target, &label.entry) {
        (Some(target), _) => (&target.node, target.metric.as_str(), target.timestamp),
        (None, Some(entry)) => (entry, "latency", None),
        (None, None) => return None,
    };
    let node = service(name).filter(|node| signals.topology.node(node).is_some())?;
    let within = |at: &Timestamp| (signals.window.start..=signals.window.now).contains(at);
    Some(KnownSymptom {
        node,
        signal: SignalName::new(signal_of(metric)).ok()?,
        onset: at.and_then(time).filter(within),
    })
}

fn time(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_millis((seconds * 1000.0).round() as i64).ok()
}

fn window(times_ms: &[i64], label: &Label) -> Result<Window, String> {
    let moment = |ms: Option<&i64>| ms.and_then(|ms| Timestamp::from_millis(*ms).ok());
    let (Some(start), Some(now)) = (moment(times_ms.first()), moment(times_ms.last())) else {
        return Err("the table has no row with a time".to_owned());
    };
    let inject = time(label.inject_s).ok_or("the time of the fault is no time in Unix seconds")?;
    if !(start..=now).contains(&inject) {
        return Err(format!("the fault began at {inject}, and the table goes from {start} to {now}; look at both"));
    }
    let before = times_ms.iter().filter(|ms| **ms < inject.as_millis()).count();
    if before < FEWEST_BEFORE {
        return Err(format!(
            "{before} of its rows lie before the fault, and {FEWEST_BEFORE} are the least to know a past by"
        ));
    }
    let mut steps: Vec<i64> = times_ms.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_unstable();
    let step = steps.get(steps.len() / 2).and_then(|ms| Millis::new(*ms).ok()).filter(|step| *step > Millis::ZERO);
    let window = Window { start, now, step: step.unwrap_or(Millis::seconds(60)) };
    let unfit = |why| format!("the table's times cannot be used: {why}; cut it to the hours around the incident");
    RawWindow::of(window).checked().map_err(unfit)
}

/// The series of a column, with the source's word for what it is; or why there is none.
fn series(name: &str, times_ms: &[i64], values: &[f64]) -> Result<(Series, String), &'static str> {
    let column = Column::of(name).ok_or("their names are not SERVICE_METRIC")?;
    let nameless = "their names hold what no name may";
    let node = service(column.service).ok_or(nameless)?;
    if column.metric.contains(char::is_control) {
        return Err(nameless);
    }
    if values.iter().all(|value| value.is_nan()) {
        return Err("they never hold a number");
    }
    let signal = SignalName::new(column.signal).map_err(|_| nameless)?;
    let labels = Labels::from([("metric".to_owned(), column.metric.to_owned())]);
    let samples = times_ms.iter().zip(values);
    let samples =
        samples.filter_map(|(ms, value)| Some(Sample { at: Timestamp::from_millis(*ms).ok()?, value: *value }));
    let series = Series::new(SeriesKey { node, signal, labels }, samples.collect()).map_err(|_| nameless)?;
    Ok((series.with_query(name.replace(char::is_control, "?")), column.metric.to_owned()))
}
