//! A simulated run in place of the network: collectors send their requests, and the run answers as Prometheus and
//! Elasticsearch would. Start at [`Stage::put_on`] and [`look`].

use std::sync::{Arc, Mutex, PoisonError};

use lagdoctor_model::{Millis, Signals, Timestamp, Window};
use lagdoctor_runtime::{BoxFuture, HttpRequest, HttpResponse, Transport, TransportError};
use lagdoctor_service::config::PluginSection;
use lagdoctor_service::{Collector, Look, Request, Sources};
use lagdoctor_sim::{Simulation, endpoints};
use serde_json::json;

use crate::past::{Level, history};

/// Where the run's Prometheus is, for the collectors on this stage.
const PROMETHEUS: &str = "http://prometheus.example:9090";
/// Where the run's logs are.
const LOGS: &str = "http://logs.example:9200/logs-shop";
/// Grading knows no hurry: its limits are fuel, so that a busy machine changes no grade.
const NO_HURRY: Millis = Millis::minutes(10);

/// Answers for one run at a time.
#[derive(Default)]
pub struct Stage {
    on: Mutex<Option<On>>,
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
        let past = run.past();
        let levels = past.iter().flat_map(|past| (0..past.levels.len()).map(|place| run.at_level(past, place)));
        let on = On { levels: Arc::new(levels.collect()), run };
        *self.on.lock().unwrap_or_else(PoisonError::into_inner) = Some(on);
    }

    fn answer(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let on = self.on.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let run = &on.run;
        let mut params: Vec<(String, String)> = request.url.query_pairs().into_owned().collect();
        let response = if request.url.host_str() == Some("logs.example") {
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
        Box::pin(async move {
            self.answer(&request).ok_or_else(|| TransportError::Unreachable {
                host: PROMETHEUS.into(),
                reason: "no run is on stage".into(),
            })
        })
    }
}

/// Sources that read from a stage. Lag comes through an exporter's metrics.
pub fn sources() -> Sources {
    let collector =
        |name: &str, url: &str| PluginSection { config: json!({ "url": url }), ..PluginSection::bundled(name) };
    Sources {
        plugins: vec![collector("collector-prometheus", PROMETHEUS), collector("collector-elasticsearch", LOGS)],
        prometheus: Some(PROMETHEUS.into()),
        ..Sources::default()
    }
}

/// Everything that can be seen of the run on stage, over its last hour, by the real collectors; and the days before it,
/// if its scenario asks for them.
pub async fn look(run: &Simulation, collectors: &[lagdoctor_runtime::Bound]) -> Signals {
    let now = run.now();
    let start = (now - Millis::minutes(60)).max(run.start());
    let mut signals = look_at(run, (start, now), collectors).await;
    if let Some(past) = run.past() {
        let mut levels = vec![];
        for (place, load) in past.levels.iter().enumerate() {
            let seen = look_at(run, run.window_of_level(place), collectors).await;
            levels.push(Level::of(*load, &seen));
        }
        signals.history = history(&past, &levels);
    }
    signals
}

async fn look_at(
    run: &Simulation,
    (start, now): (Timestamp, Timestamp),
    collectors: &[lagdoctor_runtime::Bound],
) -> Signals {
    let window = Window { start, now, step: Millis::seconds(15) };
    let mut collector = Collector::new(&[], collectors.to_vec(), run.topology().clone(), Millis::ZERO);
    collector.collect(&Request { window, cluster: None, look: Look::Never, deadline: NO_HURRY }).await
}
