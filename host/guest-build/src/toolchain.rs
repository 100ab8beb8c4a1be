//! Which compiler makes the guests? They are built for `wasm32-unknown-unknown`, whose standard library comes from rustup
//! or, where rustup cannot download, from Debian's packages. Start at [`Toolchain::find`].
//!
//! What is installed already is taken first, then rustup is tried, then Debian. The target does not stand in
//! `rust-toolchain.toml`, because where rustup cannot download every cargo call would then fail.

use std::ffi::OsString;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use crate::process::{output_of, shown};

/// The target of all guests: no WASI, so that a guest's only imports are those of the contract.
pub const TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "rust-web-src", "cargo-web", "lld-19"];
const DEBIAN_LINKER: &str = "wasm-ld-19";
const DEBIAN_LIBRARY: &str = "/usr/lib/rustlib/src/rust/library/std";

/// How long rustup may try; it retries for minutes where nothing answers.
const RUSTUP_PATIENCE: Duration = Duration::from_secs(120);

/// Which toolchain a person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The first that works.
    First,
    /// The one in use, with rustup's standard library for the target.
    Rustup,
    /// Debian's packages.
    Debian,
}

/// Whether packages may be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// After asking, or where nobody could be asked.
    Ask,
    /// Yes.
    Given,
}

/// The person at the terminal.
pub trait Console {
    /// Tells one line.
    fn say(&self, line: &str);
    /// Asks whether this command may be run.
    fn agrees(&self, command: &str) -> bool;
}

/// No compiler for the guests' target.
#[derive(Debug, thiserror::Error)]
#[error(
    "no compiler for {TARGET}, which plugins need. Run one of\n  rustup target add {TARGET}\n  {}\nTried:\n  {}",
    debian_command(), tried.join("\n  ")
)]
pub struct ToolchainError {
    /// What was tried, and why it did not work.
    pub tried: Vec<String>,
}

/// What is built, and where.
#[derive(Clone, Debug)]
pub struct Workshop {
    /// The folder of the manifest.
    pub folder: PathBuf,
    /// Cargo's folder for what it makes. One of its own, because two compilers may share it with nobody.
    pub target: PathBuf,
    /// What stands in a component in place of the path of these sources, so that it does not tell where it was built.
    pub sources: (PathBuf, String),
}

/// A compiler that makes guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The one in use, with the target's library beside it.
    Own,
    /// Debian's, which builds the standard library from its source.
    Debian,
}

impl Toolchain {
    /// Finds one, installing what is needed, and says what it did.
    ///
    /// # Errors
    /// When there is none, naming both commands that would bring one.
    pub fn find(choice: Choice, consent: Consent, console: &dyn Console) -> Result<Self, ToolchainError> {
        if choice != Choice::Debian && own_has_target() {
            console.say(&format!("plugins are built with this toolchain's own {TARGET}"));
            return Ok(Self::Own);
        }
        if choice != Choice::Rustup && debian_is_installed() {
            console.say("plugins are built with Debian's rustc-web, which is installed");
            return Ok(Self::Debian);
        }
        let mut tried = Vec::new();
        if choice != Choice::Debian {
            match rustup_add(console) {
                Ok(()) => {
                    console
                        .say(&format!("plugins are built with this toolchain; rustup has just added {TARGET} to it"));
                    return Ok(Self::Own);
                }
                Err(why) => tried.push(why),
            }
        }
        if choice != Choice::Rustup {
            match debian_install(consent, console) {
                Ok(()) => {
                    console.say("plugins are built with Debian's rustc-web, which has just been installed");
                    return Ok(Self::Debian);
                }
                Err(why) => tried.push(why),
            }
        }
        Err(ToolchainError { tried })
    }

    /// Cargo, set up to build this.
    pub fn cargo(self, workshop: &Workshop) -> Command {
        let mut command = match self {
            Self::Own => Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
            Self::Debian => {
                let mut command = Command::new("/usr/bin/cargo");
                // What rustup's cargo told this program about itself would mislead another cargo.
                for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTUP_HOME", "RUSTDOC", "RUSTC_WRAPPER"] {
                    command.env_remove(variable);
                }
                // Building the standard library is not stable, and with these four packages it was tried.
                command.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
                command
            }
        };
        command.current_dir(&workshop.folder).args(["build", "--release", "--target", TARGET]);
        command.arg("--target-dir").arg(&workshop.target);
        command.env("CARGO_ENCODED_RUSTFLAGS", flags(workshop)).env_remove("RUSTFLAGS");
        if self == Self::Debian {
            command.arg("-Zbuild-std=std,panic_abort");
        }
        command
    }
}

/// Panic messages hold source paths. They must not tell where a plugin was built, nor make its bytes depend on that.
fn flags(workshop: &Workshop) -> OsString {
    let home = env::var_os("HOME").unwrap_or_default();
    let cargo_home = env::var_os("CARGO_HOME").unwrap_or_else(|| Path::new(&home).join(".cargo").into_os_string());
    let mut flags = OsString::new();
    let (sources, name) = &workshop.sources;
    for (from, to) in [(sources.as_os_str(), name.as_str()), (&cargo_home, "cargo")] {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push(format!("=/{to}"));
    }
    flags
}

