//! A simulated run in place of the network: collectors send their requests, and the run answers as Prometheus and
//! Elasticsearch would. Start at [`Stage::put_on`] and [`look`].

use std::sync::{Arc, Mutex, PoisonError};

use lagdoctor_model::{Millis, Signals, Window};
use lagdoctor_runtime::{BoxFuture, HttpRequest, HttpResponse, Transport, TransportError};
use lagdoctor_service::config::PluginSection;
use lagdoctor_service::{Collector, Look, Request, Sources};
use lagdoctor_sim::{Simulation, endpoints};
use serde_json::json;

/// Where the run's Prometheus is, for the collectors on this stage.
const PROMETHEUS: &str = "http://prometheus.example:9090";
/// Where the run's logs are.
const LOGS: &str = "http://logs.example:9200/logs-shop";
/// Grading knows no hurry: its limits are fuel, so that a busy machine changes no grade.
const NO_HURRY: Millis = Millis::minutes(10);

/// Answers for one run at a time.
#[derive(Default)]
pub struct Stage {
    run: Mutex<Option<Arc<Simulation>>>,
}

impl Stage {
    /// From now on this run answers, as of its own present.
    pub fn put_on(&self, run: Arc<Simulation>) {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
    }

    fn answer(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
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

/// Everything that can be seen of the run on stage, over its last hour, by the real collectors.
pub async fn look(run: &Simulation, collectors: &[lagdoctor_runtime::Bound]) -> Signals {
    let now = run.now();
    let window = Window { start: (now - Millis::minutes(60)).max(run.start()), now, step: Millis::seconds(15) };
    let mut collector = Collector::new(&[], collectors.to_vec(), run.topology().clone(), Millis::ZERO);
    collector.collect(&Request { window, cluster: None, look: Look::Never, deadline: NO_HURRY }).await
}
