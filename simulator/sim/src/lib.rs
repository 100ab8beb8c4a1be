//! What would a real pipeline show if this broke? A deterministic simulator of producers, a Kafka cluster, consumers and
//! what they depend on, with faults that act on causes only. It gives out what real exporters, logs and Kafka would give,
//! and, apart from that, the truth.
//!
//! Start at [`Scenario`] for what is simulated and at [`Simulation`] for a run; [`endpoints`] answers questions about a
//! run as Prometheus and Elasticsearch would. The physics is in `cluster`, one file per thing; `fault` has one file per
//! kind of fault.
//!
//! ```
//! # use lagdoctor_sim::{Scenario, Simulation};
//! # use lagdoctor_model::Millis;
//! let scenario = Scenario::builtin("replication-delay").unwrap();
//! let mut run = Simulation::new(&scenario, 7);
//! run.advance_to(run.start() + Millis::minutes(2));
//! assert!(run.backlog("fulfilment").unwrap() < 3000);
//! ```

mod cluster;
pub mod endpoints;
mod fault;
pub mod gallery;
mod lint;
mod numbers;
mod pair;
mod past;
mod random;
mod scenario;
mod shrink;
mod simulation;
mod spread;
mod state;
mod swarm;
mod telemetry;
#[cfg(test)]
mod tests;
mod topology;
mod trace;
mod truth;
mod units;

pub use lint::{lint, unused_kinds};
pub use pair::{Pair, Without};
pub use past::Past;
pub use scenario::{Blur, Expect, Scenario, ScenarioError, builtin_about, builtin_names, builtin_version};
pub use shrink::{Shrunk, shrink};
pub use simulation::Simulation;
pub use spread::Diverged;
pub use state::{CommitState, GroupState, KafkaState, MemberState, PartitionState};
pub use swarm::{Broken, Swarm};
pub use telemetry::{Shipped, Telemetry};
pub use truth::{Impact, Root, Truth};
