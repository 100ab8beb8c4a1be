//! A query made ready to be held against many lines: fields are looked up once, levels in a list that is in order, times
//! in stretches that lie apart. What no line can fit is known before any is looked at. Start at [`Test::of`].

use std::borrow::Cow;

use serde_json::Value;

use super::document::{Field, wildcard};
use super::query::{Query, as_text, tokens};
use crate::telemetry::Record;

/// A condition on one document.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Always,
    Never,
    Bool {
        all: Vec<Test>,
        any: Vec<Test>,
        none: Vec<Test>,
        least: usize,
    },
    /// The time lies in one of these stretches: in order, apart, the first moment included and the last not.
    Times(Vec<(i64, i64)>),
    /// The whole text is one of these, which are in order.
    OneOf(Field, Vec<String>),
    /// The same, whatever the case of its letters.
    OneOfAnyCase(Field, Vec<String>),
    /// The text lies between these, where there are any; whether they count themselves.
    Between(Field, Option<(String, bool)>, Option<(String, bool)>),
    Words(Field, Vec<String>, Needs),
    Phrase(Field, Vec<String>),
    Pattern(Field, String),
    There(Field),
}

/// How many of some words a text must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    All,
    One,
}

impl Test {
    pub(super) fn of(query: &Query) -> Self {
        let named = |name: &str, test: &dyn Fn(Field) -> Self| Field::named(name).map_or(Self::Never, test);
        match query {
            Query::All => Self::Always,
            Query::Nothing => Self::Never,
            Query::Bool { all, any, none, least } => Self::boolean(all, any, none, *least),
            Query::Terms { field, values, any_case } => named(field, &|field| Self::terms(field, values, *any_case)),
            Query::Range { field, low, high } => named(field, &|field| Self::range(field, low.as_ref(), high.as_ref())),
            Query::Words { field, words, needs_all } => {
                let needs = if *needs_all { Needs::All } else { Needs::One };
                named(field, &|field| Self::Words(field, words.clone(), needs))
            }
            Query::Phrase { field, words } => named(field, &|field| Self::Phrase(field, words.clone())),
            Query::Pattern { field, pattern } => named(field, &|field| match field {
                Field::Message => Self::Pattern(field, pattern.to_lowercase()),
                field => Self::Pattern(field, pattern.clone()),
            }),
            Query::Exists(name) => named(name, &Self::There),
        }
    }

    fn boolean(all: &[Query], any: &[Query], none: &[Query], least: usize) -> Self {
        let tests = |queries: &[Query]| queries.iter().map(Self::of).collect::<Vec<_>>();
        let possible = |mut tests: Vec<Self>| {
            tests.retain(|test| !matches!(test, Self::Never));
            tests
        };
        let (mut all, mut any, none) = (tests(all), possible(tests(any)), possible(tests(none)));
        if all.iter().any(|test| matches!(test, Self::Never)) || any.len() < least {
            return Self::Never;
        }
        all.retain(|test| !matches!(test, Self::Always));
        if least == 0 {
            any.clear();
        }
        let stretches = |test: &Self| match test {
            Self::Times(stretches) => Some(stretches.clone()),
            _ => None,
        };
        if least == 1
            && let Some(stretches) = any.iter().map(stretches).collect::<Option<Vec<_>>>()
        {
            all.push(Self::Times(joined(stretches.concat())));
            return Self::Bool { all, any: vec![], none, least: 0 };
        }
        Self::Bool { all, any, none, least }
    }

    fn terms(field: Field, values: &[Value], any_case: bool) -> Self {
        if field == Field::Time {
            let moments = values.iter().filter_map(Value::as_i64);
            return Self::Times(joined(moments.map(|ms| (ms, ms.saturating_add(1))).collect()));
        }
        let mut texts: Vec<String> = values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect();
        texts.sort_unstable();
        if any_case { Self::OneOfAnyCase(field, texts) } else { Self::OneOf(field, texts) }
    }

    fn range(field: Field, low: Option<&(Value, bool)>, high: Option<&(Value, bool)>) -> Self {
        if field == Field::Time {
            // Bounds of a time were made numbers when the query was read.
            let bound = |(value, _): &(Value, bool)| value.as_i64().unwrap_or_default();
            let from = low.map_or(i64::MIN, |low| bound(low).saturating_add(i64::from(!low.1)));
            let to = high.map_or(i64::MAX, |high| bound(high).saturating_add(i64::from(high.1)));
            return Self::Times(joined(vec![(from, to)]));
        }
        let text = |(value, or_equal): &(Value, bool)| (as_text(value), *or_equal);
        Self::Between(field, low.map(text), high.map(text))
    }

