//! Could anybody else have written what is in this folder? [`Folder::open`] walks to it from the root, one opened folder
//! after the other, and asks each who may change what is in it. The folder that comes out is held open: all files are
//! reached through it, so that renaming or replacing it, or anything above it, later on changes nothing. It and each file
//! are looked at again, opened, before their bytes count.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Stat, Timestamps, UTIME_NOW, UTIME_OMIT, fstat, mkdirat, openat, readlinkat,
    renameat, statat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::entry;
use super::error::CacheError;

/// Group and others may write.
const OTHERS_WRITE: u32 = 0o022;
/// Entries of such a folder can be renamed and removed by their owners alone.
const STICKY: u32 = 0o1000;
/// Links on the way to one folder, as most kernels have it.
const MOST_LINKS: usize = 40;
/// How the names of files begin that are still being written.
const UNFINISHED: &str = ".new-";
/// Seconds after which a file that is still being written belongs to a process that is gone.
const FORGOTTEN_S: i64 = 3600;

/// Enough to go through a folder; reading its list of files takes more rights.
#[cfg(any(target_os = "linux", target_os = "android"))]
const PASS: OFlags = OFlags::PATH;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const PASS: OFlags = OFlags::RDONLY;
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A folder that this user alone can write, held open.
pub(super) struct Folder {
    opened: OwnedFd,
    path: PathBuf,
    user: u32,
}

/// Why a file was not read or written.
#[derive(Debug)]
pub(super) enum Unread {
    /// The folder is not ours alone.
    Untrusted(CacheError),
    /// The file is not, or cannot be read or written.
    Flawed(String),
}

/// Bytes that this user alone could have written. [`Folder::read`] is the only way to them.
#[derive(Debug)]
pub(super) struct OwnBytes(Vec<u8>);

impl OwnBytes {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    #[cfg(test)]
    pub(super) fn claimed(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Folder {
    /// Walks to the folder, and makes what is missing of the way.
    pub(super) fn open(path: &Path) -> Result<Self, CacheError> {
        let failed = |source| CacheError::Io { path: path.to_owned(), what: "use", source };
        let absolute = std::path::absolute(path).map_err(failed)?;
        let user = user().map_err(failed)?;
        let (opened, path) = Walk::new(user, &absolute)?.arrive()?;
        let folder = Self { opened, path, user };
        folder.check()?;
        Ok(folder)
    }

    /// Whether it is still ours alone.
    fn check(&self) -> Result<(), CacheError> {
        let path = || self.path.clone();
        let stat = fstat(&self.opened).map_err(|errno| io_error(&self.path, "look at", errno))?;
        let mode = permissions(&stat);
        if stat.st_uid != self.user {
            Err(CacheError::Owner { path: path(), owner: stat.st_uid, user: self.user })
        } else if mode & OTHERS_WRITE != 0 {
            Err(CacheError::Writable { path: path(), mode })
        } else {
            Ok(())
        }
    }

    /// What is in this file; nothing when it is not there.
    pub(super) fn read(&self, name: &str, most_bytes: u64) -> Result<Option<OwnBytes>, Unread> {
        self.check().map_err(Unread::Untrusted)?;
        let flawed = |why: String| Err(Unread::Flawed(why));
        // Opening a pipe for reading waits for a writer unless told not to.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let opened = match openat(&self.opened, name, flags, Mode::empty()) {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return flawed("it is a symbolic link".to_owned()),
            Err(errno) => return flawed(format!("it cannot be opened ({errno})")),
        };
        let stat = match fstat(&opened) {
            Ok(stat) => stat,
            Err(errno) => return flawed(format!("it cannot be looked at ({errno})")),
        };
        let (mode, size) = (permissions(&stat), u64::try_from(stat.st_size).unwrap_or(u64::MAX));
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return flawed("it is no file".to_owned());
        }
        if stat.st_uid != self.user {
            return flawed(format!("it belongs to user {}", stat.st_uid));
        }
        if mode & OTHERS_WRITE != 0 {
            return flawed(format!("others may write to it (mode {mode:04o})"));
        }
        if size > most_bytes {
            return flawed(format!("it has {size} bytes, and all files together may have {most_bytes}"));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        // One byte more than there should be shows a file that grows while it is read.
        match File::from(opened).take(size + 1).read_to_end(&mut bytes) {
            Ok(_) => Ok(Some(OwnBytes(bytes))),
            Err(error) => flawed(format!("it cannot be read ({error})")),
        }
    }

    /// Makes this file of these parts. Others see all of it or nothing.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) -> Result<(), Unread> {
        self.check().map_err(Unread::Untrusted)?;
        let (unfinished, file) = self.unfinished().map_err(|error| Unread::Flawed(error.to_string()))?;
        let finish = || {
            let mut file = file;
            for part in parts {
                file.write_all(part)?;
            }
            // No waiting for the disk: what a power cut leaves half written has a wrong digest.
            renameat(&self.opened, unfinished.as_str(), &self.opened, name).map_err(io::Error::from)
        };
        finish().map_err(|error| {
            // What cannot be removed is removed when it has been forgotten.
            let _ = self.remove(&unfinished);
            Unread::Flawed(error.to_string())
        })
    }

