//! Secrets by name: where each is to be found, never what it is. Variables and files are read anew each time they are asked
//! for, so that a rotated secret is used at once; what a command gave is kept for a while, because it may take seconds.
//! Start at [`SecretBook`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use lagdoctor_runtime::{Secret, Secrets};

use super::ConfigError;
use super::command::SecretCommand;

/// Where one secret comes from.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Variable(String),
    File(PathBuf),
    Command(Arc<SecretCommand>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(variable) => write!(f, "environment variable {variable}"),
            Self::File(path) => write!(f, "{}", path.display()),
            // Arguments stay unsaid: an operator may have put there what does not belong there.
            Self::Command(command) => write!(f, "the command {}", command.program()),
        }
    }
}

/// The secrets that a configuration names.
#[derive(Clone, Debug, Default)]
pub struct SecretBook {
    places: BTreeMap<String, Place>,
}

impl SecretBook {
    pub(super) fn add(&mut self, name: &str, place: Place) {
        self.places.insert(name.to_owned(), place);
    }

    /// Whether a secret that somebody uses is to be had: asked at the start, because the first time that it is used is the
    /// worst time to find out. What nobody uses may be missing.
    ///
    /// # Errors
    /// When it is not there, or is no text that can go into a header.
    pub fn check(&self, name: &str) -> Result<(), ConfigError> {
        let text = self.text(name)?;
        Secret::new(text).map(drop).map_err(|error| self.missing(name, error.to_string()))
    }

    /// Whether a secret has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    fn missing(&self, name: &str, why: String) -> ConfigError {
        let place = self.places.get(name);
        let advice = match place {
            Some(Place::Variable(_)) => "set the variable for this process, or change where [secrets] looks for it",
            Some(Place::File(_)) => {
                "let this process read the file (paths start from the configuration's folder), or change where [secrets] looks"
            }
            Some(Place::Command(_)) => "run the command by hand to see what it prints, or change it in [secrets]",
            None => "add it to [secrets]; `lagdoctor run --example` shows how",
        };
        let place = place.map_or_else(|| "[secrets]".to_owned(), ToString::to_string);
        ConfigError::Secret { name: name.to_owned(), place, why, advice }
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
            Some(Place::Command(command)) => command.value(),
        };
        let text = text.map_err(|why| self.missing(name, why))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl Secrets for SecretBook {
    fn get(&self, name: &str) -> Option<Secret> {
        Secret::new(self.text(name).ok()?).ok()
    }

    fn all(&self) -> Vec<Secret> {
        self.places.keys().filter_map(|name| self.get(name)).collect()
    }
}
