//! `[generate]`: a pipeline that is drawn for each run, so that no plugin can be made for one graph. Before names are
//! drawn, nodes are called `producer-1`, `topic-1`, `service-1`, `database-1`, `cache-1`, `endpoint-1`, `host-1`, and so on
//! with 2, 3, ...; `service-1` reads `topic-1`, which `producer-1` feeds, calls `cache-1`, `database-1` and `endpoint-1`,
//! and runs on `host-1` among others. So a scenario can name what breaks and where it hurts, whatever the rest looks like.
//! Everything has about three times the room that it needs. Start at [`GenerateSpec::topology`].

use std::fmt::Write;

use serde::Deserialize;
use toml::Table;

use super::value::Number;
use crate::random::{Stream, Streams};

/// `[generate]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GenerateSpec {
    /// Services, each with a group of its own: 1 to 500.
    services: u32,
    /// Topics; half of them are fed by producers, the others by services. A third as many as services, when missing.
    #[serde(default)]
    topics: Option<u32>,
    /// Primaries; about every third has a replica. A sixth as many as services.
    #[serde(default)]
    databases: Option<u32>,
    /// A tenth as many as services.
    #[serde(default)]
    caches: Option<u32>,
    /// What is called over HTTP: a tenth as many as services.
    #[serde(default)]
    endpoints: Option<u32>,
    /// Hosts that instances run on; databases, caches and brokers have others. Half as many as services.
    #[serde(default)]
    hosts: Option<u32>,
    #[serde(default = "three")]
    brokers: u32,
    /// Records per second of each topic that a producer feeds.
    #[serde(default = "some")]
    rate: Number,
}

fn three() -> u32 {
    3
}
fn some() -> Number {
    Number::Uniform { low: 30.0, high: 90.0 }
}

/// A service, so far as others depend on it.
struct Service {
    topic: usize,
    replicas: u32,
    /// Records per second of each instance.
    each: f64,
}

/// Who reads which topic, how many records a second each topic gets, and what each service writes onward: topics, and
/// records for each one read.
struct Flow {
    reads: Vec<usize>,
    rates: Vec<f64>,
    outputs: Vec<Vec<(usize, f64)>>,
}

/// How much more there is of everything than is needed.
const ROOM: f64 = 3.0;

