//! From a diagnosis to a record: everything is written down, packed, and freed of secrets, before the database is
//! touched. Start at [`Draft::new`].

use lagdoctor_bundle::Meta;
use lagdoctor_model::{Diagnosis, Millis, NodeId, Signals, Timestamp};
use lagdoctor_runtime::{Bound, Scrubber, Secret};
use serde_json::Value;

use super::path::DecisionPath;
use super::record::{Build, CallRecord, InputRecord, OptionsRecord, PluginRecord, Record};
use super::{AuditError, Digest};
use crate::collect::Reading;
use crate::diagnose::{Options, Trace};
use crate::plugins::Plugins;
use crate::report::{Links, body};

/// Version of what is in a record.
const SCHEMA: u32 = 1;
/// Level of deflate: input is readings as text, and the first levels give most of what there is to have.
const LEVEL: u8 = 3;

/// A diagnosis and all that led to it.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// When.
    pub at: Timestamp,
    /// How long collecting and diagnosing took.
    pub took: Millis,
    /// The cluster that was asked about; empty for none.
    pub cluster: &'a str,
    /// What was diagnosed.
    pub signals: &'a Signals,
    /// How.
    pub options: &'a Options,
    /// How reports link to graphs.
    pub links: &'a Links,
    /// Who read; nobody for a bundle.
    pub collectors: &'a [Bound],
    /// Who judged.
    pub plugins: &'a Plugins,
    /// What came of reading.
    pub readings: &'a [Reading],
    /// What was answered.
    pub diagnosis: &'a Diagnosis,
    /// How that came about.
    pub trace: &'a Trace,
    /// The program that did it.
    pub build: &'a Build,
}

/// A part as the database keeps it.
pub(super) struct Part {
    pub(super) sha256: Digest,
    pub(super) size: usize,
    pub(super) packed: Vec<u8>,
}

impl Part {
    /// Packs these bytes.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let packed = miniz_oxide::deflate::compress_to_vec(bytes, LEVEL);
        Self { sha256: Digest::of(bytes), size: bytes.len(), packed }
    }
}

/// A record that is ready to be added to an audit.
pub struct Draft {
    pub(super) record: Record,
    /// Input, body and decision path.
    pub(super) parts: Vec<Part>,
}

impl Draft {
    /// Writes down this diagnosis. None of `secrets` is in what comes out, in whatever form programs write them.
    ///
    /// # Errors
    /// When secrets cannot be looked for, or the input has a window that could not be read again.
    pub fn new(entry: &Entry<'_>, secrets: &[Secret]) -> Result<Self, AuditError> {
        let scrubber = Scrubber::new(secrets).ok_or(AuditError::Secrets)?;
        let mut blanked = vec![];
        let mut clean = |name: &str, bytes: Vec<u8>| {
            let clean = scrubber.bytes(bytes.clone());
            if clean != bytes && blanked.last().is_none_or(|last| last != name) {
                blanked.push(name.to_owned());
            }
            clean
        };
        let diagnosis = entry.diagnosis;
        let meta = Meta { source: "audit record".to_owned() };
        let input = lagdoctor_bundle::pack(entry.signals, &meta, |file| clean("input", file))?;
        let body = clean("body", body(diagnosis, entry.links).bytes());
        let path = clean("decision path", json(&DecisionPath::of(entry.trace)));
        let [input, body, path] = [input, body, path].map(|bytes| Part::new(&bytes));
        let group = diagnosis.symptom.as_ref().map(|symptom| &symptom.node).and_then(group);
        let judges = entry.plugins.judges();
        let record = Record {
            schema: SCHEMA,
            at_ms: entry.at.as_millis(),
            cluster: entry.cluster.to_owned(),
            group: group.or_else(|| entry.options.group.clone()),
            verdict: diagnosis.verdict,
            headline: diagnosis.headline.clone(),
            took_ms: entry.took.as_millis(),
            build: entry.build.clone(),
            options: OptionsRecord {
                group: entry.options.group.clone(),
                deadline_ms: entry.options.deadline.as_millis(),
                horizon_ms: entry.options.horizon.as_millis(),
            },
            links: entry.links.as_template().map(str::to_owned),
            input: InputRecord {
                sha256: input.sha256,
                bytes: input.size as u64,
                kept: true,
                window: entry.signals.window,
                series: entry.signals.series.len(),
                logs: entry.signals.logs.len(),
                events: entry.signals.events.len(),
                gaps: entry.signals.gaps.iter().cloned().map(Into::into).collect(),
            },
            plugins: entry.collectors.iter().chain(judges).filter_map(PluginRecord::of).collect(),
            readings: entry.readings.to_vec(),
            calls: entry.trace.asked.iter().map(CallRecord::of).collect(),
            body: body.sha256,
            path: path.sha256,
            blanked: vec![],
        };
        let mut record = without(&scrubber, record, &mut blanked);
        record.blanked = blanked;
        Ok(Self { record, parts: vec![input, body, path] })
    }

    /// Leaves the input out when it would take more than a quarter of what the audit may have.
    pub(super) fn input_that_fits(&self, most: u64) -> Option<&Part> {
        self.parts.first().filter(|input| input.packed.len() as u64 <= most / 4)
    }
}

/// The same record without secrets in any of its texts.
fn without(scrubber: &Scrubber, record: Record, blanked: &mut Vec<String>) -> Record {
    let Ok(value) = serde_json::to_value(&record) else { return record };
    let clean = texts(scrubber, value.clone());
    if clean == value {
        return record;
    }
    blanked.push("record".to_owned());
    // Words that a blank would make senseless, such as a verdict, hold no secret: then the record is kept without the
    // parts that an operator or a far side may have written.
    serde_json::from_value(clean).unwrap_or_else(|_| Record {
        headline: String::new(),
        links: None,
        plugins: vec![],
        readings: vec![],
        calls: vec![],
        group: None,
        cluster: String::new(),
        input: InputRecord { gaps: vec![], ..record.input },
        options: OptionsRecord { group: None, ..record.options },
        ..record
    })
}

fn texts(scrubber: &Scrubber, value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(scrubber.text(text)),
        Value::Array(list) => list.into_iter().map(|value| texts(scrubber, value)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (scrubber.text(name), texts(scrubber, value))).collect()
        }
        other => other,
    }
}

fn group(node: &NodeId) -> Option<String> {
    Some(node.as_str().strip_prefix("group:")?.to_owned())
}

/// As JSON in one line.
pub(super) fn json(value: &impl serde::Serialize) -> Vec<u8> {
    // No map with foreign keys and no way to fail in the types of a record, so an error is not to be had.
    serde_json::to_vec(value).unwrap_or_default()
}
