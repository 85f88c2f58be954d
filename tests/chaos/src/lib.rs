//! Clients, faults drawn at random, and a judge of what came of both.
#![forbid(unsafe_code)]

pub mod history;
pub mod judge;
pub mod picture;
pub mod tasks;
