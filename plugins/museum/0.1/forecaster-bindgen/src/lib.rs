//! A forecaster without the SDK: tomorrow is as today. Fills each `ext`.

wit_bindgen::generate!({ path: "../wit", world: "forecaster" });

use exports::lagdoctor::plugin::{forecasting, lifecycle};
use forecasting::{Projection, Target};
use lagdoctor::plugin::log;
use lagdoctor::plugin::types::{Batch, Manifest, PluginError};

struct Plugin;

fn ext() -> Vec<(String, String)> {
    vec![("x-museum".to_owned(), "0.1".to_owned()), ("later".to_owned(), "anything".to_owned())]
}

impl lifecycle::Guest for Plugin {
    fn describe() -> Manifest {
        Manifest {
            name: "museum-forecaster-bindgen".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "Tomorrow is as today.".to_owned(),
            signals: vec!["kafka.consumer_group.backlog".to_owned(), "jvm.".to_owned()],
            classes: vec![],
            config_schema: String::new(),
            grants: vec![],
            ext: ext(),
        }
    }

    fn configure(_: String) -> Result<(), PluginError> {
        Ok(())
    }
}

impl forecasting::Guest for Plugin {
    fn forecast(batch: Batch, targets: Vec<Target>, horizon_ms: i64) -> Result<Vec<Projection>, PluginError> {
        log::write(1, &format!("{} targets", targets.len()));
        let projection = |(handle, target): (u32, &Target)| {
            let series = &batch.series[target.series as usize];
            let last = batch.values[(series.first + series.count - 1) as usize];
            Projection {
                target: handle,
                start_ms: batch.now_ms + horizon_ms,
                step_ms: 1,
                levels: vec![0.5],
                values: vec![last],
                clears_ms: (!target.clears_at.is_nan()).then_some(batch.now_ms + target.clears_at as i64),
                breaches_ms: (!target.breaches_at.is_nan()).then_some(batch.now_ms + target.breaches_at as i64),
                slope_per_s: 0.0,
                statement: format!("{} stays", series.signal),
                ext: ext(),
            }
        };
        Ok((0u32..).zip(&targets).map(projection).collect())
    }
}

export!(Plugin);
