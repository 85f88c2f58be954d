//! Loading a library in a process of its own, for those that end the process they are loaded into.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use registry_api::Result;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::{
    Metadata, Plugin,
    candidate::Candidate,
    reject::{one_line, rejected},
    trust::Trust,
};

/// What the child's answer begins with: a library may write to the same output.
const MARK: &str = "registry-plugin-verify: ";
const MAX_OUTPUT: u64 = 1 << 20;
const MAX_LAST_WORDS: usize = 200;
const EXIT_POLL: Duration = Duration::from_millis(2);

#[derive(Serialize, Deserialize)]
enum Answer {
    Loaded(Box<Metadata>),
    Refused(String),
}

/// Verifies a plugin file and loads it, in a child process: `executable arguments… file`, which calls
/// [`verify_child_main`].
///
/// # Behavior
///
/// It blocks until the child has ended, or the deadline has passed and the child is killed.
///
/// # Errors
///
/// `PluginRejected`, in one line: what [`Plugin::load`] would say, or how the child ended where the library ended it.
pub fn verify_in_child(
    executable: impl AsRef<OsStr>,
    arguments: &[OsString],
    file: impl AsRef<Path>,
    sha256: Option<&[u8; 32]>,
    deadline: Duration,
) -> Result<Metadata> {
    let file = file.as_ref();
    // What can be told without loading is told here, the digest only here.
    Candidate::check(file, &Trust::of_this_process(), sha256)?;
    let until = Instant::now() + deadline;
    let failed = |error: io::Error| rejected(file, format_args!("no process to load it in can be started: {error}"));

    // Standard output and error together: the last words of a library that ends its process may stand on either.
    let (mut reader, writer) = io::pipe().map_err(failed)?;
    let mut child = Command::new(executable)
        .args(arguments)
        .arg(file)
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(failed)?)
        .stderr(writer)
        .spawn()
        .map_err(failed)?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut output = Vec::new();
        let _ = reader.by_ref().take(MAX_OUTPUT).read_to_end(&mut output);
        // The rest is read as well, or the child would wait for it.
        let _ = io::copy(&mut reader, &mut io::sink());
        let _ = sender.send(output);
    });

    let output = receiver.recv_timeout(until.saturating_duration_since(Instant::now()));
    let Some(status) = end(&mut child, if output.is_ok() { until } else { Instant::now() }).map_err(failed)? else {
        return Err(rejected(
            file,
            format_args!("it was not loaded within {deadline:?}: it is damaged, or waits for something"),
        ));
    };
    // There is none if something that the library started still holds it open.
    let output = output.unwrap_or_default();
    let output = String::from_utf8_lossy(&output);
    let answer = output.lines().rev().find_map(|line| serde_json::from_str(line.strip_prefix(MARK)?).ok());
    match answer {
        Some(Answer::Refused(reason)) => Err(rejected(file, reason)),
        Some(Answer::Loaded(metadata)) if status.success() => Ok(*metadata),
        Some(Answer::Loaded(_)) => Err(rejected(
            file,
            format_args!("it loads, but {} when its process ends: copy or build it again", how(status)),
        )),
        None => {
            let words = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let words = one_line(words, MAX_LAST_WORDS);
            let words = if words.is_empty() { words } else { format!(" ({words})") };
            Err(rejected(
                file,
                format_args!("loading it {}{words}: it is damaged, copy or build it again", how(status)),
            ))
        }
    }
}

/// Waits for the child until then, and kills it if it has not ended; `None` if it had to be killed.
fn end(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(EXIT_POLL);
    }
}

fn how(status: ExitStatus) -> String {
    let Some(signal) = status.signal() else {
        return format!("ends the process with code {}", status.code().unwrap_or(-1));
    };
    let name = match signal {
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        _ => return format!("ends the process with signal {signal}"),
    };
    format!("ends the process with {name}")
}

/// The child's part of [`verify_in_child`]: loads the file and answers on standard output.
///
/// # Behavior
///
/// It leaves no core file behind. The caller returns from `main` at once, so that a library that ends its process then
/// is found out as well.
pub fn verify_child_main(file: impl AsRef<Path>) -> ExitCode {
    let file = file.as_ref();
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let answer = match Plugin::load(file, None) {
        Ok(plugin) => Answer::Loaded(Box::new(plugin.metadata().clone())),
        Err(error) => {
            let named = format!("{}: ", file.display());
            let text = error.to_string();
            Answer::Refused(text.strip_prefix(&named).unwrap_or(&text).to_owned())
        }
    };
    let Ok(answer) = serde_json::to_string(&answer) else {
        return ExitCode::FAILURE;
    };
    // A line of its own, whatever the library has written before.
    let mut output = io::stdout().lock();
    match write!(output, "\n{MARK}{answer}\n").and_then(|()| output.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
