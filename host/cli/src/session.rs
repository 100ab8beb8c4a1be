//! What most commands need: sources from flags or a file, the plugins loaded and bound, and the signals of one window,
//! live or recorded. Start at [`Session::open`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lagdoctor_model::{Gap, GapCause, Millis, Signals, Timestamp, Window};
use lagdoctor_runtime::{BindError, Bound, BreakerRules, Host, LoadError, Transport};
use lagdoctor_service::config::{PluginSection, Purpose};
use lagdoctor_service::report::{Envelope, Links};
use lagdoctor_service::{
    Bundled, Collector, Config, ConfigError, Flags, Loaded, Look, PluginError, Reading, Request, Sources, Watched,
    Ways, derive, plugins,
};
use miette::{IntoDiagnostic, Result, WrapErr, miette};

use crate::args::{SourceArgs, WindowArgs};
use crate::bundled::BUNDLED;
use crate::commands::author::component;
use crate::host::host;

/// Sources, and the plugins that read, judge and tell.
pub struct Session {
    /// Where to read from.
    pub sources: Sources,
    /// The plugins.
    pub loaded: Loaded,
    /// Name of the cluster in reports.
    pub cluster: String,
}

impl Session {
    /// Loads and binds the plugins that `sources` name, the bundled ones, and those in `files`.
    pub async fn open(
        sources: Sources,
        files: &[PathBuf],
        cluster: &str,
        transport: Arc<dyn Transport>,
    ) -> Result<Self> {
        let transport = Arc::new(Watched::new(transport));
        Self::on(&host(transport, &sources)?, sources, files, cluster).await
    }

    /// The same on a host that is there already; what it has compiled is not compiled again.
    pub async fn on(host: &Host, mut sources: Sources, files: &[PathBuf], cluster: &str) -> Result<Self> {
        if BUNDLED.is_empty() {
            return Err(miette!(
                help = "run `cargo xtask build`, which builds the plugins and then the program around them",
                "this program was built without its plugins"
            ));
        }
        // What is given on the command line is looked at first, because plugins take seconds to compile.
        files.iter().try_for_each(|file| component::found(file))?;
        sources.plugins.extend(files.iter().map(PluginSection::file));
        let loaded = plugins::load(host, &sources, &bundled()).await.map_err(unusable)?;
        for remark in &loaded.remarks {
            tracing::warn!(target: "lagdoctor::config", "{remark}");
        }
        Ok(Self { sources, loaded, cluster: cluster.to_owned() })
    }

    /// The same over the real network.
    pub async fn live(sources: Sources, files: &[PathBuf], cluster: &str) -> Result<Self> {
        let network = sources.network().map_err(wrong)?;
        Self::open(sources, files, cluster, Arc::new(network)).await
    }

    /// The same with a guard in front of each plugin, for what goes on until somebody stops it.
    #[must_use]
    pub fn guarded(self, rules: &BreakerRules) -> Self {
        Self { loaded: self.loaded.guarded(rules), ..self }
    }

    /// Takes scorers away.
    pub fn leave_out(&mut self, names: &[String]) -> Result<()> {
        let scorers = &mut self.loaded.plugins.scorers;
        for name in names {
            let known: Vec<String> = scorers.iter().map(|scorer| scorer.name().to_owned()).collect();
            scorers.retain(|scorer| scorer.name() != name);
            if scorers.len() == known.len() {
                return Err(miette!(
                    help = format!("scorers in use are {}", known.join(", ")),
                    "there is no scorer `{name}` to leave out"
                ));
            }
        }
        Ok(())
    }

    /// What reads these sources.
    pub fn reader(&self) -> Reader<'_> {
        Reader { sources: &self.sources, collectors: self.loaded.collectors.clone() }
    }

    /// A collector of these sources that keeps as much of the past as a window is long.
    pub fn collector(&self, keep: Millis) -> Collector {
        self.reader().collector(keep)
    }

    /// How to look at the evidence oneself.
    pub fn links(&self) -> Links {
        self.sources.links()
    }

    /// What is said about the run that made a report.
    pub fn envelope(&self, took: Duration) -> Envelope {
        Envelope { took: millis(took), cluster: self.cluster.clone(), plugins: self.loaded.uses() }
    }
}

