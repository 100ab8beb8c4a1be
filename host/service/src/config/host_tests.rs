//! Facts about `[host]` and `limits`.

use std::path::Path;

use lagdoctor_runtime::{Limit, Limits, Pool, Unit};

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("lagdoctor.toml"), text).map_err(|error| error.to_string())
}

/// The lines of the example from this heading to the next, without the `#` before settings.
fn shown(heading: &str) -> String {
    let lines = EXAMPLE.lines().skip_while(|line| *line != heading);
    let lines = lines.take_while(|line| *line == heading || !line.starts_with('['));
    let is_key = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let is_setting = |line: &&str| line.split_once(" = ").is_some_and(|(key, _)| is_key(key));
    lines.map(|line| line.strip_prefix("# ").filter(is_setting).unwrap_or(line).to_owned() + "\n").collect()
}

/// A value of this limit, as a configuration has it, that is not the default, and the same in its unit.
fn another(limit: &Limit) -> (String, u64) {
    match limit.unit {
        Unit::Millis => ("\"7s\"".to_owned(), 7000),
        Unit::Bytes if limit.key.ends_with("_mib") => ("7".to_owned(), 7 << 20),
        Unit::Bytes if limit.key.ends_with("_kib") => ("7".to_owned(), 7 << 10),
        Unit::Bytes | Unit::Count => ("7".to_owned(), 7),
    }
}

#[test]
fn each_limit_can_be_set_for_one_plugin_and_for_all_and_changes_nothing_else() {
    let defaults = Limits::default().table();
    for (place, limit) in defaults.iter().enumerate() {
        let (text, value) = another(limit);
        let mut expected = defaults.clone();
        expected[place].value = value;
        let config = parse(&format!("[[plugin]]\nname = \"x\"\nlimits = {{ {} = {text} }}\n", limit.key)).unwrap();
        assert_eq!(config.plugin[0].limits.over(&Limits::default()).table(), expected, "{}", limit.key);
        let config = parse(&format!("[host.limits]\n{} = {text}\n", limit.key)).unwrap();
        assert_eq!(config.host.limits().table(), expected, "{}", limit.key);
    }
}

#[test]
fn the_example_shows_each_limit_with_its_default() {
    let text = shown("[host.limits]");
    for Limit { key, .. } in Limits::default().table() {
        assert!(text.lines().any(|line| line.starts_with(&format!("{key} = "))), "{key} in {text}");
    }
    assert_eq!(parse(&text).unwrap().host.limits(), Limits::default());
}

#[test]
fn the_example_shows_the_defaults_of_the_host() {
    let host = parse(&shown("[host]")).unwrap().host;
    assert_eq!(host.pool([]), Pool::default());
    assert!(host.concurrent_calls.is_some() && host.stack_kib.is_some() && host.cache_mib.is_some());
}

#[test]
fn there_is_room_for_the_plugin_that_wants_most_and_the_others_get_no_more_for_it() {
    let config = parse(
        "[[plugin]]\nname = \"a\"\nlimits = { memory_mib = 300 }\n[[plugin]]\nname = \"b\"\nlimits = { tables = 40 }\n",
    )
    .unwrap();
    let pool = config.host.pool(config.plugin.iter().map(|plugin| &plugin.limits));
    assert_eq!((pool.memory_bytes, pool.tables), (300 << 20, 40));
    assert_eq!(config.plugin[1].limits.over(&config.host.limits()).memory_bytes, Limits::default().memory_bytes);
}

#[test]
fn limits_under_which_nothing_could_run_are_refused_with_the_field() {
    insta::assert_snapshot!(parse("[[plugin]]\nname = \"x\"\nlimits = { fuel = 0 }\n").unwrap_err(), @"lagdoctor.toml: [[plugin]] number 1, line 1: `fuel` must be more than nothing");
    insta::assert_snapshot!(parse("[host]\nconcurrent_calls = 0\n").unwrap_err(), @"lagdoctor.toml: [host]: `concurrent_calls` must be at least 1");
    insta::assert_snapshot!(parse("[host]\nstack_kib = 3\n").unwrap_err(), @"lagdoctor.toml: [host]: `stack_kib` must be at least 64");
    insta::assert_snapshot!(parse("[host.limits]\ntimeout = \"0s\"\n").unwrap_err(), @"lagdoctor.toml: [host]: `timeout` must be more than nothing");
}
