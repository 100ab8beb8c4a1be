//! The whole job in three acts, on a simulated pipeline and real protocols: an in-process Kafka, and the Prometheus and
//! Elasticsearch APIs on loopback. From there on everything is what runs in production.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use lagdoctor_model::{Diagnosis, Millis, Signals, Timestamp, Window};
use lagdoctor_runtime::{Host, Network};
use lagdoctor_service::config::PluginSection;
use lagdoctor_service::report::{self, StatusReport};
use lagdoctor_service::{Flags, Look, Plugins, Request, Sources};
use lagdoctor_service::{Options, diagnose};
use miette::{IntoDiagnostic, Result};
use serde_json::json;

use crate::args::DemoArgs;
use crate::host::host;
use crate::output::{self, Output};
use crate::scenarios;
use crate::serve::simulated::{self, Pipeline};
use crate::session::Session;

/// How much of each run Kafka is watched for.
const WATCHED: Millis = Millis::minutes(60);
/// How often Kafka is looked at, in virtual time.
const EVERY: Millis = Millis::seconds(60);
const STEP: Millis = Millis::seconds(15);

/// A simulated incident and all that reads it.
struct Act {
    signals: Signals,
    diagnosis: Diagnosis,
    naive: Diagnosis,
    took: std::time::Duration,
    address: SocketAddr,
    bootstrap: String,
    window: Window,
    /// Lag as Kafka showed it over the run.
    collector: lagdoctor_service::Collector,
    pipeline: Pipeline,
    /// Keeps what was compiled.
    _session: Session,
}

