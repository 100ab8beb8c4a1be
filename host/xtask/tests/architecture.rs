//! Does the code still have the shape that ARCHITECTURE.md draws? Arrows and names of dependencies come from
//! `cargo metadata`, habits of the pure crates from a scan of their sources. Each test is one rule, and its failure says
//! which line breaks it.

#[path = "architecture/sources.rs"]
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use sources::{Source, forbidden, sources_below};

/// Each crate of ours and the crates of ours that it may name. Whoever adds an arrow adds it here, and says why.
const ARROWS: &[(&str, &[&str])] = &[
    ("lagdoctor-wit", &[]),
    ("lagdoctor-model", &["lagdoctor-wit"]),
    ("lagdoctor-bundle", &["lagdoctor-wit", "lagdoctor-model"]),
    ("lagdoctor-diagnosis", &["lagdoctor-wit", "lagdoctor-model"]),
    ("lagdoctor-runtime", &["lagdoctor-wit", "lagdoctor-model"]),
    ("lagdoctor-kafka", &["lagdoctor-wit", "lagdoctor-model"]),
    (
        "lagdoctor-service",
        &[
            "lagdoctor-wit",
            "lagdoctor-model",
            "lagdoctor-bundle",
            "lagdoctor-diagnosis",
            "lagdoctor-runtime",
            "lagdoctor-kafka",
        ],
    ),
    ("lagdoctor-sim", &["lagdoctor-wit", "lagdoctor-model", "lagdoctor-bundle"]),
    (
        "lagdoctor-grade",
        &[
            "lagdoctor-wit",
            "lagdoctor-model",
            "lagdoctor-bundle",
            "lagdoctor-diagnosis",
            "lagdoctor-runtime",
            "lagdoctor-service",
            "lagdoctor-sim",
        ],
    ),
    (
        "lagdoctor",
        &[
            "lagdoctor-wit",
            "lagdoctor-model",
            "lagdoctor-bundle",
            "lagdoctor-diagnosis",
            "lagdoctor-runtime",
            "lagdoctor-kafka",
            "lagdoctor-service",
            "lagdoctor-sim",
            "lagdoctor-grade",
            "lagdoctor-guest-build",
            "lagdoctor-authoring",
        ],
    ),
    ("lagdoctor-guest-build", &[]),
    ("lagdoctor-authoring", &["lagdoctor-wit", "lagdoctor-model", "lagdoctor-runtime", "lagdoctor-guest-build"]),
    // Builds the plugins before anything else is built, so it names nothing that embeds or runs them.
    ("xtask", &["lagdoctor-guest-build"]),
    ("lagdoctor-fuzz", ANYTHING),
    ("lagdoctor-benches", ANYTHING),
];

const ANYTHING: &[&str] = &["*"];

/// Crates of others that only some of ours may name, benches apart: what these know, nobody else needs to know.
const OWNED: &[(&str, &[&str])] = &[
    ("wasmtime", &["lagdoctor-runtime"]),
    ("rdkafka", &["lagdoctor-kafka"]),
    ("rdkafka-sys", &["lagdoctor-kafka"]),
    ("rusqlite", &["lagdoctor-service"]),
    ("axum", &["lagdoctor"]),
    ("clap", &["lagdoctor"]),
    ("indicatif", &["lagdoctor", "lagdoctor-fuzz"]),
    // The runtime's tests make guests out of text.
    ("wit-component", &["lagdoctor-guest-build", "lagdoctor-runtime", "lagdoctor-fuzz"]),
    ("cargo_metadata", &["xtask"]),
    ("criterion", &[]),
];

/// Crates that think and do nothing else.
const PURE: &[(&str, &str)] =
    &[("lagdoctor-model", "host/model"), ("lagdoctor-diagnosis", "host/diagnosis"), ("lagdoctor-sim", "simulator/sim")];

/// Crates of others that bring a clock, the outside or threads; no pure crate names them.
const IMPURE: &[&str] = &["tokio", "hyper", "async-trait", "futures", "rayon", "chrono", "time", "reqwest", "rand"];

/// Longer files hide a seam. An entry names a file and its length; it may only become shorter, and then go.
const MAX_LINES: usize = 500;
const LONG_FILES: &[(&str, usize)] = &[];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository is here")
}

fn metadata(manifest: &str) -> Metadata {
    let manifest = root().join(manifest);
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().expect("cargo reads its own manifest")
}

fn host() -> Vec<Package> {
    metadata("Cargo.toml").packages
}

fn plugins() -> Vec<Package> {
    metadata("plugins/Cargo.toml").packages
}

