//! What is wrong with a bundle costs only itself, and is named.

mod common;

use common::{EVENTS, Folder, HEADER, LOGS, SERIES, TOPOLOGY};
use lagdoctor_bundle::{Recorded, read};
use lagdoctor_model::{Gap, GapCause};

/// Reads a bundle with one file replaced, and states all its gaps.
fn check(file: &str, content: impl AsRef<[u8]>, gaps: &[&str]) -> Recorded {
    let recorded = Folder::with(&[(file, Some(content.as_ref()))]).read();
    assert_eq!(statements(&recorded), gaps);
    recorded
}

fn statements(recorded: &Recorded) -> Vec<&str> {
    recorded.signals.gaps.iter().map(|gap: &Gap| gap.statement.as_str()).collect()
}

fn check_refused(header: Option<&str>, error: &str) {
    let folder = Folder::with(&[("bundle.toml", header.map(str::as_bytes))]);
    let message = read(folder.path()).unwrap_err().to_string();
    assert_eq!(message.replace(&folder.path().display().to_string(), "DIR"), error);
}

/// Values of the first series, with the missing ones as -1.
fn values(recorded: &Recorded) -> Vec<f64> {
    let series = &recorded.signals.series[0];
    series.samples().iter().map(|sample| if sample.value.is_nan() { -1.0 } else { sample.value }).collect()
}

fn backlog(rest: &str) -> String {
    format!("{{\"node\":\"group:g\",\"signal\":\"kafka.consumer_group.backlog\",{rest}}}\n")
}

#[test]
fn a_whole_bundle_has_no_gaps() {
    let recorded = Folder::with(&[]).read();
    assert_eq!(statements(&recorded), [""; 0]);
    let signals = &recorded.signals;
    assert_eq!((signals.topology.len(), signals.series.len(), signals.logs.len(), signals.events.len()), (2, 2, 2, 1));
    assert_eq!(values(&recorded), [1.0, 2.0, -1.0, 4.0]);
    assert_eq!(signals.logs[1].severity.level(), "error");
    assert_eq!(recorded.meta.source, "by hand");
}

#[test]
fn a_folder_without_its_header_is_no_bundle() {
    check_refused(
        None,
        "`DIR` is no bundle: it has no bundle.toml; give a folder that `lagdoctor record` or `lagdoctor simulate --out` \
         wrote, or write one as FORMAT.md says",
    );
    let missing = read(std::path::Path::new("/no/such/folder")).unwrap_err().to_string();
    assert_eq!(missing, "there is no folder `/no/such/folder`; give the folder of a bundle");
}

#[test]
fn another_version_is_refused_before_anything_else_is_looked_at() {
    check_refused(
        Some("schema = 2\nwindow = \"quite another idea\""),
        "bundle `DIR` has schema 2, and this lagdoctor reads schema 1; read it with a newer lagdoctor",
    );
    check_refused(
        Some("schema = \"one\""),
        "bundle `DIR` has schema \"one\", and this lagdoctor reads schema 1; write `schema = 1` if it is of that format",
    );
    check_refused(
        Some("source = \"x\""),
        "bundle `DIR` has no `schema`, and this lagdoctor reads schema 1; write `schema = 1` if it is of that format",
    );
}

#[test]
fn a_header_without_a_usable_window_is_refused() {
    let check = |window: &str, why: &str| {
        let error = format!("the `[window]` of `DIR/bundle.toml` is no window: {why}; write Unix milliseconds");
        check_refused(Some(&format!("schema = 1\n{window}")), &error);
    };
    check("", "there is none");
    check("[window]\nstart_ms=0\nnow_ms=60000\nstep_ms=0", "`step_ms` is 0");
    check("[window]\nstart_ms=0\nnow_ms=60000000000\nstep_ms=1", "it has 60000000001 steps, and 200000 is the most");
    check(
        "[window]\nstart_ms=60000\nnow_ms=0\nstep_ms=1",
        "`now_ms` (1970-01-01T00:00:00.000Z) lies before `start_ms` (1970-01-01T00:01:00.000Z)",
    );
    check_refused(
        Some("schema = 1\n[window]\nstart_ms=0"),
        "cannot make sense of `DIR/bundle.toml`; fix what is named below, FORMAT.md shows how it should look",
    );
}

