//! Is the pool at fault, or does it only wait for others? Three questions in this order. Does anybody wait? Is each
//! connection held longer than usual? Then the pool is a victim: of the server, when the server's own statement time
//! grew too; else of something on the client's side, such as garbage collection. Only when connections are held as long
//! as ever is the pool itself at fault: it leaks when more are lent out than the work explains (rate times holding
//! time, Little's law), and else it is too small.

use lagdoctor_sdk::stats::{self, Direction, Rules};
use lagdoctor_sdk::words::{number, percent, seconds};
use lagdoctor_sdk::{Change, Finding, NodeRef, SeriesRef, View, ramp};

use crate::Config;
use crate::server::{statement_rate, statement_time};

/// A batch takes all connections for a moment, and a scrape that meets such a moment sees a queue: only a queue that
/// scrape after scrape sees is one.
const QUEUE: Rules = Rules {
    past_share: 1.0 / 3.0,
    past_min: 8,
    floor: 1e-9,
    floor_share: 0.01,
    far: 5.0,
    usual: 2.0,
    sustained: 4,
    bridge: 3,
    now: 5,
};
/// Share of the connections lent out from which a leak may be, and from which it can hurt.
const NEARLY_FULL: (f64, f64) = (0.6, 0.95);
/// Smallest change of a time on the client's side that is believed, in seconds.
const TIME_FLOOR_S: f64 = 5e-4;
/// Waiting threads from which a queue is worth a word, and from which it is long.
const WAITING: (f64, f64) = (0.5, 4.0);
/// Connections lent out beyond what the work explains, in times, from which a leak is likely, and is clear.
const UNEXPLAINED: (f64, f64) = (1.3, 2.0);
/// What a queue counts in front of a pool that has connections left: it is short, or seen by chance.
const NOT_FULL: f64 = 0.3;
/// Growth of the server's work at which a leak becomes unlikely, and is ruled out.
const MORE_DONE: (f64, f64) = (1.0, 1.15);
/// What a pool counts whose connections are held longer: it is a victim, but an unusual sight.
const VICTIM: f64 = 0.1;

/// What a pool shows of itself.
struct Pool<'a> {
    pending: Option<Change<'a>>,
    wait: Option<Change<'a>>,
    held: Option<Change<'a>>,
    used: Option<Change<'a>>,
    timeouts: Option<Change<'a>>,
    max: Option<SeriesRef<'a>>,
    /// The server behind it, where that is known: its statement time and rate.
    server_time: Option<Change<'a>>,
    server_rate: Option<Change<'a>>,
}

impl<'a> Pool<'a> {
    fn of(view: &View<'a>, pool: NodeRef<'_>) -> Self {
        let compare = |signal: &str, floor: f64, direction: Direction| {
            let signal = format!("db.client.connection.{signal}");
            let series = view.signal(pool, &signal)?;
            series.compare(&QUEUE.floor(floor), direction)
        };
        let server = view.dependencies_of_kind(pool, "database").first().copied();
        Self {
            pending: compare("pending_requests", 0.5, Direction::Up),
            wait: compare("wait_time", TIME_FLOOR_S, Direction::Up),
            held: compare("use_time", TIME_FLOOR_S, Direction::Up),
            used: compare("used", 0.5, Direction::Up),
            timeouts: compare("timeouts", 0.01, Direction::Up),
            max: view.signal(pool, "db.client.connection.max"),
            server_time: server.and_then(|server| statement_time(view, server)),
            server_rate: server.and_then(|server| statement_rate(view, server)),
        }
    }

    /// Share of connections lent out, as a rule, since anything became unusual.
    fn full(&self) -> f64 {
        let Some((used, max)) = self.used.as_ref().zip(self.max.and_then(|max| max.last())) else { return f64::NAN };
        used.level() / max
    }

    fn waiting(&self) -> f64 {
        self.pending.as_ref().map_or(f64::NAN, Change::level)
    }

    fn onset_ms(&self) -> Option<i64> {
        let signs = [&self.pending, &self.wait, &self.used, &self.timeouts];
        signs.into_iter().flatten().filter_map(Change::onset_ms).min()
    }

    /// Times more connections are lent out than the work explains: used over rate times holding time, then and now.
    fn unexplained(&self) -> f64 {
        let ratio = |change: Option<&Change<'_>>| change.map_or(1.0, Change::ratio);
        ratio(self.used.as_ref()) / (ratio(self.held.as_ref()) * ratio(self.server_rate.as_ref())).max(1e-6)
    }
}

