//! The numbers by which `kafka.consumer_group.status` says a status.

use lagdoctor_model::GroupStatus;

/// The number that stands for a status in `kafka.consumer_group.status`; NaN for unknown.
pub fn status_number(status: GroupStatus) -> f64 {
    match status {
        GroupStatus::Ok => 0.0,
        GroupStatus::Warn => 1.0,
        GroupStatus::Err => 2.0,
        GroupStatus::Stop => 3.0,
        GroupStatus::Stall => 4.0,
        GroupStatus::Rewind => 5.0,
        GroupStatus::Unknown => f64::NAN,
    }
}

/// The status that a number of `kafka.consumer_group.status` stands for.
pub fn status_of(number: f64) -> GroupStatus {
    match number {
        0.0 => GroupStatus::Ok,
        1.0 => GroupStatus::Warn,
        2.0 => GroupStatus::Err,
        3.0 => GroupStatus::Stop,
        4.0 => GroupStatus::Stall,
        5.0 => GroupStatus::Rewind,
        _ => GroupStatus::Unknown,
    }
}