impl GenerateSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        let counts = [self.topics, self.databases, self.caches, self.endpoints, self.hosts, Some(self.brokers)];
        if !(1..=500).contains(&self.services) || counts.into_iter().flatten().any(|count| !(1..=500).contains(&count))
        {
            return Err("generate: each number of nodes lies in 1 to 500".into());
        }
        let (rate, _) = self.rate.log_normal();
        if !(0.1..=2000.0).contains(&rate) {
            return Err("generate: `rate` lies in 0.1 to 2000 records per second".into());
        }
        Ok(())
    }

    /// Nodes and workloads of one run, as a file would have them.
    pub(super) fn topology(&self, streams: &Streams) -> Result<Table, String> {
        let stream = &mut streams.stream("topology", "generate");
        let services = self.services as usize;
        let share =
            |own: Option<u32>, of: usize| (own.map_or(services / of, |own| own as usize)).clamp(1, services.max(1));
        let topics = share(self.topics, 3);
        let (databases, caches) = (share(self.databases, 6), share(self.caches, 10));
        let (endpoints, hosts) = (share(self.endpoints, 10), share(self.hosts, 2).max(2));
        let text = &mut String::new();

        // Topics that services feed get what a reader of an earlier topic makes of it, so that there is no circle.
        let fed = topics.div_ceil(2);
        let reads: Vec<usize> =
            (0..services).map(|place| if place < topics { place } else { below(stream, topics) }).collect();
        let mut rates: Vec<f64> = (0..fed).map(|_| self.rate.draw(stream)).collect();
        let mut outputs: Vec<Vec<(usize, f64)>> = vec![vec![]; services];
        for topic in fed..topics {
            let before: Vec<usize> = (0..services).filter(|place| reads[*place] < topic).collect();
            let writer = before[below(stream, before.len())];
            let per_record = round(stream.uniform(0.4, 1.0));
            outputs[writer].push((topic, per_record));
            rates.push(rates[reads[writer]] * per_record);
        }
        for (topic, rate) in rates.iter().enumerate() {
            let partitions = [3, 4, 6, 6, 8, 12][below(stream, 6)];
            node(text, "topic", topic, &format!("partitions = {partitions}\nretention = \"24h\"\nsegment = \"10m\""));
            if topic < fed {
                node(text, "producer", topic, &format!("host = \"host-{}\"", 1 + below(stream, hosts)));
                let (rate, number) = (round(*rate), topic + 1);
                let amp = round(stream.uniform(0.05, 0.2));
                let _ = writeln!(
                    text,
                    "[workload.topic-{number}]\nrate = {rate:?}\nproducers = [\"producer-{number}\"]\n\
                     season = {{ period = \"24h\", amp = {amp:?} }}"
                );
            }
        }
        self.write_services(text, stream, &Flow { reads, rates, outputs }, (databases, caches, endpoints, hosts));
        for broker in 0..self.brokers as usize {
            let _ =
                writeln!(text, "[[node]]\nid = \"{}\"\nkind = \"broker\"\nhost = \"kafka-{}\"", broker + 1, broker + 1);
            let _ = writeln!(text, "[[node]]\nid = \"kafka-{}\"\nkind = \"host\"\ncores = 8.0\nload = 1.0", broker + 1);
        }
        toml::from_str(text).map_err(|error| format!("generate: {error}"))
    }

    fn write_services(
        &self,
        text: &mut String,
        stream: &mut Stream,
        flow: &Flow,
        (databases, caches, endpoints, hosts): (usize, usize, usize, usize),
    ) {
        let execs: Vec<f64> = (0..databases).map(|_| round(stream.uniform(1.0, 4.0))).collect();
        let has_replica: Vec<bool> = (0..databases).map(|_| stream.chance(0.35)).collect();
        let waits: Vec<f64> = (0..endpoints).map(|_| round(stream.uniform(8.0, 45.0))).collect();
        // Seconds of statements per second, and connections, by database; processors, by host.
        let (mut asked, mut connections) = (vec![0.0; databases], vec![0; databases]);
        let mut wanted = vec![0.0; hosts];
        for (place, topic) in flow.reads.iter().enumerate() {
            let rate = flow.rates[*topic];
            let least = if place == 0 { 2 } else { 1 };
            let replicas = (libm::ceil(rate / stream.uniform(15.0, 60.0)) as u32).clamp(least, 4);
            let service = Service { topic: *topic, replicas, each: rate / f64::from(replicas) };
            // The first calls the first of each kind; each of the others is called by somebody.
            let is_first = place == 0;
            let database = if place < databases { place } else { below(stream, databases) };
            let cache = if place < caches { place } else { below(stream, caches) };
            let endpoint = if place < endpoints { place } else { below(stream, endpoints) };
            let with_database = place < databases || stream.chance(0.7);
            let with_cache = place < caches || stream.chance(0.3);
            let with_endpoint = place < endpoints || stream.chance(0.3);
            let statements = 1 + below(stream, 2);
            let cpu = stream.uniform(2.0, 6.0);
            let mut calls = vec![];
            let mut took = cpu;
            if with_cache {
                let miss =
                    if with_database { format!(", miss = \"database-{}\"", database + 1) } else { String::new() };
                calls.push(format!("{{ to = \"cache-{}\", hit = 0.92{miss} }}", cache + 1));
                took += 0.6;
            }
            if with_database {
                calls.push(format!("{{ to = \"database-{}\", per_record = {statements} }}", database + 1));
                let each = execs[database] * 1.3;
                took += (each + 0.4) * statements as f64;
                asked[database] += rate * each * statements as f64 / 1000.0;
                if has_replica[database] && stream.chance(0.5) {
                    calls.push(format!("{{ to = \"replica-{}\" }}", database + 1));
                    took += each + 0.4;
                }
            }
            if with_endpoint {
                calls.push(format!("{{ to = \"endpoint-{}\" }}", endpoint + 1));
                took += waits[endpoint] * 1.2;
            }
            let busy = service.each * took / 1000.0;
            let threads = (libm::ceil(busy * ROOM) as u32 + 1).clamp(3, 64);
            let pool = (libm::ceil(service.each * 12.0 / 1000.0 * ROOM) as u32 + 1).clamp(3, threads);
            connections[database] += service.replicas * pool;
            let cores = libm::ceil(service.each * cpu / 1000.0 * ROOM).max(1.0);
            let first = if is_first { 0 } else { below(stream, hosts) };
            let on: Vec<usize> = (0..2.min(hosts)).map(|number| (first + number) % hosts).collect();
            for number in 0..service.replicas as usize {
                wanted[on[number % on.len()]] += service.each * cpu / 1000.0 + 0.03;
            }
            let on: Vec<String> = on.iter().map(|host| format!("\"host-{}\"", host + 1)).collect();
            let outputs: Vec<String> = flow.outputs[place]
                .iter()
                .map(|(topic, each)| format!("{{ topic = \"topic-{}\", per_record = {each:?} }}", topic + 1))
                .collect();
            let heap = [1, 2, 4][below(stream, 3)];
            let live = round(stream.uniform(0.2, 0.4));
            node(
                text,
                "service",
                place,
                &format!(
                    "replicas = {}\nhosts = [{}]\nthreads = {threads}\ncores = {cores:?}\ncpu = \"{:.1}ms\"\n\
                     heap = {{ max = \"{heap}GiB\", live = \"{:.2}GiB\", per_record = \"{}KiB\" }}\n\
                     pool = {{ size = {pool}, timeout = \"3s\" }}\ncalls = [{}]\nproduces = [{}]\n\
                     kafka = {{ group = \"service-{}\", topic = \"topic-{}\", fetch_wait = \"{}ms\", \
                     commit_interval = \"{}s\" }}",
                    service.replicas,
                    on.join(", "),
                    cpu,
                    live * f64::from(heap),
                    200 + 100 * below(stream, 5),
                    calls.join(", "),
                    outputs.join(", "),
                    place + 1,
                    service.topic + 1,
                    [100, 200, 500][below(stream, 3)],
                    [2, 5][below(stream, 2)],
                ),
            );
        }
        self.write_called(text, stream, (&execs, &has_replica, &asked, &connections), (caches, &waits));
        for (host, wanted) in wanted.into_iter().enumerate() {
            let load = round(stream.uniform(0.3, 1.2));
            let cores = libm::ceil((wanted + load) * ROOM).max(4.0);
            node(text, "host", host, &format!("cores = {cores:?}\nload = {load:?}"));
        }
    }

    fn write_called(
        &self,
        text: &mut String,
        stream: &mut Stream,
        (execs, has_replica, asked, connections): (&[f64], &[bool], &[f64], &[u32]),
        (caches, waits): (usize, &[f64]),
    ) {
        for (place, exec) in execs.iter().enumerate() {
            let others = round(stream.uniform(10.0, 60.0));
            let cores = libm::ceil((asked[place] + others * exec / 1000.0) * ROOM).max(4.0);
            let most = connections[place] + 60;
            let number = place + 1;
            // Some share a machine with the one before.
            let host = if place > 0 && stream.chance(0.3) { number - 1 } else { number };
            let common = format!(
                "cores = {cores:?}\nmax_conn = {most}\nexec = {{ dist = \"lognormal\", p50 = \"{exec}ms\", p99 = \"{}ms\" }}\n\
                 read = \"SELECT * FROM `t{number}_row` WHERE `id` = ?\"\nslow_limit = \"500ms\"\nothers = {others:?}",
                round(exec * 5.0)
            );
            node(
                text,
                "database",
                place,
                &format!(
                    "host = \"data-{host}\"\n{common}\nstatements = [\"INSERT INTO `t{number}_row` ( `id` , `state` ) VALUES \
                     (...)\", \"UPDATE `t{number}_sum` SET `count` = `count` + ? WHERE `id` = ?\"]"
                ),
            );
            if has_replica[place] {
                node(
                    text,
                    "replica",
                    place,
                    &format!("of = \"database-{number}\"\nhost = \"data-{number}\"\n{common}"),
                );
            }
            node(text, "data", place, &format!("cores = {:?}\nload = 0.5", cores * 2.0));
        }
        for cache in 0..caches {
            let host = 1 + below(stream, execs.len());
            let latency = "latency = { dist = \"lognormal\", p50 = \"0.4ms\", p99 = \"2ms\" }";
            node(text, "cache", cache, &format!("host = \"data-{host}\"\n{latency}"));
        }
        for (endpoint, wait) in waits.iter().enumerate() {
            let late = round(wait * 3.5);
            let latency = format!("latency = {{ dist = \"lognormal\", p50 = \"{wait}ms\", p99 = \"{late}ms\" }}");
            node(text, "endpoint", endpoint, &format!("{latency}\nuri = \"/v1/{{id}}\""));
        }
    }
}

fn below(stream: &mut Stream, count: usize) -> usize {
    stream.below(count as u64) as usize
}

/// Two places after the point, as somebody would write it.
fn round(number: f64) -> f64 {
    libm::round(number * 100.0) / 100.0
}

fn node(text: &mut String, what: &str, place: usize, lines: &str) {
    let kind = match what {
        "database" => "db.primary",
        "replica" => "db.replica",
        "endpoint" => "http",
        "data" => "host",
        kind => kind,
    };
    let _ = writeln!(text, "[[node]]\nid = \"{what}-{}\"\nkind = \"{kind}\"\n{lines}", place + 1);
}
