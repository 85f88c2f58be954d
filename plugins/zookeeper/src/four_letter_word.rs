//! Four-letter words: what a server says of itself without a session.

use std::{
    io::{Error, ErrorKind, Result},
    time::Duration,
};

use futures_util::future::select_ok;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::config::{Dial, Server, Trust};

/// Every server since 3.5 answers it, if nobody has forbidden it. TLS takes five bytes to tell that they are none of
/// its own.
const WORD: &[u8] = b"srvr\n";

/// How a server answers that looks for a leader, or for others to elect one with.
const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests";

/// What a server says of itself is a few lines.
const LONGEST: u64 = 4096;

/// How long asking for the version may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks a server what it is, in plain text.
///
/// # Errors
///
/// If the connection doesn't come about, or ends without an answer.
pub(crate) async fn ask(stream: TcpStream) -> Result<String> {
    ask_on(stream).await
}

/// Asks a server what it is, in TLS.
///
/// # Errors
///
/// As [`ask`], and if the two don't trust each other.
pub(crate) async fn ask_in_tls(stream: TcpStream, server: &Server, trust: &Trust) -> Result<String> {
    let name = ServerName::try_from(server.host.clone()).map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
    ask_on(TlsConnector::from(trust.config.clone()).connect(name, stream).await?).await
}

/// Opens a connection to a server.
///
/// # Errors
///
/// If it doesn't come about.
pub(crate) async fn connect(server: &Server) -> Result<TcpStream> {
    TcpStream::connect((&*server.host, server.port)).await
}

/// Sees whether a server takes a connection and says anything on it, or ends it, as a server may that knows no such
/// words.
///
/// # Errors
///
/// If the connection doesn't come about, or the server says that it serves nobody now.
pub(crate) async fn speaks(dial: &Dial, server: &Server) -> Result<()> {
    let stream = connect(server).await?;
    let answer = match dial.trust() {
        Some(trust) => ask_in_tls(stream, server, trust).await,
        None => ask(stream).await,
    };
    match answer {
        Ok(answer) if answer.starts_with(NOT_SERVING) => Err(Error::other("it serves nobody now")),
        _ => Ok(()),
    }
}

/// The version that the servers say they have, whichever answers first; `None` if none does.
pub(crate) async fn version(dial: &Dial) -> Option<String> {
    let asked = dial.servers().iter().map(|server| {
        Box::pin(async move {
            let stream = connect(server).await?;
            let answer = match dial.trust() {
                Some(trust) => ask_in_tls(stream, server, trust).await?,
                None => ask(stream).await?,
            };
            version_in(&answer).map(str::to_owned).ok_or_else(|| Error::from(ErrorKind::InvalidData))
        })
    });
    let (version, _) = timeout(PATIENCE, select_ok(asked)).await.ok()?.ok()?;
    Some(version)
}

/// The version in a server's answer: `Zookeeper version: 3.8.0-5a02a05, built on …`.
pub(crate) fn version_in(answer: &str) -> Option<&str> {
    answer.lines().find_map(|line| line.strip_prefix("Zookeeper version: "))?.split(['-', ',', ' ']).next()
}

async fn ask_on(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<String> {
    stream.write_all(WORD).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    let read = stream.take(LONGEST).read_to_end(&mut answer).await;
    // The server has closed its side in a hurry once it has answered.
    if answer.is_empty() {
        read?;
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn the_version_is_what_stands_before_the_build() {
        for (answer, version) in [
            ("Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022-02-25\n", Some("3.8.0")),
            ("Zookeeper version: 3.6.3--6401e4ad2087061bc6b9f80dec2d69f2e3c8660a, built on\nMode: x", Some("3.6.3")),
            ("This ZooKeeper instance is not currently serving requests\n", None),
            ("srvr is not executed because it is not in the whitelist.\n", None),
        ] {
            assert_eq!(version_in(answer), version);
        }
    }
}
