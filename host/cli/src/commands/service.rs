//! The service in its simplest form: collect, diagnose, tell, and again.

use std::process::ExitCode;
use std::time::Instant;

use lagdoctor_model::{Diagnosis, Window};
use lagdoctor_runtime::IncidentEvent;
use lagdoctor_service::notify::{self, Incidents, Rules};
use lagdoctor_service::report::{self, Envelope};
use lagdoctor_service::{Config, Look, Request, Sources};
use lagdoctor_service::{Options, diagnose};
use miette::{IntoDiagnostic, Result};

use crate::args::RunArgs;
use crate::output::{self, Output};
use crate::session::{self, Session};

/// Runs the command until it is told to stop.
pub async fn run(args: RunArgs, output: &Output) -> Result<ExitCode> {
    let config = Config::load(&args.config).into_diagnostic()?;
    let sources = Sources::from_config(&config).into_diagnostic()?;
    let session = Session::live(sources, &[], "").await?;
    let schedule = &config.schedule;
    let mut collector = session.collector(schedule.window);
    let clusters: Vec<String> = collector.clusters().map(str::to_owned).collect();
    let mut incidents =
        Incidents::new(Rules { open_after: config.notify.open_after, close_after: config.notify.close_after });
    let mut rounds = 0_u32;
    let mut last_diagnosis = None;
    output.note(&format!(
        "watching {}; looking every {}, diagnosing every {}",
        if clusters.is_empty() { "what Prometheus knows of Kafka".to_owned() } else { clusters.join(", ") },
        schedule.collect,
        schedule.diagnose
    ));
    loop {
        let began = tokio::time::Instant::now();
        let now = session::wall_clock()?;
        let window = Window { start: now - schedule.window, now, step: schedule.step };
        for gap in collector.look(&window, schedule.deadline).await {
            output.note(&format!("{now} {}: {}", gap.source, gap.statement));
        }
        if last_diagnosis.is_none_or(|last| now.since(last) >= schedule.diagnose) {
            last_diagnosis = Some(now);
            // Groups of one name in two clusters are two groups, so each cluster is judged by itself.
            let each = clusters.iter().map(|name| Some(name.as_str()));
            let each: Vec<Option<&str>> = if clusters.is_empty() { vec![None] } else { each.collect() };
            for cluster in each {
                let clock = Instant::now();
                let deadline = schedule.deadline;
                let request = Request { window, cluster: cluster.map(str::to_owned), look: Look::Earlier, deadline };
                let signals = collector.collect(&request).await;
                let diagnosis =
                    diagnose(&signals, &session.loaded.plugins, &Options { deadline, ..Options::default() }).await;
                let name = cluster.unwrap_or("kafka");
                output.say(&format!("{now} {name}: {}", report::headline(&diagnosis)));
                if let Some(event) = incidents.observe(name, &diagnosis) {
                    let envelope = Envelope { cluster: name.to_owned(), ..session.envelope(clock.elapsed()) };
                    tell(&session, &event, &diagnosis, &envelope, output).await;
                }
            }
        }
        rounds += 1;
        if args.rounds.is_some_and(|most| rounds >= most) {
            return Ok(output::exit(output::FINE));
        }
        let pause = u64::try_from(schedule.collect.as_millis()).unwrap_or(15_000);
        tokio::select! {
            () = tokio::time::sleep_until(began + std::time::Duration::from_millis(pause)) => {}
            _ = tokio::signal::ctrl_c() => return Ok(output::exit(output::FINE)),
        }
    }
}

/// Tells everybody, and says who was told and who could not be.
async fn tell(session: &Session, event: &IncidentEvent, diagnosis: &Diagnosis, envelope: &Envelope, output: &Output) {
    let now = diagnosis.window.now;
    let notifiers = &session.loaded.plugins.notifiers;
    let told = notify::tell(event, diagnosis, &session.links(), envelope, notifiers, now).await;
    for (notifier, receipt) in &told.receipts {
        output.note(&format!("{now} {notifier} told {}", receipt.destination));
    }
    for gap in &told.gaps {
        output.note(&format!("{now} {}: {}", gap.source, gap.statement));
    }
}
