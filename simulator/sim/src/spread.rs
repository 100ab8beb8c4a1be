//! Which nodes became other than they would have been without the faults, when, and by how much: a run and its twin are
//! looked at once a second, node by node. Both have all chance in common, so that before a fault every number is the same
//! to the last bit; afterwards, what shares something with a faulty node draws other numbers, too. A difference therefore
//! counts only when it is larger than such chance makes it (each number has a size of its own, in `cluster/vitals`) and
//! lasts for [`LASTING`] seconds. Rates and means are those of [`WINDOW`] seconds. Start at [`Spread::note`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lagdoctor_model::{NodeId, Topology};

use crate::cluster::Cluster;
use crate::cluster::vitals::{Value, Vital, Who};

/// Seconds of which rates and means are taken.
const WINDOW: usize = 10;
/// Seconds for which a difference must last.
const LASTING: u32 = 3;
/// Within so many seconds, two nodes became other together: what one of them depends on comes first.
const TOGETHER: f64 = 5.0;
/// Seconds that a process needs until what its service now makes of it shows.
const RESTART: f64 = 30.0;
/// By how many seconds a dependent may seem to have moved before what it depends on, since means are those of a window.
const ORDER: f64 = 1.5 * WINDOW as f64;

/// A node that became other than without the faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Diverged {
    /// Its id.
    pub node: String,
    /// Seconds from the start of the run until it did.
    pub after_s: f64,
    /// The same for what the node is like of itself, whatever load and neighbours do; `None` when only those reached it.
    pub own_after_s: Option<f64>,
    /// What of it, in a few words: that which made it so first.
    pub what: &'static str,
    /// The greatest difference that lasted, as a multiple of the least that counts.
    pub size: f64,
}

/// Everything that is noted of a pair while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    tracks: Vec<Track>,
    places: BTreeMap<(Who, &'static str, usize), usize>,
    told: [Vec<Vital>; 2],
}

/// One number of one node, in both runs.
#[derive(Clone, Debug)]
struct Track {
    who: Who,
    what: (&'static str, usize),
    is_own: bool,
    /// Sums and divisors of both, the newest last.
    recent: VecDeque<[[f64; 3]; 2]>,
    streak: u32,
    /// The least of the differences of this streak.
    least: f64,
    since: Option<f64>,
    size: f64,
}

impl Spread {
    /// For how many seconds both are noted before they may differ.
    pub(crate) const BEFORE: i64 = WINDOW as i64 + 1;

    /// Compares both at the same second.
    pub(crate) fn note(&mut self, run: &Cluster, twin: &Cluster) {
        let [mut ours, mut theirs] = std::mem::take(&mut self.told);
        run.tell(&mut ours);
        twin.tell(&mut theirs);
        let second = run.now.as_seconds();
        let key = |vital: &Vital| (vital.who, vital.what.0, vital.what.1);
        let is_alike = ours.len() == theirs.len();
        let known: BTreeMap<_, usize> = match is_alike {
            true => BTreeMap::new(),
            // The one has nodes that the other has not.
            false => theirs.iter().enumerate().map(|(place, vital)| (key(vital), place)).collect(),
        };
        for (place, one) in ours.iter().enumerate() {
            let other = if is_alike { Some(place) } else { known.get(&key(one)).copied() };
            let Some(other) = other.and_then(|place| theirs.get(place)) else { continue };
            let track = match self.tracks.get(place) {
                Some(track) if (track.who, track.what) == (one.who, one.what) => place,
                _ => *self.places.entry(key(one)).or_insert_with(|| {
                    self.tracks.push(Track::new(one));
                    self.tracks.len() - 1
                }),
            };
            self.tracks[track].note(second, one, other);
        }
        self.told = [ours, theirs];
    }

    /// Every node that became other, in the order in which they did.
    pub(crate) fn diverged(&self, run: &Cluster) -> Vec<Diverged> {
        let mut by_node: BTreeMap<Who, Diverged> = BTreeMap::new();
        for track in &self.tracks {
            let Some(since) = track.since else { continue };
            let known = by_node.entry(track.who).or_insert_with(|| Diverged {
                node: run.id_of(track.who),
                after_s: f64::INFINITY,
                own_after_s: None,
                what: track.what.0,
                size: 0.0,
            });
            if since < known.after_s || (since == known.after_s && track.size > known.size) {
                (known.after_s, known.what) = (since, track.what.0);
            }
            if track.is_own {
                known.own_after_s = Some(known.own_after_s.unwrap_or(f64::INFINITY).min(since));
            }
            known.size = known.size.max(track.size);
        }
        self.lift(&mut by_node, run);
        let mut all: Vec<Diverged> = by_node.into_values().collect();
        all.sort_by(|one, other| (one.after_s.total_cmp(&other.after_s)).then_with(|| one.node.cmp(&other.node)));
        all
    }

