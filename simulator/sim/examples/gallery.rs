//! Writes the gallery of faults: `GALLERY.md` and `gallery/*.svg` in the folder that is named. `cargo xtask gallery` runs it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for developers talks to them")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, io, thread};

use lagdoctor_sim::gallery::{Exhibit, Shown, exhibits, page};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(folder) = arguments.next().map(PathBuf::from) else {
        eprintln!("error: name the folder to write to, such as `simulator`");
        return ExitCode::from(2);
    };
    match write(&folder, &arguments.collect::<Vec<_>>()) {
        Ok(count) => {
            println!("{count} drawings in {}", folder.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: cannot write the gallery to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

/// All of it, or a page of those alone that are named.
fn write(folder: &std::path::Path, named: &[String]) -> io::Result<usize> {
    let drawings = folder.join("gallery");
    if named.is_empty() && drawings.exists() {
        fs::remove_dir_all(&drawings)?;
    }
    fs::create_dir_all(&drawings)?;
    let shown: Vec<Shown> =
        exhibits().into_iter().filter(|shown| named.is_empty() || named.contains(&shown.title)).collect();
    let (next, made) = (AtomicUsize::new(0), Mutex::new(vec![]));
    let lanes = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = shown.get(place) else { break };
                    if let (Some(exhibit), Ok(mut made)) = (Exhibit::of(one), made.lock()) {
                        made.push((place, one.clone(), exhibit));
                    }
                }
            });
        }
    });
    let mut made = made.into_inner().map_err(|_| io::Error::other("a run failed"))?;
    made.sort_by_key(|(place, ..)| *place);
    let made: Vec<(Shown, Exhibit)> = made.into_iter().map(|(_, shown, exhibit)| (shown, exhibit)).collect();
    for (_, exhibit) in &made {
        fs::write(drawings.join(&exhibit.file), &exhibit.svg)?;
    }
    fs::write(folder.join("GALLERY.md"), page(&made))?;
    Ok(made.len())
}
