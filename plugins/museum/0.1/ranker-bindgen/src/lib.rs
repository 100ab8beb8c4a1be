//! A ranker without the SDK. It gives every finding back as a cause of its node, says what it was told of the symptom,
//! and fills each `ext`.

wit_bindgen::generate!({ path: "../wit", world: "ranker" });

use exports::lagdoctor::plugin::{lifecycle, ranking};
use lagdoctor::plugin::log;
use lagdoctor::plugin::types::{Batch, Cause, Dismissal, Finding, Manifest, PluginError, Ranking, Symptom};

struct Plugin;

fn ext() -> Vec<(String, String)> {
    vec![("x-museum".to_owned(), "0.1".to_owned()), ("later".to_owned(), "anything".to_owned())]
}

impl lifecycle::Guest for Plugin {
    fn describe() -> Manifest {
        Manifest {
            name: "museum-ranker-bindgen".to_owned(),
            version: "0.1.0-rc.1+museum".to_owned(),
            summary: "Says what it was told.".to_owned(),
            signals: vec!["kafka.consumer_group.backlog".to_owned()],
            classes: vec!["jvm.gc-full".to_owned()],
            config_schema: r#"{"type":"object","additionalProperties":false}"#.to_owned(),
            grants: vec![],
            ext: ext(),
        }
    }

    fn configure(config_json: String) -> Result<(), PluginError> {
        if config_json == "{}" {
            return Ok(());
        }
        Err(PluginError { code: "bad-config".to_owned(), message: config_json, ext: ext() })
    }
}

impl ranking::Guest for Plugin {
    fn rank(batch: Batch, findings: Vec<Finding>, symptom: Symptom) -> Result<Ranking, PluginError> {
        log::write(13, &format!("{} findings", findings.len()));
        let cause = |(handle, finding): (u32, &Finding)| Cause {
            node: finding.node,
            class: finding.class.clone(),
            confidence: finding.score,
            path: vec![symptom.node, finding.node],
            findings: vec![handle],
            because: format!(
                "{} {} {} {:?} {:?} {:?}",
                finding.signal, finding.observed, finding.expected, finding.onset_ms, finding.series, finding.log_line
            ),
            ext: ext(),
        };
        let told = format!(
            "{} {} {} {} of {} series",
            symptom.signal,
            symptom.onset_ms,
            symptom.observed,
            symptom.expected,
            batch.series.len()
        );
        let dismissed =
            Dismissal { node: symptom.node, class: String::new(), findings: vec![], because: told, ext: ext() };
        Ok(Ranking { causes: (0u32..).zip(&findings).map(cause).collect(), dismissed: vec![dismissed], ext: ext() })
    }
}

export!(Plugin);
