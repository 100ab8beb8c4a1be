//! Cuts the text of a query into words, each with its place. Start at [`Lexer::next`].

use super::Wrong;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word<'a> {
    /// A metric, a label, a function or a keyword.
    Name(&'a str),
    Number(f64),
    /// Milliseconds.
    Duration(i64),
    /// The inside of a quoted text.
    Text(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

impl Word<'_> {
    /// As Prometheus describes it in its errors.
    pub(super) fn said(&self) -> String {
        match self {
            Self::Name(name) => format!("identifier \"{name}\""),
            Self::Number(number) => format!("number \"{number}\""),
            Self::Duration(ms) => format!("duration \"{ms}ms\""),
            Self::Text(text) => format!("string {text:?}"),
            Self::Sign("(") => "left parenthesis '('".into(),
            Self::Sign(")") => "right parenthesis ')'".into(),
            Self::Sign("{") => "left brace '{'".into(),
            Self::Sign("}") => "right brace '}'".into(),
            Self::Sign(sign) => format!("\"{sign}\""),
            Self::End => "end of input".into(),
        }
    }
}

/// All signs of the language, those that begin with another before it.
const SIGNS: [&str; 24] = [
    "=~", "!~", "!=", "==", ">=", "<=", "=", ">", "<", "(", ")", "{", "}", "[", "]", ",", ":", "@", "+", "-", "*", "/",
    "%", "^",
];

#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next word and where it begins.
    pub(super) fn next(&mut self) -> Result<(usize, Word<'a>), Wrong> {
        self.skip_space();
        let (at, rest) = (self.at, &self.text[self.at..]);
        let Some(first) = rest.chars().next() else { return Ok((at, Word::End)) };
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            self.at += sign.len();
            return Ok((at, Word::Sign(sign)));
        }
        let word = match first {
            '"' | '\'' | '`' => self.quoted(first)?,
            '.' | '0'..='9' => self.number()?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
                let name = &rest[..rest.find(|c| !part(c)).unwrap_or(rest.len())];
                self.at += name.len();
                Word::Name(name)
            }
            other => return Err(Wrong::new(at, format!("unexpected character: {other:?}"))),
        };
        Ok((at, word))
    }

    /// Past blanks, and comments to the end of their line.
    fn skip_space(&mut self) {
        loop {
            let rest = self.text[self.at..].trim_start();
            let comment = match rest.strip_prefix('#') {
                Some(comment) => comment.find('\n').map_or(rest.len(), |end| end + 2),
                None => 0,
            };
            self.at = self.text.len() - rest.len() + comment;
            if comment == 0 {
                return;
            }
        }
    }

    fn number(&mut self) -> Result<Word<'a>, Wrong> {
        let (at, rest) = (self.at, &self.text[self.at..]);
        let mut end = 0;
        for c in rest.chars() {
            let is_exponents_sign = matches!(c, '+' | '-')
                && matches!(rest[..end].chars().last(), Some('e' | 'E'))
                && !rest.starts_with("0x")
                && !rest.starts_with("0X");
            if !(c.is_ascii_alphanumeric() || c == '.' || is_exponents_sign) {
                break;
            }
            end += 1;
        }
        let digits = &rest[..end];
        self.at += end;
        let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
        let number = match hexadecimal {
            Some(digits) => u64::from_str_radix(digits, 16).ok().map(|number| number as f64),
            None => digits.parse().ok(),
        };
        match (number, duration_ms(digits)) {
            (Some(number), _) => Ok(Word::Number(number)),
            (None, Some(ms)) => Ok(Word::Duration(ms)),
            (None, None) => Err(Wrong::new(at, format!("bad number or duration syntax: {digits:?}"))),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Word<'a>, Wrong> {
        let start = self.at;
        let mut chars = self.text[start..].char_indices().skip(1);
        let mut value = String::new();
        while let Some((place, c)) = chars.next() {
            if c == quote {
                self.at += place + 1;
                return Ok(Word::Text(value));
            }
            if c != '\\' || quote == '`' {
                value.push(c);
                continue;
            }
            value.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, 't')) => '\t',
                Some((_, 'r')) => '\r',
                Some((_, c)) if c == '\\' || c == quote => c,
                _ => return Err(Wrong::new(start, "unknown escape sequence")),
            });
        }
        Err(Wrong::new(start, "unterminated quoted string"))
    }
}

/// Milliseconds of a duration such as `5m` or `1h30m`; `None` for nothing, for zero and for what is too long.
pub(in super::super) fn duration_ms(text: &str) -> Option<i64> {
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
