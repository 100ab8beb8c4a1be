//! Flags of `evaluate` and `baseline`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::seeds;
use crate::commands::evaluate::Curves;

/// How to print grades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GradeFormat {
    /// For people, at a terminal.
    Text,
    /// For programs; its schema is committed and only grows.
    Json,
    /// For pull requests and wikis.
    Markdown,
    /// For CI servers: a test case for each run.
    Junit,
    /// For GitHub Actions: remarks on the lines of scenario files.
    Annotations,
    /// One page with plots and the timeline of every run, to open in a browser.
    Html,
}

/// What is graded, and on what.
#[derive(Debug, Args)]
pub struct GradedArgs {
    /// A folder of scenario files, or one of them, or `builtin:NAME` (`builtin:public` for all), or `builtin:NAME@V`, which is refused where the
    /// scenarios that are built in have another version than V. Default: builtin:public, and none where `evaluate` is given
    /// --bundles alone.
    #[arg(long, value_name = "DIR|FILE|builtin:NAME[@V]")]
    pub scenarios: Option<String>,
    /// Which draws of each, both ends included.
    #[arg(long, value_name = "A..B", default_value = "1..10", value_parser = seeds)]
    pub seeds: (u64, u64),
    /// A plugin file to grade in place of the bundled one of its world (scorers: besides); may be repeated.
    #[arg(long = "plugin", value_name = "FILE")]
    pub plugins: Vec<PathBuf>,
    /// Leave this bundled scorer out, to see what it is worth, or what yours is worth in its place; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub without: Vec<String>,
    /// Runs at the same time; default: one for each core. It changes no figure but milliseconds.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
}

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// What is graded.
    #[command(flatten)]
    pub graded: GradedArgs,
    /// A labelled bundle of a recorded incident, or a folder of them, as `lagdoctor import` makes them. Their figures stand apart
    /// from those of simulated runs.
    #[arg(long, value_name = "DIR", conflicts_with = "baseline")]
    pub bundles: Option<PathBuf>,
    /// A plugin file to compare with, on the same runs: it takes the place that --plugin takes on the other side; may be
    /// repeated.
    #[arg(long, value_name = "FILE")]
    pub against: Vec<PathBuf>,
    /// Compare with this baseline, and fail where something became worse; see `lagdoctor baseline`.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Grade the same runs again with noisier measurements, missing scrapes, and a topology that lacks edges, three levels each:
    /// what becomes of AC@1 and of false alarms. Takes nine times as long again; of simulated runs alone.
    #[arg(long)]
    pub robustness: bool,
    /// Make the first wrong run of each scenario smaller, as long as it is wrong in the same way, and write it here as a scenario
    /// file: with fewer faults, less noise, fewer nodes, shorter, and what is left as bad as can be.
    #[arg(long, value_name = "DIR")]
    pub shrink: Option<PathBuf>,
    /// With --shrink: how many smaller runs are tried for each wrong one.
    #[arg(long, value_name = "N", requires = "shrink", default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub shrink_tries: u32,
    /// How to print.
    #[arg(long, value_enum, default_value_t = GradeFormat::Text)]
    pub format: GradeFormat,
    /// Write a file in this format besides, such as `html=report.html`; may be repeated.
    #[arg(long, value_name = "FORMAT=FILE", value_parser = report_file)]
    pub write: Vec<(GradeFormat, PathBuf)>,
}

/// How `import` says what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ImportFormat {
    /// For people, at a terminal.
    Text,
    /// For programs.
    Json,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// A folder of cases, at any depth.
    pub folder: PathBuf,
    /// Write the bundles here, under names that tell nothing, and what really happened beside each.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value_t = ImportFormat::Text)]
    pub format: ImportFormat,
}

/// What `import` can read.
pub const LAYOUTS: &str = "\
A case is a folder with a table, data.csv or metrics.csv (or .csv.gz): `time` in Unix seconds, then one column
SERVICE_METRIC for each reading, split at the last underscore. Beside it lies one of:
  inject_time.txt   when the fault began; the folder says the rest: SERVICE_FAULT/1/data.csv, or SERVICE_FAULT/data.csv
  case.json         inject_time, root_cause_service, fault_type; and, where it is known, graph_edges ([caller, callee]),
                    target (what the alert was about: node, metric, timestamp), entry_service (where requests come in)

Exit codes: 0 all cases imported, 1 some refused, 2 none could be used.";

impl EvaluateArgs {
    /// Whether the runs are graded again with less of them to see.
    pub fn curves(&self) -> Curves {
        if self.robustness && self.is_simulated() { Curves::Drawn } else { Curves::None }
    }

    /// Whether simulated runs are graded: they are, unless recorded incidents alone were asked for.
    pub fn is_simulated(&self) -> bool {
        self.graded.scenarios.is_some() || self.bundles.is_none()
    }
}

/// What to do about the baseline that `evaluate --baseline` compares with.
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// What became better and worse since it was written, run by run. Fails nothing.
    Diff {
        /// The baseline.
        file: PathBuf,
        /// What is graded.
        #[command(flatten)]
        graded: GradedArgs,
    },
    /// Write it anew from what is so now. Waivers stay.
    Update {
        /// The baseline.
        file: PathBuf,
        /// Why what is so now is good; it is kept in the file.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// What is graded.
        #[command(flatten)]
        graded: GradedArgs,
    },
    /// One run, verdict by verdict: what came first then, and what comes first now.
    Explain {
        /// The baseline.
        file: PathBuf,
        /// The run, as the baseline calls it: `SCENARIO SEED`, or `SCENARIO/SEED`.
        run: String,
        /// What is graded.
        #[command(flatten)]
        graded: GradedArgs,
    },
}

/// Reads `html=report.html`.
fn report_file(text: &str) -> Result<(GradeFormat, PathBuf), String> {
    let (format, file) = text.split_once('=').ok_or("write FORMAT=FILE, such as html=report.html")?;
    Ok((GradeFormat::from_str(format, true)?, PathBuf::from(file)))
}
