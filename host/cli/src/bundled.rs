//! The plugins that are built into this program.

/// A component inside this program.
pub struct Bundled {
    /// Its file name without ending, such as `scorer-kafka-lag`.
    pub name: &'static str,
    /// The component.
    pub wasm: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/bundled.rs"));
