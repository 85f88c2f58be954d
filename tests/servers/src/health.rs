//! Waiting until a server is as wanted.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// Far beyond what a start or an end takes (a second or three), for machines under load.
const LIMIT: Duration = Duration::from_secs(60);
const PROBE_LIMIT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `ready` gives true, or fails with its error, or with `otherwise` when that has taken too long.
pub(crate) fn wait_until(mut ready: impl FnMut() -> Result<bool>, otherwise: impl FnOnce() -> String) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let asked = Instant::now();
        if ready()? {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Error::new(format!("not so after {LIMIT:?}: {}", otherwise())));
        }
        // On a busy machine, questions would take the time that the server needs to get ready.
        thread::sleep(PAUSE.max(asked.elapsed() * 2));
    }
}

/// Whether the server says on its `/health` page that it can read and write.
///
/// Anything else, silence included, is a no: a server that is starting may do all of it.
pub(crate) fn is_healthy(address: SocketAddr) -> bool {
    page(address, "/health").is_ok_and(|page| page.contains(r#""health":"true""#))
}

fn page(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PROBE_LIMIT)?;
    stream.set_read_timeout(Some(PROBE_LIMIT))?;
    stream.set_write_timeout(Some(PROBE_LIMIT))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut page = String::new();
    stream.take(64 * 1024).read_to_string(&mut page)?;
    Ok(page)
}
