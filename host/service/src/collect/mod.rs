//! Reads everything there is about one window: Kafka itself, and whatever collectors can give. Each source fails alone
//! and in time; what it could not give is a gap. Start at [`Collector::collect`].

mod charted;
pub(crate) mod history;
mod kafka;
mod source;
mod watch;

use std::path::PathBuf;

use lagdoctor_kafka::KafkaConfig;
use lagdoctor_model::{Gap, GapCause, LogLine, Millis, Searches, Signals, Topology, Window};
use lagdoctor_runtime::{Bound, CollectQuery, CollectedPage};
use tokio::time::Instant;

use crate::derive::derive;
use crate::duration;
use crate::resolve::{Caps, Resolver};

use charted::Charted;
pub use charted::Ways;
pub use history::KafkaHistory;
use kafka::Cluster;
use source::Source;
pub use watch::{Exchange, Reading, Watched};

/// Pages of one collector for one window; more would take longer than an incident.
const MOST_PAGES: usize = 64;
/// Share of the deadline that Kafka and collectors may take; the rest is for placing what they gave.
const READING_SHARE: f64 = 0.9;

/// Whether Kafka is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Now: the window ends at the present.
    Now,
    /// Not now: what earlier looks saw is enough.
    Earlier,
    /// Never: the window lies in the past, of which Kafka knows nothing.
    Never,
}

/// What to collect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The window.
    pub window: Window,
    /// The cluster; `None` for the only one.
    pub cluster: Option<String>,
    /// Whether Kafka is asked.
    pub look: Look,
    /// How long it may take. What is late is a gap.
    pub deadline: Millis,
}

/// Reads sources, over and over.
pub struct Collector {
    clusters: Vec<Cluster>,
    collectors: Vec<Bound>,
    charted: Charted,
    caps: Caps,
    readings: Vec<Reading>,
    /// Texts of earlier looks: most lines of a window were in the one before.
    searches: Searches,
}

impl Collector {
    /// A collector of these clusters and collectors that places what they give on this topology. Reads nothing yet: a
    /// cluster that cannot be read is a gap each time. `keep` is how much of the past is kept of each cluster.
    pub fn new(kafka: &[KafkaConfig], collectors: Vec<Bound>, topology: Topology, keep: Millis) -> Self {
        let clusters = kafka.iter().map(|config| Cluster::new(config, keep)).collect();
        let charted = Charted { topology, ..Charted::default() };
        Self { clusters, collectors, charted, caps: Caps::default(), readings: vec![], searches: Searches::default() }
    }

    /// The same, for an operator who writes sources into a file, or gives them as flags: what is missing is said in those
    /// words. `files` are topology files and what each of them names.
    #[must_use]
    pub fn set_up(mut self, ways: Ways, files: Vec<(PathBuf, Topology)>) -> Self {
        self.charted.ways = ways;
        self.charted.files = files;
        self
    }

    /// From now on reads with these collectors; what was seen of the clusters stays.
    pub fn read_with(&mut self, collectors: Vec<Bound>) {
        self.collectors = collectors;
    }

    /// Names of the clusters that are watched.
    pub fn clusters(&self) -> impl Iterator<Item = &str> {
        self.clusters.iter().map(Cluster::name)
    }

    /// The past of a cluster.
    pub fn history(&self, cluster: &str) -> Option<&KafkaHistory> {
        self.clusters.iter().find(|known| known.name() == cluster).map(Cluster::history)
    }

    /// Looks at every cluster once, all at the same time, and remembers what is seen. What fails is in the gaps.
    pub async fn look(&mut self, window: &Window, deadline: Millis) -> Vec<Gap> {
        let until = Instant::now() + duration(deadline);
        look(self.clusters.iter_mut(), window, until).await
    }

    /// Everything there is about one window.
    pub async fn collect(&mut self, request: &Request) -> Signals {
        let resolver = self.read(request).await;
        placed(resolver, &self.charted, &mut self.searches)
    }

    /// The log lines of one window, exactly as [`Collector::collect`] gives them. Takes all that collecting takes, but for
    /// what would be made of the other readings.
    pub async fn lines(&mut self, request: &Request) -> Vec<LogLine> {
        let resolver = self.read(request).await;
        resolver.lines_after(&mut self.searches)
    }

    async fn read(&mut self, request: &Request) -> Resolver {
        let (resolver, readings) = read(&mut self.clusters, &self.collectors, &self.charted, self.caps, request).await;
        self.readings = readings;
        resolver
    }

    /// What came of reading the collectors the last time.
    pub fn readings(&self) -> &[Reading] {
        &self.readings
    }
}