    /// What came to be true of every instance of a service is true of the service, from when it was true of the first.
    fn lift(&self, by_node: &mut BTreeMap<Who, Diverged>, run: &Cluster) {
        const LIFTED: [&str; 4] = ["work of a record", "threads that wait for nothing", "settings", "is refused"];
        for group in 0..run.groups.len() {
            let own: BTreeSet<Who> =
                run.instances.iter().filter(|one| one.group == group).map(|one| Who::Instance(one.index)).collect();
            for what in LIFTED {
                let same = self.tracks.iter().filter(|track| track.what.0 == what && own.contains(&track.who));
                let since: Vec<f64> = same.clone().filter_map(|track| track.since).collect();
                if since.is_empty() || since.len() < own.len() {
                    continue;
                }
                let first = since.iter().copied().fold(f64::INFINITY, f64::min);
                let size = same.map(|track| track.size).fold(0.0, f64::max);
                let who = Who::Service(group);
                let service = by_node.entry(who).or_insert_with(|| Diverged {
                    node: run.id_of(who),
                    after_s: f64::INFINITY,
                    own_after_s: None,
                    what,
                    size,
                });
                if first <= service.after_s {
                    (service.after_s, service.what) = (first, what);
                }
                service.own_after_s = Some(service.own_after_s.unwrap_or(f64::INFINITY).min(first));
                service.size = service.size.max(size);
            }
        }
    }
}

impl Track {
    fn new(vital: &Vital) -> Self {
        Self {
            who: vital.who,
            what: vital.what,
            is_own: vital.is_own,
            recent: VecDeque::with_capacity(WINDOW + 1),
            streak: 0,
            least: f64::INFINITY,
            since: None,
            size: 0.0,
        }
    }

    fn note(&mut self, second: f64, ours: &Vital, theirs: &Vital) {
        let both = match (ours.value, theirs.value) {
            (Value::Now(one), Value::Now(other)) => Some((one, other)),
            (Value::Ratio(a, b, c), Value::Ratio(x, y, z)) => {
                self.recent.push_back([[a, b, c], [x, y, z]]);
                if self.recent.len() > WINDOW + 1 {
                    self.recent.pop_front();
                }
                self.ratio(0).zip(self.ratio(1))
            }
            _ => None,
        };
        let (share, least) = ours.counts;
        let times = both.map_or(0.0, |(one, other)| (one - other).abs() / (share * other.abs()).max(least));
        if times < 1.0 || times.is_nan() {
            (self.streak, self.least) = (0, f64::INFINITY);
            return;
        }
        self.streak += 1;
        self.least = self.least.min(times);
        if self.streak >= LASTING {
            self.since.get_or_insert(second - f64::from(LASTING - 1));
            self.size = self.size.max(self.least);
            if self.streak.is_multiple_of(LASTING) {
                self.least = f64::INFINITY;
            }
        }
    }

    /// `None` where nothing happened of which there could be a mean.
    fn ratio(&self, which: usize) -> Option<f64> {
        let (first, last) = (self.recent.front()?[which], self.recent.back()?[which]);
        let (sum, of) = (last[0] - first[0], last[1] - first[1]);
        let by = match first[2] == 1.0 && last[2] == 1.0 {
            true => 1.0,
            false => self.recent.iter().map(|both| both[which][2]).sum::<f64>() / self.recent.len() as f64,
        };
        (of > 1e-9).then(|| sum / of / by)
    }
}

/// Who needs whom.
pub(crate) struct Needs<'a>(BTreeMap<&'a str, Vec<&'a str>>);

impl<'a> Needs<'a> {
    pub(crate) fn of(topology: &'a Topology) -> Self {
        let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let name = |id: &'a NodeId| id.as_str();
        topology.edges().for_each(|edge| needs.entry(name(&edge.dependent)).or_default().push(name(&edge.dependency)));
        Self(needs)
    }

