//! For people at a terminal: a table, what it is worth, and every run that went wrong with the command that repeats it.

use std::fmt::Write;

use super::{range, short};
use crate::exam::ORACLE;
use crate::measure::MEASURES;
use crate::scorecard::{Failing, Row, Run, Scorecard, Worth};

/// How many of the worst families are named.
const WORST: usize = 3;
/// How many wrong runs are told in full.
const MOST_WRONG: usize = 25;

/// Above what was recorded.
const HEADING: &str = "RECORDED incidents: none of these figures is mixed with those of simulated runs. Nobody can have an incident\n\
    again without its fault, so there is no oracle; a class and a way are graded where the label tells them.\n\n";

/// The whole report.
pub fn text(scorecard: &Scorecard) -> String {
    let mut text = if scorecard.is_recorded() { HEADING.to_owned() } else { String::new() };
    text += &table(scorecard);
    text += &figures(scorecard);
    text += &families(scorecard);
    text += &leaderboard(scorecard);
    text += &worth(scorecard);
    text += &super::robust::text(scorecard.curves());
    if !scorecard.is_recorded() {
        text +=
            "\nThe built-in scenarios are what the bundled plugins were made with; grade on others with --scenarios.\n";
    }
    text += &remarks(scorecard);
    text
}

fn table(scorecard: &Scorecard) -> String {
    // Of recorded incidents each is its own scenario, so that only their families have figures.
    let is_recorded = scorecard.is_recorded();
    let rows = |scorecard: &Scorecard| if is_recorded { scorecard.families() } else { scorecard.scenarios() };
    let mut text = format!(
        "{:20} {:>4} {:>7} {:>7} {:>11} {:>10} {:>8} {:>8} {:>8}\n",
        if is_recorded { "recorded" } else { "scenario" },
        "runs",
        "AC@1",
        "AC@3",
        "node+class",
        "largest-z",
        "abstain",
        "alarms",
        "ms"
    );
    let rival = scorecard.runs_of("largest-z").map(|runs| {
        let names = vec![String::new()];
        let of = if is_recorded { Scorecard::of_recorded } else { Scorecard::of };
        let mut one = of(names, String::new());
        one.take(runs);
        one
    });
    let rival_rows = rival.as_ref().map(rows).unwrap_or_default();
    let mut line = |row: &Row, rival: Option<&Row>| {
        let _ = writeln!(
            text,
            "{:20} {:>4} {:>7} {:>7} {:>11} {:>10} {:>8} {:>8} {:>8}",
            row.name,
            row.n,
            short(row.figure("ac1")),
            short(row.figure("ac3")),
            short(row.figure("exact1")),
            short(rival.and_then(|rival| rival.figure("ac1"))),
            short(row.figure("abstention")),
            short(row.figure("false_alarms")),
            row.ms.map_or("-".to_owned(), |ms| format!("{ms:.0}")),
        );
    };
    for row in rows(scorecard) {
        line(&row, rival_rows.iter().find(|rival| rival.name == row.name));
    }
    line(&scorecard.overall(), rival.as_ref().map(Scorecard::overall).as_ref());
    text + "\nAC@k: right node among the first k causes, of runs with an incident. node+class: right node and right class first.\n\
            largest-z: AC@1 of the naive rival, the node with the largest z-score; a process counts as its JVM.\n\
            abstain: no cause named. alarms: fault-free runs with an incident reported. ms: median of one diagnosis.\n"
}

fn figures(scorecard: &Scorecard) -> String {
    let overall = scorecard.overall();
    let mut text =
        format!("\n{:14} {:>7}  {:15} of {} {}\n", "all", "value", "95 % interval", overall.n, super::runs(scorecard));
    for (measure, figure) in MEASURES.iter().zip(&overall.figures).filter(|(_, figure)| figure.is_some()) {
        let _ = writeln!(text, "{:14} {:>7}  {:15} {}", measure.title, short(*figure), range(*figure), measure.meaning);
    }
    if let Some(bytes) = scorecard.bytes {
        let _ =
            writeln!(text, "{:14} {:>7}  {:15} most memory of all plugins together, in MiB", "memory", bytes >> 20, "");
    }
    text
}

