//! A collector that does whatever a test tells it to. See [`MODES`]; `fine` gives one series and one log line.

#[path = "../../tricks.rs"]
mod tricks;

use lagdoctor_sdk::{
    Auth, Collector, Error, Host, Manifest, Page, Plugin, Query, RawEdge, RawGap, RawLog, RawNode, RawSeries, Request,
};
use serde::Deserialize;

/// What this plugin can do wrong, beside what any plugin can.
pub const MODES: [(&str, &str); 23] = [
    ("fetch", "gets `url`, with `secret` if there is one, and gives the answer as a log line"),
    ("ask-ungranted-host", "wants a host that nobody granted"),
    ("ask-metadata", "wants the cloud's metadata"),
    ("ask-loopback", "wants what listens on this machine"),
    ("ask-file", "wants a file"),
    ("ask-ungranted-secret", "wants a secret that nobody granted"),
    ("own-authorization", "brings an authorization header of its own"),
    ("ungranted-method", "wants to delete"),
    ("slow-host-call", "waits for `url` as long as it may"),
    ("many-requests", "asks `url` until it is stopped"),
    ("forge-lag", "gives a signal that it may not give"),
    ("unknown-signal", "gives a signal that does not exist"),
    ("unordered-times", "goes back in time"),
    ("lengths-differ", "has more times than values"),
    ("infinite", "has seen infinity"),
    ("far-future", "has readings of the year 292 million"),
    ("wrong-temporality", "calls its series a rumour"),
    ("wrong-node", "knows a node of a kind that does not exist, and an edge to nowhere"),
    ("wrong-severity", "has a log line of severity 255"),
    ("hostile-text", "puts control characters and a novel into a log line and a gap"),
    ("endless-pages", "always has one page more"),
    ("huge-token", "wants a mebibyte to be kept for it between pages"),
    ("flood", "has a hundred thousand log lines"),
];

/// How it is told what to do.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    #[serde(default = "fine")]
    mode: String,
    url: Option<String>,
    secret: Option<String>,
}

fn fine() -> String {
    "fine".to_owned()
}

/// The collector.
#[derive(Debug)]
pub struct Misbehaving {
    config: Config,
}

impl Plugin for Misbehaving {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new("misbehaving-collector", env!("CARGO_PKG_VERSION"), "Does whatever a test tells it to.")
            .produces(&["jvm."])
            .configured_by(tricks::SCHEMA)
            .asks_http("config:url", "a test told it to")
            .asks_secret("config:secret", "a test told it to")
    }

    fn new(config: Config) -> Result<Self, Error> {
        tricks::known(&config.mode, &MODES)?;
        Ok(Self { config })
    }
}

impl Collector for Misbehaving {
    fn collect(&self, host: &dyn Host, query: &Query) -> Result<Page, Error> {
        tricks::perform(&self.config.mode)?;
        let mut page = good_page(query);
        let mode = self.config.mode.as_str();
        if let Some(request) = self.request(mode) {
            let response = host.fetch(&request)?;
            page.logs[0].message = format!("{}: {}", response.status, response.text());
        }
        let series = &mut page.series[0];
        match mode {
            "many-requests" => loop {
                host.fetch(&Request::get(self.url()))?;
            },
            "forge-lag" => "kafka.consumer_group.lag".clone_into(&mut series.signal),
            "unknown-signal" => "gremlins.count".clone_into(&mut series.signal),
            "unordered-times" => series.times_ms.reverse(),
            "lengths-differ" => series.values.truncate(1),
            "infinite" => series.values[0] = f64::INFINITY,
            "far-future" => series.times_ms[1] = i64::MAX,
            "wrong-temporality" => "rumour".clone_into(&mut series.temporality),
            "wrong-node" => {
                page.nodes.push(RawNode::new("gremlin", "bob"));
                page.edges.push(RawEdge::new("group:orders", "adores", "nobody"));
            }
            "wrong-severity" => page.logs[0].severity = u8::MAX,
            "hostile-text" => {
                let text = format!("\u{1b}[2J\u{202e}{}", "once upon a time ".repeat(10_000));
                page.logs[0].message.clone_from(&text);
                page.gaps.push(RawGap::malformed(text));
            }
            "endless-pages" => page.next = format!("{}x", query.page.chars().take(100).collect::<String>()),
            "huge-token" => page.next = "x".repeat(1 << 20),
            "flood" => {
                let one = page.logs[0].clone();
                page.logs.resize(100_000, one);
            }
            _ => {}
        }
        Ok(page)
    }
}

