//! How is a scorecard told? One file for each reader: people ([`text`]), pull requests ([`markdown`], [`annotations`]), CI
//! servers ([`junit`]), programs ([`json`]), and whoever wants to look closely ([`html`]).

pub mod annotations;
pub mod gate;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod paired;
#[cfg(test)]
mod schema_tests;
pub mod text;

use crate::interval::Estimate;
use crate::scorecard::Run;

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

/// The command that has a run again, and judges it with the same plugins.
pub(crate) fn again(run: &Run, flags: &str) -> String {
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
    use crate::paired::Comparison;
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
        scorecard
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

    #[test]
    fn junit_has_a_case_for_each_run_and_a_failure_for_each_wrong_one() {
        let text = super::junit::junit(&scorecard());
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
        let text = super::html::html(&scorecard());
        for outside in ["http:", "https:", "<script", "<link", "src=", "@import", "url("] {
            assert!(!text.contains(outside), "{outside}");
        }
        assert!(!text.contains("NaN") && !text.contains("a < b"));
        assert_eq!(text.matches("aria-label=\"timeline\"").count(), 3);
    }

    #[test]
    fn json_has_every_measure_and_every_run() {
        let comparison = Comparison::of(scorecard().runs(), scorecard().runs());
        let value: serde_json::Value =
            serde_json::from_str(&super::json::json(&scorecard(), Some(&comparison))).unwrap();
        for measure in crate::MEASURES {
            assert!(value["overall"].get(measure.name).is_some(), "{}", measure.name);
        }
        assert_eq!(value["overall"]["ac1"]["value"], 1.0 / 3.0);
        assert_eq!(value["runs"].as_array().map(Vec::len), Some(3));
        assert_eq!(value["paired"]["mcnemar_p"], 1.0);
    }
}
