//! Far sides that refuse, fail, lie, or know only part of the answer: each costs what it says, and is named.

use super::*;

/// What is said when questions are answered so; the names of metrics are always given.
fn check_trouble(status: u16, body: &'static str) -> Page {
    let host = FakeHost::new(move |request| {
        Ok(if request.url.contains("__name__/values") {
            response(200, r#"{"status":"success","data":["mysql_up","pg_up","kafka_consumergroup_lag"]}"#)
        } else {
            response(status, body)
        })
    });
    collector(PLAIN).collect(&host, &query("")).unwrap()
}

#[test]
fn a_question_that_is_refused_is_a_gap_and_the_others_are_still_asked() {
    let page = check_trouble(422, r#"{"status":"error","error":"query processing would load too many samples"}"#);
    assert_eq!(page.gaps.len(), 3, "{:?}", page.gaps);
    assert!(
        page.gaps[0].statement.contains("too many samples") && page.gaps[0].statement.contains("--query.max-samples"),
        "{:?}",
        page.gaps
    );
}

#[test]
fn a_far_side_that_is_down_is_asked_once_and_named_with_all_that_is_missing() {
    for (status, body, advice) in [
        (503, "Service Unavailable", "try again"),
        (401, "", "`secret`"),
        (429, "slow down", "less often"),
        (404, "404 page not found", "`/api/v1`"),
        (200, "<html>Welcome to Grafana</html>", "is `url` right?"),
    ] {
        let page = check_trouble(status, body);
        assert_eq!(page.gaps.len(), 1, "{status}: {:?}", page.gaps);
        assert!(page.gaps[0].statement.contains(advice), "{status}: {:?}", page.gaps);
        assert!(
            page.gaps[0].statement.contains("kafka.consumer_group.lag")
                && page.gaps[0].statement.contains("db.server.up")
        );
        assert_eq!(page.next, "");
    }
}

#[test]
fn a_far_side_that_refuses_the_first_question_is_an_error_with_a_way_out() {
    for (status, body, code) in [
        (401, "", "unauthorised"),
        (503, "", "upstream"),
        (404, "", "bad-config"),
        (302, "", "bad-config"),
        (200, "hello", "upstream"),
        (200, r#"{"status":"success"}"#, "upstream"),
    ] {
        let host = FakeHost::answering(vec![(status, body)]);
        let error = collector(PLAIN).collect(&host, &query("")).unwrap_err();
        assert_eq!(error.code, code, "{status} {body}: {}", error.message);
        assert!(error.message.contains("http://prometheus:9090"), "{}", error.message);
    }
}

#[test]
fn a_prometheus_without_known_metrics_is_a_gap_and_no_silence() {
    let page = collect(vec![Fake { metric: "go_goroutines", labels: &[], value: |_| Some("1") }]);
    assert_eq!(page.gaps.len(), 1);
    assert!(page.gaps[0].statement.contains("check `url`"), "{:?}", page.gaps);
}

#[test]
fn warnings_of_a_partial_answer_are_gaps() {
    let host = FakeHost::new(|request| {
        Ok(if request.url.contains("__name__/values") {
            response(200, r#"{"status":"success","data":["mysql_up"]}"#)
        } else {
            response(
                200,
                r#"{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["store down"]}"#,
            )
        })
    });
    let page = collector(PLAIN).collect(&host, &query("")).unwrap();
    assert_eq!(
        page.gaps.iter().map(|gap| gap.statement.as_str()).collect::<Vec<_>>(),
        ["Prometheus warns about `mysql_up`: store down"]
    );
}

/// A far side that answers the question for the names and then these, in the order of the questions.
fn one_by_one(names: &[&str], answers: Vec<Result<(u16, &'static str), &'static str>>) -> FakeHost {
    let names = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
    let asked = std::cell::Cell::new(0);
    FakeHost::new(move |request| {
        if request.url.contains("__name__/values") {
            return Ok(response(200, &format!(r#"{{"status":"success","data":[{names}]}}"#)));
        }
        let place = asked.replace(asked.get() + 1);
        match answers.get(place).copied().unwrap_or(Ok((200, EMPTY))) {
            Ok((status, body)) => Ok(response(status, body)),
            Err(message) => Err(Error::new(code::UNREACHABLE, message)),
        }
    })
}

const EMPTY: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
const ONE: &str = r#"{"status":"success","data":{"result":[{"metric":{"instance":"a"},"values":[[1699999200,"1"]]}]}}"#;

/// Signals that were read and gaps, of all pages.
fn told(pages: &[Page]) -> (Vec<&str>, Vec<&str>) {
    let signals = pages.iter().flat_map(|page| &page.series).map(|series| series.signal.as_str());
    (signals.collect(), pages.iter().flat_map(|page| &page.gaps).map(|gap| gap.statement.as_str()).collect())
}

#[test]
fn a_far_side_that_fails_once_costs_one_signal_and_fails_no_other() {
    for failure in [
        Err("prometheus:9090 did not answer within 10 s"),
        Ok((503, "busy")),
        Ok((500, "<html>")),
        Ok((200, r#"{"status":"success","data":{"result":[{"metric":{"instance":"a"},"values":[[16999"#)),
        Ok((200, "")),
    ] {
        for place in 0..3 {
            let mut answers = vec![Ok((200, ONE)); 3];
            answers[place] = failure;
            let host = one_by_one(&["kafka_consumergroup_lag", "mysql_up", "node_timex_offset_seconds"], answers);
            let pages = pages(PLAIN, &host);
            let (signals, gaps) = told(&pages);
            let all = ["db.server.up", "kafka.consumer_group.lag", "system.clock.offset"];
            let others: Vec<&str> = all.into_iter().filter(|signal| *signal != all[place]).collect();
            assert_eq!(signals, others, "{failure:?} to question {place}");
            assert_eq!(gaps.len(), 1, "{gaps:?}");
            assert!(gaps[0].contains(all[place]) || gaps[0].contains(["mysql_up", "lag", "timex"][place]), "{gaps:?}");
        }
    }
}

#[test]
fn a_far_side_that_dies_in_the_middle_keeps_what_it_gave_and_all_else_is_named_once() {
    let names = ["kafka_consumergroup_lag", "mysql_up", "pg_up", "redis_up", "up", "kafka_broker_info"];
    let mut answers = vec![Ok((200, ONE))];
    answers.extend(vec![Err("no route"); 20]);
    let host = one_by_one(&names, answers);
    let pages = pages(PLAIN, &host);
    let (signals, gaps) = told(&pages);
    assert_eq!(signals.len(), 1, "{signals:?}");
    let missing = ["db.server.up", "kafka.broker.up", "kafka.consumer_group.lag", "scrape.up"];
    for signal in missing.into_iter().filter(|signal| !signals.contains(signal)) {
        assert_eq!(gaps.iter().filter(|gap| gap.contains(signal)).count(), 1, "{signal}: {gaps:?}");
    }
    assert!(host.requests().len() <= 5, "it is not asked for ever: {}", host.requests().len());
}

#[test]
fn a_question_that_takes_prometheus_too_long_is_a_gap_and_the_others_are_asked() {
    let slow = r#"{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}"#;
    let page = check_trouble(503, slow);
    assert_eq!(page.gaps.len(), 3, "{:?}", page.gaps);
    assert!(page.gaps[0].statement.contains("--query.timeout"), "{:?}", page.gaps);
    let page = check_trouble(200, r#"{"status":"error","error":"shard 3 is gone"}"#);
    assert!(page.gaps.len() == 3 && page.gaps[0].statement.contains("shard 3 is gone"), "{:?}", page.gaps);
}

#[test]
fn each_gap_says_why_it_is_one() {
    for (status, body, cause) in [
        (401, "", "refused"),
        (429, "", "refused"),
        (503, "", "unreachable"),
        (500, "", "unreachable"),
        (422, r#"{"error":"too many samples"}"#, "malformed"),
        (503, r#"{"errorType":"timeout","error":"too slow"}"#, "unreachable"),
    ] {
        let page = check_trouble(status, body);
        assert!(
            !page.gaps.is_empty() && page.gaps.iter().all(|gap| gap.cause == cause),
            "{status} {body}: {:?}",
            page.gaps
        );
    }
}

#[test]
fn names_that_may_be_missing_are_a_gap() {
    let names = r#"{"status":"success","data":["mysql_up"],"warnings":["store-2 is unavailable"]}"#;
    let host = FakeHost::answering(vec![(200, names), (200, ONE)]);
    let page = collector(PLAIN).collect(&host, &query("")).unwrap();
    assert_eq!(
        page.gaps.iter().map(|gap| gap.statement.as_str()).collect::<Vec<_>>(),
        ["Prometheus warns about the names of its metrics: store-2 is unavailable"]
    );
    assert_eq!(page.series.len(), 1);
}

#[test]
fn a_native_histogram_is_a_gap_and_its_neighbour_is_read() {
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"instance":"a"},"histograms":[[1699999200,{"count":"1","sum":"2"}]]},
        {"metric":{"instance":"b"},"values":[[1699999200,"1"]]}]}}"#;
    let host = one_by_one(&["mysql_up"], vec![Ok((200, body))]);
    let page = collector(PLAIN).collect(&host, &query("")).unwrap();
    assert_eq!(page.series.len(), 1);
    assert!(page.gaps.len() == 1 && page.gaps[0].statement.starts_with("1 series of `mysql_up`"), "{:?}", page.gaps);
}

#[test]
fn times_off_the_grid_and_beyond_all_clocks_are_left_out() {
    let body = r#"{"status":"success","data":{"result":[{"metric":{"instance":"a"},
        "values":[[-1e300,"1"],[1699999199.5,"2"],[1699999200,"3"],[1e300,"4"]]}]}}"#;
    let host = one_by_one(&["mysql_up"], vec![Ok((200, body))]);
    let page = collector(PLAIN).collect(&host, &query("")).unwrap();
    assert_eq!((&page.series[0].times_ms, &page.series[0].values), (&vec![NOW_MS], &vec![3.0]));
}
