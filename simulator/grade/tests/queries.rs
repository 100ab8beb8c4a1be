//! Can people paste what they are shown? Every query that the real collectors and what is derived from them put beside a
//! series is asked of the same simulated Prometheus that the series came from.

mod common;

use lagdoctor_model::Timestamp;
use lagdoctor_service::derive;
use lagdoctor_sim::{Scenario, Simulation, endpoints::prometheus};
use serde_json::Value;

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
        let (run, signals) = common::seen(&Scenario::builtin(name).unwrap(), 1).await;
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
