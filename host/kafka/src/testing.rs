//! A real Kafka on this machine, for tests: Apache Kafka in KRaft mode, one node on free loopback ports, with access
//! control, and with Kafka's own command line tools to compare with. Needs Java 17 and Maven; the jars come from Maven
//! Central once and stay in `target/kafka-lab`. Start at [`RealKafka::start`].

mod clients;
mod jars;

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lagdoctor_model::PartitionId;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

pub use clients::{RealConsumer, Transaction};

/// A broker on two cores starts within ten seconds; whoever waits longer than this waits for nothing.
const PATIENCE: Duration = Duration::from_secs(90);
/// What every Java process gets: little memory, and quick to start.
const JVM: [&str; 6] = [
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Djava.net.preferIPv4Stack=true",
];

/// Why there is no real Kafka to test with, or why it did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RealKafkaError {
    /// This machine cannot run one; tests skip themselves.
    #[error("skipped: needs Java 17+ and Maven: {0}")]
    Unavailable(String),
    /// It can, but something went wrong.
    #[error("the real Kafka cannot {what}: {why}")]
    Failed {
        /// What was asked.
        what: String,
        /// What it said.
        why: String,
    },
    /// A file or process made trouble.
    #[error("the real Kafka cannot {what}")]
    Io {
        /// What was asked.
        what: String,
        /// The trouble.
        source: io::Error,
    },
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> RealKafkaError {
    let what = what.into();
    move |source| RealKafkaError::Io { what, source }
}

fn failed(what: impl Into<String>, why: impl ToString) -> RealKafkaError {
    RealKafkaError::Failed { what: what.into(), why: why.to_string() }
}

/// A line of `kafka-consumer-groups --describe`: what Kafka itself says about a group and a partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Described {
    /// Which partition.
    pub id: PartitionId,
    /// `None` where it prints `-`.
    pub committed: Option<u64>,
    /// `None` where it prints `-`.
    pub log_end: Option<u64>,
    /// `None` where it prints `-`.
    pub lag: Option<u64>,
    /// The member that reads it.
    pub member: Option<String>,
}

/// A broker and its directory. Both go when it is dropped, and when this process ends in whatever way.
#[derive(Debug)]
pub struct RealKafka {
    broker: Child,
    directory: PathBuf,
    jars: PathBuf,
    port: u16,
    sasl_port: u16,
}

impl RealKafka {
    /// The user that may do nothing but what [`RealKafka::grant`] allows.
    pub const WATCHER: &str = "watcher";
    /// Its password.
    pub const PASSWORD: &str = "watch-out";

    /// Starts a broker and waits until it answers.
    ///
    /// # Errors
    /// [`RealKafkaError::Unavailable`] without Java 17 or Maven; others when it does not start.
    pub fn start() -> Result<Self, RealKafkaError> {
        let jars = jars::resolve()?;
        // Ports are free when they are chosen, and may be taken when they are used.
        let mut tries = 0;
        loop {
            match Self::try_start(&jars) {
                Err(RealKafkaError::Failed { why, .. }) if tries < 2 && why.contains("already in use") => tries += 1,
                other => return other,
            }
        }
    }

