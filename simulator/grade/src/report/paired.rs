//! What a paired comparison says, for people.

use std::fmt::Write;

use super::number;
use crate::measure::Measure;
use crate::paired::{Comparison, smallest_drop};

/// The whole comparison.
pub fn text(comparison: &Comparison) -> String {
    let Comparison { n, won, lost, p, changes } = comparison;
    let mut text = format!(
        "\nplugins against the others, on the same {n} runs: {} won, {} lost on the first node (McNemar p = {p:.4})\n{:14} {:>7} {:>7} {:>8}  95 % interval\n",
        won.len(),
        lost.len(),
        "grade",
        "others",
        "plugins",
        "change"
    );
    for change in changes {
        let title = Measure::named(change.measure).map_or(change.measure, |measure| measure.title);
        let certain = change.change.low > 0.0 || change.change.high < 0.0;
        let _ = writeln!(
            text,
            "{title:14} {:>7} {:>7} {:>+8.3}  {:+.3}..{:+.3}{}",
            number(change.before),
            number(change.after),
            change.change.value,
            change.change.low,
            change.change.high,
            if certain { " *" } else { "" }
        );
    }
    for (word, runs) in [("won", won), ("lost", lost)] {
        let names: Vec<String> = runs.iter().take(20).map(|(name, seed)| format!("{name} {seed}")).collect();
        if !names.is_empty() {
            let _ = writeln!(text, "{word}: {}{}", names.join(", "), if runs.len() > 20 { ", …" } else { "" });
        }
    }
    text += "*: the interval leaves out no change at all.\n\nsmallest drop of AC@1 that is likely to show (80 % power at 5 %, when a tenth of the runs changes):\n";
    for runs in [50, 100, 200, 400, 600, 1000] {
        let _ = writeln!(text, "{runs:>6} runs  {:.3}", smallest_drop(runs, 0.1));
    }
    text
}
