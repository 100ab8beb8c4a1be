//! How fast is it, and is that fast enough? Runs the benches and writes what Criterion estimated beside what is aimed for,
//! so that no figure is ever copied by hand. Start at [`run_all`]; [`table`] is the part that thinks.

mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use lagdoctor_guest_build::process::output_of;
use serde::Deserialize;

use crate::layout::Layout;
use crate::run::{Failure, run, today, write_if_changed};
use crate::stage::Stages;
use table::{About, Measured};

/// The benches that the table is made of.
const BENCHES: [&str; 6] = ["call", "guest", "load", "scale", "lag", "simulate"];
/// The committed table.
const TABLE: &str = "benches/RESULTS.md";

/// Runs all benches of the table and writes it. Plugins must be built.
pub(crate) fn run_all(layout: &Layout, stages: &mut Stages) -> Result<(), Failure> {
    let home = layout.target()?.join("criterion-table");
    // What an earlier run left must not stand in the table of this one.
    if home.exists() {
        fs::remove_dir_all(&home).map_err(Failure::file("remove", &home))?;
    }
    let mut bench = layout.cargo();
    bench.args(["bench", "--package", "lagdoctor-benches"]).env("CRITERION_HOME", &home);
    for name in BENCHES {
        bench.args(["--bench", name]);
    }
    stages.run("benches", || run(&mut bench))?;
    let mut measured = BTreeMap::new();
    collect(&home, &mut measured)?;
    let path = layout.root().join(TABLE);
    let text = table::table(&measured, &about(layout));
    print!("{text}");
    write_if_changed(&path, text.as_bytes())?;
    Ok(())
}

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
    throughput: Option<Throughput>,
}

#[derive(Deserialize)]
struct Throughput {
    #[serde(rename = "Elements")]
    elements: Option<u64>,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    confidence_interval: Interval,
    point_estimate: f64,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

/// Finds what Criterion wrote: for each bench a folder `new` with what it is and what was estimated.
fn collect(folder: &Path, measured: &mut BTreeMap<String, Measured>) -> Result<(), Failure> {
    let (what, estimates) = (folder.join("new/benchmark.json"), folder.join("new/estimates.json"));
    if what.exists() {
        let Benchmark { full_id, throughput } = read(&what)?;
        let Estimates { median } = read(&estimates)?;
        let Interval { lower_bound, upper_bound } = median.confidence_interval;
        let elements = throughput.and_then(|throughput| throughput.elements);
        let known = Measured { ns: median.point_estimate, between_ns: (lower_bound, upper_bound), elements };
        measured.insert(full_id, known);
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(Failure::file("read", folder))? {
        let entry = entry.map_err(Failure::file("read", folder))?;
        if entry.path().is_dir() {
            collect(&entry.path(), measured)?;
        }
    }
    Ok(())
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, Failure> {
    let text = fs::read(path).map_err(Failure::file("read", path))?;
    serde_json::from_slice(&text).map_err(|error| Failure::file("understand", path)(error.into()))
}

/// Where and on what the benches ran.
fn about(layout: &Layout) -> About {
    let git = |arguments: &[&str]| output_of(Command::new("git").args(arguments).current_dir(layout.root()));
    let unknown = || "unknown".to_owned();
    let changed = git(&["status", "--porcelain", "--", ".", ":!benches/RESULTS.md"]);
    let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(unknown);
    let processor = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let load = fs::read_to_string("/proc/loadavg").ok();
    About {
        date: today(),
        commit: if changed.is_some_and(|files| !files.is_empty()) { format!("{commit}, changed") } else { commit },
        processor: processor.unwrap_or_else(unknown),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        load: load.and_then(|text| Some(text.split_whitespace().nth(1)?.to_owned())).unwrap_or_else(unknown),
    }
}
