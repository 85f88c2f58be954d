//! Log lines, the plugins' among them, on standard error.

use std::{
    collections::VecDeque,
    io::{self, IsTerminal, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::output::wants_colour;

/// What a command that draws on the terminal has yet to print; `None` while nothing is drawn.
static HELD: Mutex<Option<Held>> = Mutex::new(None);

/// How many lines are held. Tables are drawn every second, and a line that is left out is counted.
const MOST: usize = 200;

#[derive(Default)]
struct Held {
    lines: VecDeque<String>,
    left_out: usize,
}

/// Begins to log: what `RUST_LOG` asks for, else warnings, and more with each `-v`.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        // What the libraries below a plugin say of every frame hides what the plugin itself says.
        2 => "debug,registry_plugin::dependency=info",
        _ => "trace",
    };
    let filter = match std::env::var("RUST_LOG") {
        Ok(asked) if !asked.is_empty() && verbose == 0 => EnvFilter::new(asked),
        _ => EnvFilter::new(level),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(wants_colour(io::stderr().is_terminal()))
        .with_writer(Lines)
        .init();
}

/// Holds log lines back, where standard error is a terminal, until [`take`] or [`release`]: between two drawings of a
/// table they would tear it.
pub(crate) fn hold() {
    if io::stderr().is_terminal() {
        held().get_or_insert_default();
    }
}

/// The lines that were held since the last time, to be printed above the table.
pub(crate) fn take() -> Vec<String> {
    let mut held = held();
    let Some(held) = held.as_mut() else { return Vec::new() };
    let left_out = std::mem::take(&mut held.left_out);
    let note = (left_out > 0).then(|| format!("… {left_out} lines of the log were left out"));
    note.into_iter().chain(held.lines.drain(..)).collect()
}

/// Prints what is still held, and holds nothing back from now on.
pub(crate) fn release() {
    let lines = take();
    *held() = None;
    lines.into_iter().for_each(|line| print(line.as_bytes()));
}

fn held() -> MutexGuard<'static, Option<Held>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn print(line: &[u8]) {
    // Where standard error is gone there is nobody left to tell.
    let _ = io::stderr().lock().write_all(line);
}

struct Lines;

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Vec::new())
    }
}

/// One event of the log, which may be written in parts.
struct Line(Vec<u8>);

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        match held().as_mut() {
            None => print(&self.0),
            Some(held) => {
                if held.lines.len() == MOST {
                    held.lines.pop_front();
                    held.left_out += 1;
                }
                held.lines.push_back(String::from_utf8_lossy(&self.0).into_owned());
            }
        }
    }
}
