//! What a collector gave. A collector talks to systems that lie, so one bad series costs that series and not the page:
//! it is left out and named.

use lagdoctor_model::{EdgeKind, Gap, GapCause, NodeId, NodeKind, Sample, Severity, SignalName, Timestamp, Vocabulary};

use crate::bindings::collecting as wit;
use crate::convert::raw::{CollectQuery, CollectedPage, RawEdge, RawEvent, RawLog, RawNode, RawSeries, Temporality};
use crate::convert::{Broken, Reader, attributes};
use crate::grants::Grants;
use crate::text::{clean, clean_lines};

/// Longest token of a next page, in bytes.
const MAX_TOKEN: usize = 4096;
/// Most gaps that a collector may name.
const MAX_GAPS: usize = 100;

pub(crate) fn query(query: &CollectQuery) -> wit::Query {
    wit::Query {
        start_ms: query.start.as_millis(),
        end_ms: query.end.as_millis(),
        step_ms: query.step.as_millis().max(1),
        targets: query.targets.iter().map(ToString::to_string).collect(),
        page: query.page.clone(),
        ext: vec![],
    }
}

/// The page that a collector gave, without what it may not emit. Its gaps are redacted, because they may quote what the
/// source answered; its log lines and events are not yet.
pub(crate) fn page(reader: &mut Reader<'_>, grants: &Grants, given: wit::Page) -> Result<CollectedPage, Broken> {
    let mut redactor = grants.redactor();
    if given.next.len() > MAX_TOKEN {
        return Err(Broken(format!("the token for the next page has more than {MAX_TOKEN} bytes")));
    }
    let mut page = CollectedPage { next: Some(given.next).filter(|next| !next.is_empty()), ..Default::default() };
    let mut values_left = reader.limits.output_values;
    for given in reader.cut("series", given.series) {
        page.series.extend(series(reader, grants, given, &mut values_left));
    }
    for given in reader.cut("log line", given.logs) {
        let Ok(at) = Timestamp::from_millis(given.at_ms) else {
            reader.note(GapCause::Malformed, "gave a log line whose time is none; it was left out");
            continue;
        };
        if reader.is_future(at, "log lines") {
            continue;
        }
        page.logs.push(RawLog {
            at,
            severity: Severity::from(given.severity),
            message: clean_lines(&given.message, reader.limits.output_log_bytes),
            attributes: attributes(given.attributes),
        });
    }
    for given in reader.cut("event", given.events) {
        let Ok(at) = Timestamp::from_millis(given.at_ms) else {
            reader.note(GapCause::Malformed, "gave an event whose time is none; it was left out");
            continue;
        };
        if reader.is_future(at, "events") {
            continue;
        }
        let (kind, what) = (clean(&given.kind, 64), reader.sentence(&given.what));
        page.events.push(RawEvent { at, kind, what, attributes: attributes(given.attributes) });
    }
    for given in reader.cut("node", given.nodes) {
        let id = NodeKind::new(given.kind.as_str()).and_then(|kind| NodeId::of(&kind, &given.name));
        let known = Vocabulary::bundled().node(&given.kind).is_some();
        match id {
            Ok(id) if known => page.nodes.push(RawNode { id, attributes: attributes(given.attributes) }),
            _ => {
                let kind = Reader::quoted(&given.kind);
                reader.note(
                    GapCause::Malformed,
                    format!("gave a node of kind {kind} that the vocabulary does not allow; it was left out"),
                );
            }
        }
    }
    for given in reader.cut("edge", given.edges) {
        match edge(&given) {
            Some(edge) => page.edges.push(edge),
            None => {
                let kind = Reader::quoted(&given.kind);
                reader.note(
                    GapCause::Malformed,
                    format!("gave an edge of kind {kind} that the vocabulary does not allow; it was left out"),
                );
            }
        }
    }
    // The source of a gap is shown with it, so its statement does not begin with the name once more.
    let own = given.gaps.iter().take(MAX_GAPS).map(|gap| Gap {
        source: reader.plugin.to_owned(),
        cause: gap_cause(&gap.cause),
        node: None,
        statement: redactor.redact(&reader.sentence(&gap.statement)).as_str().to_owned(),
    });
    page.gaps = own.collect();
    Ok(page)
}

