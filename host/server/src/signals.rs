//! The signals that end a program which doesn't handle them: Ctrl-C, SIGTERM, SIGHUP and the rest.

use std::{fs, io, thread};

use registry_host::{Error, ErrorKind};
use rustix::process::Signal;
use signal_hook::iterator::{SignalsInfo, exfiltrator::origin::WithOrigin};
use signal_hook::low_level::siginfo::{Cause, Origin};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::exit::of_signal;

/// Those with a name. A fault in the program's own code (SIGSEGV, SIGABRT and the like) still ends it at once.
const NAMED: [Signal; 14] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::TERM,
    Signal::STKFLT,
    Signal::XCPU,
    Signal::XFSZ,
    Signal::VTALARM,
    Signal::PROF,
    Signal::IO,
    Signal::POWER,
];

/// The first and the last real-time signal; those before are the C library's own.
const REAL_TIME: std::ops::RangeInclusive<i32> = if cfg!(target_env = "musl") { 35..=64 } else { 34..=64 };

/// A signal that asks the program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) number: i32,
    /// Whether a key was pressed on the terminal, which then has told every program of the foreground.
    pub(crate) by_key: bool,
}

impl Ending {
    /// The code to exit with for having been ended so.
    pub(crate) fn code(self) -> u8 {
        of_signal(self.number)
    }
}

/// The signals that ask the program to end, in the order they come. From the first of these on they no longer end it by
/// themselves.
pub(crate) struct Signals(UnboundedReceiver<Ending>);

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub(crate) fn listen() -> Result<Self, Error> {
        let refused = |error: io::Error| Error::new(ErrorKind::Other, "can't listen for signals").with_cause(&error);
        let mut signals = SignalsInfo::<WithOrigin>::new(fatal()).map_err(refused)?;
        let (sender, receiver) = mpsc::unbounded_channel();
        // It ends with the process.
        let listening = move || signals.forever().try_for_each(|origin| sender.send(ending(&origin)));
        thread::Builder::new().name("signals".to_owned()).spawn(listening).map_err(refused)?;
        Ok(Signals(receiver))
    }

    /// The next signal.
    ///
    /// # Cancellation
    ///
    /// None is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Ending {
        match self.0.recv().await {
            Some(ending) => ending,
            // The thread that sends lives as long as the process.
            None => std::future::pending().await,
        }
    }
}

/// The signals that end a process unless it handles them.
///
/// One that the process was started to ignore is left ignored, as SIGHUP below `nohup`; but never SIGINT and SIGTERM,
/// which are how commands that stay are ended, also in the background of a script.
pub(crate) fn fatal() -> Vec<i32> {
    let always = [Signal::INT, Signal::TERM].map(Signal::as_raw);
    let others = NAMED.iter().map(|signal| signal.as_raw()).chain(REAL_TIME);
    let others = not_ignored(others.filter(|number| !always.contains(number)));
    always.into_iter().chain(others).collect()
}

/// Those of the signals that the process was not started to ignore.
pub(crate) fn not_ignored(numbers: impl Iterator<Item = i32>) -> impl Iterator<Item = i32> {
    let ignored = ignored();
    numbers.filter(move |number| ignored >> (number - 1) & 1 == 0)
}

/// A bit for each signal that is ignored, the lowest for signal 1.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn ending(origin: &Origin) -> Ending {
    let keys = [Signal::INT, Signal::QUIT].map(Signal::as_raw);
    Ending { number: origin.signal, by_key: matches!(origin.cause, Cause::Kernel) && keys.contains(&origin.signal) }
}
