//! The documented shapes of Elasticsearch's answers, on a few lines made by hand.

use lagdoctor_model::Timestamp;
use serde_json::{Value, json};

use super::answer;
use crate::telemetry::{Record, Telemetry};

const T0: i64 = 1_700_000_000_000;

fn telemetry() -> Telemetry {
    let line = |second: i64, level, instance: &str, message: &str| Record {
        at_ms: T0 + second * 1000,
        seen_ms: T0 + second * 1000 + 500,
        service: "shop".into(),
        instance: instance.into(),
        host: "h1".into(),
        dataset: "java",
        level,
        logger: "c.s.Orders",
        message: message.into(),
    };
    let mut telemetry = Telemetry::default();
    let lines = [
        line(1, "INFO", "shop-0", "Order 80000001 fulfilled"),
        line(3, "ERROR", "shop-1", "orders-db - Connection is not available, request timed out"),
        line(2, "WARN", "shop-0", "entity not found, retry 1/3"),
        line(3, "ERROR", "shop-0", "orders-db - Connection is not available"),
        line(90, "ERROR", "shop-0", "not yet arrived"),
    ];
    lines.into_iter().for_each(|line| telemetry.index(line));
    telemetry
}

fn ask(path: &str, body: &Value) -> (u16, Value) {
    let now = Timestamp::from_millis(T0 + 60_000).unwrap();
    let response = answer(&telemetry(), now, "POST", path, &body.to_string());
    (response.status, serde_json::from_str(&response.body).unwrap())
}

