//! One run of a scenario. Time only moves when it is told to, and everything that happens follows from scenario and seed.
//! Start at [`Simulation::new`] and [`Simulation::advance_to`].

use std::collections::BTreeMap;
use std::sync::Arc;

use lagdoctor_model::{Millis, Timestamp, Topology};

use crate::cluster::{Cluster, STEP};
use crate::fault::{self, Drawn, Effect};
use crate::pair::Pair;
use crate::random::{Hash, Streams};
use crate::scenario::Scenario;
use crate::state::{self, KafkaState};
use crate::telemetry::Telemetry;
use crate::telemetry::dialect::Dialect;
use crate::telemetry::exporter;
use crate::telemetry::logs::Shipper;
use crate::telemetry::scrape::{Of, Page, Target};
use crate::topology;
use crate::trace::Trace;
use crate::truth::Truth;
use crate::units::Micros;

/// One run, somewhere between its start and its end.
#[derive(Clone)]
pub struct Simulation {
    pub(crate) scenario: Arc<Scenario>,
    seed: u64,
    start: Timestamp,
    end: Micros,
    pub(crate) cluster: Cluster,
    pub(crate) faults: Vec<(Drawn, Arc<dyn Effect>)>,
    levels: Vec<f64>,
    /// How long what was measured is kept; for ever without it.
    keeps: Option<Micros>,
    targets: Vec<Target>,
    events: BTreeMap<(Micros, u64), Event>,
    sequence: u64,
    shipper: Shipper,
    telemetry: Telemetry,
    topology: Topology,
    pub(crate) trace: Trace,
}

/// How long a run that has no end keeps what was measured.
const LIVE_KEEPS: Millis = Millis::minutes(360);
const FORGET_EVERY: Micros = Micros::seconds(60);

#[derive(Clone, Copy, Debug)]
enum Event {
    /// The scrape of this target and number is due.
    Scrape(usize, u64),
    /// A target answers what it was asked at that moment, unless it stands still; then it takes so long to wake up.
    Answer(usize, Micros, Micros),
    /// A target that stood still was not waited for any longer.
    Fail(usize, Micros),
}

