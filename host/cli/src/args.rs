//! The command line: what can be asked, and the help that teaches it.

mod audit;
mod author;
mod grade;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use audit::{AuditCommand, AuditFormat, AuditPlace, VerifyArgs};
pub use author::{AuthorCommand, BuildArgs, CheckArgs, Compiler, Language, NewArgs, TestArgs};
pub use grade::{BaselineCommand, EvaluateArgs, GradeFormat, GradedArgs, ImportArgs, ImportFormat};

const EXAMPLES: &str = "\
Try it with nothing installed:
  lagdoctor demo

Ask about a running cluster:
  lagdoctor status   --bootstrap kafka:9092
  lagdoctor diagnose --bootstrap kafka:9092 --prometheus http://prometheus:9090 --topology shop.toml

Ask about a recorded incident:
  lagdoctor simulate replication-delay --seed 7 --out incident
  lagdoctor diagnose --bundle incident

Exit codes: 0 fine, 1 found something that fails a gate, 2 could not do the job.
lagdoctor only reads: it joins no consumer group and writes to no topic, broker or database.";

/// Tells why a Kafka consumer group is falling behind.
#[derive(Debug, Parser)]
#[command(name = "lagdoctor", version, about, after_help = EXAMPLES, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Say more on stderr; twice for the plugins' own log lines.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Colour of text output.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, at a terminal.
    Text,
    /// For programs; its schema is committed and only grows.
    Json,
    /// For tickets and chats.
    Markdown,
}

/// How to print a diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people, at a terminal.
    Text,
    /// For programs; its schema is committed and only grows.
    Json,
    /// For tickets and chats.
    Markdown,
    /// One page with the signals behind the verdict, to open in a browser and to attach to a ticket.
    Html,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole job on three simulated incidents; needs nothing installed.
    ///
    /// Two incidents whose lag curves look alike, each diagnosed, with what the loudest metric would have blamed beside
    /// it; then the first again without its database metrics. A simulated pipeline feeds an in-process Kafka, a
    /// Prometheus API and an Elasticsearch API on loopback; from there on everything is what runs in production.
    Demo(DemoArgs),
    /// Every consumer group at a glance: state, backlog, time lag, trend, status.
    Status(StatusArgs),
    /// Say why a group falls behind: ranked causes, evidence, what was ruled out, what to do.
    Diagnose(DiagnoseArgs),
    /// The service: collect, diagnose and notify on a schedule.
    Run(RunArgs),
    /// Make an incident: a labelled bundle, or live endpoints to point tools at.
    Simulate(SimulateArgs),
    /// Grade the plugins on simulated incidents whose cause is known.
    Evaluate(EvaluateArgs),
    /// The baseline that grades are held against: what changed since it was written, and writing it anew.
    Baseline {
        /// What to do.
        #[command(subcommand)]
        command: BaselineCommand,
    },
    /// Make labelled bundles of incidents that others recorded: public sets of root causes, or your own.
    #[command(after_help = grade::LAYOUTS)]
    Import(ImportArgs),
    /// Record a window from live sources as a bundle, to look at later or to hand on.
    Record(RecordArgs),
    /// What was diagnosed, from what and by whom: look at it, prove it, do it again.
    ///
    /// Each diagnosis of `run` and `diagnose` leaves a record: its input, the components that judged with configuration
    /// and grants, how each call ended, what was answered and why. Records form a chain of hashes whose head is written
    /// to a second file, the anchor. Put that on another disk, or note what `audit anchor` says, and `audit verify` finds
    /// whatever was altered, removed or reordered since.
    #[command(after_help = audit::EXAMPLES)]
    Audit {
        /// What to do with it.
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Look at plugins, and make your own.
    Plugin {
        /// What to do.
        #[command(subcommand)]
        command: PluginCommand,
    },
}

/// Where to read from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Sources")]
pub struct SourceArgs {
    /// A configuration file; `lagdoctor run --example` prints one with every setting.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["bootstrap", "prometheus", "logs"])]
    pub config: Option<PathBuf>,
    /// A recorded incident; with -c, the plugins of the file look at it.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["bootstrap", "prometheus", "logs", "topology", "at", "last", "step"])]
    pub bundle: Option<PathBuf>,
    /// Kafka, as HOST:PORT[,HOST:PORT...].
    #[arg(long, value_name = "HOST:PORT")]
    pub bootstrap: Option<String>,
    /// A property for librdkafka, such as security.protocol=SSL; may be repeated.
    #[arg(long = "kafka-property", value_name = "KEY=VALUE", requires = "bootstrap")]
    pub kafka_properties: Vec<String>,
    /// A Prometheus server, or what speaks its API.
    #[arg(long, value_name = "URL")]
    pub prometheus: Option<String>,
    /// An Elasticsearch server, or what speaks its `_search` API; a path names the index.
    #[arg(long, value_name = "URL")]
    pub logs: Option<String>,
    /// Who depends on whom: TOML or JSON.
    #[arg(long, value_name = "FILE")]
    pub topology: Option<PathBuf>,
    /// What reports call the cluster (default: kafka); with -c, which cluster to look at.
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
}

