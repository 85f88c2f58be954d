//! Faults of what the servers keep.

use super::{Kind, Planned, Stage, stage::due};

/// Makes these faults one after the other.
pub(crate) async fn play(stage: &Stage, plan: Vec<Planned>) {
    for fault in plan {
        due(&fault).await;
        match fault.kind {
            Kind::NoSpace => {
                let (make, undo) = (stage.cluster.alarm(true), stage.cluster.alarm(false));
                stage.play(&fault, vec!["members".to_owned()], make, undo).await;
            }
            other => unreachable!("{other} is no fault of the store"),
        }
    }
}
