//! The configuration and the command line of one ZooKeeper.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::install::Install;
use super::security::Security;
use super::word;
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

/// What a member listens on: its clients, in plain text its four-letter words, and in an ensemble its peers and their votes.
pub(super) struct Ports {
    clients: Port,
    /// The clients' own unless they use TLS: the words could be asked for over that, but not by everybody.
    words: Option<Port>,
    peers: Port,
    votes: Port,
}

/// What all members of an ensemble have in common.
pub(super) struct Ensemble<'a> {
    pub(super) install: &'a Install,
    pub(super) folder: &'a Path,
    /// Lines such as `server.1=127.0.0.1:20001:20002`; none for a server that stands alone.
    pub(super) servers: &'a [String],
    pub(super) security: &'a Security,
    pub(super) settings: &'a [String],
    pub(super) properties: &'a [String],
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

    pub(super) fn server(&self, index: usize) -> String {
        format!("server.{}={}:{}", number(index), self.peers.address(), self.votes.address().port())
    }
}

/// The member of this number, still to be spawned.
pub(super) fn member(index: usize, ports: Ports, ensemble: &Ensemble<'_>) -> Result<Member> {
    let name = format!("m{index}");
    let folder = ensemble.folder.join(&name);
    let configuration = ensemble.folder.join(format!("{name}.cfg"));
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
    let is_ready = Box::new(move || word::mode(words, word::STARTING).is_some() && word::is_open(address));
    let ports = [ports.clients, ports.peers, ports.votes].into_iter().chain(ports.words).collect();
    Ok(Member::new(process, address, address.to_string(), is_ready, ports))
}

fn write(
    index: usize,
    ports: &Ports,
    ensemble: &Ensemble<'_>,
    folder: &Path,
    configuration: &Path,
) -> std::io::Result<()> {
    fs::create_dir(folder)?;
    fs::write(folder.join("myid"), number(index).to_string())?;
    let mut lines = SETTINGS.to_owned();
    let own = [format!("dataDir={}", folder.display()), format!("clientPort={}", ports.words().port())];
    let secure = ensemble.security.settings(ports.clients.address());
    for line in own.iter().chain(&secure).chain(ensemble.servers).chain(ensemble.settings) {
        lines.push_str(line);
        lines.push('\n');
    }
    fs::write(configuration, lines)
}

/// ZooKeeper counts its servers from 1.
fn number(index: usize) -> usize {
    index + 1
}