/// From when to when.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Window")]
pub struct WindowArgs {
    /// How far to look back: 30m, 1h, 90s. A bundle has its own window.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub last: std::time::Duration,
    /// The moment to look at: RFC 3339 or Unix seconds. Default: now; a bundle has its own.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Distance of readings.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration)]
    pub step: std::time::Duration,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Another draw of the same faults: other times, sizes and victims.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Where to read from.
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Show this group's partitions.
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// The window to judge by.
    #[command(flatten)]
    pub window: WindowArgs,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Arguments of `diagnose`.
#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    /// Where to read from.
    #[command(flatten)]
    pub sources: SourceArgs,
    /// The group to explain. Default: the one that hurts most.
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// The window to look at.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Answer within this time with what is there by then; what is late is named as missing.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration)]
    pub deadline: std::time::Duration,
    /// A plugin file to use besides, or in place of, the bundled one of the same name; may be repeated.
    #[arg(long = "plugin", value_name = "FILE")]
    pub plugins: Vec<PathBuf>,
    /// Leave this scorer out, to see what it is worth; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub without: Vec<String>,
    /// Diagnose again each time as long as this.
    #[arg(long, value_name = "EVERY", conflicts_with = "bundle", num_args = 0..=1, default_missing_value = "60s", value_parser = duration)]
    pub watch: Option<std::time::Duration>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
    /// Leave no audit record.
    #[arg(long, conflicts_with = "audit")]
    pub no_audit: bool,
    /// Leave the audit record in this database. Default: that of the configuration, else the user's; see `audit --help`.
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print a configuration with every setting explained, and do nothing else.
    #[arg(long, conflicts_with = "config")]
    pub example: bool,
    /// Answer here over HTTP: /metrics for Prometheus, /plugins, /healthz. Nobody is asked who they are, so keep it on
    /// loopback. Default: `listen` in `[service]`, else nowhere.
    #[arg(long, value_name = "ADDR", conflicts_with = "example")]
    pub listen: Option<SocketAddr>,
    /// Stop after so many rounds, at least 1. Default: go on until told to stop.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,
}

/// Arguments of `simulate`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("to").required(true).multiple(true).args(["out", "openmetrics", "serve", "list", "lint", "swarm"]))]
pub struct SimulateArgs {
    /// A built-in scenario, or a scenario file; with --lint also a folder of them, or `builtin:public` for all; with --list
    /// `builtin:public@V`, to ask whether this is the version that is built in.
    #[arg(required_unless_present_any = ["list", "swarm"], conflicts_with = "swarm")]
    pub scenario: Option<String>,
    /// The draw: times, sizes, victims and noise. The same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write a bundle here, and its truth beside it in DIR.truth.toml; with --swarm the scenarios that were drawn.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write what a Prometheus would have scraped, as OpenMetrics: fill your own with it by `promtool tsdb
    /// create-blocks-from openmetrics FILE DATA-FOLDER`. Topology and truth go beside it.
    #[arg(long, value_name = "FILE")]
    pub openmetrics: Option<PathBuf>,
    /// When the run ends: `now`, RFC 3339 or Unix seconds. Default: a moment drawn from the seed.
    #[arg(long, value_name = "TIME", conflicts_with = "serve")]
    pub until: Option<String>,
    /// Answer the Prometheus and Elasticsearch APIs here, and run an in-process Kafka. The scenario's hour ends now, and
    /// goes on in real time.
    #[arg(long, value_name = "ADDR", conflicts_with_all = ["out", "openmetrics"])]
    pub serve: Option<SocketAddr>,
    /// With --serve: play the incident from its start, so many times as fast as life, until it has caught up with the
    /// clock. Default: it has just happened.
    #[arg(long, value_name = "FACTOR", requires = "serve", conflicts_with_all = ["out", "openmetrics"])]
    pub speed: Option<f64>,
    /// List the built-in scenarios.
    #[arg(long)]
    pub list: bool,
    /// Draw so many scenarios, from --seed on: kinds of faults, what they hit and how badly, and how well it is seen, until
    /// each hurts somebody. Says what was drawn, whether the run is sound, and whether its cause can be found at all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000),
        conflicts_with_all = ["openmetrics", "serve", "list", "lint", "until"])]
    pub swarm: Option<u32>,
    /// With --swarm: the pipeline in which things break, a scenario file or one that is built in. Default: topo/orders.toml.
    #[arg(long, value_name = "TOPOLOGY", requires = "swarm", conflicts_with = "scenario")]
    pub on: Option<String>,
    /// Say what makes a scenario unfit to grade on, over three draws from --seed on: a fault that moves nothing, a label that
    /// can be read off something else, a truth that names what is not there. Writes nothing.
    #[arg(long, conflicts_with_all = ["out", "openmetrics", "serve", "list"])]
    pub lint: bool,
}

