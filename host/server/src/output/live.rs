//! Lines on a terminal that are drawn over those before.

use super::Output;
use crate::exit::Failure;

/// What has been drawn.
#[derive(Default)]
pub(crate) struct Canvas {
    /// How many lines it has.
    drawn: usize,
}

impl Canvas {
    /// Draws lines over those before; none may be wider than the terminal.
    pub(crate) fn draw(&mut self, lines: Vec<String>, output: &mut Output) -> Result<(), Failure> {
        if self.drawn > 0 {
            output.bytes(format!("\x1b[{}A\x1b[J", self.drawn).as_bytes());
        }
        self.drawn = lines.len();
        lines.into_iter().try_for_each(|line| output.line(line, ()))
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