/// Why a gap is one, as far as a collector can know. That the host is to blame it cannot say.
fn gap_cause(word: &str) -> GapCause {
    match word {
        "refused" => GapCause::Refused,
        "malformed" => GapCause::Malformed,
        "truncated" => GapCause::Truncated,
        _ => GapCause::Unreachable,
    }
}

fn edge(given: &wit::RawEdge) -> Option<RawEdge> {
    Vocabulary::bundled().edge(&given.kind)?;
    Some(RawEdge {
        dependent: NodeId::new(given.dependent.as_str()).ok()?,
        dependency: NodeId::new(given.dependency.as_str()).ok()?,
        kind: EdgeKind::new(given.kind.as_str()).ok()?,
    })
}

fn series(
    reader: &mut Reader<'_>,
    grants: &Grants,
    given: wit::RawSeries,
    values_left: &mut usize,
) -> Option<RawSeries> {
    let name = Reader::quoted(&given.signal);
    let known = SignalName::new(given.signal.as_str()).ok();
    let Some(signal) = known.filter(|signal| Vocabulary::bundled().signal(signal.as_str()).is_some()) else {
        reader.note(
            GapCause::Malformed,
            format!("gave the signal {name}, which the vocabulary does not know; it was left out"),
        );
        return None;
    };
    if !grants.may_emit(signal.as_str()) {
        let statement = format!(
            "gave the signal {name}, which it is not granted; it was left out; if this plugin is to be believed about \
             it, add `signals {signal}` to its grants"
        );
        reader.note(GapCause::NotGranted, statement);
        return None;
    }
    let temporality = match given.temporality.as_str() {
        "gauge" => Temporality::Gauge,
        "counter" => Temporality::Counter,
        other => {
            let other = Reader::quoted(other);
            reader.note(
                GapCause::Malformed,
                format!("gave {name} as {other}, which is neither gauge nor counter; it was left out"),
            );
            return None;
        }
    };
    if given.times_ms.len() != given.values.len() {
        reader.note(
            GapCause::Malformed,
            format!("gave {name} with unequal numbers of times and values; it was left out"),
        );
        return None;
    }
    if given.values.len() > *values_left {
        reader.note(GapCause::Truncated, format!("gave {name} beyond `output_values`; it was left out"));
        return None;
    }
    match samples(&given) {
        Ok(mut samples) => {
            let future = samples.partition_point(|sample| reader.latest.is_none_or(|latest| sample.at <= latest));
            if let Some(first) = samples.get(future) {
                reader.is_future(first.at, &format!("readings of {name}"));
                samples.truncate(future);
            }
            *values_left -= samples.len();
            let query = Some(reader.sentence(&given.query)).filter(|query| !query.is_empty());
            Some(RawSeries { signal, attributes: attributes(given.attributes), temporality, samples, query })
        }
        Err(why) => {
            reader.note(GapCause::Malformed, format!("gave {name} with {why}; it was left out"));
            None
        }
    }
}

fn samples(given: &wit::RawSeries) -> Result<Vec<Sample>, &'static str> {
    let mut samples: Vec<Sample> = Vec::with_capacity(given.values.len());
    for (ms, value) in given.times_ms.iter().zip(&given.values) {
        let at = Timestamp::from_millis(*ms).map_err(|_| "a time that is none")?;
        if samples.last().is_some_and(|last| last.at >= at) {
            return Err("times that do not increase");
        }
        if value.is_infinite() {
            return Err("a value that is infinite");
        }
        samples.push(Sample { at, value: *value });
    }
    Ok(samples)
}

/// The gap of a page that was not asked for any more.
pub(crate) fn more_pages(plugin: &str, pages: usize) -> Gap {
    let statement = format!(
        "plugin `{plugin}` has more than {pages} pages for this window, and the rest was not read; narrow the window or \
         widen the step"
    );
    Gap { source: plugin.to_owned(), cause: GapCause::Truncated, node: None, statement }
}

#[cfg(test)]
mod tests;
