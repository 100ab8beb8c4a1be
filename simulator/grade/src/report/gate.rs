//! What the gate says, for people.

use std::fmt::Write;

use crate::gate::{Judged, Kept};
use crate::scorecard::Run;

/// What fell, flipped, was waived, and changed besides.
pub fn text(judged: &Judged) -> String {
    let mut text = if judged.passes() { "gate: passes\n".to_owned() } else { "gate: fails\n".to_owned() };
    for drop in &judged.drops {
        let _ = writeln!(
            text,
            "  broad: {} changed by {:+.3} a run, for the worse and beyond {:+.3} with certainty",
            drop.figure, drop.change, drop.at_least
        );
    }
    for flip in &judged.flips {
        let _ = writeln!(
            text,
            "  must pass: {} with seed {}\n    before: {}\n    now:    {}\n    again:  {}",
            flip.scenario, flip.seed, flip.before, flip.now, flip.again
        );
    }
    for (flip, reason) in &judged.waived {
        let _ = writeln!(text, "  waived: {} with seed {}: {reason}", flip.scenario, flip.seed);
    }
    for waiver in &judged.expired {
        let _ = writeln!(text, "  waiver of {} ended on {}: {}", waiver.scenario, waiver.until, waiver.reason);
    }
    let list = |runs: &[(String, u64)]| {
        runs.iter().map(|(name, seed)| format!("{name} {seed}")).collect::<Vec<_>>().join(", ")
    };
    for (word, runs) in [("right now", &judged.won), ("wrong now", &judged.lost)] {
        if !runs.is_empty() {
            let _ = writeln!(text, "  {word}: {}", list(runs));
        }
    }
    text
}

/// One run, verdict by verdict, beside what was kept of it.
pub fn explained(before: &Kept, now: &Run) -> String {
    let mut text = format!(
        "{} with seed {}\n  truth:  {}\n  before: {} ({})\n",
        now.scenario,
        now.seed,
        now.truth,
        if before.said.is_empty() { "nobody" } else { &before.said },
        if before.right { "right" } else { "wrong" }
    );
    let mut diverged = false;
    for said in &now.spoken {
        let node = said.node.as_deref().unwrap_or("nobody");
        let class = said.class.as_deref().map_or(String::new(), |class| format!(" {class}"));
        let what = format!("{node}{class}");
        let sure = said.confidence.map_or(String::new(), |sure| format!(", {:.0} % sure", sure * 100.0));
        let is_other = !before.said.is_empty() && what != before.said;
        let mark = if is_other && !diverged { "  <- the first that differs" } else { "" };
        diverged |= is_other;
        let _ = writeln!(text, "  {:>6.0} s {what}{sure}{}{mark}", said.at_s, if said.right { "" } else { " (wrong)" });
    }
    let _ = writeln!(text, "  now:    {} ({})", now.said, if now.is_right() { "right" } else { "wrong" });
    text
}
