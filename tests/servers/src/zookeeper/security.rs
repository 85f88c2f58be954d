use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zookeeper_client::{Client, Connector, SaslOptions, TlsOptions};

use crate::{Certificates, Error, Member, Result, Tls};

/// The user that gets in.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

/// How a ZooKeeper knows its clients, and they it.
pub(super) struct Security {
    tls: Option<(Tls, Certificates)>,
    login: Option<Login>,
    /// The file with the login, in the words of Java's own authentication.
    users: PathBuf,
}

impl Security {
    pub(super) fn new(tls: Option<Tls>, login: Option<Login>, folder: &Path) -> Result<Self> {
        let tls = tls.map(|tls| Ok((tls, Certificates::generate()?))).transpose()?;
        let users = folder.join("users.conf");
        if let Some(Login { user, password }) = &login {
            // Java reads a quoted word as Rust writes it.
            let module = "org.apache.zookeeper.server.auth.DigestLoginModule";
            let server = format!("Server {{ {module} required user_{user}={password:?}; }};\n");
            fs::write(&users, server).map_err(Error::during(format!("writing {}", users.display())))?;
        }
        Ok(Self { tls, login, users })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn certificates(&self) -> Option<&Certificates> {
        self.tls.as_ref().map(|(_, certificates)| certificates)
    }

    /// Lines for the `zoo.cfg` of the member whose clients come to `address`.
    pub(super) fn settings(&self, address: SocketAddr) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some((tls, certificates)) = &self.tls {
            let clients = match tls {
                Tls::Server => "none",
                Tls::Mutual => "need",
            };
            lines.extend([
                format!("secureClientPort={}", address.port()),
                format!("secureClientPortAddress={}", address.ip()),
                "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory".to_owned(),
                format!("ssl.keyStore.location={}", certificates.server_identity_file().display()),
                format!("ssl.trustStore.location={}", certificates.ca_file().display()),
                format!("ssl.clientAuth={clients}"),
            ]);
        }
        if self.login.is_some() {
            lines.push("authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider".to_owned());
            lines.push("sessionRequireClientSASLAuth=true".to_owned());
        }
        lines
    }

    /// System properties for Java.
    pub(super) fn properties(&self) -> Vec<String> {
        let login = self.login.iter();
        login.map(|_| format!("java.security.auth.login.config={}", self.users.display())).collect()
    }

    /// What the client of this crate is told to find `members`.
    pub(super) fn urls(&self, members: &[Member]) -> String {
        let scheme = if self.is_tls() { "tcp+tls" } else { "tcp" };
        members.iter().map(|member| format!("{scheme}://{}", member.endpoint())).collect::<Vec<_>>().join(",")
    }

    pub(super) fn connector(&self) -> Result<Connector> {
        let mut connector = Client::connector().with_session_timeout(Duration::from_secs(20));
        if let Some((tls, certificates)) = &self.tls {
            connector = connector.with_tls(trust(*tls, certificates).map_err(Error::during("reading certificates"))?);
        }
        if let Some(Login { user, password }) = &self.login {
            connector = connector.with_sasl(SaslOptions::digest_md5(user.clone(), password.clone()));
        }
        Ok(connector)
    }
}

fn trust(tls: Tls, certificates: &Certificates) -> Result<TlsOptions, Box<dyn std::error::Error>> {
    let options = TlsOptions::new().with_pem_ca(&fs::read_to_string(certificates.ca_file())?)?;
    Ok(match tls {
        Tls::Server => options,
        Tls::Mutual => {
            let certificate = fs::read_to_string(certificates.cert_file())?;
            options.with_pem_identity(&certificate, &fs::read_to_string(certificates.key_file())?)?
        }
    })
}
