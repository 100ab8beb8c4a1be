//! A CSV of numbers over time, read row by row: what is wrong with a cell or a row is counted and named, what is wrong
//! with the whole is an error. Start at [`read_table`].

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};

use csv::{ByteRecord, ReaderBuilder, Trim};
use flate2::bufread::MultiGzDecoder;

/// No incident has more rows than a bundle may have steps.
const MOST_ROWS: usize = 200_000;
/// Metrics of a thousand services.
const MOST_COLUMNS: usize = 20_000;
/// What fits into memory besides everything else: 240 MB as numbers.
const MOST_CELLS: usize = 30_000_000;
/// As much text is read, unpacked; a few packed bytes can stand for any number of them.
const MOST_BYTES: u64 = 1 << 30;
/// From here on a time is no number of seconds: that would be the year 5138.
const NOT_SECONDS: f64 = 1e11;
/// So many characters of a cell are quoted.
const QUOTED: usize = 40;
/// What a gzip file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Numbers over time. Invariant: each column has a value for each time, and times strictly increase.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Unix milliseconds.
    pub times_ms: Vec<i64>,
    /// Names and values, NaN for missing; no name stands twice.
    pub columns: Vec<(String, Vec<f64>)>,
    /// What was wrong and what became of it, one sentence each.
    pub remarks: Vec<String>,
}

/// Why a file is no table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// There is nothing in it.
    #[error("it holds no rows; a header and one row for each moment are needed")]
    Empty,
    /// No column of times.
    #[error("it has no column `time`, but {found}; name the column of Unix seconds so")]
    NoTime {
        /// The columns that it has, the first of them.
        found: String,
    },
    /// Times that are none.
    #[error("`time` holds `{found}`, which is no time in Unix seconds{hint}")]
    NotSeconds {
        /// What stands there.
        found: String,
        /// What it may be.
        hint: &'static str,
    },
    /// More than can be held.
    #[error("it has more than {most} {what}; cut it to the hours around the incident")]
    TooLarge {
        /// How many there may be.
        most: usize,
        /// Of what.
        what: &'static str,
    },
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// Things that went wrong in the same way: where first, how often, what shows it.
#[derive(Default)]
struct Wrongs(BTreeMap<Wrong, (u64, usize, String)>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Number,
    Time,
    Short,
    Long,
    CutShort,
    Name,
    Twice,
    Order,
    SameTime,
}

impl Wrong {
    /// What is counted, what is wrong with it, what becomes of it.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Number => ("cell", "no finite number", "taken as missing"),
            Self::Time => ("row", "no time in Unix seconds", "left out"),
            Self::Short => ("row", "fewer cells than the header", "the others are missing"),
            Self::Long => ("row", "more cells than the header", "those beyond it are left out"),
            Self::CutShort => ("row", "the file ends in the middle", "what was there is used; copy it again"),
            Self::Name => ("column", "no name", "left out"),
            Self::Twice => ("column", "a name that stands twice", "only the first is used"),
            Self::Order => ("row", "times do not increase", "put in order"),
            Self::SameTime => ("row", "a time that stands twice", "only the first is used"),
        }
    }
}

impl Wrongs {
    fn add(&mut self, wrong: Wrong, line: u64, shown: &[u8]) {
        let found = self.0.entry(wrong).or_insert_with(|| (line, 0, quoted(shown)));
        found.1 += 1;
    }

    fn told(self) -> Vec<String> {
        let told = |(wrong, (line, count, shown)): (Wrong, (u64, usize, String))| {
            let (noun, what, outcome) = wrong.words();
            let more = match count {
                1 => String::new(),
                2 => format!(" and 1 more {noun}"),
                count => format!(" and {} more {noun}s", count - 1),
            };
            let shown = if shown.is_empty() { shown } else { format!(" (`{shown}`)") };
            format!("line {line}{more}: {what}{shown}; {outcome}")
        };
        self.0.into_iter().map(told).collect()
    }
}

