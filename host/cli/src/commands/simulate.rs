//! Makes incidents: labelled bundles, or live endpoints.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lagdoctor_bundle::{Meta, Truth};
use lagdoctor_grade::{Stage, look, sources, truth};
use lagdoctor_model::{Millis, Signals, Timestamp};
use lagdoctor_sim::{Scenario, Simulation, builtin_about, endpoints, lint, unused_kinds};
use miette::{IntoDiagnostic, Result, miette};

use crate::args::SimulateArgs;
use crate::commands::swarm;
use crate::output::{self, Output, counted};
use crate::scenarios::{self, Named, Pack};
use crate::serve::simulated::{self, Pipeline};
use crate::session::{self, Session};

/// How often a served run moves on, in real time.
const TICK: Duration = Duration::from_secs(1);
/// How densely its Kafka is kept in step with a past that is played at once.
const LOOK: Millis = Millis::seconds(30);
/// What simulated bundles name as their source.
const SOURCE: &str = "lagdoctor simulate";

/// Runs the command.
pub async fn run(args: SimulateArgs, output: &Output) -> Result<ExitCode> {
    if args.list {
        list(args.scenario.as_deref().unwrap_or(scenarios::PUBLIC), output)?;
        return Ok(output::exit(output::FINE));
    }
    if args.lint {
        return check(&args, output);
    }
    if let Some(count) = args.swarm {
        return swarm::run(count, &args, output);
    }
    let scenario = scenarios::one(args.scenario.as_deref().unwrap_or_default())?;
    if let Some(address) = args.serve {
        return output::until_stopped(live(&scenario, &args, address, output)).await;
    }
    files(&scenario, &args, output).await?;
    Ok(output::exit(output::FINE))
}

/// Says of each scenario of a pack that is built in what it is about, and beside that the pack's name with its version.
fn list(pack: &str, output: &Output) -> Result<()> {
    if !pack.starts_with(scenarios::BUILT_IN) {
        return Err(miette!(
            help = format!("write {}, or leave it out", scenarios::PUBLIC),
            "what is built in is listed, and `{pack}` is not"
        ));
    }
    let Pack { name, scenarios } = scenarios::all(pack)?;
    let width = scenarios.iter().map(|named| named.name.len()).max().unwrap_or(0);
    let line = |named: &Named| format!("{:width$}  {}", named.name, builtin_about(&named.name));
    output.say(&scenarios.iter().map(line).collect::<Vec<_>>().join("\n"));
    output.note(&format!("{} of {name}", counted(scenarios.len(), "scenario")));
    Ok(())
}

/// Draws with which each scenario is linted.
const LINTED: u64 = 3;

/// Says of each scenario what makes it unfit, and which kinds of fault none of several is about.
fn check(args: &SimulateArgs, output: &Output) -> Result<ExitCode> {
    let named = args.scenario.as_deref().unwrap_or_default();
    let Pack { name, scenarios } = match named.starts_with(scenarios::BUILT_IN) || Path::new(named).is_dir() {
        true => scenarios::all(named)?,
        false => {
            let one = Named { name: named.to_owned(), place: named.to_owned(), scenario: scenarios::one(named)? };
            Pack { name: named.to_owned(), scenarios: vec![one] }
        }
    };
    let bar = output.progress(scenarios.len() as u64, "linting");
    let mut unfit = 0;
    for named in &scenarios {
        let source = named.source();
        let remarks = lint(&named.scenario, args.seed..args.seed.saturating_add(LINTED));
        unfit += usize::from(!remarks.is_empty());
        bar.suspend(|| remarks.iter().for_each(|remark| output.say(&format!("{source}: {remark}"))));
        bar.inc(1);
    }
    bar.finish_and_clear();
    if scenarios.len() > 1 {
        let unused = unused_kinds(scenarios.iter().map(|named| &named.scenario));
        if !unused.is_empty() {
            output.note(&format!("none of them is about {}", unused.join(", ")));
        }
    }
    output.note(&format!("{} of {name} linted, {unfit} unfit", counted(scenarios.len(), "scenario")));
    Ok(output::exit(if unfit == 0 { output::FINE } else { output::FOUND }))
}

/// The run as files, with its truth beside them.
async fn files(scenario: &Scenario, args: &SimulateArgs, output: &Output) -> Result<()> {
    if let Some(folder) = &args.out {
        keep_what_was_recorded(folder)?;
        if folder.join("bundle.toml").exists() {
            output.note(&format!("the simulated bundle that was in {} is written over", folder.display()));
        }
    }
    let until = args.until.as_deref().map(session::moment).transpose()?;
    let bar = output.progress(2, "simulating");
    let (made, seed) = (scenario.clone(), args.seed);
    let pair = tokio::task::spawn_blocking(move || match until {
        Some(end) => Simulation::pair_from(&made, seed, end - made.duration()),
        None => Simulation::pair(&made, seed),
    });
    let pair = pair.await.into_diagnostic()?;
    let truth = truth(&pair.truth()).into_diagnostic()?;
    let run = Arc::new(pair.run);
    bar.inc(1);
    bar.set_message("writing");
    let mut wrote = vec![];
    if let Some(folder) = &args.out {
        wrote.push(bundle(&run, folder).await?);
        truth.write(folder).into_diagnostic()?;
    }
    if let Some(file) = &args.openmetrics {
        wrote.push(metrics(&run, file)?);
        truth.write(&file.with_extension("")).into_diagnostic()?;
    }
    bar.finish_and_clear();
    output.note(&wrote.join("\n"));
    Ok(())
}

