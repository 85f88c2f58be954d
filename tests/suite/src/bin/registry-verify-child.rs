//! Loads the plugin file that it is given, for a test that must outlive it.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

/// A damaged library may do anything; it shall not take the machine's memory with it.
const MEMORY: u64 = 4 << 30;

fn main() -> ExitCode {
    let limited = setrlimit(Resource::As, Rlimit { current: Some(MEMORY), maximum: Some(MEMORY) });
    match (limited, std::env::args_os().nth(1)) {
        (Ok(()), Some(file)) => registry_host::plugin::verify_child_main(file),
        _ => ExitCode::FAILURE,
    }
}
