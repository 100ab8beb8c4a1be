//! A scorer without the SDK, straight from wit-bindgen. It imports `log` and nothing else, reads each field of a batch, and
//! uses `ext` both ways: it looks for a key that nobody sends, and fills those of all that it gives.

wit_bindgen::generate!({ path: "../wit", world: "scorer" });

use exports::lagdoctor::plugin::{lifecycle, scoring};
use lagdoctor::plugin::log;
use lagdoctor::plugin::types::{Batch, Finding, Grant, Manifest, PluginError};

struct Plugin;

/// Pairs as a later version might fill them: a key of a third party, one that this host may come to know, the same key
/// twice, an empty value, and one of the largest allowed.
fn ext() -> Vec<(String, String)> {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    vec![
        pair("x-museum", "0.1".to_owned()),
        pair("later", "{\"any\":[1,2]}".to_owned()),
        pair("x-museum", String::new()),
        pair(&"k".repeat(256), "v".repeat(4096)),
    ]
}

impl lifecycle::Guest for Plugin {
    fn describe() -> Manifest {
        let grant = |value: &str| Grant {
            kind: "signals".to_owned(),
            value: value.to_owned(),
            reason: "it is what this looks at".to_owned(),
            ext: ext(),
        };
        Manifest {
            name: "museum-scorer-bindgen".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "Reads every field of a batch.".to_owned(),
            signals: vec!["*".to_owned()],
            classes: vec!["load.burst".to_owned()],
            config_schema: String::new(),
            grants: vec![grant("kafka."), grant("jvm.gc.overhead")],
            ext: ext(),
        }
    }

    fn configure(config_json: String) -> Result<(), PluginError> {
        log::write(9, &format!("configured with {config_json}"));
        Ok(())
    }
}

/// Whether a key stands in any `ext` of a batch.
fn knows(batch: &Batch, key: &str) -> bool {
    let lists = [&batch.ext, &batch.logs.ext].into_iter();
    let lists = lists.chain(batch.nodes.iter().map(|node| &node.ext));
    let lists = lists.chain(batch.edges.iter().map(|edge| &edge.ext));
    let lists = lists.chain(batch.series.iter().chain(&batch.history).map(|series| &series.ext));
    let mut lists = lists.chain(batch.events.iter().map(|event| &event.ext));
    lists.any(|pairs| pairs.iter().any(|(name, _)| name == key))
}

impl scoring::Guest for Plugin {
    fn score(batch: Batch) -> Result<Vec<Finding>, PluginError> {
        let sum = |values: &[f64]| values.iter().filter(|value| !value.is_nan()).sum::<f64>();
        let missing = batch.values.iter().filter(|value| value.is_nan()).count();
        log::write(5, "every field of the batch was read");
        let mut findings = Vec::new();
        for (place, series) in batch.series.iter().enumerate() {
            let first = series.first as usize;
            let own = &batch.values[first..first + series.count as usize];
            let node = &batch.nodes[series.node as usize];
            let labels: Vec<String> = node.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            findings.push(Finding {
                node: series.node,
                signal: series.signal.clone(),
                score: 0.25,
                magnitude: sum(own),
                onset_ms: Some(series.start_ms + series.step_ms * i64::from(series.count - 1)),
                class: String::new(),
                observed: own.last().copied().unwrap_or(f64::NAN),
                expected: f64::NAN,
                series: u32::try_from(place).ok(),
                log_line: None,
                statement: format!("{} is a {} with {}", node.name, node.kind, labels.join(",")),
                ext: ext(),
            });
        }
        let logs = &batch.logs;
        findings.push(Finding {
            node: logs.node[0],
            signal: "log".to_owned(),
            score: 1.0,
            magnitude: -f64::from(logs.severity[0]),
            onset_ms: Some(logs.at_ms[0]),
            class: "load.burst".to_owned(),
            observed: missing as f64,
            expected: sum(&batch.history_values),
            series: None,
            log_line: Some(0),
            statement: format!(
                "{} to {}; {} edges, first {}; {} {}: {}; log: {}; x-museum {}",
                batch.start_ms,
                batch.now_ms,
                batch.edges.len(),
                batch.edges[0].kind,
                batch.nodes[batch.events[0].node as usize].id,
                batch.events[0].kind,
                batch.events[0].what,
                logs.message[0],
                if knows(&batch, "x-museum") { "came" } else { "did not come" },
            ),
            ext: ext(),
        });
        Ok(findings)
    }
}

export!(Plugin);
