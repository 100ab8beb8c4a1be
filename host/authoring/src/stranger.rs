//! A network that exists only in memory, for plugins that reach out: it answers what it was told to, and remembers what it
//! was asked. Secrets on it are samples.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lagdoctor_runtime::{
    BoxFuture, GrantKind, HttpRequest, HttpResponse, Manifest, Secret, Secrets, Transport, TransportError,
};

/// An address on this network.
pub(crate) const ADDRESS: &str = "http://stranger.example:8080/";
/// Requests that are remembered; a plugin that sends more has shown what it does.
const REMEMBERED: usize = 100;

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nobody is there.
    Nobody,
    /// This status and body.
    Says(u16, Vec<u8>),
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// The network.
#[derive(Debug)]
pub(crate) struct Stranger {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// One for each request, in turn.
    once: VecDeque<Answer>,
    /// To every request after those.
    always: Answer,
    heard: Vec<Heard>,
}

impl Stranger {
    /// One on which nobody is there.
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State { once: VecDeque::new(), always: Answer::Nobody, heard: vec![] }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it answers so, and has heard nothing.
    pub(crate) fn answers(&self, answer: Answer) {
        *self.state() = State { once: VecDeque::new(), always: answer, heard: vec![] };
    }

    /// From now on it answers so, request by request, and then nobody is there.
    pub(crate) fn answers_in_turn(&self, answers: &[Answer]) {
        let once = answers.iter().cloned().collect();
        *self.state() = State { once, always: Answer::Nobody, heard: vec![] };
    }

    /// What it was asked since it was last told what to answer.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.state().heard.clone()
    }
}

impl Transport for Stranger {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let HttpRequest { method, url, headers, body, max_body, .. } = request;
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut state = self.state();
        let answer = state.once.pop_front().unwrap_or_else(|| state.always.clone());
        if state.heard.len() < REMEMBERED {
            state.heard.push(Heard { method, url: url.to_string(), headers, body });
        }
        drop(state);
        Box::pin(std::future::ready(match answer {
            Answer::Nobody => {
                let reason = "nobody listens on this network".to_owned();
                Err(TransportError::Unreachable { host, reason })
            }
            Answer::Says(status, mut body) => {
                body.truncate(max_body);
                Ok(HttpResponse { status, headers: vec![], body })
            }
        }))
    }
}

/// A secret of every name: an address where the plugin asks to go, because some secrets are addresses.
#[derive(Debug)]
pub(crate) struct Samples(String);

impl Samples {
    /// For a plugin that asks for this.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let http = manifest.grants.iter().filter(|ask| ask.kind == GrantKind::Http).map(|ask| ask.value.as_str());
        // A pattern, or `config:FIELD`, is no address.
        let is_address = |value: &&str| value.starts_with("http") && !value.contains('*');
        let place = http.rev().find(is_address).unwrap_or(ADDRESS);
        Self(format!("{}/sample-secret", place.trim_end_matches('/')))
    }
}

impl Secrets for Samples {
    fn get(&self, _name: &str) -> Option<Secret> {
        Secret::new(self.0.as_str()).ok()
    }
}
