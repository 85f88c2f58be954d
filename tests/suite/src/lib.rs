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

/// The Rust of the pages compiles.
macro_rules! pages {
    ($($name:ident: $file:literal,)+) => {$(
        #[cfg(doctest)]
        #[doc = include_str!(concat!("../../../", $file))]
        pub struct $name;
    )+};
}

pages! {
    Readme: "README.md",
    Host: "docs/host.md",
    Calls: "docs/calls.md",
    Discovery: "docs/discovery.md",
    States: "docs/states.md",
    WritingABackend: "docs/writing-a-backend.md",
}
