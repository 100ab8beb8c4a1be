//! Facts about configuration and topology files.

use std::path::Path;

use lagdoctor_model::NodeId;

use super::*;

fn error(text: &str) -> String {
    Config::parse(Path::new("lagdoctor.toml"), text).unwrap_err().to_string()
}

fn topology_error(text: &str) -> String {
    topology::parse(Path::new("shop.toml"), text).unwrap_err().to_string()
}

#[test]
fn the_documented_example_is_a_valid_configuration() {
    let config = Config::parse(Path::new("lagdoctor.example.toml"), EXAMPLE).unwrap();
    assert_eq!(config.kafka[0].properties["sasl.password"], PropertyValue::Secret("kafka-password".into()));
    assert_eq!(config.plugin[0].limits.timeout, Some(Millis::seconds(15)));
    assert_eq!(config.schedule, ScheduleSection::default());
}

#[test]
fn every_default_that_the_example_shows_is_the_default() {
    let shown: String = EXAMPLE
        .lines()
        .skip_while(|line| *line != "[schedule]")
        .take_while(|line| *line != "[report]")
        .map(|line| line.strip_prefix("# ").filter(|line| line.contains(" = ")).unwrap_or(line).to_owned() + "\n")
        .collect();
    assert!(shown.contains("\nclose_after") && shown.contains("\nfailures"), "{shown}");
    let config = Config::parse(Path::new("lagdoctor.toml"), &shown).unwrap();
    assert_eq!((config.schedule, config.notify), (ScheduleSection::default(), NotifySection::default()));
    assert_eq!(config.quarantine, QuarantineSection::default());
}

#[test]
fn an_empty_file_is_a_valid_configuration() {
    let config = Config::parse(Path::new("lagdoctor.toml"), "").unwrap();
    assert_eq!(config, Config { file: "lagdoctor.toml".into(), ..Config::default() });
}

