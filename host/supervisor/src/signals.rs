//! The signals that end a program which doesn't handle them.

use std::fs;

use rustix::process::Signal;

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

/// The signals that end a process unless it handles them.
///
/// One that the process was started to ignore is left ignored, as SIGHUP below `nohup`; but never SIGINT and SIGTERM,
/// which are how commands that stay are ended, also in the background of a script.
pub fn fatal() -> Vec<i32> {
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
