//! Facts about reading sources that fail, hang, or say the same.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use lagdoctor_kafka::{GroupProtocol, GroupSnapshot, GroupState, PartitionLag, PartitionSnapshot, Snapshot};
use lagdoctor_model::{Commit, NodeId, Offset, PartitionId, Sample, Severity, SignalName, Timestamp, lag};
use lagdoctor_runtime::{CallError, ErrorCode, FailureKind, RawLog, RawSeries, Temporality};

use super::kafka::{Connect, Listen};
use super::*;

fn at(seconds: u32) -> Timestamp {
    Timestamp::EPOCH + Millis::seconds(seconds)
}

fn request(look: Look) -> Request {
    let window = Window { start: at(0), now: at(600), step: Millis::seconds(15) };
    Request { window, cluster: None, look, deadline: Millis::seconds(20) }
}

#[derive(Clone)]
enum Answer {
    Page(CollectedPage),
    Unreachable,
    Never,
}

#[derive(Clone)]
struct Fake {
    name: &'static str,
    lists: &'static [&'static str],
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Fake {
    fn new(name: &'static str, answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = Arc::new(Mutex::new(answers.into_iter().collect()));
        Self { name, lists: &["db.server.up", "kafka.consumer_group.lag", "log"], answers }
    }
}

impl Source for Fake {
    fn name(&self) -> &str {
        self.name
    }

    fn gives(&self, signal: &str) -> bool {
        self.lists.contains(&signal)
    }

    async fn page(&self, _: &CollectQuery, _: Timestamp) -> Result<CollectedPage, CallError> {
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(Answer::Page(page)) => Ok(page),
            Some(Answer::Unreachable) => Err(CallError {
                plugin: self.name.into(),
                kind: FailureKind::Typed { code: ErrorCode::Unreachable },
                statement: "prometheus:9090 refused the connection".into(),
            }),
            Some(Answer::Never) => std::future::pending().await,
            None => Ok(CollectedPage::default()),
        }
    }
}

fn up(server: &str, next: Option<&str>) -> Answer {
    Answer::Page(CollectedPage {
        series: vec![RawSeries {
            signal: SignalName::new("db.server.up").unwrap(),
            attributes: [("instance".to_owned(), format!("{server}:9104"))].into(),
            temporality: Temporality::Gauge,
            samples: vec![Sample { at: at(300), value: 1.0 }],
            query: None,
        }],
        next: next.map(str::to_owned),
        ..CollectedPage::default()
    })
}

async fn collected(clusters: &mut [Cluster], sources: &[Fake], request: &Request) -> Signals {
    collected_on(&Charted::default(), clusters, sources, request).await
}

async fn collected_on(charted: &Charted, clusters: &mut [Cluster], sources: &[Fake], request: &Request) -> Signals {
    let (resolver, _) = read(clusters, sources, charted, Caps::default(), request).await;
    placed(resolver, charted, &mut Searches::default())
}

fn gaps(signals: &Signals) -> Vec<String> {
    signals.gaps.iter().map(|gap| format!("{}: {}", gap.source, gap.statement)).collect()
}

