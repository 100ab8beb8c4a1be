//! What did the faults do? A run, its twin without them, and what is different between the two: both go on side by side from
//! the same seed, so that all chance is common to them. Where several faults are to blame, the run is made again without
//! each of them in turn. Start at [`Pair`].

use lagdoctor_model::Millis;

use crate::fault::Drawn;
use crate::scenario::Scenario;
use crate::scenario::spec::Role;
use crate::simulation::Simulation;
use crate::spread::{Diverged, Needs, Spread};
use crate::topology;
use crate::truth::{Impact, Truth, truth};

/// A run and its counterfactual.
pub struct Pair {
    /// The run as the scenario has it.
    pub run: Simulation,
    /// The same, without the faults that cause or trigger anything.
    pub twin: Simulation,
    /// When and how much the faults hurt; `None` when nobody could have noticed, so that the run is void.
    pub impact: Option<Impact>,
    /// What each of several faults did to that; empty where there is one at most, or none that hurt.
    pub without: Vec<Without>,
    diverged: Vec<Diverged>,
}

/// The run once more, without one of its faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Without {
    /// Id of the fault, as the scenario has it.
    pub fault: String,
    /// Whether it is a cause; a trigger otherwise.
    pub is_cause: bool,
    /// The impact that is left.
    pub impact: Option<Impact>,
    /// Whether it is another one than with the fault, or some group is better or worse off without it.
    pub matters: bool,
}

impl Pair {
    /// Makes both, to their end. `begin` gives a run at its start.
    pub(crate) fn new(scenario: &Scenario, begin: impl Fn(&Scenario) -> Simulation) -> Self {
        let mut run = begin(scenario);
        let stays = |fault: &Drawn| fault.role == Role::Benign;
        let (start, end) = (run.start(), run.end());
        let parts = run.parts(stays).unwrap_or(end);
        let mut spread = Spread::default();
        // The last seconds that both have in common, for what is a mean over some.
        let first = (parts.since(start).as_millis() / 1000 - Spread::BEFORE).max(0);
        let at = |second: i64| start + Millis::new(second * 1000).unwrap_or(Millis::ZERO);
        let last = end.since(start).as_millis() / 1000;
        let common = (first..=last).take_while(|second| at(*second) <= parts);
        common.for_each(|second| {
            run.advance_to(at(second));
            spread.note(&run.cluster, &run.cluster);
        });
        let real = run.faults.iter().filter(|(drawn, _)| !stays(drawn)).count();
        let before = (real > 1).then(|| run.clone());
        let mut twin = run.parted(stays);
        for second in (first..=last).filter(|second| at(*second) > parts) {
            run.advance_to(at(second));
            twin.advance_to(at(second));
            spread.note(&run.cluster, &twin.cluster);
        }
        run.advance_to(end);
        twin.advance_to(end);
        let impact = Impact::between(&run, &twin);
        let real: Vec<_> =
            run.faults.iter().map(|(drawn, _)| drawn).filter(|drawn| drawn.role != Role::Benign).collect();
        let mut without = vec![];
        if let Some((whole, before)) = impact.as_ref().zip(before) {
            for fault in real {
                let mut rest = before.clone().parted(|known| known.id != fault.id);
                rest.advance_to(end);
                let left = Impact::between(&rest, &twin);
                let is_like = left.as_ref().is_some_and(|left| left.is_like(whole));
                let matters = !is_like || !are_like(&harm(&rest, &twin), &harm(&run, &twin));
                let (fault, is_cause) = (fault.id.clone(), fault.role == Role::Cause);
                without.push(Without { fault, is_cause, impact: left, matters });
            }
        }
        let mut diverged = spread.diverged(&run.cluster);
        impact.iter().for_each(|impact| hurt(&mut diverged, impact));
        Self { run, twin, impact, without, diverged }
    }

    /// What is wrong in this run.
    pub fn truth(&self) -> Truth {
        truth(self)
    }

    /// Every node that became other than without the faults, in the order in which they did. Ids are those of the true
    /// topology.
    ///
    /// ```
    /// # use lagdoctor_sim::{Scenario, Simulation};
    /// let pair = Simulation::pair(&Scenario::builtin("db-timeouts").unwrap(), 3);
    /// let onset = pair.truth().onset_ms.unwrap() - pair.run.start().as_millis();
    /// assert_eq!(pair.suspects()[0], "database:orders-db");
    /// assert!(pair.diverged().iter().all(|node| node.after_s * 1000.0 >= onset as f64));
    /// ```
    pub fn diverged(&self) -> &[Diverged] {
        &self.diverged
    }

    /// Ids of nodes from the likeliest root on, as whoever sees both runs would rank them: what no plugin can know, and so
    /// the most that any could achieve.
    pub fn suspects(&self) -> Vec<String> {
        let topology = topology::whole_with(&self.run, self.diverged.iter().map(|one| one.node.as_str()));
        Needs::of(&topology).suspects(&self.diverged)
    }

    /// The way from a root to a symptom, both included; empty when there is none.
    pub(crate) fn way(&self, root: &str, symptom: &str) -> Vec<String> {
        let nodes = self.diverged.iter().map(|one| one.node.as_str());
        let topology = topology::whole_with(&self.run, nodes.chain([root]));
        Needs::of(&topology).way(&self.diverged, root, symptom)
    }
}

/// Who hurts is other than in the twin, by the measure of the scenario, however little shows of it otherwise.
fn hurt(diverged: &mut Vec<Diverged>, impact: &Impact) {
    let Some((_, group)) = impact.sli.split_once(':') else { return };
    let node = format!("group:{group}");
    if diverged.iter().all(|one| one.node != node) {
        let place = diverged.partition_point(|one| one.after_s <= impact.after_s);
        let one = Diverged { node, after_s: impact.after_s, own_after_s: None, what: "hurts", size: 1.0 };
        diverged.insert(place, one);
    }
}

/// Seconds of work by which each group was further behind than in the twin, all seconds together.
fn harm(run: &Simulation, twin: &Simulation) -> Vec<f64> {
    let of = |place: usize| {
        let (ours, theirs) = (&run.trace.groups[place].backlog, &twin.trace.groups[place].backlog);
        let more: u64 = ours.iter().zip(theirs).map(|(one, other)| one.saturating_sub(*other)).sum();
        more as f64 / run.cluster.topics[run.cluster.groups[place].topic].usual_rate().max(1e-3)
    };
    (0..run.cluster.groups.len()).map(of).collect()
}

/// Whether no group is much better or worse off, measured by the one that is worst off.
fn are_like(ours: &[f64], theirs: &[f64]) -> bool {
    const LIKE: f64 = 0.05;
    let worst = theirs.iter().copied().fold(0.0, f64::max);
    ours.iter().zip(theirs).all(|(one, other)| (one - other).abs() <= LIKE * worst)
}
