//! What was read of a window, and what was left out, over all pages; said once, when the window has been read. Start at
//! [`Tally::gaps`]; what is no gap is in [`Tally::note`].

use std::fmt;

use crate::config::Checked;

/// Lines of one kind, loud or quiet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) read: u64,
    pub(crate) left_out: u64,
}

impl Count {
    fn all(self) -> u64 {
        self.read.saturating_add(self.left_out)
    }
}

/// Numbers of one window so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) loud: Count,
    pub(crate) quiet: Count,
    /// Of those that were left out: because so many were written at one moment that slices could not thin them.
    pub(crate) counted_off: u64,
    /// Warnings and errors of which only their text says so, and no field.
    pub(crate) hidden: u64,
    /// Hits that have no text, or no time.
    pub(crate) unreadable: u64,
    /// Hits that were counted but not given, though there was room for them.
    pub(crate) lost: u64,
}

/// As part of a page token.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { loud, quiet, counted_off, hidden, unreadable, lost } = self;
        let Count { read, left_out } = loud;
        write!(f, "{read}.{left_out}.{}.{}.{counted_off}.{hidden}.{unreadable}.{lost}", quiet.read, quiet.left_out)
    }
}

impl Tally {
    /// Of a page token.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let numbers: Option<Vec<u64>> = text.split('.').map(|number| number.parse().ok()).collect();
        let [loud_read, loud_left, quiet_read, quiet_left, counted_off, hidden, unreadable, lost] =
            *numbers?.as_slice()
        else {
            return None;
        };
        let loud = Count { read: loud_read, left_out: loud_left };
        let quiet = Count { read: quiet_read, left_out: quiet_left };
        Some(Self { loud, quiet, counted_off, hidden, unreadable, lost })
    }

    fn read(&self) -> u64 {
        self.loud.read.saturating_add(self.quiet.read)
    }

    fn left_out(&self) -> u64 {
        self.loud.left_out.saturating_add(self.quiet.left_out)
    }

    /// Whether all that is missing is chatter, and as much of it at one time as at any other.
    fn is_only_thinner(&self) -> bool {
        self.loud.left_out == 0 && self.counted_off == 0 && self.hidden == 0 && self.quiet.read > 0
    }

    /// What is missing from the window, each with the word that says why. `is_whole`: the window was read to its end.
    pub(crate) fn gaps(&self, checked: &Checked, is_whole: bool) -> Vec<(&'static str, String)> {
        let index = &checked.index;
        let mut gaps = Vec::new();
        if self.left_out() > 0 && !self.is_only_thinner() {
            gaps.push(("truncated", self.truncated(checked)));
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

    /// That chatter was thinned, for who runs this; a diagnosis does not rest on how much of it there is.
    pub(crate) fn note(&self, checked: &Checked) -> Option<String> {
        let Count { read, .. } = self.quiet;
        (self.quiet.left_out > 0 && self.is_only_thinner()).then(|| {
            format!(
                "{read} of {} log lines below warning were read, evenly over the window; to read more, {}",
                self.quiet.all(),
                checked.to_read_more()
            )
        })
    }

    fn truncated(&self, checked: &Checked) -> String {
        let missing: Vec<String> = [(self.loud, "warnings and errors"), (self.quiet, "lines below warning")]
            .into_iter()
            .filter(|(count, _)| count.left_out > 0)
            .map(|(count, what)| format!("{} of {} {what}", count.left_out, count.all()))
            .collect();
        let how = if self.counted_off > 0 {
            "many were written at one moment, so only the first ones of each part of the window were read"
        } else if self.read() == 0 || (self.quiet.left_out > 0 && self.quiet.read == 0 && self.loud.left_out == 0) {
            "there was no room for them"
        } else {
            "they are missing evenly over the window"
        };
        let hidden = if self.hidden > 0 && self.quiet.left_out > 0 {
            "; warnings and errors may be among them, since only the text of lines tells their level: say under \
             `fields.level` what that field is called"
        } else {
            ""
        };
        format!(
            "{} were not read, because `max_lines` is {}; {how}{hidden}; to read more, {}",
            missing.join(" and "),
            checked.config.max_lines,
            checked.to_read_more()
        )
    }
}

#[cfg(test)]
mod tests {
    use lagdoctor_sdk::json;
    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;

    fn checked(max_lines: usize) -> Checked {
        let config = format!(r#"{{"url": "http://es/logs-*", "max_lines": {max_lines}}}"#);
        json::from_str::<Config>(&config).unwrap().checked().unwrap()
    }

    fn check(tally: Tally, max_lines: usize, is_whole: bool, expected: &[(&str, &str)]) {
        let gaps = tally.gaps(&checked(max_lines), is_whole);
        let gaps: Vec<(&str, &str)> = gaps.iter().map(|(why, statement)| (*why, statement.as_str())).collect();
        assert_eq!(gaps, expected);
    }

    fn count(read: u64, left_out: u64) -> Count {
        Count { read, left_out }
    }

    #[test]
    fn chatter_that_was_thinned_evenly_is_a_note_and_no_gap() {
        let tally = Tally { loud: count(10, 0), quiet: count(590, 2901), ..Tally::default() };
        check(tally, 600, true, &[]);
        assert_eq!(
            tally.note(&checked(600)).unwrap(),
            "590 of 3491 log lines below warning were read, evenly over the window; to read more, write under [[plugin]] \
             with name = \"collector-elasticsearch\": config = { url = \"http://es/logs-*\", max_lines = 20000 }"
        );
        assert_eq!(Tally { quiet: count(590, 0), ..tally }.note(&checked(600)), None);
    }

    #[test]
    fn what_was_left_out_is_said_with_what_to_write() {
        let more = "to read more, write under [[plugin]] with name = \"collector-elasticsearch\": config = { url = \
                    \"http://es/logs-*\", max_lines = 20000 }";
        for (tally, said) in [
            (
                Tally { loud: count(590, 7), quiet: count(10, 5), ..Tally::default() },
                "7 of 597 warnings and errors and 5 of 15 lines below warning were not read, because `max_lines` is 600; \
                 they are missing evenly over the window",
            ),
            (
                Tally { loud: count(600, 0), quiet: count(0, 5), ..Tally::default() },
                "5 of 5 lines below warning were not read, because `max_lines` is 600; there was no room for them",
            ),
            (
                Tally { loud: count(600, 7), counted_off: 7, ..Tally::default() },
                "7 of 607 warnings and errors were not read, because `max_lines` is 600; many were written at one moment, \
                 so only the first ones of each part of the window were read",
            ),
            (
                Tally { quiet: count(600, 7), hidden: 2, ..Tally::default() },
                "7 of 607 lines below warning were not read, because `max_lines` is 600; they are missing evenly over the \
                 window; warnings and errors may be among them, since only the text of lines tells their level: say \
                 under `fields.level` what that field is called",
            ),
        ] {
            check(tally, 600, true, &[("truncated", &format!("{said}; {more}"))]);
            assert_eq!(tally.note(&checked(600)), None);
        }
    }

    #[test]
    fn who_reads_the_most_already_is_told_to_leave_chatter_out() {
        let told = checked(20_000).to_read_more();
        assert!(told.ends_with("max_lines = 20000, min_level = \"warn\" }"), "{told}");
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
        fn a_tally_comes_back_from_its_token(numbers in prop::array::uniform8(0..u64::MAX)) {
            let text = numbers.map(|number| number.to_string()).join(".");
            prop_assert_eq!(Tally::parse(&text).unwrap().to_string(), text);
        }

        #[test]
        fn no_token_makes_it_fail(text in "[0-9.x-]{0,40}") {
            if let Some(tally) = Tally::parse(&text) {
                let _ = (tally.gaps(&checked(600), true), tally.note(&checked(600)));
            }
        }
    }
}