/// The messages' first words, in order.
fn check(query: Value, expected: &[&str]) {
    let (status, body) = ask("/logs-*/_search", &json!({ "query": query, "sort": ["@timestamp", "_doc"] }));
    assert_eq!(status, 200, "{body}");
    let hits = body["hits"]["hits"].as_array().unwrap();
    let instance_and_level: Vec<String> = hits
        .iter()
        .map(|hit| {
            let source = &hit["_source"];
            format!(
                "{} {}",
                source["service"]["instance"]["id"].as_str().unwrap(),
                source["log"]["level"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(instance_and_level, expected, "{query}");
}

fn refused(path: &str, body: Value, status: u16, kind: &str, part: &str) {
    let (found, answer) = ask(path, &body);
    assert_eq!((found, &answer["status"]), (status, &json!(status)), "{answer}");
    assert_eq!(answer["error"]["type"], kind, "{answer}");
    assert_eq!(answer["error"]["root_cause"][0]["reason"], answer["error"]["reason"]);
    assert!(answer["error"]["reason"].as_str().unwrap().contains(part), "{answer}");
}

#[test]
fn a_search_has_the_documented_shape() {
    let query = json!({ "bool": { "filter": [{ "range": { "@timestamp": { "gte": T0 + 2000, "lt": T0 + 3000 } } }] } });
    let (_, body) =
        ask("/logs-shop/_search", &json!({ "query": query, "sort": [{ "@timestamp": "desc" }], "size": 1 }));
    assert_eq!(
        body,
        json!({
            "took": 1,
            "timed_out": false,
            "_shards": { "total": 1, "successful": 1, "skipped": 0, "failed": 0 },
            "hits": {
                "total": { "value": 1, "relation": "eq" },
                "max_score": null,
                "hits": [{
                    "_index": "logs-shop",
                    "_id": "00000000000000000002",
                    "_score": null,
                    "_source": {
                        "@timestamp": "2023-11-14T22:13:22.000Z",
                        "ecs": { "version": "8.11.0" },
                        "event": { "dataset": "java" },
                        "host": { "name": "h1" },
                        "log": { "level": "WARN", "logger": "c.s.Orders" },
                        "message": "entity not found, retry 1/3",
                        "service": { "instance": { "id": "shop-0" }, "name": "shop" }
                    },
                    "sort": [T0 + 2000]
                }]
            }
        })
    );
}

#[test]
fn each_query_finds_its_lines_and_none_that_has_not_arrived() {
    check(json!({ "match_all": {} }), &["shop-0 INFO", "shop-0 WARN", "shop-1 ERROR", "shop-0 ERROR"]);
    check(json!({ "term": { "log.level": "ERROR" } }), &["shop-1 ERROR", "shop-0 ERROR"]);
    check(
        json!({ "term": { "log.level.keyword": { "value": "error", "case_insensitive": true } } }),
        &["shop-1 ERROR", "shop-0 ERROR"],
    );
    check(json!({ "terms": { "log.level": ["INFO", "WARN"] } }), &["shop-0 INFO", "shop-0 WARN"]);
    check(json!({ "match": { "message": "RETRY timed" } }), &["shop-0 WARN", "shop-1 ERROR"]);
    check(json!({ "match": { "message": { "query": "connection timed", "operator": "and" } } }), &["shop-1 ERROR"]);
    check(json!({ "match_phrase": { "message": "is not available" } }), &["shop-1 ERROR", "shop-0 ERROR"]);
    check(json!({ "prefix": { "service.instance.id": "shop-1" } }), &["shop-1 ERROR"]);
    check(
        json!({ "range": { "@timestamp": { "gt": "now-58s", "lte": "2023-11-14T22:13:23Z" } } }),
        &["shop-1 ERROR", "shop-0 ERROR"],
    );
    check(
        json!({ "bool": {
            "should": [{ "term": { "log.level": "WARN" } }, { "term": { "log.level": "ERROR" } }],
            "must_not": { "term": { "service.instance.id": "shop-1" } }
        } }),
        &["shop-0 WARN", "shop-0 ERROR"],
    );
}

#[test]
fn a_query_string_speaks_of_fields_words_and_phrases() {
    let check = |text: &str, expected: &[&str]| check(json!({ "query_string": { "query": text } }), expected);
    check("log.level:(WARN OR ERROR) AND service.instance.id:shop-0", &["shop-0 WARN", "shop-0 ERROR"]);
    check("\"not available\" AND NOT timed", &["shop-0 ERROR"]);
    check("retry fulfilled", &["shop-0 INFO", "shop-0 WARN"]);
    check("message:fulf* || service.instance.id:*-1", &["shop-0 INFO", "shop-1 ERROR"]);
    check("*", &["shop-0 INFO", "shop-0 WARN", "shop-1 ERROR", "shop-0 ERROR"]);
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    let mut after = Value::Null;
    let mut ids = vec![];
    loop {
        let mut request = json!({ "size": 2, "sort": [{ "@timestamp": { "order": "asc" } }, { "_doc": "asc" }] });
        if !after.is_null() {
            request["search_after"] = after;
        }
        let (_, body) = ask("/logs-shop/_search", &request);
        let hits = body["hits"]["hits"].as_array().unwrap().clone();
        let Some(last) = hits.last() else { break };
        after = last["sort"].clone();
        ids.extend(hits.iter().map(|hit| hit["_id"].as_str().unwrap().trim_start_matches('0').to_owned()));
    }
    assert_eq!(ids, ["", "2", "1", "3"]);
}

#[test]
fn what_is_asked_wrongly_is_refused_in_elasticsearchs_words() {
    let path = "/logs-shop/_search";
    refused(path, json!({ "query": { "fuzzy": {} } }), 400, "parsing_exception", "unknown query [fuzzy]");
    refused(path, json!({ "aggs": {} }), 400, "parsing_exception", "unknown key [aggs]");
    refused(path, json!({ "size": 10_001 }), 400, "illegal_argument_exception", "Result window is too large");
    refused(path, json!({ "sort": ["message"] }), 400, "illegal_argument_exception", "Fielddata is disabled");
    refused(
        path,
        json!({ "sort": ["@timestamp"], "search_after": [1, 2] }),
        400,
        "illegal_argument_exception",
        "1 values",
    );
    refused(
        path,
        json!({ "query": { "query_string": { "query": "a:(b" } } }),
        400,
        "parsing_exception",
        "Failed to parse",
    );
    refused("/metrics-x/_search", json!({}), 404, "index_not_found_exception", "no such index [metrics-x]");
    refused("/_bulk", json!({}), 400, "illegal_argument_exception", "not supported");
    assert_eq!(ask("/metrics-*/_search", &json!({})).1["hits"]["total"]["value"], 0);
}

#[test]
fn the_server_says_what_it_is() {
    let response = answer(&telemetry(), Timestamp::EPOCH, "GET", "/", "");
    let body: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(body["tagline"], "You Know, for Search");
    assert!(body["version"]["number"].as_str().unwrap().starts_with("8."));
}
