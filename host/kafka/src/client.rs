//! How does one talk to librdkafka without surprises: quiet logs, errors with their reason, no secret in any text, and
//! properties that no operator can talk us out of. Start at [`Connector`].

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lagdoctor_model::{GapCause, Millis};
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};

use crate::{KafkaConfig, KafkaError};

/// A connection to the cluster. What it may do depends on how it was made: see [`Connector`].
pub(crate) type Handle = BaseConsumer<Quiet>;

/// Keeps the last reason why a connection failed, since librdkafka's error codes do not hold it.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    last_failure: Mutex<Option<String>>,
}

impl ClientContext for Quiet {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", facility, message);
        if facility == "FAIL" {
            // The message starts with the thread and the broker: `[thrd:b1:9092/1]: b1:9092/1: Connect to … failed`.
            let reason = message.split_once("]: ").map_or(message, |(_, reason)| reason);
            *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
    }

    fn stats(&self, _: rdkafka::Statistics) {}

    fn error(&self, error: Native, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, reason);
    }
}

impl ConsumerContext for Quiet {}

/// Properties that lagdoctor depends on for leaving groups alone and for reading completely.
const OURS: [&str; 11] = [
    "bootstrap.servers",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "auto.offset.reset",
    "isolation.level",
    "test.mock.num.brokers",
    "allow.auto.create.topics",
];

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Connector {
    cluster: String,
    properties: BTreeMap<String, String>,
    base: ClientConfig,
    timeout: Millis,
}

impl Connector {
    pub(crate) fn new(config: &KafkaConfig) -> Result<Self, KafkaError> {
        let refuse = |property: &str, why: &str| KafkaError::Property {
            cluster: config.cluster.clone(),
            property: property.to_owned(),
            why: why.to_owned(),
        };
        let mut base = ClientConfig::new();
        // Defaults that an operator may change.
        base.set("client.id", "lagdoctor").set("reconnect.backoff.max.ms", "2000").set("log.connection.close", "false");
        for (name, value) in &config.properties {
            if OURS.contains(&name.as_str()) {
                return Err(refuse(name, "lagdoctor sets it itself, so as to disturb nobody"));
            }
            if name.contains('\0') || value.contains('\0') {
                return Err(refuse(name, "it holds a zero byte"));
            }
            base.set(name, value);
        }
        if config.bootstrap.trim().is_empty() {
            return Err(refuse("bootstrap.servers", "it is empty; give `host:port`"));
        }
        base.set("bootstrap.servers", &config.bootstrap)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("allow.auto.create.topics", "false")
            .set_log_level(RDKafkaLogLevel::Info);
        let connector = Self {
            cluster: config.cluster.clone(),
            properties: config.properties.clone(),
            base,
            timeout: config.timeout,
        };
        connector.base.create_native_config().map(|_| connector.clone()).map_err(|error| connector.refused(error))
    }

