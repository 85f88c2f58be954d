//! Against real servers; a library that is only loaded can't be linked to tests of its own folder.

mod access;
mod faults;
mod members;
mod model;
mod reads;
mod sessions;
mod stale_leader;
mod support;
mod trips;
mod txns;
mod watches;
