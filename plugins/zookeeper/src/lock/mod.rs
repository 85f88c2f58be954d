//! Locks: a queue in the layout of Curator's `InterProcessMutex` (contract 6.7).
//!
//! Waiting, limits and what a holder has are the SDK's; here is how a request gets its place in the queue, finds it and
//! leaves it.

mod asking;
mod flight;
mod name;
mod place;
mod queue;
mod release;

pub(crate) use name::QUEUE_ENTRIES;
pub(crate) use place::Numbered;
pub(crate) use release::release;
