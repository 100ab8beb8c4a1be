//! Records of `__consumer_offsets`, as a broker of any version, or something that plays one, may send them.

use lagdoctor_kafka::fuzz_entry;

use super::{Input, Target};
use crate::Seed;
use crate::mutate::mutate;

pub(super) struct Offsets;

/// Key and value of one record, the length of the key before them.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    [&(key.len() as u16).to_be_bytes(), key, value].concat()
}

/// A text with its length, as old records have it.
fn text(text: &str) -> Vec<u8> {
    [&(text.len() as i16).to_be_bytes(), text.as_bytes()].concat()
}

/// Records by the book, of each kind one.
fn book() -> Vec<Vec<u8>> {
    let key = |version: i16, rest: &[Vec<u8>]| [version.to_be_bytes().to_vec(), rest.concat()].concat();
    let commit = [
        3i16.to_be_bytes().to_vec(),
        42i64.to_be_bytes().to_vec(),
        (-1i32).to_be_bytes().to_vec(),
        text(""),
        1_772_366_400_000i64.to_be_bytes().to_vec(),
    ]
    .concat();
    let classic = [
        3i16.to_be_bytes().to_vec(),
        text("consumer"),
        7i32.to_be_bytes().to_vec(),
        text("range"),
        text("member-1"),
        0i64.to_be_bytes().to_vec(),
        1i32.to_be_bytes().to_vec(),
        text("member-1"),
        (-1i16).to_be_bytes().to_vec(),
        text("client"),
        text("/10.0.0.1"),
        30_000i32.to_be_bytes().to_vec(),
        10_000i32.to_be_bytes().to_vec(),
        0i32.to_be_bytes().to_vec(),
        0i32.to_be_bytes().to_vec(),
    ]
    .concat();
    let partition = key(1, &[text("orders"), text("orders-topic"), 3i32.to_be_bytes().to_vec()]);
    let mut book = vec![record(&partition, &commit), record(&key(2, &[text("orders")]), &classic)];
    for version in [3, 4, 6] {
        book.push(record(&key(version, &[text("orders")]), &[0, 0, 0, 0, 0, 9, 0]));
    }
    for version in [5, 7, 8] {
        book.push(record(&key(version, &[text("orders"), text("member-1")]), &[0; 64]));
    }
    book
}

impl Target for Offsets {
    fn generate(&self, seed: &mut Seed) -> Vec<Input> {
        let book = book();
        let bytes = match seed.below(8) {
            0 => {
                let count = seed.below(200);
                seed.bytes(count)
            }
            _ => {
                let good = seed.pick(&book).cloned().unwrap_or_default();
                mutate(seed, &good, &[b"\0\0", b"\xff\xff\xff\xff\x0f"])
            }
        };
        vec![Input::new("record.bin", bytes)]
    }

    fn run(&mut self, inputs: &[Input]) -> Result<(), String> {
        for input in inputs {
            fuzz_entry(&input.bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_by_the_book_are_understood() {
        // A corpus that the reader throws away at its first byte would test that byte only.
        let understood = book().iter().filter(|record| fuzz_entry(record)).count();
        assert_eq!(understood, book().len());
    }
}