/// Text of a file in a message: no control characters, not much.
fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().take(QUOTED).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Reads a CSV, packed by gzip or not. Memory holds the numbers alone; the text goes through.
///
/// # Errors
/// When there is no column `time`, no row with a time in Unix seconds, or more than can be held.
pub fn read_table(file: impl Read) -> Result<Table, TableError> {
    let mut file = BufReader::new(file);
    if file.fill_buf()?.starts_with(&GZIP) {
        rows(MultiGzDecoder::new(file).take(MOST_BYTES))
    } else {
        rows(file.take(MOST_BYTES))
    }
}

fn rows(text: impl Read) -> Result<Table, TableError> {
    let mut reader = ReaderBuilder::new().flexible(true).has_headers(false).trim(Trim::All).from_reader(text);
    let mut wrongs = Wrongs::default();
    let mut record = ByteRecord::new();
    if !next(&mut reader, &mut record, &mut wrongs)? {
        return Err(TableError::Empty);
    }
    let header = Header::of(&record, &mut wrongs)?;
    let mut times: Vec<i64> = vec![];
    let mut values: Vec<Vec<f64>> = vec![vec![]; header.columns.len()];
    let mut not_a_time = None;
    while next(&mut reader, &mut record, &mut wrongs)? {
        let line = record.position().map_or(0, csv::Position::line);
        let cell = record.get(header.time).unwrap_or_default();
        let Some(time) = time_ms(cell) else {
            wrongs.add(Wrong::Time, line, cell);
            not_a_time.get_or_insert_with(|| quoted(cell));
            continue;
        };
        if times.len() >= MOST_ROWS {
            return Err(TableError::TooLarge { most: MOST_ROWS, what: "rows" });
        }
        if (times.len() + 1).saturating_mul(values.len()) > MOST_CELLS {
            return Err(TableError::TooLarge { most: MOST_CELLS, what: "cells" });
        }
        match record.len().cmp(&header.width) {
            std::cmp::Ordering::Less => wrongs.add(Wrong::Short, line, b""),
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater => wrongs.add(Wrong::Long, line, b""),
        }
        times.push(time);
        for ((place, _), values) in header.columns.iter().zip(&mut values) {
            values.push(number(record.get(*place).unwrap_or_default(), line, &mut wrongs));
        }
    }
    if times.is_empty() {
        return Err(not_a_time.map_or(TableError::Empty, |found| {
            let is_large = found.parse().is_ok_and(|value: f64| value >= NOT_SECONDS);
            let hint = if is_large { "; it looks like milliseconds or less: divide it" } else { "" };
            TableError::NotSeconds { found, hint }
        }));
    }
    let columns = header.columns.into_iter().map(|(_, name)| name).zip(values).collect();
    let mut table = Table { times_ms: times, columns, remarks: vec![] };
    table.put_in_order(&mut wrongs);
    table.remarks = wrongs.told();
    Ok(table)
}

/// The next row. What ends in the middle of its packing ends there.
fn next(reader: &mut csv::Reader<impl Read>, record: &mut ByteRecord, wrongs: &mut Wrongs) -> Result<bool, TableError> {
    match reader.read_byte_record(record) {
        Ok(is_there) => Ok(is_there),
        Err(error) => {
            let line = reader.position().line();
            match error.into_kind() {
                csv::ErrorKind::Io(error)
                    if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData) =>
                {
                    wrongs.add(Wrong::CutShort, line, b"");
                    Ok(false)
                }
                csv::ErrorKind::Io(error) => Err(error.into()),
                // Rows of any length and any bytes are taken, so that nothing else can be wrong with one.
                _ => Ok(false),
            }
        }
    }
}

struct Header {
    time: usize,
    width: usize,
    /// Place and name of each other column.
    columns: Vec<(usize, String)>,
}

