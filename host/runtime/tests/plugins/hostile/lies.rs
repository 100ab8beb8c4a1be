//! Guests that lie: about what they want, about numbers, about time.

use lagdoctor_model::{GapCause, Millis, Symptom};
use lagdoctor_runtime::{CollectedPage, FailureKind, ForecastTarget, Operator};

use crate::errand::Errand;
use crate::guest::{Guest, Image};
use crate::{at, batch, bound, host_with, lag, limits, node, operator, query, rules};

fn bytes(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// What is said of a scorer that gives this one finding, whether it fails or not.
async fn judged(signals: &'static str, finding: impl FnOnce(&mut Image) -> Vec<u8>) -> Result<String, FailureKind> {
    let mut guest = Guest::new("scorer", "");
    guest.signals = vec![signals];
    let finding = finding(&mut guest.image);
    guest.job = format!("i32.const {}", guest.image.findings(&[finding]));
    let batch = batch();
    match bound(guest).await.score(&batch).await {
        Ok(found) => {
            let gaps: Vec<String> = batch.gaps().into_iter().map(|gap| gap.statement).collect();
            Ok(format!(
                "{} findings; onset {:?}; {}",
                found.len(),
                found.first().and_then(|f| f.onset),
                gaps.join("; ")
            ))
        }
        Err(error) => Err(error.kind),
    }
}

#[tokio::test]
async fn no_number_of_a_finding_may_be_infinite_and_no_score_nan() {
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (place, may_be_missing) in [(16, false), (24, false), (56, true), (64, true)] {
            let outcome = judged("*", |image| {
                let mut finding = image.finding(0.5, "log", "", "");
                finding[place..place + 8].copy_from_slice(&wrong.to_le_bytes());
                finding
            });
            let outcome = outcome.await;
            if may_be_missing && wrong.is_nan() {
                assert!(outcome.is_ok(), "{place}: {outcome:?}");
            } else {
                assert_eq!(outcome, Err(FailureKind::Contract), "{place}: {wrong}");
            }
        }
    }
}

#[tokio::test]
async fn no_confidence_of_a_cause_is_nan_or_infinite() {
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut guest = Guest::new("ranker", "");
        let image = &mut guest.image;
        let cause = [vec![0; 16], bytes(&[wrong]), vec![0; 32]].concat();
        let causes = image.list(1, &cause);
        let answer = image.place(&[vec![0; 4], causes, vec![0; 16]].concat());
        guest.job = format!("i32.const {answer}");
        let symptom = Symptom {
            node: node("group:fulfilment"),
            signal: lag().signal,
            onset: at(15),
            observed: 1.0,
            expected: 0.0,
            statement: String::new(),
        };
        let error = bound(guest).await.rank(&batch(), &[], &symptom).await.unwrap_err();
        assert!(error.kind == FailureKind::Contract && error.statement.contains("confidence"), "{error}");
    }
}

#[tokio::test]
async fn no_value_level_or_slope_of_a_forecast_is_nan_or_infinite() {
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for place in ["level", "value", "slope"] {
            let mut guest = Guest::new("forecaster", "");
            let image = &mut guest.image;
            let pick = |here: &str, usual: f64| if here == place { wrong } else { usual };
            let levels = image.list(1, &bytes(&[pick("level", 0.5)]));
            let values = image.list(1, &bytes(&[pick("value", 1.0)]));
            let times: Vec<u8> = [0i64, 1000].into_iter().flat_map(i64::to_le_bytes).collect();
            let slope = bytes(&[pick("slope", 0.0)]);
            let forecast = [vec![0; 8], times, levels, values, vec![0; 32], slope, vec![0; 16]].concat();
            let list = image.list(1, &forecast);
            let answer = image.place(&[vec![0; 4], list].concat());
            guest.job = format!("i32.const {answer}");
            let target = ForecastTarget { series: lag(), clears_at: None, breaches_at: None };
            let error = bound(guest).await.forecast(&batch(), &[target], Millis::minutes(5)).await.unwrap_err();
            assert_eq!(error.kind, FailureKind::Contract, "{place} {wrong}: {error}");
        }
    }
}

