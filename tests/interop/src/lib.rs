//! Clients of the backends' servers that nobody here wrote: how their drivers are started and spoken with.

#![forbid(unsafe_code)]

mod clients;
mod process;
mod value;

pub use self::{
    clients::{Client, Lives},
    process::Process,
    value::Value,
};
