//! Where others find this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The address that this machine has for others: the one from which it would send to a machine elsewhere. Nothing is
/// sent. 127.0.0.1 if it is in no network.
pub fn own_address() -> IpAddr {
    // Addresses for documentation: whichever route leads away leads there.
    let elsewhere = [
        (Ipv4Addr::UNSPECIFIED.into(), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        (Ipv6Addr::UNSPECIFIED.into(), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
    ];
    let route = |(any, to): (IpAddr, IpAddr)| {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
        socket.connect(SocketAddr::new(to, 9)).ok()?;
        socket.local_addr().ok().map(|address| address.ip()).filter(|address| !address.is_unspecified())
    };
    elsewhere.into_iter().find_map(route).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
