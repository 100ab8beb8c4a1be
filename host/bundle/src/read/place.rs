//! Where the files of a bundle lie: in a folder, or packed behind each other.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::is_absent;
use crate::files;
use crate::trouble::Trouble;

pub(super) enum Source<'a> {
    Folder(&'a Path),
    Packed { name: PathBuf, files: BTreeMap<&'a str, &'a [u8]> },
}

impl<'a> Source<'a> {
    /// What can be made out of these bytes; a file that ends too early ends where they do.
    pub(super) fn packed(name: &str, packed: &'a [u8]) -> Self {
        let mut found = BTreeMap::new();
        let mut rest = packed.strip_prefix(files::PACKED).unwrap_or_default();
        while let Some((file, length, behind)) = entry(rest) {
            let (content, next) = behind.split_at(length.min(behind.len()));
            found.insert(file, content);
            rest = next;
        }
        Self::Packed { name: name.into(), files: found }
    }

    /// What errors call it.
    pub(super) fn name(&self) -> &Path {
        match self {
            Self::Folder(dir) => dir,
            Self::Packed { name, .. } => name,
        }
    }

    /// Whether there is anything that could be a bundle.
    pub(super) fn is_there(&self) -> bool {
        match self {
            Self::Folder(dir) => dir.is_dir(),
            Self::Packed { .. } => true,
        }
    }

    pub(super) fn has(&self, file: &str) -> bool {
        match self {
            Self::Folder(dir) => dir.join(file).exists(),
            Self::Packed { files, .. } => files.contains_key(file),
        }
    }

    /// The content of a file.
    pub(super) fn reader(&self, file: &str) -> io::Result<Box<dyn Read + 'a>> {
        match self {
            Self::Folder(dir) => Ok(Box::new(File::open(dir.join(file))?)),
            Self::Packed { files, .. } => Ok(Box::new(*files.get(file).ok_or(io::ErrorKind::NotFound)?)),
        }
    }

    /// The same, when it is a file and can be read.
    pub(super) fn open(&self, file: &str) -> Result<Box<dyn Read + 'a>, Trouble> {
        if let Self::Folder(dir) = self {
            // A pipe in place of a file would keep its reader waiting for ever.
            match fs::metadata(dir.join(file)) {
                Ok(metadata) if metadata.is_file() => {}
                Err(error) if is_absent(&error) => return Err(Trouble::Missing),
                Ok(_) | Err(_) => return Err(Trouble::Unreadable),
            }
        }
        self.reader(file).map_err(|error| if is_absent(&error) { Trouble::Missing } else { Trouble::Unreadable })
    }
}

/// Name and length of the next file, and what lies behind its heading.
fn entry(rest: &[u8]) -> Option<(&str, usize, &[u8])> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (name, length) = std::str::from_utf8(&rest[..end]).ok()?.split_once(' ')?;
    Some((name, length.parse().ok()?, &rest[end + 1..]))
}