    fn try_start(jars: &Path) -> Result<Self, RealKafkaError> {
        let [port, controller_port, sasl_port] = free_ports().map_err(io_error("find free ports"))?;
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!("run-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let directory = jars::lab().join(name);
        fs::create_dir_all(&directory).map_err(io_error("make a directory"))?;
        let properties = properties(&directory, port, controller_port, sasl_port);
        let config = directory.join("server.properties");
        fs::write(&config, properties).map_err(io_error("write its configuration"))?;

        let config = config.to_string_lossy().into_owned();
        let format = ["format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", &config];
        run(java(jars).arg("kafka.tools.StorageTool").args(format), "format its storage")?;

        let log = File::create(directory.join("server.log")).map_err(io_error("write its log"))?;
        let errors = log.try_clone().map_err(io_error("write its log"))?;
        // The shell stands between, because a broker does not notice when the test that started it is killed: the
        // shell does, by the end of its input, and takes the broker along.
        let script =
            r#"exec 3<&0; d=$1; shift; "$@" </dev/null & b=$!; cat <&3 >/dev/null; kill -9 $b; wait $b; rm -rf "$d""#;
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(&directory).arg("java").args(JVM).arg("-cp").arg(jars.join("*"));
        let broker = command
            .args(["kafka.Kafka", &config])
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(io_error("start"))?;
        let kafka = Self { broker, directory, jars: jars.to_owned(), port, sasl_port };
        kafka.wait_until_it_answers()?;
        Ok(kafka)
    }

    fn wait_until_it_answers(&self) -> Result<(), RealKafkaError> {
        let asker: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.bootstrap())
            .set("reconnect.backoff.max.ms", "500")
            .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg)
            .create()
            .map_err(|error| failed("be asked", error))?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if asker.fetch_metadata(None, Duration::from_millis(500)).is_ok_and(|seen| !seen.brokers().is_empty()) {
                return Ok(());
            }
            let log = self.log();
            if log.contains("Exception") && log.contains("FATAL") || log.contains("already in use") {
                return Err(failed("start", log));
            }
        }
        Err(failed("start in time", self.log()))
    }

    /// Where it listens for whoever may do everything.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it listens for [`RealKafka::WATCHER`], with `security.protocol=sasl_plaintext` and mechanism `PLAIN`.
    pub fn sasl_bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.sasl_port)
    }

    /// What the broker logged: warnings and errors.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("server.log")).unwrap_or_default()
    }

    /// Runs one of Kafka's tools as `bin/*.sh` would, with `--bootstrap-server` set, and gives what it prints.
    ///
    /// # Errors
    /// When it fails.
    pub fn tool(&self, class: &str, arguments: &[&str]) -> Result<String, RealKafkaError> {
        let mut command = java(&self.jars);
        command.arg(class).args(["--bootstrap-server", &self.bootstrap()]).args(arguments);
        run(&mut command, &format!("run {class} {}", arguments.join(" ")))
    }

    /// Adds a topic.
    ///
    /// # Errors
    /// When there is one already.
    pub fn create_topic(&self, topic: &str, partitions: u32) -> Result<(), RealKafkaError> {
        let partitions = partitions.to_string();
        let arguments = ["--create", "--topic", topic, "--partitions", &partitions];
        self.tool("org.apache.kafka.tools.TopicCommand", &arguments).map(|_| ())
    }

    /// What `kafka-consumer-groups` prints.
    ///
    /// # Errors
    /// When it fails, for example because there is no such group.
    pub fn consumer_groups(&self, arguments: &[&str]) -> Result<String, RealKafkaError> {
        self.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", arguments)
    }

    /// What Kafka itself says about every partition of a group, in order.
    ///
    /// # Errors
    /// As [`RealKafka::consumer_groups`], and when its answer cannot be read.
    pub fn describe(&self, group: &str) -> Result<Vec<Described>, RealKafkaError> {
        let text = self.consumer_groups(&["--describe", "--group", group, "--offsets"])?;
        let mut described = vec![];
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let [name, topic, partition, committed, log_end, lag, member, ..] = words[..]
                && name == group
            {
                let number = |word: &str| word.parse::<u64>().ok();
                let partition = partition.parse().map_err(|_| failed("describe a group", &text))?;
                described.push(Described {
                    id: PartitionId::new(topic, partition),
                    committed: number(committed),
                    log_end: number(log_end),
                    lag: number(lag),
                    member: Some(member.to_owned()).filter(|member| member != "-"),
                });
            }
        }
        described.sort();
        Ok(described)
    }

    /// Lets [`RealKafka::WATCHER`] do something: arguments of `kafka-acls` such as `--operation Describe --topic *`.
    ///
    /// # Errors
    /// When the arguments are wrong.
    pub fn grant(&self, arguments: &[&str]) -> Result<(), RealKafkaError> {
        let principal = format!("User:{}", Self::WATCHER);
        let all = [&["--add", "--allow-principal", &principal], arguments].concat();
        self.tool("org.apache.kafka.tools.AclCommand", &all).map(|_| ())
    }
}

impl Drop for RealKafka {
    fn drop(&mut self) {
        // Closing the shell's input makes it kill the broker and end.
        drop(self.broker.stdin.take());
        self.broker.wait().ok();
        fs::remove_dir_all(&self.directory).ok();
    }
}

fn properties(directory: &Path, port: u16, controller_port: u16, sasl_port: u16) -> String {
    let data = directory.join("data");
    let (user, password) = (RealKafka::WATCHER, RealKafka::PASSWORD);
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller_port}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port},SASL_PLAINTEXT://127.0.0.1:{sasl_port}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl_port}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT\n\
         controller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=PLAINTEXT\n\
         sasl.enabled.mechanisms=PLAIN\n\
         listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}=\"{password}\";\n\
         authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
         super.users=User:ANONYMOUS\n\
         log.dirs={}\n\
         offsets.topic.replication.factor=1\n\
         offsets.topic.num.partitions=8\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         transaction.state.log.num.partitions=2\n\
         group.initial.rebalance.delay.ms=0\n\
         auto.create.topics.enable=false\n",
        data.display()
    )
}

/// Ports that nobody listens on at this moment.
fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    // All are held at once, so that they differ.
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0"));
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(listeners) {
        *port = listener?.local_addr()?.port();
    }
    Ok(ports)
}

fn java(jars: &Path) -> Command {
    let mut command = Command::new("java");
    command.args(JVM).arg("-cp").arg(jars.join("*")).stdin(Stdio::null());
    command
}

/// Runs a command to its end and gives what it prints.
fn run(command: &mut Command, what: &str) -> Result<String, RealKafkaError> {
    let output = command.output().map_err(io_error(what))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(text),
        false => Err(failed(what, format!("{text}{}", String::from_utf8_lossy(&output.stderr)))),
    }
}
