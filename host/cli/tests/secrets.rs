//! Where do secrets and personal data go? Nowhere. Three secrets, from an environment variable, a file and a command, are
//! planted beside personal data in log lines; the far sides echo what they are sent; then everything that the program
//! writes is searched, down to the finest level of its log.

mod lab;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use lab::{Service, Simulated, eventually_instead_of, program};

const LOGS: &str = "el4st1c-t0ken-of-the-log-store";
const METRICS: &str = "scraper:pr0metheus-passw0rd";
const HOOK: &str = "h00k-k3y-for-the-webhook";
/// Of something that no plugin is granted.
const KAFKA: &str = "k4fka-passw0rd-of-the-broker";
/// What no output may hold: secrets, as they are and as they go out, and whose data was in the log lines.
const PLANTED: [&str; 8] = [
    LOGS,
    "pr0metheus-passw0rd",
    "c2NyYXBlcjpwcjBtZXRoZXVzLXBhc3N3MHJk",
    HOOK,
    KAFKA,
    "alice.liddell@example.com",
    "4929123456789015",
    "AKIAIOSFODNN7EXAMPLE",
];

/// One HTTP request: its head, its authorization, its body.
struct Asked {
    line: String,
    authorization: String,
    signature: String,
    body: Vec<u8>,
}

fn asked(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut asked = Asked { line: String::new(), authorization: String::new(), signature: String::new(), body: vec![] };
    reader.read_line(&mut asked.line).ok()?;
    let mut length = 0;
    for line in reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(": ") else { continue };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => value.clone_into(&mut asked.authorization),
            "x-lagdoctor-signature" => value.clone_into(&mut asked.signature),
            _ => (),
        }
    }
    asked.body = vec![0; length];
    reader.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

/// Stands before a far side and tells on it: what it was sent as proof, and what it knows of others, goes into each log
/// line, and personal data beside it. Remembers what it was sent.
fn telltale(address: String) -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sent = Arc::new(Mutex::new(String::new()));
    let seen = sent.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (address, seen) = (address.clone(), seen.clone());
            std::thread::spawn(move || answer(stream, &address, &seen));
        }
    });
    (url, sent)
}

fn answer(mut stream: TcpStream, address: &str, seen: &Mutex<String>) -> Option<()> {
    let asked = asked(&stream)?;
    seen.lock().unwrap().push_str(&format!("{} {}\n", asked.authorization, asked.signature));
    let mut far = TcpStream::connect(address).ok()?;
    let line = asked.line.trim_end().replace("HTTP/1.1", "HTTP/1.0");
    let head = format!(
        "{line}\r\nhost: far\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        asked.body.len()
    );
    // A form is told from JSON by how it begins.
    let head = if asked.body.starts_with(b"{") {
        head
    } else {
        head.replace("application/json", "application/x-www-form-urlencoded")
    };
    far.write_all(head.as_bytes()).ok()?;
    far.write_all(&asked.body).ok()?;
    let mut whole = String::new();
    far.read_to_string(&mut whole).ok()?;
    let (head, body) = whole.split_once("\r\n\r\n")?;
    let status = head.lines().next()?.replace("HTTP/1.0", "HTTP/1.1");
    let told = format!(
        "sent {} for alice.liddell@example.com paying with 4929123456789015 by AKIAIOSFODNN7EXAMPLE, sasl {KAFKA}, hook {HOOK}: ",
        asked.authorization
    );
    let body = body.replace("\"message\":\"", &format!("\"message\":\"{told}"));
    let body = body.replace("\"message\": \"", &format!("\"message\": \"{told}"));
    let answer = format!(
        "{status}\r\ncontent-type: application/json\r\nx-you-sent: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        asked.authorization,
        body.len()
    );
    stream.write_all(answer.as_bytes()).ok()?;
    stream.shutdown(Shutdown::Write).ok()
}

/// The program with everything logged that there is, and its records in this folder.
fn talkative(folder: &Path) -> Command {
    let mut program = program();
    program
        .current_dir(folder)
        .env("XDG_STATE_HOME", folder)
        .env("RUST_LOG", "trace")
        .env("LAGDOCTOR_LOG", "trace")
        .env("TEST_WEBHOOK_KEY", HOOK)
        .env("TEST_KAFKA_PASSWORD", KAFKA);
    program
}

/// Runs it, and gives all it wrote.
fn run(folder: &Path, arguments: &[&str]) -> (Output, String) {
    let output = talkative(folder).args(arguments).output().unwrap();
    let written = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
    assert!(output.status.code().is_some(), "{arguments:?}: {written}");
    (output, written)
}

fn search(what: &str, text: &str) {
    for planted in PLANTED {
        let place = text.find(planted);
        let around = place.map(|place| text[place.saturating_sub(200)..].chars().take(400).collect::<String>());
        assert_eq!(around, None, "{what} holds {planted}");
    }
}

fn search_folder(folder: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += search_folder(&path);
        } else {
            search(&path.display().to_string(), &String::from_utf8_lossy(&fs::read(&path).unwrap()));
            files += 1;
        }
    }
    files
}

