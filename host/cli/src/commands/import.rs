//! Incidents that others recorded, as labelled bundles.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lagdoctor_bundle::import::{Columns, cases, import, opaque_name};
use miette::{IntoDiagnostic, Result, miette};
use serde_json::json;

use crate::args::{ImportArgs, ImportFormat};
use crate::output::{self, Output, counted, quoted};

/// How many metrics without a meaning, and cases that were refused, are named.
const MOST_NAMED: usize = 12;

/// A case that became a bundle.
struct Made {
    case: String,
    bundle: PathBuf,
    gaps: usize,
    has_graph: bool,
}

/// What became of a folder of cases.
#[derive(Default)]
struct Summary {
    made: Vec<Made>,
    refused: Vec<(String, String)>,
    columns: Columns,
}

/// Runs the command. Exit code 1 when a case was refused; 2 when none could be used.
pub async fn run(args: ImportArgs, output: &Output) -> Result<ExitCode> {
    let found = cases(&args.folder).into_diagnostic()?;
    if found.is_empty() {
        return Err(miette!(
            help = "a case is a folder with data.csv or metrics.csv (or .csv.gz) and inject_time.txt or case.json beside it",
            "`{}` holds no case",
            args.folder.display()
        ));
    }
    std::fs::create_dir_all(&args.out).map_err(|error| unwritable(&args.out, &error))?;
    let bar = output.progress(found.len() as u64, "importing");
    let ticks = bar.clone();
    let out = args.out.clone();
    let work = move || {
        let mut summary = Summary::default();
        for case in &found {
            one(&mut summary, &args.folder, case, &args.out)?;
            ticks.inc(1);
        }
        Ok::<_, miette::Report>(summary)
    };
    let summary = tokio::task::spawn_blocking(work).await.into_diagnostic()?;
    bar.finish_and_clear();
    let summary = summary?;
    output.say(&match args.format {
        ImportFormat::Text => text(&summary, &out),
        ImportFormat::Json => json(&summary),
    });
    Ok(output::exit(match (summary.made.is_empty(), summary.refused.is_empty()) {
        (true, _) => output::COULD_NOT,
        (false, false) => output::FOUND,
        (false, true) => output::FINE,
    }))
}

fn one(summary: &mut Summary, root: &Path, case: &Path, out: &Path) -> Result<()> {
    let name = case.strip_prefix(root).unwrap_or(case).to_string_lossy().into_owned();
    let imported = match import(root, case) {
        Ok(imported) => imported,
        Err(why) => {
            summary.refused.push((name, why));
            return Ok(());
        }
    };
    let bundle = out.join(opaque_name(root, case));
    lagdoctor_bundle::write(&bundle, &imported.signals, &imported.meta).into_diagnostic()?;
    imported.truth.write(&bundle).into_diagnostic()?;
    summary.columns.add(&imported.columns);
    let gaps = imported.signals.gaps.len();
    summary.made.push(Made { case: imported.truth.name, bundle, gaps, has_graph: imported.has_graph });
    Ok(())
}

fn unwritable(folder: &Path, error: &std::io::Error) -> miette::Report {
    miette!(help = "check rights and free space there", "cannot write {}: {error}", folder.display())
}

fn text(summary: &Summary, out: &Path) -> String {
    let Summary { made, refused, columns } = summary;
    let graphs = made.iter().filter(|made| made.has_graph).count();
    let mut text = format!(
        "imported {} into {}: {graphs} with a graph of who calls whom, {} without\n",
        counted(made.len(), "case"),
        out.display(),
        made.len() - graphs
    );
    let sum = |counts: &mut dyn Iterator<Item = usize>| counts.sum::<usize>();
    let total = |count: usize, what: &str| format!("{} {what}", counted(count, "column"));
    let mapped = sum(&mut columns.mapped.values().copied());
    let each: Vec<String> = columns.mapped.iter().map(|(signal, count)| format!("{signal} {count}")).collect();
    let _ = writeln!(text, "  {}: {}", total(mapped, "mean what a signal means"), listed(&each));
    let generic = sum(&mut columns.generic.values().copied());
    if generic > 0 {
        let each: Vec<String> = columns.generic.iter().map(|(metric, count)| format!("{metric} {count}")).collect();
        let _ = writeln!(text, "  {}: {}", total(generic, "are told as service.metric"), listed(&each));
    }
    for (why, count) in &columns.ignored {
        let _ = writeln!(text, "  {}: {why}", total(*count, "are not used"));
    }
    let gaps: Vec<&Made> = made.iter().filter(|made| made.gaps > 0).collect();
    if let Some(first) = gaps.first() {
        let _ = writeln!(
            text,
            "  {} in {}, such as {}: named in the bundle.toml of each",
            counted(sum(&mut gaps.iter().map(|made| made.gaps)), "gap"),
            counted(gaps.len(), "case"),
            first.bundle.join("bundle.toml").display()
        );
    }
    if !refused.is_empty() {
        let _ = writeln!(text, "refused {}:", counted(refused.len(), "case"));
        for (case, why) in refused.iter().take(MOST_NAMED) {
            let _ = writeln!(text, "  {case}: {why}");
        }
        if refused.len() > MOST_NAMED {
            let _ = writeln!(text, "  and {} more; --format json has them all", refused.len() - MOST_NAMED);
        }
    }
    if !made.is_empty() {
        let _ = write!(
            text,
            "What really happened lies beside each bundle. Grade on them:\n  lagdoctor evaluate --bundles {}\n",
            quoted(&out.to_string_lossy())
        );
    }
    text
}

fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(MOST_NAMED);
    let shown = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn json(summary: &Summary) -> String {
    let made =
        |made: &Made| json!({ "case": made.case, "bundle": made.bundle, "gaps": made.gaps, "graph": made.has_graph });
    let refused = |(case, why): &(String, String)| json!({ "case": case, "why": why });
    let document = json!({
        "schema": 1,
        "imported": summary.made.iter().map(made).collect::<Vec<_>>(),
        "refused": summary.refused.iter().map(refused).collect::<Vec<_>>(),
        "columns": {
            "mapped": summary.columns.mapped,
            "generic": summary.columns.generic,
            "ignored": summary.columns.ignored,
        },
    });
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}