fn nodes(signals: &Signals) -> Vec<&str> {
    signals.topology.nodes().map(|node| node.id.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn one_source_that_fails_costs_only_what_it_knows() {
    let sources = [Fake::new("metrics-a", [Answer::Unreachable]), Fake::new("metrics-b", [up("orders-db", None)])];
    let signals = collected(&mut [], &sources, &request(Look::Never)).await;
    assert_eq!(nodes(&signals), ["database:orders-db"]);
    assert_eq!(gaps(&signals), ["metrics-a: prometheus:9090 refused the connection"]);
}

#[tokio::test(start_paused = true)]
async fn the_pages_before_a_late_one_are_kept() {
    let sources = [Fake::new("metrics", [up("a", Some("2")), Answer::Never])];
    let signals = collected(&mut [], &sources, &request(Look::Never)).await;
    assert_eq!(nodes(&signals), ["database:a"]);
    assert!(gaps(&signals)[0].starts_with("metrics: was not done with page 2 in time"), "{:?}", signals.gaps);
}

#[tokio::test(start_paused = true)]
async fn a_source_without_end_is_cut() {
    let endless = std::iter::repeat_n(up("a", Some("more")), 10 * MOST_PAGES);
    let signals = collected(&mut [], &[Fake::new("metrics", endless)], &request(Look::Never)).await;
    assert_eq!(signals.gaps.len(), 1);
    assert_eq!(signals.gaps[0].cause, GapCause::Truncated);
}

#[tokio::test(start_paused = true)]
async fn kinds_of_source_that_nobody_configured_are_named() {
    let signals = collected(&mut [], &[], &request(Look::Now)).await;
    let missing: Vec<_> = signals.gaps.iter().map(|gap| (gap.source.as_str(), gap.cause)).collect();
    let none = GapCause::NotConfigured;
    assert_eq!(missing, [("kafka", none), ("logs", none), ("metrics", none)]);
}

#[tokio::test(start_paused = true)]
async fn who_writes_a_file_is_told_of_no_flags() {
    let charted = Charted { ways: Ways::File, ..Charted::default() };
    let signals = collected_on(&charted, &mut [], &[], &request(Look::Now)).await;
    let said = gaps(&signals);
    assert!(said.len() == 3 && said.iter().all(|gap| !gap.contains("--") && gap.contains("[[")), "{said:?}");
}

/// A page of log lines of a service, each with the second at which it was written.
fn said(lines: &[(u32, &str)]) -> Answer {
    let line = |(second, message): &(u32, &str)| RawLog {
        at: at(*second),
        severity: Severity::ERROR,
        message: (*message).to_owned(),
        attributes: [("service.name".to_owned(), "shop".to_owned())].into(),
    };
    Answer::Page(CollectedPage { logs: lines.iter().map(line).collect(), ..CollectedPage::default() })
}

#[tokio::test(start_paused = true)]
async fn whoever_needs_lines_alone_gets_those_that_everything_comes_with() {
    let lines = [(40, "user=bob failed"), (20, "order 4711 of user=alice failed"), (60, "user=alice failed")];
    let (charted, request) = (Charted::default(), request(Look::Never));
    let mut searches = Searches::default();
    for _ in 0..2 {
        let source = Fake::new("logs", [said(&lines), said(&lines)]);
        let whole = collected_on(&charted, &mut [], std::slice::from_ref(&source), &request).await;
        let (resolver, _) = read(&mut [], &[source], &charted, Caps::default(), &request).await;
        let alone = resolver.lines_after(&mut searches);
        assert_eq!(alone, whole.logs, "also where the same lines were read before");
        let words: Vec<&str> = alone.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(words, ["order <order:1> of user=<user:1> failed", "user=<user:2> failed", "user=<user:1> failed"]);
    }
}

/// A cluster with one group of one partition that is 30 records behind.
fn snapshot(now: Timestamp, committed: u64) -> Snapshot {
    let id = PartitionId::new("orders", 0);
    let (committed, end) = (Offset(committed), Offset(committed + 30));
    let commit = Commit { offset: committed, at: now - Millis::seconds(1), lag: Some(lag(end, committed)) };
    Snapshot {
        cluster: "shop".into(),
        at: now,
        groups: vec![GroupSnapshot {
            group: "fulfilment".into(),
            state: GroupState::Stable,
            protocol: GroupProtocol::Classic,
            generation: Some(i64::try_from(committed.0 / 1000).unwrap()),
            members: vec![],
            partitions: vec![PartitionLag {
                id: id.clone(),
                committed: Some(committed),
                log_end: Some(end),
                lag: Some(lag(end, committed)),
                lost: None,
                commits: vec![commit],
            }],
        }],
        partitions: vec![PartitionSnapshot {
            id,
            log_start: Some(Offset(0)),
            log_end: Some(end),
            leader: Some(1),
            replicas: 3,
            in_sync: 3,
        }],
        brokers: vec![],
        gaps: vec![],
    }
}

struct Echo;

impl Listen for Echo {
    fn read(&mut self, now: Timestamp) -> Snapshot {
        snapshot(now, 1000)
    }
}

fn echo() -> Cluster {
    let connect: Connect = Arc::new(|| Ok(Box::new(Echo)));
    Cluster::with("shop", "kafka:9092", Millis::minutes(60), connect)
}

fn lag_of(signals: &Signals) -> Vec<(i64, f64)> {
    let group = NodeId::new("group:fulfilment").unwrap();
    let lag = signals.series_of(&group, "kafka.consumer_group.lag").next().unwrap();
    lag.samples().iter().map(|sample| (sample.at.as_millis() / 1000, sample.value)).collect()
}

#[tokio::test]
async fn native_lag_beats_an_exporter_and_the_exporter_gives_the_past() {
    let labels =
        [("consumergroup", "fulfilment"), ("topic", "orders"), ("partition", "0"), ("instance", "exporter:9308")];
    let page = CollectedPage {
        series: vec![RawSeries {
            signal: SignalName::new("kafka.consumer_group.lag").unwrap(),
            attributes: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            temporality: Temporality::Gauge,
            samples: vec![Sample { at: at(300), value: 20.0 }, Sample { at: at(600), value: 77.0 }],
            query: Some("kafka_consumergroup_lag{consumergroup=\"fulfilment\"}".into()),
        }],
        ..CollectedPage::default()
    };
    let sources = [Fake::new("metrics", [Answer::Page(page)])];
    let signals = collected(&mut [echo()], &sources, &request(Look::Now)).await;
    // 599 is the commit that Kafka remembers from before the look.
    assert_eq!(lag_of(&signals), [(300, 20.0), (599, 30.0), (600, 30.0)]);
    assert_eq!(signals.gaps, []);
    let edges: Vec<_> = signals.topology.edges().map(|edge| edge.kind.as_str().to_owned()).collect();
    assert_eq!(edges, ["consumes", "led-by", "part-of"]);
}

#[tokio::test]
async fn a_window_in_the_past_knows_nothing_of_what_kafka_says_now() {
    let signals = collected(&mut [echo()], &[Fake::new("metrics", [])], &request(Look::Never)).await;
    assert!(signals.series.is_empty());
}

#[tokio::test]
async fn a_cluster_that_cannot_be_read_is_a_gap_and_may_come_back() {
    let tries = Arc::new(Mutex::new(0));
    let connect: Connect = Arc::new(move || {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        if *tries > 1 {
            return Ok(Box::new(Echo));
        }
        let (cluster, bootstrap) = ("shop".into(), "kafka:9092".into());
        Err(lagdoctor_kafka::KafkaError::Unreachable { cluster, bootstrap, why: "connection refused".into() })
    });
    let mut clusters = [Cluster::with("shop", "kafka:9092", Millis::minutes(60), connect)];
    let signals = collected(&mut clusters, &[Fake::new("metrics", [])], &request(Look::Now)).await;
    assert_eq!(signals.gaps[0].cause, GapCause::Unreachable);
    let signals = collected(&mut clusters, &[Fake::new("metrics", [])], &request(Look::Now)).await;
    assert_eq!(signals.gaps, []);
    assert_eq!(lag_of(&signals).last(), Some(&(600, 30.0)));
}

struct Stuck(mpsc::Receiver<()>);

impl Listen for Stuck {
    fn read(&mut self, now: Timestamp) -> Snapshot {
        let _ = self.0.recv();
        snapshot(now, 1000)
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_hangs_is_not_waited_for_and_not_asked_twice() {
    let (release, wait) = mpsc::channel();
    let wait = Arc::new(Mutex::new(Some(wait)));
    // Time goes on once the look has begun, however late its thread is.
    let (begin, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let connect: Connect = Arc::new(move || {
        begin.send(()).unwrap();
        Ok(Box::new(Stuck(wait.lock().unwrap().take().unwrap())))
    });
    let mut clusters = [Cluster::with("shop", "kafka:9092", Millis::minutes(60), connect)];
    let sources = [Fake::new("metrics", [up("orders-db", None)])];
    let asked = request(Look::Now);
    let (signals, ()) = tokio::join!(collected(&mut clusters, &sources, &asked), async {
        begun.recv().await;
        tokio::time::advance(Duration::from_secs(30)).await;
    });
    assert_eq!(gaps(&signals), ["kafka shop: cluster `shop` was not read in time, so its newest lag is missing"]);
    assert_eq!(nodes(&signals), ["database:orders-db"]);
    let signals = collected(&mut clusters, &sources, &asked).await;
    assert_eq!(gaps(&signals), ["kafka shop: cluster `shop` has not answered the look before this one yet"]);
    release.send(()).unwrap();
}

fn history(looks: &[(u32, u64)]) -> KafkaHistory {
    let mut history = KafkaHistory::new("kafka:9092", Millis::minutes(10));
    for (seconds, committed) in looks {
        history.push(snapshot(at(*seconds), *committed));
    }
    history
}

#[test]
fn a_rebalance_between_two_looks_is_an_event() {
    let window = Window { start: at(0), now: at(600), step: Millis::seconds(15) };
    let view = history(&[(15, 1000), (30, 1500), (45, 2500)]).view(&window);
    let events: Vec<_> = view.events.iter().map(|event| (event.at, event.what.as_str())).collect();
    assert_eq!(events, [(at(45), "rebalanced: generation 1 -> 2")]);
}

#[test]
fn a_clock_that_goes_back_undoes_nothing() {
    let window = Window { start: at(0), now: at(600), step: Millis::seconds(15) };
    assert_eq!(history(&[(30, 1000), (15, 9000)]).view(&window).series, history(&[(30, 1000)]).view(&window).series);
}

#[test]
fn the_past_is_kept_for_the_window_and_no_longer() {
    let looks: Vec<_> = (1u32..=200).map(|look| (look * 15, u64::from(look) * 100)).collect();
    let window = Window { start: at(0), now: at(3000), step: Millis::seconds(15) };
    let view = history(&looks).view(&window);
    let offsets =
        view.series.iter().find(|series| series.signal().as_str() == "kafka.partition.current_offset").unwrap();
    assert_eq!((offsets.samples().len(), offsets.samples()[0].at), (41, at(2400)));
}

#[test]
fn a_group_that_is_gone_is_seen_until_the_window_has_passed() {
    let mut history = history(&[(15, 1000)]);
    let groups = |history: &KafkaHistory, now: u32| {
        let window = Window { start: at(0), now: at(now), step: Millis::seconds(15) };
        history.view(&window).topology.nodes().filter(|node| node.id.kind() == "group").count()
    };
    history.push(Snapshot { groups: vec![], ..snapshot(at(300), 0) });
    assert_eq!(groups(&history, 300), 1);
    history.push(Snapshot { groups: vec![], ..snapshot(at(700), 0) });
    assert_eq!(groups(&history, 700), 0);
}
