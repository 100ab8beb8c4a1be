//! Warnings and errors of a shape never seen before. The shape of a line is what is left without numbers, identifiers
//! and redacted parts, so that a thousand lines about a thousand records are one.

use std::collections::{BTreeMap, BTreeSet};

use lagdoctor_sdk::{Finding, LogRef, ramp};

use crate::finder::Finder;
use crate::{Config, Span, WARN};

/// Letters of a shape that count; stack traces differ in their tails.
const LETTERS: usize = 160;
/// Letters of a shape that are shown.
const SHOWN: usize = 90;
/// What a new shape says: something is new, not what.
const NEW: f64 = 0.4;
/// New shapes that are told for each node at most, those with most lines first.
const TOLD: usize = 2;

/// A line without what changes from one to the next.
pub(crate) fn shape(message: &str) -> String {
    let mut shape = String::new();
    let mut inside_token = false;
    let mut in_number = false;
    for letter in message.chars() {
        if shape.len() >= LETTERS {
            break;
        }
        match letter {
            '<' => {
                inside_token = true;
                shape.push('*');
            }
            '>' => inside_token = false,
            _ if inside_token => {}
            _ if letter.is_ascii_digit() => {
                if !in_number {
                    shape.push('#');
                }
                in_number = true;
                continue;
            }
            _ => shape.push(letter),
        }
        in_number = false;
    }
    shape
}

/// The new shapes of each node.
pub(crate) fn findings(config: &Config, lines: &[LogRef<'_>], span: &Span, finder: &mut Finder) -> Vec<Finding> {
    let telling = |line: &&LogRef<'_>| line.severity >= WARN;
    // A shape that any node has written before is not new: instances of one service share their shapes.
    let known: BTreeSet<String> =
        lines.iter().filter(telling).filter(|line| span.is_past(line.at_ms)).map(|line| shape(line.message)).collect();
    let mut fresh: BTreeMap<(u32, String), (LogRef<'_>, usize)> = BTreeMap::new();
    for line in lines.iter().filter(telling).filter(|line| !span.is_past(line.at_ms)) {
        // What is known by name is told by name.
        if finder.find(line.message).is_some() {
            continue;
        }
        let shape = shape(line.message);
        if !known.contains(&shape) {
            fresh.entry((line.node.handle, shape)).or_insert((*line, 0)).1 += 1;
        }
    }
    let enough = fresh.into_iter().filter(|(_, (_, count))| *count as f64 >= config.new_lines);
    let mut fresh: Vec<((u32, String), (LogRef<'_>, usize))> = enough.collect();
    fresh.sort_by(|((a, _), (_, more)), ((b, _), (_, than))| (a, than).cmp(&(b, more)));
    let mut told: BTreeMap<u32, usize> = BTreeMap::new();
    fresh.retain(|((node, _), _)| {
        let told = told.entry(*node).or_default();
        *told += 1;
        *told <= TOLD
    });
    fresh.iter().map(|((_, shape), (first, count))| finding(config, shape, first, *count)).collect()
}

fn finding(config: &Config, shape: &str, first: &LogRef<'_>, count: usize) -> Finding {
    let shown: String = shape.chars().take(SHOWN).collect();
    let enough = 0.5 + 0.5 * ramp(count as f64, config.new_lines, config.new_lines * 5.0);
    Finding::on(first.node, "log")
        .score(NEW * enough)
        .magnitude(count as f64)
        .since(Some(first.at_ms))
        .log_line(first.handle)
        .saw(count as f64, 0.0)
        .says(format!("{count} lines of a shape not seen before: {shown}"))
}
