//! What is missing, and why. Start at [`Gap`].

use lagdoctor_sdk::{Error, Page, RawGap, code};

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    cause: &'static str,
    statement: String,
}

impl Gap {
    /// The answer makes no sense, is an error, or is known to be incomplete.
    pub(crate) fn malformed(statement: String) -> Self {
        Self { cause: "malformed", statement }
    }

    /// There is more than can be read.
    pub(crate) fn truncated(statement: String) -> Self {
        Self { cause: "truncated", statement }
    }

    /// There was no answer in time.
    pub(crate) fn unreachable(statement: String) -> Self {
        Self { cause: "unreachable", statement }
    }

    /// What this error says, in a sentence of its own.
    pub(crate) fn of(error: &Error, statement: String) -> Self {
        let is_refused = [code::UNAUTHORISED, code::RATE_LIMITED, code::NOT_GRANTED].contains(&error.code.as_str());
        Self { cause: if is_refused { "refused" } else { "unreachable" }, statement }
    }

    pub(crate) fn into_statement(self) -> String {
        self.statement
    }

    /// Names it on a page, together with why it is one.
    pub(crate) fn put(self, page: &mut Page) {
        page.gaps.push(RawGap::new(self.cause, self.statement));
    }
}
