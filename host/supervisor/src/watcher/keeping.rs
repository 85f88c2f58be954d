//! The thread that takes a command's output.

use std::io::{self, PipeReader, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionbio};

use crate::messages::{OutputFiles, Report};
use crate::output::Writer;

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// Takes what a command writes for as long as anybody has the other end. It has a thread of its own: a slow disk must
/// not keep the supervisor from its work.
pub(super) struct Keeping {
    thread: JoinHandle<Writer>,
    over: UnixStream,
}

impl Keeping {
    pub(super) fn begin(pipe: PipeReader, files: &OutputFiles) -> io::Result<Self> {
        let (over, told) = UnixStream::pair()?;
        ioctl_fionbio(&pipe, true)?;
        let writer = Writer::new(files);
        let thread = thread::Builder::new().name("output".to_owned()).spawn(move || keep(pipe, &told, writer))?;
        Ok(Keeping { thread, over })
    }

    /// Takes the last of it, after all processes have ended.
    pub(super) fn finish(self) -> Report {
        drop(self.over);
        let (bytes, dropped, tail) = self.thread.join().map_or((0, 0, String::new()), Writer::finish);
        Report::Output { bytes, dropped, tail }
    }
}

fn keep(mut pipe: PipeReader, told: &UnixStream, mut writer: Writer) -> Writer {
    let mut chunk = vec![0; CHUNK];
    let mut is_over = false;
    loop {
        match pipe.read(&mut chunk) {
            Ok(0) => return writer,
            Ok(count) => writer.write(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Somebody outside may hold the other end, and is not waited for.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock || is_over => return writer,
            Err(_) => {
                let mut ready =
                    [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN), PollFd::new(told, PollFlags::IN)];
                match poll(&mut ready, None) {
                    Err(error) if error != Errno::INTR => return writer,
                    _ => is_over = !ready[1].revents().is_empty(),
                }
            }
        }
    }
}
