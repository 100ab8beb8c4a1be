//! The format as authors meet it: what `use` gives, what is refused, and in which words.

use std::error::Error as _;

use super::*;

const SMALL: &str = r#"
schema = 1
id = "small"
family = "load.burst"
split = "heldout"
seed = 12
duration = "30m"
warmup = "5m"
use = ["topo/orders.toml"]

[history]
days = 2
step = "5m"

[[fault]]
id = "f1"
kind = "load.burst"
target = "checkout-api"
at = { uniform = ["8m", "9m"] }
ramp = "30s"
hold = "8m"
shape = "pulse(60s, 0.5)"
severity = { choice = [0.3, 0.9] }
[[fault]]
id = "f2"
kind = "consumer.slow-code"
target = { choice = ["fulfilment-0", "fulfilment-1"] }
role = "benign"
after = "f1"
offset = "-3m"
severity = 0.1
params = { how = "wait" }

[truth]
incident = true
roots = [{ node = "checkout-api", component = "load", class = "load.burst", accept = ["orders", "load.replay"] }]
triggers = ["orders-db"]
decoys = ["service:fulfilment"]
path = ["checkout-api", "orders", "group:fulfilment"]

[impact]
sli = "backlog:fulfilment"
min = 1000
for = "2m"

[expect]
detect_within = "3m"
root_rank_max = 3
not_blamed = ["service:fulfilment"]
max_false_alarms = 0
min_pass_rate = 0.8
seeds = 20
"#;

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(text, Scenario::builtin_use)
}

/// The error, with its cause, has all these parts.
fn refused(text: &str, parts: &[&str]) {
    let error = parse(text).unwrap_err();
    let said = format!("{error} {}", error.source().map(ToString::to_string).unwrap_or_default());
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
}

/// `SMALL` with one piece of its text replaced.
fn changed(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    SMALL.replacen(from, to, 1)
}

#[test]
fn a_scenario_written_out_without_use_is_the_same_scenario() {
    let check = |name: &str, text: &str| {
        let whole = merge::read(name, text, &Scenario::builtin_use, &[]).unwrap();
        let written = toml::to_string(&whole).unwrap();
        let again = Scenario::parse(&written, |_| None).unwrap();
        assert_eq!(format!("{again:?}"), format!("{:?}", parse(text).unwrap()), "{name}");
    };
    for (name, text) in BUILTIN {
        check(name, text);
    }
    check("small", SMALL);
}

#[test]
fn what_is_written_is_what_is_read() {
    let read = parse(SMALL).unwrap();
    assert_eq!((read.id(), read.family(), read.is_held_out(), read.seed), ("small", "load.burst", true, 12));
    assert_eq!((read.duration().as_millis(), read.warmup().as_millis()), (1_800_000, 300_000));
    assert_eq!(read.history(), Some((2, 300.0)));
    assert_eq!(read.nodes.len(), Scenario::builtin("quiet").unwrap().nodes.len(), "all nodes come from the topology");
    assert_eq!(read.expect().detect_within_s, Some(180.0));
    assert_eq!(read.expect().not_blamed, ["service:fulfilment"]);
    let [burst, slow] = &read.faults[..] else { panic!("{:?}", read.faults) };
    assert_eq!(burst.at, Some(Number::Uniform { low: 480.0, high: 540.0 }));
    assert_eq!((burst.severity.clone(), burst.role), (Number::Choice(vec![0.3, 0.9]), Role::Cause));
    assert_eq!((slow.after.as_deref(), slow.offset.clone()), (Some("f1"), Number::Fixed(-180.0)));
    assert_eq!((slow.role, slow.hold.clone()), (Role::Benign, Number::Fixed(86_400.0)));
    assert_eq!(read.without_faults().faults.len(), 1, "what is benign is in both halves of a pair");
}

