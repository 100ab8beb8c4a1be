//! What came of reading a source? How long it took, how much it gave, and what each far side answered: method, host,
//! status, never a path or a header. [`Watched`] listens where requests leave the host; whose request it was, the task
//! that reads the source knows. Start at [`heard`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use lagdoctor_model::{Gap, Timestamp};
use lagdoctor_runtime::{BoxFuture, CollectQuery, CollectedPage, HttpRequest, HttpResponse, Transport, TransportError};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::source::{Source, pages};

/// Kinds of answer of one source that are told apart; further ones are counted together.
const MOST_EXCHANGES: usize = 64;

/// What came of reading one source for one window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The operator's name of it.
    pub source: String,
    /// How long it took.
    pub took_ms: i64,
    /// Series that it gave.
    pub series: usize,
    /// Log lines that it gave.
    pub logs: usize,
    /// Events that it gave.
    pub events: usize,
    /// What it failed to give, in words.
    pub gaps: Vec<String>,
    /// What far sides answered.
    pub exchanges: Vec<Exchange>,
}

/// Requests of one kind with one outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Method and `scheme://host:port`.
    pub to: String,
    /// The status, or in a word why there was none.
    pub outcome: String,
    /// How many.
    pub count: u64,
    /// Bytes of all bodies that came back.
    pub bytes: u64,
    /// Time that all of them took.
    pub took_ms: u64,
}

/// Method, host and outcome; count, bytes and milliseconds.
type Tally = BTreeMap<(String, String), (u64, u64, u64)>;

tokio::task_local! {
    static TALLY: Arc<Mutex<Tally>>;
}

/// A transport that remembers what each request came to, for as long as somebody `heard` listens.
pub struct Watched(Arc<dyn Transport>);

impl Watched {
    /// Listens to this transport.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self(transport)
    }
}

impl Transport for Watched {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let origin = request.url.origin().ascii_serialization();
        // Whoever stops waiting drops this future, and with it what was not answered in time.
        let mut open = Open { to: format!("{} {origin}", request.method), begun: Instant::now(), is_open: true };
        Box::pin(async move {
            let answer = self.0.send(request).await;
            match &answer {
                Ok(response) => open.close(&response.status.to_string(), response.body.len()),
                Err(error) => open.close(word(error), 0),
            }
            answer
        })
    }
}

fn word(error: &TransportError) -> &'static str {
    match error {
        TransportError::Timeout { .. } => "time-out",
        TransportError::Address { .. } => "address refused",
        TransportError::TooLarge { .. } => "too large",
        _ => "unreachable",
    }
}

struct Open {
    to: String,
    begun: Instant,
    is_open: bool,
}

impl Open {
    fn close(&mut self, outcome: &str, bytes: usize) {
        self.is_open = false;
        let ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Outside of a reading nobody listens, which is no fault.
        let _ = TALLY.try_with(|tally| {
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            let mut key = (self.to.clone(), outcome.to_owned());
            if tally.len() >= MOST_EXCHANGES && !tally.contains_key(&key) {
                key = ("others".to_owned(), "all".to_owned());
            }
            let sum = tally.entry(key).or_default();
            *sum = (sum.0 + 1, sum.1 + bytes as u64, sum.2 + ms);
        });
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.is_open {
            self.close("time-out", 0);
        }
    }
}

/// All pages of a source, as [`pages`] reads them, and what came of it.
pub(super) async fn heard<S: Source>(
    source: S,
    query: CollectQuery,
    now: Timestamp,
    until: Instant,
    most: usize,
) -> (CollectedPage, Reading) {
    let (name, begun, tally) = (source.name().to_owned(), Instant::now(), Arc::<Mutex<Tally>>::default());
    let page = TALLY.scope(tally.clone(), pages(source, query, now, until, most)).await;
    let tally = std::mem::take(&mut *tally.lock().unwrap_or_else(PoisonError::into_inner));
    let exchange = |((to, outcome), (count, bytes, took_ms))| Exchange { to, outcome, count, bytes, took_ms };
    let reading = Reading {
        source: name,
        took_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
        series: page.series.len(),
        logs: page.logs.len(),
        events: page.events.len(),
        gaps: page.gaps.iter().map(|gap| gap.statement.clone()).collect(),
        exchanges: tally.into_iter().map(exchange).collect(),
    };
    (page, reading)
}

/// A source whose reading ended without an answer.
pub(super) fn lost(gap: Gap) -> (CollectedPage, Reading) {
    let (series, logs, events) = (0, 0, 0);
    let gaps = vec![gap.statement.clone()];
    let reading = Reading { source: gap.source.clone(), took_ms: 0, series, logs, events, gaps, exchanges: vec![] };
    (CollectedPage { gaps: vec![gap], ..CollectedPage::default() }, reading)
}
