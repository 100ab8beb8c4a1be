//! Far sides that refuse, fail, lie, or know only part of the answer: each costs what it says, and is named.

use std::cell::Cell;

use lagdoctor_sdk::{Error, code};

use super::*;

#[test]
fn each_refusal_has_a_code_and_a_way_out() {
    for (status, body, code, words) in [
        (401, "", "unauthorised", "`secret`"),
        (404, r#"{"error":{"root_cause":[{"reason":"no such index [x]"}]}}"#, "bad-config", "no such index [x]"),
        (400, r#"{"error":{"reason":"No mapping found for [_doc]"}}"#, "bad-config", "`tiebreaker`"),
        (429, "", "rate-limited", "less often"),
        (503, "", "upstream", "health"),
        (200, "<html>", "upstream", "`url`"),
        (200, "{}", "upstream", "`url`"),
    ] {
        // What may pass is asked twice.
        let host = FakeHost::answering(vec![(status, body); 2]);
        let error = collector(PLAIN).collect(&host, &query("")).unwrap_err();
        assert_eq!(error.code, code, "{status}: {}", error.message);
        assert!(error.message.contains(words), "{status}: {}", error.message);
    }
}

#[test]
fn shards_that_failed_are_a_gap() {
    let body = r#"{"_shards": {"failed": 2}, "hits": {"total": 0, "hits": []}}"#;
    let host = FakeHost::answering(vec![(200, body), (200, body)]);
    let page = collector(PLAIN).collect(&host, &query("")).unwrap();
    assert_eq!(statements(&page.gaps), ["Elasticsearch could not search 2 shards, so log lines may be missing"]);
}

#[test]
fn a_far_side_that_gives_the_same_page_for_ever_is_not_asked_for_ever() {
    let hit = json!({"_source": {"message": "again", "log.level": "error"}, "sort": [NOW_MS - HOUR_MS, 1]});
    let body = json!({"hits": {"total": {"value": 1_000_000}, "hits": vec![hit; 1000]}}).to_string();
    let host = FakeHost::new(move |_| Ok(response(200, &body)));
    let (lines, gaps) = collect(PLAIN, &host);
    assert!(host.requests().len() < 80, "{} requests", host.requests().len());
    assert!(lines.len() <= 10_000);
    assert!(gaps.iter().any(|gap| gap.contains("`fields.tiebreaker`")), "{gaps:?}");
}

/// All pages of a far side that has a line a minute, an error in every ten, and fails the questions with these numbers.
fn with_failures(
    failing: &'static [usize],
    failure: Result<(u16, &'static str), &'static str>,
) -> (Vec<RawLog>, Vec<String>, usize) {
    let documents: Vec<Document> = (0..60)
        .map(|minute| (minute * 60, if minute % 10 == 0 { "error" } else { "info" }, format!("{minute}")))
        .collect();
    let asked = Cell::new(0);
    let host = FakeHost::new(move |request| {
        let place = asked.replace(asked.get() + 1);
        match failure {
            _ if !failing.contains(&place) => Ok(answer(&documents, request)),
            Ok((status, body)) => Ok(response(status, body)),
            Err(message) => Err(Error::new(code::UNREACHABLE, message)),
        }
    });
    let (lines, gaps) = collect(PLAIN, &host);
    (lines, gaps, host.requests().len())
}

#[test]
fn a_far_side_that_fails_once_costs_nothing() {
    for failure in
        [Err("no answer within 10 s"), Ok((503, "")), Ok((200, "<html>")), Ok((200, r#"{"hits":{"hits":[{"#))]
    {
        let each: [&[usize]; 4] = [&[0], &[1], &[2], &[3]];
        for failing in each {
            let (lines, gaps, requests) = with_failures(failing, failure);
            assert_eq!((lines.len(), gaps, requests), (60, vec![], 5), "{failure:?}");
        }
    }
}

#[test]
fn a_far_side_that_dies_or_refuses_in_the_middle_is_not_asked_for_ever() {
    // Both volumes are counted, then warnings are read, then the rest.
    let rest = "not all log lines from 21:00:00 UTC to 22:00:00 UTC were read";
    let (lines, gaps, requests) = with_failures(&[3, 4, 5, 6], Err("no route"));
    assert_eq!((lines.len(), requests), (6, 5), "{gaps:?}");
    assert!(gaps.len() == 1 && gaps[0].starts_with(rest), "{gaps:?}");
    for status in [401, 429, 404] {
        let (lines, gaps, requests) = with_failures(&[3], Ok((status, "no")));
        assert_eq!((lines.len(), gaps.len(), requests), (6, 1, 4), "{gaps:?}");
        let (lines, gaps, _) = with_failures(&[1], Ok((status, "no")));
        assert_eq!((lines.len(), gaps.len()), (6, 1), "{gaps:?}");
        assert!(gaps[0].starts_with("log lines below warning were not read"), "{gaps:?}");
    }
}

/// Why each gap is one, as the host is told.
fn causes(page: &Page) -> Vec<&str> {
    page.gaps.iter().map(|gap| gap.cause.as_str()).collect()
}

#[test]
fn an_index_that_does_not_exist_is_a_gap_and_not_a_quiet_hour() {
    let body =
        r#"{"timed_out":false,"_shards":{"total":0,"successful":0,"failed":0},"hits":{"total":{"value":0},"hits":[]}}"#;
    let host = FakeHost::answering(vec![(200, body)]);
    let page = collector(PLAIN).collect(&host, &query("")).unwrap();
    assert_eq!(
        statements(&page.gaps),
        ["no index at http://es:9200 is called logs-*, so there are no log lines; set `index` to where they are"]
    );
    assert_eq!((causes(&page), page.next.as_str()), (vec!["malformed"], ""));
}

#[test]
fn a_window_without_any_line_is_a_gap() {
    let (lines, gaps) = collect(PLAIN, &elasticsearch(vec![]));
    assert_eq!((lines.len(), gaps.len()), (0, 1));
    assert!(gaps[0].contains("`fields.time`"), "{gaps:?}");
}

#[test]
fn what_was_left_out_is_told_as_truncated() {
    let documents = (0..100).map(|number| (number % 20, "error", "again".to_owned())).collect();
    let host = elasticsearch(documents);
    let short = Query { start_ms: NOW_MS - HOUR_MS, end_ms: NOW_MS - HOUR_MS + 30_000, ..query("") };
    let page = collector(r#"{"url": "http://es", "max_lines": 60}"#).collect(&host, &short).unwrap();
    assert_eq!(causes(&page), ["truncated"]);
    assert!((30..=60).contains(&page.logs.len()), "{} lines", page.logs.len());
    let left_out = format!("{} of 100 warnings and errors were not read", 100 - page.logs.len());
    assert!(page.gaps[0].statement.starts_with(&left_out), "{:?}", page.gaps);
}

#[test]
fn lines_below_warning_are_counted_even_where_there_is_no_room_for_them() {
    let documents = (0..20).map(|number| (number, ["error", "info"][number as usize % 2], "x".to_owned())).collect();
    let host = elasticsearch(documents);
    let short = Query { start_ms: NOW_MS - HOUR_MS, end_ms: NOW_MS - HOUR_MS + 30_000, ..query("") };
    let page = collector(r#"{"url": "http://es", "max_lines": 10}"#).collect(&host, &short).unwrap();
    assert_eq!(page.logs.len(), 10);
    assert!(page.gaps[0].statement.starts_with("10 of 10 lines below warning were not read"), "{:?}", page.gaps);
}

#[test]
fn an_error_that_only_its_text_tells_is_read() {
    let documents = vec![(5, "", "2023-11-14 21:00:05 ERROR [main] it broke".to_owned())];
    let (lines, gaps) = collect(PLAIN, &elasticsearch(documents));
    assert_eq!((lines.len(), lines[0].severity, gaps.len()), (1, 17, 0));
}

#[test]
fn hits_without_a_text_are_a_gap_that_names_the_fields() {
    let hit = json!({"_source": {"txt": "x"}, "sort": [NOW_MS - HOUR_MS, 1]});
    let body = json!({"hits": {"total": {"value": 1}, "hits": [hit]}}).to_string();
    let host = FakeHost::new(move |_| Ok(response(200, &body)));
    let (lines, gaps) = collect(PLAIN, &host);
    assert_eq!((lines.len(), gaps.len()), (0, 1));
    assert!(gaps[0].contains("2 of 2 hits") && gaps[0].contains("`fields`"), "{gaps:?}");
}

#[test]
fn an_answer_that_is_too_large_is_asked_for_in_smaller_pieces() {
    let documents: Vec<Document> = (0..500).map(|number| (number, "error", "x".repeat(200))).collect();
    let host = FakeHost::new(move |request| {
        let response = answer(&documents, request);
        let too_large = response.body.len() > 100_000;
        if too_large {
            Err(Error::new(code::BAD_INPUT, "the answer is larger than 100000 bytes"))
        } else {
            Ok(response)
        }
    });
    let (lines, gaps) = collect(PLAIN, &host);
    assert_eq!((lines.len(), gaps), (500, vec![]));
}

#[test]
fn long_lines_end_a_page_before_memory_does_and_are_cut() {
    let documents: Vec<Document> = (0..2000).map(|number| (number % 20, "error", "ü".repeat(20_000))).collect();
    let host = elasticsearch(documents);
    let first = collector(PLAIN).collect(&host, &query("")).unwrap();
    assert_eq!(first.logs.len(), 900, "one answer was enough, and its last second comes with the next page");
    let (lines, gaps) = collect(PLAIN, &host);
    assert_eq!((lines.len(), gaps), (2000, vec![]), "no line is lost for being long");
    assert!(lines.iter().all(|line| line.message.len() == 16 << 10));
}

#[test]
fn shards_that_failed_say_why() {
    let body = r#"{"_shards":{"total":5,"failed":1,"failures":[{"reason":{"type":"query_shard_exception",
        "reason":"No mapping found for [at]."}}]},"hits":{"total":0,"hits":[]}}"#;
    let host = FakeHost::answering(vec![(200, body), (200, body)]);
    let page = collector(PLAIN).collect(&host, &query("")).unwrap();
    assert_eq!(
        statements(&page.gaps),
        ["Elasticsearch could not search 1 shards (No mapping found for [at]), so log lines may be missing"]
    );
}
