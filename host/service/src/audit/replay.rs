//! The same diagnosis once more, from nothing but its record: components and input come out of the database, what the
//! moment decided is told again, and the network is not there. Start at [`Replayer::replay`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lagdoctor_model::{Millis, Signals};
use lagdoctor_runtime::{
    Bound, BoxFuture, CallError, FailureKind, GrantRule, Host, HttpRequest, HttpResponse, Limits, NoSecrets, Operator,
    Plugin, Transport, TransportError, World,
};

use super::book::{Book, Kept, NoPart};
use super::record::{Build, PluginRecord, Record};
use super::{AuditError, Digest};
use crate::diagnose::{Job, Options, again};
use crate::plugins::Plugins;
use crate::report::{Links, body};

/// A slower machine than the one that made a record must not be late where that one was not. Fuel is the limit.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What came of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// The body is the same, byte for byte.
    Same {
        /// Whether it was the same build of the program.
        is_same_build: bool,
    },
    /// The body is another, on the same build: input and answer do not belong together, or the program has an error.
    Differs {
        /// Digest of the body that the replay gave.
        body: Digest,
        /// The first place where the two part, with a little of both.
        at: String,
    },
    /// It cannot be said, and why.
    NotComparable {
        /// In one sentence.
        why: String,
    },
}

/// Makes diagnoses again. Keeps what it has compiled.
pub struct Replayer {
    host: Host,
    loaded: BTreeMap<Digest, Plugin>,
    build: Build,
}

/// The network of a replay: nothing that judges may reach anything, and nothing that reads is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        Box::pin(async move { Err(TransportError::Unreachable { host, reason: "a replay has no network".to_owned() }) })
    }
}

impl Replayer {
    /// A replayer on this host, which best goes [`Nowhere`], as this build.
    pub fn new(host: Host, build: Build) -> Self {
        Self { host, loaded: BTreeMap::new(), build }
    }