/// Sources and the plugins that read them, for what does not judge.
pub struct Reader<'a> {
    sources: &'a Sources,
    collectors: Vec<Bound>,
}

impl<'a> Reader<'a> {
    /// Loads and binds the collectors that `sources` name, over the real network.
    pub async fn live(sources: &'a Sources) -> Result<Self> {
        let host = host(Arc::new(sources.network().map_err(wrong)?), sources)?;
        let collectors = plugins::collectors(&host, sources, &bundled()).await.map_err(unusable)?;
        Ok(Self { sources, collectors })
    }

    fn collector(self, keep: Millis) -> Collector {
        let ways = if self.sources.file.is_some() { Ways::File } else { Ways::Flags };
        Collector::new(&self.sources.kafka, self.collectors, self.sources.topology.clone(), keep)
            .set_up(ways, self.sources.topology_files.clone())
    }

    /// The signals of one window: of a bundle, or read now.
    pub async fn signals(self, args: &SourceArgs, window: &WindowArgs, deadline: Duration) -> Result<Signals> {
        Ok(self.read(args, window, deadline).await?.0)
    }

    /// The same, and what came of reading each source.
    pub async fn read(
        self,
        args: &SourceArgs,
        window: &WindowArgs,
        deadline: Duration,
    ) -> Result<(Signals, Vec<Reading>)> {
        if let Some(folder) = &args.bundle {
            return Ok((recorded(folder)?, vec![]));
        }
        let present = wall_clock()?;
        let (now, look) = match &window.at {
            Some(text) => (past(text, present)?, Look::Never),
            None => (present, Look::Now),
        };
        if window.step > window.last {
            return Err(miette!(
                help = "give a shorter --step, or look further back with --last",
                "--step {} is longer than --last {}, so there would be no reading at all",
                millis(window.step),
                millis(window.last)
            ));
        }
        let window = Window { start: now - millis(window.last), now, step: millis(window.step) };
        // A cluster of flags is called as the flag says; one of several in a file is chosen by it.
        let cluster = args.cluster.clone().filter(|_| args.config.is_some());
        let request = Request { window, cluster, look, deadline: millis(deadline) };
        let mut collector = self.collector(window.now.since(window.start));
        let signals = collector.collect(&request).await;
        Ok((signals, collector.readings().to_vec()))
    }
}

/// The plugins inside this program.
pub fn bundled() -> Vec<Bundled<'static>> {
    BUNDLED.iter().map(|plugin| Bundled { name: plugin.name, wasm: plugin.wasm }).collect()
}

/// What reports call the cluster.
pub fn cluster(args: &SourceArgs) -> String {
    args.cluster.clone().unwrap_or_else(|| "kafka".to_owned())
}

/// The sources that flags or a configuration file name.
pub fn sources(args: &SourceArgs) -> Result<Sources> {
    if let Some(file) = &args.config {
        let config = config(file)?;
        if args.bundle.is_some() {
            return Sources::wanted(&config, Purpose::Recorded).map_err(wrong);
        }
        let sources = configured(&config)?;
        readable(&sources, file)?;
        return Ok(sources);
    }
    let flags = Flags {
        cluster: cluster(args),
        bootstrap: args.bootstrap.clone(),
        kafka_properties: args.kafka_properties.clone(),
        prometheus: args.prometheus.clone(),
        logs: args.logs.clone(),
        topology: args.topology.clone(),
    };
    if args.bundle.is_none() && flags.bootstrap.is_none() && flags.prometheus.is_none() && flags.logs.is_none() {
        return Err(miette!(
            help = "name a source: --bootstrap HOST:PORT, --prometheus URL, --logs URL, --bundle DIR, or -c FILE; `lagdoctor demo` needs none",
            "there is nothing to read from"
        ));
    }
    Sources::from_flags(&flags).map_err(wrong)
}

/// The configuration in a file.
pub fn config(file: &Path) -> Result<Config> {
    Config::load(file).map_err(wrong)
}

