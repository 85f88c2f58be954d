//! What goes to standard output and standard error.

pub(crate) mod fields;
pub(crate) mod heartbeat;
pub(crate) mod json;
pub(crate) mod live;
pub(crate) mod table;
pub(crate) mod text;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use registry_host::Progress;
use serde::Serialize;
use tokio::io::{AsyncWriteExt as _, Stdout};

use crate::exit::Failure;

/// How much is gathered before it is written without being asked to.
const ENOUGH: usize = 64 * 1024;

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines of text
    #[default]
    Text,
    /// A JSON object a line
    Json,
}

/// Standard output.
///
/// A slow reader makes only the command wait, never the program: a signal still ends it.
pub(crate) struct Output {
    pub(crate) format: Format,
    terminal: bool,
    colour: bool,
    stdout: Stdout,
    gathered: Vec<u8>,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        let terminal = io::stdout().is_terminal();
        Output {
            format,
            terminal,
            colour: terminal && format == Format::Text && wants_colour(terminal),
            stdout: tokio::io::stdout(),
            gathered: Vec::new(),
        }
    }

    /// Whether somebody looks at it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The text in bold, where somebody sees it.
    pub(crate) fn bold(&self, text: String) -> String {
        self.styled(Style::new().bold(), text)
    }

    /// The text in a faint shade.
    pub(crate) fn faint(&self, text: String) -> String {
        self.styled(Style::new().dimmed(), text)
    }

    /// The text in a colour.
    pub(crate) fn coloured(&self, colour: AnsiColor, text: String) -> String {
        self.styled(colour.on_default(), text)
    }

    fn styled(&self, style: Style, text: String) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text }
    }

    /// Adds a line: the text or the object, after the format.
    pub(crate) fn line(&mut self, text: impl Display, object: impl Serialize) -> Result<(), Failure> {
        match self.format {
            Format::Text => writeln!(self.gathered, "{text}").map_err(Failure::Output),
            Format::Json => self.object(object),
        }
    }

    /// Adds an object as a line, whatever the format.
    pub(crate) fn object(&mut self, object: impl Serialize) -> Result<(), Failure> {
        let written = serde_json::to_writer(&mut self.gathered, &object).map_err(io::Error::from);
        written.and_then(|()| writeln!(self.gathered)).map_err(Failure::Output)
    }

    /// Adds bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.gathered.extend_from_slice(bytes);
    }

    /// Writes what has been gathered, if that is much.
    pub(crate) async fn flush_much(&mut self) -> Result<(), Failure> {
        if self.gathered.len() < ENOUGH { Ok(()) } else { self.flush().await }
    }

    /// Writes what has been gathered.
    pub(crate) async fn flush(&mut self) -> Result<(), Failure> {
        let gathered = std::mem::take(&mut self.gathered);
        self.stdout.write_all(&gathered).await.map_err(Failure::Output)?;
        self.stdout.flush().await.map_err(Failure::Output)
    }
}

/// Whether a terminal is to be given colours: not if `NO_COLOR` is set, and not a dumb one.
pub(crate) fn wants_colour(terminal: bool) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    terminal && !refused && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Says on standard error why there is no session yet: in one line, or as an object.
pub(crate) fn report_progress(format: Format, progress: &Progress) {
    let line = match format {
        Format::Text => format!("registry: {}", text::one_line(&progress.to_string())),
        Format::Json => json::progress(progress).to_string(),
    };
    // Where standard error is gone, there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Says on standard error why a command failed: in one line, or as an object.
pub(crate) fn report(format: Format, failure: &Failure) {
    let Some(error) = failure.error() else { return };
    let line = match format {
        Format::Text => format!("registry: {}", text::one_line(&error.to_string())),
        Format::Json => serde_json::to_string(&json::error(failure, &error)).unwrap_or_default(),
    };
    // Where standard error is gone too, there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}
