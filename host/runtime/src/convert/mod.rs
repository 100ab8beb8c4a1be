//! Translates between the types of the contract and those of the model, in both directions, and lets nothing through
//! that breaks an invariant. [`batch`] goes in;
//! [`findings`], [`collected`] and [`forecast`] come out.

pub(crate) mod batch;
pub(crate) mod collected;
pub(crate) mod findings;
pub(crate) mod forecast;
pub(crate) mod outcome;
pub(crate) mod raw;

use std::collections::BTreeMap;

use lagdoctor_model::{Gap, GapCause, Timestamp};

use crate::Limits;
use crate::bindings::types as wit;
use crate::text::clean;

/// Longest name and value of a pair, in bytes, as the contract has it.
const PAIR_BYTES: (usize, usize) = (256, 4096);
/// Most pairs of one record.
const MAX_PAIRS: usize = 128;

pub(crate) fn pairs(labels: &BTreeMap<String, String>) -> Vec<(String, String)> {
    labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Pairs of a guest as a map. Of two pairs of one name the first counts.
pub(crate) fn attributes(pairs: Vec<(String, String)>) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    for (name, value) in pairs.into_iter().take(MAX_PAIRS) {
        map.entry(clean(&name, PAIR_BYTES.0)).or_insert_with(|| clean(&value, PAIR_BYTES.1));
    }
    map
}

/// Why an answer is refused as a whole: it breaks the contract. One sentence without subject, such as
/// "finding 3 has a score that is NaN".
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

/// What is checked against while an answer is translated, and what is noted on the way.
pub(crate) struct Reader<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) limits: &'a Limits,
    /// The classes that the plugin may name; `None` for all of the vocabulary.
    pub(crate) classes: Option<&'a [String]>,
    /// The signals that the plugin may speak of: names, prefixes, `*`; `None` for all of the vocabulary.
    pub(crate) signals: Option<&'a [String]>,
    /// Times after this one have not come yet, and nobody can have read them; `None` for none.
    pub(crate) latest: Option<Timestamp>,
    gaps: BTreeMap<(GapCause, String), usize>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(plugin: &'a str, limits: &'a Limits) -> Self {
        Self { plugin, limits, classes: None, signals: None, latest: None, gaps: BTreeMap::new() }
    }

    /// Whether a time lies in the future; then that is noted.
    pub(crate) fn is_future(&mut self, at: Timestamp, what: &str) -> bool {
        let is = self.latest.is_some_and(|latest| at > latest);
        if is {
            self.note(
                GapCause::Malformed,
                format!("gave {what} of the future, beyond the end of what was asked for; left out"),
            );
        }
        is
    }

    /// Notes something that was left out. The same note twice becomes one with a count.
    pub(crate) fn note(&mut self, cause: GapCause, what: impl Into<String>) {
        // A guest that gets a thousand things wrong in a thousand ways must not fill the report.
        if self.gaps.len() < 50 {
            *self.gaps.entry((cause, what.into())).or_default() += 1;
        }
    }

    /// The list, cut to what one answer may hold.
    pub(crate) fn cut<T>(&mut self, what: &str, mut list: Vec<T>) -> Vec<T> {
        let most = self.limits.output_items;
        if list.len() > most {
            let left_out = list.len() - most;
            list.truncate(most);
            let statement = format!(
                "gave {what}s beyond the limit of {most}, and {left_out} were left out; raise `output_items` or ask for less"
            );
            self.note(GapCause::Truncated, statement);
        }
        list
    }

    /// A sentence for people.
    pub(crate) fn sentence(&self, text: &str) -> String {
        clean(text, self.limits.output_text_bytes)
    }

    /// A word of a guest, quoted in a note.
    pub(crate) fn quoted(text: &str) -> String {
        format!("`{}`", clean(text, 80))
    }

    /// What was noted.
    pub(crate) fn gaps(self) -> Vec<Gap> {
        let gap = |((cause, what), count): ((GapCause, String), usize)| {
            let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
            let statement = format!("plugin `{}` {what}{times}", self.plugin);
            Gap { source: self.plugin.to_owned(), cause, node: None, statement }
        };
        self.gaps.into_iter().map(gap).collect()
    }
}

/// A number of a guest that may be missing: NaN is `None`.
pub(crate) fn maybe(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

/// A number for a guest: what is missing, or would break the contract, is NaN.
pub(crate) fn or_nan(value: Option<f64>) -> f64 {
    value.filter(|value| value.is_finite()).unwrap_or(f64::NAN)
}

/// What a guest says went wrong.
pub(crate) fn plugin_error(error: &wit::PluginError, limits: &Limits) -> (crate::ErrorCode, String) {
    (crate::ErrorCode::parse(&error.code), clean(&error.message, limits.output_text_bytes))
}
