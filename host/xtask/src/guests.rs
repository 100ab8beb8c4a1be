//! How do plugins become components? One cargo call compiles those that changed, each core module is wrapped, and the
//! result goes to `target/plugins`. Start at [`build`].

use std::path::PathBuf;
use std::{fs, io};

use cargo_metadata::{CrateType, Metadata};
use lagdoctor_guest_build::{TARGET, Toolchain, wrap as wrap_module};

use crate::command::Options;
use crate::index::{Entry, Index};
use crate::layout::Layout;
use crate::run::{Failure, run, write_if_changed};
use crate::source;
use crate::terminal::Terminal;

/// Which plugins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    All,
    Named(Vec<String>),
}

/// A crate of the plugins' workspace that becomes a component.
#[derive(Clone, Debug)]
struct Guest {
    name: String,
    folder: PathBuf,
    source_hash: String,
}

/// Brings `target/plugins` up to date and says what it did.
pub(crate) fn build(layout: &Layout, selection: &Selection, options: Options) -> Result<(), Failure> {
    let folder = layout.components();
    fs::create_dir_all(&folder).map_err(Failure::file("make", &folder))?;
    let all = guests(layout)?;
    let wanted = select(&all, selection)?;
    let mut index = Index::read(&folder);
    let stale: Vec<&Guest> =
        wanted.into_iter().filter(|guest| !index.holds(&folder, &guest.name, &guest.source_hash)).collect();
    let mut failures = Vec::new();
    if stale.is_empty() {
        eprintln!("    nothing has changed since the last build");
    } else {
        let toolchain = Toolchain::find(options.toolchain, options.consent, &Terminal)?;
        let mut cargo = toolchain.cargo(&layout.workshop());
        for guest in &stale {
            cargo.args(["--package", &guest.name]);
        }
        run(&mut cargo)?;
        for guest in &stale {
            match wrap(layout, guest) {
                Ok(entry) => index.put(entry),
                Err(failure) => failures.push(failure),
            }
        }
    }
    remove_leftovers(layout, &all, &mut index)?;
    index.write(&folder)?;
    // What could be wrapped is kept; the first that could not is the error, the others are named.
    let mut failures = failures.into_iter();
    let Some(first) = failures.next() else { return Ok(()) };
    failures.for_each(|failure| eprintln!("    {failure}"));
    Err(first)
}

/// Wraps what cargo made of this guest.
fn wrap(layout: &Layout, guest: &Guest) -> Result<Entry, Failure> {
    let file = format!("{}.wasm", guest.name.replace('-', "_"));
    let module = layout.guest_target().join(TARGET).join("release").join(file);
    let module = fs::read(&module).map_err(Failure::file("read", &module))?;
    let component = wrap_module(&module).map_err(|why| Failure::Component { plugin: guest.name.clone(), why })?;
    let path = layout.components().join(format!("{}.wasm", guest.name));
    let written = write_if_changed(&path, &component.bytes)?;
    eprintln!(
        "    {:<26} {:<10} {:>5} KiB{}",
        guest.name,
        component.world,
        component.bytes.len().div_ceil(1024),
        if written { "" } else { ", as before" }
    );
    Ok(Entry {
        name: guest.name.clone(),
        world: component.world.to_owned(),
        source_hash: guest.source_hash.clone(),
        sha256: source::sha256(&component.bytes),
        size_bytes: component.bytes.len() as u64,
        imports: component.imports,
    })
}

/// All crates of the plugins' workspace that are made into a `cdylib`, in the order of their names.
fn guests(layout: &Layout) -> Result<Vec<Guest>, Failure> {
    let metadata: Metadata = layout.metadata(&layout.plugins_manifest())?;
    let mut guests = Vec::new();
    for package in &metadata.packages {
        if !package.targets.iter().any(|target| target.crate_types.contains(&CrateType::CDyLib)) {
            continue;
        }
        let folder =
            package.manifest_path.parent().map(|folder| folder.as_std_path().to_path_buf()).unwrap_or_default();
        let source_hash = source::hash(layout, &folder)?;
        guests.push(Guest { name: package.name.to_string(), folder, source_hash });
    }
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(guests)
}

fn select<'g>(all: &'g [Guest], selection: &Selection) -> Result<Vec<&'g Guest>, Failure> {
    let Selection::Named(names) = selection else { return Ok(all.iter().collect()) };
    let one = |name: &String| {
        let named = all.iter().find(|guest| guest.name == *name || guest.folder.ends_with(name));
        let others = || all.iter().map(|guest| guest.name.as_str()).collect::<Vec<_>>().join(", ");
        named.ok_or_else(|| Failure::NoPlugin(name.clone(), others()))
    };
    names.iter().map(one).collect()
}

/// A plugin that is gone must not live on inside the binary, which embeds whatever lies in the folder.
fn remove_leftovers(layout: &Layout, all: &[Guest], index: &mut Index) -> Result<(), Failure> {
    let folder = layout.components();
    let is_known = |name: &str| all.iter().any(|guest| guest.name == name);
    index.plugins.retain(|entry| is_known(&entry.name));
    for entry in fs::read_dir(&folder).map_err(Failure::file("read", &folder))? {
        let path = entry.map_err(Failure::file("read", &folder))?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "wasm") && !is_known(&stem) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Failure::file("remove", &path)(error));
                }
                _ => eprintln!("    {stem} is gone, and so is its component"),
            }
        }
    }
    Ok(())
}
