//! The backend on a real ZooKeeper, without a host.

mod sessions;
mod support;
mod txns;
