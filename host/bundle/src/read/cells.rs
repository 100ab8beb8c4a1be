//! Single values as other programs write them: anything that is no number or no time is told apart, not refused, so
//! that one bad value does not cost its line.

use std::fmt;

use lagdoctor_model::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A reading: a finite number, `null` for missing, or something that is neither.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reading {
    Number(f64),
    Missing,
    Nonsense,
}

/// A whole number, such as a time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole(pub(super) Option<i64>);

impl Whole {
    pub(super) fn time(self) -> Option<Timestamp> {
        Timestamp::from_millis(self.0?).ok()
    }
}

enum Cell {
    Integer(i64),
    Number(f64),
    Null,
    Other,
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_i64<E>(self, value: i64) -> Result<Cell, E> {
        Ok(Cell::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Cell, E> {
        Ok(i64::try_from(value).map_or(Cell::Number(value as f64), Cell::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Cell, E> {
        Ok(Cell::Number(value))
    }

    fn visit_unit<E>(self) -> Result<Cell, E> {
        Ok(Cell::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Cell, E> {
        Ok(Cell::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Cell, E> {
        Ok(Cell::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Cell, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cell::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Cell, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cell::Other)
    }
}

impl<'de> Deserialize<'de> for Reading {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match deserializer.deserialize_any(Any)? {
            Cell::Integer(value) => Self::Number(value as f64),
            Cell::Number(value) if value.is_finite() => Self::Number(value),
            Cell::Null => Self::Missing,
            Cell::Number(_) | Cell::Other => Self::Nonsense,
        })
    }
}

/// Half the range in which every whole number is exact, and far past the year 9999.
const MAX_EXACT: f64 = 9e15;

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match deserializer.deserialize_any(Any)? {
            Cell::Integer(value) => Some(value),
            // Some languages know only floating point.
            Cell::Number(value) if value.fract() == 0.0 && value.abs() < MAX_EXACT => Some(value as i64),
            _ => None,
        }))
    }
}
