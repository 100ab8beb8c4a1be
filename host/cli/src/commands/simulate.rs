//! Makes incidents: labelled bundles, or live endpoints.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lagdoctor_bundle::Meta;
use lagdoctor_grade::{Stage, look, sources, truth};
use lagdoctor_model::{Millis, Timestamp};
use lagdoctor_sim::{Scenario, Simulation, builtin_names, endpoints};
use miette::{IntoDiagnostic, Result, WrapErr, miette};

use crate::args::SimulateArgs;
use crate::output::{self, Output};
use crate::serve::simulated::{self, Pipeline};
use crate::session::{self, Session};

/// How often a served run moves on, in real time.
const TICK: Duration = Duration::from_secs(1);
/// How densely its Kafka is kept in step with a past that is played at once.
const LOOK: Millis = Millis::seconds(30);

/// Runs the command.
pub async fn run(args: SimulateArgs, output: &Output) -> Result<ExitCode> {
    if args.list {
        let names: Vec<&str> = builtin_names().collect();
        output.say(&names.join("\n"));
        return Ok(output::exit(output::FINE));
    }
    let scenario = scenario(args.scenario.as_deref().unwrap_or_default())?;
    if let Some(folder) = &args.out {
        write(&scenario, args.seed, folder, output).await?;
    }
    if let Some(file) = &args.openmetrics {
        let (made, seed) = (scenario.clone(), args.seed);
        let scraped = tokio::task::spawn_blocking(move || {
            let mut run = Simulation::new(&made, seed);
            run.advance_to(run.end());
            (endpoints::prometheus::openmetrics(run.telemetry()), run.end())
        });
        let (text, end) = scraped.await.into_diagnostic()?;
        std::fs::write(file, text).into_diagnostic().wrap_err_with(|| format!("cannot write {}", file.display()))?;
        output.note(&format!("wrote {}; look at it with --at {end}", file.display()));
    }
    if let Some(address) = args.serve {
        live(&scenario, &args, address, output).await?;
    }
    Ok(output::exit(output::FINE))
}

/// A built-in scenario, or one of a file.
pub fn scenario(name: &str) -> Result<Scenario> {
    if builtin_names().any(|known| known == name) {
        return Scenario::builtin(name).into_diagnostic();
    }
    let path = Path::new(name);
    let text = std::fs::read_to_string(path).map_err(|error| {
        let known: Vec<&str> = builtin_names().collect();
        miette!(
            help = format!("built in are {}; or name a scenario file", known.join(", ")),
            "`{name}` is no built-in scenario, and no file that can be read ({error})"
        )
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let used = |name: &str| std::fs::read_to_string(folder.join(name)).ok().or_else(|| Scenario::builtin_use(name));
    Scenario::parse(&text, used).into_diagnostic().wrap_err_with(|| format!("cannot use scenario {name}"))
}

/// The run as a bundle, seen by the real collectors, with its truth beside it.
async fn write(scenario: &Scenario, seed: u64, folder: &Path, output: &Output) -> Result<()> {
    let bar = output.progress(3, "simulating");
    let made = scenario.clone();
    let pair = tokio::task::spawn_blocking(move || Simulation::pair(&made, seed)).await.into_diagnostic()?;
    let truth = truth(&pair.truth()).into_diagnostic()?;
    bar.inc(1);
    bar.set_message("collecting");
    let stage = Arc::new(Stage::default());
    let session = Session::open(sources(), &[], "simulated", stage.clone()).await?;
    let run = Arc::new(pair.run);
    stage.put_on(run.clone());
    let signals = look(&run, &session.loaded.collectors).await;
    bar.inc(1);
    bar.set_message("writing");
    lagdoctor_bundle::write(folder, &signals, &Meta { source: "lagdoctor simulate".into(), symptom: None })
        .into_diagnostic()?;
    truth.write(folder).into_diagnostic()?;
    bar.finish_and_clear();
    output.note(&format!(
        "wrote {} series and {} log lines of {} nodes to {}; what really happened is in {}.truth.toml",
        signals.series.len(),
        signals.logs.len(),
        signals.topology.len(),
        folder.display(),
        folder.display()
    ));
    Ok(())
}

/// The run as live endpoints.
async fn live(scenario: &Scenario, args: &SimulateArgs, address: SocketAddr, output: &Output) -> Result<()> {
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
        tokio::select! {
            _ = ticks.tick() => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
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
