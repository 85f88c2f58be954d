//! Runs of masters and workers: what was seen of their tasks, and the judge of it.
//!
//! The commands of the tasks write down themselves when they ran and how they ended. The judge compares that with the
//! records that the masters leave, and with the faults that were made.

pub mod judge;
mod seen;

pub use self::seen::{Fault, Kind, Mark, Observation, Submitted};