/// What is to be said about this pool: one finding for each class that it could be the fault of, and one about the
/// time that connections are held.
pub(crate) fn findings(config: &Config, view: &View<'_>, node: NodeRef<'_>) -> Vec<Finding> {
    let pool = Pool::of(view, node);
    // What a finding rests on: the queue where it is measured, else whatever is.
    let signs = [&pool.pending, &pool.wait, &pool.used, &pool.timeouts];
    let Some(main) = signs.into_iter().flatten().next() else { return vec![] };

    let queue = [
        pool.pending.as_ref().map(|pending| pending.score(ramp(pending.level(), WAITING.0, WAITING.1))),
        pool.timeouts.as_ref().map(|timeouts| timeouts.score(ramp(timeouts.level(), 0.0, 0.05))),
        pool.wait.as_ref().map(|wait| wait.score_of_growth(3.0, 20.0)),
    ];
    let queue = queue.into_iter().flatten().fold(0.0, f64::max);
    let is_full = pool.full().is_nan() || pool.full() >= config.full_share;
    let trouble = if is_full { queue } else { queue * NOT_FULL };

    let held_longer = pool.held.as_ref().is_some_and(|held| held.rose(config.held_ratio));
    // Whether the server itself became slower; `None` where nobody measures that.
    let server_slower = pool.server_time.as_ref().map(|time| time.rose(config.slow_ratio));
    let unexplained = ramp(pool.unexplained(), UNEXPLAINED.0, UNEXPLAINED.1);
    // Connections that are not given back do no work: a pool that gets more done than before is full for another reason.
    let more_done = pool.server_rate.as_ref().map_or(0.0, |rate| ramp(rate.ratio(), MORE_DONE.0, MORE_DONE.1));
    let nearly_full = if pool.full().is_nan() { 1.0 } else { ramp(pool.full(), NEARLY_FULL.0, NEARLY_FULL.1) };
    let leaks = if held_longer { 0.0 } else { unexplained * (1.0 - more_done) * nearly_full };
    let own_fault = if held_longer { VICTIM } else { 1.0 };

    let finding = |class: &str, score: f64, statement: String| {
        let finding = Finding::about(&main.series).class(class).score(score).magnitude(main.seen.magnitude);
        finding.since(pool.onset_ms()).saw(main.level(), main.past()).says(statement)
    };
    let words = statement(&pool, queue);
    let because = match (held_longer, server_slower) {
        (true, Some(true)) => {
            "; connections are held longer because the server is slower, a larger pool would only add load"
        }
        (true, Some(false)) => {
            "; connections are held longer although the server is not slower, so the delay is on the client's side"
        }
        (true, None) => "; connections are held longer, and the server's own time is not measured",
        (false, _) if queue >= 0.1 => "; each connection is held as long as before",
        (false, _) => "",
    };
    let mut findings =
        vec![finding("pool.too-small", trouble * own_fault * (1.0 - leaks), format!("{words}{because}"))];
    if pool.used.is_some() {
        let lent = format!("{:.1} times more connections are lent out than the work explains", pool.unexplained());
        let said = if leaks > 0.0 { format!("{words}; {lent}") } else { format!("{words}{because}") };
        findings.push(finding("pool.leak", trouble * leaks, said));
    }
    findings.extend(pool.held.as_ref().map(|held| held_time(config, held, server_slower, queue)));
    findings
}

/// How long connections are held. It names no class: the pool does not make it.
fn held_time(config: &Config, held: &Change<'_>, server_slower: Option<bool>, queue: f64) -> Finding {
    let score = held.score_of_growth(config.held_ratio, config.held_ratio * 2.0).max(0.0);
    let (now, was) = (seconds(held.level()), seconds(held.past()));
    let statement = match (score >= 0.1, server_slower) {
        (false, _) => format!("a connection is held {now}, as before ({was})"),
        (true, Some(true)) => {
            format!("a connection is held {now} instead of {was}, as the server's statements take longer")
        }
        (true, Some(false)) => {
            format!("a connection is held {now} instead of {was}, but the server's statements do not take longer")
        }
        (true, None) => format!("a connection is held {now} instead of {was}; the server's own time is not measured"),
    };
    let finding = Finding::about(&held.series).score(score).magnitude(held.seen.magnitude).since(held.onset_ms());
    let said = if queue >= 0.1 && score >= 0.1 { format!("{statement}; threads wait for one") } else { statement };
    finding.saw(held.level(), held.past()).says(said)
}

fn statement(pool: &Pool<'_>, queue: f64) -> String {
    let mut parts = vec![];
    if pool.waiting().is_finite() {
        let noun = if (pool.waiting() - 1.0).abs() < 0.05 { "thread waits" } else { "threads wait" };
        parts.push(match pool.waiting() {
            waiting if waiting < WAITING.0 => "no thread waits for a connection".to_owned(),
            waiting => format!("{} {noun} for a connection", number(waiting)),
        });
    }
    if let Some((used, max)) = pool.used.as_ref().zip(pool.max.and_then(|max| max.last())) {
        parts.push(format!(
            "{} of {} are lent out ({})",
            number(used.level()),
            number(max),
            percent(used.level() / max)
        ));
    }
    if let Some(wait) = pool.wait.as_ref().filter(|_| queue >= 0.1) {
        parts.push(format!("getting one takes {} (before: {})", seconds(wait.level()), seconds(wait.past())));
    }
    if let Some(timeouts) = pool.timeouts.as_ref().filter(|timeouts| timeouts.level() > 0.0) {
        let sum = stats::max(timeouts.series.values);
        parts.push(format!("up to {} waits/s gave up", number(sum)));
    }
    parts.join(", ")
}
