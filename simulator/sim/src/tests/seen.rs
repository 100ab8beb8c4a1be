//! What lies between a pipeline and who looks at it: each key of `[telemetry]` does what it says, asked at the endpoints.

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_model::{Millis, Timestamp};
use serde_json::{Value, json};

use super::{run, scenario};
use crate::Simulation;
use crate::endpoints::{elasticsearch, prometheus};

/// Ten minutes of the orders pipeline, seen like this.
fn seen(telemetry: &str) -> Simulation {
    let clean = [
        ("scrape", "interval = \"15s\", jitter = \"0s\", gap_prob = 0.0, reset_prob = 0.0"),
        ("logs", "background_per_s = 6, drop = 0.0, late_p99 = \"0s\", unmatched_templates = 0.0"),
        ("topology", "missing_edges = 0.0, stale_edges = 0.0"),
    ];
    let mut lines = String::from("[telemetry]\n");
    for (key, value) in clean {
        let own = telemetry.lines().find_map(|line| line.strip_prefix(&format!("{key}: ")));
        let own = own.map_or(value.to_owned(), |own| {
            let name = |field: &&str| own.contains(field.split('=').next().unwrap_or_default().trim());
            let kept: Vec<&str> = value.split(", ").filter(|field| !name(field)).collect();
            [kept, vec![own]].concat().join(", ")
        });
        lines += &format!("{key} = {{ {value} }}\n", value = own);
    }
    for (key, otherwise) in [("metric_noise", "0.0"), ("clock_skew", "0")] {
        let own = telemetry.lines().find_map(|line| line.strip_prefix(&format!("{key}: ")));
        lines += &format!("{key} = {}\n", own.unwrap_or(otherwise));
    }
    run(&scenario(10, &lines), 11)
}

/// Samples of every series of a selector, as the endpoint gives them at the end of the run: labels, times and values.
fn samples(run: &Simulation, selector: &str) -> Vec<(Value, Vec<(f64, f64)>)> {
    let time = run.end().as_millis() as f64 / 1000.0;
    let params = [("query", format!("{selector}[10m]")), ("time", time.to_string())];
    let params = params.map(|(name, value)| (name.to_owned(), value));
    let response = prometheus::answer(run.telemetry(), run.end(), "/api/v1/query", &params);
    let body: Value = serde_json::from_str(&response.body).unwrap_or_default();
    let rows = body["data"]["result"].as_array().unwrap_or_else(|| panic!("{selector}: {}", response.body));
    let number = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let pair = |pair: &Value| (pair[0].as_f64().unwrap(), number(&pair[1]));
    rows.iter()
        .map(|row| (row["metric"].clone(), row["values"].as_array().unwrap().iter().map(pair).collect()))
        .collect()
}

fn count(run: &Simulation, now: Timestamp, phrase: Option<&str>) -> f64 {
    let query = phrase.map_or(json!({ "match_all": {} }), |phrase| json!({ "match_phrase": { "message": phrase } }));
    let request = json!({ "query": query }).to_string();
    let answer = elasticsearch::answer(run.telemetry(), now, "POST", "/_count", &request);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    body["count"].as_u64().unwrap_or_else(|| panic!("{}", answer.body)) as f64
}

/// Distances of the scrapes of all targets.
fn distances(run: &Simulation) -> Vec<f64> {
    let of = |(_, samples): (Value, Vec<(f64, f64)>)| -> Vec<f64> {
        samples.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    };
    samples(run, "up").into_iter().flat_map(of).collect()
}

#[test]
fn scrapes_come_at_their_interval_and_jitter_moves_each_by_no_more_than_it_says() {
    assert!(distances(&seen("")).iter().all(|distance| (distance - 15.0).abs() < 0.002));
    let moved = distances(&seen("scrape: jitter = \"2s\""));
    assert!(moved.iter().all(|distance| (distance - 15.0).abs() <= 2.002), "{moved:?}");
    let spread = moved.iter().map(|distance| (distance - 15.0).abs()).sum::<f64>() / moved.len() as f64;
    // Of two uniform numbers over two seconds, the mean distance is a third of that.
    assert!((spread - 2.0 / 3.0).abs() < 0.1, "{spread}");
    let often = distances(&seen("scrape: interval = \"5s\""));
    assert!(often.iter().all(|distance| (distance - 5.0).abs() < 0.002));
}

