//! What does a plugin say of itself, and is it well-formed? [`Manifest`] is what `describe` gave, checked.

mod problems;
mod schema;

use std::fmt;

use lagdoctor_model::{Vocabulary, is_obeyed};
use serde_json::Value;

use crate::egress::HttpPattern;
use crate::grants::{GrantKind, SignalPattern};
use crate::text::clean;

pub(crate) use problems::problems;

/// The job of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum World {
    /// Reads signals out of one kind of system.
    Collector,
    /// Says what is unusual.
    Scorer,
    /// Goes from findings to causes.
    Ranker,
    /// Says where a series is going.
    Forecaster,
    /// Tells people.
    Notifier,
}

impl World {
    /// All five.
    pub const ALL: [World; 5] = [Self::Collector, Self::Scorer, Self::Ranker, Self::Forecaster, Self::Notifier];

    /// The interface that holds its job, without package and version.
    pub(crate) fn interface(self) -> &'static str {
        match self {
            Self::Collector => "collecting",
            Self::Scorer => "scoring",
            Self::Ranker => "ranking",
            Self::Forecaster => "forecasting",
            Self::Notifier => "notifying",
        }
    }

    /// The interfaces that it may import, without package and version.
    pub(crate) fn imports(self) -> &'static [&'static str] {
        match self {
            Self::Collector | Self::Notifier => &["types", "log", "clock", "http"],
            Self::Scorer | Self::Ranker | Self::Forecaster => &["types", "log"],
        }
    }
}

/// The word of the contract: `collector`, `scorer`, `ranker`, `forecaster`, `notifier`.
impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Collector => "collector",
            Self::Scorer => "scorer",
            Self::Ranker => "ranker",
            Self::Forecaster => "forecaster",
            Self::Notifier => "notifier",
        })
    }
}

/// Something that a plugin asks to be allowed, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What kind of thing.
    pub kind: GrantKind,
    /// Which: a pattern, a name, a prefix, or `config:FIELD`.
    pub value: String,
    /// Why, for the operator who reads it before saying yes.
    pub reason: String,
}

/// What a plugin says of itself, checked for form.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// `[a-z][a-z0-9-]*`, at most 64 bytes.
    pub name: String,
    /// Semantic version of the plugin.
    pub version: String,
    /// One sentence for people.
    pub summary: String,
    /// Signals that it reads or produces: names, prefixes ending in `.`, or `*`.
    pub signals: Vec<String>,
    /// Class slugs that it can name.
    pub classes: Vec<String>,
    /// JSON Schema of its configuration; an object.
    pub config_schema: Value,
    /// What it asks for.
    pub grants: Vec<Ask>,
}

impl Manifest {
    /// Whether it lists this signal, by name, prefix or `*`.
    pub fn lists_signal(&self, signal: &str) -> bool {
        self.signals.iter().any(|pattern| SignalPattern::covers(pattern, signal))
    }

    /// What it lists and this program does not know, so that nothing here gives it: a slip, or a word of a newer contract.
    pub fn unknown_signals(&self) -> impl Iterator<Item = Unknown<'_>> {
        let words = Vocabulary::bundled();
        let unknown = self.signals.iter().filter(|listed| !words.knows(listed));
        unknown.map(|listed| Unknown { listed, nearest: words.nearest(listed) })
    }
}

/// A signal that a plugin lists and this program does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown<'a> {
    /// What the plugin lists.
    pub listed: &'a str,
    /// What it may have meant.
    pub nearest: Option<&'static str>,
}

impl fmt::Display for Unknown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not known here: {}", self.listed)?;
        self.nearest.map_or(Ok(()), |nearest| write!(f, " (did you mean {nearest}?)"))
    }
}

/// What `describe` gave, before any check. Texts are the guest's own.
pub(crate) struct Claim {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) signals: Vec<String>,
    pub(crate) classes: Vec<String>,
    pub(crate) config_schema: String,
    pub(crate) grants: Vec<(String, String, String)>,
}

const MAX_LIST: usize = 1000;
const MAX_WORD: usize = 256;
const MAX_SENTENCE: usize = 4096;
const MAX_SCHEMA: usize = 256 << 10;

impl Claim {
    /// The manifest, when every field has the form that the contract gives it; else which one does not.
    pub(crate) fn check(self) -> Result<Manifest, String> {
        let shown = |text: &str| clean(text, 80);
        if !is_name(&self.name) {
            let name = shown(&self.name);
            return Err(format!("name `{name}` is not of the form [a-z][a-z0-9-]*, at most 64 bytes"));
        }
        if !is_version(&self.version) {
            let version = shown(&self.version);
            return Err(format!("version `{version}` is no semantic version such as 1.2.3"));
        }
        for (field, list) in [("signals", &self.signals), ("classes", &self.classes)] {
            if list.len() > MAX_LIST {
                return Err(format!("{field} has {} entries, at most {MAX_LIST} are allowed", list.len()));
            }
            let bad = |word: &&String| word.is_empty() || word.len() > MAX_WORD || word.chars().any(is_obeyed);
            if let Some(word) = list.iter().find(bad) {
                return Err(format!("{field} holds `{}`, which is no word of the vocabulary", shown(word)));
            }
        }
        if let Some(pattern) = self.signals.iter().find(|pattern| SignalPattern::new(pattern).is_none()) {
            let pattern = shown(pattern);
            return Err(format!("signals holds `{pattern}`, which is neither a name, a prefix ending in `.`, nor `*`"));
        }
        if self.grants.len() > MAX_LIST {
            return Err(format!("grants has {} entries, at most {MAX_LIST} are allowed", self.grants.len()));
        }
        let mut grants = Vec::with_capacity(self.grants.len());
        for (kind, value, reason) in self.grants {
            let Some(kind) = GrantKind::parse(&kind) else {
                let kind = shown(&kind);
                return Err(format!("it asks for a grant of kind `{kind}`; known are `http`, `secret` and `signals`"));
            };
            if let Err(why) = kind.check_ask(&value) {
                return Err(format!("it asks for {kind} `{}`: {why}", shown(&value)));
            }
            // A host is shown as it is compared, so that one that only looks like another is seen for what it is.
            let value = match HttpPattern::parse(&value) {
                Ok(pattern) if kind == GrantKind::Http => pattern.to_string(),
                _ => value,
            };
            grants.push(Ask { kind, value, reason: clean(&reason, MAX_SENTENCE) });
        }
        let config_schema = schema(&self.config_schema)?;
        let summary = clean(&self.summary, MAX_SENTENCE);
        let Self { name, version, signals, classes, .. } = self;
        Ok(Manifest { name, version, summary, signals, classes, config_schema, grants })
    }
}

