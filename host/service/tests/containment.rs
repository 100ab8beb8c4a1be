//! What a plugin that fails at each diagnosis costs the others: nothing. Real components on the real runtime, and a clock
//! that the tests set.

mod common;

use std::future::pending;
use std::sync::Arc;

use common::{Dead, folder, incident, loaded_with, minute};
use lagdoctor_model::{Diagnosis, Gap, GapCause, Millis, Topology, Verdict, Window};
use lagdoctor_runtime::{
    BoxFuture, BreakerRules, FailureKind, HttpRequest, HttpResponse, PluginState, Transport, TransportError,
};
use lagdoctor_service::config::{LimitsSection, PluginSection};
use lagdoctor_service::{Collector, Loaded, Look, Options, Request, Sources, diagnose};
use serde_json::json;
use tokio::time::Instant;

/// Never answers, whatever time it is given.
struct Hanging;

impl Transport for Hanging {
    fn send(&self, _request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(pending())
    }
}

fn rules() -> BreakerRules {
    BreakerRules { failures: 3, first: Millis::minutes(2), ..BreakerRules::default() }
}

fn misbehaving(kind: &str, alias: &str, mode: &str) -> PluginSection {
    PluginSection {
        alias: Some(alias.to_owned()),
        config: json!({ "mode": mode, "url": "http://metrics.example:9090/" }),
        ..PluginSection::file(folder().join(format!("misbehaving-{kind}.wasm")))
    }
}

fn sources(plugins: Vec<PluginSection>) -> Sources {
    Sources { plugins, ..Sources::default() }
}

async fn diagnosed(loaded: &Loaded, at: u32) -> Diagnosis {
    diagnose(&incident(minute(at)), &loaded.plugins, &Options::default()).await
}

fn gap<'a>(diagnosis: &'a Diagnosis, source: &str) -> Option<&'a Gap> {
    diagnosis.gaps.iter().find(|gap| gap.source == source)
}

#[tokio::test]
async fn a_scorer_that_traps_each_time_is_left_alone_and_the_diagnosis_is_what_it_is_without_it() {
    let healthy = loaded_with(&sources(vec![]), Arc::new(Dead)).await;
    let ill = sources(vec![misbehaving("scorer", "shop", "trap")]);
    let ill = loaded_with(&ill, Arc::new(Dead)).await.guarded(&rules());
    let mut said = vec![];
    for at in 1..=8 {
        let mut diagnosis = diagnosed(&ill, at).await;
        let statement = gap(&diagnosis, "shop").expect("it is always named").statement.clone();
        said.push(if statement.contains("is quarantined since") { '-' } else { 'T' });
        if said.len() == 4 {
            let (since, next) = (minute(3).to_string(), minute(5).to_string());
            for part in [since.as_str(), next.as_str(), "failed 3 times", "panicked"] {
                assert!(statement.contains(part), "{part}: {statement}");
            }
        }
        diagnosis.gaps.retain(|gap| gap.source != "shop");
        assert_eq!(diagnosis, diagnosed(&healthy, at).await, "minute {at}");
    }
    assert_eq!(String::from_iter(said), "TTT-T---", "one probe after two minutes, the next after four");
    let standings = ill.standings();
    let shop = standings.iter().find(|plugin| plugin.name == "shop").unwrap();
    assert_eq!((shop.state.as_str(), shop.calls, shop.refused), ("quarantined", 4, 4));
    assert!(standings.iter().filter(|plugin| plugin.name != "shop").all(|plugin| plugin.state == "ready"));
}

#[tokio::test]
async fn without_a_guard_each_diagnosis_asks_every_plugin() {
    let ill = loaded_with(&sources(vec![misbehaving("scorer", "shop", "trap")]), Arc::new(Dead)).await;
    for at in 1..=6 {
        let diagnosis = diagnosed(&ill, at).await;
        assert!(gap(&diagnosis, "shop").unwrap().statement.contains("panicked"));
    }
    assert_eq!(ill.standings(), []);
}

#[tokio::test]
async fn without_a_ranker_that_works_the_evidence_is_insufficient_and_says_who_is_missing() {
    let limits = LimitsSection { fuel: Some(1000), ..LimitsSection::default() };
    let starved = PluginSection { limits, ..PluginSection::bundled("ranker-propagation") };
    let loaded = loaded_with(&sources(vec![starved]), Arc::new(Dead)).await.guarded(&rules());
    for at in 1..=4 {
        let diagnosis = diagnosed(&loaded, at).await;
        assert_eq!(diagnosis.verdict, Verdict::InsufficientEvidence, "{}", diagnosis.headline);
        assert!(diagnosis.headline.contains("no ranker answered"), "{}", diagnosis.headline);
        let gap = gap(&diagnosis, "ranker-propagation").expect("it is named");
        assert_eq!(gap.cause, GapCause::PluginFailed);
        assert_eq!(gap.statement.contains("is quarantined since"), at == 4, "{}", gap.statement);
    }
    let standing = loaded.plugins.ranker.standing().unwrap();
    assert_eq!(standing.quarantine.map(|told| told.kind), Some(FailureKind::Fuel));
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_hangs_costs_three_deadlines_and_no_more_and_the_others_are_read() {
    let plugins = vec![misbehaving("collector", "hanging", "slow-host-call"), misbehaving("collector", "well", "fine")];
    let plugins = plugins.into_iter().map(|plugin| {
        // Its own limits would end it sooner than the deadline of whoever waits.
        let limits = LimitsSection { timeout: Some(Millis::minutes(10)), ..LimitsSection::default() };
        PluginSection { limits, grants: vec!["signals jvm.".parse().unwrap()], ..plugin }
    });
    let loaded = loaded_with(&sources(plugins.collect()), Arc::new(Hanging)).await.guarded(&rules());
    let mut collector = Collector::new(&[], loaded.collectors.clone(), Topology::new(), Millis::minutes(60));
    let mut waited = vec![];
    for at in 1..=5 {
        let window = Window { start: minute(at) - Millis::minutes(60), now: minute(at), step: Millis::seconds(15) };
        let request = Request { window, cluster: None, look: Look::Never, deadline: Millis::seconds(5) };
        let began = Instant::now();
        let signals = collector.collect(&request).await;
        waited.push(began.elapsed().as_secs() >= 4);
        assert!(signals.gaps.iter().any(|gap| gap.source == "hanging"), "{:?}", signals.gaps);
        assert!(!signals.series.is_empty(), "what the other gives is there");
    }
    assert_eq!(waited, [true, true, true, false, true], "it is tried again after two minutes");
    let standing = loaded.collectors[0].standing().unwrap();
    assert_eq!(standing.state, PluginState::Quarantined);
    assert_eq!(standing.quarantine.map(|told| told.kind), Some(FailureKind::Deadline));
    assert_eq!(loaded.collectors[1].standing().unwrap().state, PluginState::Ready);
}
