use super::*;
use crate::Limits;
use crate::grants::GrantRule;
use crate::testing::manifest;

fn series(signal: &str) -> wit::RawSeries {
    wit::RawSeries {
        signal: signal.into(),
        attributes: vec![("instance".into(), "fulfilment-0".into()), ("instance".into(), "later".into())],
        temporality: "gauge".into(),
        times_ms: vec![0, 15_000],
        values: vec![1.0, f64::NAN],
        query: "jvm_threads".into(),
        ext: vec![],
    }
}

fn nothing() -> wit::Page {
    wit::Page {
        series: vec![],
        logs: vec![],
        events: vec![],
        nodes: vec![],
        edges: vec![],
        gaps: vec![],
        next: String::new(),
        ext: vec![],
    }
}

/// The page of a collector that may emit `jvm.`, and what is noted about it.
fn read(given: wit::Page, limits: &Limits) -> (CollectedPage, Vec<String>) {
    let rules: Vec<GrantRule> = vec!["signals jvm.".parse().unwrap()];
    let grants = Grants::new(&manifest(&["*"]), &serde_json::json!({}), &rules).unwrap();
    let mut reader = Reader::new("prom", limits);
    let page = page(&mut reader, &grants, given).unwrap();
    (page, reader.gaps().into_iter().map(|gap| gap.statement).collect())
}

/// What is noted about one series that was changed so; empty when it is kept.
fn check(change: impl FnOnce(&mut wit::RawSeries)) -> String {
    let mut given = series("jvm.thread.count");
    change(&mut given);
    let (page, noted) = read(wit::Page { series: vec![given], ..nothing() }, &Limits::default());
    assert_eq!(page.series.is_empty(), !noted.is_empty());
    noted.join("; ")
}

#[test]
fn a_series_is_taken_over_with_its_labels_and_its_query() {
    let (page, noted) = read(wit::Page { series: vec![series("jvm.thread.count")], ..nothing() }, &Limits::default());
    assert_eq!(noted, Vec::<String>::new());
    let series = &page.series[0];
    assert_eq!(series.attributes["instance"], "fulfilment-0");
    assert_eq!(series.query.as_deref(), Some("jvm_threads"));
    assert!(series.samples.len() == 2 && series.samples[1].value.is_nan());
    assert_eq!(page.next, None);
}

#[test]
fn a_forged_lag_is_dropped_and_named() {
    let said = check(|given| given.signal = "kafka.consumer_group.lag".into());
    assert!(said.contains("`kafka.consumer_group.lag`, which it is not granted"), "{said}");
}

#[test]
fn one_bad_series_costs_that_series_and_is_named() {
    assert!(check(|given| given.signal = "jvm.gremlins".into()).contains("vocabulary"));
    assert!(check(|given| given.temporality = "delta".into()).contains("neither gauge nor counter"));
    assert!(check(|given| given.times_ms.push(30_000)).contains("unequal numbers"));
    assert!(check(|given| given.times_ms = vec![5, 5]).contains("do not increase"));
    assert!(check(|given| given.times_ms[0] = i64::MIN).contains("time that is none"));
    assert!(check(|given| given.values[0] = f64::NEG_INFINITY).contains("infinite"));
    assert_eq!(check(|given| given.temporality = "counter".into()), "");

    let page = wit::Page { series: vec![series("jvm.gremlins"), series("jvm.thread.count")], ..nothing() };
    assert_eq!(read(page, &Limits::default()).0.series.len(), 1);
}

#[test]
fn readings_beyond_the_limit_are_left_out_series_by_series() {
    let limits = Limits { output_values: 5, ..Limits::default() };
    let (page, noted) = read(wit::Page { series: vec![series("jvm.thread.count"); 3], ..nothing() }, &limits);
    assert_eq!((page.series.len(), noted.len()), (2, 1));
    assert!(noted[0].contains("output_values"), "{noted:?}");
}

#[test]
fn a_log_line_keeps_its_breaks_for_the_redactor_and_a_bad_time_costs_the_line() {
    let log = |at_ms| wit::RawLog { at_ms, severity: 99, message: "a\nb\u{7}".into(), attributes: vec![], ext: vec![] };
    let event =
        wit::RawEvent { at_ms: 1, kind: "deploy".into(), what: "v2\r\n".into(), attributes: vec![], ext: vec![] };
    let (page, noted) =
        read(wit::Page { logs: vec![log(1), log(i64::MAX)], events: vec![event], ..nothing() }, &Limits::default());
    assert_eq!((page.logs.len(), noted.len()), (1, 1));
    assert_eq!((page.logs[0].message.as_str(), page.logs[0].severity), ("a\nb", Severity::UNKNOWN));
    assert_eq!(page.events[0].what, "v2  ");
}

#[test]
fn nodes_and_edges_outside_the_vocabulary_are_left_out_and_named() {
    let node =
        |kind: &str, name: &str| wit::RawNode { kind: kind.into(), name: name.into(), attributes: vec![], ext: vec![] };
    let edge = |kind: &str, to: &str| wit::RawEdge {
        dependent: "service:a".into(),
        dependency: to.into(),
        kind: kind.into(),
        ext: vec![],
    };
    let given = wit::Page {
        nodes: vec![node("service", "a"), node("gremlin", "b"), node("service", "")],
        edges: vec![edge("calls", "database:d"), edge("eats", "database:d"), edge("calls", "no id")],
        ..nothing()
    };
    let (page, noted) = read(given, &Limits::default());
    assert_eq!((page.nodes.len(), page.edges.len()), (1, 1));
    assert_eq!(noted.len(), 4, "{noted:?}");
}

fn gap(cause: &str, statement: &str) -> wit::RawGap {
    wit::RawGap { cause: cause.to_owned(), statement: statement.to_owned(), ext: vec![] }
}

#[test]
fn what_a_gap_quotes_from_the_source_is_redacted() {
    let gap = gap("malformed", "order 4711 of alice@shop.example cannot be read");
    let (page, _) = read(wit::Page { gaps: vec![gap], ..nothing() }, &Limits::default());
    assert_eq!(page.gaps[0].statement, "order <order:1> of <email:1> cannot be read");
}

#[test]
fn the_collectors_own_gaps_carry_its_name_once() {
    let (page, _) =
        read(wit::Page { gaps: vec![gap("", "no such\nindex")], next: "2".into(), ..nothing() }, &Limits::default());
    assert_eq!((page.gaps[0].source.as_str(), page.gaps[0].statement.as_str()), ("prom", "no such index"));
    assert_eq!(page.next.as_deref(), Some("2"));
}

#[test]
fn a_collector_says_why_a_gap_is_one_but_not_that_the_host_is_to_blame() {
    let words = ["truncated", "refused", "malformed", "unreachable", "plugin-failed", "gremlins"];
    let gaps = words.iter().map(|word| gap(word, "cannot be read")).collect();
    let (page, _) = read(wit::Page { gaps, ..nothing() }, &Limits::default());
    let causes: Vec<GapCause> = page.gaps.iter().map(|gap| gap.cause).collect();
    let unreachable = [GapCause::Unreachable; 3];
    assert_eq!(causes[..3], [GapCause::Truncated, GapCause::Refused, GapCause::Malformed]);
    assert_eq!(causes[3..], unreachable);
}
