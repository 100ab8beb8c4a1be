//! A service with a scorer that traps at each diagnosis and a notifier that cannot work: it goes on, and whoever asks is
//! told.
#![allow(clippy::print_stderr, reason = "a check that was not made must not pass in silence")]

mod lab;

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lab::{Service, Simulated, eventually, eventually_instead_of, json, lagdoctor, program};
use serde_json::Value;

fn component(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../target/plugins/{name}.wasm"))
}

fn config(simulated: &Simulated, folder: &Path) -> PathBuf {
    let file = folder.join("lagdoctor.toml");
    let text = format!(
        "[[kafka]]\ncluster = \"shop\"\nbootstrap = \"{}\"\n\
         [[plugin]]\nname = \"collector-prometheus\"\nconfig = {{ url = \"{}\" }}\n\
         [[plugin]]\nfile = '{}'\nalias = \"trapping\"\nconfig = {{ mode = \"trap\" }}\n\
         [[plugin]]\nname = \"notifier-webhook\"\nconfig = {{ url = \"http://127.0.0.1:9/\" }}\nlimits = {{ fuel = 1000 }}\n\
         [topology]\nfiles = ['{}']\n[schedule]\ncollect = \"1s\"\ndiagnose = \"1s\"\n\
         [quarantine]\nfirst = \"1h\"\nlongest = \"1h\"\n",
        simulated.bootstrap,
        simulated.url,
        component("misbehaving-scorer").display(),
        simulated.topology(folder),
    );
    fs::write(&file, text).unwrap();
    file
}

fn check_exposition(page: &str) {
    let program =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut program) = program else {
        eprintln!("not checked: the exposition needs promtool");
        return;
    };
    program.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let said = program.wait_with_output().unwrap();
    assert!(said.status.success(), "{}\n{page}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn a_service_with_plugins_that_fail_goes_on_and_says_who_is_left_alone_and_why() {
    let simulated = Simulated::start("replication-delay", "5");
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(program(), &config(&simulated, folder.path()));
    let line = service.says("trapping: failed too often, so it is left alone and tried again at ");
    assert!(line.contains("panicked scoring"), "{line}");

    let report = json(&["plugin", "list", "--server", &service.url]);
    let plugin = |name: &str| -> Value {
        let plugins = report["plugins"].as_array().unwrap();
        plugins.iter().find(|plugin| plugin["name"] == name).unwrap_or_else(|| panic!("{report:#}")).clone()
    };
    let trapping = plugin("trapping");
    assert_eq!((&trapping["state"], &trapping["reason_kind"]), (&"quarantined".into(), &"trap".into()), "{trapping:#}");
    assert_eq!((&trapping["calls"], &trapping["failures"][0]["count"]), (&3.into(), &3.into()), "{trapping:#}");
    assert!(trapping["reason"].as_str().unwrap().contains("panicked scoring"), "{trapping:#}");
    let waits = trapping["next_try_ms"].as_i64().unwrap() - trapping["since_ms"].as_i64().unwrap();
    assert_eq!(waits, 3_600_000);
    assert_eq!(plugin("scorer-kafka-lag")["state"], "ready");
    let text = String::from_utf8(lagdoctor(&["plugin", "list", "--server", &service.url]).stdout).unwrap();
    let row = text.lines().find(|line| line.contains("trapping")).unwrap();
    assert!(row.starts_with("scorer ") && row.contains(" quarantined "), "{text}");
    assert!(text.contains("panicked scoring"), "{text}");

    // The diagnosis goes on without them: it names the cause, and the message about it is kept.
    let state = |plugin: &str, world: &str| {
        format!("lagdoctor_plugin_state{{plugin=\"{plugin}\",world=\"{world}\",state=\"quarantined\"}}")
    };
    eventually("the notifier is left alone too", || {
        service.metric(&state("notifier-webhook", "notifier")).filter(|value| *value == 1.0)
    });
    assert_eq!(service.metric(&state("trapping", "scorer")), Some(1.0));
    let kept =
        eventually("the message is kept", || service.metric("lagdoctor_waiting_messages{plugin=\"notifier-webhook\"}"));
    assert!(kept >= 1.0, "{kept}");
    let diagnoses = "lagdoctor_diagnoses_total{cluster=\"shop\",verdict=\"cause\"}";
    let before = service.metric(diagnoses).unwrap();
    eventually_instead_of("diagnoses go on", || {
        service.metric(diagnoses).filter(|now| *now > before).ok_or_else(|| service.get("/metrics").1)
    });
    assert_eq!(service.metric("lagdoctor_plugin_calls_total{plugin=\"trapping\",world=\"scorer\"}"), Some(3.0));
    let refused = "lagdoctor_plugin_refused_calls_total{plugin=\"trapping\",world=\"scorer\"}";
    assert!(service.metric(refused).unwrap() >= 1.0);

    let (head, page) = service.get("/metrics");
    assert!(head.contains(" 200 ") && head.contains("text/plain; version=0.0.4"), "{head}");
    check_exposition(&page);
    assert_eq!(service.get("/healthz").1, "ok\n");
    assert!(service.get("/anything").0.contains(" 404 "));
    refuses_strangers(service.port());
}