/// Whether the compiler in use has the target's standard library.
fn own_has_target() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    output_of(Command::new(rustc).args(["--print", "sysroot"]))
        .is_some_and(|sysroot| Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("lib").is_dir())
}

fn rustup_add(console: &dyn Console) -> Result<(), String> {
    let mut command = Command::new("rustup");
    command.args(["target", "add", TARGET]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let words = shown(&command);
    console.say(&words);
    let mut child = command.spawn().map_err(|error| format!("`{words}`: {error}"))?;
    let Some(mut errors) = child.stderr.take() else { return Err(format!("`{words}`: no output")) };
    let reader = thread::spawn(move || {
        let mut said = String::new();
        errors.read_to_string(&mut said).map(|_| said)
    });
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < RUSTUP_PATIENCE => thread::sleep(Duration::from_millis(50)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("`{words}`: no end after {} s", RUSTUP_PATIENCE.as_secs()));
            }
            Err(error) => return Err(format!("`{words}`: {error}")),
        }
    };
    let said = reader.join().ok().and_then(Result::ok).unwrap_or_default();
    if status.success() && own_has_target() {
        return Ok(());
    }
    let why = said.lines().filter(|line| line.contains("error") || line.contains("Caused")).collect::<Vec<_>>();
    let why = if why.is_empty() { said.lines().last().unwrap_or("it says nothing").to_owned() } else { why.join("; ") };
    Err(format!("`{words}`: {why}"))
}

/// Whether the four packages are there, in a version that knows this edition.
fn debian_is_installed() -> bool {
    let minimum = minor_version(env!("CARGO_PKG_RUST_VERSION")).unwrap_or(u32::MAX);
    let version = output_of(Command::new("/usr/bin/rustc").arg("--version"));
    let is_recent = version.as_deref().and_then(|text| text.split_whitespace().nth(1)).and_then(minor_version);
    is_recent.is_some_and(|minor| minor >= minimum)
        && Path::new("/usr/bin/cargo").exists()
        && Path::new(DEBIAN_LIBRARY).is_dir()
        && output_of(Command::new(DEBIAN_LINKER).arg("--version")).is_some()
}

/// 95 of `1.95` or `1.95.0`.
fn minor_version(version: &str) -> Option<u32> {
    version.strip_prefix("1.")?.split('.').next()?.parse().ok()
}

fn debian_command() -> String {
    format!("apt-get update && apt-get install -y --no-install-recommends {}", DEBIAN_PACKAGES.join(" "))
}

/// Installs Debian's packages where that was allowed: by an option, by CI, by a yes; a root shell without a terminal is
/// a container or a build machine, where nobody could be asked.
fn debian_install(consent: Consent, console: &dyn Console) -> Result<(), String> {
    let command = debian_command();
    if !Path::new("/etc/debian_version").exists() {
        return Err("Debian's packages: this is not Debian".to_owned());
    }
    if output_of(Command::new("id").arg("-u")).as_deref() != Some("0") {
        return Err(format!("Debian's packages: only root can install them; run `sudo sh -c '{command}'`"));
    }
    let is_ci = env::var_os("CI").is_some_and(|value| !value.is_empty());
    let because = match consent {
        Consent::Given => "--yes was given",
        Consent::Ask if is_ci => "CI is set",
        Consent::Ask if !io::stdin().is_terminal() => "this is root without a terminal",
        Consent::Ask if console.agrees(&command) => "you said yes",
        Consent::Ask => return Err("Debian's packages: you said no".to_owned()),
    };
    console.say(&format!("installing Debian's packages, because {because}: {command}"));
    let mut update = Command::new("apt-get");
    update.args(["update", "-qq"]);
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(DEBIAN_PACKAGES);
    for step in [&mut update, &mut install] {
        step.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
        let status = step.status().map_err(|error| format!("Debian's packages: `{}`: {error}", shown(step)))?;
        if !status.success() {
            return Err(format!("Debian's packages: `{}` failed with {status}", shown(step)));
        }
    }
    if debian_is_installed() {
        return Ok(());
    }
    Err("Debian's packages: they are installed, but too old or not all of what is needed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_number_and_not_as_text() {
        assert_eq!(minor_version("1.95"), Some(95));
        assert_eq!(minor_version("1.100.0"), Some(100));
        assert_eq!(minor_version("1.63.0"), Some(63));
        assert_eq!(minor_version("2.0"), None);
        assert!(minor_version(env!("CARGO_PKG_RUST_VERSION")).is_some());
    }

    #[test]
    fn a_component_does_not_tell_where_it_was_built() {
        let sources = (PathBuf::from("/ann/plugins"), "lagdoctor".to_owned());
        let workshop = Workshop { folder: "/ann/plugins/a".into(), target: "/tmp".into(), sources };
        let flags = flags(&workshop).to_string_lossy().into_owned();
        let parts: Vec<&str> = flags.split('\u{1f}').collect();
        assert_eq!(parts[0], "--remap-path-prefix=/ann/plugins=/lagdoctor");
        assert!(parts[1].ends_with("=/cargo"), "{flags}");
    }
}
