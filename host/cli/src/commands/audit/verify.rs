//! Is the chain whole, and do its diagnoses come out the same again?

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use lagdoctor_runtime::Lines;
use lagdoctor_service::audit::{Against, Audit, Book, Kept, Nowhere, Replayed, Replayer, Verified};
use miette::{IntoDiagnostic, Report, Result};
use serde_json::json;

use crate::args::{AuditFormat, VerifyArgs};
use crate::host::telling;
use crate::output::{self, Output, counted};
use crate::{recorder, session};

/// Runs the command. Exit code 1 when something is not as it was.
pub async fn run(audit: &Audit, args: &VerifyArgs, output: &Output) -> Result<ExitCode> {
    // The anchor is read first: what is written meanwhile is then beyond it.
    let against = against(audit, args)?;
    let book = audit.book().into_diagnostic()?;
    let verified = book.verify(&against).into_diagnostic()?;
    let replays = replayed(&book, args, output).await?;
    let differs = replays.iter().any(|(_, replay)| matches!(replay, Replayed::Differs { .. }));
    output.say(&match args.format {
        AuditFormat::Text => text(audit, &against, &verified, &replays),
        AuditFormat::Json => super::pretty(&document(&verified, &replays)),
    });
    Ok(output::exit(if verified.faults.is_empty() && !differs { output::FINE } else { output::FOUND }))
}

fn against(audit: &Audit, args: &VerifyArgs) -> Result<Against> {
    let Some(wanted) = &args.anchor else {
        return Ok(audit.anchors().into_diagnostic()?.map_or(Against::Nothing, Against::Anchors));
    };
    if let Ok(hash) = wanted.parse() {
        return Ok(Against::Hash(hash));
    }
    Ok(Against::Anchors(super::anchors_of(Path::new(wanted))?))
}

async fn replayed(book: &Book, args: &VerifyArgs, output: &Output) -> Result<Vec<(u64, Replayed)>> {
    let records: Vec<Kept> = match &args.record {
        Some(wanted) => vec![book.record(wanted).into_diagnostic()?],
        None => book.readable(if args.all { usize::MAX } else { args.last }).into_diagnostic()?,
    };
    if records.is_empty() {
        return Ok(vec![]);
    }
    // A record of a plugin with much memory needs as much room as it had. Where the secrets of the configuration are not
    // to be had, there is the usual room.
    let config = args.place.config.as_deref().map(session::config).transpose()?;
    let sources = config.and_then(|config| session::configured(&config).ok()).unwrap_or_default();
    // What a plugin said then was heard then. It is news only where something else comes of it.
    let replayer =
        |lines| Ok::<_, Report>(Replayer::new(telling(lines, Arc::new(Nowhere), &sources)?, recorder::this_build()));
    let mut quiet = replayer(Lines::Repeated)?;
    let bar = output.progress(records.len() as u64, "replaying");
    let mut replays = vec![];
    for kept in &records {
        let mut replay = quiet.replay(book, kept).await.into_diagnostic()?;
        if matches!(replay, Replayed::Differs { .. }) {
            replay = replayer(Lines::News)?.replay(book, kept).await.into_diagnostic()?;
        }
        replays.push((kept.sequence, replay));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(replays)
}

fn text(audit: &Audit, against: &Against, verified: &Verified, replays: &[(u64, Replayed)]) -> String {
    let mut page = String::new();
    let mut line = |text: String| page += &(text + "\n");
    for fault in &verified.faults {
        line(format!("FAULT  {fault}"));
    }
    let what = match verified.records {
        Some((first, last)) => format!("{}, {first} to {last}", counted(verified.count, "record")),
        None => "no records".to_owned(),
    };
    let anchor = match (against, verified.anchored) {
        (Against::Anchors(_), Some(anchored)) => format!("anchored up to record {anchored}"),
        (Against::Hash(_), Some(anchored)) => format!("the given hash is that of record {anchored}"),
        (Against::Hash(_), None) => "the given hash is that of none".to_owned(),
        _ => format!(
            "no anchor at {}, so that a chain made anew as a whole would not be found",
            audit.place().anchor.display()
        ),
    };
    let verdict = match verified.faults.len() {
        0 => "intact".to_owned(),
        faults => format!("NOT intact, {}", counted(faults, "fault")),
    };
    line(format!("chain  {what}: {verdict}; {anchor}"));
    for (sequence, replay) in replays {
        match replay {
            Replayed::Same { is_same_build: true } => {}
            Replayed::Same { is_same_build: false } => {
                line(format!("replay record {sequence}: the same, byte for byte, on another build"));
            }
            Replayed::Differs { at, .. } => line(format!("FAULT  record {sequence} comes out otherwise: {at}")),
            Replayed::NotComparable { why } => line(format!("replay record {sequence}: cannot be compared: {why}")),
        }
    }
    if !replays.is_empty() {
        let same = replays.iter().filter(|(_, replay)| matches!(replay, Replayed::Same { .. })).count();
        line(format!(
            "replay {same} of {} the same, byte for byte",
            counted(replays.len(), "diagnosis").replace("diagnosiss", "diagnoses")
        ));
    }
    page
}

fn document(verified: &Verified, replays: &[(u64, Replayed)]) -> serde_json::Value {
    let faults: Vec<String> = verified.faults.iter().map(ToString::to_string).collect();
    let replay = |(sequence, replay): &(u64, Replayed)| match replay {
        Replayed::Same { is_same_build } => json!({ "id": sequence, "outcome": "same", "same_build": is_same_build }),
        Replayed::Differs { body, at } => {
            json!({ "id": sequence, "outcome": "differs", "body_sha256": body, "at": at })
        }
        Replayed::NotComparable { why } => json!({ "id": sequence, "outcome": "not-comparable", "because": why }),
    };
    json!({
        "intact": faults.is_empty(),
        "records": verified.count,
        "first": verified.records.map(|(first, _)| first),
        "last": verified.records.map(|(_, last)| last),
        "anchored": verified.anchored,
        "faults": faults,
        "replays": replays.iter().map(replay).collect::<Vec<_>>(),
    })
}