impl Misbehaving {
    fn url(&self) -> &str {
        self.config.url.as_deref().unwrap_or("http://nowhere.invalid/")
    }

    fn request(&self, mode: &str) -> Option<Request> {
        let request = match mode {
            "fetch" => Request::get(self.url()).auth(self.config.secret.as_deref().map(Auth::bearer)),
            "ask-ungranted-host" => Request::get("https://ungranted.example/"),
            "ask-metadata" => Request::get("http://169.254.169.254/latest/meta-data/"),
            "ask-loopback" => Request::get("http://127.0.0.1:22/"),
            "ask-file" => Request::get("file:///etc/passwd"),
            "ask-ungranted-secret" => Request::get(self.url()).auth(Some(Auth::bearer("somebody-elses-token"))),
            "own-authorization" => Request::get(self.url()).header("authorization", "Bearer mine"),
            "ungranted-method" => Request::new("DELETE", self.url()),
            "slow-host-call" => Request::get(self.url()).patience_ms(u32::MAX),
            _ => return None,
        };
        Some(request)
    }
}

fn good_page(query: &Query) -> Page {
    let attributes = [("instance", "fulfilment-0")];
    let mut series = RawSeries::gauge("jvm.gc.overhead", &attributes);
    series.times_ms = vec![query.start_ms, query.end_ms.max(query.start_ms + 1)];
    series.values = vec![0.01, 0.02];
    let line = RawLog::new(query.start_ms, 9, "all is well", &attributes);
    Page { series: vec![series], logs: vec![line], ..Page::empty() }
}

lagdoctor_sdk::export_collector!(Misbehaving);

#[cfg(test)]
mod tests {
    use lagdoctor_sdk::testing::{FakeHost, NOW_MS, check_manifest, response};

    use super::*;

    fn collect(mode: &str) -> Result<Page, Error> {
        let query = Query {
            start_ms: NOW_MS - 1000,
            end_ms: NOW_MS,
            step_ms: 15_000,
            targets: vec![],
            page: String::new(),
            ext: vec![],
        };
        let config = format!(r#"{{"mode": "{mode}", "url": "http://far.example/"}}"#);
        let host = FakeHost::new(|request| Ok(response(200, &format!("{} {}", request.method, request.url))));
        Misbehaving::from_json(&config)?.collect(&host, &query)
    }

    #[test]
    fn when_told_nothing_it_behaves() {
        check_manifest::<Misbehaving>();
        let page = collect("fine").unwrap();
        assert_eq!((page.series.len(), page.logs.len(), page.next.as_str()), (1, 1, ""));
    }

    #[test]
    fn every_mode_gives_something_else_than_a_good_page() {
        let fine = collect("fine").unwrap();
        for (mode, _) in MODES.iter().filter(|(mode, _)| *mode != "many-requests") {
            assert_ne!(collect(mode).unwrap(), fine, "{mode}");
        }
    }

    #[test]
    fn what_it_gets_it_tells() {
        assert_eq!(collect("fetch").unwrap().logs[0].message, "200: GET http://far.example/");
        assert_eq!(
            collect("ask-metadata").unwrap().logs[0].message,
            "200: GET http://169.254.169.254/latest/meta-data/"
        );
    }
}
