//! A diagnosis for programs. The types here are the promise: `schema/diagnosis.schema.json` describes them, fields are
//! only added. What a run happened to take (time, versions) stands in `envelope`, apart from the body, so that the same
//! diagnosis always has the same body, byte for byte, and one hash. Start at [`json`].

use lagdoctor_model::{Basis, Cause, Diagnosis, Evidence, GapCause, Millis, Outlook, Verdict, Vocabulary};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::links::Links;

/// Version of the promise; grows when a field is added.
const SCHEMA: u32 = 1;

/// A plugin that had a say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PluginUse {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Its job, such as `scorer`.
    pub world: String,
    /// SHA-256 of the component, in hex.
    pub sha256: String,
}

/// What belongs to a run and not to the diagnosis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// How long collecting and diagnosing took.
    pub took: Millis,
    /// The cluster that was asked about; empty for none.
    pub cluster: String,
    /// Plugins that had a say, in any order.
    pub plugins: Vec<PluginUse>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    body: &'a Body,
    envelope: EnvelopeJson<'a>,
}

#[derive(Serialize)]
struct EnvelopeJson<'a> {
    took_ms: i64,
    lagdoctor: &'static str,
    cluster: Option<&'a str>,
    body_sha256: String,
    plugins: Vec<&'a PluginUse>,
}

