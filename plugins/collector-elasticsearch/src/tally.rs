//! What was read of a window, and what was left out, over all pages; said once, when the window has been read. Start at
//! [`Tally::gaps`].

use std::fmt;

use crate::config::Checked;

/// Lines of one kind, loud or quiet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) read: u64,
    pub(crate) left_out: u64,
}

/// Numbers of one window so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) loud: Count,
    pub(crate) quiet: Count,
    /// Of those that were left out: because of the size of a page, not of `max_lines`.
    pub(crate) beyond_page: u64,
    /// Hits that have no text, or no time.
    pub(crate) unreadable: u64,
    /// Hits that were counted but not given, though there was room for them.
    pub(crate) lost: u64,
}

/// As part of a page token.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { loud, quiet, beyond_page, unreadable, lost } = self;
        let Count { read, left_out } = loud;
        write!(f, "{read}.{left_out}.{}.{}.{beyond_page}.{unreadable}.{lost}", quiet.read, quiet.left_out)
    }
}

impl Tally {
    /// Of a page token.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let numbers: Option<Vec<u64>> = text.split('.').map(|number| number.parse().ok()).collect();
        let [loud_read, loud_left, quiet_read, quiet_left, beyond_page, unreadable, lost] = *numbers?.as_slice() else {
            return None;
        };
        let loud = Count { read: loud_read, left_out: loud_left };
        let quiet = Count { read: quiet_read, left_out: quiet_left };
        Some(Self { loud, quiet, beyond_page, unreadable, lost })
    }

    fn read(&self) -> u64 {
        self.loud.read.saturating_add(self.quiet.read)
    }

    fn left_out(&self) -> u64 {
        self.loud.left_out.saturating_add(self.quiet.left_out)
    }

    /// What is missing from the window, each with the word that says why. `is_whole`: the window was read to its end.
    pub(crate) fn gaps(&self, checked: &Checked, is_whole: bool) -> Vec<(&'static str, String)> {
        let index = &checked.index;
        let mut gaps = Vec::new();
        if self.left_out() > 0 {
            gaps.push(("truncated", self.truncated(checked, is_whole)));
        }
        if self.unreadable > 0 {
            let statement = format!(
                "{} of {} hits in {index} have no text or no time under any usual name; say under `fields` what theirs are",
                self.unreadable,
                self.read()
            );
            gaps.push(("malformed", statement));
        }
        if self.lost > 0 {
            let statement = format!(
                "{} log lines in {index} were counted but not given, because lines of one time cannot be told apart; set \
                 `fields.tiebreaker` to a field that differs in each line",
                self.lost
            );
            gaps.push(("malformed", statement));
        }
        if is_whole && self.read() == 0 && self.left_out() == 0 {
            let statement = format!(
                "{index} has no log line of this window; if there should be some, check `index`, `fields.time`, \
                 `services` and `min_level`"
            );
            gaps.push(("malformed", statement));
        }
        gaps
    }

    fn truncated(&self, checked: &Checked, is_whole: bool) -> String {
        let most = checked.config.max_lines;
        let at_least = if is_whole { "" } else { "at least " };
        let all = self.read().saturating_add(self.left_out());
        let mut missing = Vec::new();
        for (count, what) in [(self.loud.left_out, "warnings and errors"), (self.quiet.left_out, "lines below warning")]
        {
            if count > 0 {
                missing.push(format!("{count} {what}"));
            }
        }
        let by_lines = self.left_out() > self.beyond_page;
        let (why, raise) = match (by_lines, self.beyond_page > 0) {
            (true, false) => (
                format!("each part of the window gets its share of `max_lines`, {most}"),
                most < crate::config::MOST_LINES,
            ),
            (true, true) => (format!("`max_lines` is {most} and lines are long"), false),
            (false, _) => ("lines are long".to_owned(), false),
        };
        let raise = if raise {
            format!("raise `max_lines` (at most {}), or ", crate::config::MOST_LINES)
        } else {
            String::new()
        };
        format!(
            "{} of {at_least}{all} log lines were read, because {why}, and {} were left out; {raise}narrow it with \
             `services` or a higher `min_level`",
            self.read(),
            missing.join(" and ")
        )
    }
}

#[cfg(test)]
mod tests {
    use lagdoctor_sdk::json;
    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;

    fn check(tally: Tally, max_lines: usize, is_whole: bool, expected: &[(&str, &str)]) {
        let config = format!(r#"{{"url": "http://es/logs-*", "max_lines": {max_lines}}}"#);
        let checked = json::from_str::<Config>(&config).unwrap().checked().unwrap();
        let gaps = tally.gaps(&checked, is_whole);
        let gaps: Vec<(&str, &str)> = gaps.iter().map(|(why, statement)| (*why, statement.as_str())).collect();
        assert_eq!(gaps, expected);
    }

    fn count(read: u64, left_out: u64) -> Count {
        Count { read, left_out }
    }

    #[test]
    fn what_was_left_out_is_said_with_what_to_set() {
        let tally = Tally { loud: count(10, 0), quiet: count(590, 2901), ..Tally::default() };
        check(
            tally,
            600,
            true,
            &[(
                "truncated",
                "600 of 3501 log lines were read, because each part of the window gets its share of `max_lines`, 600, \
                 and 2901 lines below warning were left out; raise `max_lines` (at most 20000), or narrow it with `services` or a higher `min_level`",
            )],
        );
        check(
            Tally { loud: count(20_000, 7), quiet: count(0, 5), ..Tally::default() },
            20_000,
            false,
            &[(
                "truncated",
                "20000 of at least 20012 log lines were read, because each part of the window gets its share of `max_lines`, \
                 20000, and 7 warnings and errors and 5 lines below warning were left out; narrow it with `services` or a higher `min_level`",
            )],
        );
        let tally = Tally { loud: count(9, 5), beyond_page: 5, ..Tally::default() };
        check(
            tally,
            600,
            true,
            &[(
                "truncated",
                "9 of 14 log lines were read, because lines are long, and 5 warnings and errors were left out; narrow it \
                 with `services` or a higher `min_level`",
            )],
        );
    }

    #[test]
    fn a_window_without_lines_is_a_gap_only_once_it_was_read_to_its_end() {
        check(Tally::default(), 600, false, &[]);
        let none = "logs-* has no log line of this window; if there should be some, check `index`, `fields.time`, \
                    `services` and `min_level`";
        check(Tally::default(), 600, true, &[("malformed", none)]);
        check(Tally { quiet: count(1, 0), ..Tally::default() }, 600, true, &[]);
    }

    proptest! {
        #[test]
        fn a_tally_comes_back_from_its_token(numbers in prop::array::uniform7(0..u64::MAX)) {
            let text = numbers.map(|number| number.to_string()).join(".");
            prop_assert_eq!(Tally::parse(&text).unwrap().to_string(), text);
        }

        #[test]
        fn no_token_makes_it_fail(text in "[0-9.x-]{0,40}") {
            if let Some(tally) = Tally::parse(&text) {
                let checked = json::from_str::<Config>(r#"{"url": "http://es"}"#).unwrap().checked().unwrap();
                let _ = tally.gaps(&checked, true);
            }
        }
    }
}
