//! Lines on a terminal that are drawn over those before.

use anstyle::AnsiColor;

use super::{Output, table};
use crate::{exit::Failure, logging};

/// What has been drawn. While there is one, log lines are printed above it.
pub(crate) struct Canvas {
    /// How many lines it has.
    drawn: usize,
}

impl Canvas {
    pub(crate) fn new() -> Self {
        logging::hold();
        Canvas { drawn: 0 }
    }

    /// Draws lines over those before; none may be wider than the terminal.
    pub(crate) fn draw(&mut self, lines: Vec<String>, output: &mut Output) -> Result<(), Failure> {
        if self.drawn > 0 {
            output.bytes(format!("\x1b[{}A\x1b[J", self.drawn).as_bytes());
        }
        logging::take().iter().for_each(|line| output.bytes(line.as_bytes()));
        self.drawn = lines.len();
        lines.into_iter().try_for_each(|line| output.line(line, ()))
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        logging::release();
    }
}

/// Columns and rows of the terminal.
pub(crate) fn size() -> (usize, usize) {
    const USUAL: (usize, usize) = (80, 24);
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => USUAL,
    }
}

/// A line on as many as it takes in a terminal of so many columns: what that breaks itself could not be drawn over.
pub(crate) fn fitting(line: &str, columns: usize) -> Vec<String> {
    table::wrapped(line, columns.saturating_sub(1))
}

/// A table in a terminal of so many columns: each row with whether it is well, else it stands out.
pub(crate) fn table(heading: &[&str], rows: Vec<(Vec<String>, bool)>, columns: usize, output: &Output) -> Vec<String> {
    let (rows, well): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let blocks = table::blocks(heading, rows, Some(columns.saturating_sub(1)));
    let styled = |(at, block): (usize, Vec<String>)| {
        let well = at.checked_sub(1).and_then(|at| well.get(at)).copied();
        let style = move |line| match well {
            None => output.bold(line),
            Some(true) => line,
            Some(false) => output.coloured(AnsiColor::Yellow, line),
        };
        block.into_iter().map(style).collect::<Vec<_>>()
    };
    blocks.into_iter().enumerate().flat_map(styled).collect()
}

/// Leaves as many lines as there is room for, and says how many are left out: what scrolls away could not be drawn over
/// either.
pub(crate) fn shorten(lines: &mut Vec<String>, room: usize) {
    if lines.len() > room {
        let hidden = lines.len() - room;
        lines.truncate(room);
        lines.push(format!("… and {hidden} more"));
    }
}
