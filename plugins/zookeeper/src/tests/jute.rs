//! What no client library sends, byte by byte.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

/// Creates a path without a value, as the command line's `create` does.
pub(crate) fn create_null(server: SocketAddr, path: &str) {
    let mut stream = TcpStream::connect(server).expect("a connection");
    stream.set_read_timeout(Some(super::support::LIMIT)).expect("a limit");
    // Protocol, last zxid, timeout, session, password, read-only.
    let connect = [&[0; 12][..], &10_000_i32.to_be_bytes(), &[0; 8], &16_i32.to_be_bytes(), &[0; 16], &[0]].concat();
    call(&mut stream, &connect);
    let text = |text: &str| [&i32::try_from(text.len()).expect("short").to_be_bytes()[..], text.as_bytes()].concat();
    let number = |number: i32| number.to_be_bytes().to_vec();
    // Number, kind, path, value, access list, flags.
    let acl = [number(1), number(31), text("world"), text("anyone")].concat();
    let answer = call(&mut stream, &[number(1), number(1), text(path), number(-1), acl, number(0)].concat());
    assert_eq!(answer[12..16], [0; 4], "it is made");
    call(&mut stream, &[number(2), number(-11)].concat());
}

fn call(stream: &mut TcpStream, request: &[u8]) -> Vec<u8> {
    let length = u32::try_from(request.len()).expect("short");
    stream.write_all(&[&length.to_be_bytes(), request].concat()).expect("it is sent");
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("an answer");
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).expect("an answer");
    answer
}
