//! The process that becomes the command: it asks the kernel to be killed with its supervisor, and runs the command in
//! its own place.
//!
//! Only the process itself can ask for that, and the library of the language lets nothing of the kind be done between
//! the two halves of starting a program. So the program is started once more, and then replaced.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode};

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
use rustix::stdio::dup2_stdin;
use serde::{Deserialize, Serialize};

use crate::messages::{hand_over, line, take_over};

/// What a starter's command line begins with. It is not a command: it stands in neither help nor completions.
const STARTER: &str = "--start-a-command";

/// The first descriptor that is neither standard input, output nor error.
const FIRST: i32 = 3;

/// What the process is to become.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Become {
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    /// All of its environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Whether it has nothing but its standard input, output and error.
    pub(crate) closed: bool,
    /// The process that it ends with.
    parent: i32,
}

impl Become {
    pub(crate) fn new(command: Vec<OsString>, environment: Vec<(OsString, OsString)>, closed: bool) -> Self {
        Become { command, environment, closed, parent: getpid().as_raw_nonzero().get() }
    }

    /// Starts it, by what starts the starter.
    ///
    /// # Errors
    ///
    /// What the system says of the command, or of the starter.
    pub(crate) fn start(
        &self,
        stdin: impl AsFd,
        prepare: impl FnOnce(&mut Command),
        spawn: impl FnOnce(&mut Command) -> io::Result<Child>,
    ) -> io::Result<Child> {
        let (mut ours, theirs) = UnixStream::pair()?;
        let mut starter = Command::new("/proc/self/exe");
        // Variables of the command may be ones that the loader of programs listens to.
        starter.arg0("registry").arg(STARTER).env_clear().stdin(OwnedFd::from(theirs));
        prepare(&mut starter);
        let mut child = spawn(&mut starter)?;
        // It has the other end, and would keep it open.
        drop(starter);
        let told = hand_over(&ours, stdin).map_err(io::Error::from).and_then(|()| ours.write_all(&line(self)));
        // The other end is closed as the command begins, or once it is said why it can't.
        let mut refused = String::new();
        let heard = ours.read_to_string(&mut refused);
        if let Ok(number) = refused.trim().parse() {
            child.wait()?;
            return Err(io::Error::from_raw_os_error(number));
        }
        if let Err(error) = told.and(heard.map(drop)) {
            child.kill()?;
            child.wait()?;
            return Err(error);
        }
        Ok(child)
    }
}

/// Becomes a command, if this process was started for that; `None` if it was not.
pub(crate) fn starter_main() -> Option<ExitCode> {
    let is_starter = std::env::args_os().nth(1).is_some_and(|argument| argument == STARTER);
    is_starter.then(|| {
        if let Err(error) = become_it() {
            eprintln!("registry: this is started by other commands only, to start what they run: {error}");
        }
        ExitCode::from(2)
    })
}

/// Ends with an error only if this is not a starter's place.
fn become_it() -> io::Result<()> {
    let stdin = take_over(io::stdin())?;
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut message = String::new();
    BufReader::new(&socket).read_line(&mut message)?;
    let told: Become = serde_json::from_str(&message)?;
    let failed = replace(&told, stdin);
    // The number alone: what is said of it is the supervisor's business.
    let number = failed.raw_os_error().unwrap_or(rustix::io::Errno::INVAL.raw_os_error());
    socket.write_all(format!("{number}\n").as_bytes())
}

/// Comes back only with an error.
fn replace(told: &Become, stdin: OwnedFd) -> io::Error {
    let prepared = dup2_stdin(stdin).and_then(|()| set_parent_process_death_signal(Some(Signal::KILL)));
    if let Err(error) = prepared {
        return error.into();
    }
    // One that has ended before can't be told of any more.
    if getppid().is_none_or(|parent| parent.as_raw_nonzero().get() != told.parent) {
        return rustix::io::Errno::SRCH.into();
    }
    if told.closed {
        // What whoever started the holder had open is no business of the command's.
        close_fds::set_fds_cloexec_threadsafe(FIRST, &[]);
    }
    let Some((program, arguments)) = told.command.split_first() else { return rustix::io::Errno::NOENT.into() };
    let variables = told.environment.iter().map(|(name, value)| (name, value));
    Command::new(program).args(arguments).env_clear().envs(variables).exec()
}
