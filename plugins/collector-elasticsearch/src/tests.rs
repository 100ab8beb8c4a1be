//! The collector against an Elasticsearch made of a few lines.

mod trouble;

use lagdoctor_sdk::json::{self, Value, json};
use lagdoctor_sdk::testing::{FakeHost, NOW_MS, check_manifest, response};
use lagdoctor_sdk::{Collector, Page, Plugin, Query, RawGap, RawLog, Request, Response};

use super::ElasticsearchCollector;

const HOUR_MS: i64 = 3_600_000;

/// A document: when, in seconds after the start of the window; its level, or empty; its text.
type Document = (i64, &'static str, String);

fn elasticsearch(documents: Vec<Document>) -> FakeHost {
    FakeHost::new(move |request| Ok(answer(&documents, request)))
}

/// Understands the questions of this plugin, and no others.
fn answer(documents: &[Document], request: &Request) -> Response {
    let question: Value = json::from_slice(&request.body).unwrap();
    let times = |clause: &Value| {
        let window = &clause["range"]["@timestamp"];
        window["gte"].as_i64().zip(window["lt"].as_i64())
    };
    let clauses = |name: &str| question["query"]["bool"][name].as_array().unwrap().clone();
    let any = |clause: &Value| clause["bool"]["should"].as_array().cloned().unwrap_or_default();
    let (from, to) = times(&clauses("filter")[0]).unwrap();
    let slices: Vec<(i64, i64)> = clauses("filter").iter().flat_map(any).filter_map(|one| times(&one)).collect();
    let levels = |clause: &Value| -> Vec<String> {
        let terms = any(clause).first().map(|first| first["terms"]["log.level"].clone()).unwrap_or_default();
        let terms = terms.as_array().cloned().unwrap_or_default();
        terms.iter().map(|level| level.as_str().unwrap().to_owned()).collect()
    };
    let wanted = clauses("filter").iter().map(levels).find(|levels| !levels.is_empty());
    let unwanted: Vec<String> = clauses("must_not").iter().flat_map(levels).collect();
    let after = question.get("search_after").map(|after| (after[0].as_i64().unwrap(), after[1].as_i64().unwrap()));
    let mut hits: Vec<(i64, i64, &Document)> = documents
        .iter()
        .zip(0..)
        .map(|(document, place)| (NOW_MS - HOUR_MS + document.0 * 1000, place, document))
        .filter(|(at, _, document)| {
            let level = document.1.to_owned();
            (from..to).contains(at)
                && (slices.is_empty() || slices.iter().any(|(from, to)| (*from..*to).contains(at)))
                && wanted.as_ref().is_none_or(|wanted| wanted.contains(&level))
                && !unwanted.contains(&level)
        })
        .collect();
    hits.sort_by_key(|(at, place, _)| (*at, *place));
    let total = hits.len();
    let size = usize::try_from(question["size"].as_u64().unwrap()).unwrap();
    let hits: Vec<Value> = hits
        .into_iter()
        .filter(|(at, place, _)| after.is_none_or(|after| (*at, *place) > after))
        .take(size)
        .map(|(at, place, document)| {
            let mut source = json!({"message": document.2, "service": {"name": "fulfilment"}});
            if !document.1.is_empty() {
                source["log"] = json!({"level": document.1});
            }
            json!({"_source": source, "sort": [at, place]})
        })
        .collect();
    response(200, &json!({"timed_out": false, "hits": {"total": {"value": total}, "hits": hits}}).to_string())
}

fn query(page: &str) -> Query {
    let (start_ms, end_ms) = (NOW_MS - HOUR_MS, NOW_MS);
    Query { start_ms, end_ms, step_ms: 15_000, targets: vec![], page: page.to_owned(), ext: vec![] }
}

fn collector(config: &str) -> ElasticsearchCollector {
    ElasticsearchCollector::from_json(config).unwrap()
}

fn statements(gaps: &[RawGap]) -> Vec<String> {
    gaps.iter().map(|gap| gap.statement.clone()).collect()
}

/// All pages.
fn collect(config: &str, host: &FakeHost) -> (Vec<RawLog>, Vec<String>) {
    let collector = collector(config);
    let (mut lines, mut gaps, mut token) = (vec![], vec![], String::new());
    loop {
        let Page { logs, gaps: more, next, .. } = collector.collect(host, &query(&token)).unwrap();
        lines.extend(logs);
        gaps.extend(statements(&more));
        if next.is_empty() {
            return (lines, gaps);
        }
        token = next;
    }
}

const PLAIN: &str = r#"{"url": "http://es:9200/logs-*"}"#;

#[test]
fn the_manifest_says_what_the_plugin_does() {
    check_manifest::<ElasticsearchCollector>();
}

#[test]
fn every_line_comes_once_and_in_order_whatever_its_level() {
    let documents: Vec<Document> = (0..3600)
        .map(|second| (second, ["info", "WARN", "", "Error"][second as usize % 4], format!("line {second}")))
        .collect();
    let (lines, gaps) = collect(PLAIN, &elasticsearch(documents));
    let texts: Vec<&str> = lines.iter().map(|line| line.message.as_str()).collect();
    let expected: Vec<String> = (0..3600).map(|second| format!("line {second}")).collect();
    assert_eq!(texts, expected);
    assert_eq!(gaps, Vec::<String>::new());
    assert_eq!(lines[1].severity, 13);
}

#[test]
fn lines_of_one_moment_are_not_lost_between_two_answers() {
    let documents = (0..2500).map(|number| (10, "ERROR", format!("line {number}"))).collect();
    let (lines, gaps) = collect(PLAIN, &elasticsearch(documents));
    assert_eq!((lines.len(), gaps), (2500, vec![]));
}

#[test]
fn chatter_below_the_least_level_is_left_out() {
    let documents = vec![
        (1, "DEBUG", "details".to_owned()),
        (2, "INFO", "rebalance".to_owned()),
        (3, "", "DEBUG [main] hidden in the text".to_owned()),
        (4, "", "no level at all".to_owned()),
    ];
    let (lines, _) = collect(PLAIN, &elasticsearch(documents.clone()));
    assert_eq!(lines.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["rebalance", "no level at all"]);
    let (lines, _) = collect(r#"{"url": "http://es", "min_level": "debug"}"#, &elasticsearch(documents));
    assert_eq!(lines.len(), 4);
}

/// How many lines each minute of the hour has.
fn per_minute(lines: &[RawLog]) -> Vec<usize> {
    let minute = |line: &RawLog| usize::try_from((line.at_ms - (NOW_MS - HOUR_MS)) / 60_000).unwrap();
    let mut counts = vec![0; 60];
    lines.iter().for_each(|line| counts[minute(line).min(59)] += 1);
    counts
}

#[test]
fn a_flood_does_not_hide_the_one_error_nor_the_end_of_the_window() {
    let mut documents: Vec<Document> = (0..3600).map(|second| (second, "info", "chatter".to_owned())).collect();
    documents.push((599, "ERROR", "the cause".to_owned()));
    let (lines, gaps) = collect(r#"{"url": "http://es", "max_lines": 600}"#, &elasticsearch(documents));
    assert_eq!(lines.iter().filter(|line| line.message == "the cause").count(), 1);
    assert!((450..=600).contains(&lines.len()), "{} of 600 lines", lines.len());
    let counts = per_minute(&lines);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    let (old, new): (usize, usize) = (counts[..30].iter().sum(), counts[30..].iter().sum());
    assert!(old.abs_diff(new) < 60, "{old} in the first half, {new} in the second");
    assert_eq!(gaps, Vec::<String>::new(), "chatter that is thinned evenly is no gap");
}

#[test]
fn errors_that_do_not_fit_are_thinned_evenly_and_named() {
    let documents = (0..14_400).map(|quarter| (quarter / 4, "ERROR", "again".to_owned())).collect();
    let (lines, gaps) = collect(r#"{"url": "http://es", "max_lines": 7200}"#, &elasticsearch(documents));
    let counts = per_minute(&lines);
    assert!(counts.iter().all(|count| (60..=160).contains(count)), "{counts:?}");
    assert_eq!(gaps.len(), 1, "one gap for the whole window");
    assert!(gaps[0].contains("of 14400 warnings and errors were not read, because `max_lines` is 7200"), "{gaps:?}");
    assert!(gaps[0].contains("missing evenly") && gaps[0].contains("max_lines = 20000 }"), "{gaps:?}");
}

#[test]
fn a_rate_that_doubles_is_seen_to_double_in_a_sample() {
    let documents = (0..7200).map(|half| (half / 2, "info", "x".to_owned()));
    let later = (0..7200).map(|place| (1800 + place / 4, "info", "x".to_owned()));
    let (lines, _) =
        collect(r#"{"url": "http://es", "max_lines": 2000}"#, &elasticsearch(documents.chain(later).collect()));
    let counts = per_minute(&lines);
    let (before, after): (usize, usize) = (counts[..30].iter().sum(), counts[30..].iter().sum());
    let growth = after as f64 / before as f64;
    assert!((2.5..3.5).contains(&growth), "the rate is three times what it was: {growth}");
}

#[test]
fn a_quiet_hour_takes_four_questions_and_an_empty_one_two() {
    let documents = vec![(5, "WARN", "a".to_owned()), (3000, "info", "b".to_owned())];
    for (documents, questions) in [(documents, 4), (vec![], 2)] {
        let host = elasticsearch(documents);
        collect(PLAIN, &host);
        assert_eq!(host.requests().len(), questions);
    }
}

#[test]
fn a_flood_within_one_second_is_counted_off_and_the_rest_is_read() {
    let mut documents: Vec<Document> = (0..5000).map(|_| (1800, "error", "burst".to_owned())).collect();
    documents.push((3500, "error", "much later".to_owned()));
    let (lines, gaps) = collect(r#"{"url": "http://es", "max_lines": 600}"#, &elasticsearch(documents));
    assert!(lines.len() <= 600 && lines.iter().any(|line| line.message == "much later"), "{} lines", lines.len());
    assert!(gaps.len() == 1 && gaps[0].contains("written at one moment"), "{gaps:?}");
}

#[test]
fn a_window_of_seconds_is_one_page() {
    let host = elasticsearch(vec![]);
    let short = Query { start_ms: NOW_MS - 30_000, ..query("") };
    assert_eq!(collector(PLAIN).collect(&host, &short).unwrap().next, "");
    assert_eq!(host.requests().len(), 2);
}

#[test]
fn the_question_goes_to_the_index_and_carries_proof() {
    let host = elasticsearch(vec![]);
    let config = r#"{"url": "https://es:9200/logs-shop", "auth": "header", "secret": "es-key", "services": ["pay"]}"#;
    collector(config).collect(&host, &query("")).unwrap();
    let request = &host.requests()[0];
    assert!(request.url.starts_with("https://es:9200/logs-shop/_search?"), "{}", request.url);
    let auth = request.auth.as_ref().unwrap();
    assert_eq!((auth.kind.as_str(), auth.secret.as_str(), auth.name.as_str()), ("header", "es-key", "authorization"));
    assert!(String::from_utf8_lossy(&request.body).contains(r#""terms":{"service.name":["pay"]}"#));
}

#[test]
fn a_strange_page_token_is_refused() {
    for token in [
        "x",
        "2:1:0:0:0.0.0.0.0.0.0",
        "3:0:1:5.0:5.0:0:0.0.0.0.0.0.0.0",
        "3:-1:1:5.0:5.0:0:0.0.0.0.0.0.0.0",
        "3:99999999:1:5.0:5.0:0:0.0.0.0.0.0.0.0",
        "3:1:0:5.0:5.0:0:0.0.0.0.0.0.0.0",
        "3:1:1:-5.0:5.0:0:0.0.0.0.0.0.0.0",
        "3:1:1:5.99999999:5.0:0:0.0.0.0.0.0.0.0",
        "3:1:1:5.0:5.0:2:0.0.0.0.0.0.0.0",
        "3:1:1:5.0:5.0:0:0.0.0",
        "3:1:1:5.0",
    ] {
        let error = collector(PLAIN).collect(&elasticsearch(vec![]), &query(token)).unwrap_err();
        assert_eq!(error.code, "bad-input", "{token}");
    }
}
