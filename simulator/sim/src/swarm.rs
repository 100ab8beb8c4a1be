//! What if several things break at once, anywhere, and of any size? A swarm draws scenarios from seeds: kinds of faults,
//! what they hit, how bad they are and how noisy the telemetry is, on any topology. Most of what one can break hurts
//! nobody, so that draws are made until one does. Start at [`Swarm::with_impact`].

use std::fmt::Write;

use crate::fault;
use crate::pair::Pair;
use crate::random::{Stream, Streams};
use crate::scenario::node::NodeOf;
use crate::scenario::spec::Role;
use crate::scenario::value::Number;
use crate::scenario::{Scenario, ScenarioError};
use crate::simulation::Simulation;
use crate::spread::Needs;
use crate::topology;

/// A scenario that was drawn.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// As a file would have it.
    pub text: String,
    /// The same, read.
    pub scenario: Scenario,
    /// The seed of its run: that of the swarm.
    pub seed: u64,
    /// Draws that were thrown away before it, because they hurt nobody.
    pub void: u32,
}

/// Something that was drawn to go wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// Slug of its class.
    pub kind: String,
    /// What it happens to, as a scenario names it.
    pub target: String,
    /// `cause`, `trigger` or `benign`.
    pub role: &'static str,
    /// Seconds from the start of the run.
    pub at_s: f64,
    /// From 0, nothing, to 1.
    pub severity: f64,
}

/// Most faults of one draw.
const MOST: u64 = 3;
/// How long a run is, in seconds, and when its faults begin.
const DURATION: u32 = 2400;
const ONSET: (f64, f64) = (900.0, 1500.0);