    /// How long to wait for any one answer.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.timeout.as_millis()).unwrap_or(0).clamp(1, 600_000))
    }

    /// For questions about the cluster: metadata, ends of logs, groups. Has no group.
    ///
    /// Sees records of open transactions, as `kafka-consumer-groups` does: what a stuck transaction holds back is
    /// behind as well.
    pub(crate) fn for_questions(&self) -> Result<Handle, KafkaError> {
        self.make(self.base.clone().set("isolation.level", "read_uncommitted"))
    }

    /// For asking how far [`Connector::for_reading`] can get: an open transaction ends the log for it.
    pub(crate) fn for_asking_readers(&self) -> Result<Handle, KafkaError> {
        self.make(self.base.clone().set("isolation.level", "read_committed"))
    }

    /// For reading `__consumer_offsets` by assignment. Offsets that a transaction took back were never committed.
    ///
    /// librdkafka assigns nothing without a group; it only asks who would coordinate this one, and never joins it.
    pub(crate) fn for_reading(&self) -> Result<Handle, KafkaError> {
        self.make(
            self.base
                .clone()
                .set("group.id", "lagdoctor")
                .set("isolation.level", "read_committed")
                .set("enable.partition.eof", "true")
                .set("auto.offset.reset", "earliest")
                .set("fetch.wait.max.ms", "200")
                .set("queued.min.messages", "20000")
                .set("queued.max.messages.kbytes", "16384"),
        )
    }

    /// For asking what `group` has committed. Never subscribes, so it never joins.
    pub(crate) fn for_group(&self, group: &str) -> Result<Handle, KafkaError> {
        self.make(self.base.clone().set("group.id", group))
    }

    fn make(&self, config: &ClientConfig) -> Result<Handle, KafkaError> {
        config.create_with_context(Quiet::default()).map_err(|error| self.refused(error))
    }

    /// Says which property is wrong, without its value.
    fn refused(&self, error: Native) -> KafkaError {
        let cluster = self.cluster.clone();
        match error {
            Native::ClientConfig(_, why, property, value) => {
                let known = !why.to_lowercase().contains("no such configuration property");
                let why = match known {
                    false => "librdkafka knows no such property; see its CONFIGURATION.md".to_owned(),
                    true if value.is_empty() || why.contains(&value) => {
                        "its value is not valid; see librdkafka's CONFIGURATION.md".to_owned()
                    }
                    true => self.without_secrets(why),
                };
                KafkaError::Property { cluster, property, why }
            }
            Native::ClientCreation(why) => KafkaError::Properties { cluster, why: self.without_secrets(why) },
            other => KafkaError::Properties { cluster, why: self.without_secrets(other.to_string()) },
        }
    }

    fn without_secrets(&self, text: String) -> String {
        const SECRET: [&str; 6] = ["password", "secret", "pem", "token", "key", "oauthbearer"];
        self.properties
            .iter()
            .filter(|(name, value)| {
                !value.is_empty() && !name.ends_with(".location") && SECRET.iter().any(|word| name.contains(word))
            })
            .fold(text, |text, (_, value)| text.replace(value.as_str(), "***"))
    }

    /// Takes in what librdkafka logged: it queues log lines until somebody polls, without limit.
    pub(crate) fn drain(&self, handle: &Handle) {
        for _ in 0..100 {
            // A handle that reads nothing gets no records, so nothing is lost here.
            handle.poll(Duration::ZERO);
        }
    }

    /// What a failed question says: the code, and the reason for the last lost connection where that is the cause.
    pub(crate) fn why(&self, handle: &Handle, error: &Native) -> String {
        let code = code(error);
        self.drain(handle);
        let last = handle.context().last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match last {
            Some(reason) if cause(code) == GapCause::Unreachable => self.without_secrets(reason),
            _ => words(code),
        }
    }
}

/// The code in an error.
pub(crate) fn code(error: &Native) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)
}

/// What a code means, in librdkafka's words but in ours where those mislead.
pub(crate) fn words(code: RDKafkaErrorCode) -> String {
    match code {
        RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::RequestTimedOut => "no answer in time".to_owned(),
        RDKafkaErrorCode::AllBrokersDown => "all brokers are down".to_owned(),
        RDKafkaErrorCode::BrokerTransportFailure => "the connection broke".to_owned(),
        other => other.to_string(),
    }
}

/// Which kind of gap a code leaves.
pub(crate) fn cause(code: RDKafkaErrorCode) -> GapCause {
    use RDKafkaErrorCode as Code;
    match code {
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::Authentication
        | Code::SecurityDisabled => GapCause::Refused,
        Code::UnsupportedFeature | Code::UnsupportedVersion | Code::NotImplemented => GapCause::NotConfigured,
        Code::BadMessage | Code::Underflow | Code::InvalidMessage => GapCause::Malformed,
        _ => GapCause::Unreachable,
    }
}
