//! What could not be seen? Sources and plugins say their own gaps. Here come those that only the readings show: what was
//! read in the first part of the window and then no more. Start at [`vanished`].

use lagdoctor_model::{Gap, GapCause, NodeId, Signals, Timestamp, Vocabulary};

use super::Case;
use crate::seen::Sight;

/// More nodes than this that fell silent are one sentence.
const MOST_NODES: usize = 20;

/// All gaps, each once, in order.
pub(super) fn all(signals: &Signals, gaps: Vec<Gap>, vanished: Vec<Gap>) -> Vec<Gap> {
    let mut all: Vec<Gap> = signals.gaps.iter().cloned().chain(gaps).chain(vanished).collect();
    all.sort();
    all.dedup();
    all
}

/// Signals on the symptom's way that were read and are no more. A metric that vanishes is evidence: the delay of a replica
/// does so when its apply thread is stopped.
pub(super) fn vanished(case: &Case<'_>) -> Vec<Gap> {
    let silent: Vec<Gap> = case.reach().into_keys().filter_map(|node| of_node(case, node)).collect();
    let more = silent.len().saturating_sub(MOST_NODES);
    let mut gaps: Vec<Gap> = silent.into_iter().take(MOST_NODES).collect();
    if more > 0 {
        let statement = format!("{more} more nodes on the way fell silent within the window");
        gaps.push(Gap { source: "readings".into(), cause: GapCause::Unreachable, node: None, statement });
    }
    gaps
}

fn of_node(case: &Case<'_>, node: &NodeId) -> Option<Gap> {
    let sights: Vec<(&str, Sight)> =
        case.seen.signals(node).map(|(signal, _)| (signal, case.seen.sight(node, signal))).collect();
    let gone: Vec<(&str, Timestamp)> = sights
        .iter()
        .filter_map(|(signal, sight)| match sight {
            Sight::Vanished(since) => Some((*signal, *since)),
            Sight::Absent | Sight::Fresh => None,
        })
        .collect();
    let first = gone.iter().map(|(_, since)| *since).min()?;
    let last = gone.iter().map(|(_, since)| *since).max()?;
    let still = sights.iter().find(|(_, sight)| *sight == Sight::Fresh).map(|(signal, _)| *signal);
    let (cause, statement) = match still {
        Some(still) => {
            let names: Vec<String> = gone.iter().map(|(signal, _)| format!("`{signal}`")).collect();
            let meaning = match gone.as_slice() {
                [(signal, _)] => Vocabulary::bundled().signal(signal).map(|spec| format!(" ({})", spec.meaning)),
                _ => None,
            };
            let statement = format!(
                "{}{} of {} vanished after {}, while `{still}` is still read: that it vanished may itself be a trace of \
                 the cause",
                names.join(", "),
                meaning.unwrap_or_default(),
                node.words(),
                first.clock(),
            );
            (GapCause::Malformed, statement)
        }
        None => {
            let statement = format!(
                "nothing has been read of {} since {}: it is gone, or whoever reads it is; look whether it runs",
                node.words(),
                last.clock(),
            );
            (GapCause::Unreachable, statement)
        }
    };
    Some(Gap { source: "readings".into(), cause, node: Some(node.clone()), statement })
}
