//! A collector with the SDK, whose manifest asks for a host and a secret by the fields of its configuration. It asks its
//! source once, proves who it is with a bearer token, and makes a page of the answer.

use lagdoctor_sdk::{
    Auth, Collector, Error, Host, Manifest, Page, Plugin, Query, RawEdge, RawGap, RawLog, RawNode, RawSeries, Request,
    code, log,
};
use serde::Deserialize;

const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "required": ["url", "token"],
  "properties": {
    "url": {"type": "string", "description": "Where the readings are"},
    "token": {"type": "string", "description": "Name of the secret"}
  }
}"#;

#[derive(Deserialize)]
struct Config {
    url: String,
    token: String,
}

struct Readings(Config);

impl Plugin for Readings {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new("museum-collector-sdk", "0.1.0", "Reads numbers off a page.")
            .produces(&["jvm.gc.overhead", "jvm.gc.count"])
            .configured_by(SCHEMA)
            .asks_http("config:url", "the readings are there")
            .asks_secret("config:token", "the source wants to know who asks")
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self(config))
    }
}

impl Collector for Readings {
    fn collect(&self, host: &dyn Host, query: &Query) -> Result<Page, Error> {
        let url = format!("{}/readings?from={}&to={}", self.0.url, query.start_ms, query.end_ms);
        let request = Request::get(&url).header("accept", "text/plain").auth(Some(Auth::bearer(&self.0.token)));
        let response = host.fetch(&request)?;
        if !response.is_success() {
            return Err(Error::new(code::UPSTREAM, format!("the source answered {}", response.status)));
        }
        log::info(&format!("{} bytes came", response.body.len()));
        let text = response.text();
        let mut page = Page::empty();
        let of = [("jvm", "order-svc-0"), ("source", response.header("x-source").unwrap_or("unknown"))];
        let numbers = text.lines().next().unwrap_or_default().split(' ').filter_map(|word| word.parse::<f64>().ok());
        let numbers: Vec<f64> = numbers.collect();
        let times_ms: Vec<i64> = (0i64..).take(numbers.len()).map(|k| query.start_ms + k * query.step_ms).collect();
        let counts = numbers.iter().map(|number| number * 1000.0).collect();
        let mut gauge = RawSeries::gauge("jvm.gc.overhead", &of);
        let mut counter = RawSeries::counter("jvm.gc.count", &of);
        (gauge.times_ms, gauge.values, gauge.query) = (times_ms.clone(), numbers, url);
        (counter.times_ms, counter.values) = (times_ms, counts);
        page.series = vec![gauge, counter];
        // A source that tells everybody what it was asked: the secret must not come back with it.
        page.logs = vec![RawLog::new(host.now_ms(), 13, text.lines().nth(1).unwrap_or_default(), &of)];
        page.nodes = vec![RawNode::new("jvm", "order-svc-0")];
        page.edges = vec![RawEdge::new("group:orders", "runs-on", "jvm:order-svc-0")];
        page.gaps = vec![RawGap::truncated("there is more than two lines; ask for less")];
        Ok(page)
    }
}

lagdoctor_sdk::export_collector!(Readings);
