//! `cargo xtask fuzz`: runs each target in a process of its own and watches it from outside, so that a panic, an abort, a
//! hang and a greed for memory are all noticed, saved with the input and the command that replays it, and passed over.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for developers talks to them")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use lagdoctor_fuzz::{Seed, targets};

const USAGE: &str = "\
lagdoctor-fuzz [TARGET]... [--for 10m] [--seed NUMBER] [--cases NUMBER] [--out FOLDER]

  TARGET    components, bundle, config, manifest, offsets, http; all of them when none is named
  --for     time for each target: 30s, 10m, 1h; default 10m for components and 5m for each reader
  --seed    where to begin; default: the time. The same seed gives the same inputs
  --cases   stop after so many, whatever the time; `--seed N --cases 1` replays finding N
  --out     where findings are saved; default target/fuzz";

/// A case that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// A process that holds more than this eats the memory.
const MOST_RESIDENT: u64 = 4 << 30;
/// Distance of looks at the process.
const LOOK: Duration = Duration::from_millis(100);
/// A target with so many findings is broken; more of them teach nothing.
const MOST_FINDINGS: usize = 20;

struct Plan {
    targets: Vec<String>,
    /// For each target; `None` for what each needs.
    time: Option<Duration>,
    seed: u64,
    cases: Option<u64>,
    out: PathBuf,
    /// The file in which a worker says where it is; only workers have one.
    state: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = parse(&arguments).and_then(|plan| match &plan.state {
        Some(state) => work(&plan, state),
        None => supervise(&plan),
    });
    match outcome {
        Ok(code) => code,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn parse(arguments: &[String]) -> Result<Plan, String> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let mut plan = Plan {
        targets: vec![],
        time: None,
        // Kept short, since it is to be typed.
        seed: now.map_or(0, |since| since.as_secs() % 1_000_000 * 1_000_000),
        cases: None,
        out: Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).join("target/fuzz"),
        state: None,
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().ok_or_else(|| format!("{word} takes a value\n\n{USAGE}"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("`{text}` is no number\n\n{USAGE}"));
        match word.as_str() {
            "--for" => plan.time = Some(time(&value()?)?),
            "--seed" => plan.seed = number(value()?)?,
            "--cases" => plan.cases = Some(number(value()?)?),
            "--out" => plan.out = value()?.into(),
            "--state" => plan.state = Some(value()?.into()),
            "--help" | "-h" => return Err(USAGE.to_owned()),
            name if targets::NAMES.contains(&name) => plan.targets.push(name.to_owned()),
            other => return Err(format!("there is no target and no option `{other}`\n\n{USAGE}")),
        }
    }
    if plan.targets.is_empty() {
        plan.targets = targets::NAMES.map(str::to_owned).into();
    }
    Ok(plan)
}

fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time: write 30s, 10m or 1h");
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

impl Plan {
    /// The time that a target is given: components are compiled and run, which takes longer than reading.
    fn time_for(&self, name: &str) -> Duration {
        self.time.unwrap_or(Duration::from_secs(if name == "components" { 600 } else { 300 }))
    }
}

/// Shows on a terminal how far a target is.
fn bar(name: &str, time: Duration) -> ProgressBar {
    let bar = ProgressBar::new(time.as_secs()).with_prefix(name.to_owned());
    let style = ProgressStyle::with_template("{prefix:10} {bar:40} {pos}/{len} s, {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A worker: one case after the other, saying before each which it is.
fn work(plan: &Plan, state: &Path) -> Result<ExitCode, String> {
    let began = Instant::now();
    for name in &plan.targets {
        let time = plan.time_for(name);
        let target = targets::of(name).map_err(|error| format!("{name}: {error}"))?;
        let mut target = target.ok_or_else(|| format!("there is no target {name}"))?;
        let mut number = plan.seed;
        while began.elapsed() < time && plan.cases.is_none_or(|cases| number - plan.seed < cases) {
            fs::write(state, number.to_string()).map_err(|error| format!("{}: {error}", state.display()))?;
            let inputs = target.generate(&mut Seed::new(number));
            target.run(&inputs).map_err(|what| format!("{name} {number}: {what}"))?;
            number += 1;
        }
        fs::write(state, number.to_string()).map_err(|error| format!("{}: {error}", state.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn supervise(plan: &Plan) -> Result<ExitCode, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", plan.out.display());
    fs::create_dir_all(&plan.out).map_err(fail)?;
    let mut findings = 0;
    for name in &plan.targets {
        let time = plan.time_for(name);
        let bar = bar(name, time);
        let began = Instant::now();
        let (mut next, mut found) = (plan.seed, 0);
        let is_left = |next: u64| plan.cases.is_none_or(|cases| next - plan.seed < cases);
        while began.elapsed() < time && is_left(next) && found < MOST_FINDINGS {
            let left = time.saturating_sub(began.elapsed());
            let cases = plan.cases.map(|cases| cases - (next - plan.seed));
            let (reached, end) = watch(plan, name, next, left, cases, &bar)?;
            next = reached;
            if let Some(what) = end {
                found += 1;
                let folder = save(plan, name, reached, &what).map_err(fail)?;
                bar.suspend(|| {
                    println!("{name}: seed {reached}: {what}");
                    println!(
                        "  saved in {}; replay with `cargo xtask fuzz {name} --seed {reached} --cases 1`",
                        folder.display()
                    );
                });
                next += 1;
            }
        }
        bar.finish_and_clear();
        let many = if found == 1 { "finding" } else { "findings" };
        println!(
            "{name}: seed {}: {} cases in {:.0} s, {found} {many}",
            plan.seed,
            next - plan.seed,
            began.elapsed().as_secs_f64()
        );
        findings += found;
    }
    Ok(if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a worker to its end. Gives where it stopped, and why if it should not have.
fn watch(
    plan: &Plan,
    name: &str,
    seed: u64,
    time: Duration,
    cases: Option<u64>,
    bar: &ProgressBar,
) -> Result<(u64, Option<String>), String> {
    let state = plan.out.join(format!("{name}.state"));
    let log = plan.out.join(format!("{name}.log"));
    let fail = |error: std::io::Error| format!("cannot start a worker: {error}");
    fs::write(&state, seed.to_string()).map_err(fail)?;
    let mut command = Command::new(std::env::current_exe().map_err(fail)?);
    command.arg(name).args(["--seed", &seed.to_string(), "--for", &format!("{}s", time.as_secs().max(1)), "--state"]);
    command.arg(&state);
    if let Some(cases) = cases {
        command.args(["--cases", &cases.to_string()]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&log).map_err(fail)?);
    let mut worker = command.spawn().map_err(fail)?;
    let at = || fs::read_to_string(&state).ok().and_then(|text| text.parse().ok()).unwrap_or(seed);
    let (mut last, mut since) = (seed, Instant::now());
    let end = loop {
        if let Some(status) = worker.try_wait().map_err(fail)? {
            break (!status.success()).then(|| format!("the worker ended with {status}: {}", last_line(&log)));
        }
        let now = at();
        bar.set_position(bar.elapsed().as_secs());
        bar.set_message(format!("{} cases", now - plan.seed));
        if now != last {
            (last, since) = (now, Instant::now());
        }
        let why = match resident(&worker) {
            Some(bytes) if bytes > MOST_RESIDENT => Some(format!("it holds {} MiB", bytes >> 20)),
            _ if since.elapsed() > PATIENCE => Some(format!("it takes longer than {} s", PATIENCE.as_secs())),
            _ => None,
        };
        if let Some(why) = why {
            // It may have ended by itself meanwhile, which is as good.
            let _ = worker.kill();
            let _ = worker.wait();
            break Some(why);
        }
        std::thread::sleep(LOOK);
    };
    Ok((at(), end))
}

/// Bytes of memory that a process holds, where the system tells.
fn resident(worker: &Child) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{}/statm", worker.id())).ok()?;
    statm.split_whitespace().nth(1)?.parse::<u64>().ok().map(|pages| pages * 4096)
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let told = text.lines().find(|line| line.contains("panicked at")).or_else(|| text.lines().last());
    told.unwrap_or("it said nothing").to_owned()
}

/// Saves a finding: its inputs, and what happened.
fn save(plan: &Plan, name: &str, seed: u64, what: &str) -> std::io::Result<PathBuf> {
    let folder = plan.out.join(format!("{name}-{seed}"));
    fs::create_dir_all(&folder)?;
    if let Some(target) = targets::of(name)? {
        for input in target.generate(&mut Seed::new(seed)) {
            fs::write(folder.join(&input.name), &input.bytes)?;
        }
    }
    let log = fs::read_to_string(plan.out.join(format!("{name}.log"))).unwrap_or_default();
    let how = format!("{what}\nreplay with `cargo xtask fuzz {name} --seed {seed} --cases 1`\n\n{log}");
    fs::write(folder.join("finding.txt"), how)?;
    Ok(folder)
}
