//! What if several things break at once? Draws scenarios, runs each, and says what came of it. Start at [`run`].

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use lagdoctor_sim::{Pair, Scenario, ScenarioError, Simulation, Swarm};
use miette::{IntoDiagnostic, Result, WrapErr, miette};

use crate::args::SimulateArgs;
use crate::output::{self, Output, counted, quoted};

/// Where things break if nobody says it.
const TOPOLOGY: &str = "topo/orders.toml";
/// How many draws are made until one hurts somebody.
const DRAWS: u32 = 20;

/// What came of one seed.
struct Drawn {
    seed: u64,
    /// `None` where no draw hurt anybody.
    swarm: Option<Ran>,
}

/// A draw that hurts, and how its run went.
struct Ran {
    swarm: Swarm,
    /// In one file that uses no other.
    whole: String,
    hurts: String,
    /// What the truth names.
    roots: Vec<String>,
    /// Who would be named first by somebody who sees the same run without its faults.
    suspect: Option<String>,
    /// Whether that is right.
    can_be_found: bool,
    /// What no run may have.
    unsound: Vec<String>,
}

/// Draws `count` scenarios, from the seed of the arguments on, on all cores.
///
/// # Errors
/// When the topology cannot be used, or a file cannot be written.
pub fn run(count: u32, args: &SimulateArgs, output: &Output) -> Result<ExitCode> {
    let on = args.on.as_deref().unwrap_or(TOPOLOGY);
    // A wrong topology is told before anything runs.
    Swarm::draw(on, args.seed, 0, used).into_diagnostic().wrap_err_with(|| {
        format!("cannot draw on `{on}`; --on takes a scenario file, or a built-in topology such as topo/fanout.toml")
    })?;
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
    }
    let bar = output.progress(count.into(), "drawing");
    let (mut unsound, mut hidden, mut hurting, mut void) = (0, vec![], 0, 0);
    let mut told = |drawn: Drawn| -> Result<()> {
        bar.suspend(|| output.say(&text(&drawn)));
        bar.inc(1);
        let Some(ran) = drawn.swarm else {
            void += DRAWS;
            return Ok(());
        };
        hurting += 1;
        void += ran.swarm.void;
        unsound += usize::from(!ran.unsound.is_empty());
        if !ran.can_be_found {
            hidden.push(drawn.seed.to_string());
        }
        if let Some(file) = args.out.as_ref().map(|folder| file(folder, drawn.seed)) {
            let head = format!("# Drawn by `lagdoctor simulate --swarm` on {on} with seed {}.\n", drawn.seed);
            std::fs::write(&file, head + &ran.whole).map_err(|error| unwritten(&file, &error))?;
        }
        Ok(())
    };
    tokio::task::block_in_place(|| drawn_in_order(count, args.seed, on, &mut told))?;
    bar.finish_and_clear();
    output.note(&format!(
        "{} on {on}: {hurting} hurt somebody, after {} that did not; {unsound} unsound",
        counted(count as usize, "scenario"),
        counted(void as usize, "draw"),
    ));
    if !hidden.is_empty() {
        output.note(&format!("the oracle does not find the cause with seed {}", hidden.join(", ")));
    }
    if let Some(folder) = &args.out {
        let first = quoted(&file(folder, args.seed).to_string_lossy());
        output.note(&format!("grade plugins on them: lagdoctor evaluate --scenarios {first} --seeds {}", args.seed));
    }
    Ok(output::exit(if unsound == 0 { output::FINE } else { output::FOUND }))
}

/// Runs all seeds on all cores, and hands on what came of them in the order of the seeds.
fn drawn_in_order(count: u32, first: u64, on: &str, told: &mut dyn FnMut(Drawn) -> Result<()>) -> Result<()> {
    let lanes = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(count as usize);
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..lanes {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let is_heard =
                        place < count.into() && sender.send((place, one(first.saturating_add(place), on))).is_ok();
                    if !is_heard {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let (mut early, mut due) = (BTreeMap::new(), 0);
        for (place, drawn) in receiver {
            early.insert(place, drawn);
            while let Some(drawn) = early.remove(&due) {
                told(drawn?)?;
                due += 1;
            }
        }
        Ok(())
    })
}

/// Draws until something hurts, and looks at its run.
fn one(seed: u64, on: &str) -> Result<Drawn> {
    let swarm = match Swarm::with_impact(on, seed, DRAWS, used).into_diagnostic()? {
        Some((swarm, pair)) => Some(ran(swarm, &pair).into_diagnostic()?),
        None => None,
    };
    Ok(Drawn { seed, swarm })
}

fn ran(swarm: Swarm, pair: &Pair) -> Result<Ran, ScenarioError> {
    let truth = pair.truth();
    let mut unsound = pair.unsound();
    let mut again = Simulation::new(&swarm.scenario, swarm.seed);
    again.advance_to(again.end());
    if again.run_hash() != pair.run.run_hash() {
        unsound.push("the same seed gives another run when it is made at once".to_owned());
    }
    let suspect = pair.suspects().into_iter().next();
    let fits = |suspect: &String| truth.roots.iter().any(|root| root.node == *suspect || root.accept.contains(suspect));
    let hurts = pair.impact.as_ref().map_or(String::new(), |impact| {
        let unit = if impact.sli.starts_with("time_lag") { "s" } else { "records" };
        format!("{} from {:.0} s on, {:.0} {unit} at worst", impact.sli, impact.after_s, impact.worst)
    });
    Ok(Ran {
        whole: swarm.whole(used)?,
        hurts,
        can_be_found: suspect.as_ref().is_some_and(fits),
        roots: truth.roots.into_iter().map(|root| format!("{} ({})", root.node, root.class)).collect(),
        suspect,
        unsound,
        swarm,
    })
}

/// What was drawn, and what came of it.
fn text(Drawn { seed, swarm }: &Drawn) -> String {
    let Some(Ran { swarm, hurts, roots, suspect, can_be_found, unsound, .. }) = swarm else {
        return format!("seed {seed}: none of {DRAWS} draws hurts anybody\n");
    };
    let mut text = format!("seed {seed}: draw {} of {DRAWS} hurts\n", swarm.void + 1);
    for broken in swarm.broken() {
        let _ = writeln!(
            text,
            "  {:8} {} at {}, severity {:.2}, from {:.0} s on",
            broken.role, broken.kind, broken.target, broken.severity, broken.at_s
        );
    }
    let _ = writeln!(text, "  hurts    {hurts}");
    let _ = writeln!(text, "  truth    {}", roots.join(", "));
    let named = suspect.as_deref().unwrap_or("nobody");
    let right = if *can_be_found { "which is right" } else { "which is wrong: a plugin can hardly do better" };
    let _ = writeln!(text, "  oracle   {named}, {right}");
    for remark in unsound {
        let _ = writeln!(text, "  unsound  {remark}");
    }
    text
}

fn file(folder: &Path, seed: u64) -> PathBuf {
    folder.join(format!("swarm-{seed}.toml"))
}

/// The text of a topology: of a file, or of one that is built in.
fn used(name: &str) -> Option<String> {
    std::fs::read_to_string(name).ok().or_else(|| Scenario::builtin_use(name))
}

fn unwritten(path: &Path, error: &std::io::Error) -> miette::Report {
    miette!(help = "check the folder, rights and free space", "cannot write {}: {error}", path.display())
}