async fn look<'a>(clusters: impl Iterator<Item = &'a mut Cluster>, window: &Window, until: Instant) -> Vec<Gap> {
    // Each look runs on a thread of its own from the moment it is begun, so that waiting in turn costs no time.
    let begun: Vec<_> = clusters.map(|cluster| (cluster.begin(window.now), cluster)).collect();
    let mut gaps = vec![];
    for (reading, cluster) in begun {
        gaps.extend(cluster.end(reading, until).await);
    }
    gaps
}

/// All that was read, as what judges it relies on it.
fn placed(resolver: Resolver, charted: &Charted, searches: &mut Searches) -> Signals {
    let mut signals = resolver.finish_after(searches);
    signals.gaps.extend(charted.unseen(&signals));
    derive(&mut signals);
    signals.normalised()
}

async fn read<S: Source>(
    clusters: &mut [Cluster],
    collectors: &[S],
    charted: &Charted,
    caps: Caps,
    request: &Request,
) -> (Resolver, Vec<Reading>) {
    let window = request.window;
    let until = Instant::now() + duration(request.deadline).mul_f64(READING_SHARE);
    let query = CollectQuery::all(window.start, window.now, window.step);
    let begun: Vec<_> = collectors
        .iter()
        .map(|source| tokio::spawn(watch::heard(source.clone(), query.clone(), window.now, until, MOST_PAGES)))
        .collect();
    let wanted = |cluster: &&mut Cluster| request.cluster.as_deref().is_none_or(|name| name == cluster.name());
    let mut gaps = missing(clusters, collectors, request, charted.ways);
    if request.look == Look::Now {
        gaps.extend(look(clusters.iter_mut().filter(wanted), &window, until).await);
    }
    let mut resolver = Resolver::new(window, charted.topology.clone(), caps);
    if request.look != Look::Never {
        for cluster in
            clusters.iter().filter(|known| request.cluster.as_deref().is_none_or(|name| name == known.name()))
        {
            resolver.add_kafka(cluster.history().view(&window));
        }
    }
    let mut read: Vec<(&str, CollectedPage)> = vec![];
    let mut readings = vec![];
    for (source, task) in collectors.iter().zip(begun) {
        let (page, reading) = task.await.unwrap_or_else(|_| {
            let statement = format!("reading by `{}` ended without an answer; report it", source.name());
            watch::lost(Gap { source: source.name().into(), cause: GapCause::PluginFailed, node: None, statement })
        });
        resolver.add_nodes(source.name(), &page);
        read.push((source.name(), page));
        readings.push(reading);
    }
    for (place, (name, page)) in read.into_iter().enumerate() {
        resolver.add_page(name, place, page);
    }
    for gap in gaps {
        resolver.add_gap(gap);
    }
    (resolver, readings)
}

/// Kinds of source that nobody has configured. Somebody who is not told that logs are missing takes their silence for
/// health.
fn missing<S: Source>(clusters: &[Cluster], collectors: &[S], request: &Request, ways: Ways) -> Vec<Gap> {
    let gap = |source: &str, statement: &str| Gap {
        source: source.into(),
        cause: GapCause::NotConfigured,
        node: None,
        statement: statement.into(),
    };
    let mut gaps = vec![];
    let knows_kafka = collectors.iter().any(|source| source.gives("kafka.consumer_group.lag"));
    if clusters.is_empty() && !knows_kafka {
        gaps.push(gap("kafka", &format!("no Kafka is configured, so no lag is known; {}", ways.kafka())));
    }
    if let Some(name) = &request.cluster
        && !clusters.is_empty()
        && !clusters.iter().any(|cluster| cluster.name() == name)
    {
        let known: Vec<_> = clusters.iter().map(Cluster::name).collect();
        gaps.push(gap("kafka", &format!("no cluster is called `{name}`; there are {}", known.join(", "))));
    }
    if request.cluster.is_none() && clusters.len() > 1 {
        let statement =
            "several clusters were read together, and groups of one name are taken for one; choose with --cluster";
        gaps.push(gap("kafka", statement));
    }
    if !collectors.iter().any(|source| source.gives("db.server.up") || source.gives("jvm.gc.overhead")) {
        gaps.push(gap(
            "metrics",
            &format!(
                "no source of metrics is configured, so consumers, pools and databases are unseen; {}",
                ways.metrics()
            ),
        ));
    }
    if !collectors.iter().any(|source| source.gives("log")) {
        gaps.push(gap("logs", &format!("no source of logs is configured; {}", ways.logs())));
    }
    gaps
}

#[cfg(test)]
mod tests;
