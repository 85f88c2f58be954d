//! The supervisor's end of the socket to the holder.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use crate::messages::{Order, Report, line, take_over};

/// The socket to the holder.
pub(super) struct Control {
    socket: UnixStream,
    /// What was read of the next line.
    begun: Vec<u8>,
    closed: bool,
    /// The standard input that the command is to have.
    pub(super) stdin: Option<OwnedFd>,
}

impl Control {
    /// Takes the socket that this process was given as its standard input, and the command's that comes through it.
    ///
    /// # Errors
    ///
    /// If standard input is anything else.
    pub(super) fn take() -> io::Result<Self> {
        let stdin = take_over(io::stdin())?;
        let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        socket.set_nonblocking(true)?;
        Ok(Control { socket, begun: Vec::new(), closed: false, stdin: Some(stdin) })
    }

    /// Tells the holder something, if it is there.
    pub(super) fn tell(&self, report: &Report) {
        // Few reports are ever made, and all fit into the socket; a holder that is gone is told by the next reading.
        let _ = (&self.socket).write_all(&line(report));
    }

    /// The orders that have come, and at last nothing, once, when the holder is gone.
    pub(super) fn orders(&mut self) -> Vec<Option<Order>> {
        let mut orders = Vec::new();
        let mut chunk = [0; 4096];
        while !self.closed {
            match self.socket.read(&mut chunk) {
                Ok(0) => self.closed = true,
                Ok(count) => self.begun.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.closed = true,
            }
            while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
                let line: Vec<_> = self.begun.drain(..=end).collect();
                orders.extend(serde_json::from_slice(&line).ok().map(Some));
            }
            if self.closed {
                orders.push(None);
            }
        }
        orders
    }

    /// Whether the holder is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