impl Header {
    fn of(record: &ByteRecord, wrongs: &mut Wrongs) -> Result<Self, TableError> {
        if record.len() > MOST_COLUMNS {
            return Err(TableError::TooLarge { most: MOST_COLUMNS, what: "columns" });
        }
        let names: Vec<String> = record.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let bare = |name: &str| name.trim_start_matches('\u{feff}').trim().to_owned();
        let is_time = |name: &String| matches!(bare(name).to_ascii_lowercase().as_str(), "time" | "timestamp");
        let Some(time) = names.iter().position(is_time) else {
            let found: Vec<String> =
                names.iter().take(4).map(|name| format!("`{}`", quoted(name.as_bytes()))).collect();
            let more = if names.len() > 4 { " and more" } else { "" };
            return Err(TableError::NoTime { found: format!("{}{more}", found.join(", ")) });
        };
        let mut known = std::collections::BTreeSet::new();
        let mut columns = vec![];
        for (place, name) in names.iter().enumerate().filter(|(place, _)| *place != time) {
            if name.is_empty() {
                wrongs.add(Wrong::Name, 1, b"");
            } else if known.insert(name.as_str()) && !is_time(name) {
                columns.push((place, name.clone()));
            } else {
                wrongs.add(Wrong::Twice, 1, name.as_bytes());
            }
        }
        Ok(Self { time, width: names.len(), columns })
    }
}

/// Unix milliseconds of a number of seconds.
fn time_ms(cell: &[u8]) -> Option<i64> {
    let seconds: f64 = std::str::from_utf8(cell).ok()?.parse().ok()?;
    ((0.0..NOT_SECONDS).contains(&seconds)).then(|| (seconds * 1000.0).round() as i64)
}

fn number(cell: &[u8], line: u64, wrongs: &mut Wrongs) -> f64 {
    let text = std::str::from_utf8(cell).unwrap_or("?");
    if text.is_empty() || ["nan", "null", "none", "na"].iter().any(|missing| text.eq_ignore_ascii_case(missing)) {
        return f64::NAN;
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => value,
        _ => {
            wrongs.add(Wrong::Number, line, cell);
            f64::NAN
        }
    }
}