/// Arguments of `record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Where to read from.
    #[command(flatten)]
    pub sources: SourceArgs,
    /// The window to record.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Write the bundle here.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// What to do about plugins.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// The plugins inside this program: world, version, what they are for; or those that a configuration makes run, and
    /// what each may do; or those of a running service: how they stand, and why one is not called.
    List {
        /// A configuration: which plugins it makes run, what each is granted, what it asks for and is not granted, and which
        /// grants do nothing. No plugin is called and no secret looked for.
        #[arg(short, long, value_name = "FILE", conflicts_with = "server")]
        config: Option<PathBuf>,
        /// The service to ask, as `lagdoctor run --listen` says it, such as http://127.0.0.1:9187.
        #[arg(long, value_name = "URL")]
        server: Option<String>,
        /// How to print.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// One plugin: world, imports, grants asked for, config, limits, digest.
    Inspect {
        /// The name of a bundled plugin, a component file, or the folder of a project that was built.
        plugin: String,
        /// How to print.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// What authors of plugins do.
    #[command(flatten)]
    Author(AuthorCommand),
}

/// Reads `90s`, `30m`, `1h`, `2d`, `250ms`.
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(|| help(text))?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().map_err(|_| help(text))?;
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(help(text)),
    };
    std::time::Duration::try_from_secs_f64(number * seconds)
        .ok()
        .filter(|duration| !duration.is_zero() && duration.as_secs() <= 31 * 86_400)
        .ok_or_else(|| format!("`{text}` is not between 1 ms and 31 days"))
}

fn help(text: &str) -> String {
    format!("`{text}` is no time; write a number and a unit: 90s, 30m, 1h, 2d")
}

/// Reads `3`, `1..10`.
fn seeds(text: &str) -> Result<(u64, u64), String> {
    let bad = || format!("`{text}` is no range of seeds; write 1..10 for ten of them, or 7 for one");
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let from: u64 = from.parse().map_err(|_| bad())?;
    let to: u64 = to.trim_start_matches('=').parse().map_err(|_| bad())?;
    if from <= to && to - from < 100_000 { Ok((from, to)) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    /// Whether these arguments are understood, and what is said when they are not.
    fn check(line: &str, refusal: Option<&str>) {
        match (Cli::try_parse_from(line.split(' ')), refusal) {
            (Ok(_), None) => {}
            (Err(error), Some(words)) => assert!(error.to_string().contains(words), "{line}: {error}"),
            (given, _) => panic!("{line}: {given:?}"),
        }
    }

    #[test]
    fn a_flag_that_would_do_nothing_is_refused() {
        check("lagdoctor diagnose --bundle x", None);
        check("lagdoctor diagnose --bundle x --last 5m", Some("--last"));
        check("lagdoctor diagnose --bundle x --step 5s", Some("--step"));
        check("lagdoctor simulate gc-pauses --out x --speed 2", Some("--speed"));
        check("lagdoctor simulate gc-pauses --serve 127.0.0.1:0 --speed 2", None);
        check("lagdoctor simulate gc-pauses --out x --on topo/orders.toml", Some("--on"));
        check("lagdoctor simulate --swarm 3 --on topo/orders.toml", None);
        check("lagdoctor run -c x --rounds 0", Some("0"));
        check("lagdoctor run -c x --rounds 1", None);
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172_800), ("1.5h", 5400)] {
            assert_eq!(duration(text).unwrap().as_secs(), seconds);
        }
        for text in ["", "5", "h", "-1h", "1y", "NaNs", "0s", "1e300h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seeds_are_a_range_with_both_ends() {
        assert_eq!(seeds("1..10"), Ok((1, 10)));
        assert_eq!(seeds("7"), Ok((7, 7)));
        assert!(seeds("10..1").is_err() && seeds("a..b").is_err());
    }
}