    /// Makes this diagnosis again and compares the bodies.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn replay(&mut self, book: &Book, kept: &Kept) -> Result<Replayed, AuditError> {
        match self.body(book, &kept.record).await? {
            Ok(bytes) => self.compare(book, &kept.record, &bytes),
            Err(why) => Ok(Replayed::NotComparable { why }),
        }
    }

    fn compare(&self, book: &Book, record: &Record, bytes: &[u8]) -> Result<Replayed, AuditError> {
        let is_same_build = record.build == self.build && self.build.sha256.is_some();
        if Digest::of(bytes) == record.body {
            return Ok(Replayed::Same { is_same_build });
        }
        if !is_same_build {
            let then = &record.build.version;
            let why = format!(
                "this is another build of lagdoctor than the {then} that made it, and it answers otherwise; replay with that one"
            );
            return Ok(Replayed::NotComparable { why });
        }
        let before = book.part(record.body)?.unwrap_or_default();
        Ok(Replayed::Differs { body: Digest::of(bytes), at: first_difference(&before, bytes) })
    }

    /// The body that this record's input and components give, or why there is none.
    async fn body(&mut self, book: &Book, record: &Record) -> Result<Result<Vec<u8>, String>, AuditError> {
        if !record.blanked.is_empty() {
            return Ok(Err(format!("a secret was blanked in its {}", record.blanked.join(" and "))));
        }
        let input = match book.part(record.input.sha256)? {
            Ok(input) => input,
            Err(_) if !record.input.kept => return Ok(Err("its input was too large to be kept".to_owned())),
            Err(NoPart::Missing) => return Ok(Err("its input is missing from the database".to_owned())),
            Err(NoPart::Altered) => return Ok(Err("its input was altered".to_owned())),
        };
        let signals = match lagdoctor_bundle::unpack("input of the record", &input) {
            Ok(recorded) => Signals {
                // The words of the report, where a bundle has them redacted once more.
                gaps: record.input.gaps.iter().cloned().map(Into::into).collect(),
                ..recorded.signals
            },
            Err(error) => return Ok(Err(format!("its input cannot be read: {error}"))),
        };
        let plugins = match self.plugins(book, record).await? {
            Ok(plugins) => plugins,
            Err(why) => return Ok(Err(why)),
        };
        let millis = |ms| Millis::new(ms).unwrap_or(Millis::ZERO);
        let options = Options {
            group: record.options.group.clone(),
            deadline: millis(record.options.deadline_ms),
            horizon: millis(record.options.horizon_ms),
        };
        let (diagnosis, _) = again(&signals, &plugins, &options, &failed(record)).await;
        let links = record.links.as_ref().map_or_else(Links::none, Links::template);
        Ok(Ok(body(&diagnosis, &links).bytes()))
    }

    async fn plugins(&mut self, book: &Book, record: &Record) -> Result<Result<Plugins, String>, AuditError> {
        let mut bound = vec![];
        for plugin in &record.plugins {
            if matches!(plugin.world.as_str(), "scorer" | "ranker" | "forecaster") {
                match self.bound(book, plugin).await? {
                    Ok(plugin) => bound.push(plugin),
                    Err(why) => return Ok(Err(why)),
                }
            }
        }
        let of = |world: World| bound.iter().filter(|bound| bound.plugin().world() == world).cloned().collect();
        let (scorers, mut rankers, mut forecasters): (_, Vec<Bound>, Vec<Bound>) =
            (of(World::Scorer), of(World::Ranker), of(World::Forecaster));
        let Some(ranker) = rankers.pop() else { return Ok(Err("it names no ranker".to_owned())) };
        Ok(Ok(Plugins { scorers, ranker, forecaster: forecasters.pop(), notifiers: vec![] }))
    }

    async fn bound(&mut self, book: &Book, record: &PluginRecord) -> Result<Result<Bound, String>, AuditError> {
        let name = &record.name;
        let plugin = match self.loaded.get(&record.sha256) {
            Some(plugin) => plugin.clone(),
            None => {
                let wasm = match book.part(record.sha256)? {
                    Ok(wasm) => wasm,
                    Err(NoPart::Missing) => {
                        return Ok(Err(format!("the component of `{name}` is not in the database")));
                    }
                    Err(NoPart::Altered) => return Ok(Err(format!("the component of `{name}` was altered"))),
                };
                match self.host.load(&record.plugin, &wasm).await {
                    Ok(plugin) => self.loaded.entry(record.sha256).or_insert(plugin).clone(),
                    Err(error) => return Ok(Err(error.to_string())),
                }
            }
        };
        let grants: Result<Vec<GrantRule>, _> = record.rules.iter().map(|rule| rule.parse()).collect();
        let grants = match grants {
            Ok(grants) => grants,
            Err(error) => return Ok(Err(format!("a grant of `{name}` is none any more: {error}"))),
        };
        let operator = Operator {
            name: name.clone(),
            config: record.config.clone(),
            grants,
            secrets: Arc::new(NoSecrets),
            limits: Some(Limits { timeout: PATIENCE, ..record.limits.clone() }),
        };
        Ok(plugin.bind(operator).map_err(|error| error.to_string()))
    }
}

/// What the moment decided then.
fn failed(record: &Record) -> BTreeMap<(String, Job), CallError> {
    let mut failed = BTreeMap::new();
    for call in &record.calls {
        let job = [Job::Scoring, Job::Ranking, Job::Forecasting].into_iter().find(|job| job.as_str() == call.job);
        if let (Some(job), Some(failure)) = (job, call.failure.as_ref().filter(|failure| failure.of_the_moment)) {
            // All that a diagnosis sees of it is its gap, and those of the moment have one cause.
            let error = CallError {
                plugin: call.plugin.clone(),
                kind: FailureKind::Deadline,
                statement: failure.statement.clone(),
            };
            failed.insert((call.plugin.clone(), job), error);
        }
    }
    failed
}

/// The first place where two texts part, with a little of both.
fn first_difference(before: &[u8], after: &[u8]) -> String {
    let same = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let around = |bytes: &[u8]| {
        let part = &bytes[same.saturating_sub(30).min(bytes.len())..(same + 60).min(bytes.len())];
        String::from_utf8_lossy(part).into_owned()
    };
    format!("byte {same}: then `{}`, now `{}`", around(before), around(after))
}
