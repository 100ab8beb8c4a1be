//! The service in its simplest form: collect, diagnose, tell, and again. A plugin that fails again and again is left alone
//! for a while; how all stand is on a [`Board`] that can be read over HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lagdoctor_model::{Gap, GapCause, Millis, Timestamp, Window};
use lagdoctor_service::config::EXAMPLE;
use lagdoctor_service::notify::{Incidents, Rules};
use lagdoctor_service::report::{self, Envelope, PluginReport};
use lagdoctor_service::{Config, Look, Request};
use lagdoctor_service::{Options, traced};
use miette::{Result, miette};

use crate::args::RunArgs;
use crate::outbox::{Letter, Outbox};
use crate::output::{self, Output};
use crate::recorder::{Done, Recorder};
use crate::serve::service::{Board, Listener};
use crate::session::{self, Session};

/// Runs the command until it is told to stop.
pub async fn run(args: RunArgs, output: &Output) -> Result<ExitCode> {
    let Some(file) = &args.config else {
        if args.example {
            output.say(EXAMPLE);
            return Ok(output::exit(output::FINE));
        }
        return Err(miette!(
            help = "write one and give it with -c FILE; `lagdoctor run --example` prints a configuration to start from",
            "a configuration file must say what to watch"
        ));
    };
    let config = session::config(file)?;
    let sources = session::configured(&config)?;
    session::readable(&sources, file)?;
    // An address that is taken is found before the plugins are compiled, which takes seconds.
    let listener = match args.listen.or(config.service.listen) {
        Some(address) => Some(Listener::bind(address).await?),
        None => None,
    };
    let session = Session::live(sources, &[], "").await?.guarded(&config.quarantine.rules());
    let board = Arc::new(Board::new(session.loaded.clone(), patience(&config, &session)));
    if let Some(listener) = listener {
        let address = listener.address();
        listener.serve(board.clone());
        output.note(&format!("answering on http://{address}: /metrics, /plugins, /healthz"));
        if !address.ip().is_loopback() {
            output.note("whoever reaches that address can read it: nobody is asked who they are");
        }
    }
    output::until_stopped(Box::pin(rounds(&config, &session, &board, args.rounds, output))).await
}

/// Longer than anything takes that the service does between two signs of life.
fn patience(config: &Config, session: &Session) -> Duration {
    let schedule = &config.schedule;
    let ms = |time: Millis| Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(0));
    // One message after the other goes to one notifier after the other.
    let telling: Duration = session.loaded.plugins.notifiers.iter().map(|notifier| notifier.limits().timeout).sum();
    ms(schedule.collect) + ms(schedule.deadline) * 3 + telling * 4 + Duration::from_secs(60)
}

async fn rounds(
    config: &Config,
    session: &Session,
    board: &Board,
    most: Option<u32>,
    output: &Output,
) -> Result<ExitCode> {
    let schedule = &config.schedule;
    let mut collector = session.collector(schedule.window);
    let clusters: Vec<String> = collector.clusters().map(str::to_owned).collect();
    let mut incidents =
        Incidents::new(Rules { open_after: config.notify.open_after, close_after: config.notify.close_after });
    let mut rounds = 0_u32;
    let mut last_diagnosis = None;
    let mut blind: BTreeMap<Option<String>, Blind> = BTreeMap::new();
    let mut outbox = Outbox::default();
    let mut recorder = Recorder::new(None, Some(config), output);
    let mut has_read = false;
    let mut left_alone = LeftAlone::default();
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
        let gaps = collector.look(&window, schedule.deadline).await;
        blind.entry(None).or_default().told(now, &gaps, output);
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
                has_read |= !signals.series.is_empty() || !signals.logs.is_empty();
                let options = Options { deadline, ..Options::default() };
                let (mut diagnosis, trace) = traced(&signals, &session.loaded.plugins, &options).await;
                let took = clock.elapsed();
                let name = cluster.unwrap_or("kafka");
                board.count(|tally| tally.diagnosed(name, &diagnosis, session::millis(took)));
                blind.entry(Some(name.to_owned())).or_default().told(now, &diagnosis.gaps, output);
                let event = incidents.observe(name, &diagnosis);
                // The record holds what was found, to be found again; people are told one onset for one incident.
                let readings = collector.readings();
                let done =
                    Done { signals: &signals, readings, options: &options, diagnosis: &diagnosis, trace: &trace };
                recorder.keep(done, &session.loaded.collectors, name, session::millis(took), session, output);
                incidents.steady(name, &mut diagnosis);
                output.say(&format!("{now} {name}: {}", report::headline(&diagnosis)));
                if let Some(event) = event {
                    let envelope = Envelope { cluster: name.to_owned(), ..session.envelope(took) };
                    outbox.put(Letter { event, diagnosis, envelope }, session);
                }
            }
            outbox.send(now, session, output).await;
            for line in left_alone.fresh(&board.standings()) {
                output.note(&format!("{now} {line}"));
            }
        }
        rounds += 1;
        board.count(|tally| {
            tally.rounds += 1;
            tally.open_incidents = incidents.open().count();
            tally.waiting = outbox.waiting();
        });
        if most.is_some_and(|most| rounds >= most) {
            let untold: Vec<String> = outbox.untold().collect();
            untold.iter().for_each(|line| output.note(line));
            if !has_read {
                output.note("nothing could be read from any source");
            }
            let is_done = has_read && untold.is_empty();
            return Ok(output::exit(if is_done { output::FINE } else { output::COULD_NOT }));
        }
        let pause = u64::try_from(schedule.collect.as_millis()).unwrap_or(15_000);
        tokio::time::sleep_until(began + Duration::from_millis(pause)).await;
    }
}

