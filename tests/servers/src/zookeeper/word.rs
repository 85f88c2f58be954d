//! ZooKeeper's four-letter words.

use std::io::{Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A server that is starting may leave the connection open for ever.
const LIMIT: Duration = Duration::from_secs(2);

/// What the server answers to `word`.
pub(super) fn ask(server: SocketAddr, word: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(word.as_bytes())?;
    let mut answer = String::new();
    stream.take(1024 * 1024).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Whether the server takes connections there.
pub(super) fn is_open(server: SocketAddr) -> bool {
    TcpStream::connect_timeout(&server, LIMIT).is_ok()
}

/// `standalone`, `leader`, `follower` or `observer`; none of a server that does not answer or can't be used yet.
pub(super) fn mode(server: SocketAddr) -> Option<String> {
    let answer = ask(server, "srvr").ok()?;
    answer.lines().find_map(|line| line.strip_prefix("Mode: ")).map(str::to_owned)
}

/// The version in the answer to `srvr`: `Zookeeper version: 3.8.0-5a02a05, built on …`.
pub(super) fn version(answer: &str) -> Option<String> {
    let version = answer.lines().find_map(|line| line.strip_prefix("Zookeeper version: "))?;
    Some(version.split(['-', ',']).next()?.to_owned())
}
