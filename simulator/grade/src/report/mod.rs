//! How is a scorecard told? One file for each reader: people ([`text`]), pull requests ([`markdown`], [`annotations`]), CI
//! servers ([`junit`]), programs ([`json`]), and whoever wants to look closely ([`html`]).

pub mod annotations;
pub mod gate;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod paired;
mod robust;
#[cfg(test)]
mod schema_tests;
pub mod text;

use crate::interval::Estimate;
use crate::scorecard::{Run, Scorecard};

/// `0.93`, or `-` where there is none.
pub(crate) fn short(figure: Option<Estimate>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| number(figure.value))
}

/// A number in as many digits as it takes: seconds have none.
pub(crate) fn number(value: f64) -> String {
    if value.abs() >= 10.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// `0.85..0.97`, or nothing.
pub(crate) fn range(figure: Option<Estimate>) -> String {
    figure.map_or_else(String::new, |figure| format!("{}..{}", number(figure.low), number(figure.high)))
}

/// What the runs of a scorecard are, so that nobody takes figures of the one for the other, and of which scenarios.
pub(crate) fn runs(scorecard: &Scorecard) -> String {
    let what = if scorecard.is_recorded() { "recorded incidents" } else { "simulated runs" };
    scorecard.pack().map_or_else(|| what.to_owned(), |pack| format!("{what} of {pack}"))
}

/// The command that has a run again, and judges it with the same plugins.
pub(crate) fn again(run: &Run, flags: &str) -> String {
    if run.recorded {
        return format!("lagdoctor diagnose --bundle {}{flags}", run.source);
    }
    format!(
        "lagdoctor simulate {} --seed {} --out incident && lagdoctor diagnose --bundle incident{flags}",
        run.source, run.seed
    )
}

/// Text within XML and HTML, in attributes too.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            // XML 1.0 has no way to write these.
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use crate::exam::Sat;
    use crate::graded::Graded;
    use crate::paired::Comparison;
    use lagdoctor_sim::Blur;

    use crate::robust::Curve;
    use crate::scorecard::testing::run;
    use crate::scorecard::{Run, Scorecard};

    pub(super) fn scorecard() -> Scorecard {
        let mut scorecard = Scorecard::of(vec!["plugins".to_owned()], String::new());
        for (family, seed, rank) in [("a", 1, Some(1)), ("a", 2, Some(2)), ("b", 1, None)] {
            let run = Run {
                said: "a < b & \"c\"\u{1b}[1m".to_owned(),
                backlog: vec![Some(1.0), None, Some(30.0)],
                ..run(family, seed, rank)
            };
            scorecard.add(family, Sat { runs: vec![run], void: vec![] });
        }
        scorecard.note_pack(Some("builtin:public@7".to_owned()));
        scorecard
    }

    /// Two incidents whose labels name a place alone.
    pub(super) fn recorded() -> Scorecard {
        let mut scorecard = Scorecard::of_recorded(vec!["plugins".to_owned()], String::new());
        for (family, rank) in [("cpu", Some(1)), ("mem", Some(3))] {
            let run = run(family, 0, rank);
            let grade = Graded { exact: None, ..run.grade };
            let root = Some(("service:db".to_owned(), None));
            let run = Run { recorded: true, source: "bundles/7f3a".to_owned(), grade, root, ..run };
            scorecard.add(family, Sat { runs: vec![run], void: vec![] });
        }
        scorecard
    }

    #[test]
    fn figures_of_recorded_incidents_stand_apart_from_those_of_simulated_runs() {
        let (simulated, recorded) = (scorecard(), recorded());
        let text = super::json::json(&simulated, None, Some((&recorded, None)));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&value["overall"]["n"], &value["recorded"]["overall"]["n"]), (&3.into(), &2.into()));
        assert_eq!(value["recorded"]["overall"]["ac1"]["value"], 0.5);
        assert_eq!(value["recorded"]["overall"]["exact1"], serde_json::Value::Null);
        assert_eq!(value["recorded"]["overall"]["path_f1"], serde_json::Value::Null);
        assert_eq!(value["recorded"]["overall"]["decoy_blame"], serde_json::Value::Null);
        assert_eq!(value["overall"]["decoy_blame"]["value"], 0.0);
        assert_eq!(value["recorded"]["runs"][1]["bundle"], "bundles/7f3a");
        let text = super::text::text(&recorded);
        assert!(text.starts_with("RECORDED incidents") && text.contains("of 2 recorded incidents"), "{text}");
        assert!(text.contains("again: lagdoctor diagnose --bundle bundles/7f3a\n"), "{text}");
        assert!(!text.contains("seed") && !text.contains("simulate "), "{text}");
        let markdown = super::markdown::markdown(&recorded);
        assert!(markdown.starts_with("## lagdoctor evaluate: 2 recorded incidents"), "{markdown}");
        let junit = super::junit::junit(&[&simulated, &recorded]);
        check_tags(&junit);
        assert!(junit.contains("tests=\"5\" failures=\"3\"") && junit.contains("<testsuite name=\"recorded mem-s\""));
    }

    #[test]
    fn each_report_names_the_scenarios_with_their_version() {
        let scorecard = scorecard();
        let value: serde_json::Value = serde_json::from_str(&super::json::json(&scorecard, None, None)).unwrap();
        assert_eq!(value["pack"], "builtin:public@7");
        let all = [
            super::text::text(&scorecard),
            super::markdown::markdown(&scorecard),
            super::html::html(&[&scorecard]),
            super::junit::junit(&[&scorecard]),
        ];
        for text in all {
            assert!(text.contains("builtin:public@7"), "{text}");
        }
        let none: serde_json::Value =
            serde_json::from_str(&super::json::json(&Scorecard::default(), None, None)).unwrap();
        assert_eq!(none["pack"], serde_json::Value::Null);
    }

    #[test]
    fn a_recorded_run_is_never_counted_among_simulated_ones() {
        let mut simulated = scorecard();
        simulated.add("cpu", Sat { runs: recorded().runs().to_vec(), void: vec![] });
        assert_eq!(simulated.runs().len(), 3);
    }

    /// Each tag that is opened is closed, in order.
    fn check_tags(text: &str) {
        let mut open: Vec<String> = vec![];
        for tag in text.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("`<{tag}` has no end"));
            let name: String = tag.trim_start_matches('/').chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
            if let Some(closed) = tag.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(closed), "{tag}");
            } else if !tag.starts_with(['?', '!']) && !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert_eq!(open, Vec::<String>::new());
    }

    fn check_tags_of_plots(text: &str) {
        let plots = text.split_once("<div class=\"plots\">").and_then(|(_, rest)| rest.split_once("</div>"));
        check_tags(plots.unwrap_or_else(|| panic!("no plots")).0);
    }

    #[test]
    fn junit_has_a_case_for_each_run_and_a_failure_for_each_wrong_one() {
        let text = super::junit::junit(&[&scorecard()]);
        check_tags(&text);
        assert!(text.contains("tests=\"3\" failures=\"2\""), "{text}");
        assert_eq!((text.matches("<testcase ").count(), text.matches("<failure ").count()), (3, 2));
        assert!(text.contains("a &lt; b &amp; &quot;c&quot;\u{fffd}[1m") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn annotations_are_one_line_each_on_the_line_of_the_scenario() {
        let text = super::annotations::annotations(&scorecard(), |name| Some((format!("scenarios/{name}.toml"), 30)));
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(
            text.starts_with("::warning file=scenarios/a-s.toml,line=30,title=a-s%3A 1 of 2 runs are wrong::"),
            "{text}"
        );
    }

    #[test]
    fn the_page_reaches_for_nothing_outside_itself() {
        let mut simulated = scorecard();
        simulated.note_curves(vec![Curve::new(Blur::Edges, scorecard().runs())]);
        let text = super::html::html(&[&simulated, &recorded()]);
        check_tags_of_plots(&text);
        for outside in ["http:", "https:", "<script", "<link", "src=", "@import", "url("] {
            assert!(!text.contains(outside), "{outside}");
        }
        assert!(!text.contains("NaN") && !text.contains("a < b"));
        assert_eq!(text.matches("aria-label=\"timeline\"").count(), 5);
    }

    #[test]
    fn json_has_every_measure_and_every_run() {
        let comparison = Comparison::of(scorecard().runs(), scorecard().runs());
        let value: serde_json::Value =
            serde_json::from_str(&super::json::json(&scorecard(), Some(&comparison), None)).unwrap();
        for measure in crate::MEASURES {
            assert!(value["overall"].get(measure.name).is_some(), "{}", measure.name);
        }
        assert_eq!(value["overall"]["ac1"]["value"], 1.0 / 3.0);
        assert_eq!(value["runs"].as_array().map(Vec::len), Some(3));
        assert_eq!(value["paired"]["mcnemar_p"], 1.0);
    }
}
