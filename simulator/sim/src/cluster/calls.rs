//! Calls to caches and over HTTP: who is asked, what comes of it, and what is done when nothing good does. Connections
//! over HTTP are kept for a while, so that a name that cannot be resolved is missed only by and by.

use super::Env;
use super::breaker::{Breaker, State as BreakerState};
use super::flight::{Away, Exception, Flight, Outcome, State};
use super::instance::Instance;
use super::kafka::link::Place;
use super::line::Level;
use super::plan::ClientPlan;
use super::says;
use super::timer::Timer;
use crate::units::Micros;

/// What one instance knows of its calls to one endpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    pub(crate) answered: Timer,
    pub(crate) refused: Timer,
    pub(crate) unsigned: Timer,
    /// Nobody answered in time, or nobody was found.
    pub(crate) unanswered: Timer,
    pub(crate) breaker: Option<Breaker>,
    /// Calls that were good at once, after further tries, and never.
    pub(crate) at_once: u64,
    pub(crate) retried: u64,
    pub(crate) in_vain: u64,
    /// Further tries.
    pub(crate) again: u64,
    /// Since when new connections cannot be made.
    dark: Option<Micros>,
}

impl Client {
    pub(crate) fn new(plan: &ClientPlan) -> Self {
        Self { breaker: plan.breaker.clone(), ..Self::default() }
    }

    /// Share of the calls for which no connection is left.
    fn unconnected(&self, now: Micros, keep_alive: Micros) -> f64 {
        let since = self.dark.map_or(Micros::ZERO, |dark| now - dark);
        (since.as_seconds() / keep_alive.as_seconds().max(0.001)).clamp(0.0, 1.0)
    }
}

/// Time in which a server refuses, or a kernel says that nobody listens.
const REFUSAL: Micros = Micros::millis(3);
/// Seconds by which a caller's clock may be wrong before nobody believes its signatures.
const BELIEVED_S: f64 = 60.0;
const BREAKER: &str = "i.g.r.c.i.CircuitBreakerStateMachine";
const CLIENT: &str = "c.s.fulfilment.PriceClient";

/// Bytes of a statement or call with its answer.
const REQUEST: f64 = 2000.0;

impl Instance {
    /// What a request and its answer take longer than they should on the way to another node.
    pub(super) fn over(&mut self, env: &Env<'_>, to: Place) -> Micros {
        if env.knobs.kafka.links.is_empty() {
            return Micros::ZERO;
        }
        let Some(way) = env.knobs.kafka.way(Place::Instance(self.index), to) else { return Micros::ZERO };
        let toll = way.toll(REQUEST, &mut self.net);
        *self.meters.resent.entry(to).or_default() += toll.resent;
        toll.time
    }

    /// Looks up a key of each record in a cache; who gets no answer asks a database.
    pub(super) fn look_up(
        &mut self,
        flight: Flight,
        (cache, hit): (usize, f64),
        miss: Option<usize>,
        env: &mut Env<'_>,
    ) {
        let due = self.now + env.caches[cache].latency(&mut self.stream) + self.over(env, Place::Cache(cache));
        let misses = env.caches[cache].look_up(flight.count, hit, &mut self.stream);
        if !env.caches[cache].is_up {
            let name = env.caches[cache].name.clone();
            let quiet = ("cache", Micros::millis(1500));
            self.say_seldom(env, quiet, (Level::Warn, "c.s.fulfilment.StockService"), |ids| says::no_cache(ids, &name));
        }
        for (count, miss) in [(flight.count - misses, None), (misses, miss)] {
            if count > 0 {
                let state = State::Away { due, since: self.now, from: Away::Cache { miss } };
                let id = self.fresh_id();
                self.flights.push(Flight { id, count, state, ..flight });
            }
        }
    }

