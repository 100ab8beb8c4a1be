//! Which known message is this? Nearly every line is none, and there are many lines, so all fragments of all entries are
//! looked for in one pass: where four letters of a line begin no fragment, nothing is compared. Start at [`Finder::find`].

use std::borrow::Cow;

use crate::patterns::{PATTERNS, Pattern};

/// Letters by whose look fragments are told apart at first; no fragment has fewer.
const LETTERS: usize = 4;
/// Places in the table, as bits of a number.
const BITS: u32 = 11;

/// All fragments, ready to be looked for.
#[derive(Debug)]
pub(crate) struct Finder {
    fragments: Vec<&'static [u8]>,
    /// Of each entry, the places of its fragments.
    entries: Vec<Vec<usize>>,
    /// By their first letters, places of fragments.
    table: Vec<Vec<usize>>,
    /// The line in which each fragment was last seen.
    seen: Vec<usize>,
    lines: usize,
}

impl Finder {
    pub(crate) fn new() -> Self {
        let mut fragments: Vec<&'static [u8]> = vec![];
        let entries = PATTERNS.iter().map(|pattern| {
            let place = |fragment: &&'static str| {
                let known = fragments.iter().position(|known| *known == fragment.as_bytes());
                known.unwrap_or_else(|| {
                    fragments.push(fragment.as_bytes());
                    fragments.len() - 1
                })
            };
            pattern.fragments.iter().map(place).collect()
        });
        let entries = entries.collect();
        let mut table = vec![vec![]; 1 << BITS];
        for (place, fragment) in fragments.iter().enumerate() {
            if let Some(first) = fragment.first_chunk() {
                table[hash(*first)].push(place);
            }
        }
        Self { seen: vec![0; fragments.len()], fragments, entries, table, lines: 0 }
    }

    /// The entry that fits this line, whatever the case of its letters.
    pub(crate) fn find(&mut self, message: &str) -> Option<(usize, &'static Pattern)> {
        let lower = lower(message);
        self.lines += 1;
        let mut is_any = false;
        for (at, first) in lower.windows(LETTERS).enumerate() {
            let [a, b, c, d] = *first else { continue };
            for place in &self.table[hash([a, b, c, d])] {
                if lower[at..].starts_with(self.fragments[*place]) {
                    self.seen[*place] = self.lines;
                    is_any = true;
                }
            }
        }
        if !is_any {
            return None;
        }
        let fits = |fragments: &Vec<usize>| fragments.iter().all(|place| self.seen[*place] == self.lines);
        let place = self.entries.iter().position(fits)?;
        Some((place, &PATTERNS[place]))
    }
}

fn hash(letters: [u8; LETTERS]) -> usize {
    (u32::from_le_bytes(letters).wrapping_mul(0x9e37_79b1) >> (32 - BITS)) as usize
}

fn lower(message: &str) -> Cow<'_, [u8]> {
    let is_lower = |letter: &u8| letter.is_ascii() && !letter.is_ascii_uppercase();
    match message {
        message if message.bytes().all(|letter| is_lower(&letter)) => Cow::Borrowed(message.as_bytes()),
        message if message.is_ascii() => Cow::Owned(message.as_bytes().to_ascii_lowercase()),
        message => Cow::Owned(message.to_lowercase().into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, entry by entry.
    fn slowly(message: &str) -> Option<usize> {
        let lower = message.to_lowercase();
        PATTERNS.iter().position(|pattern| pattern.fragments.iter().all(|fragment| lower.contains(fragment)))
    }

    #[test]
    fn every_fragment_is_long_enough_to_be_found_and_in_lower_case() {
        for fragment in PATTERNS.iter().flat_map(|pattern| pattern.fragments) {
            assert!(fragment.len() >= LETTERS && *fragment == fragment.to_lowercase(), "{fragment}");
        }
    }

    #[test]
    fn the_finder_forgets_one_line_before_the_next() {
        let mut finder = Finder::new();
        for (message, expected) in [
            ("Duplicate entry '7'", None),
            ("refused for key 'x'", None),
            ("Duplicate entry '7' for key 'x'", slowly("duplicate entry for key")),
            ("", None),
            ("FULL GC", slowly("full gc")),
        ] {
            assert_eq!(finder.find(message).map(|(place, _)| place), expected, "{message}");
        }
    }

    proptest! {
        #[test]
        fn what_is_found_in_one_pass_is_what_is_found_entry_by_entry(
            parts in prop::collection::vec((0..PATTERNS.len(), 0..3_usize, "[ a-zA-Z\u{e9}\u{212a}:]{0,6}"), 0..4),
            is_loud in prop::bool::ANY,
        ) {
            let part = |(entry, number, glue): &(usize, usize, String)| {
                let fragments = PATTERNS[*entry].fragments;
                format!("{}{glue}", fragments[number % fragments.len()])
            };
            let line: String = parts.iter().map(part).collect();
            let line = if is_loud { line.to_uppercase() } else { line };
            prop_assert_eq!(Finder::new().find(&line).map(|(place, _)| place), slowly(&line), "{}", line);
        }
    }
}