#[test]
fn a_mistake_is_named_with_file_line_column_field_and_what_was_expected() {
    insta::assert_snapshot!(error("[schedule]\nstep = 15\n"), @r#"lagdoctor.toml:2:8: `step` in [schedule]: invalid type: integer `15`, expected a time in quotes, such as "90s", "30m" or "1h""#);
    insta::assert_snapshot!(error("[schedule]\n\nwindow = \"an hour\"\n"), @"lagdoctor.toml:3:10: `window` in [schedule]: `an hour` is no time; write a number and a unit, such as 500ms, 90s, 30m, 1h or 14d");
    insta::assert_snapshot!(error("[[kafka]]\ncluster = \"shop\"\n"), @"lagdoctor.toml:1:1: [[kafka]]: missing field `bootstrap`");
    insta::assert_snapshot!(error("[[kafka]]\ncluster = \"shop\"\nbootstrap = [\"kafka:9092\"]\n"), @"lagdoctor.toml:3:13: `bootstrap` in [[kafka]]: invalid type: sequence, expected a string");
    insta::assert_snapshot!(error("[notify]\nclose_afer = \"1m\"\n"), @"lagdoctor.toml:2:1: `close_afer` in [notify]: unknown field `close_afer`, expected `open_after` or `close_after`");
    insta::assert_snapshot!(error("[[plugin]]\nname = \"x\"\nlimits = { memory_mib = \"lots\" }\n"), @r#"lagdoctor.toml:3:25: `limits` in [[plugin]]: invalid type: string "lots", expected u32"#);
    insta::assert_snapshot!(error("[[plugin]]\nname = \"x\"\ngrants = [\"files /\"]\n"), @"lagdoctor.toml:3:10: `grants` in [[plugin]]: `files /` is no grant: it starts with neither `http`, `secret` nor `signals`; write `KIND VALUE [private] [methods=PUT,DELETE] [for=URL]`, such as `http https://prometheus.example:9090 private` or `secret token for=https://api.example`");
    insta::assert_snapshot!(error("[service]\nlisten = \"localhost\"\n"), @r#"lagdoctor.toml:2:10: `listen` in [service]: `localhost` is no address to listen on; write an IP address and a port, such as "127.0.0.1:9187"; a name is not looked up"#);
    insta::assert_snapshot!(error("[[kafka]\n"), @"lagdoctor.toml:1:9: [[kafka]: unclosed array table, expected `]`");
}

#[test]
fn fields_that_contradict_each_other_are_named_together() {
    insta::assert_snapshot!(error("[[plugin]]\nname = \"a\"\nfile = \"b.wasm\"\n"), @"lagdoctor.toml: [[plugin]] number 1, line 1: give exactly one of `name` (bundled) and `file`");
    insta::assert_snapshot!(error("[secrets]\na = {}\n"), @"lagdoctor.toml: secrets.a: give exactly one of `env`, `file` and `command`");
    insta::assert_snapshot!(error("[secrets]\na = { command = [] }\n"), @r#"lagdoctor.toml: secrets.a: `command` must name a program, such as ["pass", "show", "shop/kafka"]"#);
    insta::assert_snapshot!(error("[secrets]\na = { env = \"A\", keep = \"1m\" }\n"), @"lagdoctor.toml: secrets.a: `timeout` and `keep` are about `command`");
    insta::assert_snapshot!(error("[[tls]]\nhosts = \"shop\"\n"), @"lagdoctor.toml: [[tls]] number 1: `hosts` must read https://HOST[:PORT]: it has no scheme: write `scheme://host[:port]`");
    insta::assert_snapshot!(error("[[tls]]\nhosts = \"http://shop\"\nca = \"a\"\n"), @"lagdoctor.toml: [[tls]] number 1: `hosts` must begin with https://: without TLS there is nothing to say here");
    insta::assert_snapshot!(error("[[tls]]\nhosts = \"https://shop\"\nkey = \"a\"\n"), @"lagdoctor.toml: [[tls]] number 1: give `certificate` and `key` together");
    insta::assert_snapshot!(error("[[tls]]\nhosts = \"https://shop\"\n"), @"lagdoctor.toml: [[tls]] number 1: give `ca`, or `certificate` and `key`, or all three");
    insta::assert_snapshot!(error("[[kafka]]\ncluster = \"a\"\nbootstrap = \"b\"\nproperties = { p = { secret = \"s\" } }\n"), @"lagdoctor.toml: [[kafka]] a: `p` uses secret `s`, which [secrets] does not have");
    insta::assert_snapshot!(error("[[plugin]]\nname = \"a\"\ngrants = [\"secret s\"]\n"), @"lagdoctor.toml: [[plugin]] number 1, line 1: grants secret `s`, which [secrets] does not have");
    insta::assert_snapshot!(error("[schedule]\nstep = \"2h\"\n"), @"lagdoctor.toml: [schedule]: `window` must be at least one `step`");
}

#[test]
fn the_short_form_of_a_topology_finds_the_kind_of_edge() {
    let text = "
        [[node]]
        id = \"group:fulfilment\"
        owner = \"team-fulfilment\"
        depends = [\"service:fulfilment\", \"topic:orders\"]
        [[node]]
        id = \"service:fulfilment\"
        depends = [\"database:orders-db\", { on = \"service:pricing\", as = \"contends\" }]
        [[node]]
        id = \"service:pricing\"
        depends = [\"service:fulfilment\"]
    ";
    let topology = topology::parse(Path::new("shop.toml"), text).unwrap();
    let edges: Vec<_> =
        topology.edges().map(|edge| format!("{} {} {}", edge.dependent, edge.kind, edge.dependency)).collect();
    assert_eq!(
        edges,
        [
            "group:fulfilment worked-by service:fulfilment",
            "group:fulfilment consumes topic:orders",
            "service:fulfilment calls database:orders-db",
            "service:fulfilment contends service:pricing",
            "service:pricing calls service:fulfilment",
        ]
    );
    assert_eq!(topology.node(&NodeId::new("group:fulfilment").unwrap()).unwrap().labels["owner"], "team-fulfilment");
}

#[test]
fn json_and_toml_topologies_have_one_shape() {
    let json = r#"{"nodes": [{"id": "database:r", "labels": {"rack": "a"}}],
                   "edges": [{"dependent": "database:r", "dependency": "database:p", "kind": "replicates"}]}"#;
    let toml = "[[node]]\nid = \"database:r\"\nrack = \"a\"\ndepends = [\"database:p\"]";
    assert_eq!(
        topology::parse(Path::new("a.json"), json).unwrap(),
        topology::parse(Path::new("a.toml"), toml).unwrap()
    );
}

#[test]
fn a_topology_with_a_wrong_word_says_which_words_there_are() {
    insta::assert_snapshot!(topology_error("[[node]]\nid = \"datbase:x\""), @"shop.toml: node `datbase:x`: `datbase` is no kind of node; there are broker, cache, database, endpoint, group, host, instance, jvm, link, partition, pool, producer, service, topic");
    insta::assert_snapshot!(topology_error("[[node]]\nid = \"x\""), @"shop.toml:2:6: `id` in [[node]]: `x` is no node id: it must read `kind:name`");
    insta::assert_snapshot!(topology_error("[[node]]\nid = \"service:a\"\ndepends = [\"host:h1\"]"), @"shop.toml: edge `service:a` -> `host:h1`: a service does not depend on a host, but may on: cache, database, endpoint, instance, service");
    insta::assert_snapshot!(topology_error("[[node]]\nid = \"service:a\"\ndepends = [{ on = \"database:d\", as = \"reads\" }]"), @"shop.toml: edge `service:a` -> `database:d`: `reads` is no kind of edge; there are calls, connects-to, consumes, contends, crosses, fed-by, led-by, part-of, replicates, runs-as, runs-on, uses-pool, worked-by");
    insta::assert_snapshot!(topology_error("[[edge]]\ndependent = \"database:d\"\ndependency = \"service:a\"\nkind = \"calls\""), @"shop.toml: edge `database:d` -> `service:a`: `calls` goes from service or instance to database or cache or endpoint or service; is the edge the wrong way round? It points from what needs to what is needed");
    insta::assert_snapshot!(topology_error("[[node]]\nid = \"service:a\"\ndepends = [\"service:a\"]"), @"shop.toml: edge `service:a` -> `service:a`: a node does not depend on itself");
}

#[test]
fn an_address_on_the_command_line_configures_the_collector_and_nothing_else() {
    let flags = Flags {
        cluster: "shop".into(),
        bootstrap: Some("kafka:9092".into()),
        kafka_properties: vec!["client.rack=a=b".into()],
        prometheus: Some("http://prometheus:9090/base".into()),
        ..Flags::default()
    };
    let sources = Sources::from_flags(&flags).unwrap();
    assert_eq!(sources.kafka[0].properties["client.rack"], "a=b");
    assert_eq!(sources.plugins[0].config["url"], "http://prometheus:9090/base");
    assert_eq!(sources.plugins[0].grants, []);
}

#[test]
fn a_password_in_an_address_is_refused_and_not_repeated() {
    let flags = Flags { prometheus: Some("http://me:hunter2@prometheus:9090".into()), ..Flags::default() };
    let error = Sources::from_flags(&flags).unwrap_err().to_string();
    assert!(error.contains("[secrets]") && !error.contains("hunter2"), "{error}");
}

#[test]
fn secrets_come_from_files_and_are_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "hunter2\n").unwrap();
    let config = Config::parse(&folder.path().join("lagdoctor.toml"), "[secrets]\nkey = { file = \"key\" }\n").unwrap();
    let sources = Sources::from_config(&config).unwrap();
    let secret = lagdoctor_runtime::Secrets::get(&sources.secrets, "key");
    assert_eq!(secret, Some(lagdoctor_runtime::Secret::new("hunter2").unwrap()));
    assert!(!format!("{sources:?}").contains("hunter2"));
    let config = Config::parse(Path::new("/nowhere/lagdoctor.toml"), "[secrets]\nkey = { file = \"key\" }\n").unwrap();
    let book = Sources::from_config(&config).unwrap().secrets;
    let missing = book.check("key").unwrap_err().to_string();
    assert!(missing.starts_with("secret `key` is not to be had from /nowhere/key: "), "{missing}");
}

#[test]
fn the_service_is_silent_unless_it_is_told_where_to_answer() {
    let listen = |text: &str| Config::parse(Path::new("lagdoctor.toml"), text).unwrap().service.listen;
    assert_eq!(listen(""), None);
    assert_eq!(listen("[service]\nlisten = \"127.0.0.1:9187\"\n"), "127.0.0.1:9187".parse().ok());
    assert_eq!(listen("[service]\nlisten = \"[::1]:0\"\n"), "[::1]:0".parse().ok());
}

#[test]
fn a_quarantine_that_cannot_be_is_refused() {
    insta::assert_snapshot!(error("[quarantine]\nfailures = 0\n"), @"lagdoctor.toml: [quarantine]: `failures` must be at least 1; a large number makes it never happen");
    insta::assert_snapshot!(error("[quarantine]\nfirst = \"1h\"\n"), @"lagdoctor.toml: [quarantine]: `longest` must be at least `first`");
}

#[test]
fn a_secret_that_is_written_out_where_its_place_belongs_is_not_repeated() {
    for (text, advice) in [
        ("[secrets]\npw = \"hunter2\"\n", "lagdoctor.toml:2:6: `pw` in [secrets]: the secret itself is written here"),
        ("[secrets]\npw = 4711\n", "the secret itself is written here"),
        ("[secrets]\npw = { command = \"echo hunter2\" }\n", "a list of words is wanted"),
        ("[secrets]\npw = { value = \"hunter2\" }\n", "unknown field `value`"),
    ] {
        let said = error(text);
        assert!(said.contains(advice), "{said}");
        assert!(!said.contains("hunter2") && !said.contains("4711"), "{said}");
    }
}

#[test]
fn what_an_error_quotes_of_a_file_does_nothing_to_the_terminal() {
    for text in ["[\u{1b}[2Jkafka]]\n", "[secrets.\"\\u001b]0;x\\u0007\"]\n", "[notify]\n\"\\u202e\" = 1\n"] {
        let said = error(text);
        assert!(said.starts_with("lagdoctor.toml:") && said.contains('\u{fffd}'), "{said:?}");
        assert!(!said.contains(|c: char| c.is_control() || c == '\u{202e}'), "{said:?}");
    }
}

#[test]
fn files_of_tls_are_read_and_what_is_wrong_with_them_is_said_with_its_hosts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), "not a certificate").unwrap();
    let sources = |text: &str| {
        let config = Config::parse(&folder.path().join("lagdoctor.toml"), text).unwrap();
        Sources::from_config(&config)
    };
    let missing = sources("[[tls]]\nhosts = \"https://shop\"\nca = \"none.pem\"\n").unwrap_err().to_string();
    assert!(missing.contains("none.pem"), "{missing}");
    let wrong = sources("[[tls]]\nhosts = \"https://shop:8443\"\nca = \"ca.pem\"\n").unwrap();
    let said = wrong.network().err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said.starts_with("[[tls]] for https://shop:8443: the file of authorities"), "{said}");
    assert!(sources("").unwrap().network().is_ok());
}