/// The sources that a configuration names.
pub fn configured(config: &Config) -> Result<Sources> {
    Sources::from_config(config).map_err(wrong)
}

/// The same, to see what would run.
pub fn reviewed(config: &Config) -> Result<Sources> {
    Sources::wanted(config, Purpose::Review).map_err(wrong)
}

/// Refuses a configuration that names nothing to read from.
pub fn readable(sources: &Sources, file: &Path) -> Result<()> {
    if sources.kafka.is_empty() && sources.plugins.is_empty() {
        return Err(miette!(
            help = "add a [[kafka]] section or a [[plugin]] that collects; `lagdoctor run --example` prints a configuration to start from",
            "{} names nothing to read from",
            file.display()
        ));
    }
    Ok(())
}

fn wrong(error: ConfigError) -> miette::Report {
    said(&error, way_out(&error))
}

/// What to do about a configuration that cannot be used.
fn way_out(error: &ConfigError) -> &'static str {
    match error {
        ConfigError::Read { .. } => "check the path and the rights; paths in a configuration start from its folder",
        ConfigError::Topology { .. } => {
            "an edge points from what waits to what it waits for; `lagdoctor run --example` ends with a topology"
        }
        ConfigError::Tls { .. } => "correct the files that [[tls]] names; `lagdoctor run --example` shows the section",
        ConfigError::Secret { advice, .. } => advice,
        ConfigError::Used { source, .. } => way_out(source),
        ConfigError::Flag { .. } => "`--help` says what each flag takes",
        ConfigError::Field { .. } | ConfigError::Conflict { .. } => {
            "`lagdoctor run --example` prints a configuration with every setting explained"
        }
    }
}

/// Plugins that cannot run, with what to do about it.
fn unusable(error: PluginError) -> miette::Report {
    let (place, why) = match &error {
        PluginError::Placed { place, why } => (format!("{place}: "), &**why),
        why => (String::new(), why),
    };
    let help = match why {
        PluginError::Load(LoadError::Read { .. }) => {
            "check the path and the rights (paths in a configuration start from its folder); `lagdoctor plugin build FOLDER` makes the \
             component of a project, and `name` instead of `file` means a bundled plugin"
        }
        PluginError::Load(_) => "`lagdoctor plugin check FILE` says more about a component",
        PluginError::Unknown { .. } => {
            "`lagdoctor plugin list` says what each is for; for a file of your own write `file` instead of `name`"
        }
        PluginError::Bind(BindError::Room { .. }) => "`lagdoctor plugin inspect NAME` shows the limits",
        PluginError::Bind(_) => {
            "`lagdoctor plugin inspect NAME-OR-FILE` shows the fields that it has, at the end under `config`"
        }
        PluginError::NoSecret { why, .. } => way_out(why),
        PluginError::Secret { .. } => "`lagdoctor run --example` shows the section with every way to keep a secret",
        PluginError::Taken { .. }
        | PluginError::Twice { .. }
        | PluginError::Number { .. }
        | PluginError::Placed { .. } => "`lagdoctor plugin list -c FILE` shows which plugins a configuration makes run",
    };
    miette::MietteDiagnostic::new(format!("{place}{}", chain(why))).with_help(help).into()
}

fn said(error: &dyn std::error::Error, help: &str) -> miette::Report {
    miette::MietteDiagnostic::new(chain(error)).with_help(help).into()
}

/// An error with its causes. A diagnostic made of text has no chain of them, so they stand in it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let mut text = error.to_string();
    for cause in causes.map(ToString::to_string) {
        if !text.contains(&cause) {
            text += &format!(": {cause}");
        }
    }
    text
}

/// The signals of a bundle, with what follows from its offsets.
pub fn recorded(folder: &Path) -> Result<Signals> {
    let mut signals = lagdoctor_bundle::read(folder).into_diagnostic()?.signals;
    if signals.series.is_empty() {
        let statement =
            "the bundle holds no series, so no lag and no metric is known; record it again, or copy series.ndjson too";
        let (source, cause) = ("series.ndjson".to_owned(), GapCause::NotConfigured);
        signals.gaps.push(Gap { source, cause, node: None, statement: statement.to_owned() });
    }
    derive::derive(&mut signals);
    Ok(signals.normalised())
}

