//! Findings, symptoms and rankings, in both directions.

use lagdoctor_model::{
    Class, Dismissal, Finding, GapCause, RankedCause, Ranking, Score, SeriesKey, SignalName, Symptom, Timestamp,
    Vocabulary,
};

use crate::bindings::types as wit;
use crate::convert::batch::{Batch, handle};
use crate::convert::{Broken, Reader, maybe, or_nan};
use crate::grants::SignalPattern;

/// Most handles in one list of a cause or a dismissal.
const MAX_HANDLES: usize = 1000;

/// What a scorer gave.
pub(crate) fn findings(
    reader: &mut Reader<'_>,
    batch: &Batch,
    given: Vec<wit::Finding>,
) -> Result<Vec<Finding>, Broken> {
    let mut findings = Vec::with_capacity(given.len());
    for (place, given) in reader.cut("finding", given).into_iter().enumerate() {
        if let Some(finding) = finding(reader, batch, place, given)? {
            findings.push(finding);
        }
    }
    Ok(findings)
}

fn finding(
    reader: &mut Reader<'_>,
    batch: &Batch,
    place: usize,
    given: wit::Finding,
) -> Result<Option<Finding>, Broken> {
    let broken = |what: &str| Broken(format!("finding {place} {what}"));
    let node =
        batch.index.nodes.get(given.node as usize).ok_or_else(|| broken("is about a node that does not exist"))?;
    let score = Score::new(given.score).map_err(|_| broken("has a score that is no finite number"))?;
    if !given.magnitude.is_finite() {
        return Err(broken("has a magnitude that is no finite number"));
    }
    if given.observed.is_infinite() || given.expected.is_infinite() {
        return Err(broken("has a value that is infinite"));
    }
    let series = match given.series {
        None => None,
        Some(handle) => match batch.series.keys.get(handle as usize) {
            Some(key) => Some(SeriesKey::clone(key)),
            None => return Err(broken("rests on a series that does not exist")),
        },
    };
    let log_line = match given.log_line {
        None => None,
        Some(handle) => match batch.index.logs.get(handle as usize) {
            Some(place) => Some(*place),
            None => return Err(broken("rests on a log line that does not exist")),
        },
    };
    let may_name = |name: &str| {
        let listed = |listed: &[String]| listed.iter().any(|pattern| SignalPattern::covers(pattern, name));
        let known = Vocabulary::bundled().signal(name).is_some() && reader.signals.is_none_or(listed);
        known || matches!(name, "log" | "event")
    };
    let signal = match SignalName::new(given.signal.as_str()) {
        Ok(signal) if may_name(signal.as_str()) => signal,
        Ok(signal) if Vocabulary::bundled().signal(signal.as_str()).is_some() => {
            let statement =
                format!("names the signal `{signal}`, which its manifest does not list; the finding was left out");
            reader.note(GapCause::NotGranted, statement);
            return Ok(None);
        }
        _ => {
            let signal = Reader::quoted(&given.signal);
            reader.note(
                GapCause::Malformed,
                format!("names the signal {signal}, which the vocabulary does not know; the finding was left out"),
            );
            return Ok(None);
        }
    };
    Ok(Some(Finding {
        by: reader.plugin.to_owned(),
        node: node.clone(),
        signal,
        score,
        magnitude: given.magnitude,
        onset: onset(reader, batch, time(given.onset_ms).map_err(|_| broken("began at a time that is none"))?),
        class: class(reader, &given.class),
        observed: maybe(given.observed),
        expected: maybe(given.expected),
        series,
        log_line,
        statement: reader.sentence(&given.statement),
    }))
}

fn time(ms: Option<i64>) -> Result<Option<Timestamp>, lagdoctor_model::InvalidTime> {
    ms.map(Timestamp::from_millis).transpose()
}

/// When it began, as far as the plugin can know: whoever claims to have seen the beginning of all things would be blamed,
/// or believed, before all others.
fn onset(reader: &mut Reader<'_>, batch: &Batch, claimed: Option<Timestamp>) -> Option<Timestamp> {
    let wit = &batch.wit;
    let earliest = wit.history.iter().map(|series| series.start_ms).fold(wit.start_ms, i64::min);
    let seen = claimed.filter(|at| (earliest..=wit.now_ms).contains(&at.as_millis()));
    if seen != claimed {
        let statement = "says that something began at a time that it was not shown; the time was ignored";
        reader.note(GapCause::Malformed, statement);
    }
    seen
}

