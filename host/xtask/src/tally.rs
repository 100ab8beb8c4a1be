//! What did `cargo test` find? Reads its output line by line, counts, and tells which lines a person wants to see: not
//! the tests that pass, but all of those that fail. Start at [`Tally::read`].

/// How a test that cannot run here begins its one line of output, the rest of which says what it needs.
const SKIPPED: &str = "skipped: needs";

/// Tests so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    skipped: Vec<String>,
    section: Section,
}

/// Which part of a test binary's output is being read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Section {
    #[default]
    Outside,
    Running,
    Successes,
    Failures,
}

impl Tally {
    /// Takes one line of standard output; true when it is worth showing.
    pub(crate) fn read(&mut self, line: &str) -> bool {
        self.note_skip(line);
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.count(counts);
            let was = std::mem::take(&mut self.section);
            return was == Section::Failures || counts.contains("FAILED");
        }
        match (self.section, line) {
            (Section::Outside, line) if line.starts_with("running ") => self.section = Section::Running,
            (Section::Running, "successes:") => self.section = Section::Successes,
            (Section::Running | Section::Successes, "failures:") => self.section = Section::Failures,
            (Section::Running, line) if line.starts_with("test ") && line.ends_with(" ... FAILED") => return true,
            _ => {}
        }
        self.section == Section::Failures
    }

    /// Takes one line of standard error, where a thread of a test may say that it skips.
    pub(crate) fn read_error(&mut self, line: &str) {
        self.note_skip(line);
    }

    fn note_skip(&mut self, line: &str) {
        if line.starts_with(SKIPPED) {
            self.skipped.push(line.trim_end().to_owned());
        }
    }

    fn count(&mut self, counts: &str) {
        let of = |word: &str| {
            let number = |part: &str| part.trim().strip_suffix(word)?.trim().rsplit(' ').next()?.parse::<u64>().ok();
            counts.split(';').find_map(number).unwrap_or(0)
        };
        self.passed += of("passed");
        self.failed += of("failed");
        self.ignored += of("ignored");
    }

    /// Counts something that is no test but failed: a lint, a build.
    pub(crate) fn fail(&mut self) {
        self.failed += 1;
    }

    /// Whether a test, or anything else, failed.
    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    /// What was skipped, in the order of the tests.
    pub(crate) fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The closing line. A skipped test has passed in the eyes of cargo, but it has shown nothing.
    pub(crate) fn line(&self) -> String {
        let skipped = self.skipped.len() as u64;
        let passed = self.passed.saturating_sub(skipped);
        format!("{passed} passed, {} failed, {} skipped", self.failed, skipped + self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 3 tests
test lag_is_never_negative ... ok
test a_real_broker_is_left_alone ... ok
test replay_is_exact ... ok

successes:

---- a_real_broker_is_left_alone stdout ----
skipped: needs java, to run a broker

successes:
    a_real_broker_is_left_alone
    lag_is_never_negative
    replay_is_exact

test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

running 2 tests
test one ... FAILED
test two ... ignored

successes:

successes:

failures:

---- one stdout ----
assertion failed: 1 == 2

failures:
    one

test result: FAILED. 0 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    fn read(output: &str) -> (Tally, Vec<&str>) {
        let mut tally = Tally::default();
        let shown = output.lines().filter(|line| tally.read(line)).collect();
        (tally, shown)
    }

    #[test]
    fn a_test_that_lacks_what_it_needs_is_skipped_and_not_passed() {
        let (tally, _) = read(OUTPUT);
        assert_eq!(tally.line(), "2 passed, 1 failed, 2 skipped");
        assert_eq!(tally.skipped(), ["skipped: needs java, to run a broker"]);
    }

    #[test]
    fn only_what_failed_is_shown() {
        let (_, shown) = read(OUTPUT);
        let lines: Vec<&str> = shown.into_iter().filter(|line| !line.is_empty()).collect();
        assert_eq!(
            lines,
            [
                "test one ... FAILED",
                "failures:",
                "---- one stdout ----",
                "assertion failed: 1 == 2",
                "failures:",
                "    one",
                "test result: FAILED. 0 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s"
            ]
        );
    }

    #[test]
    fn output_that_is_cut_short_counts_only_what_was_finished() {
        let (tally, _) = read("running 2 tests\ntest one ... ok\n");
        assert_eq!(tally.line(), "0 passed, 0 failed, 0 skipped");
    }
}
