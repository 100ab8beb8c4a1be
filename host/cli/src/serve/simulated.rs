//! A simulated pipeline as tools meet a real one: the Prometheus and Elasticsearch APIs on one address, and an in-process
//! Kafka that is kept in step with the run. Start at [`Pipeline`] and [`serve`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use lagdoctor_kafka::{GroupProtocol, Member, MockError, MockKafka};
use lagdoctor_model::{Offset, PartitionId, Timestamp};
use lagdoctor_sim::{Scenario, Simulation, endpoints};
use miette::{IntoDiagnostic, Result, WrapErr};
use tokio::net::TcpListener;

/// A run, shared with those who read it.
pub type Shared = Arc<RwLock<Simulation>>;

/// A run and a Kafka in step with it.
pub struct Pipeline {
    run: Shared,
    kafka: MockKafka,
    generations: BTreeMap<String, u64>,
}

impl Pipeline {
    /// The pipeline of a scenario, at the start of its run.
    pub fn new(scenario: &Scenario, seed: u64) -> Result<Self> {
        Self::of(Simulation::new(scenario, seed))
    }

    /// The pipeline of a run that is at its start.
    pub fn of(mut run: Simulation) -> Result<Self> {
        let state = run.kafka_state();
        let mut topics: BTreeMap<&str, u32> = BTreeMap::new();
        for partition in &state.partitions {
            *topics.entry(&partition.id.topic).or_default() += 1;
        }
        let topics: Vec<(&str, u32)> = topics.into_iter().collect();
        let brokers = state.partitions.iter().filter_map(|partition| partition.leader).max().unwrap_or(1);
        let kafka = MockKafka::new(brokers.max(1), &topics).into_diagnostic()?;
        let mut pipeline = Self { run: Arc::new(RwLock::new(run)), kafka, generations: BTreeMap::new() };
        pipeline.feed(state).into_diagnostic()?;
        Ok(pipeline)
    }

    /// The run.
    pub fn run(&self) -> RwLockReadGuard<'_, Simulation> {
        self.run.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run, to be read by a server.
    pub fn shared(&self) -> Shared {
        self.run.clone()
    }

    /// Where the Kafka listens.
    pub fn bootstrap(&self) -> String {
        self.kafka.bootstrap()
    }

    /// Lets everything happen up to this moment. Blocks while records go to the Kafka.
    pub fn advance_to(&mut self, moment: Timestamp) -> Result<()> {
        let state = {
            let mut run = self.run.write().unwrap_or_else(PoisonError::into_inner);
            run.advance_to(moment);
            run.kafka_state()
        };
        self.feed(state).into_diagnostic()
    }

    fn feed(&mut self, state: lagdoctor_sim::KafkaState) -> Result<(), MockError> {
        self.kafka.advance_all(state.partitions.iter().map(|partition| (&partition.id, partition.log_end)))?;
        for group in &state.groups {
            if self.generations.insert(group.group.clone(), group.generation) != Some(group.generation) {
                let member = |member: &lagdoctor_sim::MemberState| Member {
                    id: member.id.clone(),
                    client_id: member.client_id.clone(),
                    host: member.host.clone(),
                    partitions: member.partitions.clone(),
                };
                let members: Vec<Member> = group.members.iter().map(member).collect();
                let generation = i32::try_from(group.generation).unwrap_or(i32::MAX);
                self.kafka.rebalance(&group.group, GroupProtocol::Classic, generation, &members, state.at)?;
            }
            let mut moments: BTreeMap<Timestamp, Vec<(&PartitionId, Offset)>> = BTreeMap::new();
            for commit in &group.commits {
                moments.entry(commit.at).or_default().push((&commit.partition, commit.offset));
            }
            for (at, offsets) in moments {
                self.kafka.commit_all(&group.group, at, offsets)?;
            }
        }
        Ok(())
    }
}

/// Serves a run on `address` until the program ends. Gives the address that was taken.
pub async fn serve(run: Shared, address: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind(address).await.into_diagnostic().wrap_err_with(|| {
        format!("cannot listen on {address}; choose another with --serve, or port 0 for any that is free")
    })?;
    let taken = listener.local_addr().into_diagnostic()?;
    let router = Router::new().fallback(answer).with_state(run);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(taken)
}

async fn answer(State(run): State<Shared>, method: Method, uri: Uri, body: Bytes) -> Response {
    let run = run.read().unwrap_or_else(PoisonError::into_inner);
    let path = uri.path();
    if path == "/topology.json" {
        let json = lagdoctor_bundle::topology_json(run.topology());
        return ([(header::CONTENT_TYPE, "application/json")], json).into_response();
    }
    let given = if path.starts_with("/api/v1/") || path == "/metrics" {
        let mut params = pairs(uri.query().unwrap_or_default().as_bytes());
        params.extend(pairs(&body));
        endpoints::prometheus::answer(run.telemetry(), run.now(), path, &params)
    } else {
        endpoints::elasticsearch::answer(
            run.telemetry(),
            run.now(),
            method.as_str(),
            path,
            &String::from_utf8_lossy(&body),
        )
    };
    let status = StatusCode::from_u16(given.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, given.content_type)], given.body).into_response()
}

/// The pairs of a query or form.
fn pairs(text: &[u8]) -> Vec<(String, String)> {
    let mut url = lagdoctor_runtime::Url::parse("http://form.example/").ok();
    if let Some(url) = &mut url {
        url.set_query(std::str::from_utf8(text).ok());
    }
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}
