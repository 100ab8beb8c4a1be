//! What guests get to see, and what becomes of what they say.

use lagdoctor_model::{GapCause, Millis, Symptom};
use lagdoctor_runtime::{CollectQuery, FailureKind, Format, IncidentEvent, Limits, Operator, Phase, Rendering};

use crate::guest::Guest;
use crate::{at, batch, bound, bound_with, host_with, lag, limits, node, operator, query, rules};

#[tokio::test]
async fn a_finding_comes_back_under_the_operators_name() {
    let guest = Guest::scorer(|image| {
        let finding = image.finding(0.8, "kafka.consumer_group.lag", "load.burst", "twice as many records as usual");
        format!("i32.const {}", image.findings(&[finding]))
    });
    let findings = bound(guest).await.score(&batch()).await.unwrap();
    let finding = &findings[0];
    assert_eq!((finding.by.as_str(), finding.node.as_str()), ("mine", "group:fulfilment"));
    assert_eq!((finding.score.get(), finding.magnitude), (0.8, 3.5));
    assert_eq!(finding.class.as_ref().unwrap().as_str(), "load.burst");
    assert_eq!((finding.observed, finding.expected, finding.onset), (Some(4.0), None, None));
    assert_eq!(finding.statement, "twice as many records as usual");
}

#[tokio::test]
async fn a_guest_sees_the_columns_of_the_batch() {
    // The one argument is the address of the lowered batch: now-ms stands at 0, start-ms at 8, and nodes, edges,
    // series and values follow as lists of eight bytes each.
    let mut guest = Guest::new("scorer", "");
    let finding = guest.image.finding(0.0, "kafka.consumer_group.lag", "", "the sum");
    let findings = guest.image.findings(&[finding]);
    // The list of findings begins where the record of the answer points.
    guest.job = format!(
        "(local $values i32) (local $left i32) (local $finding i32) (local $sum f64)
         (local.set $values (i32.load offset=40 (local.get 0)))
         (local.set $left (i32.load offset=44 (local.get 0)))
         (local.set $finding (i32.load offset=4 (i32.const {findings})))
         (loop
           (local.set $sum (f64.add (local.get $sum) (f64.load (local.get $values))))
           (local.set $values (i32.add (local.get $values) (i32.const 8)))
           (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
         (f64.store offset=56 (local.get $finding) (local.get $sum))
         (f64.store offset=24 (local.get $finding) (f64.convert_i64_s (i64.load (local.get 0))))
         (i32.const {findings})"
    );
    let found = bound(guest).await.score(&batch()).await.unwrap();
    assert_eq!(found[0].observed, Some(10.0), "0 + 1 + 2 + 3 + 4");
    assert_eq!(found[0].magnitude, 60_000.0, "the one clock is the batch's");
}

#[tokio::test]
async fn what_a_scorer_gets_wrong_without_failing_is_told_by_the_batch() {
    let guest = Guest::scorer(|image| {
        let finding = image.finding(0.8, "log", "jvm.gremlins", "");
        format!("i32.const {}", image.findings(&[finding]))
    });
    let batch = batch();
    let findings = bound(guest).await.score(&batch).await.unwrap();
    assert_eq!(findings[0].class, None);
    let gaps = batch.gaps();
    assert_eq!((gaps.len(), gaps[0].cause, gaps[0].source.as_str()), (1, GapCause::Malformed, "mine"));
}

#[tokio::test]
async fn a_guest_may_log_within_its_limits_and_go_on() {
    let mut guest = Guest::new("scorer", "");
    guest.top = r#"(import "lagdoctor:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#.to_owned();
    let answer = guest.image.findings(&[]);
    guest.job = format!(
        "(local $n i32) (local.set $n (i32.const 10000))
         (loop (call $log (i32.const 17) (i32.const 1024) (i32.const 8))
               (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
         (i32.const {answer})"
    );
    assert_eq!(bound(guest).await.score(&batch()).await.unwrap(), []);
}

#[tokio::test]
async fn a_ranker_that_dismisses_everything_gives_an_empty_ranking() {
    let mut guest = Guest::new("ranker", "");
    let answer = guest.image.place(&[0; 32]);
    guest.job = format!("i32.const {answer}");
    let symptom = |id: &str| Symptom {
        node: node(id),
        signal: lag().signal,
        onset: at(15),
        observed: f64::INFINITY,
        expected: 0.0,
        statement: String::new(),
    };
    let bound = bound(guest).await;
    let ranking = bound.rank(&batch(), &[], &symptom("group:fulfilment")).await.unwrap();
    assert_eq!(ranking, lagdoctor_model::Ranking::default());
    let error = bound.rank(&batch(), &[], &symptom("group:elsewhere")).await.unwrap_err();
    assert!(error.statement.contains("`group:elsewhere` is not in the topology"), "{error}");
}

#[tokio::test]
async fn a_forecaster_may_have_nothing_to_say() {
    let mut guest = Guest::new("forecaster", "");
    let answer = guest.image.place(&[0; 16]);
    guest.job = format!("i32.const {answer}");
    let target = lagdoctor_runtime::ForecastTarget { series: lag(), clears_at: Some(0.0), breaches_at: None };
    let forecasts = bound(guest).await.forecast(&batch(), &[target], Millis::minutes(30)).await.unwrap();
    assert_eq!(forecasts, []);
}

#[tokio::test]
async fn a_notifier_gives_proof_of_what_it_sent() {
    let mut guest = Guest::new("notifier", "");
    let image = &mut guest.image;
    let receipt = [image.text("channel #orders"), image.text(""), image.none()].concat();
    let receipts = image.list(1, &receipt);
    let answer = image.place(&[vec![0; 4], receipts].concat());
    guest.job = format!("i32.const {answer}");
    let event =
        IncidentEvent { incident: "i1".into(), phase: Phase::Opened, at: at(0), idempotency_key: "i1-0".into() };
    let renderings = [Rendering { format: Format::Headline, text: "db.lock".into() }];
    let sent = bound(guest).await.notify(&event, "{}", &renderings, at(1)).await.unwrap();
    assert_eq!((sent[0].destination.as_str(), &sent[0].reference), ("channel #orders", &None));
}

/// A collector that answers with a forged lag, a granted series, and a next page while `now` is not the end.
fn forger(next: &str) -> Guest {
    let mut guest = Guest::new("collector", "");
    guest.grants = vec![("signals", "jvm.")];
    guest.signals = vec!["*"];
    let image = &mut guest.image;
    let mut series = |signal: &str| {
        let times: Vec<u8> = [0i64, 15_000].into_iter().flat_map(i64::to_le_bytes).collect();
        let values: Vec<u8> = [1.0f64, f64::NAN].into_iter().flat_map(f64::to_le_bytes).collect();
        [
            image.text(signal),
            image.none(),
            image.text("gauge"),
            image.list(2, &times),
            image.list(2, &values),
            image.text("q"),
            image.none(),
        ]
        .concat()
    };
    let both = [series("kafka.consumer_group.lag"), series("jvm.thread.count")].concat();
    let page = [image.list(2, &both), vec![0; 40], image.text(next), image.none()].concat();
    let answer = image.place(&[vec![0; 4], page].concat());
    guest.job = format!("i32.const {answer}");
    guest
}

#[tokio::test]
async fn a_collector_cannot_forge_lag() {
    let plugin = host_with(limits()).load("test.wasm", &forger("").build()).await.unwrap();
    let bound = plugin.bind(Operator { grants: rules(&["signals jvm."]), ..operator() }).unwrap();
    let page = bound.collect(&query(), at(60)).await.unwrap();
    let names: Vec<&str> = page.series.iter().map(|series| series.signal.as_str()).collect();
    assert_eq!(names, ["jvm.thread.count"]);
    assert_eq!((page.gaps.len(), page.gaps[0].cause), (1, GapCause::NotGranted));
    assert!(page.gaps[0].statement.contains("add `signals kafka.consumer_group.lag`"), "{:?}", page.gaps);
}

#[tokio::test]
async fn pages_without_end_are_cut_off_and_named() {
    let plugin = host_with(limits()).load("test.wasm", &forger("again").build()).await.unwrap();
    let bound = plugin.bind(Operator { grants: rules(&["signals *"]), ..operator() }).unwrap();
    let all = bound.collect_all(&query(), at(60), 3).await.unwrap();
    assert_eq!((all.series.len(), all.next), (6, None));
    let last = all.gaps.last().unwrap();
    assert!(last.cause == GapCause::Truncated && last.statement.contains("more than 3 pages"), "{last:?}");
}

#[tokio::test]
async fn the_first_page_that_fails_is_an_error_and_a_later_one_a_gap() {
    // The page token of the query is empty on the first page: its length is the seventh argument.
    let mut guest = forger("more");
    guest.job = format!("(if (local.get 6) (then unreachable)) {}", guest.job);
    let plugin = host_with(limits()).load("test.wasm", &guest.build()).await.unwrap();
    let bound = plugin.bind(Operator { grants: rules(&["signals *"]), ..operator() }).unwrap();
    let all = bound.collect_all(&query(), at(60), 10).await.unwrap();
    assert_eq!(all.series.len(), 2);
    assert_eq!(all.gaps.last().unwrap().cause, GapCause::PluginFailed);
    let later = CollectQuery { page: "more".into(), ..query() };
    assert_eq!(bound.collect_all(&later, at(60), 10).await.unwrap_err().kind, FailureKind::Trap);
}

#[tokio::test]
async fn the_clock_of_a_collector_is_the_one_it_is_given() {
    let mut guest = Guest::new("collector", "");
    guest.top = r#"(import "lagdoctor:plugin/clock@0.1.0" "now-ms" (func $now (result i64)))"#.to_owned();
    guest.image.place(&[0; 8]);
    let answer = guest.image.place(&[0; 72]);
    guest.job = format!("(if (i64.ne (call $now) (i64.const 60000)) (then unreachable)) (i32.const {answer})");
    let bound = bound_with(guest, Limits { ..limits() }).await;
    assert!(bound.collect(&query(), at(60)).await.is_ok());
    assert_eq!(bound.collect(&query(), at(61)).await.unwrap_err().kind, FailureKind::Trap);
}

#[test]
fn every_call_can_run_on_any_thread() {
    fn check<T: Send>(_: impl Fn() -> T) {}
    let never: fn() -> lagdoctor_runtime::Bound = || unreachable!("only its type is looked at");
    let batch: fn() -> &'static lagdoctor_runtime::Batch = || unreachable!("only its type is looked at");
    check(move || async move { never().score(batch()).await.is_ok() });
    check(move || async move { never().forecast(batch(), &[], Millis::ZERO).await.is_ok() });
    check(move || async move { never().collect_all(&query(), at(0), 1).await.is_ok() });
    check(move || async move {
        let event =
            IncidentEvent { incident: String::new(), phase: Phase::Closed, at: at(0), idempotency_key: String::new() };
        never().notify(&event, "", &[], at(0)).await.is_ok()
    });
    check(move || async move {
        let symptom = Symptom {
            node: lag().node,
            signal: lag().signal,
            onset: at(0),
            observed: 0.0,
            expected: 0.0,
            statement: String::new(),
        };
        never().rank(batch(), &[], &symptom).await.is_ok()
    });
}
