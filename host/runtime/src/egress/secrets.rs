//! Secrets by name. A guest names one, the policy adds it behind the boundary, and nobody prints it.

use std::collections::BTreeMap;
use std::fmt;

/// A value that must not leave the host except towards where it belongs. It has no `Display`, and `Debug` hides it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret(String);

/// A text that cannot be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// Blanking it in answers would blank ordinary words.
    #[error("a secret of fewer than 4 bytes cannot be kept out of answers: use a longer one")]
    TooShort,
    /// It would break out of a header.
    #[error("the secret holds a line break or another control character: store it as one line")]
    Control,
}

impl Secret {
    /// A secret of this value; line breaks at its end, as files and pipes add them, are cut.
    ///
    /// # Errors
    /// When fewer than 4 bytes are left, or one of them is a control character.
    ///
    /// ```
    /// # use lagdoctor_runtime::Secret;
    /// assert_eq!(format!("{:?}", Secret::new("hunter2\n").unwrap()), "Secret(7 bytes)");
    /// ```
    pub fn new(value: impl Into<String>) -> Result<Self, InvalidSecret> {
        let value = value.into().trim_end_matches(['\r', '\n']).to_owned();
        if value.chars().any(char::is_control) {
            Err(InvalidSecret::Control)
        } else if value.len() < 4 {
            Err(InvalidSecret::TooShort)
        } else {
            Ok(Self(value))
        }
    }

    /// The value, for the boundary alone.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// Where secrets come from. Asked on each call, so that a rotated secret is used at once.
pub trait Secrets: Send + Sync {
    /// The secret of this name; `None` when there is none.
    fn get(&self, name: &str) -> Option<Secret>;

    /// All secrets that are known, so that none of them passes in what a far side answers; by default none.
    fn all(&self) -> Vec<Secret> {
        vec![]
    }
}

/// No secrets at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn get(&self, _name: &str) -> Option<Secret> {
        None
    }
}

impl Secrets for BTreeMap<String, Secret> {
    fn get(&self, name: &str) -> Option<Secret> {
        BTreeMap::get(self, name).cloned()
    }

    fn all(&self) -> Vec<Secret> {
        self.values().cloned().collect()
    }
}