impl Swarm {
    /// The draw of this number, whether or not it hurts anybody. `topology` is a file that `use` could name, such as
    /// `topo/orders.toml`.
    ///
    /// ```
    /// # use lagdoctor_sim::Swarm;
    /// let one = Swarm::draw("topo/orders.toml", 7, 0, lagdoctor_sim::Scenario::builtin_use).unwrap();
    /// let again = Swarm::draw("topo/orders.toml", 7, 0, lagdoctor_sim::Scenario::builtin_use).unwrap();
    /// assert_eq!(one.text, again.text);
    /// ```
    ///
    /// # Errors
    /// When the topology cannot be found or read, or has nothing in it that can break.
    pub fn draw(
        topology: &str,
        seed: u64,
        number: u32,
        resolve_use: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ScenarioError> {
        let head = format!(
            "schema = 1\nid = \"swarm\"\nfamily = \"swarm\"\nseed = {number}\nduration = \"{DURATION}s\"\nwarmup = \"10m\"\n\
             use = [{topology:?}]\n"
        );
        let bare = Scenario::parse(&head, &resolve_use)?;
        let mut chance = Streams::new(seed).stream("swarm", &format!("draw {number}"));
        let text = compose(head, &bare, &mut chance).ok_or_else(|| ScenarioError::Wrong {
            file: topology.to_owned(),
            why: "nothing in it can break; name a topology that has a service".to_owned(),
        })?;
        let scenario = Scenario::parse(&text, &resolve_use)?;
        Ok(Self { text, scenario, seed, void: 0 })
    }

    /// The first of at most `most` draws that hurts somebody, with its run and twin; `None` when none does.
    ///
    /// # Errors
    /// As for [`Swarm::draw`].
    pub fn with_impact(
        topology: &str,
        seed: u64,
        most: u32,
        resolve_use: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<(Self, Pair)>, ScenarioError> {
        for number in 0..most {
            let mut swarm = Self::draw(topology, seed, number, &resolve_use)?;
            let pair = Simulation::pair(&swarm.scenario, seed);
            if pair.impact.is_some() {
                swarm.void = number;
                return Ok(Some((swarm, pair)));
            }
        }
        Ok(None)
    }

    /// What goes wrong, in the order of the file.
    pub fn broken(&self) -> Vec<Broken> {
        let of = |number: &Number| number.log_normal().0;
        let faults = self.scenario.faults.iter();
        faults
            .map(|fault| Broken {
                kind: fault.kind.clone(),
                target: fault.target.all().join(" or "),
                role: match fault.role {
                    Role::Cause => "cause",
                    Role::Trigger => "trigger",
                    Role::Benign => "benign",
                },
                at_s: fault.at.as_ref().map_or(0.0, of),
                severity: of(&fault.severity),
            })
            .collect()
    }

    /// As a file would have it that uses no other, to be kept where the topology is not known.
    ///
    /// # Errors
    /// As for [`Swarm::draw`].
    pub fn whole(&self, resolve_use: impl Fn(&str) -> Option<String>) -> Result<String, ScenarioError> {
        Ok(toml::to_string(&Scenario::table(&self.text, &resolve_use)?).unwrap_or_default())
    }
}

/// Adds faults, noise, truth and impact; `None` where nothing can break.
fn compose(mut text: String, bare: &Scenario, chance: &mut Stream) -> Option<String> {
    let targets = targets(bare);
    let kinds: Vec<_> = fault::names().filter_map(fault::kind).collect();
    let fits =
        |kind: &dyn fault::Kind| -> Vec<&String> { targets.iter().filter(|t| kind.target().fits(bare, t)).collect() };
    let possible: Vec<_> =
        kinds.into_iter().map(|kind| (kind, fits(kind))).filter(|(_, all)| !all.is_empty()).collect();
    if possible.is_empty() {
        return None;
    }
    let count = 1 + chance.below(MOST);
    let mut first = None;
    for number in 0..count {
        let (kind, fitting) = &possible[chance.below(possible.len() as u64) as usize];
        let target = fitting[chance.below(fitting.len() as u64) as usize];
        // The first is to blame; others may be, or set it off, or merely happen.
        let role = if number == 0 { "cause" } else { ["cause", "trigger", "benign"][chance.below(3) as usize] };
        let at = chance.uniform(ONSET.0, ONSET.1);
        let (severity, ramp) = (chance.uniform(0.2, 1.0), [0.0, 0.0, 60.0, 300.0][chance.below(4) as usize]);
        let hold = if chance.chance(0.3) { chance.uniform(120.0, 900.0) } else { 86_400.0 };
        let _ = write!(
            text,
            "[[fault]]\nid = \"f{number}\"\nkind = {:?}\ntarget = {target:?}\nrole = {role:?}\nat = \"{at:.0}s\"\n\
             ramp = \"{ramp:.0}s\"\nhold = \"{hold:.0}s\"\nseverity = {severity:.3}\n",
            kind.slug()
        );
        first = first.or_else(|| kind.target().ids(bare, target).into_iter().next());
    }
    let _ = write!(
        text,
        "[telemetry]\nscrape = {{ gap_prob = {:.4}, reset_prob = {:.5} }}\nmetric_noise = {:.3}\nclock_skew = {:.3}\n\
         logs = {{ drop = {:.3}, late_p99 = {:.1} }}\ntopology = {{ missing_edges = {:.3}, stale_edges = {:.3} }}\n",
        chance.uniform(0.0, 0.02),
        chance.uniform(0.0, 0.001),
        chance.uniform(0.0, 0.1),
        chance.uniform(0.0, 1.0),
        chance.uniform(0.0, 0.2),
        chance.uniform(0.0, 40.0),
        chance.uniform(0.0, 0.1),
        chance.uniform(0.0, 0.1),
    );
    let group = symptom(bare, &first?)?;
    let _ = write!(
        text,
        "[truth]\nincident = true\nroots = \"auto\"\npath = \"auto\"\n[impact]\nsli = \"time_lag:{group}\"\nmin = \"20s\"\n\
         for = \"1m\"\n"
    );
    Some(text)
}

/// A group that needs this node, or the first one.
fn symptom(bare: &Scenario, root: &str) -> Option<String> {
    let run = Simulation::new(bare, 0);
    let whole = topology::whole_with(&run, [root].into_iter());
    let needs = Needs::of(&whole);
    let mut groups = fault::group_names(bare);
    let first = groups.next()?.to_owned();
    let fits = |group: &str| {
        let id = format!("group:{group}");
        id == root || needs.all(&id).contains(root)
    };
    if fits(&first) {
        return Some(first);
    }
    Some(groups.find(|group| fits(group)).map_or(first, str::to_owned))
}

/// Everything that a fault could name as its target.
fn targets(scenario: &Scenario) -> Vec<String> {
    let mut all: Vec<String> = scenario.nodes.iter().map(|node| node.id.clone()).collect();
    for node in &scenario.nodes {
        match &node.of {
            NodeOf::Service(service) => {
                all.push(service.kafka.group.clone());
                let owners = (0..service.replicas).map(|number| format!("{}-{number}", node.id));
                for owner in std::iter::once(node.id.clone()).chain(owners.clone()) {
                    all.extend(service.calls.iter().map(|call| format!("{owner}/{}", call.to)));
                    all.extend(service.calls.iter().map(|call| format!("{owner}>{}", call.to)));
                    all.push(format!("{owner}>kafka"));
                }
                all.extend(owners);
            }
            NodeOf::Topic(topic) => {
                all.extend((0..topic.partitions.min(32)).map(|number| format!("{}/{number}", node.id)))
            }
            NodeOf::Broker => {
                let others =
                    scenario.nodes.iter().filter(|other| matches!(other.of, NodeOf::Broker) && other.id > node.id);
                all.extend(others.map(|other| format!("{}>{}", node.id, other.id)));
            }
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, number: u32) -> Swarm {
        Swarm::draw("topo/orders.toml", seed, number, Scenario::builtin_use).unwrap()
    }

    #[test]
    fn every_draw_can_be_read_and_is_another_one() {
        let mut texts: Vec<String> = (0..60).map(|seed| draw(seed, 0).text).collect();
        let kinds = fault::names().filter(|slug| texts.iter().any(|text| text.contains(slug))).count();
        assert!(kinds > 25, "any kind may come: {kinds}");
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 60);
        assert_ne!(draw(1, 0).text, draw(1, 1).text);
    }

    #[test]
    fn what_was_drawn_is_told_and_stands_in_a_file_of_its_own() {
        let swarm = draw(5, 0);
        let broken = swarm.broken();
        assert_eq!(broken.len(), swarm.text.matches("[[fault]]").count());
        assert_eq!(broken[0].role, "cause");
        assert!(broken.iter().all(|one| (ONSET.0..=ONSET.1).contains(&one.at_s) && one.severity >= 0.2), "{broken:?}");
        let alone = Scenario::parse(&swarm.whole(Scenario::builtin_use).unwrap(), |_| None).unwrap();
        assert_eq!(alone.nodes.len(), swarm.scenario.nodes.len());
        assert_eq!(alone.faults.len(), broken.len());
    }

    #[test]
    fn other_topologies_are_drawn_on_as_well() {
        for topology in ["topo/fanout.toml", "topo/tenants.toml"] {
            let swarm = Swarm::draw(topology, 3, 0, Scenario::builtin_use).unwrap();
            assert!(!swarm.scenario.faults.is_empty());
        }
        let wrong = Swarm::draw("topo/none.toml", 3, 0, Scenario::builtin_use);
        assert!(matches!(wrong, Err(ScenarioError::NotFound { .. })));
    }

    #[test]
    fn what_is_kept_hurts_somebody_and_comes_again_from_its_seed() {
        let found = || Swarm::with_impact("topo/orders.toml", 11, 6, Scenario::builtin_use).unwrap();
        let (swarm, pair) = found().unwrap_or_else(|| panic!("six draws, and none of them hurts"));
        assert!(pair.impact.is_some() && !pair.truth().roots.is_empty());
        assert_eq!(pair.unsound(), Vec::<String>::new());
        let (again, same) = found().unwrap();
        assert_eq!((again.text, again.void), (swarm.text, swarm.void));
        assert_eq!(same.run.run_hash(), pair.run.run_hash());
    }
}
