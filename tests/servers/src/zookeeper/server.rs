//! The configuration and the command line of one ZooKeeper.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use super::four_letter_word;
use super::install::Install;
use super::security::Security;
use crate::disk::Disk;
use crate::peers::Wiring;
use crate::port::Port;
use crate::process::Process;
use crate::{Error, Member, Result};

/// For every server. Its sessions may be as short as two ticks, and as long as with ZooKeeper's own ticks of 2 s.
const SETTINGS: &str = "\
tickTime=500
initLimit=10
syncLimit=5
maxSessionTimeout=40000
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=*
clientPortAddress=127.0.0.1
";

/// For every Java. Its performance file would outlive a server that is killed.
const JAVA: [&str; 4] =
    ["-Xmx512m", "-XX:-UsePerfData", "-Dzookeeper.extendedTypesEnabled=true", "-Dznode.container.checkIntervalMs=1000"];

const MAIN: &str = "org.apache.zookeeper.server.quorum.QuorumPeerMain";

/// What a member listens on: its clients, in plain text its four-letter words, and in an ensemble its peers and their
/// votes.
pub(super) struct Ports {
    clients: Port,
    /// The clients' own unless they use TLS: the words could be asked for over that, but not by everybody.
    words: Option<Port>,
    peers: Port,
    votes: Port,
}

/// What a member is told of the ensemble: lines such as `server.1=127.0.0.1:20001:20002`; none if it stands alone.
pub(super) type View = Vec<String>;

/// What all members of an ensemble have in common.
pub(super) struct Ensemble<'a> {
    pub(super) install: &'a Install,
    pub(super) folder: &'a Path,
    pub(super) views: &'a [View],
    pub(super) security: &'a Security,
    pub(super) settings: &'a [String],
    pub(super) properties: &'a [String],
    /// How much room each has on a disk of its own.
    pub(super) disk: Option<u64>,
}

impl Ports {
    pub(super) fn take(security: &Security) -> Result<Self> {
        let words = if security.is_tls() { Some(Port::take()?) } else { None };
        Ok(Self { clients: Port::take()?, words, peers: Port::take()?, votes: Port::take()? })
    }

    /// Where four-letter words are answered.
    pub(super) fn words(&self) -> SocketAddr {
        self.words.as_ref().unwrap_or(&self.clients).address()
    }

    fn line(&self, index: usize) -> String {
        line(index, self.peers.address(), self.votes.address())
    }
}

/// What each member is told, if all reach each other directly.
pub(super) fn views(ports: &[Ports]) -> Vec<View> {
    if ports.len() == 1 {
        return vec![View::new()];
    }
    let view: View = ports.iter().enumerate().map(|(index, ports)| ports.line(index)).collect();
    vec![view; ports.len()]
}

/// What each member is told, if they reach each other over `wiring`.
pub(super) fn wired_views(ports: &[Ports], wiring: &mut Wiring) -> Result<Vec<View>> {
    let mut view = |from: usize| -> Result<View> {
        let lines = ports.iter().enumerate().map(|(to, ports)| {
            let (peers, votes) = (ports.peers.address(), ports.votes.address());
            if from == to {
                // To others a member names the address for votes that it was given as its own, and they would come
                // there directly; but not one that stands for all addresses, instead of which they take their own line.
                return Ok(line(to, everywhere(peers), everywhere(votes)));
            }
            Ok(line(to, wiring.between(from, to, peers)?, wiring.between(from, to, votes)?))
        });
        lines.collect()
    };
    (0..ports.len()).map(&mut view).collect()
}

/// A line of the configuration. Both addresses have the same host.
fn line(index: usize, peers: SocketAddr, votes: SocketAddr) -> String {
    format!("server.{}={peers}:{}", number(index), votes.port())
}

fn everywhere(address: SocketAddr) -> SocketAddr {
    (Ipv4Addr::UNSPECIFIED, address.port()).into()
}

/// The member of this number, still to be spawned.
pub(super) fn member(index: usize, ports: Ports, ensemble: &Ensemble<'_>) -> Result<Member> {
    let name = format!("m{index}");
    let folder = ensemble.folder.join(&name);
    let configuration = ensemble.folder.join(format!("{name}.cfg"));
    let disk = match ensemble.disk {
        Some(bytes) => Some(Disk::mount(&folder, bytes)?),
        None => {
            fs::create_dir(&folder).map_err(Error::during(format!("making {}", folder.display())))?;
            None
        }
    };
    write(index, &ports, ensemble, &folder, &configuration).map_err(Error::during("configuring ZooKeeper"))?;

    let mut arguments: Vec<OsString> = JAVA.iter().map(OsString::from).collect();
    let properties = ensemble.security.properties();
    arguments.extend(properties.iter().chain(ensemble.properties).map(|property| format!("-D{property}").into()));
    arguments.extend(["-cp", &ensemble.install.classpath, MAIN].map(OsString::from));
    arguments.push(configuration.into());
    let log = ensemble.folder.join(format!("{name}.log"));
    let process = Process::new(ensemble.install.java.clone(), arguments, log);
    let (address, words) = (ports.clients.address(), ports.words());
    // With TLS the clients' port comes after the words'.
    let is_ready = Box::new(move || {
        four_letter_word::mode(words, four_letter_word::STARTING).is_some() && four_letter_word::is_open(address)
    });
    let ports = [ports.clients, ports.peers, ports.votes].into_iter().chain(ports.words).collect();
    Ok(Member::new(index, process, address, address.to_string(), is_ready, disk, ports))
}

fn write(
    index: usize,
    ports: &Ports,
    ensemble: &Ensemble<'_>,
    folder: &Path,
    configuration: &Path,
) -> std::io::Result<()> {
    fs::write(folder.join("myid"), number(index).to_string())?;
    let mut lines = SETTINGS.to_owned();
    let own = [format!("dataDir={}", folder.display()), format!("clientPort={}", ports.words().port())];
    let secure = ensemble.security.settings(ports.clients.address());
    for line in own.iter().chain(&secure).chain(&ensemble.views[index]).chain(ensemble.settings) {
        lines.push_str(line);
        lines.push('\n');
    }
    fs::write(configuration, lines)
}

/// ZooKeeper counts its servers from 1.
fn number(index: usize) -> usize {
    index + 1
}
