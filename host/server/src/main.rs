//! The registry binary: the command line, and servers that run on the registry which the configuration names.

#![forbid(unsafe_code)]

mod cli;
mod commands;
mod completing;
mod context;
mod exit;
mod logging;
mod measuring;
mod options;
mod output;
mod probing;
mod signals;
mod standalone;
mod traces;

use std::process::ExitCode;

use cli::Invocation;
use context::Context;
use exit::{Done, Failure};
use output::Output;
use registry_host::{Error, ErrorKind};
use tokio::time::Instant;

fn main() -> ExitCode {
    if let Some(code) = registry_supervisor::supervisor_main() {
        return code;
    }
    if let Some(file) = commands::plugins::child_to_verify() {
        return registry_host::plugin::verify_child_main(file);
    }
    if let Some(code) = completing::answer() {
        return code;
    }
    let (format, done) = match Invocation::parse() {
        Ok(invocation) => (invocation.options.output.unwrap_or_default(), run(invocation)),
        Err(refused) => match refused.answer() {
            Some(code) => return code,
            None => (refused.format, Err(Failure::Usage(refused.message))),
        },
    };
    ExitCode::from(done.unwrap_or_else(|failure| {
        output::report(format, &failure);
        failure.code()
    }))
}

fn run(invocation: Invocation) -> Done {
    let begun = Instant::now();
    logging::start(invocation.options.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::from(Error::new(ErrorKind::Other, "the threads can't be started").with_cause(&error))
    })?;
    let output = Output::new(invocation.options.output.unwrap_or_default());
    let mut context =
        Context { begun, options: invocation.options, output, at_root: false, definition: cli::definition };
    let done = runtime.block_on(invocation.command.run(&mut context));
    // A thread that waits for a slow reader of standard output must not keep the program.
    runtime.shutdown_background();
    done
}
