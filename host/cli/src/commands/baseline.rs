//! The baseline that grades are held against.

use std::path::Path;
use std::process::ExitCode;

use lagdoctor_grade::{Baseline, report};
use miette::{Result, miette};

use crate::args::{BaselineCommand, GradedArgs};
use crate::commands::evaluate::{Curves, Graded, Rivals, graded};
use crate::output::{self, Output};
use crate::scenarios;
use crate::session::wall_clock;

/// Runs the command.
pub async fn run(command: BaselineCommand, output: &Output) -> Result<ExitCode> {
    match command {
        BaselineCommand::Update { file, reason, graded } => update(&file, &reason, &graded, output).await,
        BaselineCommand::Diff { file, graded } => diff(&file, &graded, output).await,
        BaselineCommand::Explain { file, run, graded } => explain(&file, &run, graded, output).await,
    }
}

/// Reads a baseline.
pub fn read(file: &Path) -> Result<Baseline> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        miette!(
            help = "`lagdoctor baseline update FILE --reason TEXT` writes one",
            "cannot read baseline {}: {error}",
            file.display()
        )
    })?;
    Baseline::parse(&text).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        miette!(
            help = "correct it, or write it anew with `lagdoctor baseline update`",
            "{}: {error}{cause}",
            file.display()
        )
    })
}

/// The day, as `2026-12-31`.
pub fn today() -> Result<String> {
    Ok(wall_clock()?.to_string().chars().take(10).collect())
}

async fn update(file: &Path, reason: &str, args: &GradedArgs, output: &Output) -> Result<ExitCode> {
    let before = if file.exists() { Some(read(file)?) } else { None };
    let Graded { scorecard, missing, plugins, .. } =
        graded(args, None, &[], Rivals::None, Curves::None, output).await?;
    if let Some((scenario, seed)) = missing.first() {
        output.note(&format!("invalid: {scenario} with seed {seed}: its fault moves nothing; nothing was written"));
        return Ok(output::exit(output::INVALID));
    }
    let baseline = Baseline::of(&scorecard, plugins, reason, before.as_ref());
    std::fs::write(file, baseline.text()).map_err(|error| {
        miette!(help = "check the folder and its rights", "cannot write {}: {error}", file.display())
    })?;
    output.note(&format!(
        "wrote {}: {} runs of {}, {} scenarios that must pass",
        file.display(),
        baseline.runs.len(),
        baseline.scenarios,
        baseline.must_pass.len()
    ));
    Ok(output::exit(output::FINE))
}

async fn diff(file: &Path, args: &GradedArgs, output: &Output) -> Result<ExitCode> {
    let baseline = match read(file) {
        Ok(baseline) => baseline,
        Err(error) => {
            output.error(&error);
            return Ok(output::exit(output::NO_BASELINE));
        }
    };
    let Graded { scorecard, plugins, .. } = graded(args, None, &[], Rivals::None, Curves::None, output).await?;
    match baseline.judge(&scorecard, &today()?) {
        Ok(judged) => {
            let changed = plugins.iter().filter(|(name, digest)| baseline.plugins.get(*name) != Some(*digest));
            let names: Vec<&str> = changed.map(|(name, _)| name.as_str()).collect();
            if !names.is_empty() {
                output.say(&format!("other components: {}", names.join(", ")));
            }
            output.say(&report::gate::text(&judged));
            Ok(output::exit(output::FINE))
        }
        Err(error) => {
            output.note(&error.to_string());
            Ok(output::exit(output::NO_BASELINE))
        }
    }
}

async fn explain(file: &Path, run: &str, mut args: GradedArgs, output: &Output) -> Result<ExitCode> {
    let baseline = match read(file) {
        Ok(baseline) => baseline,
        Err(error) => {
            output.error(&error);
            return Ok(output::exit(output::NO_BASELINE));
        }
    };
    let wanted = run.trim().replace('/', " ");
    let Some((kept, (scenario, seed))) = baseline.runs.get(&wanted).zip(wanted.rsplit_once(' ')) else {
        return Err(miette!(
            help = "write it as the baseline does, such as `db-timeouts 3`",
            "the baseline has no run `{run}`"
        ));
    };
    let seed: u64 = seed.parse().map_err(|_| miette!("`{seed}` is no seed"))?;
    args.seeds = (seed, seed);
    args.scenarios = Some(scenarios::alone(args.scenarios.as_deref(), scenario));
    let Graded { scorecard, .. } = graded(&args, None, &[], Rivals::None, Curves::None, output).await?;
    let Some(now) = scorecard.runs().iter().find(|run| run.scenario == scenario) else {
        return Err(miette!(
            help = "name the pack of the baseline with --scenarios",
            "no scenario is called `{scenario}`"
        ));
    };
    output.say(&report::gate::explained(kept, now));
    Ok(output::exit(output::FINE))
}
