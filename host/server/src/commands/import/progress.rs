//! How far an import is, on a terminal.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::logging;
use crate::output::Format;

/// A bar on standard error; nothing where nobody sees it. While there is one, log lines wait.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(what: &'static str, length: usize, format: Format) -> Self {
        if format == Format::Json || !io::stderr().is_terminal() {
            return Bar(ProgressBar::hidden());
        }
        logging::hold();
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(u64::try_from(length).ok(), target).with_message(what);
        let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len}, {eta} left");
        Bar(style.map(|style| bar.clone().with_style(style)).unwrap_or(bar))
    }

    pub(super) fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        logging::release();
    }
}