/// A page in a browser reaches loopback by a name of its own; it gets nothing. And nothing can be written.
fn refuses_strangers(port: u16) {
    for (request, status) in [
        ("GET /plugins HTTP/1.0\r\nHost: evil.example\r\n\r\n", " 421 "),
        ("POST /plugins HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", " 405 "),
    ] {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.lines().next().unwrap().contains(status) && !answer.contains("trapping"), "{answer}");
    }
}

/// What `plugin list --server` says when it cannot do its job.
fn refusal(server: &str) -> String {
    let given = lagdoctor(&["plugin", "list", "--server", server]);
    assert_eq!((given.status.code(), given.stdout.is_empty()), (Some(2), true));
    String::from_utf8(given.stderr).unwrap()
}

#[test]
fn asking_where_no_service_is_says_what_is_wrong_and_what_to_do() {
    let nobody = refusal("http://127.0.0.1:1");
    assert!(nobody.contains("no service answers") && nobody.contains("--listen"), "{nobody}");
    let simulated = Simulated::start("gc-pauses", "1");
    let other = refusal(&simulated.url);
    assert!(other.contains("is no running lagdoctor") && other.contains("something else"), "{other}");
    let bad = refusal("localhost:9187");
    assert!(bad.contains("is no address of a service") && bad.contains("http://127.0.0.1:9187"), "{bad}");
}

#[test]
fn an_address_that_is_taken_is_said_before_anything_is_done() {
    let simulated = Simulated::start("gc-pauses", "1");
    let folder = tempfile::tempdir().unwrap();
    let file = config(&simulated, folder.path());
    let given = lagdoctor(&["run", "-c", file.to_str().unwrap(), "--rounds", "1", "--listen", simulated.address()]);
    let said = String::from_utf8(given.stderr).unwrap();
    assert!(given.status.code() == Some(2) && said.contains("cannot answer on") && said.contains("--listen"), "{said}");
}

/// What a stranger's plugin would get is seen before it runs, and so is what is granted in vain.
#[test]
fn what_each_plugin_of_a_configuration_may_do_is_told_before_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lagdoctor.toml");
    let config = format!(
        "[[plugin]]\nfile = '{}'\nalias = \"theirs\"\nlimits = {{ memory_mib = 7 }}\n\
         [[plugin]]\nname = \"collector-prometheus\"\nconfig = {{ url = \"http://127.0.0.1:9\" }}\ngrants = [\"secret other\"]\n\
         [secrets]\nother = {{ env = \"NOBODY_SETS_THIS\" }}\n",
        component("scorer-jvm").display()
    );
    fs::write(&file, config).unwrap();
    let told = json(&["plugin", "list", "-c", file.to_str().unwrap()]);
    let plugins = told["plugins"].as_array().unwrap();
    let of = |name: &str| plugins.iter().find(|plugin| plugin["name"] == name).unwrap_or_else(|| panic!("{told:#}"));
    assert_eq!(of("theirs")["limits"], serde_json::json!({ "memory_mib": 7 << 20 }));
    assert_eq!(of("theirs")["may"], serde_json::json!([]));
    assert_eq!(of("collector-prometheus")["may"][0], "http http://127.0.0.1:9 private");
    assert_eq!(of("scorer-database")["from"], "bundled");
    let remark = told["remarks"][0].as_str().unwrap();
    assert!(
        remark.ends_with(
            ":8: plugin `collector-prometheus`: the grant `secret other` does nothing: the plugin asks for no secret"
        ),
        "{remark}"
    );
    let text = String::from_utf8(lagdoctor(&["plugin", "list", "-c", file.to_str().unwrap()]).stdout).unwrap();
    assert!(text.contains("\ntheirs\n  limit         memory_mib 7 MiB\n"), "{text}");
}
