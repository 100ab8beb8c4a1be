//! The service in its simplest form: collect, diagnose, tell, and again.

use std::process::ExitCode;
use std::time::Instant;

use lagdoctor_model::Window;
use lagdoctor_service::notify::{self, Incidents, Rules};
use lagdoctor_service::report;
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
    let cluster = sources.kafka.first().map_or_else(|| "kafka".to_owned(), |kafka| kafka.cluster.clone());
    let session = Session::live(sources, &[], &cluster).await?;
    let schedule = &config.schedule;
    let mut collector = session.collector(schedule.window);
    let mut incidents =
        Incidents::new(Rules { open_after: config.notify.open_after, close_after: config.notify.close_after });
    let mut rounds = 0_u32;
    let mut last_diagnosis = None;
    output.note(&format!(
        "watching {cluster}; looking every {}, diagnosing every {}",
        schedule.collect, schedule.diagnose
    ));
    loop {
        let began = tokio::time::Instant::now();
        let now = session::wall_clock()?;
        let window = Window { start: now - schedule.window, now, step: schedule.step };
        let due = last_diagnosis.is_none_or(|last| now.since(last) >= schedule.diagnose);
        if due {
            last_diagnosis = Some(now);
            let clock = Instant::now();
            let request = Request { window, cluster: None, look: Look::Now, deadline: schedule.deadline };
            let signals = collector.collect(&request).await;
            let options = Options { deadline: schedule.deadline, ..Options::default() };
            let diagnosis = diagnose(&signals, &session.loaded.plugins, &options).await;
            output.say(&format!("{now} {}", report::headline(&diagnosis)));
            if let Some(event) = incidents.observe(&cluster, &diagnosis) {
                let envelope = session.envelope(clock.elapsed());
                let notifiers = &session.loaded.plugins.notifiers;
                let told = notify::tell(&event, &diagnosis, &session.links(), &envelope, notifiers, now).await;
                for (notifier, receipt) in &told.receipts {
                    output.note(&format!("{now} {notifier} told {}", receipt.destination));
                }
                for gap in &told.gaps {
                    output.note(&format!("{now} {}: {}", gap.source, gap.statement));
                }
            }
        } else {
            for gap in collector.look(&window, schedule.deadline).await {
                output.note(&format!("{now} {}: {}", gap.source, gap.statement));
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
