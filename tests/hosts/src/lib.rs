//! Host servers as processes: what they are asked for, and what they tell.
//!
//! A host is the program of this package. It opens a registry and its cluster, and reads [requests](Request) from its
//! standard input, a line of JSON each. It [tells](TimedEvent) on its standard output what becomes of it, so that a
//! test can judge a whole cluster by one clock. At the end of its input it ends at once, as if it had crashed.

#![forbid(unsafe_code)]

mod event;
mod request;

pub use event::{End, Event, Nanos, ServerId, TimedEvent, now};
pub use request::Request;