impl Simulation {
    /// A run at its start. What the scenario leaves open is drawn from the seed, the moment of the start included.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let streams = streams(scenario, seed);
        let scenario = &*scenario.of_run(&streams);
        let mut cluster = Cluster::new(scenario, &streams);
        let faults: Vec<(Drawn, Arc<dyn Effect>)> = Drawn::all(scenario, &streams)
            .into_iter()
            .filter_map(|drawn| {
                let effect = Arc::from(fault::kind(&drawn.kind)?.effect(&drawn, &cluster));
                Some((drawn, effect))
            })
            .collect();
        let interval = Micros::of_seconds(scenario.telemetry.scrape.interval);
        let dialect = Dialect::draw(scenario.telemetry.dialect.as_ref(), &streams);
        let targets = exporter::targets(&cluster, interval, dialect, &streams);
        let start = start(&streams);
        let trace = Trace::new(&cluster);
        let shipper = Shipper::new(scenario.telemetry.logs.clone(), scenario.telemetry.clock_skew, &streams);
        state::commit_what_was_before(&mut cluster);
        let mut simulation = Self {
            topology: topology::seen(scenario, &cluster, &streams),
            seed,
            start,
            end: Micros::of_seconds(scenario.duration),
            levels: vec![0.0; faults.len()],
            keeps: None,
            faults,
            events: BTreeMap::new(),
            sequence: 0,
            shipper,
            telemetry: Telemetry::default(),
            scenario: Arc::new(scenario.clone()),
            cluster,
            targets,
            trace,
        };
        for target in 0..simulation.targets.len() {
            let at = simulation.targets[target].phase();
            simulation.schedule(at, Event::Scrape(target, 0));
        }
        simulation
    }

    /// The same run as if it began at this moment. Before anything has happened.
    fn begun_at(mut self, start: Timestamp) -> Self {
        assert_eq!(self.cluster.now, Micros::ZERO, "what was seen has its times already");
        self.start = start;
        self
    }

    /// The same run as if it began at this moment, and without an end, for whoever looks at it live: faults last as long
    /// as the scenario says, and what was scraped and logged is kept for six hours. Before anything has happened.
    #[must_use]
    pub fn live_from(self, start: Timestamp) -> Self {
        let mut run = self.begun_at(start);
        run.end = Micros(i64::MAX);
        run.keeping(LIVE_KEEPS)
    }

    /// The same run, which lets go of samples and log lines that are older than this, so that it needs no more memory the
    /// longer it lasts. Its truth and its hash are those of a run that is kept as a whole, so ask another one for them.
    #[must_use]
    pub fn keeping(mut self, length: Millis) -> Self {
        self.keeps = Some(Micros::millis(length.as_millis()));
        self
    }

    /// Lets go of what is too old, once a minute.
    fn forget(&mut self) {
        if let Some(keeps) = self.keeps.filter(|_| self.cluster.now.0 % FORGET_EVERY.0 == 0) {
            self.telemetry.forget_before(self.at(self.cluster.now - keeps).as_millis());
            self.trace.keep((keeps.0 / Micros::SECOND.0) as usize);
        }
    }

    /// Lets it begin at another moment; only before anything has happened.
    pub(crate) fn set_start(&mut self, start: Timestamp) {
        self.start = start;
    }

    /// The run with its faults, and the same run without them, both to their end.
    pub fn pair(scenario: &Scenario, seed: u64) -> Pair {
        Pair::new(scenario, |scenario| Self::new(scenario, seed))
    }

    /// The same pair as if both began at this moment, in place of the one that is drawn.
    pub fn pair_from(scenario: &Scenario, seed: u64, start: Timestamp) -> Pair {
        Pair::new(scenario, |scenario| Self::new(scenario, seed).begun_at(start))
    }

    /// When the first of the faults begins that are not kept.
    pub(crate) fn parts(&self, keep: impl Fn(&Drawn) -> bool) -> Option<Timestamp> {
        let first = self.faults.iter().filter(|(drawn, _)| !keep(drawn)).map(|(drawn, _)| drawn.at).min();
        first.map(|first| self.at(first))
    }

    /// Comes to where the first of the faults begins that are not kept, and gives a run that goes on from there without
    /// them. Up to that moment both would be one and the same.
    pub(crate) fn parted(&mut self, keep: impl Fn(&Drawn) -> bool) -> Self {
        self.advance_to(self.parts(&keep).unwrap_or(self.end()));
        let mut rest = self.clone();
        let keeps: Vec<bool> = rest.faults.iter().map(|(drawn, _)| keep(drawn)).collect();
        let mut kept = keeps.iter();
        rest.levels.retain(|_| kept.next() == Some(&true));
        let mut kept = keeps.iter();
        rest.faults.retain(|_| kept.next() == Some(&true));
        rest
    }

    /// When the run begins.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// When it ends.
    pub fn end(&self) -> Timestamp {
        self.at(self.end)
    }

    /// Where it is: up to less than a step of 100 ms behind what [`Simulation::advance_to`] was told.
    pub fn now(&self) -> Timestamp {
        self.at(self.cluster.now)
    }

    /// The seed that it was made from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn at(&self, moment: Micros) -> Timestamp {
        self.start + Millis::new(moment.as_millis()).unwrap_or(Millis::ZERO)
    }

    /// Lets everything happen up to this moment, or to the end of the run. A moment that is past changes nothing.
    pub fn advance_to(&mut self, moment: Timestamp) {
        let until = Micros::millis(moment.since(self.start).as_millis()).min(self.end);
        while self.cluster.now + STEP <= until {
            self.step();
        }
    }

    fn step(&mut self) {
        let begin = self.cluster.now;
        let end = begin + STEP;
        self.turn_knobs(begin);
        self.cluster.begin_step();
        while let Some(entry) = self.events.first_entry() {
            let (at, _) = *entry.key();
            if at >= end {
                break;
            }
            let event = entry.remove();
            self.cluster.run_until(at);
            self.happen(at, event);
        }
        self.cluster.run_until(end);
        self.cluster.end_step();
        for place in std::mem::take(&mut self.cluster.began_again) {
            self.begin_again(place);
        }
        let mut lines = std::mem::take(&mut self.cluster.lines);
        for line in lines.drain(..) {
            self.shipper.ship(line, &self.cluster, self.start.as_millis(), &mut self.telemetry);
        }
        self.cluster.lines = lines;
        self.trace.note(&self.cluster);
        self.forget();
    }

    /// The counters of an instance begin again with its process.
    fn begin_again(&mut self, place: usize) {
        let (at_ms, now) = (self.now().as_millis(), self.cluster.now);
        if let Some(target) = self.targets.iter_mut().find(|target| target.of == Of::Instance(place)) {
            let mut page = Page::unseen(target, &mut self.telemetry, (at_ms, now));
            exporter::write(&mut page, &mut self.cluster, now);
            target.begin_again(now);
        }
    }

    /// Puts every knob where the faults of this moment want it.
    fn turn_knobs(&mut self, now: Micros) {
        let mut has_changed = false;
        for (level, (drawn, _)) in self.levels.iter_mut().zip(&self.faults) {
            let wanted = drawn.level(now);
            has_changed |= wanted != *level;
            *level = wanted;
        }
        if has_changed {
            self.cluster.neutral_knobs();
            for (level, (_, effect)) in self.levels.iter().zip(&self.faults) {
                if *level > 0.0 {
                    effect.turn(*level, &mut self.cluster.knobs);
                }
            }
            self.cluster.knobs.note_touched();
        }
    }

    fn schedule(&mut self, at: Micros, event: Event) {
        self.sequence += 1;
        self.events.insert((at, self.sequence), event);
    }

    fn happen(&mut self, now: Micros, event: Event) {
        match event {
            Event::Scrape(target, number) => {
                let spec = &self.scenario.telemetry.scrape;
                let luck = self.targets[target].luck(number, spec);
                self.schedule(luck.next.max(now + Micros(1)), Event::Scrape(target, number + 1));
                if luck.resets {
                    self.targets[target].reset();
                }
                match luck.fails {
                    _ if self.is_removed(target) => {
                        let at_ms = self.at(now).as_millis();
                        self.targets[target].vanish(&mut self.telemetry, at_ms);
                    }
                    _ if !self.is_there(target) || self.is_unheard(target) => {
                        self.happen(now, Event::Fail(target, now));
                    }
                    true => self.happen(now, Event::Fail(target, now)),
                    false => self.happen(now, Event::Answer(target, now, luck.wakes)),
                }
            }
            Event::Answer(target, asked, wakes) => {
                if !self.is_there(target) {
                    return self.happen(now, Event::Fail(target, asked));
                }
                let patience = asked + Micros::of_seconds(self.scenario.telemetry.scrape.timeout);
                if self.is_gone(target) {
                    return self.happen(now, Event::Fail(target, asked));
                }
                let stands_until = self.stands_until(target, now);
                if stands_until > now {
                    return match stands_until + wakes < patience {
                        true => self.schedule(stands_until + wakes, Event::Answer(target, asked, wakes)),
                        false => self.schedule(patience.max(now), Event::Fail(target, asked)),
                    };
                }
                let at_ms = self.at(asked).as_millis();
                let noise = self.scenario.telemetry.metric_noise;
                let mut page = Page::new(&mut self.targets[target], &mut self.telemetry, (at_ms, now), noise);
                exporter::write(&mut page, &mut self.cluster, now);
                page.end();
            }
            Event::Fail(target, asked) => {
                let at_ms = self.at(asked).as_millis();
                self.targets[target].fail(&mut self.telemetry, at_ms);
            }
        }
    }

    /// Whether there is a process behind a target.
    fn is_there(&self, target: usize) -> bool {
        !matches!(self.targets[target].of, Of::Instance(place) if !self.cluster.instances[place].life.is_up())
    }

    /// Whether nobody can reach a target, whatever it does.
    fn is_unheard(&self, target: usize) -> bool {
        let unheard = &self.cluster.knobs.unheard;
        !unheard.is_empty() && unheard.iter().any(|name| name == exporter::name(&self.cluster, self.targets[target].of))
    }

    /// Whether service discovery no longer knows a target.
    fn is_removed(&self, target: usize) -> bool {
        matches!(self.targets[target].of, Of::Instance(place) if self.cluster.instances[place].life.is_removed())
    }

    /// Until when the process behind a target stands still.
    fn stands_until(&self, target: usize, now: Micros) -> Micros {
        match self.targets[target].of {
            Of::Instance(place) if self.cluster.instances[place].is_paused(now) => {
                self.cluster.instances[place].paused.1
            }
            crate::telemetry::scrape::Of::Broker(place) if self.cluster.kafka.brokers[place].is_paused(now) => {
                self.cluster.kafka.brokers[place].paused.1
            }
            _ => now,
        }
    }

    /// Whether there is no process behind a target.
    fn is_gone(&self, target: usize) -> bool {
        match self.targets[target].of {
            crate::telemetry::scrape::Of::Broker(place) => !self.cluster.kafka.brokers[place].is_up,
            _ => false,
        }
    }

    /// What was measured so far.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// What Kafka itself knows at this moment, and the commits since the last call, so that another Kafka can be kept in
    /// step. The first call gives what was committed before the run, too.
    pub fn kafka_state(&mut self) -> KafkaState {
        state::take(&mut self.cluster, self.start)
    }

    /// Who depends on whom, as the operator's topology file says it.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// What is wrong in this run. Only grading may ask; it runs the other half of the pair to know when it began to hurt.
    pub fn truth(&self) -> Truth {
        Self::pair(&self.scenario, self.seed).truth()
    }

    /// Records behind of a group, now; `None` when there is no such group.
    pub fn backlog(&self, group: &str) -> Option<u64> {
        let place = self.cluster.groups.iter().position(|known| known.name == group)?;
        Some(self.cluster.lags(place).sum())
    }

    /// A number that is the same for the same run and differs for any other: all that was measured and committed.
    pub fn run_hash(&self) -> u64 {
        let mut hash = Hash::new();
        hash.add_number(self.start.as_millis() as u64);
        self.telemetry.hash(&mut hash);
        self.trace.hash(&mut hash);
        hash.finish()
    }
}

/// All chance of a run.
pub(crate) fn streams(scenario: &Scenario, seed: u64) -> Streams {
    Streams::new(Hash::of(&[&scenario.seed.to_le_bytes(), &seed.to_le_bytes()]))
}

/// A moment that tells nothing: any millisecond of two years.
fn start(streams: &Streams) -> Timestamp {
    const FIRST_MS: i64 = 1_735_689_600_000;
    const TWO_YEARS_MS: u64 = 730 * 86_400_000;
    let ms = FIRST_MS + streams.stream("run", "start").below(TWO_YEARS_MS) as i64;
    Timestamp::from_millis(ms).unwrap_or(Timestamp::EPOCH)
}
