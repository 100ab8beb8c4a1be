//! How often are we right? Runs the whole pipeline, real collectors included, over simulated incidents whose cause is
//! known, and grades each diagnosis. Only this crate reads the truth of a run, and it hands none of it on.
//!
//! Start at [`Stage`], which stands in for the network; [`Graded::of`] grades one diagnosis, [`Scorecard`] adds them up.

mod graded;
mod past;
mod scorecard;
mod stage;

pub use graded::Graded;
pub use scorecard::{Grade, Row, Run, Scorecard};
pub use stage::{Stage, look, sources};

use lagdoctor_bundle::{Alternative, Root, Truth};
use lagdoctor_model::{Class, InvalidName, NodeId, Timestamp};

/// The truth of a simulated run, as a labelled bundle states it.
///
/// # Errors
/// When the scenario names a node or class that can be none.
pub fn truth(run: &lagdoctor_sim::Truth) -> Result<Truth, InvalidName> {
    let time = |ms: Option<i64>| ms.and_then(|ms| Timestamp::from_millis(ms).ok());
    let ids = |ids: &[String]| ids.iter().map(NodeId::new).collect::<Result<Vec<_>, _>>();
    let root = |root: &lagdoctor_sim::Root| {
        Ok(Root {
            node: NodeId::new(root.node.as_str())?,
            component: root.component.clone(),
            class: Class::new(root.class.as_str())?,
            accept: root.accept.iter().map(|other| Alternative::try_from(other.clone())).collect::<Result<_, _>>()?,
        })
    };
    Ok(Truth {
        incident: run.incident,
        onset: time(run.onset_ms),
        impact: time(run.impact_ms),
        end: time(run.end_ms),
        triggers: ids(&run.triggers)?,
        decoys: ids(&run.decoys)?,
        path: ids(&run.path)?,
        roots: run.roots.iter().map(root).collect::<Result<_, InvalidName>>()?,
    })
}
