//! A server's process: started, signalled, ended, started again.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::{Error, Result, health, signals};

/// One server process, and what it takes to start it again as it was. Dropping it kills the process.
pub(crate) struct Process {
    program: PathBuf,
    arguments: Vec<OsString>,
    log: PathBuf,
    child: Mutex<Option<Child>>,
}

impl Process {
    pub(crate) fn new(program: PathBuf, arguments: Vec<OsString>, log: PathBuf) -> Self {
        Self { program, arguments, log, child: Mutex::new(None) }
    }

    /// Starts the process; one that runs already is killed first.
    pub(crate) fn start(&self) -> Result<()> {
        let mut child = self.child();
        end(&mut child);
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.map_err(Error::during(format!("opening {}", self.log.display())))?;
        let errors = log.try_clone().map_err(Error::during("sharing the server's log"))?;
        let mut command = Command::new(find("setpriv", "util-linux")?);
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        without_settings(&mut command);
        *child = Some(spawn(command).map_err(Error::during(format!("starting {}", self.program.display())))?);
        Ok(())
    }

    /// Ends the process as a power cut would.
    pub(crate) fn kill(&self) {
        end(&mut self.child());
    }

    /// Ends the process with SIGTERM, and waits until it has ended.
    pub(crate) fn terminate(&self) -> Result<()> {
        self.signal(signals::terminate)?;
        let mut ended = || match self.child().as_mut().map(Child::try_wait) {
            Some(Ok(None)) => Ok(false),
            Some(Ok(Some(_))) | None => Ok(true),
            Some(Err(error)) => Err(Error::new(error.to_string())),
        };
        health::wait_until(&mut ended, || format!("it still runs\n{}", self.log_end()))
            .map_err(Error::during(format!("terminating {}", self.program.display())))?;
        self.kill();
        Ok(())
    }

    /// Sends the process one of the [`signals`].
    pub(crate) fn signal(&self, send: impl FnOnce(u32) -> Result<()>) -> Result<()> {
        let child = self.child();
        // Not yet waited for, so the id is still this process's, even if it has ended.
        let id = child.as_ref().map(Child::id);
        let id = id.ok_or_else(|| Error::new(format!("{} does not run", self.program.display())))?;
        send(id).map_err(Error::during(format!("signalling {}", self.program.display())))
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// An error with the end of its log, if the process has ended by itself.
    pub(crate) fn check_running(&self) -> Result<()> {
        let status = match self.child().as_mut().map(Child::try_wait) {
            Some(Ok(None)) => return Ok(()),
            Some(Ok(Some(status))) => status.to_string(),
            Some(Err(error)) => error.to_string(),
            None => "it was killed".to_owned(),
        };
        Err(Error::new(format!("{} ended ({status})\n{}", self.program.display(), self.log_end())))
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines of the log, under its name.
    pub(crate) fn log_end(&self) -> String {
        const LINES: usize = 20;
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(LINES)..];
        format!("the end of {}:\n{}", self.log.display(), last.join("\n"))
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program's file: `name` itself if it is a path, else the first of that name on the `PATH`.
pub(crate) fn find(name: &str, package: &str) -> Result<PathBuf> {
    let found = if name.contains('/') {
        Some(PathBuf::from(name)).filter(|path| path.is_file())
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
    };
    found.ok_or_else(|| {
        Error::new(format!("{name} is missing: run `make install-servers`, or install it (Debian's package {package})"))
    })
}

/// Takes away the settings that etcd, its client and Java would read from the environment of the tests.
pub(crate) fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"ETCD") {
            command.env_remove(name);
        }
    }
    for name in ["CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"] {
        command.env_remove(name);
    }
}

/// Spawns from a thread that lives as long as the process: the kernel sends the signal that `setpriv --pdeathsig` asks
/// for when the THREAD that spawned the child ends, and a test's thread ends with its test.
fn spawn(command: Command) -> io::Result<Child> {
    type Request = (Command, Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<Sender<Request>> = LazyLock::new(|| {
        let (sender, requests) = mpsc::channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in requests {
                // The caller waits below, so the answer is always received.
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, answered) = mpsc::channel();
    SPAWNER.send((command, answer)).map_err(io::Error::other)?;
    answered.recv().map_err(io::Error::other)?
}

fn end(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        // Both fail only for a process that is gone already.
        let _ = child.kill();
        let _ = child.wait();
    }
}
