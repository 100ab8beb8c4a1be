//! Reads where a secret is. Whoever writes the secret itself there is told so without it: an error of the reader would
//! quote it, and errors end up in logs.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::SecretSection;

struct Place;

impl<'de> Visitor<'de> for Place {
    type Value = SecretSection;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("where the secret is: { env = \"VARIABLE\" }, { file = \"PATH\" } or { command = [\"PROGRAM\"] }")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretSection, A::Error> {
        SecretSection::deserialize(MapAccessDeserializer::new(map))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<SecretSection, E> {
        Err(E::custom(
            "the secret itself is written here; write where it is: { env = \"VARIABLE\" }, { file = \"PATH\" } or { command = [\"PROGRAM\"] }",
        ))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<SecretSection, E> {
        self.visit_str("")
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<SecretSection, E> {
        self.visit_str("")
    }
}

impl<'de> Deserialize<'de> for SecretSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Place)
    }
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of words, such as [\"pass\", \"show\", \"shop/kafka\"]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, words: A) -> Result<Vec<String>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(words))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Vec<String>, E> {
        Err(E::custom(
            "a list of words is wanted, since no shell takes them apart: [\"pass\", \"show\", \"shop/kafka\"]",
        ))
    }
}

/// The words of a command.
pub(super) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    deserializer.deserialize_any(Words).map(Some)
}
