//! The part of Prometheus's query language that is answered: selectors, `rate` and `increase`, a division of vectors, and
//! sums and their like. Start at [`parse`].

use regex::Regex;

/// A query.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Selector(Selector),
    /// `rate` or `increase` of a range.
    Rate {
        of: Selector,
        range_ms: i64,
        per_second: bool,
    },
    /// One vector divided by another, by equal labels.
    Ratio(Box<Expr>, Box<Expr>),
    Aggregate {
        op: Op,
        grouping: Grouping,
        of: Box<Expr>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Sum,
    Max,
    Min,
    Avg,
    Count,
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

/// What is answered, for whoever asks for more.
const SUPPORTED: &str = "this simulated Prometheus answers selectors with =, !=, =~ and !~, rate(x[5m]), increase(x[5m]), \
                         a / b, and sum, max, min, avg and count with by (...) or without (...)";

/// Deepest nesting; deeper queries are refused before they fill the stack.
const DEEPEST: usize = 32;

pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let expr = parser.expr()?;
    parser.space();
    if parser.at < text.len() { Err(parser.wrong("unexpected text")) } else { Ok(expr) }
}

/// A selector alone, as `match[]` has it.
pub(super) fn parse_selector(text: &str) -> Result<Selector, String> {
    match parse(text)? {
        Expr::Selector(selector) => Ok(selector),
        _ => Err("parse error: expected a selector".into()),
    }
}

/// Milliseconds of a duration such as `5m` or `1h30m`.
pub(super) fn duration_ms(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut sum: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, scale) = [
            ("ms", 1),
            ("s", 1000),
            ("m", 60_000),
            ("h", 3_600_000),
            ("d", 86_400_000),
            ("w", 604_800_000),
            ("y", 31_536_000_000),
        ]
        .into_iter()
        .find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        sum = sum.checked_add(number.checked_mul(scale)?)?;
    }
    (sum > 0).then_some(sum)
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

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn wrong(&self, why: &str) -> String {
        let near: String = self.rest().chars().take(20).collect();
        let place = self.text[..self.at].chars().count() + 1;
        format!("1:{place}: parse error: {why} at \"{near}\"; {SUPPORTED}")
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn takes(&mut self, word: &str) -> bool {
        self.space();
        let is_there = self.rest().starts_with(word);
        if is_there {
            self.at += word.len();
        }
        is_there
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.takes(word) { Ok(()) } else { Err(self.wrong(&format!("expected \"{word}\""))) }
    }

    fn name(&mut self) -> Option<&'a str> {
        self.space();
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let rest = self.rest();
        let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.at += end;
        Some(name)
    }

    fn expr(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("nested too deeply"));
        }
        let mut left = self.term()?;
        while self.takes("/") {
            let right = self.term()?;
            left = Expr::Ratio(Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn term(&mut self) -> Result<Expr, String> {
        if self.takes("(") {
            let expr = self.expr()?;
            self.expect(")")?;
            return Ok(expr);
        }
        self.space();
        let start = self.at;
        let Some(name) = self.name() else {
            return if self.rest().starts_with('{') { self.selector(None) } else { Err(self.wrong("unexpected text")) };
        };
        self.space();
        let op = match name {
            "sum" => Some(Op::Sum),
            "max" => Some(Op::Max),
            "min" => Some(Op::Min),
            "avg" => Some(Op::Avg),
            "count" => Some(Op::Count),
            _ => None,
        };
        let next = self.rest();
        match (op, name) {
            (Some(op), _) if next.starts_with('(') || next.starts_with("by") || next.starts_with("without") => {
                self.aggregate(op)
            }
            (_, "rate" | "increase") if next.starts_with('(') => self.rate(name == "rate"),
            _ if next.starts_with('(') => {
                self.at = start;
                Err(self.wrong(&format!("unknown function \"{name}\"")))
            }
            _ => self.selector(Some(name)),
        }
    }

    fn aggregate(&mut self, op: Op) -> Result<Expr, String> {
        let before = self.grouping()?;
        self.expect("(")?;
        let of = Box::new(self.expr()?);
        self.expect(")")?;
        let after = if before.is_none() { self.grouping()? } else { None };
        let grouping = before.or(after).unwrap_or(Grouping::By(vec![]));
        Ok(Expr::Aggregate { op, grouping, of })
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, String> {
        let make: fn(Vec<String>) -> Grouping = if self.takes("by") {
            Grouping::By
        } else if self.takes("without") {
            Grouping::Without
        } else {
            return Ok(None);
        };
        self.expect("(")?;
        let mut labels = vec![];
        while !self.takes(")") {
            let label = self.name().ok_or_else(|| self.wrong("expected a label"))?;
            labels.push(label.to_owned());
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(Some(make(labels)))
    }

    fn rate(&mut self, per_second: bool) -> Result<Expr, String> {
        self.expect("(")?;
        let name = self.name();
        let Expr::Selector(of) = self.selector(name)? else { return Err(self.wrong("expected a selector")) };
        self.expect("[")?;
        let end = self.rest().find(']').ok_or_else(|| self.wrong("expected \"]\""))?;
        let range_ms =
            duration_ms(self.rest()[..end].trim()).ok_or_else(|| self.wrong("expected a duration such as 5m"))?;
        self.at += end + 1;
        self.expect(")")?;
        Ok(Expr::Rate { of, range_ms, per_second })
    }

    fn selector(&mut self, name: Option<&str>) -> Result<Expr, String> {
        let mut matchers = vec![];
        if let Some(name) = name {
            matchers.push(Matcher { label: "__name__".into(), test: Test::Equal(name.to_owned()) });
        }
        if self.takes("{") {
            while !self.takes("}") {
                let label = self.name().ok_or_else(|| self.wrong("expected a label"))?.to_owned();
                let operator = ["!=", "=~", "!~", "="].into_iter().find(|operator| self.takes(operator));
                let operator = operator.ok_or_else(|| self.wrong("expected =, !=, =~ or !~"))?;
                let value = self.string()?;
                let regex = || {
                    // Prometheus's expressions fit the whole value.
                    Regex::new(&format!("^(?s:{value})$")).map_err(|error| {
                        let why = error.to_string().lines().last().unwrap_or_default().to_owned();
                        self.wrong(&format!("error parsing regexp: {why}"))
                    })
                };
                let test = match operator {
                    "=" => Test::Equal(value),
                    "!=" => Test::NotEqual(value),
                    "=~" => Test::Fits(regex()?),
                    _ => Test::FitsNot(regex()?),
                };
                matchers.push(Matcher { label, test });
                if !self.takes(",") {
                    self.expect("}")?;
                    break;
                }
            }
        }
        if matchers.iter().all(|matcher| matcher.fits("")) {
            return Err(self.wrong("vector selector must contain at least one non-empty matcher"));
        }
        Ok(Expr::Selector(Selector { matchers }))
    }

    fn string(&mut self) -> Result<String, String> {
        self.space();
        let mut chars = self.rest().char_indices();
        let quote = match chars.next() {
            Some((_, quote @ ('"' | '\'' | '`'))) => quote,
            _ => return Err(self.wrong("expected a quoted value")),
        };
        let mut value = String::new();
        while let Some((place, c)) = chars.next() {
            if c == quote {
                self.at += place + c.len_utf8();
                return Ok(value);
            }
            if c != '\\' || quote == '`' {
                value.push(c);
                continue;
            }
            match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c @ ('\\' | '"' | '\''))) => value.push(c),
                _ => return Err(self.wrong("unknown escape sequence")),
            }
        }
        Err(self.wrong("unterminated quoted string"))
    }
}
