//! How is this one group? Its backlog and its time lag are compared with its own calm; what departs from it must last,
//! must matter, and must not be worked off in a moment. Start at [`judge`].

use lagdoctor_model::{Impact, Labels, Millis, Node, NodeId, Series, SignalName, Signals, Symptom, Timestamp};

use super::expected::{self, habit, is_planned, is_seasonal};
use super::track::{Calm, Departure, Episode, Track};
use super::{GroupHealth, Health};
use crate::number::{number, quantity, whole};
use crate::robust;
use crate::seen::Seen;

/// What a group is judged by.
const BACKLOG: &str = "kafka.consumer_group.backlog";
const TIME_LAG: &str = "kafka.consumer_group.time_lag";
const RATE: &str = "kafka.consumer_group.commit_rate";
/// Fewer records are never worth a word.
const TINY: f64 = 10.0;
/// A backlog that the group works off within this time is within its noise: commits and scrapes are seconds apart.
const NOISE: Millis = Millis::seconds(10);
/// The same for a time lag, which is read off scrapes of the log end.
const TIME_NOISE: Millis = Millis::seconds(15);
/// So far behind and getting worse, a group hurts.
const BEHIND: Millis = Millis::seconds(20);
/// So far behind, it hurts as well when it gets no worse.
const FAR_BEHIND: Millis = Millis::seconds(60);
/// So far behind for the whole window is worth a word, though not an alarm.
const LONG_BEHIND: Millis = Millis::minutes(5);
/// A departure must last this long. A rolling restart makes a dozen shorter ones, and they do not climb.
const SUSTAINED: Millis = Millis::seconds(60);
/// What has ended is worth a word when it lasted this long.
const LONGER_THAN_A_RESTART: Millis = Millis::minutes(2);
/// Where nothing tells what the group can do, more is asked: this time, and this many records.
const SUSTAINED_BLINDLY: Millis = Millis::minutes(5);
const MANY: f64 = 1_000.0;
/// Over how long a trend is taken: longer than the gulps of a consumer that pauses for garbage collection.
const TREND: Millis = Millis::minutes(4);
/// A backlog moves when it gains this share of what the group can do, and most pairs of readings agree.
const MOVES: f64 = 0.02;
const AGREE: f64 = 0.3;
/// A time lag grows when it gains this many seconds each second.
const TIME_MOVES: f64 = 0.1;
/// What is worked off this soon is no incident any more.
const SOON: Millis = Millis::minutes(2);

/// One signal of the group with its calm and how it departs from that.
struct Measured {
    track: Track,
    calm: Calm,
    departure: Option<Departure>,
    episode: Option<Episode>,
    habit: Option<expected::Habit>,
}

impl Measured {
    fn of(signals: &Signals, series: &Series, floor: f64) -> Option<Self> {
        let track = Track::of(series, &signals.window);
        let mut calm = track.calm()?;
        let habit = habit(signals, series.node(), series.signal().as_str(), track.last()?.0);
        // A window that is all incident has no calm of its own.
        calm.centre = habit.map_or(calm.centre, |habit| habit.usual.min(calm.centre));
        let departure = track.departure(&calm, floor).filter(|departure| {
            track.last().is_some_and(|(as_of, _)| as_of.since(departure.first_far) >= SUSTAINED) && departure.count >= 2
        });
        let episode = track.episode(&calm, floor);
        Some(Self { track, calm, departure, episode, habit })
    }

    fn now(&self) -> f64 {
        self.track.now().unwrap_or(self.calm.centre)
    }

    fn excess(&self) -> f64 {
        (self.now() - self.calm.centre).max(0.0)
    }

    fn is_seasonal(&self) -> bool {
        is_seasonal(self.habit, self.now())
    }
}

/// All that decides about one group.
struct Case<'a> {
    signals: &'a Signals,
    node: &'a NodeId,
    backlog: Option<Measured>,
    time_lag: Option<Measured>,
    rate: Option<Track>,
    /// Records per second that the group can do, as far as the window shows.
    pace: Option<f64>,
    /// Name, lag now and whether it stands still, of the partitions that lag.
    lagging: Vec<Lagging>,
    partitions: usize,
    /// Change of the backlog in records per second, and whether its readings agree on it.
    growth: Option<robust::Trend>,
}

