//! Everything that brokers do wrong: they die, slow down, lose leaders and refuse to answer. Start at
//! [`MockKafka::fail`].

use std::time::Duration;

use lagdoctor_model::{Millis, PartitionId};
use rdkafka::producer::Producer;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::{MockError, MockKafka};

/// A question that brokers answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MockRequest {
    /// Which topics and brokers are there.
    Metadata,
    /// Where a log starts and ends.
    ListOffsets,
    /// What a group has committed.
    OffsetFetch,
    /// Who coordinates a group.
    FindCoordinator,
    /// Records, please.
    Fetch,
}

/// How a broker fails to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MockFault {
    /// The topic may not be read or seen.
    TopicDenied,
    /// The group may not be seen.
    GroupDenied,
    /// The group has another coordinator.
    NotCoordinator,
    /// The partition has another leader.
    NotLeader,
    /// The broker hangs up.
    Disconnect,
}

impl MockKafka {
    /// Breaks all connections to a broker and refuses new ones; other brokers do not take over.
    ///
    /// # Errors
    /// When there is no such broker.
    pub fn broker_down(&self, broker: i32) -> Result<(), MockError> {
        self.brokers(|brokers| brokers.broker_down(broker))
            .map_err(|source| MockError { what: format!("stop broker {broker}"), source })
    }

    /// Lets a broker answer again.
    ///
    /// # Errors
    /// When there is no such broker.
    pub fn broker_up(&self, broker: i32) -> Result<(), MockError> {
        self.brokers(|brokers| brokers.broker_up(broker))
            .map_err(|source| MockError { what: format!("start broker {broker}"), source })
    }

    /// Makes a broker take this long for every answer.
    ///
    /// # Errors
    /// When there is no such broker.
    pub fn round_trip(&self, broker: i32, delay: Millis) -> Result<(), MockError> {
        let delay = Duration::from_millis(u64::try_from(delay.as_millis()).unwrap_or(0));
        self.brokers(|brokers| brokers.broker_round_trip_time(broker, delay))
            .map_err(|source| MockError { what: format!("slow down broker {broker}"), source })
    }

    /// Makes a broker lead a partition, or nobody.
    ///
    /// # Errors
    /// When there is no such partition or broker.
    pub fn leader(&self, partition: &PartitionId, broker: Option<i32>) -> Result<(), MockError> {
        let number = i32::try_from(partition.partition).unwrap_or(i32::MAX);
        self.brokers(|brokers| brokers.partition_leader(&partition.topic, number, broker))
            .map_err(|source| MockError { what: format!("move the leader of {partition}"), source })
    }

    /// Makes the next so many answers to a question fail, one after the other.
    pub fn fail(&self, request: MockRequest, faults: &[MockFault]) {
        let faults: Vec<RDKafkaRespErr> = faults.iter().map(|fault| fault.code()).collect();
        if let Some(brokers) = self.producer.client().mock_cluster() {
            brokers.request_errors(request.key(), &faults);
        }
    }

    /// Answers a question as asked again.
    pub fn heal(&self, request: MockRequest) {
        if let Some(brokers) = self.producer.client().mock_cluster() {
            brokers.clear_request_errors(request.key());
        }
    }

    /// Denies a topic to everybody who asks for it, or allows it again.
    ///
    /// # Errors
    /// When the name holds a zero byte.
    pub fn deny_topic(&self, topic: &str, denied: bool) -> Result<(), MockError> {
        let error = if denied {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
        } else {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
        };
        self.brokers(|brokers| brokers.topic_error(topic, error))
            .map_err(|source| MockError { what: format!("deny topic `{topic}`"), source })
    }
}

impl MockRequest {
    fn key(self) -> RDKafkaApiKey {
        match self {
            Self::Metadata => RDKafkaApiKey::Metadata,
            Self::ListOffsets => RDKafkaApiKey::ListOffsets,
            Self::OffsetFetch => RDKafkaApiKey::OffsetFetch,
            Self::FindCoordinator => RDKafkaApiKey::FindCoordinator,
            Self::Fetch => RDKafkaApiKey::Fetch,
        }
    }
}

impl MockFault {
    fn code(self) -> RDKafkaRespErr {
        match self {
            Self::TopicDenied => RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            Self::GroupDenied => RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            Self::NotCoordinator => RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
            Self::NotLeader => RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            Self::Disconnect => RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
        }
    }
}
