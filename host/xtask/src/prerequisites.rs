//! Is everything installed that a long build would otherwise miss only after minutes? librdkafka and OpenSSL are built
//! from source: the one wants a C and a C++ compiler and make, the other perl with modules that a minimal perl lacks.

use std::env;
use std::process::{Command, Stdio};

use crate::run::Failure;

/// Something that must be there, how to see that it is, and the Debian package that has it.
struct Tool {
    name: &'static str,
    variable: Option<&'static str>,
    program: &'static str,
    arguments: &'static [&'static str],
    package: &'static str,
}

const TOOLS: [Tool; 4] = [
    Tool {
        name: "a C compiler (cc)",
        variable: Some("CC"),
        program: "cc",
        arguments: &["--version"],
        package: "gcc libc6-dev",
    },
    Tool {
        name: "a C++ compiler (c++)",
        variable: Some("CXX"),
        program: "c++",
        arguments: &["--version"],
        package: "g++",
    },
    Tool { name: "make", variable: None, program: "make", arguments: &["--version"], package: "make" },
    Tool {
        name: "perl with its core modules",
        variable: None,
        program: "perl",
        arguments: &["-MFindBin", "-MIPC::Cmd", "-MTime::Piece", "-MFile::Compare", "-e", "1"],
        package: "perl",
    },
];

/// # Errors
/// When something is missing, all of it in one sentence with the command that installs it.
pub(crate) fn check() -> Result<(), Failure> {
    let missing: Vec<&Tool> = TOOLS.iter().filter(|tool| !is_there(tool)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|tool| tool.name).collect();
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    Err(Failure::Missing(format!("{}. On Debian: apt-get install -y {}", names.join(", "), packages.join(" "))))
}

fn is_there(tool: &Tool) -> bool {
    // A variable may hold a whole command, such as "ccache cc".
    let chosen = tool.variable.and_then(|name| env::var(name).ok()).unwrap_or_else(|| tool.program.to_owned());
    let mut words = chosen.split_whitespace();
    let Some(program) = words.next() else { return false };
    Command::new(program)
        .args(words)
        .args(tool.arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(program: &'static str, arguments: &'static [&'static str]) -> bool {
        is_there(&Tool { name: "", variable: None, program, arguments, package: "" })
    }

    #[test]
    fn a_program_that_is_missing_or_fails_is_not_there() {
        assert!(!check("no-such-program-anywhere", &[]));
        assert!(!check("false", &[]));
        assert!(check("true", &[]));
    }
}
