//! What is said to, and asked of, the person who runs `cargo xtask`?

use std::io::{self, Write};

use lagdoctor_guest_build::{Console, TARGET};

/// Standard error and standard input.
pub(crate) struct Terminal;

impl Console for Terminal {
    fn say(&self, line: &str) {
        eprintln!("    {line}");
    }

    fn agrees(&self, command: &str) -> bool {
        eprint!("The plugins need a compiler for {TARGET}. Install it with\n  {command}\n? [y/N] ");
        let _ = io::stderr().flush();
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
    }
}
