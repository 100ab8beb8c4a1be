//! Configuration and topology files.

use std::io;
use std::path::Path;

use lagdoctor_model::is_obeyed;
use lagdoctor_service::config::{Config, EXAMPLE, read_topology};
use tempfile::TempDir;

use super::{Input, Target};
use crate::Seed;
use crate::mutate::mutate;

const WORDS: [&[u8]; 18] = [
    b"[[kafka]]\n",
    b"[[plugin]]\n",
    b"[[tls]]\n",
    b"grants = [\"secret a for=https://b\"]\n",
    b"file = \"x\"\n",
    b"[[node]]\n",
    b"id = \"group:a\"\n",
    b"depends = [\"group:a\"]\n",
    b"\"",
    b"{",
    b"]",
    b"1e999",
    b"99999999999999999999d",
    b"\xf0\x9f\x92\xa9",
    b"\n",
    b"'''",
    b"\x1b]0;title\x07",
    b"\"\\u001b[2J\" = 1\n",
];

const TOPOLOGY: &str = r#"
[[node]]
id = "group:fulfilment"
owner = "team"
depends = ["service:fulfilment", "topic:orders", { on = "database:d", as = "calls" }]
[[node]]
id = "database:d"
address = "10.0.0.9:3306"
"#;

pub(super) struct ConfigFile {
    folder: TempDir,
}

impl ConfigFile {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { folder: tempfile::tempdir()? })
    }
}

impl Target for ConfigFile {
    fn generate(&self, seed: &mut Seed) -> Vec<Input> {
        // Comments are half of the example, and changes in them test nothing.
        let plain: String =
            EXAMPLE.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
        let config = mutate(seed, plain.as_bytes(), &WORDS);
        let topology = mutate(seed, TOPOLOGY.as_bytes(), &WORDS);
        vec![Input::new("lagdoctor.toml", config), Input::new("shop.toml", topology)]
    }

    fn run(&mut self, inputs: &[Input]) -> Result<(), String> {
        for input in inputs {
            let path = self.folder.path().join(&input.name);
            if input.name == "shop.toml" {
                std::fs::write(&path, &input.bytes).map_err(|error| error.to_string())?;
                if let Err(error) = read_topology(&path) {
                    harmless(&error.to_string())?;
                }
            } else if let Err(error) =
                Config::parse(Path::new("lagdoctor.toml"), &String::from_utf8_lossy(&input.bytes))
            {
                harmless(&error.to_string())?;
            }
        }
        Ok(())
    }
}

/// An error is one that a person can be shown.
fn harmless(text: &str) -> Result<(), String> {
    match text.chars().find(|c| is_obeyed(*c)) {
        Some(c) => Err(format!("an error holds {c:?}, which a terminal obeys: {text:?}")),
        None if text.len() > 64 << 10 => Err(format!("an error of {} bytes", text.len())),
        None => Ok(()),
    }
}
