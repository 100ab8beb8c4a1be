//! What is wrong in a run, for grading alone: it stands apart from all that can be seen, and nothing seen leads here.

use crate::fault;
use crate::pair::Pair;
use crate::scenario::Scenario;
use crate::scenario::node::NodeOf;
use crate::scenario::spec::{PathSpec, Role, RootSpec, Roots};
use crate::simulation::Simulation;
use crate::units::Micros;

/// The injected faults of a run, as a labelled incident states them. Times are Unix milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Whether anybody should be woken.
    pub incident: bool,
    /// When the first fault began.
    pub onset_ms: Option<i64>,
    /// When it began to hurt; `None` when it never did, so that silence is right.
    pub impact_ms: Option<i64>,
    /// When the last fault ended, or the run.
    pub end_ms: Option<i64>,
    /// What broke.
    pub roots: Vec<Root>,
    /// What set it off, without being it: node ids.
    pub triggers: Vec<String>,
    /// What looks broken and is not: node ids.
    pub decoys: Vec<String>,
    /// Node ids from what broke to what hurts, both included: the way that it spread. Where the scenario leaves it open
    /// (`path = "auto"`), it is the one that this run took: along the edges of the true topology, over nodes that became
    /// other than in the twin without the faults, and none of them before the one that it needs.
    pub path: Vec<String>,
}

/// One thing that broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its node id.
    pub node: String,
    /// What of it: `heap`, `statement`, `apply` and the like.
    pub component: String,
    /// Slug of the fault class.
    pub class: String,
    /// At most two node ids or classes that are right as well.
    pub accept: Vec<String>,
}

/// That, when and how much a run was worse than the same run without its faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Impact {
    /// What was compared: `time_lag:GROUP` or `backlog:GROUP`.
    pub sli: String,
    /// Seconds from the start of the run until it was worse by what the scenario calls an impact.
    pub after_s: f64,
    /// The greatest difference, in seconds or records.
    pub worst: f64,
    /// All differences of its seconds together.
    pub sum: f64,
}

/// By how much two impacts may differ and still be the same, as a share of the one; and when they begin, in seconds.
const LIKE: (f64, f64) = (0.05, 15.0);

impl Impact {
    pub(crate) fn between(run: &Simulation, twin: &Simulation) -> Option<Self> {
        let spec = run.scenario.impact.as_ref()?;
        let (what, group) = spec.sli.split_once(':')?;
        let readings = |run: &Simulation| -> Option<Vec<f64>> {
            let trace = run.trace.groups.iter().find(|trace| trace.name == group)?;
            Some(match what {
                "time_lag" => trace.time_lag.clone(),
                _ => trace.backlog.iter().map(|backlog| *backlog as f64).collect(),
            })
        };
        let worse: Vec<f64> =
            readings(run)?.iter().zip(&readings(twin)?).map(|(with, without)| with - without).collect();
        let (least, lasting) = (spec.min.log_normal().0, spec.lasting.log_normal().0.max(1.0) as usize);
        let mut since = 0;
        for (second, difference) in worse.iter().enumerate() {
            if *difference < least {
                since = second + 1;
            } else if second + 1 - since >= lasting {
                let worst = worse.iter().copied().fold(0.0, f64::max);
                let sum = worse.iter().sum();
                return Some(Self { sli: spec.sli.clone(), after_s: (since + 1) as f64, worst, sum });
            }
        }
        None
    }

    /// Whether this one is as bad as another, and began with it.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let near = |one: f64, other: f64| (one - other).abs() <= LIKE.0 * other.abs();
        near(self.worst, other.worst) && near(self.sum, other.sum) && (self.after_s - other.after_s).abs() <= LIKE.1
    }
}

/// What broke, apart from faults that do nothing.
pub(crate) fn roots(run: &Simulation, is_idle: impl Fn(&fault::Drawn) -> bool) -> Vec<Root> {
    let scenario = &*run.scenario;
    match &scenario.truth.roots {
        Roots::Given(roots) => roots.iter().map(|root| given(scenario, root)).collect(),
        Roots::Auto(_) => {
            let faults = run.faults.iter().map(|(drawn, _)| drawn);
            let causes = faults.filter(|drawn| drawn.role == Role::Cause && !is_idle(drawn));
            // What breaks again where it broke before is still one thing.
            let mut roots: Vec<Root> = vec![];
            for root in causes.flat_map(|drawn| roots_of(scenario, drawn)) {
                if !roots.contains(&root) {
                    roots.push(root);
                }
            }
            roots
        }
    }
}