struct Lagging {
    name: String,
    lag: f64,
    /// The offset it stands at, when it has not moved although records wait.
    stuck_at: Option<u64>,
}

/// Those of a group's series that [`may_hurt`] looks at.
pub(super) fn judged_by<'s>(series: &'s [&'s Series]) -> impl Iterator<Item = &'s Series> {
    let is_looked_at =
        |series: &&&Series| [BACKLOG, TIME_LAG, RATE].contains(&series.signal().as_str()) && series.labels().is_empty();
    series.iter().filter(is_looked_at).copied()
}

/// Whether this group may hurt. Most groups at most moments are nowhere near it, which is told by far less than what
/// [`judge`] looks at; where this says no, nothing departs, and what does not depart does not hurt.
pub(super) fn may_hurt(signals: &Signals, seen: &Seen<'_>, group: &NodeId) -> bool {
    let may_depart = |signal: &str, floor: &dyn Fn() -> f64| {
        let Some(series) = seen.plain(group, signal) else { return false };
        let track = Track::of(series, &signals.window);
        let Some((as_of, _)) = track.last() else { return false };
        let lowest = habit(signals, group, signal, as_of).map_or(f64::INFINITY, |habit| habit.usual);
        track.may_depart(lowest, TINY.min(TIME_NOISE.as_seconds())) && track.may_depart(lowest, floor())
    };
    let of_backlog =
        || floor_of(pace_of(seen.plain(group, RATE).map(|rate| Track::of(rate, &signals.window)).as_ref()));
    may_depart(BACKLOG, &of_backlog) || may_depart(TIME_LAG, &|| TIME_NOISE.as_seconds())
}

/// Records per second that a group can do, by its rate of commits.
fn pace_of(rate: Option<&Track>) -> Option<f64> {
    rate.and_then(|rate| robust::quantile(&rate.values(), 0.75)).filter(|pace| *pace > 0.0)
}

/// The smallest distance of a backlog from its calm that matters.
fn floor_of(pace: Option<f64>) -> f64 {
    TINY.max(pace.unwrap_or(0.0) * NOISE.as_seconds())
}

/// How this group is.
pub(super) fn judge(signals: &Signals, seen: &Seen<'_>, node: &Node) -> GroupHealth {
    let case = Case::new(signals, seen, &node.id);
    let as_of = [&case.backlog, &case.time_lag]
        .into_iter()
        .flatten()
        .filter_map(|known| known.track.last())
        .map(|(at, _)| at)
        .max();
    let health = case.health(seen, node);
    let statement = case.statement(health);
    let onset = case.onset().map(|(onset, _)| onset);
    let symptom = case.symptom(health, &statement);
    GroupHealth {
        group: node.id.clone(),
        health,
        behind: case.behind(),
        onset,
        impact: case.impact(),
        as_of,
        statement,
        symptom,
    }
}

impl<'a> Case<'a> {
    fn new(signals: &'a Signals, seen: &Seen<'_>, node: &'a NodeId) -> Self {
        let plain = |signal: &str| seen.plain(node, signal);
        let rate = plain(RATE).map(|series| Track::of(series, &signals.window));
        let pace = pace_of(rate.as_ref());
        let backlog = plain(BACKLOG).and_then(|series| Measured::of(signals, series, floor_of(pace)));
        let time_lag = plain(TIME_LAG).and_then(|series| Measured::of(signals, series, TIME_NOISE.as_seconds()));
        let lags = seen.of(node, "kafka.consumer_group.lag");
        let lagging = lags.iter().filter_map(|series| lagging(signals, seen, series)).collect();
        let case = Self { signals, node, backlog, time_lag, rate, pace, lagging, partitions: lags.len(), growth: None };
        Self { growth: case.grows(), ..case }
    }

    /// When the departures that count began, the earliest of them, and whether that was before the window.
    fn onset(&self) -> Option<(Timestamp, bool)> {
        let departures = [self.backlog_departs(), self.time_departs()].into_iter().flatten();
        departures.map(|departure| (departure.onset, departure.is_older)).min_by_key(|(onset, _)| *onset)
    }

    fn backlog_departs(&self) -> Option<Departure> {
        let backlog = self.backlog.as_ref().filter(|backlog| backlog.now() > TINY)?;
        backlog.departure
    }

    /// A time lag only counts where records wait: one that a transaction's marker left makes it climb for ever.
    fn time_departs(&self) -> Option<Departure> {
        let is_tiny = self.backlog.as_ref().is_some_and(|backlog| backlog.now() <= TINY);
        let waits = self.partitions == 0 || !self.lagging.is_empty() || self.backlog_departs().is_some();
        self.time_lag.as_ref().filter(|_| waits && !is_tiny)?.departure
    }

    /// Seconds behind what is normal: in age, or in work to catch up.
    fn behind_s(&self) -> f64 {
        let work = self
            .backlog_departs()
            .and(self.backlog.as_ref())
            .zip(self.pace)
            .map(|(backlog, pace)| backlog.excess() / pace);
        let age = self.time_departs().and(self.time_lag.as_ref()).map(Measured::excess);
        work.unwrap_or(0.0).max(age.unwrap_or(0.0))
    }

    fn behind(&self) -> Option<Millis> {
        self.onset()?;
        Millis::new((self.behind_s() * 1_000.0).min(1e15) as i64).ok()
    }

    fn grows(&self) -> Option<robust::Trend> {
        let track = &self.backlog.as_ref()?.track;
        let from = track.last()?.0 - TREND;
        track.trend_since(self.onset().map_or(from, |(onset, _)| onset.max(from))).or_else(|| track.trend_since(from))
    }

    fn time_grows(&self) -> bool {
        let Some(time_lag) = &self.time_lag else { return false };
        let Some((as_of, _)) = time_lag.track.last() else { return false };
        let trend = time_lag.track.trend_since(as_of - TREND);
        self.time_departs().is_some() && trend.is_some_and(|trend| trend.slope > TIME_MOVES && trend.order > AGREE)
    }

    /// 1 when the backlog grows, -1 when it shrinks, 0 when neither is clear.
    fn direction(&self) -> i8 {
        let Some(trend) = self.growth else { return 0 };
        let excess = self.backlog.as_ref().map_or(0.0, Measured::excess);
        // Without a pace: a tenth of the excess in ten minutes.
        let clear = self.pace.map_or(excess / 6_000.0, |pace| pace * MOVES).max(f64::MIN_POSITIVE);
        match trend {
            _ if trend.order.abs() <= AGREE => 0,
            _ if trend.slope > clear => 1,
            _ if trend.slope < -clear => -1,
            _ => 0,
        }
    }

    /// Until the backlog is normal again, when it shrinks.
    fn clears_in(&self) -> Option<Millis> {
        let slope = self.growth.filter(|_| self.direction() < 0)?.slope;
        let ms = self.backlog.as_ref()?.excess() / -slope * 1_000.0;
        Millis::new(ms.min(1e15) as i64).ok()
    }

    fn health(&self, seen: &Seen<'_>, node: &Node) -> Health {
        if self.backlog.is_none() && self.time_lag.is_none() {
            return Health::Unknown;
        }
        let waiting = self.backlog.as_ref().is_none_or(|backlog| backlog.now() > TINY);
        if waiting && self.is_idle(seen, node) {
            return Health::Idle;
        }
        let Some((onset, _)) = self.onset() else {
            return match () {
                () if self.is_long_behind() => Health::Steady,
                () if self.recovered().is_some() => Health::Recovered,
                () => Health::Healthy,
            };
        };
        let behind = self.behind_s();
        let grows = self.direction() > 0 || self.time_grows();
        let known_pace = self.pace.is_some() || self.time_lag.is_some();
        let matters = if known_pace {
            behind >= FAR_BEHIND.as_seconds() || (grows && behind >= BEHIND.as_seconds())
        } else {
            grows && self.matters_blindly()
        };
        let departed = [(&self.backlog, self.backlog_departs()), (&self.time_lag, self.time_departs())];
        let is_habit = departed
            .iter()
            .all(|(measured, departs)| departs.is_none() || measured.as_ref().is_some_and(Measured::is_seasonal));
        match () {
            () if !matters => Health::Raised,
            () if is_habit || is_planned(self.signals, self.node, onset, self.rate.as_ref()) => Health::Expected,
            () if self.direction() < 0 && !self.time_grows() => {
                if self.clears_in().is_some_and(|time| time <= SOON) {
                    Health::Raised
                } else {
                    Health::Draining
                }
            }
            () => Health::Hurting,
        }
    }

    /// What would have been an incident, had it not ended.
    fn recovered(&self) -> Option<Episode> {
        let (backlog, pace) = self.backlog.as_ref().zip(self.pace)?;
        let episode = backlog.episode.filter(|episode| episode.to.since(episode.from) >= LONGER_THAN_A_RESTART)?;
        (episode.peak - backlog.calm.centre >= pace * FAR_BEHIND.as_seconds()).then_some(episode)
    }

    fn matters_blindly(&self) -> bool {
        let Some((backlog, departure)) = self.backlog.as_ref().zip(self.backlog_departs()) else { return false };
        let lasted = backlog.track.last().map_or(Millis::ZERO, |(as_of, _)| as_of.since(departure.first_far));
        lasted >= SUSTAINED_BLINDLY && backlog.now() >= MANY && backlog.now() >= backlog.calm.centre * 3.0
    }

    /// Neither members nor commits in the whole window. Who has members and does not commit is stuck, which is worse.
    fn is_idle(&self, seen: &Seen<'_>, node: &Node) -> bool {
        let still = self.rate.as_ref().is_some_and(|rate| rate.values().iter().all(|rate| *rate <= 0.0));
        let members = seen.plain(self.node, "kafka.consumer_group.members");
        match members.map(|series| Track::of(series, &self.signals.window).values()) {
            Some(members) if !members.is_empty() => still && members.iter().all(|count| *count <= 0.0),
            _ => {
                still
                    && !node.labels.get("state").is_some_and(|state| matches!(state.as_str(), "stable" | "rebalancing"))
            }
        }
    }

    fn is_long_behind(&self) -> bool {
        let age = self.time_lag.as_ref().map_or(0.0, Measured::now);
        let backlog = self.backlog.as_ref().map_or(0.0, Measured::now);
        let work = self.pace.map_or(0.0, |pace| backlog / pace);
        backlog > TINY && age.max(work) >= LONG_BEHIND.as_seconds()
    }

    fn impact(&self) -> Impact {
        let last = |measured: &Option<Measured>| {
            measured.as_ref().and_then(|known| known.track.last()).map(|(_, value)| value.max(0.0))
        };
        Impact {
            backlog: last(&self.backlog).map(|backlog| backlog as u64),
            time_lag: last(&self.time_lag).and_then(|seconds| Millis::new((seconds * 1_000.0).min(1e15) as i64).ok()),
            growth_per_s: self.growth.map(|trend| trend.slope),
            partitions: (self.partitions > 0).then_some((self.lagging.len(), self.partitions)),
        }
    }

    /// The signal that shows best what hurts, with what it was last and what is normal.
    fn shows(&self) -> Option<(&'static str, &Measured)> {
        let backlog = self.backlog.as_ref().map(|measured| (BACKLOG, measured));
        let time_lag = self.time_lag.as_ref().map(|measured| (TIME_LAG, measured));
        let is_small =
            |measured: &Measured| self.pace.is_some_and(|pace| measured.excess() < pace * BEHIND.as_seconds());
        // One stuck partition of many is hours late while the backlog as a whole looks harmless.
        match (backlog, time_lag) {
            (Some(backlog), Some(_)) if self.backlog_departs().is_some() && !is_small(backlog.1) => Some(backlog),
            (_, Some(time_lag)) if self.time_departs().is_some() => Some(time_lag),
            (Some(backlog), _) => Some(backlog),
            (None, time_lag) => time_lag,
        }
    }

    fn symptom(&self, health: Health, statement: &str) -> Option<Symptom> {
        if !matches!(health, Health::Hurting | Health::Draining | Health::Steady | Health::Idle) {
            return None;
        }
        let (signal, measured) = self.shows()?;
        let onset = self.onset().map(|(onset, _)| onset).or_else(|| Some(measured.track.first()?.0))?;
        Some(Symptom {
            node: self.node.clone(),
            signal: SignalName::new(signal).ok()?,
            onset,
            observed: measured.track.last()?.1,
            expected: measured.calm.centre,
            statement: statement.to_owned(),
        })
    }

    fn statement(&self, health: Health) -> String {
        let name = self.node.name();
        let Some((signal, measured)) = self.shows() else {
            return format!("the lag of `{name}` was read too seldom to judge it: fewer than six times in the window");
        };
        let is_time = signal.ends_with("time_lag");
        let unit = if is_time { "s" } else { "{record}" };
        let last = measured.track.last().map_or(0.0, |(_, value)| value);
        let now = quantity(last.round(), unit);
        let centre = measured.calm.centre.round();
        let usual = if is_time { quantity(centre, unit) } else { number(centre) };
        let what = if is_time { format!("`{name}` is {now} behind") } else { format!("backlog of `{name}` is {now}") };
        let growth = self.growth.map_or(0.0, |trend| trend.slope);
        let moves = match self.direction() {
            1 => format!(" and grows by {}", quantity(growth, "{record}/s")),
            -1 => {
                let clears = self.clears_in().map(|time| format!(", which takes another {time}")).unwrap_or_default();
                format!(" and shrinks by {}{clears}", quantity(-growth, "{record}/s"))
            }
            _ => String::new(),
        };
        let since = match self.onset() {
            Some((onset, true)) => format!(", since before {}", onset.clock()),
            Some((onset, false)) => format!(", since {}", onset.clock()),
            None => String::new(),
        };
        match health {
            Health::Healthy | Health::Unknown => format!("`{name}` keeps up"),
            Health::Recovered => match self.recovered() {
                Some(episode) => format!(
                    "`{name}` keeps up again; between {} and {} it was up to {} behind",
                    episode.from.clock(),
                    episode.to.clock(),
                    quantity(episode.peak.round(), "{record}"),
                ),
                None => format!("`{name}` keeps up again"),
            },
            Health::Idle => format!(
                "{what}, and it has had neither members nor commits since before {}",
                self.signals.window.start.clock()
            ),
            Health::Steady => format!("{what} for the whole window, and gets neither better nor worse"),
            Health::Raised => format!("{what} (normally {usual}), which it makes up for in a moment"),
            Health::Expected => {
                format!("{what} (normally {usual}){moves}, as announced or as on other days at this time")
            }
            Health::Hurting | Health::Draining => {
                format!("{what} (normally {usual}){moves}{since}{}", self.where_words())
            }
        }
    }

    /// Which partitions, where it is not most of them; and that scaling will not help a stuck one.
    fn where_words(&self) -> String {
        let few = !self.lagging.is_empty() && self.lagging.len() * 4 <= self.partitions && self.lagging.len() <= 3;
        if !few {
            return String::new();
        }
        let names: Vec<&str> = self.lagging.iter().map(|lagging| lagging.name.as_str()).collect();
        let plural = if names.len() == 1 { "" } else { "s" };
        let mut words = format!("; only in partition{plural} {}", names.join(", "));
        let stuck =
            self.lagging.iter().max_by(|a, b| a.lag.total_cmp(&b.lag)).and_then(|worst| Some((worst, worst.stuck_at?)));
        if let Some((worst, offset)) = stuck {
            words.push_str(&format!(
                "; {} is stuck at offset {}, so that more consumers will not help",
                worst.name,
                whole(offset)
            ));
        }
        words
    }
}

/// This partition, if it lags by its own measure.
fn lagging(signals: &Signals, seen: &Seen<'_>, lag: &Series) -> Option<Lagging> {
    let track = Track::of(lag, &signals.window);
    let now = track.now().filter(|now| *now > TINY)?;
    let is_behind = match track.calm() {
        Some(calm) => now - calm.centre > TINY.max(calm.scale * 5.0).max(calm.centre * 0.5),
        None => true,
    };
    let labels: &Labels = lag.labels();
    let name = format!(
        "{}/{}",
        labels.get("topic").map_or("?", String::as_str),
        labels.get("partition").map_or("?", String::as_str)
    );
    is_behind.then(|| Lagging { name, lag: now, stuck_at: stuck_at(signals, seen, lag) })
}

/// The offset at which the group stands in this partition, when it has not moved for as long as a trend takes.
fn stuck_at(signals: &Signals, seen: &Seen<'_>, lag: &Series) -> Option<u64> {
    let offsets = seen.of(lag.node(), "kafka.consumer_group.offset").iter();
    let committed = offsets.copied().find(|series| series.labels() == lag.labels())?;
    let track = Track::of(committed, &signals.window);
    let (as_of, last) = track.last()?;
    let newest = track.since(as_of - TREND);
    (newest.len() >= 3 && last >= 0.0 && newest.iter().all(|offset| *offset == last)).then_some(last as u64)
}