#[test]
fn a_gap_is_a_scrape_without_an_answer() {
    let check = |share: f64| {
        let run = seen(&format!("scrape: gap_prob = {share}"));
        let ups = samples(&run, "up");
        let all: Vec<f64> = ups.iter().flat_map(|(_, samples)| samples).map(|(_, up)| *up).collect();
        let missed = all.iter().filter(|up| **up == 0.0).count() as f64 / all.len() as f64;
        assert!((missed - share).abs() < 0.03, "{missed} of scrapes failed");
        // What failed has no value at that moment.
        for (labels, up) in &ups {
            let pod = labels["pod"].as_str().unwrap_or_default();
            let heap = samples(&run, &format!("jvm_threads_live_threads{{pod=\"{pod}\"}}"));
            let Some((_, heap)) = heap.first().filter(|_| pod.starts_with("fulfilment")) else { continue };
            let answered: Vec<f64> = up.iter().filter(|(_, up)| *up == 1.0).map(|(at, _)| *at).collect();
            assert_eq!(answered, heap.iter().map(|(at, _)| *at).collect::<Vec<_>>(), "{pod}");
        }
    };
    check(0.0);
    check(0.2);
}

#[test]
fn counters_begin_again_as_often_as_resets_are_asked_for() {
    let falls = |reset: f64| {
        let run = seen(&format!("scrape: reset_prob = {reset}"));
        let read = samples(&run, "node_cpu_seconds_total{mode=\"idle\",cpu=\"0\"}");
        let falls =
            |(_, samples): &(Value, Vec<(f64, f64)>)| samples.windows(2).filter(|pair| pair[1].1 < pair[0].1).count();
        let all: usize = read.iter().map(|(_, samples)| samples.len() - 1).sum();
        let gauges = samples(&run, "node_memory_MemTotal_bytes");
        assert!(gauges.iter().all(|(_, samples)| samples.iter().all(|sample| sample.1 == samples[0].1)));
        read.iter().map(falls).sum::<usize>() as f64 / all as f64
    };
    assert_eq!(falls(0.0), 0.0);
    let share = falls(0.1);
    assert!((share - 0.1).abs() < 0.05, "{share} of counters fell");
}

#[test]
fn noise_is_as_large_as_asked_for_and_only_where_real_readings_are_noisy() {
    let spread = |noise: f64, selector: &str| {
        let run = seen(&format!("metric_noise: {noise}"));
        let all: Vec<f64> =
            samples(&run, selector).into_iter().flat_map(|(_, samples)| samples).map(|(_, v)| v).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        (all.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / all.len() as f64).sqrt() / mean
    };
    let quiet = spread(0.0, "redis_memory_used_bytes");
    let noisy = spread(0.05, "redis_memory_used_bytes");
    assert!(quiet < 0.005 && (0.03..0.07).contains(&noisy), "{quiet} {noisy}");
    assert_eq!(spread(0.05, "kafka_topic_partitions"), 0.0, "what is counted has no noise");
}

#[test]
fn lines_are_as_many_as_asked_for_less_those_that_are_dropped() {
    let late = |run: &Simulation| run.end() + Millis::minutes(10);
    let all = |telemetry: &str| {
        let run = seen(telemetry);
        count(&run, late(&run), None)
    };
    let six = all("");
    assert!((4.0..9.0).contains(&(six / 600.0)), "{six} lines in ten minutes");
    let many = all("logs: background_per_s = 18");
    assert!((many / six - 3.0).abs() < 0.4, "{many} of {six}");
    let kept = all("logs: drop = 0.25") / six;
    assert!((kept - 0.75).abs() < 0.04, "{kept} are kept");
}

