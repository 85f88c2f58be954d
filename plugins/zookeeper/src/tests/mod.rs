//! The backend on a real ZooKeeper, without a host.

mod breaks;
mod deleting;
mod jute;
mod links;
mod lists;
mod lock_faults;
mod lock_members;
mod locking;
mod locks;
mod members;
mod model;
mod races;
mod sessions;
mod silence;
mod sizes;
mod support;
mod trips;
mod txns;
mod watches;
mod writer;
