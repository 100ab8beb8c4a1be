//! Has the contract changed since it was published? Both texts are printed without comments in one form, taken apart into
//! what can be named, and compared: what was there must be there as it was, and what is new must be such that a component
//! built before does not notice. The museum's pieces show the same on real components; this says which line it is.

use std::collections::BTreeMap;

use lagdoctor_model::{SignalKind, SignalSpec, Vocabulary};
use serde::Deserialize;
use wit_component::WitPrinter;
use wit_parser::Resolve;

use crate::catalogue::Hall;

/// What differs between the contract of today and that which was published.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Difference {
    /// What breaks components that have been built.
    pub(crate) broken: Vec<String>,
    /// What does not.
    pub(crate) added: Vec<String>,
}

/// `interface types: record finding` and what stands there.
type Items = BTreeMap<String, String>;

/// What differs between the contract of today and that of this hall.
pub(crate) fn since(hall: &Hall) -> Difference {
    let published = hall.contract(".wit").unwrap_or_else(|why| panic!("{why}"));
    let published: Vec<&str> = published.iter().map(String::as_str).collect();
    compare(&items(&published), &items(&[lagdoctor_wit::TYPES, lagdoctor_wit::WORLDS]))
}

fn items(files: &[&str]) -> Items {
    let package = files.iter().flat_map(|file| file.lines()).find(|line| line.starts_with("package ")).unwrap_or("");
    let others = files.iter().flat_map(|file| file.lines()).filter(|line| !line.starts_with("package "));
    // A comment in front of the package line has nothing to stand on once there is one package line for both files.
    let text: Vec<&str> =
        std::iter::once(package).chain(others.filter(|line| !line.trim().starts_with("///"))).collect();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("contract.wit", &text.join("\n")).unwrap_or_else(|error| panic!("{error:#}"));
    let mut printer = WitPrinter::default();
    printer.emit_docs(false).print(&resolve, package, &[]).expect("what can be parsed can be printed");
    named(&printer.output.to_string())
}

/// The items of a text as the printer gives it: one line for each field, function, import or export.
fn named(text: &str) -> Items {
    let mut items = Items::new();
    let (mut outer, mut inner) = (String::new(), String::new());
    for line in text.lines().map(str::trim) {
        match line {
            "}" if inner.is_empty() => outer.clear(),
            "}" => inner.clear(),
            "" => {}
            line if line.starts_with("use ") => {}
            line if line.ends_with('{') && outer.is_empty() => {
                outer = line.trim_end_matches([' ', '{']).to_owned();
                items.insert(outer.clone(), String::new());
            }
            line if line.ends_with('{') => {
                inner = format!("{outer}: {}", line.trim_end_matches([' ', '{']));
                items.insert(inner.clone(), String::new());
            }
            line if !inner.is_empty() => {
                let body = items.entry(inner.clone()).or_default();
                *body = format!("{body} {line}").trim().to_owned();
            }
            line if outer.starts_with("world") => {
                items.insert(format!("{outer}: {line}"), String::new());
            }
            line => {
                let name = line.split([':', '=']).next().unwrap_or(line).trim();
                let place = if outer.is_empty() { line.to_owned() } else { format!("{outer}: {name}") };
                items.insert(place, line.to_owned());
            }
        }
    }
    items
}

fn compare(published: &Items, today: &Items) -> Difference {
    let mut difference = Difference::default();
    for (name, before) in published {
        match today.get(name) {
            Some(now) if now == before => {}
            Some(now) => difference.broken.push(format!("`{name}` was `{before}` and is `{now}`")),
            None => difference.broken.push(format!("`{name}` is gone, or called something else")),
        }
    }
    // An interface that a world exported has functions that each guest must have.
    let exported = |name: &str| {
        let interface = name.strip_prefix("interface ").and_then(|rest| rest.split(':').next());
        interface.is_some_and(|interface| {
            published.keys().any(|item| item.starts_with("world ") && item.ends_with(&format!(": export {interface};")))
        })
    };
    for (name, now) in today.iter().filter(|(name, _)| !published.contains_key(*name)) {
        let old_world = |kind: &str| {
            name.split_once(kind).is_some_and(|(world, _)| published.contains_key(world.trim_end_matches(": ")))
        };
        let is_function = now.contains("func(");
        if name.starts_with("world ") && old_world("export ") {
            difference.broken.push(format!("`{name}` is new, and no guest that was built before has it"));
        } else if is_function && exported(name) {
            difference.broken.push(format!("`{name}` is new in an interface that guests export, and none has it"));
        } else {
            difference.added.push(name.clone());
        }
    }
    difference
}

/// `words.toml`: the vocabulary as it was published.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    /// Unit, kind of reading and kind of node of each signal.
    signals: BTreeMap<String, String>,
    words: BTreeMap<String, Vec<String>>,
}

