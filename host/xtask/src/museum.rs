//! How does a plugin become a piece of the museum? Its source is built once, small, and the component is put beside it;
//! what has been put there is never built again, because it stands for the binaries that authors have handed out. Start
//! at [`add`]; `plugins/museum/README.md` says what follows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use lagdoctor_guest_build::process::output_of;
use lagdoctor_guest_build::{Component, TARGET, Toolchain, Workshop, wrap};

use crate::command::Options;
use crate::layout::Layout;
use crate::run::{Failure, run, today};
use crate::source::sha256;
use crate::terminal::Terminal;

/// Builds a piece that has none yet, writes `component.wasm`, and prints what is to be said of it.
pub(crate) fn add(layout: &Layout, version: &str, name: &str, options: Options) -> Result<(), Failure> {
    let hall = layout.museum().join(version);
    let place = vacant(&hall, name)?;
    let toolchain = Toolchain::find(options.toolchain, options.consent, &Terminal)?;
    let target = layout.root().join("target/museum");
    let sources = (layout.root().to_path_buf(), "lagdoctor".to_owned());
    let workshop = Workshop { folder: hall.clone(), target: target.clone(), sources };
    run(toolchain.cargo(&workshop).args(["--package", name]))?;
    let module = target.join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_")));
    let module = fs::read(&module).map_err(Failure::file("read", &module))?;
    let component = wrap(&module).map_err(|why| Failure::Component { plugin: name.to_owned(), why })?;
    fs::write(&place, &component.bytes).map_err(Failure::file("write", &place))?;

    let lock = hall.join("Cargo.lock");
    let lock = fs::read_to_string(&lock).map_err(Failure::file("read", &lock))?;
    let manifest = place.with_file_name("Cargo.toml");
    let manifest = fs::read_to_string(&manifest).map_err(Failure::file("read", &manifest))?;
    let today = today();
    let built = Built { rustc: rustc(toolchain), lock: &lock, uses_sdk: manifest.contains("lagdoctor-sdk"), today };
    print!("{}", label(name, &component, &built));
    Ok(())
}

/// Where the component of a piece goes, if nothing is there.
fn vacant(hall: &Path, name: &str) -> Result<PathBuf, Failure> {
    let folder = hall.join(name);
    if !folder.join("Cargo.toml").is_file() {
        return Err(Failure::Museum(format!(
            "there is no {}: write Cargo.toml and src/lib.rs there first, and name it in the members of {}",
            folder.join("Cargo.toml").display(),
            hall.join("Cargo.toml").display()
        )));
    }
    let place = folder.join("component.wasm");
    if place.exists() {
        return Err(Failure::Museum(format!(
            "{} is there already, and a piece is never rebuilt: it stands for what authors have handed out. Add a new \
             piece under another name",
            place.display()
        )));
    }
    Ok(place)
}

/// What a piece was built with, and when.
struct Built<'a> {
    rustc: String,
    lock: &'a str,
    uses_sdk: bool,
    today: String,
}

/// The line for `museum.toml` and the head of `piece.toml`.
fn label(name: &str, component: &Component, built: &Built<'_>) -> String {
    let sdk = match locked(built.lock, "lagdoctor-sdk") {
        Some(version) if built.uses_sdk => format!("sdk = \"{version}\"\n"),
        _ => String::new(),
    };
    format!(
        "\nfor [pieces] of museum.toml:\n{name} = \"{}\"\n\nfor {name}/piece.toml ({} bytes):\nworld = \"{}\"\nimports = {:?}\n\
         built_on = \"{}\"\nrustc = \"{}\"\nwit_bindgen = \"{}\"\n{sdk}shows = \"what it is an example of\"\n",
        sha256(&component.bytes),
        component.bytes.len(),
        component.world,
        component.imports,
        built.today,
        built.rustc,
        locked(built.lock, "wit-bindgen").unwrap_or("unknown"),
    )
}

/// The version of a package in a lock file.
fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next()
}

fn rustc(toolchain: Toolchain) -> String {
    let program = match toolchain {
        Toolchain::Own => env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()),
        Toolchain::Debian => "/usr/bin/rustc".into(),
    };
    output_of(Command::new(program).arg("--version")).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_is_there_is_never_built_again() {
        let hall = tempfile::tempdir().unwrap();
        let refused = |name: &str| vacant(hall.path(), name).unwrap_err().to_string();
        assert!(refused("scorer-new").contains("write Cargo.toml and src/lib.rs there first"));
        let folder = hall.path().join("scorer-new");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("Cargo.toml"), "").unwrap();
        assert_eq!(vacant(hall.path(), "scorer-new").unwrap(), folder.join("component.wasm"));
        fs::write(folder.join("component.wasm"), "").unwrap();
        assert!(refused("scorer-new").contains("never rebuilt"), "{}", refused("scorer-new"));
    }

    #[test]
    fn a_label_says_what_the_piece_was_built_with() {
        let component = Component { bytes: b"x".to_vec(), world: "scorer", imports: vec!["a".to_owned()] };
        let lock = "[[package]]\nname = \"lagdoctor-sdk\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"wit-bindgen\"\nversion = \"0.58.0\"\n";
        let say = |uses_sdk| {
            let built = Built { rustc: "rustc 1.95.0".to_owned(), lock, uses_sdk, today: "2026-01-01".to_owned() };
            label("scorer-new", &component, &built)
        };
        for part in [
            "scorer-new = \"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\"",
            "world = \"scorer\"",
            "imports = [\"a\"]",
            "built_on = \"2026-01-01\"",
            "wit_bindgen = \"0.58.0\"",
        ] {
            assert!(say(true).contains(part), "{}", say(true));
        }
        assert!(say(true).contains("sdk = \"0.1.0\"") && !say(false).contains("sdk ="));
    }
}