/// The promised fields. Order of fields is order in the output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Body {
    schema: u32,
    verdict: Verdict,
    headline: String,
    window: WindowJson,
    symptom: Option<SymptomJson>,
    impact: ImpactJson,
    time_to_data_loss_ms: Option<i64>,
    causes: Vec<CauseJson>,
    unconnected: Vec<UnconnectedJson>,
    ruled_out: Vec<RuledOutJson>,
    gaps: Vec<GapJson>,
    needs: Vec<NeedJson>,
    forecast: Option<ForecastJson>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct WindowJson {
    start_ms: i64,
    now_ms: i64,
    step_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct SymptomJson {
    node: String,
    kind: String,
    signal: String,
    statement: String,
    onset_ms: i64,
    observed: Option<f64>,
    expected: Option<f64>,
    unit: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ImpactJson {
    backlog: Option<u64>,
    time_lag_ms: Option<i64>,
    growth_per_s: Option<f64>,
    partitions_lagging: Option<usize>,
    partitions: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct CauseJson {
    node: String,
    kind: String,
    class: Option<String>,
    words: String,
    confidence: f64,
    confidence_basis: Basis,
    owner: Option<String>,
    path: Vec<String>,
    because: String,
    evidence: Vec<EvidenceJson>,
    actions: Vec<ActionJson>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct EvidenceJson {
    signal: String,
    node: String,
    statement: String,
    observed: Option<f64>,
    expected: Option<f64>,
    unit: String,
    onset_ms: Option<i64>,
    age_ms: Option<i64>,
    query: Option<String>,
    url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ActionJson {
    say: String,
    command: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct UnconnectedJson {
    node: String,
    class: Option<String>,
    statement: String,
    onset_ms: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct RuledOutJson {
    node: String,
    class: Option<String>,
    because: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct GapJson {
    source: String,
    cause: GapCause,
    node: Option<String>,
    statement: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct NeedJson {
    node: String,
    signals: Vec<String>,
    statement: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ForecastJson {
    by: String,
    outlook: Outlook,
    at_ms: Option<i64>,
    statement: String,
}

/// The whole document, indented, ending in a line feed.
pub fn json(diagnosis: &Diagnosis, links: &Links, envelope: &Envelope) -> String {
    let body = body(diagnosis, links);
    let mut plugins: Vec<_> = envelope.plugins.iter().collect();
    plugins.sort();
    let document = Document {
        body: &body,
        envelope: EnvelopeJson {
            took_ms: envelope.took.as_millis(),
            lagdoctor: env!("CARGO_PKG_VERSION"),
            cluster: Some(envelope.cluster.as_str()).filter(|cluster| !cluster.is_empty()),
            body_sha256: body.sha256(),
            plugins,
        },
    };
    pretty(&document)
}

/// What is promised, apart from the run that made it.
pub fn body(diagnosis: &Diagnosis, links: &Links) -> Body {
    let window = &diagnosis.window;
    let impact = &diagnosis.impact;
    Body {
        schema: SCHEMA,
        verdict: diagnosis.verdict,
        headline: diagnosis.headline.clone(),
        window: WindowJson {
            start_ms: window.start.as_millis(),
            now_ms: window.now.as_millis(),
            step_ms: window.step.as_millis(),
        },
        symptom: diagnosis.symptom.as_ref().map(|symptom| SymptomJson {
            node: symptom.node.to_string(),
            kind: symptom.node.kind().into(),
            signal: symptom.signal.to_string(),
            statement: symptom.statement.clone(),
            onset_ms: symptom.onset.as_millis(),
            observed: finite(symptom.observed),
            expected: finite(symptom.expected),
            unit: Vocabulary::bundled().signal(symptom.signal.as_str()).map_or(String::new(), |spec| spec.unit.clone()),
        }),
        impact: ImpactJson {
            backlog: impact.backlog,
            time_lag_ms: impact.time_lag.map(Millis::as_millis),
            growth_per_s: impact.growth_per_s.and_then(finite),
            partitions_lagging: impact.partitions.map(|(lagging, _)| lagging),
            partitions: impact.partitions.map(|(_, all)| all),
        },
        time_to_data_loss_ms: diagnosis.time_to_data_loss.map(Millis::as_millis),
        causes: diagnosis.causes.iter().map(|cause| self::cause(cause, diagnosis, links)).collect(),
        unconnected: diagnosis
            .unconnected
            .iter()
            .map(|known| UnconnectedJson {
                node: known.node.to_string(),
                class: known.class.as_ref().map(ToString::to_string),
                statement: known.statement.clone(),
                onset_ms: known.onset.map(|onset| onset.as_millis()),
            })
            .collect(),
        ruled_out: diagnosis
            .ruled_out
            .iter()
            .map(|out| RuledOutJson {
                node: out.node.to_string(),
                class: out.class.as_ref().map(ToString::to_string),
                because: out.because.clone(),
            })
            .collect(),
        gaps: diagnosis.gaps.iter().map(GapJson::of).collect(),
        needs: diagnosis
            .needs
            .iter()
            .map(|need| NeedJson {
                node: need.node.to_string(),
                signals: need.signals.iter().map(ToString::to_string).collect(),
                statement: need.statement.clone(),
            })
            .collect(),
        forecast: diagnosis.forecast.as_ref().map(|forecast| ForecastJson {
            by: forecast.by.clone(),
            outlook: forecast.outlook,
            at_ms: forecast.at.map(|at| at.as_millis()),
            statement: forecast.statement.clone(),
        }),
    }
}

impl Body {
    /// The body alone, without white space: the bytes that are hashed.
    pub fn bytes(&self) -> Vec<u8> {
        // No map with foreign keys and no way to fail in these types, so an error is not to be had.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// SHA-256 of [`Body::bytes`], in hex.
    pub fn sha256(&self) -> String {
        Sha256::digest(self.bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl GapJson {
    pub(super) fn of(gap: &lagdoctor_model::Gap) -> Self {
        Self {
            source: gap.source.clone(),
            cause: gap.cause,
            node: gap.node.as_ref().map(ToString::to_string),
            statement: gap.statement.clone(),
        }
    }

    /// Whether something could not be asked at all.
    pub(super) fn is_blinding(&self) -> bool {
        matches!(self.cause, GapCause::Unreachable | GapCause::PluginFailed)
    }

    /// Source and statement.
    pub(super) fn parts(&self) -> (&str, &str) {
        (&self.source, &self.statement)
    }
}

fn cause(cause: &Cause, diagnosis: &Diagnosis, links: &Links) -> CauseJson {
    CauseJson {
        node: cause.node.to_string(),
        kind: cause.node.kind().into(),
        class: cause.class.as_ref().map(ToString::to_string),
        words: cause.words.clone(),
        confidence: cause.confidence.get(),
        confidence_basis: cause.basis,
        owner: cause.owner.clone(),
        path: cause.path.iter().map(ToString::to_string).collect(),
        because: cause.because.clone(),
        evidence: cause.evidence.iter().map(|evidence| self::evidence(evidence, diagnosis, links)).collect(),
        actions: cause
            .actions
            .iter()
            .map(|action| ActionJson { say: action.say.clone(), command: action.command.clone() })
            .collect(),
    }
}

fn evidence(evidence: &Evidence, diagnosis: &Diagnosis, links: &Links) -> EvidenceJson {
    EvidenceJson {
        signal: evidence.signal.to_string(),
        node: evidence.node.to_string(),
        statement: evidence.statement.clone(),
        observed: evidence.observed.and_then(finite),
        expected: evidence.expected.and_then(finite),
        unit: evidence.unit.clone(),
        onset_ms: evidence.onset.map(|onset| onset.as_millis()),
        age_ms: evidence.age.map(Millis::as_millis),
        query: evidence.query.clone(),
        url: links.url(evidence, &diagnosis.window),
    }
}

/// JSON has no NaN.
pub(super) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

pub(super) fn pretty<T: Serialize>(document: &T) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn envelope(took: u32) -> Envelope {
        let plugin = |name: &str| PluginUse {
            name: name.into(),
            version: "0.1.0".into(),
            world: "scorer".into(),
            sha256: "00".repeat(32),
        };
        Envelope { took: Millis::seconds(took), cluster: "shop".into(), plugins: vec![plugin("b"), plugin("a")] }
    }

    #[test]
    fn the_document_keeps_what_is_promised() {
        insta::assert_snapshot!(
            json(&samples::cause(), &Links::none(), &envelope(2)).replace(env!("CARGO_PKG_VERSION"), "VERSION")
        );
    }

    #[test]
    fn the_time_that_a_run_took_does_not_change_its_hash() {
        let hash = |took| {
            let told = json(&samples::cause(), &Links::none(), &envelope(took));
            let told: serde_json::Value = serde_json::from_str(&told).unwrap();
            told["envelope"]["body_sha256"].as_str().unwrap().to_owned()
        };
        assert_eq!(hash(1), hash(2));
        assert_eq!(hash(1), body(&samples::cause(), &Links::none()).sha256());
        assert_ne!(hash(1), body(&samples::insufficient(), &Links::none()).sha256());
    }

    #[test]
    fn a_missing_number_is_null() {
        let mut diagnosis = samples::cause();
        diagnosis.causes[0].evidence[0].observed = Some(f64::NAN);
        let told: serde_json::Value = serde_json::from_str(&json(&diagnosis, &Links::none(), &envelope(1))).unwrap();
        assert!(told["causes"][0]["evidence"][0]["observed"].is_null());
    }
}
