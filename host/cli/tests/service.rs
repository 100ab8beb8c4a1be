//! The service as a user runs it: a simulated pipeline in trouble on one side, a webhook that is down at first on the other.
#![allow(clippy::print_stderr, reason = "a test that did not run must not pass in silence")]

mod lab;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Stdio;

use lab::{Running, Simulated, json, program};
use serde_json::Value;

/// What one request carries: the value of its idempotency header, and its body.
fn received(stream: &TcpStream) -> (String, Value) {
    let mut reader = BufReader::new(stream);
    let (mut length, mut key) = (0, String::new());
    for line in reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "idempotency-key" => value.trim().clone_into(&mut key),
            _ => (),
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (key, serde_json::from_slice(&body).unwrap())
}

#[test]
fn an_incident_that_opens_while_the_webhook_is_down_is_told_once_it_is_up() {
    let simulated = Simulated::start("replication-delay", "5");
    let webhook = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lagdoctor.toml");
    let config = format!(
        "[[kafka]]\ncluster = \"shop\"\nbootstrap = \"{}\"\n\
         [[plugin]]\nname = \"collector-prometheus\"\nconfig = {{ url = \"{}\" }}\n\
         [[plugin]]\nname = \"notifier-webhook\"\nconfig = {{ url = \"http://{}/hook\" }}\n\
         [topology]\nfiles = ['{}']\n[schedule]\ncollect = \"1s\"\ndiagnose = \"1s\"\n\
         [audit]\nfile = \"audit.sqlite\"\n",
        simulated.bootstrap,
        simulated.url,
        webhook.local_addr().unwrap(),
        simulated.topology(folder.path()),
    );
    fs::write(&file, config).unwrap();
    let mut service = program()
        .args(["run", "-c", file.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(Running)
        .unwrap();

    let mut told = vec![];
    for status in ["503 Service Unavailable", "204 No Content"] {
        let (mut stream, _) = webhook.accept().unwrap();
        told.push(received(&stream));
        stream.write_all(format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    }
    let (key, event) = &told[0];
    assert_eq!(told[0], told[1], "the same message with the same key");
    assert!(!key.is_empty());
    let text = event.to_string();
    assert!(text.contains("opened") && text.contains("database:orders-db-replica"), "{event:#}");
    assert_eq!(service.0.try_wait().unwrap(), None, "and the service goes on");
    drop(service);

    let proof = json(&["audit", "verify", "-c", file.to_str().unwrap(), "--last", "2"]);
    assert_eq!(proof["intact"], true, "{proof:#}");
    let outcomes = proof["replays"].as_array().unwrap();
    assert!(!outcomes.is_empty() && outcomes.iter().all(|replay| replay["outcome"] == "same"), "{proof:#}");
    let record = &json(&["audit", "show", "1", "-c", file.to_str().unwrap()])["record"];
    let exchange = &record["readings"][0]["exchanges"][0];
    assert_eq!((&exchange["outcome"], exchange["count"].as_u64() > Some(0)), (&Value::from("200"), true), "{record:#}");
}