/// What cannot be seen at the moment. Each is said once when it begins and once when it is over, because a service that
/// says it at every look fills the log on the very night on which somebody has to read it.
#[derive(Default)]
struct Blind {
    known: BTreeSet<(String, GapCause)>,
}

impl Blind {
    fn told(&mut self, now: Timestamp, gaps: &[Gap], output: &Output) {
        for line in self.changed(gaps) {
            output.note(&format!("{now} {line}"));
        }
    }

    /// What has changed since the last time. Numbers in a statement do not count.
    fn changed(&mut self, gaps: &[Gap]) -> Vec<String> {
        let key = |gap: &Gap| (gap.source.clone(), gap.cause);
        let fresh = gaps.iter().filter(|gap| !self.known.contains(&key(gap)));
        let mut lines: Vec<String> = fresh.map(|gap| format!("{}: {}", gap.source, gap.statement)).collect();
        let present: BTreeSet<_> = gaps.iter().map(key).collect();
        let blind: BTreeSet<&str> = gaps.iter().map(|gap| gap.source.as_str()).collect();
        let healed: BTreeSet<&str> = self.known.iter().map(|(source, _)| source.as_str()).collect();
        lines.extend(healed.difference(&blind).map(|source| format!("{source}: all right again")));
        self.known = present;
        lines
    }
}

/// Who is quarantined. It is said when it begins and when a try has failed; that a gap is gone says the rest.
#[derive(Default)]
struct LeftAlone {
    /// Since when, and until when, for each.
    known: BTreeMap<String, (Option<i64>, Option<i64>)>,
}

impl LeftAlone {
    /// What is new since the last time.
    fn fresh(&mut self, plugins: &[PluginReport]) -> Vec<String> {
        let ill = |plugin: &&PluginReport| plugin.reason.is_some();
        let when = |plugin: &PluginReport| (plugin.since_ms, plugin.next_try_ms);
        let present: BTreeMap<_, _> =
            plugins.iter().filter(ill).map(|plugin| (plugin.name.clone(), when(plugin))).collect();
        let is_new = |plugin: &&PluginReport| self.known.get(&plugin.name) != Some(&when(plugin));
        let said = |plugin: &PluginReport| {
            let next = plugin.next_try_ms.and_then(|ms| Timestamp::from_millis(ms).ok());
            let next = next.map(|next| format!(" and tried again at {next}")).unwrap_or_default();
            let reason = plugin.reason.as_deref().unwrap_or_default();
            let known = self.known.get(&plugin.name).is_some_and(|(since, _)| *since == plugin.since_ms);
            let what = if known { "failed again when it was tried" } else { "failed too often" };
            format!("{}: {what}, so it is left alone{next}; the last time so: {reason}", plugin.name)
        };
        let lines = plugins.iter().filter(ill).filter(is_new).map(said).collect();
        self.known = present;
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(source: &str) -> Gap {
        Gap { cause: GapCause::Refused, ..gap(source, "no right to read") }
    }

    fn gap(source: &str, statement: &str) -> Gap {
        Gap { source: source.into(), cause: GapCause::Unreachable, node: None, statement: statement.into() }
    }

    #[test]
    fn what_cannot_be_seen_is_said_once_and_once_more_when_it_is_over() {
        let mut blind = Blind::default();
        let mut check = |gaps: &[Gap], expected: &[&str]| assert_eq!(blind.changed(gaps), expected);
        check(&[], &[]);
        check(&[gap("kafka shop", "no answer for 2 s")], &["kafka shop: no answer for 2 s"]);
        check(&[gap("kafka shop", "no answer for 17 s"), gap("logs", "gone")], &["logs: gone"]);
        check(&[gap("logs", "gone")], &["kafka shop: all right again"]);
        check(&[refused("logs")], &["logs: no right to read"]);
        check(&[], &["logs: all right again"]);
    }

    #[test]
    fn a_quarantine_is_said_once_however_long_it_lasts() {
        let plugin = |since_ms: Option<i64>, next_try_ms: Option<i64>| PluginReport {
            name: "scorer-shop".into(),
            world: "scorer".into(),
            version: "0.1.0".into(),
            sha256: "ab".into(),
            state: if since_ms.is_some() { "quarantined" } else { "ready" }.into(),
            reason: since_ms.map(|_| "it panicked".into()),
            reason_kind: since_ms.map(|_| "trap".into()),
            since_ms,
            next_try_ms,
            calls: 3,
            refused: 0,
            failures: vec![],
            quarantines: 1,
            fuel: 0,
            busy_ms: 0,
            last_failure: None,
        };
        let mut left_alone = LeftAlone::default();
        let mut check = |since: Option<i64>, next: Option<i64>, expected: &[&str]| {
            assert_eq!(left_alone.fresh(&[plugin(since, next)]), expected);
        };
        check(None, None, &[]);
        let said = "scorer-shop: failed too often, so it is left alone and tried again at 1970-01-01T00:02:00.000Z; the \
                    last time so: it panicked";
        check(Some(0), Some(120_000), &[said]);
        check(Some(0), Some(120_000), &[]);
        let again = "scorer-shop: failed again when it was tried, so it is left alone and tried again at \
                     1970-01-01T00:06:00.000Z; the last time so: it panicked";
        check(Some(0), Some(360_000), &[again]);
        check(None, None, &[]);
        check(Some(0), Some(120_000), &[said]);
    }
}
