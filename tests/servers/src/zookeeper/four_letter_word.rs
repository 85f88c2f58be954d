//! ZooKeeper's four-letter words.

use std::io::{Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// For a server that is starting: it may leave a question open for ever, and is asked again.
pub(super) const STARTING: Duration = Duration::from_secs(2);
/// For one of several servers, of which some may be stopped.
pub(super) const ANY: Duration = Duration::from_secs(5);
/// For a server that should answer, however busy the machine.
pub(super) const SURELY: Duration = Duration::from_secs(20);

/// What the server answers to `word`, if each step of that takes less than `limit`.
pub(super) fn ask(server: SocketAddr, word: &str, limit: Duration) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    stream.write_all(word.as_bytes())?;
    let mut answer = String::new();
    stream.take(1024 * 1024).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Whether the server takes connections there.
pub(super) fn is_open(server: SocketAddr) -> bool {
    TcpStream::connect_timeout(&server, STARTING).is_ok()
}

/// `standalone`, `leader`, `follower` or `observer`; none of a server that does not answer or can't be used yet.
pub(super) fn mode(server: SocketAddr, limit: Duration) -> Option<String> {
    field(&ask(server, "srvr", limit).ok()?, "Mode: ").map(str::to_owned)
}

/// The epoch that the server leads in, by its own word; `None` if it doesn't lead.
pub(super) fn led_epoch(server: SocketAddr, limit: Duration) -> Option<u64> {
    let answer = ask(server, "srvr", limit).ok()?;
    field(&answer, "Mode: ").filter(|mode| ["leader", "standalone"].contains(mode))?;
    // The upper half of each transaction's id, also of the empty one that an epoch begins with.
    let last = field(&answer, "Zxid: ")?.strip_prefix("0x")?;
    Some(u64::from_str_radix(last, 16).ok()? >> 32)
}

fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| line.strip_prefix(name))
}

/// The version in the answer to `srvr`: `Zookeeper version: 3.8.0-5a02a05, built on …`.
pub(super) fn version(answer: &str) -> Option<String> {
    Some(field(answer, "Zookeeper version: ")?.split(['-', ',']).next()?.to_owned())
}
