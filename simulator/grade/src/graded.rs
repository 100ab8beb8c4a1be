//! How right is one diagnosis? Right is: the node, or one that the label accepts; apart from that, the class.

use lagdoctor_bundle::{Alternative, Root, Truth};
use lagdoctor_diagnosis::CONFIDENT;
use lagdoctor_model::{Cause, Class, Diagnosis, NodeId, Verdict};

use crate::measure::rank::{Ranked, accuracy_at, reciprocal_rank};
use crate::measure::sets;

/// Up to which place accuracies are kept.
pub(crate) const PLACES: usize = 5;

/// The grade of one diagnosis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graded {
    /// Whether the verdict fits: a cause where something broke, no incident where nothing did.
    pub verdict_fits: bool,
    /// Place of the first right node among the causes, from 1; `None` when it is not among them.
    pub rank: Option<usize>,
    /// Whether the first cause has the right node and the right class; `None` where no class is known or none was asked for.
    pub exact: Option<bool>,
    /// Whether a known decoy comes first.
    pub decoy: bool,
    /// Whether it abstained.
    pub abstained: bool,
    /// AC@1 to AC@5, in expectation over the orders of causes that are equally sure.
    pub accuracy: [f64; PLACES],
    /// Reciprocal rank of the first right node, in expectation; 0 when there is none.
    pub reciprocal: f64,
    /// F1 of the set of nodes that are named as causes; `None` where nothing was to name and nothing was named.
    pub set_f1: Option<f64>,
    /// F1 of the edges from symptom to cause; `None` where the truth knows no way.
    pub path_f1: Option<f64>,
    /// What it puts first; `None` when it names nothing at all.
    pub first: Option<First>,
}

/// What a diagnosis puts first.
#[derive(Clone, Debug, PartialEq)]
pub struct First {
    /// Where.
    pub node: NodeId,
    /// What.
    pub class: Option<Class>,
    /// How sure, from 0 to 1.
    pub confidence: f64,
}

impl Graded {
    /// Grades a diagnosis against the truth.
    pub fn of(diagnosis: &Diagnosis, truth: &Truth) -> Self {
        let right_node = |node: &NodeId| truth.roots.iter().any(|root| fits_node(root, node));
        let first = diagnosis.causes.first();
        let exact = first.is_some_and(|cause| {
            truth.roots.iter().any(|root| {
                fits_node(root, &cause.node) && cause.class.as_ref().is_some_and(|class| fits_class(root, class))
            })
        });
        let expected = if truth.incident { Verdict::Cause } else { Verdict::NoIncident };
        let ranked: Vec<Ranked> = diagnosis.causes.iter().map(|cause| ranked(cause, truth)).collect();
        let way = |cause: &Cause| {
            let said: Vec<&str> = cause.path.iter().map(NodeId::as_str).collect();
            let told: Vec<&str> = truth.path.iter().map(NodeId::as_str).collect();
            sets::path_f1(&said, &told)
        };
        Self {
            verdict_fits: diagnosis.verdict == expected,
            rank: diagnosis.causes.iter().position(|cause| right_node(&cause.node)).map(|place| place + 1),
            exact: truth.roots.iter().any(|root| root.class.is_some()).then_some(exact),
            decoy: first.is_some_and(|cause| truth.decoys.contains(&cause.node)),
            abstained: diagnosis.verdict == Verdict::InsufficientEvidence,
            accuracy: std::array::from_fn(|place| accuracy_at(&ranked, truth.roots.len(), place + 1)),
            reciprocal: reciprocal_rank(&ranked),
            set_f1: set_f1(diagnosis, truth),
            path_f1: first.map_or_else(|| (truth.path.len() > 1).then_some(0.0), way),
            first: first.map(|cause| First {
                node: cause.node.clone(),
                class: cause.class.clone(),
                confidence: cause.confidence.get(),
            }),
        }
    }

    /// The grade where there was no diagnosis, because nothing had been noticed.
    pub fn of_silence(truth: &Truth) -> Self {
        let missed = |is_there: bool| (truth.incident && is_there).then_some(0.0);
        Self {
            verdict_fits: !truth.incident,
            exact: truth.roots.iter().any(|root| root.class.is_some()).then_some(false),
            set_f1: missed(!truth.roots.is_empty()),
            path_f1: missed(truth.path.len() > 1),
            ..Self::default()
        }
    }

    /// The grade of nodes in an order, without classes: nothing where nothing is the answer.
    pub(crate) fn of_order(nodes: &[NodeId], truth: &Truth) -> Self {
        let fits = |node: &NodeId| -> Vec<usize> {
            let roots = truth.roots.iter().enumerate();
            roots.filter(|(_, root)| fits_node(root, node)).map(|(place, _)| place).collect()
        };
        let places = (0..).map(|place: i32| 1.0 / f64::from(place + 1));
        let ranked: Vec<Ranked> =
            nodes.iter().zip(places).map(|(node, confidence)| Ranked { confidence, fits: fits(node) }).collect();
        Self {
            verdict_fits: truth.incident != nodes.is_empty(),
            rank: ranked.iter().position(|one| !one.fits.is_empty()).map(|place| place + 1),
            accuracy: std::array::from_fn(|place| accuracy_at(&ranked, truth.roots.len(), place + 1)),
            reciprocal: reciprocal_rank(&ranked),
            ..Self::default()
        }
    }

    /// Whether the right node comes first.
    pub fn is_right_first(&self) -> bool {
        self.rank == Some(1)
    }
}

fn ranked(cause: &Cause, truth: &Truth) -> Ranked {
    let roots = truth.roots.iter().enumerate();
    let fits = roots.filter(|(_, root)| fits_node(root, &cause.node)).map(|(place, _)| place).collect();
    Ranked { confidence: cause.confidence.get(), fits }
}

/// What is named: where the verdict is a cause, the first one and all others that are likelier right than wrong.
fn set_f1(diagnosis: &Diagnosis, truth: &Truth) -> Option<f64> {
    let mut named: Vec<&NodeId> = vec![];
    if diagnosis.verdict == Verdict::Cause {
        for (place, cause) in diagnosis.causes.iter().enumerate() {
            if (place == 0 || cause.confidence.get() >= CONFIDENT) && !named.contains(&&cause.node) {
                named.push(&cause.node);
            }
        }
    }
    let found = truth.roots.iter().filter(|root| named.iter().any(|node| fits_node(root, node))).count();
    let wrong = named.iter().filter(|node| !truth.roots.iter().any(|root| fits_node(root, node))).count();
    sets::f1(found, wrong, truth.roots.len() - found)
}

fn fits_node(root: &Root, node: &NodeId) -> bool {
    root.node == *node || root.accept.contains(&Alternative::Node(node.clone()))
}

fn fits_class(root: &Root, class: &Class) -> bool {
    root.class.as_ref() == Some(class) || root.accept.contains(&Alternative::Class(class.clone()))
}