/// Fails with all that was found, so that one run shows everything.
fn check(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn every_arrow_points_the_way_it_is_drawn() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let packages = host();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut found = Vec::new();
    for package in &packages {
        let Some(allowed) = arrows.get(package.name.as_str()) else {
            found.push(format!("`{}` has no arrows yet; add it to ARROWS and to ARCHITECTURE.md", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            // Tests may look from above, for example at a simulated incident, but benches stay outside of everything.
            let is_test = dependency.kind == DependencyKind::Development && dependency.name != "lagdoctor-benches";
            let name = dependency.name.as_str();
            if ours.contains(name) && !is_test && !allowed.contains(&name) && *allowed != ANYTHING {
                found.push(format!("`{}` must not depend on `{name}`", package.name));
            }
        }
    }
    check("dependencies follow the arrows of ARCHITECTURE.md", found);
}

#[test]
fn what_a_crate_knows_is_known_by_it_alone() {
    let mut found = Vec::new();
    for package in host().iter().filter(|package| package.name != "lagdoctor-benches") {
        for dependency in &package.dependencies {
            let Some((name, owners)) = OWNED.iter().find(|(name, _)| *name == dependency.name) else { continue };
            if !owners.contains(&package.name.as_str()) {
                found.push(format!("`{}` names `{name}`; only {owners:?} may", package.name));
            }
        }
    }
    check("libraries have owners", found);
}

#[test]
fn a_plugin_needs_the_sdk_and_the_contract_and_nothing_of_the_host() {
    let packages = plugins();
    let root = root();
    let mut found = Vec::new();
    for package in &packages {
        for dependency in &package.dependencies {
            let Some(path) = &dependency.path else { continue };
            let path = path.as_std_path().canonicalize().unwrap_or_else(|_| path.as_std_path().to_path_buf());
            let is_contract = path == root.join("wit");
            let is_sdk = path == root.join("plugins/sdk") && package.name != "lagdoctor-sdk";
            // A ranker is tested together with the scorers that it will meet.
            let is_tested_with =
                dependency.kind == DependencyKind::Development && path.starts_with(root.join("plugins"));
            if !is_contract && !is_sdk && !is_tested_with {
                found.push(format!("`{}` must not depend on `{}`", package.name, dependency.name));
            }
        }
    }
    check("plugins depend on the SDK and on wit", found);
    assert!(packages.len() > 1, "there are plugins to look at");
}

#[test]
fn pure_crates_name_nothing_that_brings_a_clock_or_the_outside() {
    let mut found = Vec::new();
    for package in host().iter().filter(|package| PURE.iter().any(|(name, _)| package.name == *name)) {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal) {
            // `rand` is the exception that proves the rule: its traits are welcome, its global generators are not.
            let is_seeded_only = dependency.name == "rand" && !dependency.uses_default_features;
            if IMPURE.contains(&dependency.name.as_str()) && !is_seeded_only {
                found.push(format!("`{}` must not depend on `{}`", package.name, dependency.name));
            }
        }
    }
    check("model, diagnosis and sim are pure", found);
}

#[test]
fn pure_crates_have_no_clock_no_outside_no_hash_order_and_no_platform_mathematics() {
    let mut found = Vec::new();
    for (name, folder) in PURE {
        let sources = sources_below(&root().join(folder).join("src"));
        assert!(!sources.is_empty(), "{name} has sources in {folder}/src");
        for source in &sources {
            found.extend(forbidden(source).into_iter().map(|offence| format!("{}:{offence}", shown(source))));
        }
    }
    check("model, diagnosis and sim are pure", found);
}

#[test]
fn every_crate_takes_lints_and_edition_from_its_workspace() {
    let mut found = Vec::new();
    for package in host().iter().chain(&plugins()) {
        let text = std::fs::read_to_string(&package.manifest_path).expect("a manifest can be read");
        for line in ["[lints]\nworkspace = true", "edition.workspace = true", "rust-version.workspace = true"] {
            if !text.contains(line) {
                found.push(format!("`{}` lacks `{}`", package.name, line.replace('\n', " ")));
            }
        }
    }
    check("rules are written once", found);
}

#[test]
fn no_file_hides_a_seam() {
    let mut found = Vec::new();
    for folder in ["host", "simulator", "plugins", "benches", "wit"] {
        for source in sources_below(&root().join(folder)) {
            let (name, lines) = (shown(&source), source.text.lines().count());
            let allowed = LONG_FILES.iter().find(|(file, _)| *file == name).map_or(MAX_LINES, |(_, lines)| *lines);
            if lines > allowed {
                found.push(format!("{name} has {lines} lines, at most {allowed} are allowed: look for the seam"));
            }
        }
    }
    for (name, lines) in LONG_FILES {
        let now = std::fs::read_to_string(root().join(name)).map_or(0, |text| text.lines().count());
        if now < *lines {
            found.push(format!("{name} has {now} lines by now; write that into LONG_FILES, or take it out"));
        }
    }
    check(&format!("files have at most {MAX_LINES} lines"), found);
}

fn shown(source: &Source) -> String {
    source.path.strip_prefix(root()).unwrap_or(&source.path).to_string_lossy().into_owned()
}

mod scan {
    use super::*;

    fn offences(text: &str) -> Vec<String> {
        forbidden(&Source { path: PathBuf::from("lib.rs"), text: text.to_owned() })
    }

    #[test]
    fn each_impurity_is_found() {
        for line in [
            "use std::time::Instant;",
            "let now = SystemTime::now();",
            "std::fs::read(path)",
            "use std::{env, fs};",
            "use std::net::TcpStream;",
            "let m: HashMap<K, V> = HashMap::new();",
            "use std::collections::{BTreeMap, HashSet};",
            "async fn diagnose() {}",
            "tokio::spawn(x);",
            "let y = x.exp();",
            "let y = f64::powf(x, 2.0);",
            "let y = (a + b).ln();",
            "let mut rng = StdRng::seed_from_u64(7);",
            "std::thread::sleep(d);",
        ] {
            assert!(!offences(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn what_only_sounds_like_an_impurity_is_not_found() {
        for line in [
            "let y = libm::exp(x);",
            "// HashMap would lose the order",
            "/// As `std::fs` does.",
            "/* x.exp() */ let a = 1;",
            "let text = \"x.exp() in tokio\";",
            "let text = r#\"HashMap \"quoted\" \"#;",
            "let experiment = plan.explain();",
            "use std::net::Ipv6Addr;",
            "let quote = '\"'; let y = a.sqrt();",
            "fn run<'a>(x: &'a str) -> &'a str { x }",
            "let code = 1; #[cfg(test)] mod tests { use std::collections::HashMap; }",
        ] {
            assert_eq!(offences(line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn an_offence_names_its_line_and_the_way_out() {
        assert_eq!(offences("\n\nlet y = x.ln();"), ["3: `ln` differs between platforms: use libm"]);
    }
}
