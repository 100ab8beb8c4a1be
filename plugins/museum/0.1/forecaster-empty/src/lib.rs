//! A forecaster that has nothing to say: the empty list, which is an answer.

wit_bindgen::generate!({ path: "../wit", world: "forecaster" });

use exports::lagdoctor::plugin::{forecasting, lifecycle};
use forecasting::{Projection, Target};
use lagdoctor::plugin::types::{Batch, Manifest, PluginError};

struct Plugin;

impl lifecycle::Guest for Plugin {
    fn describe() -> Manifest {
        Manifest {
            name: "museum-forecaster-empty".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "Has nothing to say.".to_owned(),
            signals: vec!["*".to_owned()],
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

impl forecasting::Guest for Plugin {
    fn forecast(_: Batch, _: Vec<Target>, _: i64) -> Result<Vec<Projection>, PluginError> {
        Ok(vec![])
    }
}

export!(Plugin);
