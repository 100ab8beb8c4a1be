//! A simulated run in place of the network: collectors send their requests, and the run answers as Prometheus and
//! Elasticsearch would. Start at [`Stage::put_on`] and [`look`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use lagdoctor_model::{LogLine, Millis, Signals, Timestamp, Window};
use lagdoctor_runtime::{BoxFuture, HttpRequest, HttpResponse, Transport, TransportError};
use lagdoctor_service::config::PluginSection;
use lagdoctor_service::{Collector, Look, Request, Sources};
use lagdoctor_sim::{Simulation, endpoints};
use serde_json::json;

use crate::past::{Level, history};

/// What the hosts of all lanes end with.
const DOMAIN: &str = ".example";
/// Grading knows no hurry: its limits are fuel, so that a busy machine changes no grade.
pub(crate) const NO_HURRY: Millis = Millis::minutes(10);

/// Answers for one run in each of its lanes. A lane has hosts of its own, so that several runs are asked about at the same
/// time through one host and its compiled plugins.
#[derive(Default)]
pub struct Stage {
    on: Mutex<BTreeMap<usize, On>>,
}

/// A run, and runs at the loads of its past, if its scenario asks for one.
#[derive(Clone)]
struct On {
    run: Arc<Simulation>,
    levels: Arc<Vec<Simulation>>,
}

impl On {
    /// Who answers a question about this time, in seconds; the run itself when it says none.
    fn at(&self, seconds: Option<f64>) -> &Simulation {
        let covers = |level: &&Simulation| {
            let within = level.start().as_millis()..=level.end().as_millis();
            seconds.is_some_and(|seconds| within.contains(&((seconds * 1000.0).round() as i64)))
        };
        self.levels.iter().find(covers).unwrap_or(&self.run)
    }
}

impl Stage {
    /// From now on this run answers, as of its own present.
    pub fn put_on(&self, run: Arc<Simulation>) {
        self.put_on_lane(0, run);
    }

    /// From now on this run answers in this lane; collectors of [`lane_sources`] ask there.
    pub fn put_on_lane(&self, lane: usize, run: Arc<Simulation>) {
        let past = run.past();
        let levels = past.iter().flat_map(|past| (0..past.levels.len()).map(|place| run.at_level(past, place)));
        let on = On { levels: Arc::new(levels.collect()), run };
        self.on.lock().unwrap_or_else(PoisonError::into_inner).insert(lane, on);
    }

    fn answer(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let (what, lane) = asked(request.url.host_str()?)?;
        let on = self.on.lock().unwrap_or_else(PoisonError::into_inner).get(&lane).cloned()?;
        let run = &on.run;
        let mut params: Vec<(String, String)> = request.url.query_pairs().into_owned().collect();
        let response = if what == "logs" {
            endpoints::elasticsearch::answer(
                run.telemetry(),
                run.now(),
                &request.method,
                request.url.path(),
                &String::from_utf8_lossy(&request.body),
            )
        } else {
            if !request.body.is_empty() {
                params.extend(url_pairs(&request.body));
            }
            let time = params.iter().find(|(name, _)| matches!(name.as_str(), "end" | "time"));
            let run = on.at(time.and_then(|(_, seconds)| seconds.parse().ok()));
            endpoints::prometheus::answer(run.telemetry(), run.now(), request.url.path(), &params)
        };
        Some(HttpResponse {
            status: response.status,
            headers: vec![("content-type".into(), response.content_type.into())],
            body: response.body.into_bytes(),
        })
    }
}

/// What is asked for by a host's name, and in which lane: `logs.example`, `prometheus-2.example`.
fn asked(host: &str) -> Option<(&str, usize)> {
    let name = host.strip_suffix(DOMAIN)?;
    match name.split_once('-') {
        Some((what, lane)) => Some((what, lane.parse().ok()?)),
        None => Some((name, 0)),
    }
}

/// The pairs of a form.
fn url_pairs(body: &[u8]) -> Vec<(String, String)> {
    let mut url = lagdoctor_runtime::Url::parse("http://form.example/").ok();
    if let Some(url) = &mut url {
        url.set_query(std::str::from_utf8(body).ok());
    }
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}

impl Transport for Stage {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let host = request.url.host_str().map(str::to_owned);
        Box::pin(async move {
            self.answer(&request).ok_or_else(|| TransportError::Unreachable {
                host: host.unwrap_or_default(),
                reason: "no run is on stage".into(),
            })
        })
    }
}

/// Sources that read from a stage. Lag comes through an exporter's metrics.
pub fn sources() -> Sources {
    lane_sources(0)
}

/// The same for one lane of the stage.
pub fn lane_sources(lane: usize) -> Sources {
    let of_lane = if lane == 0 { String::new() } else { format!("-{lane}") };
    let prometheus = format!("http://prometheus{of_lane}{DOMAIN}:9090");
    let logs = format!("http://logs{of_lane}{DOMAIN}:9200/logs-shop");
    let collector =
        |name: &str, url: &str| PluginSection { config: json!({ "url": url }), ..PluginSection::bundled(name) };
    Sources {
        plugins: vec![collector("collector-prometheus", &prometheus), collector("collector-elasticsearch", &logs)],
        prometheus: Some(prometheus),
        ..Sources::default()
    }
}

/// Everything that can be seen of the run on stage, over its last hour, by the real collectors; and the days before it,
/// if its scenario asks for them.
pub async fn look(run: &Simulation, collectors: &[lagdoctor_runtime::Bound]) -> Signals {
    Observer::of(run, collectors).look().await
}

/// The log lines that the collectors would have read of the run on stage at a moment of its past, and those that came
/// too late for that.
pub async fn look_back(run: &Simulation, now: Timestamp, collectors: &[lagdoctor_runtime::Bound]) -> Vec<LogLine> {
    Observer::of(run, collectors).look_back(now).await
}

/// Looks at the run on stage several times, and does not redact anew what it has read before.
pub(crate) struct Observer<'a> {
    run: &'a Simulation,
    collector: Collector,
}

impl<'a> Observer<'a> {
    pub(crate) fn of(run: &'a Simulation, collectors: &[lagdoctor_runtime::Bound]) -> Self {
        let collector = Collector::new(&[], collectors.to_vec(), run.topology().clone(), Millis::ZERO);
        Self { run, collector }
    }

    /// See [`look`].
    pub(crate) async fn look(&mut self) -> Signals {
        let now = self.run.now();
        let mut signals = self.collector.collect(&request(self.hour_until(now))).await;
        if let Some(past) = self.run.past() {
            let mut levels = vec![];
            for (place, load) in past.levels.iter().enumerate() {
                let seen = self.collector.collect(&request(self.run.window_of_level(place))).await;
                levels.push(Level::of(*load, &seen));
            }
            signals.history = history(&past, &levels);
        }
        signals
    }

    /// See [`look_back`].
    pub(crate) async fn look_back(&mut self, now: Timestamp) -> Vec<LogLine> {
        // All collectors, for what metrics tell of nodes decides where a line belongs.
        self.collector.lines(&request(self.hour_until(now))).await
    }

    fn hour_until(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        ((now - Millis::minutes(60)).max(self.run.start()), now)
    }
}

fn request((start, now): (Timestamp, Timestamp)) -> Request {
    let window = Window { start, now, step: Millis::seconds(15) };
    Request { window, cluster: None, look: Look::Never, deadline: NO_HURRY }
}