    /// A new file under a name that nobody else uses.
    fn unfinished(&self) -> io::Result<(String, File)> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // Processes of two containers may have one number, so a name may be taken.
        for _ in 0..1000 {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("{UNFINISHED}{}-{count}", std::process::id());
            match openat(&self.opened, name.as_str(), flags, Mode::RUSR | Mode::WUSR) {
                Ok(opened) => return Ok((name, File::from(opened))),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    /// Notes that this file was used just now. Where that cannot be noted, it goes earlier than it might.
    pub(super) fn touch(&self, name: &str) {
        let time = |nanoseconds| rustix::fs::Timespec { tv_sec: 0, tv_nsec: nanoseconds };
        let times = Timestamps { last_access: time(UTIME_OMIT), last_modification: time(UTIME_NOW) };
        let _ = utimensat(&self.opened, name, &times, AtFlags::SYMLINK_NOFOLLOW);
    }

    /// Takes a file away. One that is gone already is no error.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.opened, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes away the files that have not been used for longest, until all together have at most so many bytes, and what
    /// processes that are gone have left half written. Says how many of the former. Two processes that do this at once
    /// remove the same files, because both begin with the oldest.
    pub(super) fn shrink(&self, newest: &str, most_bytes: u64) -> u64 {
        let Ok(files) = self.files() else { return 0 };
        let now = files.iter().find(|file| file.name == newest).map(|file| file.used);
        let mut total: u64 = 0;
        let mut kept = vec![];
        for file in files {
            if file.name.starts_with(UNFINISHED) {
                if now.is_some_and(|now| now.0.saturating_sub(file.used.0) > FORGOTTEN_S) {
                    let _ = self.remove(&file.name);
                }
            } else {
                total = total.saturating_add(file.size);
                kept.push(file);
            }
        }
        kept.sort_by(|a, b| (a.used, &a.name).cmp(&(b.used, &b.name)));
        let mut evicted = 0;
        for file in kept.iter().filter(|file| file.name != newest) {
            if total <= most_bytes {
                break;
            }
            if self.remove(&file.name).is_ok() {
                total = total.saturating_sub(file.size);
                evicted += 1;
            }
        }
        evicted
    }

    /// The files of the cache, and those that are being written.
    fn files(&self) -> io::Result<Vec<Kept>> {
        let mut files = vec![];
        for listed in Dir::read_from(&self.opened)? {
            let listed = listed?;
            let Ok(name) = listed.file_name().to_str() else { continue };
            if !entry::is_file_name(name) && !name.starts_with(UNFINISHED) {
                continue;
            }
            // Another process may have taken it away meanwhile.
            let Ok(stat) = statat(&self.opened, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            #[allow(clippy::unnecessary_cast, reason = "the width of these fields differs between systems")]
            let used = (stat.st_mtime as i64, stat.st_mtime_nsec as i64);
            files.push(Kept { name: name.to_owned(), size, used });
        }
        Ok(files)
    }
}

/// A file and when it was used last.
struct Kept {
    name: String,
    size: u64,
    /// Seconds and nanoseconds of the file system's clock.
    used: (i64, i64),
}

/// On the way from the root to a folder.
struct Walk {
    user: u32,
    at: OwnedFd,
    path: PathBuf,
    ahead: VecDeque<OsString>,
    links: usize,
}

impl Walk {
    fn new(user: u32, path: &Path) -> Result<Self, CacheError> {
        let mut walk = Self { user, at: root()?, path: PathBuf::from("/"), ahead: VecDeque::new(), links: 0 };
        walk.go_on_with(path);
        Ok(walk)
    }

    fn arrive(mut self) -> Result<(OwnedFd, PathBuf), CacheError> {
        while let Some(name) = self.ahead.pop_front() {
            if name == ".." {
                self.at = openat(&self.at, "..", PASS | FOLDER, Mode::empty()).map_err(|e| self.failed("open", e))?;
                self.path.pop();
                continue;
            }
            // Whoever may change a folder decides where every name in it leads.
            self.check()?;
            self.step(&name)?;
        }
        let opened = openat(&self.at, ".", OFlags::RDONLY | FOLDER, Mode::empty());
        let opened = opened.map_err(|errno| self.failed("open", errno))?;
        Ok((opened, self.path))
    }

    /// One name further.
    fn step(&mut self, name: &OsStr) -> Result<(), CacheError> {
        let mut next = openat(&self.at, name, PASS | FOLDER, Mode::empty());
        if matches!(next, Err(Errno::NOENT)) {
            match mkdirat(&self.at, name, Mode::RWXU) {
                // Another process that starts at the same time may have been quicker.
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(io_error(&self.path.join(name), "make", errno)),
            }
            next = openat(&self.at, name, PASS | FOLDER, Mode::empty());
        }
        match next {
            Ok(next) => {
                self.at = next;
                self.path.push(name);
                Ok(())
            }
            // Systems differ in what they say of a link that must not be followed.
            Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => self.follow(name),
            Err(errno) => Err(io_error(&self.path.join(name), "open", errno)),
        }
    }

    /// Goes where a link points to, when it is ours or the system's.
    fn follow(&mut self, name: &OsStr) -> Result<(), CacheError> {
        let path = self.path.join(name);
        let stat = statat(&self.at, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| io_error(&path, "look at", e))?;
        self.links += 1;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink || self.links > MOST_LINKS {
            return Err(CacheError::NotAFolder { path });
        }
        if !self.is_trusted(stat.st_uid) {
            return Err(CacheError::Link { path, owner: stat.st_uid, user: self.user });
        }
        let target = readlinkat(&self.at, name, vec![]).map_err(|errno| io_error(&path, "follow", errno))?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        if target.is_absolute() {
            self.at = root()?;
            self.path = PathBuf::from("/");
        }
        self.go_on_with(&target);
        Ok(())
    }

    fn go_on_with(&mut self, path: &Path) {
        for component in path.components().rev() {
            match component {
                Component::Normal(name) => self.ahead.push_front(name.to_owned()),
                Component::ParentDir => self.ahead.push_front("..".into()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
    }

    fn is_trusted(&self, owner: u32) -> bool {
        owner == 0 || owner == self.user
    }

    /// Whether nobody but this user and the system may change what the names in this folder stand for.
    fn check(&self) -> Result<(), CacheError> {
        let stat = fstat(&self.at).map_err(|errno| self.failed("look at", errno))?;
        let (path, mode) = (self.path.clone(), permissions(&stat));
        if !self.is_trusted(stat.st_uid) {
            Err(CacheError::Owner { path, owner: stat.st_uid, user: self.user })
        } else if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
            Err(CacheError::Writable { path, mode })
        } else {
            Ok(())
        }
    }

    fn failed(&self, what: &'static str, errno: Errno) -> CacheError {
        io_error(&self.path, what, errno)
    }
}

fn root() -> Result<OwnedFd, CacheError> {
    rustix::fs::open("/", PASS | FOLDER, Mode::empty()).map_err(|errno| io_error(Path::new("/"), "open", errno))
}

fn io_error(path: &Path, what: &'static str, errno: Errno) -> CacheError {
    CacheError::Io { path: path.to_owned(), what, source: errno.into() }
}

#[allow(clippy::unnecessary_cast, reason = "the width of a mode differs between systems")]
fn permissions(stat: &Stat) -> u32 {
    stat.st_mode as u32 & 0o7777
}

/// The user whose files this process makes: that of a pipe which it has just made.
fn user() -> io::Result<u32> {
    let (pipe, _) = io::pipe()?;
    Ok(fstat(&pipe)?.st_uid)
}
