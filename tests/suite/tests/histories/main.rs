//! Random histories of a few clients on every backend, held against a model of the contract: of one step after another,
//! and of clients that run at once.
//!
//! `HISTORIES=1000` plays that many instead of the usual number, `HISTORIES_SECONDS=600` as many as can be in that
//! time. A history that fails is made as short as it can be and kept in `regressions`, where it is played first from
//! then on.

mod backend;
mod concurrent;
mod model;
mod operation;
mod planted;
mod sequential;
mod span;
