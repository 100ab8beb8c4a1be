//! What looks like trouble and is none: it is there to tempt, and the truth has no root for it.

mod demoted;
mod gap;
mod rolling;

use super::Kind;

/// Every kind of this area.
pub(super) const KINDS: &[&dyn Kind] = &[&rolling::DeployRolling, &gap::ExporterGap, &demoted::BrokerDemoted];
