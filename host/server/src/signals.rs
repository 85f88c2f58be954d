//! The signals that end a program which doesn't handle them: Ctrl-C, SIGTERM, SIGHUP and the rest.

use std::{io, thread};

use registry_host::{Error, ErrorKind};
use registry_supervisor::signals::fatal;
use rustix::process::Signal;
use signal_hook::iterator::{SignalsInfo, exfiltrator::origin::WithOrigin};
use signal_hook::low_level::siginfo::{Cause, Origin};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::exit::of_signal;

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

fn ending(origin: &Origin) -> Ending {
    let keys = [Signal::INT, Signal::QUIT].map(Signal::as_raw);
    Ending { number: origin.signal, by_key: matches!(origin.cause, Cause::Kernel) && keys.contains(&origin.signal) }
}
