//! What the tests of the whole program share: the program itself, a simulated pipeline, and a real Prometheus. Whatever
//! is started ends with the test.
// Each file of tests is a program of its own and uses its part of this.
#![allow(dead_code, unreachable_pub)]
#![allow(clippy::print_stderr, reason = "a test that did not run must not pass in silence")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const BETWEEN: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(90);

/// The program, which leaves its records beside what is built and not with those of whoever runs the tests.
pub fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_lagdoctor"));
    program.env("XDG_STATE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/state"));
    program
}

/// Runs the program to its end.
pub fn lagdoctor(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

/// The JSON that a command prints. Exit code 1 says that something hurts.
pub fn json(arguments: &[&str]) -> Value {
    let given = lagdoctor(&[arguments, &["--format", "json"]].concat());
    let said = String::from_utf8_lossy(&given.stderr);
    assert!(given.status.code().is_some_and(|code| code < 2), "{arguments:?}: {said}");
    serde_json::from_slice(&given.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"))
}

/// Asks until the answer is there.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    eventually_instead_of(what, || ask().ok_or_else(String::new))
}

/// The same; who is asked says what there is instead, as long as it is not so.
pub fn eventually_instead_of<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(instead) => assert!(began.elapsed() < PATIENCE, "never: {what}\n{instead}"),
        }
        // Whoever is waited for needs the processor, and answering questions takes it.
        std::thread::park_timeout(BETWEEN);
    }
}

/// A program that ends with the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `lagdoctor simulate --serve`, and where it answers.
pub struct Simulated {
    /// The program.
    pub program: Running,
    /// Its Prometheus API.
    pub url: String,
    /// Its Kafka.
    pub bootstrap: String,
}

impl Simulated {
    pub fn start(scenario: &str, seed: &str) -> Self {
        let mut program = program()
            .args(["simulate", scenario, "--seed", seed, "--serve", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = BufReader::new(program.stdout.take().unwrap());
        let program = Running(program);
        let mut places = BTreeMap::new();
        for line in said.lines().map_while(Result::ok).take_while(|line| !line.starts_with("Topology")) {
            let mut words = line.split_whitespace();
            let (name, place) = (words.next().map(str::to_owned), words.find(|word| word.contains(':')));
            places.extend(name.zip(place.map(str::to_owned)));
        }
        let place = |name: &str| places.get(name).unwrap_or_else(|| panic!("it says where {name} is")).clone();
        Self { program, url: place("Prometheus"), bootstrap: place("Kafka") }
    }

    /// Where its logs are.
    pub fn logs(&self) -> String {
        format!("{}/logs-shop", self.url)
    }

    /// Its topology, as a file in this folder.
    pub fn topology(&self, folder: &Path) -> String {
        let port = self.url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap();
        let answer = get(port, "/topology.json").unwrap();
        let file = folder.join("topology.json");
        fs::write(&file, answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        file.to_str().unwrap().to_owned()
    }

    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

/// A running service, what it says, and where it answers.
pub struct Service {
    _program: Running,
    said: BufReader<ChildStderr>,
    /// Its address.
    pub url: String,
}

impl Service {
    /// `lagdoctor run` of this program, listening.
    pub fn start(mut program: Command, config: &Path) -> Self {
        let program = program
            .args(["run", "-c", config.to_str().unwrap(), "--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut program = Running(program.unwrap());
        let said = BufReader::new(program.0.stderr.take().unwrap());
        let mut service = Self { _program: program, said, url: String::new() };
        let line = service.says("answering on ");
        let url = line.split("answering on ").nth(1).and_then(|rest| rest.split(": /metrics").next());
        url.unwrap().clone_into(&mut service.url);
        service
    }

    /// Reads on until it says this.
    pub fn says(&mut self, part: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "it ended without saying `{part}`: {all}");
            if line.contains(part) {
                return line;
            }
            all += &line;
        }
    }

    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap()
    }

    pub fn get(&self, path: &str) -> (String, String) {
        let answer = get(self.port(), path).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    pub fn metric(&self, sample: &str) -> Option<f64> {
        let (_, page) = self.get("/metrics");
        let line = page.lines().find(|line| line.starts_with(sample))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

/// A running Prometheus with this configuration, and an hour if there is one.
pub struct Prometheus {
    _program: Running,
    _folder: TempDir,
    /// Where it answers.
    pub url: String,
}

impl Prometheus {
    /// `None` where it is not installed.
    pub fn start(config: &str, openmetrics: Option<&Path>) -> Option<Self> {
        let is_installed = |program: &str| {
            let quiet = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            quiet.is_ok_and(|status| status.success())
        };
        if !(is_installed("prometheus") && is_installed("promtool")) {
            eprintln!("skipped: needs prometheus and promtool");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let (file, data) = (folder.path().join("prometheus.yml"), folder.path().join("data"));
        fs::write(&file, config).unwrap();
        fs::create_dir(&data).unwrap();
        if let Some(openmetrics) = openmetrics {
            let filled = Command::new("promtool")
                .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
                .args([openmetrics, &data])
                .output()
                .unwrap();
            assert!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let program = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg("--storage.tsdb.retention.time=100y")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let program = Running(program);
        eventually("Prometheus is ready", || get(port, "/-/ready").filter(|answer| answer.contains(" 200 ")));
        Some(Self { _program: program, _folder: folder, url: format!("http://127.0.0.1:{port}") })
    }
}

/// An HTTP answer, head and body.
pub fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
