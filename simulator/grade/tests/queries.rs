//! Can people paste what they are shown? Every query that the real collectors and what is derived from them put beside a
//! series is asked of the same simulated Prometheus that the series came from.

use std::path::Path;
use std::sync::Arc;

use lagdoctor_grade::{Stage, look, sources};
use lagdoctor_model::{Signals, Timestamp};
use lagdoctor_runtime::{Host, HostOptions};
use lagdoctor_service::{Bundled, derive, plugins};
use lagdoctor_sim::{Scenario, Simulation, endpoints::prometheus};
use serde_json::Value;

/// Name and bytes of every built plugin.
fn built() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins");
    let files = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), std::fs::read(&path).ok()?)))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "there are no plugins in {}: run `cargo xtask build`", folder.display());
    found
}

/// A whole run, and what the collectors see of its last hour.
async fn seen(name: &str, seed: u64) -> (Arc<Simulation>, Signals) {
    let stage = Arc::new(Stage::default());
    let host = Host::new(HostOptions::new(stage.clone())).unwrap();
    let built = built();
    let components: Vec<_> = built.iter().map(|(name, wasm)| Bundled { name, wasm }).collect();
    let loaded = plugins::load(&host, &sources(), &components).await.unwrap();
    let mut run = Simulation::new(&Scenario::builtin(name).unwrap(), seed);
    run.advance_to(run.end());
    let run = Arc::new(run);
    stage.put_on(run.clone());
    let signals = look(&run, &loaded.collectors).await;
    assert!(signals.series.len() > 200, "{:?}", signals.gaps);
    (run, signals)
}

/// The values that a query gives at a time.
fn ask(run: &Simulation, query: &str, at: Timestamp) -> Result<Vec<f64>, String> {
    let time = format!("{:.3}", at.as_millis() as f64 / 1000.0);
    let params = [("query".into(), query.into()), ("time".into(), time)];
    let answer = prometheus::answer(run.telemetry(), run.now(), "/api/v1/query", &params);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    if answer.status != 200 {
        return Err(body["error"].to_string());
    }
    let number = |series: &Value| series["value"][1].as_str().unwrap().parse().unwrap();
    Ok(body["data"]["result"].as_array().unwrap().iter().map(number).collect())
}

#[tokio::test]
async fn every_query_that_is_shown_can_be_pasted() {
    for name in ["db-timeouts", "replication-delay"] {
        let (run, signals) = seen(name, 1).await;
        let (mut asked, mut levels) = (0, 0);
        for series in &signals.series {
            let Some(query) = series.query().filter(|query| !derive::is_command(query)) else { continue };
            let Some(last) = series.samples().iter().rev().find(|sample| !sample.value.is_nan()) else { continue };
            let found = ask(&run, query, last.at).unwrap_or_else(|error| panic!("{name}: {query}: {error}"));
            assert!(!found.is_empty(), "{name}: {query} shows nothing at {}, and was {}", last.at, last.value);
            asked += 1;
            // A query that only selects shows the very value.
            if !query.contains(['(', '*', '/']) && found.len() == 1 {
                assert_eq!(found[0], last.value, "{name}: {query} at {}", last.at);
                levels += 1;
            }
        }
        assert!(asked > 200 && levels > 100, "{name}: {asked} queries, {levels} of them levels");
    }
}
