//! What a run needs of memory is bounded by what it keeps, and not by how long it lasts.

use lagdoctor_model::Millis;

use super::scenario;
use crate::endpoints::{Response, elasticsearch, prometheus};
use crate::{Scenario, Simulation};

const KEPT: Millis = Millis::minutes(10);

fn at(scenario: &Scenario, keeps: Option<Millis>, minute: u32) -> Simulation {
    let run = Simulation::new(scenario, 5);
    let mut run = keeps.map_or_else(|| run.clone(), |keeps| run.clone().keeping(keeps));
    run.advance_to(run.start() + Millis::minutes(minute));
    run
}

#[test]
fn a_run_that_keeps_ten_minutes_holds_no_more_after_an_hour_than_after_half_of_one() {
    let scenario = scenario(60, "");
    let held = |minute| {
        let run = at(&scenario, Some(KEPT), minute);
        (run.telemetry().sample_count(), run.telemetry().line_count(), run.trace.groups[0].backlog.len())
    };
    let ((samples, lines, seconds), later) = (held(30), held(60));
    assert!(later.0 < samples * 3 / 2 && later.1 < lines * 3 / 2, "{samples} {lines} {later:?}");
    assert_eq!((seconds, later.2), (600, 600));
    let whole = at(&scenario, None, 60);
    assert!(whole.telemetry().sample_count() > 2 * later.0 && whole.telemetry().line_count() > 2 * later.1);
}

#[test]
fn what_is_kept_is_what_a_run_that_keeps_everything_says_of_it() {
    let scenario = scenario(60, "");
    let (kept, whole) = (at(&scenario, Some(KEPT), 45), at(&scenario, None, 45));
    let (start, now) = (kept.now() - Millis::minutes(9), kept.now());
    assert_eq!(now, whole.now());
    let metrics = |run: &Simulation| {
        let seconds = |at: lagdoctor_model::Timestamp| format!("{:.3}", at.as_millis() as f64 / 1000.0);
        let params = [("query", "rate(kafka_topic_partition_current_offset[1m])"), ("step", "15")];
        let times = [("start".to_owned(), seconds(start + Millis::minutes(1))), ("end".to_owned(), seconds(now))];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().chain(times);
        prometheus::answer(run.telemetry(), now, "/api/v1/query_range", &params.collect::<Vec<_>>())
    };
    let lines = |run: &Simulation| {
        let body = format!(
            r#"{{"size": 10000, "sort": [{{"@timestamp": "asc"}}, {{"_doc": "asc"}}],
                "query": {{"range": {{"@timestamp": {{"gte": {}}}}}}}}}"#,
            start.as_millis()
        );
        elasticsearch::answer(run.telemetry(), now, "POST", "/logs-shop/_search", &body)
    };
    let long = |response: &Response| response.status == 200 && response.body.len() > 10_000;
    assert!(long(&metrics(&kept)) && long(&lines(&kept)));
    assert_eq!(metrics(&kept), metrics(&whole));
    assert_eq!(lines(&kept), lines(&whole));
    assert_eq!(kept.backlog("fulfilment"), whole.backlog("fulfilment"));
}
