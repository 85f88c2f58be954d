//! The tests: conformance, loading, faults, end to end. What they share is here.
//!
//! Everything here is for tests: what fails panics, with the reason.

#![forbid(unsafe_code)]

mod backends;
mod cluster;
mod ending;
mod logs;
mod mirror;
mod process;
mod server;
mod waiting;

pub use backends::{beside, etcd, memory, open, proxied, settings, unique, zookeeper};
pub use cluster::{Cluster, Fault};
pub use ending::Ending;
pub use logs::Logs;
pub use mirror::Mirror;
pub use process::{descriptors, plugin_threads, resident_kib};
pub use server::{Server, leases};
pub use waiting::{SOON, eventually, wait_until, within};

/// The README's host example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

/// So does the one on what a host does in each state.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/states.md")]
pub struct States;