/// Refuses the name of a group that is not among those that were seen. Where none was seen, the report says why.
pub fn known_group(group: &str, signals: &Signals) -> Result<()> {
    let groups = signals.topology.nodes().filter(|node| node.id.kind() == "group");
    let known: Vec<&str> = groups.map(|node| node.id.name()).collect();
    if known.is_empty() || known.contains(&group) {
        return Ok(());
    }
    Err(miette!(
        help = "check the name, and that `groups.allow` and the rights of this client let it be seen",
        "no group is called `{group}`; there {} {}",
        if known.len() == 1 { "is" } else { "are" },
        known.join(", ")
    ))
}

/// A duration as the model has it.
pub fn millis(duration: Duration) -> Millis {
    i64::try_from(duration.as_millis()).ok().and_then(|ms| Millis::new(ms).ok()).unwrap_or(Millis::ZERO)
}

/// The time of day. Only commands ask; what is below them is told.
pub fn wall_clock() -> Result<Timestamp> {
    let since =
        SystemTime::now().duration_since(UNIX_EPOCH).into_diagnostic().wrap_err("the clock stands before 1970")?;
    let ms = i64::try_from(since.as_millis()).into_diagnostic()?;
    Timestamp::from_millis(ms).into_diagnostic()
}

/// A moment that is over. Clocks differ by some seconds.
fn past(text: &str, present: Timestamp) -> Result<Timestamp> {
    let at = moment(text)?;
    if at > present + Millis::minutes(1) {
        return Err(miette!(
            help = "give a moment that is over, or leave --at out to look at the present",
            "--at {text} lies in the future: it is {present} now"
        ));
    }
    Ok(at)
}

/// Reads `now`, Unix seconds, or `2026-03-01T12:34:56Z`.
pub fn moment(text: &str) -> Result<Timestamp> {
    let bad = || {
        miette!(
            help = "write `now`, Unix seconds (1772368496) or UTC in RFC 3339 (2026-03-01T12:34:56Z)",
            "`{text}` is no moment"
        )
    };
    if text == "now" {
        return wall_clock();
    }
    if let Some(seconds) = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite()) {
        return Timestamp::from_millis((seconds * 1000.0) as i64).map_err(|_| bad());
    }
    let parsed: toml::value::Datetime = text.parse().map_err(|_| bad())?;
    let (Some(date), Some(time)) = (parsed.date, parsed.time) else { return Err(bad()) };
    let offset_min = match parsed.offset {
        Some(toml::value::Offset::Custom { minutes }) => i64::from(minutes),
        _ => 0,
    };
    let days = days_since_1970(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let second = i64::from(time.second.unwrap_or(0));
    let seconds = days * 86_400 + i64::from(time.hour) * 3600 + (i64::from(time.minute) - offset_min) * 60 + second;
    Timestamp::from_millis(seconds * 1000).map_err(|_| bad())
}

/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": days from civil.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_known_of_the_future() {
        let present = moment("2026-03-01T12:34:56Z").unwrap();
        assert!(past("2026-03-01T12:35:30Z", present).is_ok());
        let refusal = past("2099-01-01T00:00:00Z", present).unwrap_err().to_string();
        assert_eq!(refusal, "--at 2099-01-01T00:00:00Z lies in the future: it is 2026-03-01T12:34:56.000Z now");
    }

    #[test]
    fn a_moment_is_read_as_it_is_printed() {
        for text in ["2026-03-01T12:34:56Z", "1970-01-01T00:00:00Z", "2000-02-29T23:59:59Z"] {
            assert_eq!(moment(text).unwrap().to_string(), text.replace('Z', ".000Z"));
        }
        assert_eq!(moment("2026-03-01T14:34:56+02:00").unwrap(), moment("2026-03-01T12:34:56Z").unwrap());
        assert_eq!(moment("1772368496").unwrap(), moment("2026-03-01T12:34:56Z").unwrap());
        for text in ["yesterday", "", "1e300", "NaN", "2026-13-45T00:00:00Z"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
