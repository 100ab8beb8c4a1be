//! For pull requests on GitHub: one workflow command for each wrong scenario, on the line of its file that says what is
//! expected.

use std::fmt::Write;

use crate::scorecard::{Run, Scorecard, by};

/// The whole report. `line_of` gives file and line of a scenario, where it has a file.
pub fn annotations(scorecard: &Scorecard, line_of: impl Fn(&str) -> Option<(String, usize)>) -> String {
    let runs: Vec<&Run> = scorecard.runs().iter().collect();
    let mut text = String::new();
    for (scenario, runs) in by(&runs, |run| &run.scenario) {
        let wrong: Vec<&&Run> = runs.iter().filter(|run| !run.is_right()).collect();
        let Some(first) = wrong.first() else { continue };
        let place = line_of(scenario).map(|(file, line)| format!("file={},line={line},", property(&file)));
        let _ = writeln!(
            text,
            "::warning {}title={}::{}",
            place.unwrap_or_default(),
            property(&format!("{scenario}: {} of {} runs are wrong", wrong.len(), runs.len())),
            message(&format!(
                "{} it said: {}\nit was: {}\nagain: {}",
                if first.recorded { "of this".to_owned() } else { format!("with seed {}", first.seed) },
                first.said,
                first.truth,
                super::again(first, scorecard.flags())
            ))
        );
    }
    let ac1 = scorecard.overall().figure("ac1");
    let _ = writeln!(
        text,
        "::notice title=lagdoctor evaluate::{}",
        message(&format!(
            "AC@1 {} ({}) over {} {}",
            super::short(ac1),
            super::range(ac1),
            runs.len(),
            super::runs(scorecard)
        ))
    );
    text
}

/// What a workflow command may not hold in its message.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Nor in a property.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
