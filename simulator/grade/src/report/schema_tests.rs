//! The promise of the JSON: what is printed follows the committed schema, every printed field is documented, and no
//! promised field ever goes or changes its type.

#[path = "../../../../host/service/schema/promise.rs"]
mod promise;

use lagdoctor_sim::Blur;
use serde_json::Value;

use super::tests::{recorded, scorecard};
use crate::paired::Comparison;
use crate::robust::Curve;

const SCHEMA: &str = include_str!("../../schema/evaluate.schema.json");

fn printed() -> Value {
    let (mut scorecard, other) = (scorecard(), scorecard());
    let mut curve = Curve::new(Blur::Gaps, other.runs());
    curve.add(0.3, other.runs(), other.runs());
    scorecard.note_curves(vec![curve]);
    let comparison = Comparison::of(other.runs(), scorecard.runs());
    let incidents = recorded();
    let same = Comparison::of(incidents.runs(), incidents.runs());
    let text = super::json::json(&scorecard, Some(&comparison), Some((&incidents, Some(&same))));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn what_is_printed_follows_its_schema_and_is_documented() {
    promise::follows(SCHEMA, &printed());
}

#[test]
fn a_document_without_a_promised_field_is_refused() {
    promise::needs(SCHEMA, printed(), "families");
}

#[test]
fn what_was_promised_once_is_still_promised() {
    promise::is_kept(SCHEMA, include_str!("../../schema/evaluate.promised"));
}
