//! Loads the plugin file that it is given, for a test that must outlive it.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        Some(file) => registry_host::plugin::verify_child_main(file),
        None => ExitCode::FAILURE,
    }
}
