//! `topology.json`: nodes and edges, each for itself.

use lagdoctor_model::{Edge, Labels, Node, Topology, TopologyError, Vocabulary};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::repair;
use crate::trouble::{Place, Trouble, Troubles};

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    nodes: Vec<Value>,
    #[serde(default)]
    edges: Vec<Value>,
}

/// Adds what the file lists. Says whether it could be read at all.
pub(super) fn read(bytes: &[u8], is_cut: bool, topology: &mut Topology, troubles: &mut Troubles) -> bool {
    let text = String::from_utf8_lossy(bytes);
    if matches!(text, std::borrow::Cow::Owned(_)) {
        let line = bytes.utf8_chunks().next().map_or(1, |chunk| 1 + chunk.valid().matches('\n').count());
        troubles.add(Trouble::NotUtf8, Place::Line(line));
    }
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('[') {
        troubles.add_about(Trouble::WrongShape, Place::File, "a list, not an object");
        return false;
    }
    let raw = match serde_json::from_str::<Raw>(text) {
        Ok(raw) => raw,
        Err(error) => {
            let trouble = match (is_cut, error.is_eof(), error.is_data()) {
                (true, ..) => Trouble::TooMany,
                (_, true, _) => Trouble::CutShort,
                (_, _, true) => Trouble::WrongShape,
                _ => Trouble::NotJson,
            };
            troubles.add_about(trouble, Place::Line(error.line()), &repair::reason(&error));
            let rest = repair::closed_after_entry(text).filter(|_| error.is_eof());
            let Some(raw) = rest.and_then(|text| serde_json::from_str(&text).ok()) else { return false };
            raw
        }
    };
    for (place, entry) in raw.nodes.into_iter().enumerate() {
        let place = Place::Node(place + 1);
        object(entry, place, troubles).into_iter().for_each(|node| add_node(node, place, topology, troubles));
    }
    for (place, entry) in raw.edges.into_iter().enumerate() {
        let place = Place::Edge(place + 1);
        object(entry, place, troubles).into_iter().for_each(|edge| add_edge(edge, place, topology, troubles));
    }
    true
}

#[derive(Deserialize)]
struct RawNode {
    id: lagdoctor_model::NodeId,
    #[serde(default)]
    labels: serde_json::Map<String, Value>,
}

/// Longer texts are no labels; as for plugins.
const MAX_NAME_BYTES: usize = 256;
const MAX_VALUE_BYTES: usize = 4096;

/// An entry with named fields. A list would be taken for the fields in their order, which nobody means.
fn object<T: DeserializeOwned>(entry: Value, place: Place, troubles: &mut Troubles) -> Option<T> {
    if !entry.is_object() {
        troubles.add_about(Trouble::WrongShape, place, "not an object");
        return None;
    }
    serde_json::from_value(entry)
        .map_err(|error| troubles.add_about(Trouble::WrongShape, place, &error.to_string()))
        .ok()
}

fn add_node(raw: RawNode, place: Place, topology: &mut Topology, troubles: &mut Troubles) {
    if Vocabulary::bundled().node(raw.id.kind()).is_none() {
        return troubles.add_about(Trouble::UnknownKind, place, raw.id.as_str());
    }
    let mut labels = Labels::new();
    for (name, value) in raw.labels {
        let value = plain(value);
        let fits = |text: &str, most| text.len() <= most && !text.contains(char::is_control);
        match value.filter(|value| fits(value, MAX_VALUE_BYTES) && fits(&name, MAX_NAME_BYTES)) {
            Some(value) => drop(labels.insert(name, value)),
            None => troubles.add_about(Trouble::WrongShape, place, &format!("label `{name}`")),
        }
    }
    topology.add_node(Node { id: raw.id, labels });
}

/// A text, a number or a truth value as text.
pub(super) fn plain(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn add_edge(edge: Edge, place: Place, topology: &mut Topology, troubles: &mut Troubles) {
    if Vocabulary::bundled().edge(edge.kind.as_str()).is_none() {
        return troubles.add_about(Trouble::UnknownKind, place, edge.kind.as_str());
    }
    match topology.add_edge(edge) {
        Ok(()) => {}
        Err(TopologyError::UnknownNode { missing, .. }) => {
            troubles.add_about(Trouble::UnknownNode, place, missing.as_str());
        }
        Err(TopologyError::SelfLoop { node, .. }) => troubles.add_about(Trouble::SelfLoop, place, node.as_str()),
    }
}
