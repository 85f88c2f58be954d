//! The proxy's faults, as the sockets on both sides see them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use registry_test_servers::{Etcd, Proxy};

/// Long enough for bytes on one machine; what hasn't come by then is held back.
const QUIET: Duration = Duration::from_millis(200);
const LIMIT: Duration = Duration::from_secs(10);

/// A client and the server's side of its connection, through a proxy.
struct Ends {
    proxy: Proxy,
    listener: TcpListener,
    client: TcpStream,
    server: TcpStream,
}

impl Ends {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::to(listener.local_addr().unwrap()).unwrap();
        let mut client = TcpStream::connect(proxy.address()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        // Once a byte came through, the proxy has both of its connections open, not only the kernel.
        client.write_all(b"!").unwrap();
        expect(&mut server, b"!");
        Self { proxy, listener, client, server }
    }
}

fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.read_exact(&mut read).unwrap();
    assert_eq!(read, bytes);
}

fn expect_end(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

fn expect_reset(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

fn expect_silence(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(QUIET)).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn both_directions_and_each_end_are_carried() {
    let mut ends = Ends::new();
    ends.client.write_all(b"request").unwrap();
    expect(&mut ends.server, b"request");
    ends.client.shutdown(std::net::Shutdown::Write).unwrap();
    expect_end(&mut ends.server);
    ends.server.write_all(b"answer").unwrap();
    drop(ends.server);
    expect(&mut ends.client, b"answer");
    expect_end(&mut ends.client);
}

#[test]
fn a_cut_holds_both_directions_until_it_heals() {
    let mut ends = Ends::new();
    ends.proxy.cut();
    ends.client.write_all(b"request").unwrap();
    ends.server.write_all(b"answer").unwrap();
    expect_silence(&mut ends.server);
    expect_silence(&mut ends.client);
    ends.proxy.heal();
    expect(&mut ends.server, b"request");
    expect(&mut ends.client, b"answer");
}

#[test]
fn a_cut_hides_that_the_other_side_is_gone() {
    let mut ends = Ends::new();
    ends.proxy.cut();
    drop(ends.server);
    expect_silence(&mut ends.client);
    ends.proxy.heal();
    expect_end(&mut ends.client);
}

#[test]
fn a_connection_made_during_a_cut_arrives_after_it() {
    let ends = Ends::new();
    ends.proxy.cut();
    let mut client = TcpStream::connect(ends.proxy.address()).unwrap();
    client.write_all(b"late").unwrap();
    expect_silence(&mut client);
    ends.proxy.heal();
    let (mut server, _) = ends.listener.accept().unwrap();
    expect(&mut server, b"late");
}

#[test]
fn a_connection_closed_during_a_cut_is_never_seen() {
    let ends = Ends::new();
    ends.proxy.cut();
    let mut given_up = TcpStream::connect(ends.proxy.address()).unwrap();
    given_up.write_all(b"never").unwrap();
    // By then the proxy has it.
    expect_silence(&mut given_up);
    drop(given_up);
    ends.proxy.heal();
    let mut client = TcpStream::connect(ends.proxy.address()).unwrap();
    client.write_all(b"late").unwrap();
    let (mut server, _) = ends.listener.accept().unwrap();
    expect(&mut server, b"late");
}

#[test]
fn silence_lets_requests_through_and_holds_the_answers() {
    let mut ends = Ends::new();
    ends.proxy.silent();
    ends.client.write_all(b"request").unwrap();
    expect(&mut ends.server, b"request");
    ends.server.write_all(b"answer").unwrap();
    expect_silence(&mut ends.client);
    ends.proxy.heal();
    expect(&mut ends.client, b"answer");
}

#[test]
fn a_reset_ends_open_and_cut_connections_only() {
    let mut ends = Ends::new();
    ends.proxy.reset();
    expect_reset(&mut ends.client);
    expect_reset(&mut ends.server);

    let mut client = TcpStream::connect(ends.proxy.address()).unwrap();
    let (mut server, _) = ends.listener.accept().unwrap();
    client.write_all(b"request").unwrap();
    expect(&mut server, b"request");

    ends.proxy.cut();
    ends.proxy.reset();
    expect_reset(&mut client);
    expect_reset(&mut server);
}

#[test]
fn bytes_held_by_a_cut_die_with_a_reset() {
    let mut ends = Ends::new();
    ends.proxy.cut();
    ends.client.write_all(b"request").unwrap();
    // By then the proxy has it.
    expect_silence(&mut ends.server);
    ends.proxy.reset();
    ends.proxy.heal();
    expect_reset(&mut ends.server);
    expect_reset(&mut ends.client);
}

#[test]
fn a_server_that_is_not_there_is_a_reset() {
    let ends = Ends::new();
    drop(ends.listener);
    let mut client = TcpStream::connect(ends.proxy.address()).unwrap();
    expect_reset(&mut client);
}

#[test]
fn a_delay_per_direction_keeps_the_order() {
    let mut ends = Ends::new();
    let delay = Duration::from_millis(100);
    ends.proxy.delay(delay);
    let start = Instant::now();
    for byte in 0..100 {
        ends.client.write_all(&[byte]).unwrap();
    }
    expect(&mut ends.server, &(0..100).collect::<Vec<u8>>());
    ends.server.write_all(b"answer").unwrap();
    expect(&mut ends.client, b"answer");
    assert!(start.elapsed() >= 2 * delay);
}

#[test]
fn a_dropped_proxy_refuses_and_its_connections_are_over() {
    let ends = Ends::new();
    let address = ends.proxy.address();
    drop(ends.proxy);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let mut client = ends.client;
    expect_end(&mut client);
}

#[test]
fn megabytes_arrive_whole() {
    let mut ends = Ends::new();
    let sent: Vec<u8> = (0..8_000_000_u32).map(|index| index.to_le_bytes()[1]).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| ends.client.write_all(&sent).unwrap());
        expect(&mut ends.server, &sent);
    });
}

#[test]
fn etcd_is_reached_through_the_proxy_unless_it_is_cut() {
    let etcd = Etcd::start().unwrap();
    let proxy = Proxy::to(etcd.address()).unwrap();
    let ask = || {
        let mut etcdctl = std::process::Command::new("etcdctl");
        etcdctl.env("ETCDCTL_API", "3").args(["--endpoints", &proxy.url(), "--command-timeout=1s", "get", "/a"]);
        etcdctl.status().unwrap().success()
    };
    assert!(ask());
    proxy.cut();
    assert!(!ask());
    proxy.heal();
    assert!(ask());
}