fn families(scorecard: &Scorecard) -> String {
    let families = scorecard.families();
    let mut broken: Vec<&Row> = families.iter().filter(|row| row.figure("ac1").is_some()).collect();
    if broken.len() < 2 {
        return String::new();
    }
    let mut text = format!(
        "\n{:26} {:>4} {:>7}  {:12} {:>7} {:>7} {:>9} {:>8}\n",
        if scorecard.is_recorded() { "family, recorded" } else { "family" },
        "runs",
        "AC@1",
        "interval",
        "AC@3",
        "early",
        "to detect",
        "to right"
    );
    for row in &broken {
        let ac1 = row.figure("ac1");
        let _ = writeln!(
            text,
            "{:26} {:>4} {:>7}  {:12} {:>7} {:>7} {:>9} {:>8}",
            row.name,
            row.n,
            short(ac1),
            range(ac1),
            short(row.figure("ac3")),
            short(row.figure("ac1_early")),
            short(row.figure("time_to_detect_s")),
            short(row.figure("time_to_right_s")),
        );
    }
    let value = |row: &Row| row.figure("ac1").map_or(0.0, |ac1| ac1.value);
    broken.sort_by(|a, b| value(a).total_cmp(&value(b)).then(a.name.cmp(&b.name)));
    let worst: Vec<String> = broken
        .iter()
        .filter(|row| value(row) < 1.0)
        .take(WORST)
        .map(|row| format!("{} ({})", row.name, short(row.figure("ac1"))))
        .collect();
    if !worst.is_empty() {
        let _ = writeln!(text, "worst: {}", worst.join(", "));
    }
    text
}

fn leaderboard(scorecard: &Scorecard) -> String {
    let rows = scorecard.leaderboard();
    if rows.len() < 2 {
        return String::new();
    }
    let mut text = format!(
        "\n{:24} {:>7}  {:12} {:>7} {:>7} {:>11} {:>9}\n",
        if scorecard.is_recorded() { "leaderboard, recorded" } else { "leaderboard" },
        "AC@1",
        "interval",
        "AC@3",
        "MRR",
        "node+class",
        "< 0.35 in"
    );
    for row in &rows {
        let ac1 = row.figure("ac1");
        let below = scorecard.families_below(&row.name, 0.35);
        let _ = writeln!(
            text,
            "{:24} {:>7}  {:12} {:>7} {:>7} {:>11} {:>9}",
            row.name,
            short(ac1),
            range(ac1),
            short(row.figure("ac3")),
            short(row.figure("mrr")),
            short(row.figure("exact1")),
            below.map_or("-".to_owned(), |(below, of)| format!("{below} of {of}")),
        );
    }
    text += "< 0.35 in: families in which AC@1 is below that.\n";
    if rows.iter().any(|row| row.name == ORACLE) {
        text += "oracle: sees the same run without its faults, which nobody can, and names nodes alone; what it gets right can be found.\n";
    }
    text
}

/// What each plugin that was given adds to the others, one line each.
pub(super) fn worth(scorecard: &Scorecard) -> String {
    let of = scorecard.runs().len();
    let line = |worth: Worth| {
        let Worth { plugin, findings, heard, changed, better, worse } = worth;
        format!(
            "\n{plugin}: {findings} findings in {heard} of {of} runs; it changed {changed} verdicts, \
             {better} for the better and {worse} for the worse\n"
        )
    };
    scorecard.worth().into_iter().map(line).collect()
}