    /// No line fits that was written before the first of these or at the second or later.
    pub(super) fn within(&self) -> (i64, i64) {
        match self {
            Self::Never => (0, 0),
            Self::Times(stretches) => match (stretches.first(), stretches.last()) {
                (Some(first), Some(last)) => (first.0, last.1),
                _ => (0, 0),
            },
            Self::Bool { all, .. } => {
                let both = |(from, to): (i64, i64), test: &Self| (from.max(test.within().0), to.min(test.within().1));
                all.iter().fold((i64::MIN, i64::MAX), both)
            }
            _ => (i64::MIN, i64::MAX),
        }
    }

    pub(super) fn fits(&self, record: &Record) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Bool { all, any, none, least } => {
                all.iter().all(|test| test.fits(record))
                    && !none.iter().any(|test| test.fits(record))
                    && (*least == 0 || any.iter().filter(|test| test.fits(record)).take(*least).count() >= *least)
            }
            Self::Times(stretches) => {
                let place = stretches.partition_point(|(_, to)| *to <= record.at_ms);
                stretches.get(place).is_some_and(|(from, _)| *from <= record.at_ms)
            }
            Self::OneOf(field, texts) => {
                let is = |text| texts.binary_search_by(|known| known.as_str().cmp(text)).is_ok();
                field.text(record).is_some_and(is)
            }
            Self::OneOfAnyCase(field, texts) => {
                let is = |text| texts.iter().any(|known| known.eq_ignore_ascii_case(text));
                field.text(record).is_some_and(is)
            }
            Self::Between(field, low, high) => field.text(record).is_some_and(|text| {
                let above = |(low, or_equal): &(String, bool)| text > low.as_str() || (*or_equal && text == low);
                let below = |(high, or_equal): &(String, bool)| text < high.as_str() || (*or_equal && text == high);
                low.as_ref().is_none_or(above) && high.as_ref().is_none_or(below)
            }),
            Self::Words(field, words, needs) => {
                let there = shown(*field, record).map(|text| tokens(&text)).unwrap_or_default();
                let has = |word: &String| there.contains(word);
                if *needs == Needs::All { words.iter().all(has) } else { words.iter().any(has) }
            }
            Self::Phrase(field, words) => {
                let there = shown(*field, record).map(|text| tokens(&text)).unwrap_or_default();
                words.is_empty() || there.windows(words.len()).any(|window| window == words)
            }
            Self::Pattern(Field::Message, pattern) => {
                tokens(&record.message).iter().any(|word| wildcard(pattern, word))
            }
            Self::Pattern(field, pattern) => shown(*field, record).is_some_and(|text| wildcard(pattern, &text)),
            Self::There(Field::Time) => true,
            Self::There(field) => field.text(record).is_some(),
        }
    }
}

/// The value of a field as text.
fn shown(field: Field, record: &Record) -> Option<Cow<'_, str>> {
    match field {
        Field::Time => Some(Cow::Owned(record.at_ms.to_string())),
        field => field.text(record).map(Cow::Borrowed),
    }
}

/// The same moments as stretches in order that lie apart.
fn joined(mut stretches: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    stretches.retain(|(from, to)| from < to);
    stretches.sort_unstable();
    let mut joined: Vec<(i64, i64)> = vec![];
    for (from, to) in stretches {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_that_touch_become_one_and_empty_ones_none() {
        let check = |given: &[(i64, i64)], expected: &[(i64, i64)]| assert_eq!(joined(given.to_vec()), expected);
        check(&[(5, 9), (1, 3), (3, 4), (7, 12), (20, 20), (30, 25)], &[(1, 4), (5, 12)]);
        check(&[], &[]);
    }

    #[test]
    fn what_a_query_says_of_time_bounds_the_lines_that_are_looked_at() {
        let check = |query: Value, expected: (i64, i64)| {
            let query = super::super::query::parse(&query, 0).unwrap();
            assert_eq!(Test::of(&query).within(), expected, "{query:?}");
        };
        let range = |from: i64, to: i64| serde_json::json!({"range": {"@timestamp": {"gte": from, "lt": to}}});
        check(range(5000, 9000), (5000, 9000));
        check(serde_json::json!({"range": {"@timestamp": {"gt": 5000, "lte": 9000}}}), (5001, 9001));
        let slices = serde_json::json!({"bool": {"should": [range(7000, 8000), range(5500, 6000)]}});
        check(serde_json::json!({"bool": {"filter": [range(5000, 9000), slices]}}), (5500, 8000));
        check(serde_json::json!({"term": {"nobody.has": "this"}}), (0, 0));
        check(serde_json::json!({"term": {"log.level": "INFO"}}), (i64::MIN, i64::MAX));
    }
}
