//! For a pull request or a wiki: what it is worth, who else stands where, the worst families, the wrong runs.

use std::fmt::Write;

use super::{range, short};
use crate::measure::MEASURES;
use crate::scorecard::{Row, Run, Scorecard};

/// How many wrong runs are listed.
const MOST_WRONG: usize = 20;

/// The whole report.
pub fn markdown(scorecard: &Scorecard) -> String {
    let overall = scorecard.overall();
    let mut text = format!(
        "## lagdoctor evaluate: {} {}\n\n| grade | value | 95 % | |\n|---|---:|---|---|\n",
        overall.n,
        super::runs(scorecard)
    );
    for (measure, figure) in MEASURES.iter().zip(&overall.figures).filter(|(_, figure)| figure.is_some()) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            measure.title,
            short(*figure),
            range(*figure),
            cell(measure.meaning)
        );
    }
    text += &table("contender", &scorecard.leaderboard());
    text += &super::text::worth(scorecard);
    text += &super::robust::markdown(scorecard.curves());
    text += &table("family", &scorecard.families());
    let wrong: Vec<&Run> = scorecard.runs().iter().filter(|run| !run.is_right()).collect();
    if !wrong.is_empty() {
        let _ = write!(
            text,
            "\n<details><summary>{} wrong runs</summary>\n\n| run | said | truth |\n|---|---|---|\n",
            wrong.len()
        );
        for run in wrong.iter().take(MOST_WRONG) {
            let _ = writeln!(text, "| {} | {} | {} |", cell(&name(run)), cell(&run.said), cell(&run.truth));
        }
        if wrong.len() > MOST_WRONG {
            let _ = writeln!(text, "| … | {} more | |", wrong.len() - MOST_WRONG);
        }
        text += "\n</details>\n";
    }
    text
}

fn table(what: &str, rows: &[Row]) -> String {
    let mut text = format!(
        "\n| {what} | runs | AC@1 | 95 % | AC@3 | MRR | node+class | false alarms |\n|---|---:|---:|---|---:|---:|---:|---:|\n"
    );
    for row in rows {
        let ac1 = row.figure("ac1");
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            cell(&row.name),
            row.n,
            short(ac1),
            range(ac1),
            short(row.figure("ac3")),
            short(row.figure("mrr")),
            short(row.figure("exact1")),
            short(row.figure("false_alarms")),
        );
    }
    text
}

fn name(run: &Run) -> String {
    if run.recorded { format!("`{}`", run.scenario) } else { format!("`{}` seed {}", run.scenario, run.seed) }
}

/// What a table's cell may not hold.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ").replace('<', "&lt;")
}
