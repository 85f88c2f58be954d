//! Which process has a socket: a member does not say who it is when it connects to another.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use crate::process::Process;

/// For each client the number of the process that holds this machine's end of its connection; `None` if none of them
/// does.
///
/// The kernel's table takes long to read, whatever is looked for: it is read once for all of them.
pub(super) fn of(clients: &[SocketAddr], processes: &[Arc<Process>]) -> Vec<Option<usize>> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let owner = |client: &SocketAddr| {
        let socket = format!("socket:[{}]", inode(*client, &table)?);
        processes.iter().position(|process| process.id().is_some_and(|id| has_open(id, Path::new(&socket))))
    };
    clients.iter().map(owner).collect()
}

/// The inode of the socket that is bound to `address`, in the kernel's table of IPv4 sockets.
fn inode(address: SocketAddr, table: &str) -> Option<&str> {
    let IpAddr::V4(ip) = address.ip() else {
        return None;
    };
    // The address as the machine keeps it in memory, the port as a number.
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port());
    table.lines().find_map(|line| {
        let mut columns = line.split_whitespace();
        // Among those bound to the same address may be some that have ended, without an inode.
        let inode = (columns.nth(1)? == local).then(|| columns.nth(7)).flatten()?;
        (inode != "0").then_some(inode)
    })
}

fn has_open(process: u32, file: &Path) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return false;
    };
    open.flatten().any(|descriptor| fs::read_link(descriptor.path()).is_ok_and(|link| link == file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_found_by_its_address() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let _server = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_accepted, client) = listener.accept().unwrap();
        let inode = inode(client, &fs::read_to_string("/proc/net/tcp").unwrap()).unwrap().to_owned();
        assert!(has_open(std::process::id(), Path::new(&format!("socket:[{inode}]"))));
    }

    #[test]
    fn sockets_that_are_over_are_passed_over() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1388 0100007F:1770 06 00000000:00000000 03:00001767 00000000     0        0 0 3 0\n\
            1: 0100007F:1388 0100007F:1771 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n";
        assert_eq!(inode(([127, 0, 0, 1], 5000).into(), table), Some("4711"));
        assert_eq!(inode(([127, 0, 0, 1], 5001).into(), table), None);
    }
}
