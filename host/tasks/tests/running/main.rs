//! Commands run on real processes. It has a `main` of its own, as this program is also the supervisor of what it runs.

mod ending;
mod hostile;
mod outcomes;
mod serving;
mod support;
mod worker;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    if let Some(code) = registry_supervisor::supervisor_main() {
        return code;
    }
    if let Some(code) = worker::main().or_else(hostile::full_disk_main) {
        return code;
    }
    let trials = [outcomes::trials(), ending::trials(), hostile::trials(), worker::trials(), serving::trials()];
    let trials = trials.into_iter().flatten().collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