/// A schema that is empty text takes any object.
fn schema(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(serde_json::json!({ "type": "object" }));
    }
    if text.len() > MAX_SCHEMA {
        return Err(format!("config-schema has {} bytes, at most {MAX_SCHEMA} are allowed", text.len()));
    }
    let schema: Value = serde_json::from_str(text).map_err(|error| format!("config-schema is no JSON: {error}"))?;
    if !schema.is_object() {
        return Err("config-schema is no JSON object".to_owned());
    }
    compile(&schema).map(|_| schema)
}

/// The validator of a schema. It never fetches: a `$ref` to another document is an error. Patterns run in linear time,
/// because the schema is a stranger's.
pub(crate) fn compile(schema: &Value) -> Result<jsonschema::Validator, String> {
    schema::check(schema)?;
    jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex().size_limit(schema::MAX_PATTERN_COMPILED))
        .offline()
        .build(schema)
        .map_err(|error| format!("config-schema is no JSON Schema: {}", clean(&error.to_string(), 300)))
}

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// `MAJOR.MINOR.PATCH` with an optional `-pre` and `+build`, as semver.org has it.
fn is_version(version: &str) -> bool {
    let (rest, build) = version.split_once('+').map_or((version, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
    let number = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    let words = |tail: &str| {
        tail.split('.').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    };
    version.len() <= 64
        && core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(words)
        && build.is_none_or(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim {
        Claim {
            name: "jvm-gc".into(),
            version: "1.2.3".into(),
            summary: "Looks at garbage collection.".into(),
            signals: vec!["jvm.".into()],
            classes: vec!["jvm.gc-full".into()],
            config_schema: r#"{"type": "object"}"#.into(),
            grants: vec![],
        }
    }

    /// What is said of a claim that was changed so; empty when it is accepted.
    fn check(change: impl FnOnce(&mut Claim)) -> String {
        let mut claim = claim();
        change(&mut claim);
        claim.check().err().unwrap_or_default()
    }

    #[test]
    fn a_name_is_a_lower_case_word() {
        for name in ["a", "jvm-gc", "a0-"] {
            assert_eq!(check(|claim| claim.name = name.into()), "");
        }
        for name in ["", "Jvm", "0a", "-a", "jvm_gc", "jvm gc", "../jvm", &"a".repeat(65)] {
            assert!(check(|claim| claim.name = name.into()).contains("is not of the form"), "{name}");
        }
    }

    #[test]
    fn a_version_is_semantic() {
        for version in ["0.1.0", "10.20.30-rc.1+build.5"] {
            assert_eq!(check(|claim| claim.version = version.into()), "");
        }
        for version in ["", "1", "1.2", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3+", "1.2.3-a..b", "1.2.x"] {
            assert!(check(|claim| claim.version = version.into()).contains("no semantic version"), "{version}");
        }
    }

    #[test]
    fn a_schema_that_is_broken_or_points_elsewhere_is_named() {
        for (schema, why) in [
            ("{", "no JSON"),
            ("[]", "no JSON object"),
            (r#"{"type": "objekt"}"#, "no JSON Schema"),
            (r#"{"$ref": "https://example.com/schema.json"}"#, "no place in it"),
            (r#"{"$ref": "file:///etc/passwd"}"#, "no place in it"),
            (r#"{"properties": {"a": {"pattern": "("}}}"#, "no JSON Schema"),
        ] {
            let said = check(|claim| claim.config_schema = schema.into());
            assert!(said.contains(why), "{schema}: {said}");
        }
        assert_eq!(check(|claim| claim.config_schema = String::new()), "");
    }

    #[test]
    fn a_grant_of_a_kind_that_does_not_exist_is_named() {
        let ask = |kind: &str, value: &str| {
            let grant = (kind.to_owned(), value.to_owned(), String::new());
            check(|claim| claim.grants = vec![grant])
        };
        assert!(ask("files", "/etc").contains("kind `files`"));
        assert!(ask("http", "ftp://a").contains("scheme"));
        assert!(ask("signals", "kafka").is_empty());
        assert!(ask("signals", "ka*").contains("neither"));
        assert_eq!(ask("http", "config:url"), "");
        assert_eq!(ask("secret", "config:token"), "");
    }

    #[test]
    fn a_hostile_name_is_quoted_harmlessly() {
        assert!(!check(|claim| claim.name = "\u{1b}[2J".into()).contains('\u{1b}'));
    }
}
