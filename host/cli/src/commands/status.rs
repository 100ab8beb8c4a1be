//! Every group at a glance.

use std::process::ExitCode;
use std::time::Duration;

use lagdoctor_model::{GapCause, GroupStatus, Signals};
use lagdoctor_service::report::{Rows, StatusReport};
use miette::Result;

use crate::args::{Format, StatusArgs};
use crate::output::{self, Output};
use crate::session::{self, Reader};

/// Kafka's own request time-out is 30 s; whoever looks at a screen does not wait that long.
const DEADLINE: Duration = Duration::from_secs(20);

/// Runs the command. Exit code 1 when a group is worse than OK, 2 when no group could be seen.
pub async fn run(args: StatusArgs, output: &Output) -> Result<ExitCode> {
    let sources = session::sources(&args.sources)?;
    let signals = Reader::live(&sources).await?.signals(&args.sources, &args.window, DEADLINE).await?;
    let mut report = StatusReport::of(&signals);
    let mut rows = Rows::Groups;
    if let Some(group) = &args.group {
        session::known_group(group, &signals)?;
        report = report.only(group);
        rows = Rows::Partitions;
    }
    output.say(&match args.format {
        Format::Text => report.text(output.style(), rows),
        Format::Json => report.json(),
        Format::Markdown => report.markdown(rows),
    });
    let bad = report.groups.iter().any(|group| group.status > GroupStatus::Unknown);
    Ok(output::exit(match bad {
        true => output::FOUND,
        false if report.groups.is_empty() && is_blind(&signals) => output::COULD_NOT,
        false => output::FINE,
    }))
}

/// Whether something that knows groups could not be asked. That no group is seen then says nothing.
fn is_blind(signals: &Signals) -> bool {
    signals.gaps.iter().any(|gap| match gap.cause {
        GapCause::Unreachable | GapCause::Refused | GapCause::PluginFailed | GapCause::NotGranted => true,
        GapCause::NotConfigured => gap.source == "kafka",
        GapCause::Malformed | GapCause::Truncated => false,
    })
}
