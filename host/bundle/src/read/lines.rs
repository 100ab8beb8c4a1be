//! Goes through a file line by line without ever holding more than one line, and of a long line only its beginning.

use std::io::BufRead;

use crate::trouble::{Place, Trouble, Troubles};

/// One line, decoded.
pub(super) struct Line {
    pub(super) text: String,
    /// From 1.
    pub(super) number: usize,
    /// There was more than may be held.
    pub(super) is_cut: bool,
    /// The file ended before the line did.
    pub(super) is_unended: bool,
}

impl Line {
    pub(super) fn place(&self) -> Place {
        Place::Line(self.number)
    }
}

pub(super) struct Lines<R> {
    reader: R,
    most: usize,
    number: usize,
    is_done: bool,
}

impl<R: BufRead> Lines<R> {
    /// Lines of at most `most` bytes.
    pub(super) fn new(reader: R, most: usize) -> Self {
        Self { reader, most, number: 0, is_done: false }
    }

    /// The next line that is not blank. A line that is too long or not UTF-8 is told, and still given as far as it goes.
    pub(super) fn next(&mut self, troubles: &mut Troubles) -> Option<Line> {
        while !self.is_done {
            self.number += 1;
            let mut bytes = vec![];
            let mut is_cut = false;
            let mut is_unended = true;
            loop {
                let chunk = match self.reader.fill_buf() {
                    Ok(chunk) => chunk,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(error) => {
                        troubles.add_about(Trouble::Unreadable, Place::Line(self.number), &error.to_string());
                        self.is_done = true;
                        break;
                    }
                };
                if chunk.is_empty() {
                    self.is_done = true;
                    break;
                }
                let end = chunk.iter().position(|b| *b == b'\n');
                let part = &chunk[..end.unwrap_or(chunk.len())];
                let room = self.most - bytes.len();
                is_cut |= part.len() > room;
                bytes.extend_from_slice(&part[..part.len().min(room)]);
                let read = part.len() + usize::from(end.is_some());
                self.reader.consume(read);
                if end.is_some() {
                    is_unended = false;
                    break;
                }
            }
            let number = self.number;
            let text = match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => {
                    // A line that was cut may have been cut within a character.
                    if !is_cut || error.utf8_error().error_len().is_some() {
                        troubles.add(Trouble::NotUtf8, Place::Line(number));
                    }
                    String::from_utf8_lossy(error.as_bytes()).into_owned()
                }
            };
            if is_cut {
                troubles.add(Trouble::TooLong, Place::Line(number));
            }
            let text = text.trim_start_matches('\u{feff}').trim().to_owned();
            if !text.is_empty() {
                return Some(Line { text, number, is_cut, is_unended });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_with_its_number_whatever_ends_it() {
        let mut lines = Lines::new(&b"a\r\n\n\nbcdef\nlast"[..], 4);
        let mut troubles = Troubles::of("x");
        let mut seen = vec![];
        while let Some(line) = lines.next(&mut troubles) {
            seen.push((line.text, line.number, line.is_cut, line.is_unended));
        }
        let expected = [("a", 1, false, false), ("bcde", 4, true, false), ("last", 5, false, true)];
        assert_eq!(
            seen,
            expected.map(|(text, number, is_cut, is_unended)| (text.to_owned(), number, is_cut, is_unended))
        );
    }
}
