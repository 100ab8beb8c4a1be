//! Notes for whoever runs lagdoctor: limited in number, redacted, and never part of a diagnosis. In a component they go
//! to the host; natively they go nowhere, since nothing may be judged by them.

fn write(severity: u8, message: &str) {
    #[cfg(target_family = "wasm")]
    crate::bindings::shared::lagdoctor::plugin::log::write(severity, message);
    #[cfg(not(target_family = "wasm"))]
    let _ = (severity, message);
}

/// A detail that only the author needs.
pub fn debug(message: &str) {
    write(5, message);
}

/// Something that went as it should.
pub fn info(message: &str) {
    write(9, message);
}

/// Something that was worked around.
pub fn warn(message: &str) {
    write(13, message);
}

/// Something that failed.
pub fn error(message: &str) {
    write(17, message);
}