/// A simulated bundle can be made again, a recorded one cannot, so only the first is written over.
fn keep_what_was_recorded(folder: &Path) -> Result<()> {
    let is_recorded = folder.join("bundle.toml").exists()
        && lagdoctor_bundle::read(folder).is_ok_and(|bundle| bundle.meta.source != SOURCE);
    if is_recorded {
        return Err(miette!(
            help = "give another folder with --out",
            "`{}` holds a bundle that was not simulated, and is left as it is",
            folder.display()
        ));
    }
    Ok(())
}

/// The last hour of the run, seen by the real collectors.
pub async fn seen(run: &Arc<Simulation>) -> Result<Signals> {
    let stage = Arc::new(Stage::default());
    let session = Session::open(sources(), &[], "simulated", stage.clone()).await?;
    stage.put_on(run.clone());
    Ok(look(run, &session.loaded.collectors).await)
}

/// Writes the run as a bundle. Says what was written.
async fn bundle(run: &Arc<Simulation>, folder: &Path) -> Result<String> {
    let signals = seen(run).await?;
    lagdoctor_bundle::write(folder, &signals, &Meta { source: SOURCE.into() }).into_diagnostic()?;
    Ok(format!(
        "wrote {} series and {} of {} to {}; what really happened is in {}",
        signals.series.len(),
        counted(signals.logs.len(), "log line"),
        counted(signals.topology.len(), "node"),
        folder.display(),
        Truth::path_for(folder).display(),
    ))
}

/// Writes what a Prometheus would have scraped, and the topology beside it. Says what was written, and how to use it.
fn metrics(run: &Simulation, file: &Path) -> Result<String> {
    let topology = file.with_extension("topology.json");
    let write = |path: &Path, text: String| {
        std::fs::write(path, text).map_err(|error| {
            miette!(
                help = "check that its folder exists, rights and free space",
                "cannot write {}: {error}",
                path.display()
            )
        })
    };
    write(file, endpoints::prometheus::openmetrics(run.telemetry()))?;
    write(&topology, lagdoctor_bundle::topology_json(run.topology()))?;
    Ok(format!(
        "wrote {} samples of {} series to {file}; what really happened is in {truth}\n\
         Fill a Prometheus that keeps its data from then on (storage.tsdb.retention.time), and ask:\n  \
         promtool tsdb create-blocks-from openmetrics {file} DATA-FOLDER\n  \
         lagdoctor diagnose --prometheus http://localhost:9090 --topology {topology} --at {end}",
        run.telemetry().sample_count(),
        run.telemetry().series_count(),
        file = file.display(),
        truth = Truth::path_for(&file.with_extension("")).display(),
        topology = topology.display(),
        end = run.end(),
    ))
}

/// The run as live endpoints, until the program is told to stop.
async fn live(scenario: &Scenario, args: &SimulateArgs, address: SocketAddr, output: &Output) -> Result<ExitCode> {
    let begun = session::wall_clock()?;
    let start = begun - scenario.duration();
    let mut pipeline = Pipeline::of(Simulation::new(scenario, args.seed).live_from(start))?;
    let mut moment = start;
    if args.speed.is_none() {
        pipeline = played(pipeline, start, begun, output).await?;
        moment = begun;
    }
    let taken = simulated::serve(pipeline.shared(), address).await?;
    let bootstrap = pipeline.bootstrap();
    output.say(&format!(
        "Prometheus API   http://{taken}   (and http://{taken}/metrics, to be scraped)\n\
         Elasticsearch    http://{taken}/logs-shop\n\
         Kafka            {bootstrap}\n\
         Topology         http://{taken}/topology.json\n\n\
         Ask why its group falls behind:\n  \
         curl -so topology.json http://{taken}/topology.json\n  \
         lagdoctor diagnose --bootstrap {bootstrap} \\\n    \
         --prometheus http://{taken} --logs http://{taken}/logs-shop --topology topology.json\n"
    ));
    output.note("it goes on until Ctrl-C");
    let factor = args.speed.unwrap_or(1.0).clamp(0.001, 1e6);
    let step = Millis::new((TICK.as_secs_f64() * 1000.0 * factor) as i64).into_diagnostic()?;
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        // A run in the past moves on at its own pace; it never gets ahead of the clock that everybody else asks by.
        let present = session::wall_clock()?;
        moment = if args.speed.is_some() { (moment + step).min(present) } else { present };
        pipeline = tokio::task::spawn_blocking(move || pipeline.advance_to(moment).map(|()| pipeline))
            .await
            .into_diagnostic()??;
    }
}

/// The pipeline after its hour.
async fn played(mut pipeline: Pipeline, start: Timestamp, end: Timestamp, output: &Output) -> Result<Pipeline> {
    let steps = end.since(start).as_millis() / LOOK.as_millis();
    let bar = output.progress(u64::try_from(steps).unwrap_or(0), "playing the incident");
    let made = bar.clone();
    let play = move || {
        let mut moment = start;
        while moment < end {
            moment = (moment + LOOK).min(end);
            pipeline.advance_to(moment)?;
            made.inc(1);
        }
        Ok(pipeline)
    };
    let played = tokio::task::spawn_blocking(play).await.into_diagnostic()?;
    bar.finish_and_clear();
    played
}