#[tokio::test]
async fn a_scorer_that_speaks_of_a_signal_it_does_not_list_is_not_heard() {
    let said = judged("jvm.", |image| image.finding(1.0, "kafka.consumer_group.lag", "", "all is lost")).await.unwrap();
    assert!(
        said.starts_with("0 findings") && said.contains("`kafka.consumer_group.lag`, which its manifest does not list"),
        "{said}"
    );
    let said = judged("kafka.", |image| image.finding(1.0, "kafka.consumer_group.lag", "", "")).await.unwrap();
    assert!(said.starts_with("1 findings"), "{said}");
}

#[tokio::test]
async fn a_scorer_cannot_have_seen_the_beginning_of_time_nor_its_end() {
    for (onset, stands) in [(15_000i64, true), (-86_400_000, false), (61_000, false), (253_402_300_799_000, false)] {
        let said = judged("*", |image| {
            let mut finding = image.finding(0.9, "log", "", "");
            finding[32..48].copy_from_slice(&[1i64.to_le_bytes(), onset.to_le_bytes()].concat());
            finding
        });
        let said = said.await.unwrap();
        assert_eq!(!said.contains("onset None"), stands, "{onset}: {said}");
        assert_eq!(said.contains("a time that it was not shown"), !stands, "{onset}: {said}");
    }
    let never = judged("*", |image| {
        let mut finding = image.finding(0.9, "log", "", "");
        finding[32..48].copy_from_slice(&[1i64.to_le_bytes(), i64::MAX.to_le_bytes()].concat());
        finding
    });
    assert_eq!(never.await, Err(FailureKind::Contract));
}

/// The page of a collector that gives one series with these times and values.
async fn collected(signal: &str, times: &[i64], values: &[f64]) -> CollectedPage {
    let mut guest = Guest::new("collector", "");
    guest.grants = vec![("signals", "jvm.")];
    let image = &mut guest.image;
    let times_ms: Vec<u8> = times.iter().flat_map(|time| time.to_le_bytes()).collect();
    let series = [
        image.text(signal),
        image.none(),
        image.text("gauge"),
        image.list(times.len(), &times_ms),
        image.list(values.len(), &bytes(values)),
        image.text("q"),
        image.none(),
    ]
    .concat();
    let page = [image.list(1, &series), vec![0; 56]].concat();
    let answer = image.place(&[vec![0; 4], page].concat());
    guest.job = format!("i32.const {answer}");
    let plugin = host_with(limits()).load("test.wasm", &guest.build()).await.unwrap();
    let bound = plugin.bind(Operator { grants: rules(&["signals jvm."]), ..operator() }).unwrap();
    bound.collect(&query(), at(60)).await.unwrap()
}

/// How many readings are left of such a series, and why it is not all of them.
async fn kept(signal: &str, times: &[i64], values: &[f64]) -> (usize, String) {
    let page = collected(signal, times, values).await;
    let readings = page.series.iter().map(|series| series.samples.len()).sum();
    (readings, page.gaps.iter().map(|gap| gap.statement.clone()).collect::<Vec<_>>().join("; "))
}

#[tokio::test]
async fn a_collector_cannot_read_the_future() {
    let (readings, said) = kept("jvm.thread.count", &[0, 60_000, 600_000], &[1.0, 2.0, 3.0]).await;
    assert_eq!(readings, 2, "{said}");
    assert!(said.contains("`jvm.thread.count` of the future"), "{said}");
}

#[tokio::test]
async fn a_collector_cannot_go_back_in_time_or_stand_still() {
    for times in [[15_000, 0], [0, 0], [i64::MIN, 0], [0, i64::MAX]] {
        let (readings, said) = kept("jvm.thread.count", &times, &[1.0, 2.0]).await;
        assert!(readings == 0 && said.contains("`jvm.thread.count` with"), "{times:?}: {said}");
    }
}

