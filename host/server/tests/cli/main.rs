//! The command line, tried as its users do: by running the binary.

mod bad_input;
mod browser;
mod completions;
mod everyday;
mod install;
mod jobs;
mod locking;
mod opening;
mod plugins;
mod reading_and_writing;
mod servers;
mod standalone;
mod support;
mod tasks;
mod terminal;
mod traces;
mod transactions;
mod watching;
mod workers;