pub(crate) fn truth(pair: &Pair) -> Truth {
    let (run, impact) = (&pair.run, pair.impact.as_ref());
    let scenario = &*run.scenario;
    let is_real = |role: Role| role != Role::Benign;
    let faults: Vec<_> = run.faults.iter().map(|(drawn, _)| drawn).filter(|drawn| is_real(drawn.role)).collect();
    let ms = |moment: Micros| run.at(moment).as_millis();
    // Where it takes any one of several, each of them is a root.
    let some_matter = pair.without.iter().any(|without| without.is_cause && without.matters);
    let is_idle = |drawn: &fault::Drawn| {
        let without = pair.without.iter().find(|without| without.fault == drawn.id);
        without.is_some_and(|without| !without.matters) && (some_matter || drawn.role == Role::Trigger)
    };
    let roots = roots(run, is_idle);
    let mut triggers: Vec<String> = scenario.truth.triggers.iter().map(|name| node_id(scenario, name)).collect();
    let drawn = faults.iter().filter(|drawn| drawn.role == Role::Trigger && !is_idle(drawn));
    triggers.extend(drawn.filter_map(|drawn| roots_of(scenario, drawn).into_iter().next()).map(|root| root.node));
    let path = match &scenario.truth.path {
        PathSpec::Given(path) => path.iter().map(|name| node_id(scenario, name)).collect(),
        PathSpec::Auto(_) => {
            let symptom = scenario.impact.as_ref().and_then(|impact| impact.sli.split_once(':'));
            let ends = symptom.map(|(_, group)| format!("group:{group}")).zip(roots.first());
            ends.map(|(symptom, root)| pair.way(&root.node, &symptom)).unwrap_or_default()
        }
    };
    Truth {
        incident: scenario.truth.incident,
        onset_ms: faults.iter().map(|drawn| drawn.at).min().map(ms),
        impact_ms: impact.map(|impact| ms(Micros::of_seconds(impact.after_s))),
        end_ms: faults.iter().map(|drawn| ms(drawn.end).min(run.end().as_millis())).max(),
        roots,
        triggers,
        decoys: scenario.truth.decoys.iter().map(|name| node_id(scenario, name)).collect(),
        path,
    }
}

/// The roots of a fault: what it happened to, or each of them when that stands for several.
fn roots_of(scenario: &Scenario, drawn: &fault::Drawn) -> Vec<Root> {
    let Some(kind) = fault::kind(&drawn.kind) else { return vec![] };
    let accept = kind.accepted(scenario, &drawn.target);
    let root =
        |node| Root { node, component: kind.component().to_owned(), class: drawn.kind.clone(), accept: accept.clone() };
    kind.target().ids(scenario, &drawn.target).into_iter().map(root).collect()
}

fn given(scenario: &Scenario, root: &RootSpec) -> Root {
    Root {
        node: node_id(scenario, &root.node),
        component: root.component.clone(),
        class: root.class.clone(),
        accept: root.accept.iter().map(|name| alternative(scenario, name)).collect(),
    }
}

/// A node by name or id, or a class.
fn alternative(scenario: &Scenario, name: &str) -> String {
    let is_node = scenario.nodes.iter().any(|node| node.id == name);
    if !is_node && name.contains('.') { name.to_owned() } else { node_id(scenario, name) }
}

/// The id of a node of a scenario; what is an id already stays.
fn node_id(scenario: &Scenario, name: &str) -> String {
    if name.contains(':') {
        return name.to_owned();
    }
    let kind = scenario.nodes.iter().find(|node| node.id == name).map(|node| match node.of {
        NodeOf::Producer => "producer",
        NodeOf::Topic(_) => "topic",
        NodeOf::Broker => "broker",
        NodeOf::Service(_) => "service",
        NodeOf::Primary(_) | NodeOf::Replica(_) => "database",
        NodeOf::Cache(_) => "cache",
        NodeOf::Http(_) => "endpoint",
        NodeOf::Host(_) => "host",
    });
    format!("{}:{name}", kind.unwrap_or("instance"))
}
