//! Bundles: a folder of files that somebody sent along with a question.

use std::fs;
use std::io;

use lagdoctor_bundle::Meta;
use lagdoctor_model::{
    Edge, Event, Labels, LogLine, Millis, Node, NodeId, Redactor, Sample, Series, SeriesKey, Severity, SignalName,
    Signals, Timestamp, Topology, Window,
};
use tempfile::TempDir;

use super::{Input, Target};
use crate::Seed;
use crate::mutate::mutate;

const WORDS: [&[u8]; 14] = [
    b"NaN",
    b"-1",
    b"1e309",
    b"9223372036854775808",
    b"null",
    b"\"\"",
    b"\xff",
    b"\n",
    b"[",
    b"{",
    b"../../etc/passwd",
    b"\"at\":",
    b"group:x",
    b"\0",
];

pub(super) struct Bundle {
    folder: TempDir,
    /// The files of a bundle as it should be.
    good: Vec<Input>,
}

fn at(seconds: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::seconds(seconds)
}

fn signals() -> Option<Signals> {
    let node = |id: &str| NodeId::new(id).ok();
    let (group, database) = (node("group:orders")?, node("database:orders-db")?);
    let mut topology = Topology::new();
    topology.add_node(Node::new(group.clone()));
    topology.connect(Edge::new(group.clone(), "calls", database.clone()).ok()?);
    let samples = (0..40).map(|step| Sample { at: at(step * 15), value: f64::from(step) }).collect();
    let key = SeriesKey {
        node: group.clone(),
        signal: SignalName::new("kafka.consumer_group.lag").ok()?,
        labels: Labels::new(),
    };
    let mut redactor = Redactor::new([]);
    let line =
        |second, text| LogLine { at: at(second), node: database.clone(), severity: Severity::WARN, message: text };
    let logs = vec![line(10, redactor.redact("slow statement of user=alice")), line(20, redactor.redact("done"))];
    let events = vec![Event { at: at(5), node: group, kind: "deploy".into(), what: redactor.redact("version 2") }];
    let window = Window { start: at(0), now: at(600), step: Millis::seconds(15) };
    Some(Signals { topology, series: vec![Series::new(key, samples).ok()?], logs, events, ..Signals::empty(window) })
}

impl Bundle {
    pub(super) fn new() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let signals = signals().ok_or_else(|| io::Error::other("the bundle to begin with is wrong"))?;
        let good = folder.path().join("good");
        lagdoctor_bundle::write(&good, &signals, &Meta { source: "fuzz".into() }).map_err(io::Error::other)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(&good)? {
            let path = entry?.path();
            if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                files.push(Input::new(name, fs::read(&path)?));
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { folder, good: files })
    }
}

impl Target for Bundle {
    fn generate(&self, seed: &mut Seed) -> Vec<Input> {
        let mut files = self.good.clone();
        let hit = seed.below(files.len());
        for (place, file) in files.iter_mut().enumerate() {
            if place == hit || seed.one_in(4) {
                file.bytes = mutate(seed, &file.bytes, &WORDS);
            }
        }
        if seed.one_in(10) {
            files.remove(hit);
        }
        files
    }

    fn run(&mut self, inputs: &[Input]) -> Result<(), String> {
        let folder = self.folder.path().join("case");
        let fail = |error: io::Error| error.to_string();
        // Left over from the case before; missing at the first.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).map_err(fail)?;
        for input in inputs {
            fs::write(folder.join(&input.name), &input.bytes).map_err(fail)?;
        }
        if let Ok(recorded) = lagdoctor_bundle::read(&folder) {
            // What was read keeps the promises of the model: it can be thought about and written again.
            let mut signals = recorded.signals;
            lagdoctor_service::derive::derive(&mut signals);
            let again = self.folder.path().join("again");
            let _ = fs::remove_dir_all(&again);
            let meta = Meta { source: "fuzz".into() };
            lagdoctor_bundle::write(&again, &signals.normalised(), &meta).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}