#[cfg(unix)]
#[test]
fn no_output_holds_a_secret_or_whose_data_was_in_the_logs() {
    let simulated = Simulated::start("replication-delay", "5");
    let (metrics, metrics_saw) = telltale(simulated.address().to_owned());
    let (logs, logs_saw) = telltale(simulated.address().to_owned());
    let (hook, hook_saw) = telltale(simulated.address().to_owned());
    let folder = tempfile::tempdir().unwrap();
    let keys = tempfile::tempdir().unwrap();
    let (password, token) = (keys.path().join("password"), keys.path().join("token"));
    fs::write(&password, format!("{METRICS}\n")).unwrap();
    fs::write(&token, LOGS).unwrap();
    let topology = simulated.topology(folder.path());
    let config = format!(
        "[[kafka]]\ncluster = \"shop\"\nbootstrap = \"{}\"\nproperties = {{ \"sasl.password\" = {{ secret = \"kafka\" }}, \"sasl.username\" = \"lagdoctor\" }}\n\
         [[plugin]]\nname = \"collector-prometheus\"\nconfig = {{ url = \"{metrics}\", auth = \"basic\", secret = \"metrics\" }}\n\
         [[plugin]]\nname = \"collector-elasticsearch\"\nconfig = {{ url = \"{logs}/logs-shop\", auth = \"bearer\", secret = \"logs\" }}\n\
         [[plugin]]\nname = \"notifier-webhook\"\nconfig = {{ url = \"{hook}/hook\", secret = \"hook\" }}\n\
         [secrets]\nkafka = {{ env = \"TEST_KAFKA_PASSWORD\" }}\nmetrics = {{ file = '{}' }}\n\
         logs = {{ command = [\"cat\", '{}'] }}\nhook = {{ env = \"TEST_WEBHOOK_KEY\" }}\n\
         [topology]\nfiles = ['{topology}']\n[schedule]\ncollect = \"1s\"\ndiagnose = \"1s\"\n",
        simulated.bootstrap,
        password.display(),
        token.display(),
    );
    let file = folder.path().join("lagdoctor.toml");
    fs::write(&file, config).unwrap();
    let file = file.to_str().unwrap();

    for format in ["text", "json", "markdown", "html"] {
        let (output, written) = run(folder.path(), &["-vv", "diagnose", "-c", file, "--format", format]);
        assert!(output.status.code() == Some(1) && !output.stdout.is_empty(), "{format}: {written}");
        search(format, &written);
    }
    let (_, written) = run(folder.path(), &["-vv", "status", "-c", file]);
    search("status", &written);
    let (_, written) = run(folder.path(), &["-vv", "record", "-c", file, "--out", "incident"]);
    search("record", &written);
    assert!(
        fs::read_to_string(folder.path().join("incident/logs.ndjson")).is_ok_and(|lines| lines.lines().count() > 0)
    );
    let (_, written) = run(folder.path(), &["-vv", "diagnose", "--bundle", "incident", "--format", "html"]);
    search("diagnosis of a bundle", &written);
    // The webhook knows no such path and says so with all that it was sent; the message stays undelivered.
    let (output, written) = run(folder.path(), &["-vv", "run", "-c", file, "--rounds", "3"]);
    assert!(output.status.code() == Some(2) && written.contains("could not tell notifier-webhook"), "{written}");
    search("run", &written);
    // What lies packed in the record of a diagnosis is searched as it is shown.
    for arguments in [&["audit", "list"][..], &["audit", "show", "1"], &["audit", "show", "1", "--bundle", "kept"]] {
        let (output, written) = run(folder.path(), &[arguments, &["-c", file]].concat());
        assert!(output.status.success() && !written.is_empty(), "{written}");
        search(&arguments.join(" "), &written);
    }
    // Nobody reads what it says, so it must not say much.
    let mut quiet = talkative(folder.path());
    quiet.env_remove("RUST_LOG").env_remove("LAGDOCTOR_LOG");
    let service = Service::start(quiet, Path::new(file));
    let diagnoses = "lagdoctor_diagnoses_total{cluster=\"shop\",verdict=\"cause\"}";
    eventually_instead_of("it has diagnosed", || {
        service.metric(diagnoses).filter(|count| *count >= 1.0).ok_or_else(|| service.get("/metrics").1)
    });
    for page in ["/metrics", "/plugins", "/healthz"] {
        search(page, &service.get(page).1);
    }
    drop(service);
    assert!(search_folder(folder.path()) > 3, "the bundles were searched");

    // They did go where they belong, and nowhere else.
    let (metrics, logs, hook) = (metrics_saw.lock().unwrap(), logs_saw.lock().unwrap(), hook_saw.lock().unwrap());
    assert!(metrics.contains("Basic c2NyYXBlcjpwcjBtZXRoZXVzLXBhc3N3MHJk") && !metrics.contains(LOGS), "{metrics}");
    assert!(logs.contains(&format!("Bearer {LOGS}")) && !logs.contains("c2NyYXBl"), "{logs}");
    let signed = hook.lines().any(|line| line.trim().len() == 64);
    assert!(signed && !hook.contains(HOOK) && !hook.contains(LOGS), "{hook}");
}
