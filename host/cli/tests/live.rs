//! The program as a user runs it, on real protocols: a real Kafka with Kafka's own tools as the judge, and a real
//! Prometheus, once filled with an hour and once scraping. Where this machine has none of them, a test says so and passes.
#![allow(clippy::print_stderr, reason = "a test that did not run must not pass in silence")]

mod lab;

use std::collections::BTreeMap;
use std::fs;

use lab::{Prometheus, Simulated, eventually, json, lagdoctor};
use lagdoctor_kafka::GroupProtocol;
use lagdoctor_kafka::testing::{RealConsumer, RealKafka, RealKafkaError};
use lagdoctor_model::{Offset, PartitionId};
use serde_json::Value;

#[test]
fn a_real_prometheus_filled_with_an_hour_gives_the_right_cause() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, scraped) = (folder.path().join("incident"), folder.path().join("scraped.txt"));
    let [bundle_text, scraped_text] = [&bundle, &scraped].map(|path| path.to_str().unwrap());
    let made =
        lagdoctor(&["simulate", "db-timeouts", "--seed", "3", "--out", bundle_text, "--openmetrics", scraped_text]);
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    let end = said.split("--at ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let end = end.unwrap_or_else(|| panic!("{said}"));
    let Some(prometheus) = Prometheus::start("scrape_configs: []\n", Some(&scraped)) else { return };

    let topology = bundle.join("topology.json");
    let report = json(&[
        "diagnose",
        "--no-audit",
        "--prometheus",
        &prometheus.url,
        "--topology",
        topology.to_str().unwrap(),
        "--at",
        end,
    ]);

    let truth: toml::Table = fs::read_to_string(bundle.with_extension("truth.toml")).unwrap().parse().unwrap();
    let first = &report["causes"][0];
    assert_eq!(report["verdict"], "cause", "{}", report["headline"]);
    assert_eq!(first["node"].as_str(), truth["root"][0]["node"].as_str(), "{}", report["headline"]);
    assert_eq!(first["class"].as_str(), truth["root"][0]["class"].as_str(), "{}", report["headline"]);
    let missing = report["gaps"].as_array().unwrap();
    assert!(missing.iter().all(|gap| gap["source"] != "collector-prometheus"), "{missing:#?}");
}

#[test]
fn a_real_prometheus_that_scrapes_a_simulated_pipeline_shows_its_group() {
    let simulated = Simulated::start("gc-pauses", "4");
    let config = format!(
        "global: {{ scrape_interval: 1s }}\n\
         scrape_configs:\n  - job_name: simulated\n    honor_labels: true\n    static_configs: [{{ targets: ['{}'] }}]\n",
        simulated.address()
    );
    let Some(prometheus) = Prometheus::start(&config, None) else { return };
    let backlog_by = |url: &str| {
        let status = json(&["status", "--prometheus", url]);
        let group = status["groups"].as_array().unwrap().iter().find(|group| group["group"] == "fulfilment")?.clone();
        let lagging = group["partitions"].as_array().unwrap().iter().filter(|one| one["lag"].as_u64().is_some());
        (lagging.count() == 12).then(|| group["backlog"].as_u64().unwrap())
    };
    let scraped = eventually("all partitions are scraped", || backlog_by(&prometheus.url));
    let served = backlog_by(&simulated.url).unwrap();
    // Between the two looks the incident goes on by some hundred records a second.
    assert!(scraped > 10_000 && scraped.abs_diff(served) < served / 5, "{scraped} scraped, {served} served");
}

