//! How right is one diagnosis? Right is: the node, or one that the label accepts; apart from that, the class.

use lagdoctor_bundle::{Alternative, Root, Truth};
use lagdoctor_model::{Class, Diagnosis, NodeId, Verdict};

/// The grade of one diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Graded {
    /// Whether the verdict fits: a cause where something broke, no incident where nothing did.
    pub verdict_fits: bool,
    /// Place of the first right node among the causes, from 1; `None` when it is not among them.
    pub rank: Option<usize>,
    /// Whether the first cause has the right node and the right class.
    pub exact: bool,
    /// Whether a known decoy comes first.
    pub decoy: bool,
    /// Whether it abstained.
    pub abstained: bool,
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
        Self {
            verdict_fits: diagnosis.verdict == expected,
            rank: diagnosis.causes.iter().position(|cause| right_node(&cause.node)).map(|place| place + 1),
            exact,
            decoy: first.is_some_and(|cause| truth.decoys.contains(&cause.node)),
            abstained: diagnosis.verdict == Verdict::InsufficientEvidence,
        }
    }
}

fn fits_node(root: &Root, node: &NodeId) -> bool {
    root.node == *node || root.accept.contains(&Alternative::Node(node.clone()))
}

fn fits_class(root: &Root, class: &Class) -> bool {
    root.class == *class || root.accept.contains(&Alternative::Class(class.clone()))
}
