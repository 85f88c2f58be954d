//! The first request of a ZooKeeper client, with which it asks for a session.

use std::io;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Where the id of the session and its password lie in the request, the password's length between them.
const ID: Range<usize> = 16..24;
const PASSWORD: Range<usize> = 28..44;

/// The longest that such a request may be; a real one has 45 bytes.
const LONGEST: usize = 1024;

/// Carries the first request so that it asks for a new session.
pub(super) async fn forget(client: &mut TcpStream, server: &mut TcpStream) -> io::Result<()> {
    let length = client.read_u32().await?;
    let mut request = vec![0; usize::try_from(length).unwrap_or(LONGEST).min(LONGEST)];
    client.read_exact(&mut request).await?;
    for range in [ID, PASSWORD] {
        request.get_mut(range).into_iter().for_each(|part| part.fill(0));
    }
    server.write_all(&[&length.to_be_bytes()[..], &request].concat()).await
}