#[test]
fn a_real_kafka_is_told_as_its_own_tools_tell_it_and_diagnosed_from_flags_alone() {
    let kafka = match RealKafka::start() {
        Ok(kafka) => kafka,
        Err(error @ RealKafkaError::Unavailable(_)) => return eprintln!("{error}"),
        Err(error) => panic!("{error}"),
    };
    let orders = |number: u32| PartitionId::new("orders", number);
    kafka.create_topic("orders", 6).unwrap();
    (0..6).for_each(|number| kafka.produce(&orders(number), 100 * u64::from(number + 1)).unwrap());
    let groups = [("fulfilment", GroupProtocol::Classic), ("billing", GroupProtocol::Consumer)];
    let members = groups.map(|(group, protocol)| {
        let member = RealConsumer::join(&kafka, group, protocol, &format!("{group}-0"), &["orders"]).unwrap();
        eventually("the member reads all partitions", || (member.assigned().len() == 6).then_some(()));
        (0..6).for_each(|number| member.commit(&orders(number), Offset(u64::from(number) * 10 + 7)).unwrap());
        member
    });
    let described = |group: &str| {
        let describe = |what: &str| kafka.consumer_groups(&["--describe", "--group", group, what, "--verbose"]);
        ["--state", "--members"].map(|what| describe(what).unwrap())
    };
    let before = groups.map(|(group, _)| described(group));

    let status = json(&["status", "--bootstrap", &kafka.bootstrap()]);
    for (group, _) in groups {
        let told = status["groups"].as_array().unwrap().iter().find(|told| told["group"] == group).unwrap();
        assert_eq!(told["state"], "stable", "{told:#}");
        let number = |one: &Value, name: &str| one[name].as_u64().unwrap_or_else(|| panic!("{name} of {one:#}"));
        let ours: BTreeMap<u64, [u64; 3]> = told["partitions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (number(one, "partition"), ["committed", "log_end", "lag"].map(|name| number(one, name))))
            .collect();
        let theirs: BTreeMap<u64, [u64; 3]> = kafka
            .describe(group)
            .unwrap()
            .into_iter()
            .map(|line| (line.id.partition.into(), [line.committed, line.log_end, line.lag].map(Option::unwrap)))
            .collect();
        assert_eq!((ours.len(), ours), (6, theirs), "{group}");
    }

    let status = lagdoctor(&["status", "--bootstrap", &kafka.bootstrap(), "--group", "billing"]);
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(text.contains("kafka/billing  stable") && text.contains("orders/5"), "{text}");

    let folder = tempfile::tempdir().unwrap();
    let scraped = folder.path().join("scraped.txt");
    let file = scraped.to_str().unwrap();
    let made = lagdoctor(&["simulate", "slow-consumer", "--seed", "2", "--until", "now", "--openmetrics", file]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let simulated = Simulated::start("slow-consumer", "2");
    let prometheus = Prometheus::start("scrape_configs: []\n", Some(&scraped));
    let metrics = prometheus.as_ref().map_or(&simulated.url, |prometheus| &prometheus.url);
    let topology = folder.path().join("shop.toml");
    fs::write(&topology, "[[node]]\nid = \"group:billing\"\ndepends = [\"service:billing\", \"topic:orders\"]\n")
        .unwrap();
    let (bootstrap, logs) = (kafka.bootstrap(), format!("{}/logs-shop", simulated.url));
    let sources = ["--bootstrap", &bootstrap, "--prometheus", metrics, "--logs", &logs];
    let report = json(&[&["diagnose", "--no-audit", "--topology", topology.to_str().unwrap()], &sources[..]].concat());
    assert!(report["headline"].as_str().is_some_and(|headline| !headline.is_empty()), "{report:#}");
    assert_eq!(report["symptom"]["node"], "group:fulfilment", "{}", report["headline"]);
    for gap in report["gaps"].as_array().unwrap() {
        // The groups are seconds old, which is honestly too little to judge them; but every source answered.
        let is_named_in_vain = gap["source"] == "topology";
        let is_expected = matches!(gap["cause"].as_str(), Some("truncated" | "not-configured"));
        assert!(is_expected || is_named_in_vain, "{gap:#}");
    }

    assert_eq!(before, groups.map(|(group, _)| described(group)), "watching changed a group");
    drop(members);
}
