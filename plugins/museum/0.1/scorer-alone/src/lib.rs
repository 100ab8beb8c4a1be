//! The least that can be a plugin: a scorer that imports no function at all, configured by nothing.

wit_bindgen::generate!({ path: "../wit", world: "scorer" });

use exports::lagdoctor::plugin::{lifecycle, scoring};
use lagdoctor::plugin::types::{Batch, Finding, Manifest, PluginError};

struct Plugin;

impl lifecycle::Guest for Plugin {
    fn describe() -> Manifest {
        Manifest {
            name: "museum-scorer-alone".to_owned(),
            version: "0.1.0".to_owned(),
            summary: String::new(),
            signals: vec![],
            classes: vec![],
            config_schema: String::new(),
            grants: vec![],
            ext: vec![],
        }
    }

    fn configure(_: String) -> Result<(), PluginError> {
        Ok(())
    }
}

impl scoring::Guest for Plugin {
    fn score(batch: Batch) -> Result<Vec<Finding>, PluginError> {
        let finding = |node: usize| Finding {
            node: node as u32,
            signal: "event".to_owned(),
            score: 0.0,
            magnitude: batch.series.len() as f64,
            onset_ms: None,
            class: String::new(),
            observed: f64::NAN,
            expected: f64::NAN,
            series: None,
            log_line: None,
            statement: String::new(),
            ext: vec![],
        };
        Ok((0..batch.nodes.len()).map(finding).collect())
    }
}

export!(Plugin);