#[cfg(unix)]
#[test]
fn a_secret_may_come_from_a_command_and_a_command_that_fails_is_told_without_its_arguments() {
    use lagdoctor_runtime::Secrets;
    let sources = |text: &str| Sources::from_config(&Config::parse(Path::new("lagdoctor.toml"), text).unwrap());
    let book = sources("[secrets]\na = { command = [\"printf\", \"hunter2\"] }\n").unwrap().secrets;
    assert_eq!(book.get("a"), lagdoctor_runtime::Secret::new("hunter2").ok());
    assert_eq!(book.all().len(), 1);
    let book = sources("[secrets]\na = { command = [\"false\", \"hunter2\"] }\n").unwrap().secrets;
    let failed = book.check("a").unwrap_err().to_string();
    assert!(failed.starts_with("secret `a` is not to be had from the command false: it failed"), "{failed}");
    assert!(!failed.contains("hunter2"), "{failed}");
}

#[test]
fn a_password_that_kafka_needs_and_is_not_there_is_told_with_who_needs_it_unless_signals_are_recorded() {
    let text = "[[kafka]]\ncluster = \"shop\"\nbootstrap = \"b:9092\"\nproperties = { \"sasl.password\" = { secret = \"pw\" } }\n\
                [secrets]\npw = { file = \"pw\" }\nnobodys = { file = \"none\" }\n";
    let config = Config::parse(Path::new("/nowhere/lagdoctor.toml"), text).unwrap();
    insta::assert_snapshot!(
        Sources::from_config(&config).unwrap_err(),
        @"/nowhere/lagdoctor.toml: `sasl.password` of [[kafka]] shop: secret `pw` is not to be had from /nowhere/pw: No such file or directory (os error 2)"
    );
    assert!(Sources::wanted(&config, Purpose::Recorded).unwrap().kafka.is_empty());
}
