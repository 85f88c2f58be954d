//! The backend on a real ZooKeeper, without a host.

mod deleting;
mod members;
mod model;
mod races;
mod sessions;
mod sizes;
mod support;
mod trips;
mod txns;
