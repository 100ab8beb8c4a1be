//! Reading single values of the configuration, each with an error that says what was expected.

use std::fmt;
use std::net::SocketAddr;

use lagdoctor_model::Millis;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::PropertyValue;

/// A duration as people write it: `500ms`, `90s`, `30m`, `1h`, `14d`, `1.5h`.
///
/// # Errors
/// When there is no number, no unit, or more than a century.
pub fn parse_millis(text: &str) -> Result<Millis, String> {
    let help = || format!("`{text}` is no time; write a number and a unit, such as 500ms, 90s, 30m, 1h or 14d");
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(help)?;
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.parse().map_err(|_| help())?;
    let factor = match unit.trim() {
        "ms" => 1.0,
        "s" => 1000.0,
        "m" | "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return Err(help()),
    };
    let ms = number * factor;
    if ms.is_finite() && ms < 3.2e12 {
        Millis::new(ms.round() as i64).map_err(|_| help())
    } else {
        Err(format!("`{text}` is longer than a century"))
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Millis;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in quotes, such as \"90s\", \"30m\" or \"1h\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Millis, E> {
        parse_millis(text).map_err(E::custom)
    }
}

pub(super) fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    deserializer.deserialize_str(DurationVisitor)
}

pub(super) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Millis>, D::Error> {
    required(deserializer).map(Some)
}

/// A number of KiB (`shift` 10) or MiB (20) in bytes.
pub(super) fn bytes(number: Option<u32>, shift: u32) -> Option<usize> {
    number.map(|number| (number as usize).saturating_mul(1 << shift))
}

/// An address to listen on.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let help = "write an IP address and a port, such as \"127.0.0.1:9187\"; a name is not looked up";
    text.parse().map(Some).map_err(|_| de::Error::custom(format!("`{text}` is no address to listen on; {help}")))
}

pub(super) fn empty_table() -> serde_json::Value {
    serde_json::Value::Object(serde_json::Map::new())
}

struct PropertyVisitor;

impl<'de> Visitor<'de> for PropertyVisitor {
    type Value = PropertyValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, true, false, or { secret = \"NAME\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<PropertyValue, E> {
        Ok(PropertyValue::Text(text.to_owned()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<PropertyValue, E> {
        Ok(PropertyValue::Text(number.to_string()))
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<PropertyValue, E> {
        Ok(PropertyValue::Text(truth.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PropertyValue, A::Error> {
        let mut secret = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != "secret" {
                return Err(de::Error::unknown_field(&key, &["secret"]));
            }
            secret = Some(map.next_value()?);
        }
        secret.map(PropertyValue::Secret).ok_or_else(|| de::Error::missing_field("secret"))
    }
}

impl<'de> Deserialize<'de> for PropertyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PropertyVisitor)
    }
}