#[tokio::test]
async fn a_collector_cannot_have_read_infinity() {
    for wrong in [f64::INFINITY, f64::NEG_INFINITY] {
        let (readings, said) = kept("jvm.thread.count", &[0, 15_000], &[1.0, wrong]).await;
        assert!(readings == 0 && said.contains("infinite"), "{said}");
    }
    assert_eq!(kept("jvm.thread.count", &[0, 15_000], &[1.0, f64::NAN]).await.0, 2, "NaN is a reading that is missing");
}

#[tokio::test]
async fn a_signal_of_another_namespace_is_not_believed() {
    let page = collected("kafka.consumer_group.lag", &[0], &[1e9]).await;
    assert_eq!((page.series.len(), page.gaps[0].cause), (0, GapCause::NotGranted));
}

#[tokio::test]
async fn a_plugin_has_nothing_that_it_did_not_ask_for_whatever_is_granted() {
    let mut guest = Guest::new("collector", "unreachable");
    guest.grants = vec![("http", "https://modest.example"), ("secret", "small")];
    let plugin = host_with(limits()).load("test.wasm", &guest.build()).await.unwrap();
    let grants =
        rules(&["http https://*", "http http://10.0.0.1 private", "secret small", "secret large", "signals *"]);
    let bound = plugin.bind(Operator { grants, ..operator() }).unwrap();
    let reach = |url: &str| bound.grants().reach("GET", &url.parse().unwrap()).is_some();
    assert!(reach("https://modest.example/") && !reach("https://greedy.example/") && !reach("http://10.0.0.1/"));
    assert_eq!(bound.grants().secrets().collect::<Vec<_>>(), ["small"]);
}

#[tokio::test]
async fn what_no_plugin_may_import_is_refused_by_name() {
    for (package, interface) in [
        ("wasi:sockets", "tcp"),
        ("wasi:sockets", "ip-name-lookup"),
        ("wasi:filesystem", "preopens"),
        ("wasi:filesystem", "types"),
        ("wasi:cli", "environment"),
        ("wasi:cli", "stdout"),
        ("wasi:clocks", "wall-clock"),
        ("wasi:random", "random"),
        ("wasi:http", "outgoing-handler"),
        ("wasi:io", "streams"),
        ("evil:host", "shell"),
    ] {
        let mut guest = Guest::new("collector", "unreachable");
        guest.wit += &format!("\nworld worldly {{ include collector; import {package}/{interface}@0.2.0; }}\n");
        guest.wit += &format!("package {package}@0.2.0 {{ interface {interface} {{ open: func() -> u32; }} }}\n");
        guest.world = "worldly";
        guest.top = format!(r#"(import "{package}/{interface}@0.2.0" "open" (func (result i32)))"#);
        let said = host_with(limits()).load("test.wasm", &guest.build()).await.unwrap_err().to_string();
        assert!(said.contains(&format!("imports `{package}/{interface}@0.2.0`")), "{said}");
    }
}

#[tokio::test]
async fn a_collector_that_tries_forbidden_doors_and_says_nothing_is_named_all_the_same() {
    let mut guest = Errand::get("http://169.254.169.254/latest/meta-data/").collector();
    // Drops the page with its gap and gives an empty one.
    let empty = guest.image.place(&[0; 72]);
    guest.job = format!("{} drop (i32.const {empty})", guest.job);
    let page = bound(guest).await.collect(&query(), at(60)).await.unwrap();
    assert_eq!((page.gaps.len(), page.gaps[0].cause), (1, GapCause::NotGranted));
    let said = &page.gaps[0].statement;
    assert!(said.contains("plugin `mine` was refused") && said.contains("GET http://169.254.169.254:80"), "{said}");
}