impl Table {
    /// Sorts rows by time and drops those of a time that was there before.
    fn put_in_order(&mut self, wrongs: &mut Wrongs) {
        // The header is line 1; rows that were left out make later lines guesses, and the first is what is looked for.
        let line = |place: usize| place as u64 + 2;
        for (place, pair) in self.times_ms.windows(2).enumerate() {
            if pair[1] < pair[0] {
                wrongs.add(Wrong::Order, line(place + 1), b"");
            }
        }
        let mut order: Vec<usize> = (0..self.times_ms.len()).collect();
        order.sort_by_key(|place| self.times_ms[*place]);
        let times = &self.times_ms;
        order.dedup_by(|later, earlier| {
            let is_same = times[*later] == times[*earlier];
            if is_same {
                wrongs.add(Wrong::SameTime, line(*later), b"");
            }
            is_same
        });
        let picked = |from: &[i64]| order.iter().map(|place| from[*place]).collect();
        let times = picked(&self.times_ms);
        for (_, values) in &mut self.columns {
            *values = order.iter().map(|place| values[*place]).collect();
        }
        self.times_ms = times;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(vec![], Compression::default());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    /// What is read of this text: times in seconds, and one line for each column.
    fn check(text: &str, times: &[i64], columns: &[(&str, &[Option<f64>])], remarks: &[&str]) {
        for table in [read_table(text.as_bytes()).unwrap(), read_table(&*packed(text.as_bytes())).unwrap()] {
            assert_eq!(table.times_ms, times.iter().map(|s| s * 1000).collect::<Vec<_>>(), "{text}");
            let found: Vec<(&str, Vec<Option<f64>>)> = table
                .columns
                .iter()
                .map(|(name, values)| {
                    (name.as_str(), values.iter().map(|value| (!value.is_nan()).then_some(*value)).collect())
                })
                .collect();
            let expected: Vec<(&str, Vec<Option<f64>>)> =
                columns.iter().map(|(name, values)| (*name, values.to_vec())).collect();
            assert_eq!(found, expected, "{text}");
            assert_eq!(table.remarks, remarks, "{text}");
        }
    }

    fn refused(text: &[u8], words: &str) {
        let error = read_table(text).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn missing_cells_are_missing_and_wrong_ones_are_named() {
        check(
            "time,a_cpu,b_cpu\n10,1.5,\n20,NaN,2\n",
            &[10, 20],
            &[("a_cpu", &[Some(1.5), None]), ("b_cpu", &[None, Some(2.0)])],
            &[],
        );
        check(
            "time,a_cpu\n10,high\n20,inf\n30,1\n",
            &[10, 20, 30],
            &[("a_cpu", &[None, None, Some(1.0)])],
            &["line 2 and 1 more cell: no finite number (`high`); taken as missing"],
        );
    }

    #[test]
    fn rows_out_of_order_are_sorted_and_those_of_one_time_are_one() {
        check(
            "time,a_cpu\n30,3\n10,1\n20,2\n20,9\n",
            &[10, 20, 30],
            &[("a_cpu", &[Some(1.0), Some(2.0), Some(3.0)])],
            &[
                "line 3: times do not increase; put in order",
                "line 5: a time that stands twice; only the first is used",
            ],
        );
    }

    #[test]
    fn columns_that_stand_twice_and_rows_of_another_width_are_named() {
        check(
            "\u{feff}time,a_cpu,a_cpu,\n10,1,5,7\n20,2\n30,3,4,5,6\n",
            &[10, 20, 30],
            &[("a_cpu", &[Some(1.0), Some(2.0), Some(3.0)])],
            &[
                "line 3: fewer cells than the header; the others are missing",
                "line 4: more cells than the header; those beyond it are left out",
                "line 1: no name; left out",
                "line 1: a name that stands twice (`a_cpu`); only the first is used",
            ],
        );
    }

    #[test]
    fn what_was_packed_and_is_cut_short_is_used_as_far_as_it_goes() {
        let text: String = (0..2_000).fold("time,a_cpu\n".to_owned(), |text, row| {
            text + &format!("{},{}\n", row * 60, f64::from(row * 7919 % 1009) / 7.0)
        });
        let bytes = packed(text.as_bytes());
        let table = read_table(&bytes[..bytes.len() / 2]).unwrap();
        assert!((100..2_000).contains(&table.times_ms.len()), "{}", table.times_ms.len());
        assert!(table.remarks.iter().any(|remark| remark.contains("ends in the middle")), "{:?}", table.remarks);
    }

    #[test]
    fn what_is_no_table_is_refused_with_what_is_wrong() {
        refused(b"", "no rows");
        refused(b"time,a_cpu\n", "no rows");
        refused(b"when,a_cpu\n1,2\n", "no column `time`, but `when`, `a_cpu`");
        refused(b"time,a_cpu\nnoon,2\n", "`noon`, which is no time");
        refused(b"time,a_cpu\n1672531200000,2\n", "looks like milliseconds");
    }

    proptest! {
        #[test]
        fn whatever_is_read_has_a_value_for_each_time_and_times_that_increase(
            bytes in prop::collection::vec(prop::sample::select(&b"time,a_\n0123.5-e\"\xff\r"[..]), 0..200),
            is_headed in any::<bool>(),
        ) {
            let mut text = if is_headed { b"time,a_cpu,b_mem\n".to_vec() } else { vec![] };
            text.extend(bytes);
            for bytes in [packed(&text), text] {
                let Ok(table) = read_table(&*bytes) else { continue };
                prop_assert!(table.times_ms.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(table.columns.iter().all(|(_, values)| values.len() == table.times_ms.len()));
                prop_assert!(table.columns.iter().all(|(_, values)| values.iter().all(|value| !value.is_infinite())));
            }
        }
    }
}
