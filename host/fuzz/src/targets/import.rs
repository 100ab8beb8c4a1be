//! Incidents that others recorded: a table and a description, from wherever somebody found them.

use std::fs;
use std::io;
use std::path::PathBuf;

use lagdoctor_bundle::import::{cases, import};
use tempfile::TempDir;

use super::{Input, Target};
use crate::Seed;
use crate::mutate::mutate;

const TABLE: &str = "data.csv";
const PACKED: &str = "metrics.csv.gz";
const CASE: &str = "case.json";
const TIME: &str = "inject_time.txt";

const WORDS: [&[u8]; 14] = [
    b"NaN",
    b"-1",
    b"1e309",
    b"1672531200000",
    b"\"",
    b",",
    b"\xff",
    b"\n",
    b"\xef\xbb\xbf",
    b"time",
    b"_",
    b"service:x",
    b"\0",
    b"\x1f\x8b",
];

pub(super) struct Import {
    folder: TempDir,
}

fn table() -> Vec<u8> {
    let rows = (0..40).map(|row: u32| format!("{},{},{}\n", 1_672_531_200 + row * 15, row % 7, row * row));
    ("time,shop_latency-90,orders-db_cpu\n".to_owned() + &rows.collect::<String>()).into_bytes()
}

fn case() -> Vec<u8> {
    br#"{"inject_time": 1672531500, "root_cause_service": "orders-db", "fault_type": "cpu", "entry_service": "shop",
        "graph_edges": [["shop", "orders-db"]], "target": {"node": "shop", "metric": "latency", "timestamp": 1672531600}}"#
        .to_vec()
}

/// Gzip without compression: a header, one stored block, a tail that nobody needs to believe.
fn packed(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend_from_slice(&text[..usize::from(length)]);
    bytes.extend([0; 8]);
    bytes
}

impl Import {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    fn place(&self) -> PathBuf {
        self.folder.path().join("orders-db_cpu").join("1")
    }
}

impl Target for Import {
    fn generate(&self, seed: &mut Seed) -> Vec<Input> {
        let mut table = if seed.one_in(4) { table() } else { mutate(seed, &table(), &WORDS) };
        let name = if seed.one_in(3) { PACKED } else { TABLE };
        if name == PACKED {
            table = packed(&table);
            if seed.one_in(2) {
                table = mutate(seed, &table, &WORDS);
            }
        }
        let mut inputs = vec![Input::new(name, table)];
        if seed.one_in(2) {
            let text = if seed.one_in(4) { case() } else { mutate(seed, &case(), &WORDS) };
            inputs.push(Input::new(CASE, text));
        } else {
            let text = if seed.one_in(2) { b"1672531500".to_vec() } else { mutate(seed, b"1672531500", &WORDS) };
            inputs.push(Input::new(TIME, text));
        }
        inputs
    }

    fn run(&mut self, inputs: &[Input]) -> Result<(), String> {
        let (root, place) = (self.folder.path().to_owned(), self.place());
        let fail = |error: io::Error| error.to_string();
        // Left over from the case before; missing at the first.
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).map_err(fail)?;
        for input in inputs {
            fs::write(place.join(&input.name), &input.bytes).map_err(fail)?;
        }
        for case in cases(&place).map_err(|error| error.to_string())? {
            let Ok(imported) = import(&root, &case) else { continue };
            // What was taken is a bundle that reads as it was written, with a truth that holds.
            let bundle = root.join("bundle");
            lagdoctor_bundle::write(&bundle, &imported.signals, &imported.meta).map_err(|error| error.to_string())?;
            imported.truth.write(&bundle).map_err(|error| error.to_string())?;
            let again = lagdoctor_bundle::read(&bundle).map_err(|error| error.to_string())?;
            let (series, nodes) = (again.signals.series.len(), again.signals.topology.len());
            if (series, nodes) != (imported.signals.series.len(), imported.signals.topology.len()) {
                return Err(format!("{series} series and {nodes} nodes are left of what was imported"));
            }
            lagdoctor_bundle::Truth::read(&bundle).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}
