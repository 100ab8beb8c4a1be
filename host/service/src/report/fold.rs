//! The same remark about many nodes is one line. Twelve consumers that are all fine, or six pages that were all cut, must
//! not push what matters off the screen; the JSON has every one of them. Start at [`ruled_out`] and [`gaps`].

use lagdoctor_model::{Class, Diagnosis, Need, Unconnected, Vocabulary};

/// How many names are written out before "and 9 more".
const NAMES: usize = 4;

/// What is unusual where no way is known.
pub(super) fn unconnected(diagnosis: &Diagnosis) -> Vec<String> {
    let line = |known: &Unconnected| {
        let class = known.class.as_ref().map(|class| format!(" ({})", words(class))).unwrap_or_default();
        let since = known.onset.map(|onset| format!(", since {}", onset.clock())).unwrap_or_default();
        format!("{}{class}{since}: {}", known.node.words(), known.statement)
    };
    diagnosis.unconnected.iter().map(line).collect()
}

fn words(class: &Class) -> &str {
    Vocabulary::bundled().class(class.as_str()).map_or(class.as_str(), |spec| spec.words.as_str())
}

/// What was set aside, folded.
pub(super) fn ruled_out(diagnosis: &Diagnosis) -> Vec<String> {
    let mut folded: Vec<(String, Vec<&str>, String)> = vec![];
    let mut keys = vec![];
    for out in &diagnosis.ruled_out {
        let class = out.class.as_ref().map(|class| format!(" ({})", words(class))).unwrap_or_default();
        let kind = if out.node.kind() == "jvm" { "JVM" } else { out.node.kind() };
        let key = (kind, class.clone(), shape(&out.because));
        match keys.iter().position(|known| *known == key) {
            Some(place) => folded[place].1.push(out.node.name()),
            None => {
                keys.push(key);
                folded.push((kind.to_owned(), vec![out.node.name()], format!("{class}: {}", out.because)));
            }
        }
    }
    let line = |(kind, mut names, rest): (String, Vec<&str>, String)| {
        names.sort_unstable();
        names.dedup();
        let more = names.len().saturating_sub(NAMES);
        let shown = names[..names.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{kind} {shown}{more}{rest}")
    };
    folded.into_iter().map(line).collect()
}

/// What could not be seen, as source and statement, folded.
pub(super) fn gaps<'a>(gaps: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut folded: Vec<((&str, String), &str, usize)> = vec![];
    for (source, statement) in gaps {
        let key = (source, shape(statement));
        match folded.iter_mut().find(|(known, ..)| *known == key) {
            Some((_, _, count)) => *count += 1,
            None => folded.push((key, statement, 1)),
        }
    }
    let line = |((source, _), statement, count): ((&str, String), &str, usize)| {
        // Some sources begin with their own name.
        let statement = statement.strip_prefix(source).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(statement);
        let more = if count > 1 { format!(" (and {} more like it)", count - 1) } else { String::new() };
        format!("{source}: {statement}{more}")
    };
    folded.into_iter().map(line).collect()
}

/// What would settle it, without saying node and signals twice.
pub(super) fn need(need: &Need) -> String {
    let statement = &need.statement;
    let node = need.node.words();
    let node = if statement.contains(&node) { String::new() } else { format!("{node}: ") };
    let unsaid = need.signals.iter().map(|signal| signal.as_str()).filter(|signal| !statement.contains(*signal));
    let unsaid: Vec<_> = unsaid.collect();
    let signals = if unsaid.is_empty() { String::new() } else { format!(" ({})", unsaid.join(", ")) };
    format!("{node}{statement}{signals}")
}

/// A text without its numbers: two texts of one shape say the same of different things.
fn shape(text: &str) -> String {
    let mut shape = String::with_capacity(text.len());
    for c in text.chars() {
        let is_number = c.is_ascii_digit() || (matches!(c, '.' | ',') && shape.ends_with('#'));
        match (is_number, shape.ends_with('#')) {
            (true, true) => {}
            (true, false) => shape.push('#'),
            (false, _) => shape.push(c),
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use lagdoctor_model::RuledOut;

    use super::*;
    use crate::report::samples;

    #[test]
    fn many_nodes_of_which_the_same_is_said_are_one_line() {
        let mut diagnosis = samples::cause();
        let out = |node: String, class: &str, because: String| RuledOut {
            node: samples::node(&node),
            class: Some(Class::new(class).unwrap()),
            because,
        };
        let jvm = |number: u32| {
            out(format!("jvm:fulfilment-{number}"), "jvm.gc-full", format!("0.{number} % of its time, as before"))
        };
        diagnosis.ruled_out = (0..6).map(jvm).collect();
        diagnosis.ruled_out.push(out("jvm:fulfilment-0".into(), "jvm.heap-leak", "the live set is flat".into()));
        assert_eq!(
            ruled_out(&diagnosis),
            [
                "JVM fulfilment-0, fulfilment-1, fulfilment-2, fulfilment-3 and 2 more (full garbage collections stop the \
                 process for seconds): 0.0 % of its time, as before",
                "JVM fulfilment-0 (the heap leaks): the live set is flat",
            ]
        );
    }

    #[test]
    fn gaps_of_one_shape_are_one_line_without_stammering() {
        let told = [
            ("logs", "logs: 2,023 lines of the 600 s from 07:35:14 UTC were not read"),
            ("logs", "logs: 17 lines of the 600 s from 07:45:14 UTC were not read"),
            ("kafka shop", "17 lines of the 600 s from 07:45:14 UTC were not read"),
        ];
        assert_eq!(
            gaps(told.into_iter()),
            [
                "logs: 2,023 lines of the 600 s from 07:35:14 UTC were not read (and 1 more like it)",
                "kafka shop: 17 lines of the 600 s from 07:45:14 UTC were not read",
            ]
        );
    }

    #[test]
    fn a_need_says_node_and_signal_once() {
        let mut told = samples::insufficient().needs.remove(0);
        told.statement = "whether database orders-db answers: `db.server.up` is missing".into();
        assert_eq!(
            need(&told),
            "whether database orders-db answers: `db.server.up` is missing (db.server.statement.duration)"
        );
    }
}
