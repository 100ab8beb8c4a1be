//! For CI servers: a test case for each run, in the XML that JUnit made common. A wrong run is a failure that says what
//! was said, what was so, and how to have it again.

use std::fmt::Write;

use super::escaped;
use crate::scorecard::{Run, Scorecard, by};

/// The whole report. Suites of recorded incidents say so by their names.
pub fn junit(scorecards: &[&Scorecard]) -> String {
    let runs: Vec<&Run> = scorecards.iter().flat_map(|scorecard| scorecard.runs()).collect();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"lagdoctor evaluate{}\" tests=\"{}\" failures=\"{}\" time=\"{:.3}\">\n",
        escaped(
            &scorecards
                .iter()
                .filter_map(|scorecard| scorecard.pack())
                .map(|pack| format!(" {pack}"))
                .collect::<String>()
        ),
        runs.len(),
        wrong(&runs),
        seconds(&runs)
    );
    for scorecard in scorecards {
        text += &suites(scorecard);
    }
    text + "</testsuites>\n"
}

fn wrong(runs: &[&Run]) -> usize {
    runs.iter().filter(|run| !run.is_right()).count()
}

fn seconds(runs: &[&Run]) -> f64 {
    runs.iter().map(|run| run.took_ms / 1000.0).sum()
}

fn suites(scorecard: &Scorecard) -> String {
    let runs: Vec<&Run> = scorecard.runs().iter().collect();
    let mut text = String::new();
    for (scenario, runs) in by(&runs, |run| &run.scenario) {
        let scenario = if scorecard.is_recorded() { format!("recorded {scenario}") } else { scenario.to_owned() };
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" time=\"{:.3}\">",
            escaped(&scenario),
            runs.len(),
            wrong(&runs),
            seconds(&runs)
        );
        for run in runs {
            let name = if run.recorded { escaped(&run.family) } else { format!("seed {}", run.seed) };
            let time = run.took_ms / 1000.0;
            let head = format!("    <testcase classname=\"{}\" name=\"{name}\" time=\"{time:.3}\"", escaped(&scenario));
            if run.is_right() {
                let _ = writeln!(text, "{head}/>");
                continue;
            }
            let again = super::again(run, scorecard.flags());
            let _ = writeln!(
                text,
                "{head}>\n      <failure message=\"{}\">said:  {}\ntruth: {}\nagain: {}</failure>\n    </testcase>",
                escaped(&run.said),
                escaped(&run.said),
                escaped(&run.truth),
                escaped(&again)
            );
        }
        text += "  </testsuite>\n";
    }
    text
}