#[test]
fn late_lines_cannot_be_found_before_they_have_arrived() {
    let soon = |telemetry: &str| {
        let run = seen(telemetry);
        count(&run, run.end(), None) / count(&run, run.end() + Millis::minutes(10), None)
    };
    let (prompt, late) = (soon(""), soon("logs: late_p99 = \"120s\""));
    // The mean of an exponential delay is its 99th percentile by 4.6: 26 s of 600 s are not there yet.
    assert!(prompt > 0.998 && (0.93..0.98).contains(&late), "{prompt} {late}");
    let run = seen("logs: late_p99 = \"120s\"");
    let delays: Vec<i64> = run.telemetry().lines().map(|line| line.seen_ms - line.at_ms).collect();
    let later = delays.iter().filter(|delay| **delay > 120_000).count() as f64 / delays.len() as f64;
    assert!((0.005..0.02).contains(&later), "{later} come later than the 99th percentile");
}

#[test]
fn some_lines_are_in_words_that_nobody_has_a_pattern_for() {
    let told = |unmatched: f64| {
        let run = seen(&format!("logs: unmatched_templates = {unmatched}"));
        let now = run.end() + Millis::minutes(10);
        let done =
            ["reconciled against", "rotated against", "sealed against", "handed over against", "re-keyed against"];
        let odd: f64 = done.map(|words| count(&run, now, Some(words))).iter().sum();
        (odd, count(&run, now, Some("fulfilled")))
    };
    let ((none, usual), (odd, fewer)) = (told(0.0), told(0.2));
    assert_eq!(none, 0.0);
    // They come in the place of others; about every third line of an instance is of an order that is done.
    assert!((fewer / usual - 0.8).abs() < 0.08, "{fewer} of {usual}");
    assert!(odd > 0.8 * (usual - fewer), "{odd}");
}

#[test]
fn clocks_of_hosts_are_wrong_by_no_more_than_they_may_and_always_by_the_same() {
    let at = |telemetry: &str| -> BTreeMap<String, Vec<i64>> {
        let run = seen(telemetry);
        let mut by_host: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for record in &run.telemetry().records {
            by_host.entry(record.host.to_string()).or_default().push(record.at_ms);
        }
        by_host
    };
    let (right, wrong) = (at(""), at("clock_skew: \"400ms\""));
    let mut skews = BTreeSet::new();
    for (host, right) in &right {
        let off: BTreeSet<i64> = right.iter().zip(&wrong[host]).map(|(right, wrong)| wrong - right).collect();
        // A millisecond more or less is rounding.
        let (first, last) = (*off.first().unwrap(), *off.last().unwrap());
        assert!(last - first <= 1 && first.abs() <= 401, "{host}: {off:?}");
        skews.insert(first);
    }
    assert!(skews.len() > 4 && skews.iter().any(|skew| skew.abs() > 100), "{skews:?}");
}

#[test]
fn an_operators_topology_lacks_edges_and_has_old_ones() {
    let edges = |telemetry: &str| -> BTreeSet<String> {
        seen(telemetry).topology().edges().map(|edge| format!("{edge:?}")).collect()
    };
    let whole = edges("");
    let missing = edges("topology: missing_edges = 0.3");
    assert!(missing.is_subset(&whole));
    let share = 1.0 - missing.len() as f64 / whole.len() as f64;
    assert!((share - 0.3).abs() < 0.15, "{share}");
    assert_eq!(edges("topology: missing_edges = 1.0").len(), 0);
    // The orders service calls both databases, so that in this pipeline no other call of a database could be an old one.
    assert_eq!(edges("topology: stale_edges = 0.2"), whole);
    let fanout = |telemetry: &str| {
        let text = format!(
            "schema = 1\nid = \"t\"\nfamily = \"t\"\nduration = \"1m\"\nuse = [\"topo/fanout.toml\"]\n{telemetry}"
        );
        let scenario = crate::Scenario::parse(&text, crate::Scenario::builtin_use).unwrap();
        let run = Simulation::new(&scenario, 3);
        run.topology().edges().map(|edge| format!("{edge:?}")).collect::<BTreeSet<_>>()
    };
    let (whole, old) = (fanout(""), fanout("[telemetry]\ntopology = { stale_edges = 0.1 }\n"));
    let added = old.difference(&whole).count() as f64 / whole.len() as f64;
    assert!(whole.is_subset(&old) && (0.04..0.11).contains(&added), "{added}");
}
