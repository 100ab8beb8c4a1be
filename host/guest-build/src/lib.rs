//! How does a plugin's source become a component? [`Toolchain::find`] finds a compiler for the guests' target, installing
//! it where that was allowed; [`Toolchain::cargo`] is that compiler's cargo, ready to build a [`Workshop`]; [`wrap()`]
//! turns the core module into a component. Nothing here knows whether the plugin is one of ours or a stranger's.

mod component;
pub mod process;
mod toolchain;

pub use component::{Component, wrap};
pub use toolchain::{Choice, Consent, Console, TARGET, Toolchain, ToolchainError, Workshop};
