//! The network between the members of one cluster.

mod owner;
mod wiring;

use std::time::Duration;

use tokio::sync::watch;

pub(crate) use self::wiring::Wiring;
use crate::Member;
use crate::proxy::{Carrier, Network};

/// Carries what the members of one cluster say to each other, and fails as a network does, each direction for itself.
///
/// Clients reach every member all the while. What is held back arrives after [`heal`](Self::heal), as it does when TCP
/// sends it again after a partition, unless the member it is for has been ended meanwhile. A connection that is made
/// where the way there is cut waits for it to heal. Members that are restarted find the network as it was left.
pub struct PeerNetwork {
    /// By the member that made the connections, then by the one they lead to.
    links: Vec<Vec<watch::Sender<Network>>>,
    _carrier: Carrier,
}

impl PeerNetwork {
    /// Holds back all that `from` says to `to`, which goes on being heard in the other direction.
    pub fn cut(&self, from: &Member, to: &Member) {
        self.cut_between(from.number(), to.number());
    }

    /// Holds back all that these two say to each other; others hear both.
    pub fn part(&self, one: &Member, other: &Member) {
        self.cut(one, other);
        self.cut(other, one);
    }

    /// Holds back all that `member` says to the others, and they to it.
    pub fn isolate(&self, member: &Member) {
        let number = member.number();
        for other in (0..self.links.len()).filter(|other| *other != number) {
            self.cut_between(number, other);
            self.cut_between(other, number);
        }
    }

    /// From now on what `member` says to the others, and they to it, takes so much longer: it lags behind. Healing
    /// leaves that as it is.
    pub fn delay(&self, member: &Member, delay: Duration) {
        let number = member.number();
        for (from, links) in self.links.iter().enumerate() {
            for (to, link) in links.iter().enumerate() {
                if from == number || to == number {
                    link.send_modify(|network| network.delay = delay);
                }
            }
        }
    }

    /// Everybody hears everybody again, with all that was held back.
    pub fn heal(&self) {
        for link in self.links.iter().flatten() {
            link.send_modify(|network| {
                network.carries_requests = true;
                network.carries_answers = true;
            });
        }
    }

    fn cut_between(&self, from: usize, to: usize) {
        // Each of the two makes connections to the other, and both directions of these are used.
        self.links[from][to].send_modify(|network| network.carries_requests = false);
        self.links[to][from].send_modify(|network| network.carries_answers = false);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// A connection of each of two members to the other: the client's end and the server's.
    fn connected() -> (PeerNetwork, [(TcpStream, TcpStream); 2]) {
        let mut wiring = Wiring::new(2);
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ways = [(0, 1), (1, 0)]
            .map(|(from, to): (usize, usize)| wiring.between(from, to, listeners[to].local_addr().unwrap()).unwrap());
        let network = wiring.start(Vec::new()).unwrap();
        let connections = [(ways[0], 1), (ways[1], 0)].map(|(way, to): (_, usize)| {
            let mut client = TcpStream::connect(way).unwrap();
            let (mut server, _) = listeners[to].accept().unwrap();
            say(&mut client);
            assert!(is_heard(&mut server));
            (client, server)
        });
        (network, connections)
    }

    fn say(stream: &mut TcpStream) {
        stream.write_all(b"!").unwrap();
    }

    fn is_heard(stream: &mut TcpStream) -> bool {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.read(&mut [0]).unwrap() == 1
    }

    fn is_silent(stream: &mut TcpStream) -> bool {
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    #[test]
    fn a_cut_holds_one_direction_in_the_connections_of_both() {
        let (network, [(mut client_0, mut server_1), (mut client_1, mut server_0)]) = connected();
        network.cut_between(0, 1);
        for stream in [&mut client_0, &mut server_1, &mut client_1, &mut server_0] {
            say(stream);
        }
        assert!(is_heard(&mut client_0) && is_heard(&mut server_0), "from 1 to 0");
        assert!(is_silent(&mut client_1) && is_silent(&mut server_1), "from 0 to 1");
        network.heal();
        assert!(is_heard(&mut client_1) && is_heard(&mut server_1), "from 0 to 1 once it healed");
    }
}
