//! Numbers and words of a scenario, each of which may be a distribution that is drawn once per run.
//!
//! | written | means |
//! |---|---|
//! | `4000`, `0.3` | that number |
//! | `"60m"`, `"64KiB"` | seconds or bytes |
//! | `{ uniform = ["20m", "40m"] }` | any number between, all alike |
//! | `{ dist = "lognormal", p50 = "4ms", p99 = "25ms" }` | mostly the median, sometimes far above |
//! | `{ choice = [1, 2, 5] }` | one of these |

use serde::Deserialize;
use toml::{Table, Value};

use crate::random::Stream;
use crate::units::quantity;

/// A number, or how to draw one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) enum Number {
    Fixed(f64),
    Uniform { low: f64, high: f64 },
    LogNormal { median: f64, sigma: f64 },
    Choice(Vec<f64>),
}

/// A word, or words to draw one from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) enum Word {
    Fixed(String),
    Choice(Vec<String>),
}

/// A parameter of a fault.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) enum Param {
    Number(Number),
    Word(Word),
}

/// The distance, in standard deviations, of the 99th percentile of a normal distribution.
const P99: f64 = 2.326_347_874_040_841;

impl Number {
    pub(crate) fn draw(&self, stream: &mut Stream) -> f64 {
        let unit = stream.clone();
        // One number of the stream is used up whatever the form, so that a scenario's neighbours stay comparable.
        let (uniform, mut unit) = (stream.unit(), unit);
        match self {
            Self::Fixed(value) => *value,
            Self::Uniform { low, high } => low + (high - low) * uniform,
            Self::LogNormal { median, sigma } => median * unit.factor(*sigma),
            Self::Choice(values) => values[unit.below(values.len() as u64) as usize],
        }
    }

    /// Median and spread, for numbers that are drawn afresh for each piece of work.
    pub(crate) fn log_normal(&self) -> (f64, f64) {
        match self {
            Self::Fixed(value) => (*value, 0.0),
            Self::LogNormal { median, sigma } => (*median, *sigma),
            Self::Uniform { low, high } => ((low + high) / 2.0, 0.0),
            Self::Choice(values) => (values.iter().sum::<f64>() / values.len() as f64, 0.0),
        }
    }
}

impl Word {
    pub(crate) fn draw(&self, stream: &mut Stream) -> String {
        let unit = stream.unit();
        match self {
            Self::Fixed(word) => word.clone(),
            Self::Choice(words) => words[((unit * words.len() as f64) as usize).min(words.len() - 1)].clone(),
        }
    }

    pub(crate) fn all(&self) -> &[String] {
        match self {
            Self::Fixed(word) => std::slice::from_ref(word),
            Self::Choice(words) => words,
        }
    }
}

fn plain(value: &Value) -> Result<f64, String> {
    match value {
        Value::Integer(number) => Ok(*number as f64),
        Value::Float(number) if number.is_finite() => Ok(*number),
        Value::String(word) => quantity(word).ok_or_else(|| {
            format!("`{word}` is no number, duration or size; write 5, 0.3, \"60m\", \"4ms\" or \"64KiB\"")
        }),
        other => Err(format!("expected a number, found {}", other.type_str())),
    }
}

fn number_of(table: &Table) -> Result<Number, String> {
    let known = |allowed: &[&str]| match table.keys().find(|key| !allowed.contains(&key.as_str())) {
        Some(key) => Err(format!("`{key}` does not belong here; there is {}", allowed.join(", "))),
        None => Ok(()),
    };
    if let Some(ends) = table.get("uniform").and_then(Value::as_array) {
        known(&["uniform"])?;
        let [low, high] = ends.as_slice() else { return Err("`uniform` takes two numbers, low and high".into()) };
        let (low, high) = (plain(low)?, plain(high)?);
        return if low <= high {
            Ok(Number::Uniform { low, high })
        } else {
            Err("`uniform` is low first, then high".into())
        };
    }
    if let Some(values) = table.get("choice").and_then(Value::as_array) {
        known(&["choice"])?;
        let values = values.iter().map(plain).collect::<Result<Vec<_>, _>>()?;
        return if values.is_empty() { Err("`choice` of nothing".into()) } else { Ok(Number::Choice(values)) };
    }
    if table.get("dist").and_then(Value::as_str) == Some("lognormal") {
        known(&["dist", "p50", "p99"])?;
        let part = |name: &str| plain(table.get(name).ok_or_else(|| format!("`lognormal` needs `{name}`"))?);
        let (median, p99) = (part("p50")?, part("p99")?);
        if median <= 0.0 || p99 < median {
            return Err("`lognormal` needs 0 < p50 <= p99".into());
        }
        return Ok(Number::LogNormal { median, sigma: libm::log(p99 / median) / P99 });
    }
    Err("no such distribution; there are { uniform = [low, high] }, { choice = [...] } and \
         { dist = \"lognormal\", p50 = ..., p99 = ... }"
        .into())
}

