//! How often are we right? Runs the whole pipeline, real collectors included, over simulated incidents whose cause is
//! known, and grades each diagnosis. Only this crate reads the truth of a run, and it hands none of it on.
//!
//! Start at [`Stage`], which stands in for the network, and [`Exam::sit`], which makes one run and asks everybody about it;
//! [`Graded::of`] grades one diagnosis, [`MEASURES`] are the figures about many, [`Scorecard`] adds them up.

mod exam;
mod forecast;
mod gate;
mod graded;
mod interval;
mod measure;
mod moment;
mod paired;
mod past;
mod recorded;
pub mod report;
mod robust;
mod scorecard;
mod session;
mod stage;
mod watch;

pub use exam::{Asked, Contender, Exam, ORACLE, Question, Sat, SitError, Subject};
pub use forecast::Forecasted;
pub use gate::{Baseline, BaselineError, Fall, Flip, Judged, Kept, Waiver};
pub use graded::{First, Graded};
pub use interval::Estimate;
pub use measure::calibration::{Bin, bins};
pub use measure::waiting::Wait;
pub use measure::{Better, MEASURES, Measure, confidences};
pub use moment::Whole;
pub use paired::{Change, Comparison, mcnemar, smallest_drop};
pub use recorded::{Recording, RecordingError};
pub use robust::{Curve, Point};
pub use scorecard::{Failing, Row, Run, Scorecard, Spoken, Watched, Worth};
pub use session::{ExamError, sit_all};
pub use stage::{Stage, lane_sources, look, look_back, sources};
pub use watch::{Cadence, Incident, incidents};

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
            class: Some(Class::new(root.class.as_str())?),
            accept: root.accept.iter().map(|other| Alternative::try_from(other.clone())).collect::<Result<_, _>>()?,
        })
    };
    Ok(Truth {
        name: String::new(),
        family: String::new(),
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
