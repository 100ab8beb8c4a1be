//! Which component is meant by a path, and what is said where it is not there, or older than what it is made of. All
//! commands that are given a component ask here, so that they say the same. Start at [`meant`] and [`found`].

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use lagdoctor_authoring::build::Project;
use miette::{Result, miette};

use super::build;
use crate::output::quoted;

/// The component that is meant by a file, or by the folder of a project.
pub fn meant(what: &Path) -> Result<PathBuf> {
    if what.is_dir() { Ok(Project::open(what).map_err(build::explained)?.component()) } else { Ok(what.to_path_buf()) }
}

/// Refuses a component that cannot be read.
pub fn found(component: &Path) -> Result<()> {
    if component.is_dir() {
        let within = Project::open(component).ok().map(|project| component.join(file_name(&project.component())));
        let help = within.map_or_else(
            || "give the component itself".to_owned(),
            |file| format!("give the component in it: {}", quoted(&file.to_string_lossy())),
        );
        return Err(miette!(help = help, "cannot read component {}: it is a folder", component.display()));
    }
    File::open(component).map(|_| ()).map_err(|error| {
        let help = match (error.kind(), project(component)) {
            (io::ErrorKind::NotFound, Some(_)) => format!("`{}` makes it", builder(component)),
            (io::ErrorKind::NotFound, None) => {
                "check the path; in a project's folder, `lagdoctor plugin build` makes it".to_owned()
            }
            _ => "check the path and the rights".to_owned(),
        };
        miette!(help = help, "cannot read component {}: {error}", component.display())
    })
}

/// The bytes of a component.
pub fn read(component: &Path) -> Result<Vec<u8>> {
    found(component)?;
    std::fs::read(component)
        .map_err(|error| miette!(help = "try again", "cannot read component {}: {error}", component.display()))
}

/// What there is to say of a component whose sources have changed since it was built.
pub fn outdated(component: &Path) -> Option<String> {
    let newer = project(component)?.newer_source()?;
    let (newer, file) = (newer.display(), file_name(component));
    Some(format!(
        "{newer} is newer than {file}, so this is what it was before; `{}` brings it up to date",
        builder(component)
    ))
}

/// The project beside a component that is made there.
fn project(component: &Path) -> Option<Project> {
    let project = Project::open(folder(component)).ok()?;
    (project.component().file_name() == component.file_name()).then_some(project)
}

fn folder(component: &Path) -> &Path {
    component.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The command that builds a component, from here.
fn builder(component: &Path) -> String {
    let folder = folder(component);
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
    if folder.canonicalize().is_ok_and(|folder| Some(folder) == here) {
        return "lagdoctor plugin build".to_owned();
    }
    format!("lagdoctor plugin build {}", quoted(&folder.to_string_lossy()))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
