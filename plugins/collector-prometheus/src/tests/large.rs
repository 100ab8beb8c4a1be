//! More series than fit on a page: all of them are read, each once, and no page takes more than the host allows.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt::Write;

use super::*;

/// The host's limits on one answer, on all answers of a page, and on readings of a page, as they are by default.
const ANSWER_BYTES: usize = 16 << 20;
const PAGE_BYTES: usize = 64 << 20;
const PAGE_READINGS: usize = 2_000_000;

/// A far side with this many partitions of lag, and a second source of the same signal on the same target, which must not
/// be heard. Two hours old readings are of no interest; `points` of the window have one.
struct Crowd {
    partitions: usize,
    points: usize,
}

impl Crowd {
    fn answer(&self, request: &Request) -> Response {
        if request.url.contains("__name__/values") {
            let names = r#"["kafka_consumergroup_lag","kminion_kafka_consumer_group_topic_partition_lag","mysql_up"]"#;
            return response(200, &format!(r#"{{"status":"success","data":{names}}}"#));
        }
        let field = |name: &str| -> i64 {
            let fields = request.url.split('&').find_map(|field| field.strip_prefix(&format!("{name}=")));
            decoded(fields.unwrap()).parse().unwrap()
        };
        let (start, end) = (field("start"), field("end"));
        let (rows, label) = match &request.url {
            url if url.contains("query=kafka_consumergroup_lag") => (self.partitions, "consumergroup"),
            url if url.contains("query=kminion") => (10, "group_id"),
            _ => (1, "group"),
        };
        let first = NOW_MS / 1000 - (i64::try_from(self.points).unwrap() - 1) * STEP_MS / 1000;
        let times = (first.max(start)..=end).step_by(usize::try_from(STEP_MS / 1000).unwrap());
        let readings: Vec<String> = times.map(|at| format!(r#"[{at},"{at}"]"#)).collect();
        let readings = readings.join(",");
        let mut body = String::from(r#"{"status":"success","data":{"resultType":"matrix","result":["#);
        for row in 0..rows {
            let comma = if row > 0 { "," } else { "" };
            let labels = format!(r#""{label}":"fulfilment","instance":"exporter:9308","partition":"{row}""#);
            write!(body, r#"{comma}{{"metric":{{{labels}}},"values":[{readings}]}}"#).unwrap();
        }
        response(200, &format!("{body}]}}}}"))
    }
}

/// How many pages it takes, and how many requests.
fn check(crowd: Crowd) -> (usize, usize) {
    let Crowd { partitions, points } = crowd;
    let received = std::rc::Rc::new(Cell::new(0));
    let this_page = received.clone();
    let host = FakeHost::new(move |request| {
        let response = crowd.answer(request);
        if response.body.len() > ANSWER_BYTES {
            return Err(Error::new(code::BAD_INPUT, "the answer is too large"));
        }
        this_page.set(this_page.get() + response.body.len());
        assert!(this_page.get() <= PAGE_BYTES, "a page receives too much");
        Ok(response)
    });
    let (mut seen, mut others, mut token, mut pages) = (BTreeSet::new(), 0, String::new(), 0);
    loop {
        received.set(0);
        let page = collector(PLAIN).collect(&host, &query(&token)).unwrap();
        assert!(page.gaps.is_empty(), "{:?}", page.gaps);
        let readings: usize = page.series.iter().map(|series| series.values.len()).sum();
        assert!(readings <= PAGE_READINGS / 2, "{readings} readings on a page");
        for series in page.series {
            if series.signal == "kafka.consumer_group.lag" {
                assert_eq!(series.values.len(), points, "no reading is lost");
                assert_eq!(series.values[points - 1], NOW_MS as f64 / 1000.0);
                assert_eq!(series.attributes[0].0, "consumergroup", "the surer source has spoken of this target");
                assert!(seen.insert(series.attributes), "no series comes twice");
            } else {
                others += 1;
            }
        }
        pages += 1;
        token = page.next;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((seen.len(), others), (partitions, 1));
    (pages, host.requests().len())
}

#[test]
fn ten_thousand_series_take_a_few_pages() {
    // The window has twice as many places as readings, so that it takes eight shards.
    let (pages, requests) = check(Crowd { partitions: 10_000, points: 120 });
    assert!((2..=8).contains(&pages), "{pages} pages");
    assert!(requests < 60, "{requests} requests");
}

#[test]
fn many_series_with_few_readings_share_a_page_though_not_the_memory() {
    let (pages, requests) = check(Crowd { partitions: 7000, points: 1 });
    assert_eq!(pages, 2, "a page goes on until it has enough requests");
    assert_eq!(requests, 1 + 2 * 4 + 1, "names; both sources, shard by shard; what is up");
}

#[test]
fn what_fits_is_read_in_one_piece() {
    assert_eq!(check(Crowd { partitions: 1000, points: 120 }), (1, 4));
}

#[test]
fn a_crowd_that_is_combined_stays_together_and_is_named_when_it_is_too_large() {
    let host = FakeHost::new(|request| {
        if request.url.contains("__name__/values") {
            return Ok(response(200, r#"{"status":"success","data":["jvm_memory_used_bytes","up"]}"#));
        }
        let rows = if request.url.contains("jvm_") { 3000 } else { 1 };
        let row = |id: usize| format!(r#"{{"metric":{{"instance":"a","id":"{id}"}},"values":[[1699999200,"1"]]}}"#);
        let rows = (0..rows).map(row).collect::<Vec<_>>().join(",");
        Ok(response(200, &format!(r#"{{"status":"success","data":{{"result":[{rows}]}}}}"#)))
    });
    let page = collector(PLAIN).collect(&host, &query("")).unwrap();
    assert_eq!(page.series.len(), 1, "the rest is read");
    assert!(page.gaps.len() == 1 && page.gaps[0].statement.contains("too many series"), "{:?}", page.gaps);
}
