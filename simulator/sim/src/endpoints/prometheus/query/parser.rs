//! Makes an expression of words, by recursive descent. `*` and `/` bind more tightly than `+` and `-`, and of equals the
//! left one binds first. Start at [`parse`].

use regex::Regex;

use super::lexer::{Lexer, Word};
use super::{Aggregation, Expr, Function, Grouping, Kind, Matcher, Operator, Range, Selector, Test, Wrong};

/// Deepest nesting; deeper queries are refused before they fill the stack.
const DEEPEST: usize = 32;

/// Reads a query. The error is in Prometheus's own words, with line and column.
pub(in super::super) fn parse(text: &str) -> Result<Expr, String> {
    Parser::new(text).and_then(Parser::whole).map_err(|wrong| wrong.said(text))
}

/// A selector alone, as `match[]` has it.
pub(in super::super) fn parse_selector(text: &str) -> Result<Selector, String> {
    match parse(text)? {
        Expr::Selector(selector) => Ok(selector),
        _ => Err("expected a selector of series".into()),
    }
}

/// A range can be part of no calculation.
fn is_value(at: usize, expr: &Expr) -> Result<(), Wrong> {
    if expr.kind() == Kind::Range {
        return Err(Wrong::new(at, "binary expression must contain only scalar and instant vector types"));
    }
    Ok(())
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    word: Word<'a>,
    /// Where `word` begins.
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, Wrong> {
        let mut parser = Self { lexer: Lexer::new(text), word: Word::End, at: 0, depth: 0 };
        parser.next()?;
        Ok(parser)
    }

    fn whole(mut self) -> Result<Expr, Wrong> {
        if self.word == Word::End {
            return Err(Wrong::new(self.at, "no expression found in input"));
        }
        let expr = self.sum()?;
        if self.word == Word::End { Ok(expr) } else { Err(self.unexpected()) }
    }

    fn next(&mut self) -> Result<(), Wrong> {
        (self.at, self.word) = self.lexer.next()?;
        Ok(())
    }

    fn unexpected(&self) -> Wrong {
        let why = format!("unexpected {}", self.word.said());
        // An operator or a word that the real server may know; brackets and ends are wrong there, too.
        let may_be_right =
            matches!(self.word, Word::Name(_)) || matches!(self.word, Word::Sign(sign) if !"(){}[]=,".contains(sign));
        if may_be_right { Wrong::unanswered(self.at, why) } else { Wrong::new(self.at, why) }
    }

    fn takes(&mut self, sign: &'static str) -> Result<bool, Wrong> {
        let is_there = self.word == Word::Sign(sign);
        if is_there {
            self.next()?;
        }
        Ok(is_there)
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Wrong> {
        if self.takes(sign)? { Ok(()) } else { Err(self.unexpected()) }
    }

    fn name(&self) -> Option<&'a str> {
        if let Word::Name(name) = self.word { Some(name) } else { None }
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        self.name().is_some_and(|name| name.eq_ignore_ascii_case(keyword))
    }

    fn sum(&mut self) -> Result<Expr, Wrong> {
        self.chain(&[("+", Operator::Add), ("-", Operator::Subtract)], Self::product)
    }

    fn product(&mut self) -> Result<Expr, Wrong> {
        self.chain(&[("*", Operator::Multiply), ("/", Operator::Divide)], Self::signed)
    }

    /// Parts joined by operators of equal weight.
    fn chain(
        &mut self,
        operators: &[(&'static str, Operator)],
        part: fn(&mut Self) -> Result<Expr, Wrong>,
    ) -> Result<Expr, Wrong> {
        let (mut at, mut left) = (self.at, part(self)?);
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.word == Word::Sign(sign)) {
            is_value(at, &left)?;
            self.next()?;
            at = self.at;
            let right = part(self)?;
            is_value(at, &right)?;
            left = Expr::Binary { operator: *operator, left: Box::new(left), right: Box::new(right) };
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<Expr, Wrong> {
        let at = self.at;
        if self.takes("-")? {
            let of = self.nested(Self::signed)?;
            if of.kind() == Kind::Range {
                let why = "unary expression only allowed on expressions of type scalar or instant vector, got \"range vector\"";
                return Err(Wrong::new(at, why));
            }
            return Ok(Expr::Negative(Box::new(of)));
        }
        if self.takes("+")? {
            return self.nested(Self::signed);
        }
        self.term()
    }

    fn nested<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, Wrong> {
        if self.depth >= DEEPEST {
            return Err(Wrong::new(self.at, "nested too deeply"));
        }
        self.depth += 1;
        let inner = part(self)?;
        self.depth -= 1;
        Ok(inner)
    }

    fn in_parentheses(&mut self) -> Result<Expr, Wrong> {
        self.expect("(")?;
        let inner = self.nested(Self::sum)?;
        if self.word == Word::End {
            return Err(Wrong::new(self.at, "unclosed left parenthesis"));
        }
        self.expect(")")?;
        Ok(inner)
    }

    fn term(&mut self) -> Result<Expr, Wrong> {
        match self.word {
            Word::Sign("(") => self.in_parentheses(),
            Word::Sign("{") => self.selector(None),
            Word::Number(number) => {
                self.next()?;
                Ok(Expr::Number(number))
            }
            Word::Name(name) => {
                let at = self.at;
                self.next()?;
                self.named(name, at)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// What begins with a name: an aggregation, a function, a number in words, or a metric.
    fn named(&mut self, name: &'a str, at: usize) -> Result<Expr, Wrong> {
        let is_called = self.word == Word::Sign("(");
        let is_grouped = self.is_keyword("by") || self.is_keyword("without");
        let lower = name.to_ascii_lowercase();
        if let Some((_, how)) = Aggregation::ALL.iter().find(|(word, _)| *word == lower && (is_called || is_grouped)) {
            return self.aggregate(*how);
        }
        if is_called {
            let known = Function::ALL.iter().find(|(word, _)| *word == name);
            let unknown = || Wrong::unanswered(at, format!("unknown function with name \"{name}\""));
            return self.over(*known.ok_or_else(unknown)?);
        }
        match lower.as_str() {
            "inf" => Ok(Expr::Number(f64::INFINITY)),
            "nan" => Ok(Expr::Number(f64::NAN)),
            _ => self.selector(Some((name, at))),
        }
    }

    fn aggregate(&mut self, how: Aggregation) -> Result<Expr, Wrong> {
        let before = self.grouping()?;
        let at = self.at + 1;
        let of = self.in_parentheses()?;
        if of.kind() != Kind::Vector {
            let why = format!("expected type instant vector in aggregation expression, got {}", of.kind().word());
            return Err(Wrong::new(at, why));
        }
        let after = if before.is_none() { self.grouping()? } else { None };
        let grouping = before.or(after).unwrap_or(Grouping::By(vec![]));
        Ok(Expr::Aggregate { how, grouping, of: Box::new(of) })
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, Wrong> {
        let make: fn(Vec<String>) -> Grouping = match () {
            () if self.is_keyword("by") => Grouping::By,
            () if self.is_keyword("without") => Grouping::Without,
            () => return Ok(None),
        };
        self.next()?;
        self.expect("(")?;
        let mut labels = vec![];
        while !self.takes(")")? {
            labels.push(self.label()?);
            if !self.takes(",")? {
                self.expect(")")?;
                break;
            }
        }
        Ok(Some(make(labels)))
    }

    fn label(&mut self) -> Result<String, Wrong> {
        let label = self.name().filter(|label| !label.contains(':')).ok_or_else(|| self.unexpected())?;
        self.next()?;
        Ok(label.to_owned())
    }

    fn over(&mut self, (word, function): (&str, Function)) -> Result<Expr, Wrong> {
        self.expect("(")?;
        let at = self.at;
        let of = self.nested(Self::sum)?;
        let Expr::Range(range) = of else {
            let why = format!("expected type range vector in call to function \"{word}\", got {}", of.kind().word());
            return Err(Wrong::new(at, why));
        };
        self.expect(")")?;
        Ok(Expr::Over { function, range })
    }

    /// A selector, with its range if there is one.
    fn selector(&mut self, name: Option<(&str, usize)>) -> Result<Expr, Wrong> {
        let at = name.map_or(self.at, |(_, at)| at);
        let mut matchers = vec![];
        if let Some((name, _)) = name {
            matchers.push(Matcher { label: "__name__".into(), test: Test::Equal(name.to_owned()) });
        }
        if self.takes("{")? {
            while !self.takes("}")? {
                matchers.push(self.matcher()?);
                if !self.takes(",")? {
                    self.expect("}")?;
                    break;
                }
            }
        }
        if matchers.iter().all(|matcher| matcher.fits("")) {
            return Err(Wrong::new(at, "vector selector must contain at least one non-empty matcher"));
        }
        let of = Selector { matchers };
        if !self.takes("[")? {
            return Ok(Expr::Selector(of));
        }
        let Word::Duration(ms) = self.word else {
            return Err(Wrong::new(self.at, "missing unit character in duration, or no duration above zero"));
        };
        self.next()?;
        self.expect("]")?;
        Ok(Expr::Range(Range { of, ms }))
    }

    fn matcher(&mut self) -> Result<Matcher, Wrong> {
        let at = self.at;
        let label = self.label()?;
        let sign = match self.word {
            Word::Sign(sign @ ("=" | "!=" | "=~" | "!~")) => sign,
            _ => return Err(self.unexpected()),
        };
        self.next()?;
        let Word::Text(value) = std::mem::replace(&mut self.word, Word::End) else {
            return Err(Wrong::new(self.at, "expected a quoted label value"));
        };
        self.next()?;
        let regex = |value: &str| {
            // Prometheus's expressions fit the whole value.
            Regex::new(&format!("^(?s:{value})$")).map_err(|error| {
                let why = error.to_string().lines().last().unwrap_or_default().to_owned();
                Wrong::new(at, format!("error parsing regexp: {why}"))
            })
        };
        let test = match sign {
            "=" => Test::Equal(value),
            "!=" => Test::NotEqual(value),
            "=~" => Test::Fits(regex(&value)?),
            _ => Test::FitsNot(regex(&value)?),
        };
        Ok(Matcher { label, test })
    }
}
