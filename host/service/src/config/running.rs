//! The sections for the running service alone: when it leaves a plugin alone, and where it answers.

use std::net::SocketAddr;

use lagdoctor_model::Millis;
use lagdoctor_runtime::BreakerRules;
use serde::Deserialize;

use super::units;

/// `[quarantine]`: when the running service leaves a plugin alone that fails again and again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuarantineSection {
    /// So many failures within `within` and it is quarantined; default 3.
    pub failures: u32,
    /// How long a failure counts; default 10m.
    #[serde(deserialize_with = "units::required")]
    pub within: Millis,
    /// How long the first quarantine lasts, each further one twice as long; default 2m.
    #[serde(deserialize_with = "units::required")]
    pub first: Millis,
    /// The longest that a quarantine lasts; default 30m.
    #[serde(deserialize_with = "units::required")]
    pub longest: Millis,
    /// How long it must only answer until its failures are forgotten; default 10m.
    #[serde(deserialize_with = "units::required")]
    pub healthy: Millis,
}

impl Default for QuarantineSection {
    fn default() -> Self {
        let BreakerRules { failures, within, first, longest, healthy } = BreakerRules::default();
        Self { failures, within, first, longest, healthy }
    }
}

impl QuarantineSection {
    /// What makes no sense.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.failures == 0 {
            return Some("`failures` must be at least 1; a large number makes it never happen");
        }
        (self.longest < self.first).then_some("`longest` must be at least `first`")
    }

    /// The rules for the guards of plugins.
    pub fn rules(&self) -> BreakerRules {
        let Self { failures, within, first, longest, healthy } = *self;
        BreakerRules { failures, within, first, longest, healthy }
    }
}

/// `[service]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSection {
    /// Where the service answers over HTTP; it does not when this is missing.
    #[serde(default, deserialize_with = "units::address")]
    pub listen: Option<SocketAddr>,
}