    /// Calls an endpoint, once for each record.
    pub(super) fn call(&mut self, flight: Flight, place: usize, env: &mut Env<'_>) {
        let plan = self.plan.clone();
        let Some(client) = plan.clients.get(place) else { return self.next(flight, env) };
        let knobs = env.knobs.endpoints[client.endpoint];
        let timeout = env.knobs.instances[self.index].hasty.map(|hasty| Micros::of_seconds(hasty.timeout_s));
        let timeout = timeout.unwrap_or(client.timeout);
        let known = &mut self.clients[place];
        let may = known.breaker.as_mut().map_or(flight.count, |breaker| breaker.permits(self.now, flight.count));
        if may < flight.count {
            let name = env.endpoints[client.endpoint].name.clone();
            let id = if may > 0 { self.fresh_id() } else { flight.id };
            let stopped = Flight { id, count: flight.count - may, ..flight };
            self.set_back(stopped, Exception::NotPermitted, |_| says::not_permitted(&name), env);
        }
        let unconnected = self.clients[place].unconnected(self.now, client.keep_alive) * knobs.nameless;
        let nameless = if unconnected > 0.0 { self.luck.part(may, unconnected) } else { 0 };
        let refused = if knobs.errors > 0.0 { self.luck.part(may - nameless, knobs.errors) } else { 0 };
        let mut heard = may - nameless - refused;
        let over = if heard + refused > 0 { self.over(env, Place::Endpoint(client.endpoint)) } else { Micros::ZERO };
        // Whoever is called believes a signature for a minute, before and after.
        let unsigned = if self.clock(env).abs() > BELIEVED_S { std::mem::take(&mut heard) } else { 0 };
        let mut parts = [
            (nameless, Outcome::Nameless, Micros::of_seconds(knobs.lookup_s) + REFUSAL),
            (refused, Outcome::Refused, REFUSAL + over),
            (unsigned, Outcome::Unsigned, REFUSAL + over),
            (heard, Outcome::Answered, Micros::ZERO),
        ];
        if heard > 0 {
            let took = over + env.endpoints[client.endpoint].answer_time(heard, &knobs, &mut self.stream);
            parts[3] = match took > timeout {
                true => (heard, Outcome::TimedOut, timeout),
                false => (heard, Outcome::Answered, took),
            };
        }
        for (count, outcome, took) in parts {
            if count > 0 {
                let id = if count == flight.count { flight.id } else { self.fresh_id() };
                let due = self.now + took;
                let state = State::Away { due, since: self.now, from: Away::Client(place, outcome) };
                self.flights.push(Flight { id, count, state, ..flight });
            }
        }
    }

    /// A call is over.
    pub(super) fn called(
        &mut self,
        mut flight: Flight,
        (place, outcome): (usize, Outcome),
        since: Micros,
        env: &mut Env<'_>,
    ) {
        let plan = self.plan.clone();
        let Some(plan) = plan.clients.get(place) else { return self.next(flight, env) };
        let (count, now) = (flight.count, self.now);
        let client = &mut self.clients[place];
        let timer = match outcome {
            Outcome::Answered => &mut client.answered,
            Outcome::Refused => &mut client.refused,
            Outcome::Unsigned => &mut client.unsigned,
            Outcome::TimedOut | Outcome::Nameless => &mut client.unanswered,
        };
        timer.record(now, count, now - since);
        let is_good = outcome == Outcome::Answered;
        let name = &env.endpoints[plan.endpoint].name;
        if let Some(breaker) = &mut client.breaker {
            let before = breaker.state;
            if breaker.note(now, count, is_good) {
                let (before, after) = (before.word(), breaker.state.word());
                let message = format!("CircuitBreaker '{name}' changed state from {before} to {after}");
                let level = if after == BreakerState::Closed.word() { Level::Info } else { Level::Warn };
                self.say(env, level, BREAKER, message);
            }
        }
        let client = &mut self.clients[place];
        if is_good {
            *(if flight.tries == 0 { &mut client.at_once } else { &mut client.retried }) += u64::from(count);
            return self.next(flight, env);
        }
        let endpoint = &env.endpoints[plan.endpoint];
        let (name, uri) = (endpoint.name.clone(), endpoint.uri.clone());
        let hasty = env.knobs.instances[self.index].hasty;
        let retries = hasty.map_or(plan.retries, |hasty| hasty.retries);
        let is_ahead = self.clock(env) > 0.0;
        let client = &mut self.clients[place];
        let why = move || match outcome {
            Outcome::Unsigned => says::unsigned(is_ahead).to_owned(),
            Outcome::Nameless => says::no_address(&name, &uri),
            Outcome::Refused => says::REFUSED.to_owned(),
            _ => says::no_answer(&name, &uri),
        };
        if flight.tries < retries {
            flight.tries += 1;
            client.again += u64::from(count);
            let tries = flight.tries;
            self.say_seldom(env, ("call again", Micros::millis(900)), (Level::Warn, CLIENT), |_| {
                format!("Attempt {tries} of {} failed, trying again: {}", retries + 1, why())
            });
            let wait = match hasty {
                Some(_) => Micros::ZERO,
                None => Micros(plan.backoff.0 << (tries - 1).min(10)).times(self.luck.factor(0.1)),
            };
            flight.state = State::Stall { due: now.max(self.paused.1) + wait };
            self.flights.push(flight);
            return;
        }
        client.in_vain += u64::from(count);
        let exception = match outcome {
            Outcome::Refused => Exception::Unavailable,
            Outcome::Unsigned => Exception::Unauthorized,
            _ => Exception::NoAnswer,
        };
        self.set_back(flight, exception, |_| why(), env);
    }

    /// Notices from when on new connections cannot be made.
    pub(super) fn keep_clients(&mut self, env: &Env<'_>) {
        for (client, plan) in self.clients.iter_mut().zip(&self.plan.clients) {
            let is_dark = env.knobs.endpoints[plan.endpoint].nameless > 0.0;
            client.dark = if is_dark { client.dark.or(Some(self.now)) } else { None };
        }
    }
}