#[test]
fn unknown_keys_are_refused_by_name() {
    refused(&changed("[truth]\n", "[truth]\ncolour = \"blue\"\n"), &["colour", "incident"]);
    refused(&changed("seed = 12", "sede = 12"), &["sede"]);
    refused(&changed("ramp =", "rampp ="), &["rampp"]);
    refused(&changed("how =", "hwo ="), &["fault `f2`", "`hwo`", "there are how"]);
    refused(&changed("for =", "during ="), &["during"]);
    let node = "[[node]]\nid = \"orders\"\nparititons = 3\n[[fault]]\nid = \"f1\"";
    refused(&changed("[[fault]]\nid = \"f1\"", node), &["node `orders`", "paritit"]);
    refused(&changed("{ uniform = [\"8m\", \"9m\"] }", "{ uniform = [1, 2], p50 = 3 }"), &["`p50`"]);
}

#[test]
fn what_cannot_be_is_refused_with_what_would_be_right() {
    refused(&changed("schema = 1", "schema = 2"), &["`schema` is 2", "reads 1"]);
    refused(&changed("\"heldout\"", "\"hidden\""), &["`split` is `hidden`", "public and heldout"]);
    refused(&changed("\"30m\"", "\"30 parsecs\""), &["30 parsecs"]);
    refused(&changed("warmup = \"5m\"", "warmup = \"5h\""), &["`warmup` is longer"]);
    refused(
        &changed("target = \"checkout-api\"", "target = \"orders-db\""),
        &["`orders-db` cannot have it", "producer"],
    );
    refused(&changed("\"load.burst\"\ntarget", "\"load.brust\"\ntarget"), &["`load.brust` is no kind of fault"]);
    refused(&changed("after = \"f1\"", "after = \"f3\""), &["`f3`, which is no fault above it"]);
    refused(&changed("backlog:fulfilment", "backlog:billing"), &["backlog:billing", "GROUP"]);
    refused(&changed("\"load.replay\"]", "\"load.replay\", \"1\"]"), &["at most two"]);
    refused(&changed("days = 2", "days = 400"), &["history", "`days` lies outside 1 to 60"]);
    refused("schema = ", &["is no TOML"]);
}

#[test]
fn a_scenario_may_stand_on_a_built_in_one() {
    let text = |own: &str| {
        format!("schema = 1\nid = \"t\"\nfamily = \"t\"\nduration = \"20m\"\nuse = [\"slow-consumer\"]\n{own}")
    };
    let [one, other] = ["", "[[fault]]\nid = \"f1\"\nseverity = 0.5\n"].map(|own| parse(&text(own)).unwrap());
    assert_eq!(one.faults[0].kind, "consumer.slow-code");
    assert_eq!(one.faults[0].severity, Number::Uniform { low: 0.4, high: 0.9 });
    assert_eq!(other.faults[0].severity, Number::Fixed(0.5), "the scenario's own word wins");
    assert_eq!((other.id(), other.nodes.len()), ("t", parse(SMALL).unwrap().nodes.len()));
    refused(&text("").replace("slow-consumer", "slow-producer"), &["`slow-producer`, which cannot be found"]);
}

#[test]
fn files_that_use_each_other_in_a_circle_are_refused() {
    let check = |files: &[(&str, &str)], circle: &str| {
        let resolve = |name: &str| {
            files.iter().find(|(known, _)| *known == name).map(|(_, used)| format!("use = [\"{used}\"]\n"))
        };
        let error = Scenario::parse("use = [\"a.toml\"]", resolve).unwrap_err().to_string();
        assert!(error.contains("goes in a circle") && error.contains(circle), "{error}");
    };
    check(&[("a.toml", "a.toml")], "`a.toml` uses `a.toml`");
    check(&[("a.toml", "b.toml"), ("b.toml", "c.toml"), ("c.toml", "b.toml")], "`b.toml` uses `c.toml` uses `b.toml`");
    // Twice the same file is no circle.
    let twice = changed("\"topo/orders.toml\"]", "\"topo/orders.toml\", \"quiet\"]");
    assert_eq!(parse(&twice).unwrap().nodes.len(), parse(SMALL).unwrap().nodes.len());
}

#[test]
fn every_scenario_says_in_a_sentence_what_it_is_about() {
    for name in crate::builtin_names() {
        let about = crate::builtin_about(name);
        assert!(about.len() > 30 && about.ends_with('.'), "{name}: {about:?}");
    }
    assert_eq!(crate::builtin_about("no-such-scenario"), "");
}