#[test]
fn a_missing_file_costs_what_it_would_have_told() {
    let check = |file: &str, gap: &str| {
        let recorded = Folder::with(&[(file, None)]).read();
        assert_eq!(statements(&recorded), [gap]);
        assert_eq!(recorded.signals.gaps[0].cause, GapCause::NotConfigured);
        recorded
    };
    let recorded = check("topology.json", "topology.json: it is not there; nothing is known of what it would tell");
    assert_eq!(recorded.signals.topology.len(), 2, "the nodes that are told about are there");
    assert_eq!(recorded.signals.series.len(), 2);
    check("series.ndjson", "series.ndjson: it is not there; nothing is known of what it would tell");
    check("logs.ndjson", "logs.ndjson: it is not there; nothing is known of what it would tell");
    check("events.ndjson", "events.ndjson: it is not there; nothing is known of what it would tell");
}

#[test]
fn a_folder_in_place_of_a_file_is_named() {
    let folder = Folder::with(&[("logs.ndjson", None)]);
    std::fs::create_dir(folder.beside("logs.ndjson")).unwrap();
    let expected = "logs.ndjson: it cannot be read; nothing is known of what it would tell; check its rights";
    assert_eq!(statements(&folder.read()), [expected]);
}

#[test]
fn a_file_cut_short_keeps_its_whole_lines() {
    let cut = &SERIES[..SERIES.len() - 30];
    let recorded = check(
        "series.ndjson",
        cut,
        &[
            "series.ndjson line 2: the file ends in the middle (EOF while parsing a string); the rest is missing; copy the bundle again",
        ],
    );
    assert_eq!(recorded.signals.series.len(), 1);
}

#[test]
fn a_topology_cut_short_keeps_its_whole_entries() {
    let cut = &TOPOLOGY[..TOPOLOGY.find("},\n").unwrap() + 30];
    let recorded = check(
        "topology.json",
        cut,
        &[
            "events.ndjson line 1: a node that is not in topology.json (service:s); left out; add the node",
            "logs.ndjson line 1 and 1 more entry: a node that is not in topology.json (service:s); left out; add the node",
            "topology.json line 3: the file ends in the middle (EOF while parsing a string); the rest is missing; copy the bundle again",
        ],
    );
    assert_eq!(recorded.signals.topology.len(), 1);
    assert_eq!(recorded.signals.series.len(), 2);
}

