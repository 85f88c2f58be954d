//! Tasks on the registry: their records, the master that hands them out, and the worker that runs them.
//!
//! A task is a command, and an entry of the registry that says how it stands: its [record](record::Record). Every
//! change of it is conditional on the entry's version, so that of two who decide at once one decides. A master writes
//! which attempt it sends to which incarnation of a worker before it sends it; the worker writes that it has accepted
//! before it starts the command. An answer that is late, a second worker and a master that was asleep can't double it.

#![forbid(unsafe_code)]

pub mod client;
pub mod figures;
pub mod master;
pub mod protocol;
pub mod record;
pub mod run;
pub mod settings;
pub mod spool;
pub mod store;
mod trace;
pub mod worker;