/// Runs the command.
pub async fn run(args: DemoArgs, output: &Output) -> Result<ExitCode> {
    let began = Instant::now();
    output.say(
        "Two incidents with lag curves that look alike, and one of them again with half of its data gone. The pipelines are simulated; Kafka, Prometheus and Elasticsearch are\n\
         spoken to over their own protocols, by the same code and plugins as in production.\n",
    );
    // Both hours go by at the same time; most of that is waiting for Kafka to answer.
    let host = host(Arc::new(Network::new()), &Sources::default())?;
    let naive = naive_plugins(&host).await?;
    let (first, second) = tokio::try_join!(
        act("replication-delay", args.seed, &host, &naive, output),
        act("gc-pauses", args.seed, &host, &naive, output)
    )?;
    let mut first = first;
    show(1, &first, output);
    show(2, &second, output);

    heading(3, "The first again, but nobody scrapes the databases", output);
    let mut blind = sources(&first)?;
    blind.kafka.clear();
    blind.plugins = blind
        .plugins
        .into_iter()
        .map(|mut plugin| {
            if plugin.name.as_deref() == Some("collector-prometheus") {
                plugin.config["match"] = json!([r#"job!="mysqld""#]);
            }
            plugin
        })
        .collect();
    let session = Session::on(&host, blind, &[], "demo").await?;
    let clock = Instant::now();
    let request = Request { window: first.window, cluster: None, look: Look::Earlier, deadline: Millis::seconds(20) };
    first.collector.read_with(session.loaded.collectors.clone());
    let signals = first.collector.collect(&request).await;
    let diagnosis = diagnose(&signals, &session.loaded.plugins, &Options::default()).await;
    output.say(&report::text(&diagnosis, output.style()));
    output.say(&format!("(window to verdict: {} ms)\n", clock.elapsed().as_millis()));

    heading(0, "What to take from it", output);
    output.say(&format!(
        "1. {}\n   the loudest metric alone would have blamed {}\n2. {}\n   the loudest metric alone would have blamed {}\n3. {}\n\nAll of it took {:.0} s.",
        report::headline(&first.diagnosis),
        blamed(&first.naive),
        report::headline(&second.diagnosis),
        blamed(&second.naive),
        report::headline(&diagnosis),
        began.elapsed().as_secs_f64()
    ));
    Ok(output::exit(output::FINE))
}

/// Plays one incident to its end while Kafka is watched, then diagnoses it.
async fn act(scenario: &str, seed: u64, host: &Host, naive: &Plugins, output: &Output) -> Result<Act> {
    let scenario = scenarios::one(scenario)?;
    let mut pipeline = Pipeline::new(&scenario, seed)?;
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let address = simulated::serve(pipeline.shared(), loopback).await?;
    let bootstrap = pipeline.bootstrap();
    let (start, end) = (pipeline.run().start(), pipeline.run().end());
    let window = |now: Timestamp| Window { start: (now - WATCHED).max(start), now, step: STEP };

    let sources = live_sources(address, &bootstrap, &pipeline)?;
    let session = Session::on(host, sources, &[], "demo").await?;
    let mut collector = session.collector(WATCHED);
    let looks = end.since(start).as_millis() / EVERY.as_millis();
    let bar = output.progress(u64::try_from(looks).unwrap_or(0), "an hour goes by");
    let mut now = start;
    while now + EVERY < end {
        now = now + EVERY;
        pipeline = tokio::task::spawn_blocking(move || pipeline.advance_to(now).map(|()| pipeline))
            .await
            .into_diagnostic()??;
        collector.look(&window(now), Millis::seconds(10)).await;
        bar.inc(1);
    }
    pipeline =
        tokio::task::spawn_blocking(move || pipeline.advance_to(end).map(|()| pipeline)).await.into_diagnostic()??;
    bar.finish_and_clear();

    let clock = Instant::now();
    let request = Request { window: window(end), cluster: None, look: Look::Now, deadline: Millis::seconds(20) };
    let signals = collector.collect(&request).await;
    let diagnosis = diagnose(&signals, &session.loaded.plugins, &Options::default()).await;
    let took = clock.elapsed();
    let naive = diagnose(&signals, naive, &Options::default()).await;
    Ok(Act {
        signals,
        diagnosis,
        naive,
        took,
        address,
        bootstrap,
        window: window(end),
        collector,
        pipeline,
        _session: session,
    })
}

fn show(number: u32, act: &Act, output: &Output) {
    let title = if number == 1 { "A group falls behind" } else { "Another one falls behind; the curve looks the same" };
    heading(number, title, output);
    output.say(&curve(&act.signals));
    output.say(&StatusReport::of(&act.signals).without_gaps().text(output.style(), report::Rows::Groups));
    output.say(&report::text(&act.diagnosis, output.style()));
    output.say(&format!(
        "(window to verdict: {} ms; the largest z-score alone would have blamed {}{})\n",
        act.took.as_millis(),
        blamed(&act.naive),
        compared(&act.naive, &act.diagnosis)
    ));
}

fn heading(number: u32, title: &str, output: &Output) {
    let title = if number == 0 { title.to_owned() } else { format!("Act {number}. {title}") };
    output.say(&if output.colour() { format!("\n\x1b[1;7m {title} \x1b[0m\n") } else { format!("\n== {title} ==\n") });
}

/// Whom the rival blames first.
fn blamed(naive: &Diagnosis) -> String {
    naive
        .causes
        .first()
        .map_or_else(|| "nobody".to_owned(), |cause| format!("{} `{}`", cause.node.kind(), cause.node.name()))
}

/// How the rival's answer stands to ours.
fn compared(naive: &Diagnosis, ours: &Diagnosis) -> &'static str {
    match naive.causes.first().zip(ours.causes.first()) {
        Some((naive, ours)) if naive.node == ours.node => ", the same place, without saying what is wrong there",
        Some((naive, ours)) if naive.node.name() == ours.node.name() => {
            ", the same process, without saying what is wrong with it"
        }
        _ => "",
    }
}

/// The backlog over the window, as a line of bars.
fn curve(signals: &Signals) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let backlog = signals.series.iter().find(|series| series.signal().as_str() == "kafka.consumer_group.backlog");
    let Some(backlog) = backlog else { return "backlog: not known\n".to_owned() };
    let grid = backlog.on_grid(signals.window.start, Millis::minutes(1), 61);
    let most = grid.iter().copied().filter(|value| value.is_finite()).fold(1.0, f64::max);
    let bar = |value: &f64| if value.is_finite() { BARS[((value / most * 7.0) as usize).min(7)] } else { ' ' };
    let bars: String = grid.iter().map(bar).collect();
    format!("backlog of `{}`, one hour, highest {most:.0} records\n{bars}\n", backlog.node().name())
}

/// The sources of a running act, as flags would name them.
fn live_sources(address: SocketAddr, bootstrap: &str, pipeline: &Pipeline) -> Result<Sources> {
    let flags = Flags {
        cluster: "demo".into(),
        bootstrap: Some(bootstrap.to_owned()),
        prometheus: Some(format!("http://{address}")),
        logs: Some(format!("http://{address}/logs-shop")),
        ..Flags::default()
    };
    let mut sources = Sources::from_flags(&flags).into_diagnostic()?;
    sources.topology = pipeline.run().topology().clone();
    Ok(sources)
}

fn sources(act: &Act) -> Result<Sources> {
    live_sources(act.address, &act.bootstrap, &act.pipeline)
}

async fn naive_plugins(host: &Host) -> Result<Plugins> {
    let mut naive = Sources::default();
    naive.plugins.extend(["scorer-largest-z", "ranker-largest-z"].map(PluginSection::bundled));
    let mut plugins = Session::on(host, naive, &[], "demo").await?.loaded.plugins;
    plugins.scorers.retain(|scorer| scorer.name() == "scorer-largest-z");
    plugins.forecaster = None;
    Ok(plugins)
}
