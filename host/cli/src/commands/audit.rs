//! What was diagnosed, and whether it can be believed.

mod page;
mod verify;

use std::path::Path;
use std::process::ExitCode;

use lagdoctor_service::audit::{Audit, AuditError, Book, Keep, Kept};
use miette::{IntoDiagnostic, Result, miette};
use serde_json::{Value, json};

use crate::args::{AuditCommand, AuditFormat, AuditPlace};
use crate::output::{self, Output, counted};
use crate::{recorder, session};

/// Runs the command.
pub async fn run(command: AuditCommand, output: &Output) -> Result<ExitCode> {
    match command {
        AuditCommand::List { place, last, format } => list(&audit(&place)?, last, format, output),
        AuditCommand::Show { record, place, bundle, format } => {
            show(&audit(&place)?, &record, bundle.as_deref(), format, output)
        }
        AuditCommand::Verify(args) => verify::run(&audit(&args.place)?, &args, output).await,
        AuditCommand::Anchor { place } => anchor(&audit(&place)?, output),
    }
}

fn audit(args: &AuditPlace) -> Result<Audit> {
    let config = args.config.as_deref().map(session::config).transpose()?;
    let place = recorder::place(args.file.as_deref(), config.as_ref());
    let place = place.ok_or_else(|| {
        miette!(help = "name the database with --file", "neither XDG_STATE_HOME nor HOME says where the audit lies")
    })?;
    Ok(Audit::new(place, Keep::default()))
}

fn list(audit: &Audit, last: usize, format: AuditFormat, output: &Output) -> Result<ExitCode> {
    let records = audit.book().into_diagnostic()?.last(last).into_diagnostic()?;
    output.say(&match format {
        AuditFormat::Json => pretty(&json!({ "records": records.iter().map(row).collect::<Vec<_>>() })),
        AuditFormat::Text => page::list(&records),
    });
    Ok(output::exit(output::FINE))
}

/// What a list tells of a record.
fn row(kept: &Kept) -> Value {
    let record = &kept.record;
    json!({
        "id": kept.sequence,
        "at_ms": record.at_ms,
        "cluster": record.cluster,
        "group": record.group,
        "verdict": record.verdict,
        "headline": record.headline,
        "took_ms": record.took_ms,
        "body_sha256": record.body,
        "hash": kept.hash,
    })
}

fn show(audit: &Audit, wanted: &str, bundle: Option<&Path>, format: AuditFormat, output: &Output) -> Result<ExitCode> {
    let book = audit.book().into_diagnostic()?;
    let kept = book.record(wanted).into_diagnostic()?;
    if let Some(folder) = bundle {
        return export(&book, &kept, folder, output);
    }
    let path = book.path(&kept).into_diagnostic()?;
    output.say(&match format {
        AuditFormat::Text => page::show(&kept, path.as_ref()),
        AuditFormat::Json => {
            let body = book.body(&kept).into_diagnostic()?;
            let body: Value = body.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
            pretty(&json!({
                "id": kept.sequence, "hash": kept.hash, "record": kept.record, "decision_path": path, "body": body,
            }))
        }
    });
    Ok(output::exit(output::FINE))
}

/// Writes the input of a record as a bundle.
fn export(book: &Book, kept: &Kept, folder: &Path, output: &Output) -> Result<ExitCode> {
    let Some(recorded) = book.input(kept).into_diagnostic()? else {
        return Err(miette!(
            help = "`lagdoctor audit verify` tells whether it was altered or removed",
            "the input of record {} is not in the database, or not what it was",
            kept.sequence
        ));
    };
    lagdoctor_bundle::write(folder, &recorded.signals, &recorded.meta).into_diagnostic()?;
    output.note(&format!(
        "wrote {} series and {} of record {} to {}",
        recorded.signals.series.len(),
        counted(recorded.signals.logs.len(), "log line"),
        kept.sequence,
        folder.display()
    ));
    Ok(output::exit(output::FINE))
}

fn anchor(audit: &Audit, output: &Output) -> Result<ExitCode> {
    let book = audit.book().into_diagnostic()?;
    let Some(last) = book.last(1).into_diagnostic()?.pop() else {
        return Err(miette!("the audit is empty"));
    };
    output.say(&format!("{} {}", last.sequence, last.hash));
    Ok(output::exit(output::FINE))
}

/// Anchors of a file that somebody named, which must be there.
fn anchors_of(path: &Path) -> Result<lagdoctor_service::audit::Anchors> {
    let found: Result<_, AuditError> = lagdoctor_service::audit::Anchors::load(path);
    found.into_diagnostic()?.ok_or_else(|| {
        miette!(
            help = "give the anchor file, or the 64 digits that `lagdoctor audit anchor` said",
            "`{}` is no file and no hash",
            path.display()
        )
    })
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