fn kind(signal: &SignalSpec) -> &'static str {
    match signal.kind {
        SignalKind::Gauge => "gauge",
        SignalKind::Rate => "rate",
    }
}

/// Words that are gone since, or mean something else.
pub(crate) fn lost_words(hall: &Hall) -> Vec<String> {
    let text = hall.contract("words.toml").unwrap_or_else(|why| panic!("{why}")).concat();
    let published: Words = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let today = Vocabulary::bundled();
    let meaning =
        |name: &str| today.signal(name).map(|signal| format!("{} {} {}", signal.unit, kind(signal), signal.node));
    let mut lost = Vec::new();
    for (name, was) in &published.signals {
        match meaning(name) {
            Some(is) if is == *was => {}
            Some(is) => lost.push(format!("signal `{name}` was `{was}` and is `{is}`")),
            None => lost.push(format!("signal `{name}` is gone")),
        }
    }
    for (list, words) in &published.words {
        let knows = |word: &str| match list.as_str() {
            "classes" => today.class(word).is_some(),
            "edges" => today.edge(word).is_some(),
            "nodes" => today.node(word).is_some(),
            other => panic!("words.toml has a list `{other}` that nobody compares"),
        };
        lost.extend(words.iter().filter(|word| !knows(word)).map(|word| format!("`{word}` of {list} is gone")));
    }
    lost
}

mod tests {
    use super::*;

    /// What is said of the contract of today when this part of it is replaced.
    fn check(from: &str, to: &str, broken: &[&str], added: &[&str]) {
        let (types, worlds) = (lagdoctor_wit::TYPES.replacen(from, to, 1), lagdoctor_wit::WORLDS.replacen(from, to, 1));
        assert!(types != lagdoctor_wit::TYPES || worlds != lagdoctor_wit::WORLDS, "there is no `{from}`");
        let before = items(&[lagdoctor_wit::TYPES, lagdoctor_wit::WORLDS]);
        let found = compare(&before, &items(&[&types, &worlds]));
        assert_eq!(found.added, added, "{to}");
        assert_eq!(found.broken.len(), broken.len(), "{to}: {found:?}");
        for (said, part) in found.broken.iter().zip(broken) {
            assert!(said.contains(part), "{to}: {said}");
        }
    }

    #[test]
    fn all_that_is_promised_is_looked_at() {
        let items = items(&[lagdoctor_wit::TYPES, lagdoctor_wit::WORLDS]);
        for name in [
            "interface types: record finding",
            "interface types: type pair",
            "interface http: fetch",
            "interface scoring: score",
            "world notifier: import http;",
            "world scorer: export scoring;",
        ] {
            assert!(items.contains_key(name), "{name} is not in {:?}", items.keys());
        }
        assert!(items["interface types: record finding"].contains("log-line: option<u32>"));
    }

    #[test]
    fn a_type_or_function_that_is_not_as_it_was_breaks_components() {
        let receipt = "        reference: string,\n";
        check(receipt, &format!("{receipt}        more: u32,\n"), &["record receipt"], &[]);
        check(receipt, "", &["record receipt"], &[]);
        check("status: u16", "status: u32", &["record response"], &[]);
        check("now-ms: func()", "now-s: func()", &["interface clock: now-ms"], &["interface clock: now-s"]);
        check("forecast: func(batch: batch, ", "forecast: func(now: s64, batch: batch, ", &["func(now: s64"], &[]);
        check("type pair = tuple<string, string>", "type pair = tuple<string, u32>", &["type pair"], &[]);
        check("@0.1.0", "@0.1.1", &["package lagdoctor:plugin@0.1.0"], &["package lagdoctor:plugin@0.1.1;"]);
    }

    #[test]
    fn an_export_that_guests_do_not_have_breaks_them() {
        let describe = "    describe: func() -> manifest;\n";
        check(describe, &format!("{describe}    probe: func() -> u32;\n"), &["interface lifecycle: probe"], &[]);
        check(
            "    export scoring;\n",
            "    export scoring;\n    export ranking;\n",
            &["world scorer: export ranking;"],
            &[],
        );
    }

    #[test]
    fn what_guests_need_not_know_may_be_added() {
        let clock = "interface clock {\n";
        check(clock, &format!("{clock}    zone: func() -> string;\n"), &[], &["interface clock: zone"]);
        check(
            "world scorer {\n    import log;\n",
            "world scorer {\n    import log;\n    import clock;\n",
            &[],
            &["world scorer: import clock;"],
        );
        let optional = format!("interface hints {{\n    hint: func() -> string;\n}}\n\n{clock}");
        check(clock, &optional, &[], &["interface hints", "interface hints: hint"]);
        check("/// The one clock", "/// The only clock", &[], &[]);
    }
}
