//! `query_string`: words, "phrases", `field:value`, `field:(a OR b)`, `*`, AND, OR, NOT and brackets. Start at [`parse`].

use serde_json::Value;

use super::query::{Query, tokens};

const DEEPEST: usize = 16;

/// Reads such a query; words without a field are looked for in `default`.
pub(super) fn parse(text: &str, default: &str, needs_all: bool) -> Result<Query, String> {
    let mut reader = Reader { rest: text.trim(), needs_all, depth: 0 };
    if reader.rest.is_empty() || reader.rest == "*" {
        return Ok(Query::All);
    }
    let query = reader.any(default)?;
    reader.skip();
    if reader.rest.is_empty() { Ok(query) } else { Err(reader.wrong()) }
}

struct Reader<'a> {
    rest: &'a str,
    needs_all: bool,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn wrong(&self) -> String {
        format!("Failed to parse query near [{}]", self.rest.chars().take(30).collect::<String>())
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes a word that stands alone.
    fn takes_word(&mut self, words: &[&str]) -> bool {
        self.skip();
        for word in words {
            if let Some(rest) = self.rest.strip_prefix(word)
                && (!word.ends_with(char::is_alphanumeric) || rest.starts_with([' ', '(', '"']))
            {
                self.rest = rest;
                return true;
            }
        }
        false
    }

    fn any(&mut self, field: &str) -> Result<Query, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the query string is nested too deeply".into());
        }
        let mut parts = vec![self.all(field)?];
        loop {
            self.skip();
            if self.takes_word(&["OR", "||"]) {
                parts.push(self.all(field)?);
            } else if !self.needs_all && !self.rest.is_empty() && !self.rest.starts_with(')') {
                // Words side by side are alternatives, unless the request says otherwise.
                parts.push(self.all(field)?);
            } else {
                break;
            }
        }
        self.depth -= 1;
        Ok(match parts.len() {
            1 => parts.remove(0),
            _ => Query::Bool { all: vec![], any: parts, none: vec![], least: 1 },
        })
    }

    fn all(&mut self, field: &str) -> Result<Query, String> {
        let mut all = vec![];
        let mut none = vec![];
        loop {
            let is_not = self.takes_word(&["NOT", "!", "-"]);
            let query = self.one(field)?;
            if is_not {
                none.push(query)
            } else {
                all.push(query)
            }
            self.skip();
            let goes_on = self.takes_word(&["AND", "&&"])
                || (self.needs_all
                    && !self.rest.is_empty()
                    && !self.rest.starts_with(')')
                    && !self.rest.starts_with("OR ")
                    && !self.rest.starts_with("||"));
            if !goes_on {
                break;
            }
        }
        Ok(match (all.len(), none.len()) {
            (1, 0) => all.remove(0),
            _ => Query::Bool { all, any: vec![], none, least: 0 },
        })
    }

    fn one(&mut self, field: &str) -> Result<Query, String> {
        self.skip();
        if let Some(rest) = self.rest.strip_prefix('(') {
            self.rest = rest;
            let query = self.any(field)?;
            self.skip();
            self.rest = self.rest.strip_prefix(')').ok_or_else(|| self.wrong())?;
            return Ok(query);
        }
        if let Some(rest) = self.rest.strip_prefix('"') {
            let end = rest.find('"').ok_or_else(|| self.wrong())?;
            self.rest = &rest[end + 1..];
            return Ok(value(field, &rest[..end], true));
        }
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | ':'))
            .unwrap_or(self.rest.len());
        let (word, rest): (&'a str, &'a str) = self.rest.split_at(end);
        if word.is_empty() {
            return Err(self.wrong());
        }
        self.rest = rest;
        if let Some(rest) = rest.strip_prefix(':') {
            self.rest = rest;
            return self.one(word.strip_suffix(".keyword").unwrap_or(word));
        }
        Ok(value(field, word, false))
    }
}

fn value(field: &str, text: &str, is_phrase: bool) -> Query {
    let field = field.to_owned();
    match (field == "message", is_phrase) {
        (_, false) if text == "*" => Query::Exists(field),
        (_, false) if text.contains(['*', '?']) => Query::Pattern { field, pattern: text.to_owned() },
        (true, false) => Query::Words { field, words: tokens(text), needs_all: false },
        (true, true) => Query::Phrase { field, words: tokens(text) },
        (false, _) => Query::Terms { field, values: vec![Value::from(text)], any_case: false },
    }
}
