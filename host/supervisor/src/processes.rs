//! The processes that a process has started, and what those have started, as `/proc` shows them.

use std::collections::BTreeSet;
use std::{fs, io};

use rustix::process::{Pid, Signal, getpid, kill_process};

/// A process that has not ended.
///
/// The numbers are 0 for what lies outside of this process's namespace of process ids, as the session of a command that
/// was started in a container from outside may. The system calls that tell them can't be used for that: rustix takes it
/// for granted that they never give 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    pub(crate) parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    pub(crate) stopped: bool,
}

impl Process {
    /// This process.
    ///
    /// # Errors
    ///
    /// If `/proc` can't be read.
    pub fn this() -> io::Result<Self> {
        Process::of(getpid())
    }

    /// A process that has not ended.
    ///
    /// # Errors
    ///
    /// If it has ended, or `/proc` can't be read.
    pub fn of(pid: Pid) -> io::Result<Self> {
        let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero()))?;
        parse(&stat).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// If it has become another user's. One that has ended meanwhile is none.
    pub(crate) fn signal(self, signal: Signal) -> io::Result<()> {
        match kill_process(self.pid, signal) {
            Err(error) if error != rustix::io::Errno::SRCH => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Everything below a process that has not ended, parents before their children.
///
/// # Errors
///
/// If `/proc` can't be read.
pub(crate) fn below(root: Pid) -> io::Result<Vec<Process>> {
    let all = all()?;
    let mut known = BTreeSet::from([root.as_raw_nonzero().get()]);
    let mut found = Vec::new();
    loop {
        let next = all.iter().filter(|process| known.contains(&process.parent));
        let next: Vec<_> = next.filter(|process| !known.contains(&process.pid.as_raw_nonzero().get())).collect();
        if next.is_empty() {
            return Ok(found);
        }
        known.extend(next.iter().map(|process| process.pid.as_raw_nonzero().get()));
        found.extend(next.into_iter().copied());
    }
}

/// All processes that have not ended.
///
/// # Errors
///
/// If `/proc` can't be read.
pub(crate) fn all() -> io::Result<Vec<Process>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let folder = entry?;
        if folder.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit) {
            // It may have ended since it was listed.
            all.extend(fs::read(folder.path().join("stat")).ok().and_then(|stat| parse(&stat)));
        }
    }
    Ok(all)
}

/// When a process was started, in ticks since the boot: it tells apart two of the same number.
pub(crate) fn started(pid: Pid) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Reads a line of `/proc/<pid>/stat`; `None` if its process has ended and only waits to be reaped.
fn parse(stat: &[u8]) -> Option<Process> {
    // The name stands in parentheses, and may itself contain some.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let pid = std::str::from_utf8(stat.split(|byte| *byte == b' ').next()?).ok()?.parse().ok()?;
    let rest: Vec<_> = std::str::from_utf8(stat.get(end + 1..)?).ok()?.split_whitespace().collect();
    let number = |index: usize| rest.get(index)?.parse::<i32>().ok();
    let state = rest.first()?.as_bytes().first()?;
    // Where only the first of several threads has ended, the process runs.
    let ended = matches!(state, b'Z' | b'X' | b'x') && number(17)? <= 1;
    let stopped = matches!(state, b'T' | b't');
    let process =
        Process { pid: Pid::from_raw(pid)?, parent: number(1)?, group: number(2)?, session: number(3)?, stopped };
    (!ended).then_some(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_not_pass_for_the_fields_behind_it() {
        let rest = "7 8 9 0 -1 4194304 1 0 0 0 0 0 0 0 20 0";
        let process = parse(format!("42 (a) R 1 (b) T {rest} 1 0").as_bytes()).unwrap();
        let expected = Process { pid: Pid::from_raw(42).unwrap(), parent: 7, group: 8, session: 9, stopped: true };
        assert_eq!(process, expected);
        assert_eq!(parse(format!("42 (a) Z {rest} 0 0").as_bytes()), None);
        assert!(parse(format!("42 (a) Z {rest} 3 0").as_bytes()).is_some(), "its other threads run");
    }

    #[test]
    fn this_process_is_below_its_parent() {
        let (own, parent) = (rustix::process::getpid(), rustix::process::getppid().unwrap());
        assert!(below(parent).unwrap().iter().any(|process| process.pid == own));
        assert!(!below(own).unwrap().iter().any(|process| process.pid == own));
    }
}
