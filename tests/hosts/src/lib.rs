//! Host servers as processes: what they are asked for, and what they tell.
//!
//! A host is the program of this package. It opens a registry and its cluster, reads [requests](Request) from its
//! standard input, a line of JSON each, and [tells](Told) on its standard output what becomes of it, so that a test can
//! judge a whole cluster by one clock. At the end of its input it ends at once, as if it had crashed.

#![forbid(unsafe_code)]

mod request;
mod told;

pub use request::Request;
pub use told::{End, Event, Nanos, Place, Told, now};