    /// Services and their instances work on what their group reads, so that they need that, too.
    fn and_what_is_read(&self) -> Self {
        let mut all = self.0.clone();
        for (_, needs) in self.0.iter().filter(|(node, _)| node.starts_with("group:")) {
            let (read, work): (Vec<&str>, Vec<&str>) = needs.iter().partition(|node| !node.starts_with("service:"));
            for service in work {
                let own = self.next(service).filter(|node| node.starts_with("instance:"));
                own.chain([service]).for_each(|node| all.entry(node).or_default().extend(&read));
            }
        }
        Self(all)
    }

    fn next(&self, node: &str) -> impl Iterator<Item = &'a str> + '_ {
        self.0.get(node).into_iter().flatten().copied()
    }

    /// Everything that a node needs, directly or not.
    pub(crate) fn all(&self, node: &str) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = self.next(node).collect();
        while let Some(node) = open.pop() {
            if seen.insert(node) {
                open.extend(self.next(node));
            }
        }
        seen
    }

    /// The way from the root to the symptom that a run took: each node on it became other, and none of them before the one
    /// that it needs; the fewest nodes, and among ways of as many, the one whose nodes did so first. Empty when there is
    /// none.
    pub(crate) fn way(&self, diverged: &[Diverged], root: &str, symptom: &str) -> Vec<String> {
        let since: BTreeMap<&str, f64> = diverged.iter().map(|one| (one.node.as_str(), one.after_s)).collect();
        if !since.contains_key(symptom) || !since.contains_key(root) {
            return vec![];
        }
        // Rings of nodes, from the symptom on: the sum of moments, and who was before.
        let mut came: BTreeMap<&str, (f64, Option<&str>)> = BTreeMap::from([(symptom, (0.0, None))]);
        let mut ring: Vec<&str> = vec![symptom];
        while !ring.is_empty() && !came.contains_key(root) {
            let mut next: BTreeMap<&str, (f64, Option<&str>)> = BTreeMap::new();
            for node in ring {
                let (sum, at) = (came[node].0, since[node]);
                for needed in self.next(node).filter(|needed| !came.contains_key(needed)) {
                    let Some(moved) = since.get(needed).copied().filter(|moved| *moved <= at + ORDER) else { continue };
                    let best = next.entry(needed).or_insert((f64::INFINITY, None));
                    if sum + moved < best.0 {
                        *best = (sum + moved, Some(node));
                    }
                }
            }
            ring = next.keys().copied().collect();
            came.extend(next);
        }
        let mut way = vec![];
        let mut at = came.contains_key(root).then_some(root);
        while let Some(node) = at {
            way.push(node.to_owned());
            at = came[node].1;
        }
        way
    }

    /// Nodes from the likeliest root on, as whoever sees both runs would say: first those that became other of themselves,
    /// and that nothing explains which they need; the earlier, the better, and then the larger.
    pub(crate) fn suspects(&self, diverged: &[Diverged]) -> Vec<String> {
        let needs = self.and_what_is_read();
        let owners: BTreeMap<&str, f64> =
            diverged.iter().filter_map(|one| Some((one.node.as_str(), one.own_after_s?))).collect();
        let is_explained = |one: &Diverged| {
            let at = one.own_after_s.unwrap_or(one.after_s) + TOGETHER;
            let was_within = |node: &str, at: f64| owners.get(node).is_some_and(|own| *own <= at);
            let was_by = |node: &str| was_within(node, at);
            // What all instances of a service came to be is its own doing, and not theirs.
            let is_service = one.node.starts_with("service:") && one.own_after_s.is_some();
            let service = one.node.strip_prefix("instance:").and_then(|name| name.rsplit_once('-'));
            service.is_some_and(|(name, _)| was_within(&format!("service:{name}"), at + RESTART))
                || needs
                    .all(&one.node)
                    .into_iter()
                    .any(|node| was_by(node) && !(is_service && node.starts_with("instance:")))
        };
        let rank = |one: &'_ Diverged| {
            (one.own_after_s.is_none(), is_explained(one), one.own_after_s.unwrap_or(one.after_s), -one.size)
        };
        let mut ranked: Vec<_> = diverged.iter().map(|one| (rank(one), one.node.as_str())).collect();
        ranked.sort_by(|(one, name), (other, their)| {
            ((one.0, one.1).cmp(&(other.0, other.1)))
                .then(one.2.total_cmp(&other.2))
                .then(one.3.total_cmp(&other.3))
                .then_with(|| name.cmp(their))
        });
        ranked.into_iter().map(|(_, node)| node.to_owned()).collect()
    }
}