#[test]
fn a_value_that_is_no_finite_number_is_missing_and_costs_only_itself() {
    let recorded = check(
        "series.ndjson",
        backlog(r#""start_ms":0,"step_ms":10000,"values":[1,NaN,-Infinity,1e999,5]"#)
            + r#"{"node":"group:g","signal":"kafka.consumer_group.members","times_ms":[0,1,2,3],"values":["2","NaN",[1],{"a":1}]}"#,
        &["series.ndjson line 1 and 6 more values: no finite number; taken as missing; write null for a missing value"],
    );
    assert_eq!(values(&recorded), [1.0, -1.0, -1.0, -1.0, 5.0]);
}

#[test]
fn a_node_that_the_topology_does_not_list_is_left_out() {
    let recorded = check(
        "series.ndjson",
        SERIES.replace(
            "\"group:g\",\"signal\":\"kafka.consumer_group.members\"",
            "\"group:other\",\"signal\":\"kafka.consumer_group.members\"",
        ),
        &["series.ndjson line 2: a node that is not in topology.json (group:other); left out; add the node"],
    );
    assert_eq!(recorded.signals.series.len(), 1);
}

#[test]
fn an_edge_to_a_node_that_is_not_there_is_left_out() {
    let recorded = check(
        "topology.json",
        TOPOLOGY.replace("\"dependency\":\"service:s\"", "\"dependency\":\"service:gone\""),
        &["topology.json edge 1: a node that is not in topology.json (service:gone); left out; add the node"],
    );
    assert_eq!(recorded.signals.topology.edges().count(), 0);
}

#[test]
fn kinds_that_the_vocabulary_does_not_know_are_left_out() {
    check(
        "topology.json",
        TOPOLOGY
            .replace("worked-by", "admires")
            .replace("{\"id\":\"group:g\"}", "{\"id\":\"group:g\"},{\"id\":\"gremlin:g\"}"),
        &[
            "topology.json node 2 and 1 more entry: a kind that the vocabulary does not know (gremlin:g); left out; see nodes.toml",
        ],
    );
}

#[test]
fn an_edge_from_a_node_to_itself_is_left_out() {
    check(
        "topology.json",
        TOPOLOGY.replace("\"dependency\":\"service:s\"", "\"dependency\":\"group:g\""),
        &["topology.json edge 1: it joins a node to itself (group:g); left out"],
    );
}

#[test]
fn an_entry_of_the_topology_of_another_shape_costs_only_itself() {
    let recorded = check(
        "topology.json",
        TOPOLOGY.replace("{\"id\":\"group:g\"}", "7,{\"id\":\"group:g\"}"),
        &["topology.json node 1: not as the schema has it (not an object); left out; see FORMAT.md"],
    );
    assert_eq!(recorded.signals.topology.len(), 2);
}

#[test]
fn a_signal_that_the_vocabulary_does_not_know_is_left_out() {
    check(
        "series.ndjson",
        SERIES.replace("kafka.consumer_group.members", "moon.phase"),
        &["series.ndjson line 2: a signal that the vocabulary does not know (moon.phase); left out; see signals.toml"],
    );
}

#[test]
fn values_in_another_unit_are_not_taken_for_what_they_are_not() {
    check(
        "series.ndjson",
        SERIES.replace("{member}", "ms"),
        &[
            "series.ndjson line 2: not in the unit of the vocabulary (kafka.consumer_group.members in `ms`, not `{member}`); left out; convert the values",
        ],
    );
}

#[test]
fn a_label_that_the_signal_does_not_have_is_dropped_with_what_it_may_hold() {
    let recorded = check(
        "series.ndjson",
        backlog(r#""labels":{"customer":"eve"},"times_ms":[0],"values":[1]"#),
        &["series.ndjson line 1: a label that its signal does not have (customer); dropped; see signals.toml"],
    );
    assert!(recorded.signals.series[0].labels().is_empty());
}

#[test]
fn bytes_that_are_no_utf_8_are_shown_as_such() {
    let recorded = check(
        "logs.ndjson",
        [b"{\"time_ms\":1,\"node\":\"service:s\",\"message\":\"caf\xe9 slow\"}\n", LOGS.as_bytes()].concat(),
        &["logs.ndjson line 1: not UTF-8; what cannot be read is shown as `\u{fffd}`; write UTF-8"],
    );
    assert_eq!(recorded.signals.logs[0].message.as_str(), "caf\u{fffd} slow");
    assert_eq!(recorded.signals.logs.len(), 3);
    check(
        "topology.json",
        [&TOPOLOGY.as_bytes()[..TOPOLOGY.len() - 3], b"], \"note\": \"caf\xe9\"}"].concat(),
        &["topology.json line 6: not UTF-8; what cannot be read is shown as `\u{fffd}`; write UTF-8"],
    );
}

#[test]
fn of_a_log_line_of_ten_megabytes_the_beginning_is_used() {
    let long = format!(
        "{{\"time_ms\":3,\"node\":\"service:s\",\"level\":\"error\",\"message\":\"{}\"}}\n",
        "all work ".repeat(1_200_000)
    );
    let recorded =
        check("logs.ndjson", long + LOGS, &["logs.ndjson line 1: too long; cut or left out; write shorter lines"]);
    assert_eq!(recorded.signals.logs.len(), 3);
    let message = recorded.signals.logs[0].message.as_str();
    assert!(message.starts_with("all work all") && message.ends_with('…') && message.len() <= 4096);
}

#[test]
fn times_out_of_order_are_put_in_order() {
    let recorded = check(
        "series.ndjson",
        backlog(r#""times_ms":[30000,0,15000],"values":[3,1,2]"#),
        &["series.ndjson line 1: times do not increase; put in order; sort by time"],
    );
    assert_eq!(values(&recorded), [1.0, 2.0, 3.0]);
    let lines: Vec<_> = LOGS.lines().rev().collect();
    let recorded = check(
        "logs.ndjson",
        lines.join("\n"),
        &["logs.ndjson line 2: times do not increase; put in order; sort by time"],
    );
    assert_eq!(recorded.signals.logs[0].message.as_str(), "slow");
}

#[test]
fn of_readings_at_one_time_the_first_is_used() {
    let recorded = check(
        "series.ndjson",
        backlog(r#""times_ms":[0,15000,15000,15000],"values":[1,2,3,4]"#),
        &["series.ndjson line 1 and 1 more value: a time that stands twice in its line; only the first is used"],
    );
    assert_eq!(values(&recorded), [1.0, 2.0]);
}

#[test]
fn what_is_no_time_costs_its_reading_or_its_line() {
    let recorded = check(
        "series.ndjson",
        backlog(r#""times_ms":[0,"noon",15000.0,1.5,1772368496789000000],"values":[1,2,3,4,5]"#),
        &["series.ndjson line 1 and 2 more times: no time in Unix milliseconds; left out; write whole milliseconds"],
    );
    assert_eq!(values(&recorded), [1.0, 3.0]);
    check(
        "series.ndjson",
        backlog(r#""start_ms":0,"step_ms":-1,"values":[1,2]"#),
        &[
            "series.ndjson line 1: no time in Unix milliseconds (`start_ms` or `step_ms`); left out; write whole milliseconds",
        ],
    );
    check(
        "events.ndjson",
        EVENTS.replace("500", "\"today\""),
        &["events.ndjson line 1: no time in Unix milliseconds; left out; write whole milliseconds"],
    );
}

#[test]
fn nothing_later_than_now_reaches_the_diagnosis() {
    let recorded = check(
        "series.ndjson",
        backlog(r#""times_ms":[45000,60000,75000],"values":[1,2,3]"#),
        &["series.ndjson line 1: later than `now_ms`; left out; the window ends there, or a clock is ahead"],
    );
    assert_eq!(values(&recorded), [1.0, 2.0]);
    let recorded = check(
        "logs.ndjson",
        LOGS.replace("2000", "60001"),
        &["logs.ndjson line 2: later than `now_ms` (service:s); left out; the window ends there, or a clock is ahead"],
    );
    assert_eq!(recorded.signals.logs.len(), 1);
}

#[test]
fn a_field_of_another_type_costs_its_line() {
    check(
        "series.ndjson",
        SERIES.replacen("\"kafka.consumer_group.backlog\"", "17", 1),
        &[
            "series.ndjson line 1: not as the schema has it (invalid type: integer `17`, expected a string); left out; see FORMAT.md",
        ],
    );
    check(
        "events.ndjson",
        EVENTS.replace("\"kind\":\"deploy\",", ""),
        &["events.ndjson line 1: not as the schema has it (missing field `kind`); left out; see FORMAT.md"],
    );
    check(
        "events.ndjson",
        EVENTS.replace("deploy", "Big Deploy"),
        &["events.ndjson line 1: not as the schema has it (`kind` is no lower-case word); left out; see FORMAT.md"],
    );
    check(
        "series.ndjson",
        backlog(r#""values":[1]"#),
        &[
            "series.ndjson line 1: not as the schema has it (neither `times_ms` nor `start_ms` and `step_ms`); left out; see FORMAT.md",
        ],
    );
}

#[test]
fn a_list_is_not_taken_for_fields_in_their_order() {
    check(
        "events.ndjson",
        r#"[500,"service:s","deploy","version 2"]"#,
        &["events.ndjson line 1: not as the schema has it (a list, not an object); left out; see FORMAT.md"],
    );
}

#[test]
fn a_line_that_is_no_json_costs_only_itself() {
    let recorded = check(
        "logs.ndjson",
        format!("time=12 oops\n\n{LOGS}{{1,2\n"),
        &["logs.ndjson line 1 and 1 more line: not JSON (expected ident); left out; write one JSON object a line"],
    );
    assert_eq!(recorded.signals.logs.len(), 2);
}

#[test]
fn times_and_values_of_unlike_number_cost_their_line() {
    check(
        "series.ndjson",
        backlog(r#""times_ms":[0,1],"values":[1,2,3]"#),
        &[
            "series.ndjson line 1: not as many times as values (2 times, 3 values); left out; write one time for each value",
        ],
    );
}

#[test]
fn a_series_on_two_lines_is_one() {
    let recorded = check(
        "series.ndjson",
        backlog(r#""times_ms":[0],"values":[1]"#) + &backlog(r#""times_ms":[15000],"values":[2]"#),
        &[
            "series.ndjson line 2: a series that stands on an earlier line (kafka.consumer_group.backlog of group:g); joined; write each series once",
        ],
    );
    assert_eq!(values(&recorded), [1.0, 2.0]);
}

#[test]
fn a_query_that_could_drive_a_terminal_is_dropped() {
    let recorded = check(
        "series.ndjson",
        backlog(r#""query":"up\u001b[2J","times_ms":[0],"values":[1]"#),
        &["series.ndjson line 1: longer than 4 KiB, or with control characters; dropped"],
    );
    assert_eq!(recorded.signals.series[0].query(), None);
}

#[test]
fn a_broken_symptom_or_gap_in_the_header_costs_only_itself() {
    let recorded = check(
        "bundle.toml",
        format!(
            "{HEADER}[symptom]\nnode = 5\n[[gap]]\nsource = \"prometheus\"\ncause = \"gremlins\"\nstatement = \"x\"\n"
        ),
        &["bundle.toml gap 1 and 1 more entry: not as the schema has it (unknown variant `gremlins`, expected one of \
             `unreachable`, `refused`, `malformed`, `not-configured`, `plugin-failed`, `n…); left out; see FORMAT.md"],
    );
    assert_eq!(recorded.signals.reported, None);
}

#[test]
fn fields_that_a_later_version_adds_are_ignored() {
    let add = |text: &str| text.replace("{\"", "{\"later\":{\"deep\":[1]},\"");
    let (topology, series, logs, events) = (add(TOPOLOGY), add(SERIES), add(LOGS), add(EVENTS));
    let header = format!("later = 1\n{HEADER}later = 2\n[later2]\nx = 1\n");
    let folder = Folder::with(&[
        ("bundle.toml", Some(header.as_bytes())),
        (
            "topology.json",
            Some(topology.replace("{\"later\":{\"deep\":[1]},\"nodes", "{\"later\":7,\"nodes").as_bytes()),
        ),
        ("series.ndjson", Some(series.as_bytes())),
        ("logs.ndjson", Some(logs.as_bytes())),
        ("events.ndjson", Some(events.as_bytes())),
    ]);
    std::fs::write(folder.beside("notes.md"), "mine").unwrap();
    let recorded = folder.read();
    // As text, in which a missing reading equals a missing reading.
    let shown = |recorded: &Recorded| {
        format!("{:#?}", (&recorded.signals.series, &recorded.signals.logs, &recorded.signals.events))
    };
    assert_eq!(shown(&recorded), shown(&Folder::with(&[]).read()));
    assert_eq!(recorded.signals.topology.edges().count(), 1);
    assert_eq!(
        statements(&recorded),
        ["topology.json node 2: not as the schema has it (label `later`); left out; see FORMAT.md"]
    );
}

#[test]
fn text_is_redacted_whoever_wrote_it() {
    let folder = Folder::with(&[
        ("bundle.toml", Some(HEADER.replace("by hand", "recorded by eve@example.com").as_bytes())),
        (
            "logs.ndjson",
            Some(br#"{"time_ms":1,"node":"service:s","message":"order 4711 failed at service:s","fields":{"userId":"eve","password":"a b","n":3}}"#),
        ),
        ("events.ndjson", Some(br#"{"time_ms":1,"node":"service:s","kind":"config","what":"set api_key=zzz for userId=eve"}"#)),
    ]);
    let recorded = folder.read();
    assert_eq!(recorded.meta.source, "recorded by <email:1>");
    assert_eq!(
        recorded.signals.logs[0].message.as_str(),
        "order <order:1> failed at service:s n=3 password=\"<secret:1>\" userId=<user:1>"
    );
    assert_eq!(recorded.signals.events[0].what.as_str(), "set api_key=<secret:2> for userId=<user:1>");
}

#[test]
fn what_a_gap_quotes_is_redacted_too() {
    check(
        "logs.ndjson",
        r#"{"time_ms":1,"node":"service:eve@example.com","message":"x"}"#,
        &["logs.ndjson line 1: a node that is not in topology.json (service:<email:1>); left out; add the node"],
    );
}

#[test]
fn of_more_log_lines_than_can_be_held_the_last_are_used() {
    let lines: String = (0..200_010)
        .map(|ms| format!("{{\"time_ms\":{},\"node\":\"service:s\",\"message\":\"n {ms}\"}}\n", ms / 10))
        .collect();
    let recorded = check(
        "logs.ndjson",
        lines,
        &[
            "logs.ndjson line 200001 and 9 more entries: more than can be held (only the last are kept); not all are used; record a shorter window",
        ],
    );
    assert_eq!(recorded.signals.logs.len(), 200_000);
    assert_eq!(recorded.signals.logs[0].message.as_str(), "n 10");
}