fn remarks(scorecard: &Scorecard) -> String {
    let mut text = String::new();
    let wrong: Vec<&Run> = scorecard.runs().iter().filter(|run| !run.is_right()).collect();
    for run in wrong.iter().take(MOST_WRONG) {
        let (Run { said, truth, .. }, title) = (run, run.title());
        let again = super::again(run, scorecard.flags());
        let _ = write!(text, "\nwrong: {title}\n  said:  {said}\n  truth: {truth}\n  again: {again}\n");
    }
    if wrong.len() > MOST_WRONG {
        let _ = writeln!(text, "\nand {} more wrong runs; --format json has them all", wrong.len() - MOST_WRONG);
    }
    for (scenario, seed) in scorecard.void() {
        let _ = writeln!(
            text,
            "\nvoid: {scenario} with seed {seed}: its fault moved nothing that hurts, so another seed was taken"
        );
    }
    for Failing { plugin, runs, first } in scorecard.failing() {
        let of = scorecard.runs().len();
        let _ = write!(
            text,
            "\nfailed: {plugin} in {runs} of {of} runs, so that this is what the others are worth\n  first: {first}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use lagdoctor_model::{Gap, GapCause, Verdict};

    use super::*;
    use crate::exam::Sat;
    use crate::scorecard::{Spoken, testing};

    fn run(seed: u64, failures: &[&str]) -> Run {
        let gap = |source: &&str| Gap {
            source: (*source).to_owned(),
            cause: GapCause::PluginFailed,
            node: None,
            statement: format!("{source} panicked with seed {seed}"),
        };
        let rank = if seed == 1 { Some(1) } else { Some(2) };
        Run { failures: failures.iter().map(gap).collect(), ..testing::run("hot-key", seed, rank) }
    }

    fn scorecard(runs: Vec<Run>) -> Scorecard {
        let mut scorecard = Scorecard::of(vec!["plugins".to_owned()], " --plugin mine.wasm".to_owned());
        for run in runs {
            scorecard.add("hot-key-s", Sat { runs: vec![run], void: vec![] });
        }
        scorecard
    }

    #[test]
    fn a_plugin_that_failed_is_named_beside_the_grade_to_which_it_gave_nothing() {
        let scorecard = scorecard(vec![run(1, &["mine", "mine"]), run(2, &["mine", "yours"]), run(3, &[])]);
        let failing: Vec<_> = scorecard.failing().into_iter().map(|failing| (failing.plugin, failing.runs)).collect();
        assert_eq!(failing, [("mine".to_owned(), 2), ("yours".to_owned(), 1)]);
        let text = text(&scorecard);
        assert!(text.contains("failed: mine in 2 of 3 runs"), "{text}");
        assert!(text.contains("first: mine panicked with seed 1"), "{text}");
    }

    #[test]
    fn a_plugin_that_changes_nothing_is_told_from_one_that_is_worth_something() {
        let said = |class: &str, right| Spoken {
            at_s: 60.0,
            verdict: Verdict::Cause,
            node: Some("database:d".to_owned()),
            class: Some(class.to_owned()),
            confidence: Some(0.9),
            right,
        };
        let of = |seed: u64, class: &str, heard: usize| {
            let right = class == "db.lock";
            let heard = [("scorer-mine".to_owned(), heard)].into();
            let run = testing::run("lock", seed, Some(if right { 1 } else { 2 }));
            Run { spoken: vec![said(class, right)], heard, ..run }
        };
        let names = vec!["plugins".to_owned(), Scorecard::lacking("scorer-mine")];
        let mut scorecard = Scorecard::of(names, String::new());
        let (lock, slow) = ("db.lock", "db.slow-statement");
        for (seed, with, without, heard) in
            [(1, lock, slow, 4), (2, lock, lock, 3), (3, slow, lock, 1), (4, slow, slow, 0)]
        {
            let runs = vec![of(seed, with, heard), of(seed, without, 0)];
            scorecard.add("lock-s", Sat { runs, void: vec![] });
        }
        let expected =
            "scorer-mine: 8 findings in 3 of 4 runs; it changed 2 verdicts, 1 for the better and 1 for the worse";
        assert!(text(&scorecard).contains(expected), "{}", text(&scorecard));
    }

    #[test]
    fn a_wrong_run_is_told_with_the_truth_and_repeated_with_the_same_plugins() {
        let text = text(&scorecard(vec![Run { source: "'my scenarios/hot.toml'".to_owned(), ..run(2, &[]) }]));
        assert!(text.contains("again: lagdoctor simulate 'my scenarios/hot.toml' --seed 2 "), "{text}");
        assert!(text.contains("truth: partition:orders/3 (load.hot-key)"), "{text}");
        assert!(text.contains("lagdoctor diagnose --bundle incident --plugin mine.wasm\n"), "{text}");
    }
}
