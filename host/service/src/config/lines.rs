//! On which line of a configuration file is what? Errors that are found long after the file was read name the line by this.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Most lines that are remembered of one section; what lies deeper is found at what it lies in.
const MOST: usize = 1000;

/// Where one section of a file and what it holds stand.
#[derive(Clone, PartialEq, Eq)]
pub struct Lines {
    file: PathBuf,
    /// From 1, by JSON pointers that start at the section.
    lines: BTreeMap<String, usize>,
}

impl Lines {
    /// Of each section of this name in a file that has been read already.
    pub(super) fn of_sections(name: &str, file: &Path, text: &str) -> Vec<Self> {
        let Ok(table) = DeTable::parse(text) else { return vec![] };
        let Some(DeValue::Array(sections)) = table.get_ref().get(name).map(Spanned::get_ref) else { return vec![] };
        let mut count = Count { text, at: 0, line: 1 };
        let mut of_one = |section: &Spanned<DeValue<'_>>| {
            let mut starts = BTreeMap::new();
            note(section, section.span().start, &mut String::new(), &mut starts);
            let mut in_order: Vec<(usize, String)> = starts.into_iter().map(|(pointer, at)| (at, pointer)).collect();
            in_order.sort();
            let lines = in_order.into_iter().map(|(at, pointer)| (pointer, count.line(at))).collect();
            Self { file: file.to_owned(), lines }
        };
        sections.iter().map(&mut of_one).collect()
    }

    /// The line of what a JSON pointer names within the section, or of the nearest thing around it that is there.
    pub(crate) fn line(&self, pointer: &str) -> usize {
        let mut pointer = pointer;
        loop {
            match (self.lines.get(pointer), pointer.rfind('/')) {
                (Some(line), _) => return *line,
                (None, Some(end)) => pointer = &pointer[..end],
                (None, None) => return 1,
            }
        }
    }

    /// The same with the file, as errors begin: `FILE:LINE`.
    pub fn place(&self, pointer: &str) -> String {
        format!("{}:{}", self.file.display(), self.line(pointer))
    }
}

/// Only the place, since a configuration is printed to be read.
impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place(""))
    }
}

/// Remembers where this value starts, or the key that names it, and all that it holds.
fn note(value: &Spanned<DeValue<'_>>, start: usize, pointer: &mut String, starts: &mut BTreeMap<String, usize>) {
    if starts.len() >= MOST {
        return;
    }
    starts.insert(pointer.clone(), start);
    let end = pointer.len();
    match value.get_ref() {
        DeValue::Table(table) => {
            for (key, value) in table {
                *pointer += &format!("/{}", key.get_ref().replace('~', "~0").replace('/', "~1"));
                note(value, key.span().start, pointer, starts);
                pointer.truncate(end);
            }
        }
        DeValue::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                *pointer += &format!("/{index}");
                note(value, value.span().start, pointer, starts);
                pointer.truncate(end);
            }
        }
        _ => {}
    }
}

/// Counts lines onwards, so that a long file is gone through once for each section and not once for each field.
struct Count<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Count<'_> {
    fn line(&mut self, at: usize) -> usize {
        if at < self.at {
            (self.at, self.line) = (0, 1);
        }
        let passed = self.text.as_bytes().get(self.at..at).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = at;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_of_a_section_has_its_line_and_what_is_not_there_that_of_what_it_belongs_in() {
        let text = "# plugins\n[[plugin]]\nname = \"a\"\n\n[[plugin]]\nname = \"b\"\ngrants = [\n  \"signals db.\",\n  \"signals jvm.\",\n]\n\
                    [plugin.config]\nurl = \"x\"\n\"a/b\" = { c = 1 }\n[plugin.limits]\nfuel = 1\n";
        let sections = Lines::of_sections("plugin", Path::new("lagdoctor.toml"), text);
        let places = |section: &Lines, pointers: &[&str]| -> Vec<usize> {
            pointers.iter().map(|pointer| section.line(pointer)).collect()
        };
        assert_eq!(places(&sections[0], &["", "/name", "/config/url"]), [2, 3, 2]);
        assert_eq!(
            places(
                &sections[1],
                &["", "/name", "/grants", "/grants/0", "/grants/1", "/config", "/config/url", "/config/a~1b/c"]
            ),
            [5, 6, 7, 8, 9, 11, 12, 13]
        );
        assert_eq!(places(&sections[1], &["/config/none", "/limits/fuel", "/limits/none"]), [11, 15, 14]);
        assert_eq!(sections[1].place("/config/url"), "lagdoctor.toml:12");
    }

    #[test]
    fn a_file_without_such_sections_has_no_lines_of_them() {
        for text in ["", "plugin = 1\n", "[plugin]\nname = \"a\"\n", "= no TOML"] {
            assert_eq!(Lines::of_sections("plugin", Path::new("f"), text), []);
        }
    }
}
