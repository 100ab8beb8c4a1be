//! How is a stranger's component run safely? A [`Host`] owns the engine; [`Host::load`] turns bytes into a [`Plugin`], compiled
//! or taken out of a [`Cache`];
//! [`Plugin::bind`] joins it with an operator's configuration and grants; each call of a [`Bound`] runs on a fresh
//! instance under [`Limits`], and a call that fails is a [`CallError`], which knows what gap it leaves.
//!
//! A plugin has no files, no network, no environment and no clock of its own. What it reaches goes through
//! [`Grants`] and one policy in front of a [`Transport`]; what it says is checked before it becomes a value of the
//! model. What fails again and again is left alone for a while: see [`Bound::guarded`] and [`Breaker`].

mod bindings;
mod breaker;
mod cache;
mod call;
mod convert;
mod egress;
mod engine;
mod error;
mod file;
mod grants;
mod guard;
mod jobs;
mod limits;
mod load;
mod manifest;
mod plugin;
mod pool;
mod rate;
mod store;
mod text;
mod usage;

#[cfg(test)]
mod testing;

pub use breaker::{Breaker, BreakerRules, Ending, Pass, PluginState, Quarantine};
pub use cache::{Cache, CacheError, CacheTally};
pub use convert::batch::Batch;
pub use convert::outcome::{ForecastTarget, Format, IncidentEvent, Phase, RawForecast, Receipt, Rendering};
pub use convert::raw::{
    Attributes, CollectQuery, CollectedPage, RawEdge, RawEvent, RawLog, RawNode, RawSeries, Temporality,
};
pub use egress::{
    AddressClass, BoxFuture, HttpPattern, HttpRequest, HttpResponse, Identity, InvalidSecret, Network, NoSecrets,
    Reach, Resolver, Scrubber, Secret, Secrets, SystemResolver, TlsError, TlsTarget, Transport, TransportError,
    canonical,
};
pub use engine::{Host, HostOptions, Lines};
pub use error::{BindError, CallError, ConfigProblem, ErrorCode, FailureKind, HostError, LoadError};
pub use grants::{GrantKind, GrantRule, Grants, IdleGrant, InvalidGrant};
pub use guard::{Failure, Standing, Tally};
pub use limits::{Limit, Limits, Unit};
pub use manifest::{Ask, Manifest, Unknown, World};
pub use plugin::{Bound, Operator, Plugin};
pub use pool::{Pool, Room};
pub use url::Url;
pub use usage::Usage;
