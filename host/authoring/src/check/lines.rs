//! What a check found, line by line.

/// How one check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Fine,
    /// It works, and an operator may frown.
    Warn,
    /// A host would refuse it, or be sorry that it did not.
    Fail,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What was looked at.
    pub what: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// Why, in one line.
    pub said: String,
}

/// All checks, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The checks.
    pub lines: Vec<Line>,
}

impl Report {
    pub(crate) fn fine(&mut self, what: &'static str, said: String) {
        self.lines.push(Line { what, outcome: Outcome::Fine, said });
    }

    pub(crate) fn warn(&mut self, what: &'static str, said: String) {
        self.lines.push(Line { what, outcome: Outcome::Warn, said });
    }

    /// Puts a remark before everything that was found: something about the component itself, which the check was not told.
    pub fn warn_first(&mut self, what: &'static str, said: String) {
        self.lines.insert(0, Line { what, outcome: Outcome::Warn, said });
    }

    pub(crate) fn fail(&mut self, what: &'static str, said: String) {
        self.lines.push(Line { what, outcome: Outcome::Fail, said });
    }

    /// How many went so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.lines.iter().filter(|line| line.outcome == outcome).count()
    }

    /// For people: one line for each check, and a sentence.
    pub fn text(&self) -> String {
        let mark = |outcome| match outcome {
            Outcome::Fine => "ok  ",
            Outcome::Warn => "warn",
            Outcome::Fail => "FAIL",
        };
        let lines = self.lines.iter().map(|line| format!("{}  {:12} {}\n", mark(line.outcome), line.what, line.said));
        let (fails, warns) = (self.count(Outcome::Fail), self.count(Outcome::Warn));
        let verdict = match (fails, warns) {
            (0, 0) => "a host would want it".to_owned(),
            (0, warns) => format!("a host would take it; look at {warns} of {} checks", self.lines.len()),
            (fails, _) => format!("{fails} of {} checks failed", self.lines.len()),
        };
        lines.chain([format!("\n{verdict}\n")]).collect()
    }
}
