//! Builds every scenario of `simulator/scenarios` into the crate, and the topologies that they use.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let scenarios = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../scenarios");
    println!("cargo:rerun-if-changed={}", scenarios.display());
    let mut text = String::new();
    for (list, folder, begins) in [("BUILTIN", "", ""), ("USED", "topo", "topo/")] {
        let folder = scenarios.join(folder);
        println!("cargo:rerun-if-changed={}", folder.display());
        let mut files: Vec<String> = vec![];
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            files.extend(name.ends_with(".toml").then_some(name));
        }
        files.sort();
        let _ = writeln!(text, "const {list}: &[(&str, &str)] = &[");
        for file in files {
            let path = folder.join(&file);
            println!("cargo:rerun-if-changed={}", path.display());
            let name =
                if begins.is_empty() { file.trim_end_matches(".toml").to_owned() } else { format!("{begins}{file}") };
            let _ = writeln!(text, "    ({name:?}, include_str!({:?})),", path.display().to_string());
        }
        text += "];\n";
    }
    fs::write(Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("scenarios.rs"), text)
}
