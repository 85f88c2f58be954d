use std::future;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

use super::carrier::Route;
use super::handshake;
use super::network::{Network, Told};

/// How much of a direction may be under way, in chunks: a bound on memory, far above what a delayed test sends.
const UNDER_WAY: usize = 64;
const CHUNK: usize = 64 * 1024;

type Carries = fn(&Network) -> bool;

/// Accepts and carries connections as long as it is polled.
pub(super) async fn accept(listener: TcpListener, server: SocketAddr, route: Route) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = waiting(&listener) => match accepted {
                Ok((accepted, clients)) => {
                    for (connection, told) in accepted.into_iter().zip(route(&clients)) {
                        // A client without business there sees its connection end at once.
                        if let Some(told) = told {
                            connections.spawn(carry(connection, server, told));
                        }
                    }
                }
                // Fails for connections that are gone already, and while descriptors are short: the next may do.
                Err(_) => time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// All connections that wait to be accepted, at least one, and their clients' addresses.
async fn waiting(listener: &TcpListener) -> io::Result<(Vec<TcpStream>, Vec<SocketAddr>)> {
    let mut all: (Vec<_>, Vec<_>) = [listener.accept().await?].into_iter().unzip();
    while let Poll::Ready(Ok((connection, client))) =
        future::poll_fn(|context| Poll::Ready(listener.poll_accept(context))).await
    {
        all.0.push(connection);
        all.1.push(client);
    }
    Ok(all)
}

/// Carries one connection to its end, which both sides see as it was, or as a reset.
async fn carry(mut client: TcpStream, address: SocketAddr, mut told: Told) {
    let resets = told.borrow_and_update().resets;
    let (mut server, carried_by) = (None, told.clone());
    let whole = tokio::select! {
        // What a cut has held back must not pass in the moment between its end and a reset that was told before.
        biased;
        () = until(&mut told, |network| network.resets != resets) => false,
        whole = carry_whole(&mut client, &mut server, address, carried_by) => whole,
    };
    if !whole {
        for side in [Some(client), server].into_iter().flatten() {
            // Without it the close would be an orderly one.
            let _ = side.set_zero_linger();
        }
    }
}

/// Whether both sides closed the connection in good order. The server's side is left in `server`.
async fn carry_whole(
    client: &mut TcpStream,
    server: &mut Option<TcpStream>,
    address: SocketAddr,
    mut told: Told,
) -> bool {
    if !told.borrow().carries_requests {
        until(&mut told, |network| network.carries_requests).await;
        if has_ended(client).await {
            // The server has never heard of it.
            return true;
        }
    }
    let carried = async {
        let Network { elsewhere, forgets_sessions, .. } = *told.borrow();
        let server = server.insert(TcpStream::connect(elsewhere.unwrap_or(address)).await?);
        // The proxy adds the delay that it was told to, and no other.
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        if forgets_sessions {
            handshake::forget(client, server).await?;
        }
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::try_join!(
            direction(from_client, to_server, told.clone(), |network| network.carries_requests),
            direction(from_server, to_client, told.clone(), |network| network.carries_answers),
        )
    };
    let whole = carried.await.is_ok();
    if !whole {
        // A cut hides also that the other side is gone.
        until(&mut told, Network::carries_all).await;
    }
    whole
}

/// Whether the other side has closed the connection, read or not.
async fn has_ended(connection: &TcpStream) -> bool {
    // As it can be written to, this does not wait for anything to read.
    let ready = connection.ready(Interest::READABLE | Interest::WRITABLE).await;
    ready.is_err() || ready.is_ok_and(|ready| ready.is_read_closed())
}

/// Carries one direction until its sender closes it. Reading and writing go on apart: a delay must not slow the
/// reading.
async fn direction(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut told: Told, carries: Carries) -> io::Result<()> {
    let (sender, mut chunks) = mpsc::channel(UNDER_WAY);
    let network = told.clone();
    let read = async move {
        let mut buffer = vec![0; CHUNK];
        loop {
            let length = from.read(&mut buffer).await?;
            let due = Instant::now() + network.borrow().delay;
            let chunk = buffer[..length].to_vec();
            let ended = chunk.is_empty();
            if sender.send((due, chunk)).await.is_err() || ended {
                return Ok(());
            }
        }
    };
    let write = async {
        while let Some((due, chunk)) = chunks.recv().await {
            time::sleep_until(due).await;
            until(&mut told, carries).await;
            match chunk.as_slice() {
                [] => to.shutdown().await?,
                bytes => to.write_all(bytes).await?,
            }
        }
        Ok(())
    };
    tokio::try_join!(read, write).map(|_: ((), ())| ())
}

/// Waits until the network is as wanted; for ever once the proxy is gone, when the runtime ends all that waits.
async fn until(told: &mut Told, wanted: impl FnMut(&Network) -> bool) {
    if told.wait_for(wanted).await.is_err() {
        future::pending::<()>().await;
    }
}
