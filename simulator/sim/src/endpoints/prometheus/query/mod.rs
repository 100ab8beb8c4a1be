//! The part of Prometheus's query language that is answered. A text is cut into words by [`lexer`], which become an
//! [`Expr`] by recursive descent in [`parser`]. What is wrong is refused with its place, in Prometheus's own form.
//! Start at [`parse`].

mod lexer;
mod parser;

#[cfg(test)]
mod tests;

use regex::Regex;

pub(super) use lexer::duration_ms;
pub(super) use parser::{parse, parse_selector};

/// A query.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Number(f64),
    /// The newest sample of each series.
    Selector(Selector),
    /// All samples of each series over a time; only a function makes an instant vector of it.
    Range(Range),
    Over {
        function: Function,
        range: Range,
    },
    Negative(Box<Expr>),
    Binary {
        operator: Operator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Aggregate {
        how: Aggregation,
        grouping: Grouping,
        of: Box<Expr>,
    },
}

/// What an expression gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar,
    Vector,
    Range,
}

impl Kind {
    /// As Prometheus names it in its errors.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Range => "range vector",
        }
    }
}

impl Expr {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Number(_) => Kind::Scalar,
            Self::Range(_) => Kind::Range,
            Self::Negative(of) => of.kind(),
            Self::Binary { left, right, .. } if left.kind() == Kind::Scalar => right.kind(),
            _ => Kind::Vector,
        }
    }
}

/// A selector and how far it looks back.
#[derive(Clone, Debug)]
pub(super) struct Range {
    pub(super) of: Selector,
    pub(super) ms: i64,
}

/// A function of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Rate,
    Increase,
    Max,
    Min,
    Avg,
    Sum,
    Count,
}

impl Function {
    pub(super) const ALL: [(&'static str, Self); 7] = [
        ("rate", Self::Rate),
        ("increase", Self::Increase),
        ("max_over_time", Self::Max),
        ("min_over_time", Self::Min),
        ("avg_over_time", Self::Avg),
        ("sum_over_time", Self::Sum),
        ("count_over_time", Self::Count),
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregation {
    Sum,
    Avg,
    Max,
    Min,
    Count,
}

impl Aggregation {
    pub(super) const ALL: [(&'static str, Self); 5] =
        [("sum", Self::Sum), ("avg", Self::Avg), ("max", Self::Max), ("min", Self::Min), ("count", Self::Count)];
}

/// Which labels an aggregation keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Grouping {
    By(Vec<String>),
    Without(Vec<String>),
}

/// All series that every matcher fits; the name is the label `__name__`.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    pub(super) matchers: Vec<Matcher>,
}

#[derive(Clone, Debug)]
pub(super) struct Matcher {
    pub(super) label: String,
    pub(super) test: Test,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    Equal(String),
    NotEqual(String),
    Fits(Regex),
    FitsNot(Regex),
}

impl Matcher {
    /// A label that a series lacks counts as empty.
    pub(super) fn fits(&self, value: &str) -> bool {
        match &self.test {
            Test::Equal(wanted) => value == wanted,
            Test::NotEqual(unwanted) => value != unwanted,
            Test::Fits(regex) => regex.is_match(value),
            Test::FitsNot(regex) => !regex.is_match(value),
        }
    }
}

/// What is answered, for whoever asks for more.
const SUPPORTED: &str = "this simulated Prometheus answers selectors; rate, increase and max_, min_, avg_, sum_ and \
                         count_over_time of a selector[5m]; + - * / between numbers and vectors of equal labels; and sum, \
                         avg, max, min and count, by or without labels";

/// A refusal: why, and where in the text it begins.
#[derive(Clone, Debug, PartialEq)]
struct Wrong {
    /// In bytes.
    at: usize,
    why: String,
}

impl Wrong {
    fn new(at: usize, why: impl Into<String>) -> Self {
        Self { at, why: why.into() }
    }

    /// For what the real server would have answered.
    fn unanswered(at: usize, why: impl std::fmt::Display) -> Self {
        Self::new(at, format!("{why}; {SUPPORTED}"))
    }

    /// As Prometheus says it: line and column, counted in bytes from 1.
    fn said(&self, text: &str) -> String {
        let before = &text.as_bytes()[..self.at.min(text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        format!("{line}:{column}: parse error: {}", self.why)
    }
}
