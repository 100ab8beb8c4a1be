//! How is a component file read? Once, into memory, and no more of it than a component may have. What is checked, what is
//! digested and what is compiled are those bytes: a file that is replaced meanwhile is another plugin, next time.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::engine::Host;
use crate::error::LoadError;
use crate::load::MAX_COMPONENT;
use crate::plugin::Plugin;

impl Host {
    /// Loads a component file, as [`Host::load`] does with its bytes. The file is read once.
    ///
    /// # Errors
    /// When it cannot be read, and as [`Host::load`].
    pub async fn load_file(&self, path: &Path) -> Result<Plugin, LoadError> {
        let source_name = path.display().to_string();
        let wasm = read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
        self.load(&source_name, &wasm).await
    }
}

/// The whole file; of a larger one than any component just enough to be refused.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let mut wasm = vec![];
    file.take(MAX_COMPONENT as u64 + 1).read_to_end(&mut wasm)?;
    Ok(wasm)
}

/// Opening a pipe waits for who writes to it, unless told not to.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    File::options().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}