/// The class of this slug. One that is unknown, or that the plugin did not say it would name, is noted and dropped: the
/// finding stands without it.
fn class(reader: &mut Reader<'_>, slug: &str) -> Option<Class> {
    if slug.is_empty() {
        return None;
    }
    let known = Class::new(slug).ok().filter(|class| Vocabulary::bundled().class(class.as_str()).is_some());
    let listed = reader.classes.is_none_or(|classes| classes.iter().any(|listed| listed == slug));
    if known.is_some() && listed {
        return known;
    }
    let why = if known.is_none() { "the vocabulary does not know" } else { "its manifest does not list" };
    let slug = Reader::quoted(slug);
    reader.note(GapCause::Malformed, format!("names the class {slug}, which {why}; it was ignored"));
    None
}

/// Findings for a ranker, and for each its place in the list that they came from: those about nodes outside the batch
/// have no handle and are left out.
pub(crate) fn for_ranker(batch: &Batch, findings: &[Finding]) -> (Vec<wit::Finding>, Vec<usize>) {
    let mut given = Vec::with_capacity(findings.len());
    let mut places = Vec::with_capacity(findings.len());
    for (place, finding) in findings.iter().enumerate() {
        let Some(node) = batch.index.node_handles.get(&finding.node) else { continue };
        let log_line = finding.log_line.and_then(|line| batch.index.logs.binary_search(&line).ok()).map(handle);
        given.push(wit::Finding {
            node: *node,
            signal: finding.signal.to_string(),
            score: finding.score.get(),
            magnitude: finding.magnitude,
            onset_ms: finding.onset.map(Timestamp::as_millis),
            class: finding.class.as_ref().map(ToString::to_string).unwrap_or_default(),
            observed: or_nan(finding.observed),
            expected: or_nan(finding.expected),
            series: finding.series.as_ref().and_then(|key| batch.series.of.get(key)).copied(),
            log_line,
            statement: finding.statement.clone(),
            ext: vec![],
        });
        places.push(place);
    }
    (given, places)
}

/// The symptom for a ranker; `None` when its node is outside the batch.
pub(crate) fn symptom(batch: &Batch, symptom: &Symptom) -> Option<wit::Symptom> {
    Some(wit::Symptom {
        node: *batch.index.node_handles.get(&symptom.node)?,
        signal: symptom.signal.to_string(),
        onset_ms: symptom.onset.as_millis(),
        observed: or_nan(Some(symptom.observed)),
        expected: or_nan(Some(symptom.expected)),
        ext: vec![],
    })
}

/// What a ranker gave. `places` is what [`for_ranker`] said.
pub(crate) fn ranking(
    reader: &mut Reader<'_>,
    batch: &Batch,
    places: &[usize],
    given: wit::Ranking,
) -> Result<Ranking, Broken> {
    let node = |what: &str, handle: u32| {
        let node = batch.index.nodes.get(handle as usize);
        node.cloned().ok_or_else(|| Broken(format!("{what} names a node that does not exist")))
    };
    let evidence = |what: &str, handles: Vec<u32>| {
        let place = |handle: u32| places.get(handle as usize).copied();
        let places: Option<Vec<_>> = handles.into_iter().take(MAX_HANDLES).map(place).collect();
        places.ok_or_else(|| Broken(format!("{what} rests on a finding that does not exist")))
    };
    let mut ranking = Ranking::default();
    for (place, given) in reader.cut("cause", given.causes).into_iter().enumerate() {
        let what = format!("cause {place}");
        let confidence = Score::new(given.confidence);
        ranking.causes.push(RankedCause {
            node: node(&what, given.node)?,
            class: class(reader, &given.class),
            confidence: confidence.map_err(|_| Broken(format!("{what} has a confidence that is no finite number")))?,
            path: given
                .path
                .into_iter()
                .take(MAX_HANDLES)
                .map(|handle| node(&what, handle))
                .collect::<Result<_, _>>()?,
            findings: evidence(&what, given.findings)?,
            because: reader.sentence(&given.because),
        });
    }
    for (place, given) in reader.cut("dismissal", given.dismissed).into_iter().enumerate() {
        let what = format!("dismissal {place}");
        ranking.dismissed.push(Dismissal {
            node: node(&what, given.node)?,
            class: class(reader, &given.class),
            findings: evidence(&what, given.findings)?,
            because: reader.sentence(&given.because),
        });
    }
    Ok(ranking)
}

#[cfg(test)]
mod tests;
