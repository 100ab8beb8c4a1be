//! Secrets by name: where each is to be found, never what it is. Values are read anew each time they are asked for, so
//! that a rotated secret is used at once and none lies in memory that a report could be made from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lagdoctor_runtime::{Secret, Secrets};

use super::ConfigError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Variable(String),
    File(PathBuf),
}

/// The secrets that a configuration names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretBook {
    places: BTreeMap<String, Place>,
}

impl SecretBook {
    pub(super) fn add(&mut self, name: &str, place: Place) -> Result<(), ConfigError> {
        self.places.insert(name.to_owned(), place);
        let text = self.text(name)?;
        // Asked for here, so that a secret that cannot be used is found at the start and not at three in the morning.
        Secret::new(text).map_err(|error| self.missing(name, error.to_string()))?;
        Ok(())
    }

    /// The values of all secrets that are to be had, for keeping them out of what is written down.
    pub fn values(&self) -> Vec<Secret> {
        self.places.keys().filter_map(|name| self.get(name)).collect()
    }

    /// Whether a secret has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    fn missing(&self, name: &str, why: String) -> ConfigError {
        let place = match self.places.get(name) {
            Some(Place::Variable(variable)) => format!("environment variable {variable}"),
            Some(Place::File(path)) => path.display().to_string(),
            None => "[secrets]".to_owned(),
        };
        ConfigError::Secret { name: name.to_owned(), place, why }
    }

    /// The value as text, without line breaks at its end: for librdkafka, which must be told passwords.
    pub(super) fn text(&self, name: &str) -> Result<String, ConfigError> {
        let text = match self.places.get(name) {
            None => Err("it is not named there".to_owned()),
            Some(Place::Variable(variable)) => std::env::var(variable).map_err(|error| match error {
                std::env::VarError::NotPresent => "it is not set".to_owned(),
                // The standard library would print the value.
                std::env::VarError::NotUnicode(_) => "it is no UTF-8".to_owned(),
            }),
            Some(Place::File(path)) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
        };
        let text = text.map_err(|why| self.missing(name, why))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl Secrets for SecretBook {
    fn get(&self, name: &str) -> Option<Secret> {
        Secret::new(self.text(name).ok()?).ok()
    }
}