impl TryFrom<Value> for Number {
    type Error = String;
    fn try_from(value: Value) -> Result<Self, String> {
        match &value {
            Value::Table(table) => number_of(table),
            value => plain(value).map(Self::Fixed),
        }
    }
}

impl TryFrom<Value> for Word {
    type Error = String;
    fn try_from(value: Value) -> Result<Self, String> {
        let words = |values: &[Value]| {
            let words: Option<Vec<_>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
            words.filter(|words| !words.is_empty()).map(Self::Choice)
        };
        match &value {
            Value::String(word) => Some(Self::Fixed(word.clone())),
            Value::Table(table) if table.len() == 1 => {
                table.get("choice").and_then(Value::as_array).and_then(|values| words(values))
            }
            _ => None,
        }
        .ok_or_else(|| "expected a word, or { choice = [\"one\", \"other\"] }".into())
    }
}

impl TryFrom<Value> for Param {
    type Error = String;
    fn try_from(value: Value) -> Result<Self, String> {
        let has_words =
            |values: &Vec<Value>| values.iter().any(|value| value.as_str().is_some_and(|w| quantity(w).is_none()));
        let is_word = match &value {
            Value::String(word) => quantity(word).is_none(),
            Value::Table(table) => table.get("choice").and_then(Value::as_array).is_some_and(has_words),
            _ => false,
        };
        if is_word { Word::try_from(value).map(Self::Word) } else { Number::try_from(value).map(Self::Number) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;

    fn number(text: &str) -> Result<Number, String> {
        let table: Table = toml::from_str(&format!("x = {text}")).unwrap();
        Number::try_from(table["x"].clone())
    }

    #[test]
    fn a_number_may_be_written_in_every_promised_way() {
        let check = |text, expected| assert_eq!(number(text), Ok(expected), "{text}");
        check("\"15s\"", Number::Fixed(15.0));
        check("{ uniform = [\"20m\", \"40m\"] }", Number::Uniform { low: 1200.0, high: 2400.0 });
        check("{ choice = [1, 2] }", Number::Choice(vec![1.0, 2.0]));
    }

    #[test]
    fn a_number_that_is_none_says_what_would_be_one() {
        let check = |text, part: &str| {
            let error = number(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check("\"soon\"", "write 5, 0.3, \"60m\"");
        check("{ uniform = [2, 1] }", "low first");
        check("{ gamma = 2 }", "lognormal");
        check("{ dist = \"lognormal\", p50 = 4 }", "needs `p99`");
    }

    #[test]
    fn a_lognormal_number_has_its_median_and_its_99th_percentile() {
        let drawn = number("{ dist = \"lognormal\", p50 = 4, p99 = 25 }").unwrap();
        let mut stream = Streams::new(3).stream("a", "b");
        let mut values: Vec<_> = (0..20_000).map(|_| drawn.draw(&mut stream)).collect();
        values.sort_by(f64::total_cmp);
        assert!((values[10_000] - 4.0).abs() < 0.15, "{}", values[10_000]);
        assert!((values[19_800] - 25.0).abs() < 3.0, "{}", values[19_800]);
    }

    #[test]
    fn every_form_uses_up_one_draw() {
        for text in ["5", "{ uniform = [1, 2] }", "{ choice = [1, 2] }", "{ dist = \"lognormal\", p50 = 1, p99 = 2 }"] {
            let mut stream = Streams::new(3).stream("a", "b");
            number(text).unwrap().draw(&mut stream);
            let mut other = Streams::new(3).stream("a", "b");
            other.unit();
            assert_eq!(stream.unit(), other.unit(), "{text}");
        }
    }
}
