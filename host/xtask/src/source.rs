//! Has a plugin changed? Its source hash covers everything that its component is made from: its own folder, the SDK, the
//! contract, the workspace's manifest and lock file, and how it is built. Two compilers give two components of one
//! source, so sources are compared, and components are only shown.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::layout::Layout;
use crate::run::Failure;

/// Changes when the way of building changes in a manner that the files do not show.
const RECIPE: &str = "wasm32-unknown-unknown component 1";

/// The hash of a plugin in this folder, in hex.
pub(crate) fn hash(layout: &Layout, folder: &Path) -> Result<String, Failure> {
    let plugins = layout.plugins();
    let mut files = vec![plugins.join("Cargo.toml"), plugins.join("Cargo.lock")];
    // Crates that lie together in one folder may share files there.
    let below = folder.ancestors().find(|ancestor| ancestor.parent() == Some(&plugins)).unwrap_or(folder);
    for root in [below.to_path_buf(), plugins.join("sdk"), layout.root().join("wit")] {
        collect(&root, &mut files)?;
    }
    files.sort();
    files.dedup();
    let mut hash = Sha256::new();
    hash.update(RECIPE);
    for file in files {
        let name = file.strip_prefix(layout.root()).unwrap_or(&file).to_string_lossy().into_owned();
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            // The lock file comes into being with the first build.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Failure::file("read", &file)(error)),
        };
        // Lengths keep the end of one file from passing for the beginning of the next.
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(&bytes);
    }
    Ok(hex(&hash.finalize()))
}

/// All files below a folder, but not what cargo or an editor leaves there.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(Failure::file("read", folder))? {
        let path = entry.map_err(Failure::file("read", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "target" || name == "tests" || name.ends_with(".md") {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 of some bytes, in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
