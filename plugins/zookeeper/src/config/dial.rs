//! From the configuration to what is dialled, all checked before anything is sent (contract 7.3).

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use registry_plugin::{
    Backoff, Context, Opening, Result,
    config::{Secret, invalid},
};
use rustls::pki_types::ServerName;
use zookeeper_client::{Acls, Client, Connector, Error as ZkError, SaslOptions, SessionInfo};

use super::{Config, Server, SyncReads, Trust, choice::Tries, servers::ConnectString, user::User};
use crate::{paths::Paths, session::Link};

/// The longest that anything may take. What is longer was not meant.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Two ticks are the shortest session that a server grants, and no server has shorter ones than these.
const SHORTEST_SESSION: Duration = Duration::from_secs(1);

/// Servers pause, to collect garbage or to write to their disk: for the sake of short calls none is left sooner than
/// this.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest pause while a session is out of contact, which jitter may double. It is also how long the first attempts
/// to carry it on wait for a server, and how long a call waits for an answer before the server is looked at.
const SHORT: Duration = Duration::from_millis(500);

/// A configuration that was checked.
pub(crate) struct Settings {
    pub(crate) dial: Arc<Dial>,
    pub(crate) paths: Arc<Paths>,
    /// How long opening may take in all.
    pub(crate) block_until_connected: Duration,
    /// How many attempts follow the first.
    pub(crate) max_retries: usize,
    pub(crate) sync_reads: Option<SyncReads>,
}

/// How to reach the servers, as which user, and who may see what is put.
pub(crate) struct Dial {
    pub(super) servers: Vec<Server>,
    user: User,
    trust: Option<Trust>,
    session_timeout: Duration,
    pub(super) connection_timeout: Duration,
    /// How long an answer may take before the server is looked at.
    short: Duration,
    patience: ExponentialBuilder,
    /// The first and the longest pause between attempts.
    pauses: (Duration, Duration),
    short_pauses: (Duration, Duration),
}

impl Settings {
    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// `InvalidConfig`, naming the key.
    pub(crate) fn new(config: Config, context: &Context) -> Result<Self> {
        let session_timeout = context.session_timeout();
        if !(SHORTEST_SESSION..=LONGEST).contains(&session_timeout) {
            let what = format_args!(
                "is {session_timeout:?}; accepted: from {SHORTEST_SESSION:?} to 24h; \
                 unless it is set registry.session-timeout counts"
            );
            return Err(invalid(context, "session-timeout", what));
        }
        let retry = &config.retry_policy;
        for (name, duration, shortest) in [
            ("connection-timeout", config.connection_timeout, Duration::from_millis(100)),
            ("block-until-connected", config.block_until_connected, Duration::from_millis(100)),
            ("retry-policy.base-sleep-time", retry.base_sleep_time, Duration::from_millis(1)),
            ("retry-policy.max-sleep", retry.max_sleep, Duration::from_millis(1)),
        ] {
            if !(shortest..=LONGEST).contains(&duration) {
                let shown = if duration.is_zero() { "0s".to_owned() } else { format!("{duration:?}") };
                let what = format_args!("is {shown}; accepted: from {shortest:?} to 24h");
                return Err(invalid(context, name, what));
            }
        }
        let user = User::new(&config, context)?;
        let ConnectString { servers, chroot } = ConnectString::read(&config.connect_string.0)
            .map_err(|refused| invalid(context, "connect-string", refused))?;
        let trust = config.tls.read(context)?;
        // The client takes it for granted that every host can stand in a certificate.
        if let Some(server) =
            servers.iter().find(|server| trust.is_some() && ServerName::try_from(&*server.host).is_err())
        {
            let what = format_args!(
                "{:?} is not a name that a certificate could have; accepted with TLS: DNS names and addresses",
                server.host
            );
            return Err(invalid(context, "connect-string", what));
        }
        let paths = Paths::new(&chroot, context.namespace());
        if paths.root() == "/zookeeper" || paths.root().starts_with("/zookeeper/") {
            let what = format_args!(
                "puts the keys, with registry.namespace, below {}, which is ZooKeeper's own; accepted: another path",
                paths.root()
            );
            return Err(invalid(context, "connect-string", what));
        }
        let longest = retry.max_sleep.max(retry.base_sleep_time);
        let short = longest.min(SHORT).min(session_timeout / 20);
        let connection_timeout = config
            .connection_timeout
            // A server that is silent for longer leaves no time to try another before the session is lost.
            .min(session_timeout / 4)
            // It may be tried once more before the others: a call that waits for that is still to be answered.
            .min((context.operation_timeout() * 3 / 4).max(PATIENCE));
        let brief = SHORT.min(session_timeout / 20).min(connection_timeout);
        Ok(Settings {
            dial: Arc::new(Dial {
                servers,
                user,
                trust,
                session_timeout,
                connection_timeout,
                short: brief,
                patience: ExponentialBuilder::new()
                    .with_min_delay(brief)
                    .with_max_delay(connection_timeout)
                    .without_max_times(),
                pauses: (retry.base_sleep_time, longest),
                short_pauses: (retry.base_sleep_time.min(short / 8), short),
            }),
            paths: Arc::new(paths),
            block_until_connected: config.block_until_connected,
            max_retries: retry.max_retries.try_into().unwrap_or(usize::MAX),
            sync_reads: config.sync_reads,
        })
    }
}

impl Dial {
    /// The servers.
    pub(crate) fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The servers, for messages.
    pub(crate) fn addresses(&self) -> String {
        self.servers.iter().map(Server::to_string).collect::<Vec<_>>().join(", ")
    }

    /// One of them, for messages.
    pub(crate) fn address(&self, server: usize) -> String {
        self.servers[server].to_string()
    }

    /// What servers are trusted by, where they are spoken to in TLS.
    pub(crate) fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    /// The keys that say who to be, for messages.
    pub(crate) fn user_keys(&self) -> &str {
        &self.user.keys
    }

    /// Whether no user is configured.
    pub(crate) fn is_nobody(&self) -> bool {
        self.user.is_nobody()
    }

    /// Whether the servers are to know the user by SASL.
    pub(crate) fn uses_sasl(&self) -> bool {
        self.user.sasl.is_some()
    }

    /// The session timeout that is asked for.
    pub(crate) fn session_timeout(&self) -> Duration {
        self.session_timeout
    }

    /// The access list of all that is put.
    pub(crate) fn acls(&self) -> Acls<'static> {
        if self.user.is_nobody() { Acls::anyone_all() } else { Acls::creator_all() }
    }

    /// Tries every server once to open a session; tells of each, if somebody waits for it.
    ///
    /// # Errors
    ///
    /// `Timeout` if one of them said nothing, else that of the last attempt; `AuthFailed` at once.
    pub(crate) async fn link(&self, opening: Option<&Opening>) -> Result<Link, ZkError> {
        let tries = Tries { opening, ..Tries::new(self) };
        tries.first(|server, address| self.link_to(server, address, None)).await
    }

    /// Tries every server once to carry on the session of a link that was cut off, each for so long at most.
    ///
    /// # Behavior
    ///
    /// They are tried in any order, the one that the former link led to last, and those that are silent not before the
    /// others.
    ///
    /// # Errors
    ///
    /// `Timeout` if one of them said nothing, else that of the last attempt; `SessionExpired` and `AuthFailed` at once.
    /// A server that gives another session instead has refused this one, as it can't be told from one that has ended
    /// it.
    pub(crate) async fn link_again(&self, former: &Link, within: Duration) -> Result<Link, ZkError> {
        let tries = Tries { within, last: Some(former.server()), ..Tries::new(self) };
        tries.first(|server, address| self.link_to(server, address, Some(former))).await
    }

    /// Whether another server answers a word sooner than the one that a link leads to, which is asked a moment earlier.
    pub(crate) async fn is_outrun(&self, link: &Link) -> bool {
        self.servers.len() > 1 && Tries::new(self).outrun(link.server()).await
    }

    /// Tries every server but the one that the former link leads to once, to carry its session on, each for so long at
    /// most.
    ///
    /// # Errors
    ///
    /// As [`link_again`](Dial::link_again).
    pub(crate) async fn link_elsewhere(&self, former: &Link, within: Duration) -> Result<Link, ZkError> {
        let tries = Tries { within, without: Some(former.server()), ..Tries::new(self) };
        tries.first(|server, address| self.link_to(server, address, Some(former))).await
    }

    async fn link_to(&self, server: usize, address: String, former: Option<&Link>) -> Result<Link, ZkError> {
        let connector = self.connector();
        let connector = match former {
            Some(former) => connector.with_session(former.session().clone()),
            None => connector,
        };
        let link = Link::to(server, self.short, self.connect(connector, &address)).await?;
        if former.is_some_and(|former| is_another(former.session(), &link)) {
            tracing::warn!(
                server = address,
                given = %link.session_id(),
                "the ZooKeeper server has given another session instead of the one to be resumed, which counts as lost"
            );
            // What was given owns nothing, and ends by itself.
            return Err(ZkError::SessionExpired);
        }
        Ok(link)
    }

    /// Tries every server once to take a session over from a client that has dropped it; the new client ends it when it
    /// is dropped. It gives `None` if a server has given another session instead, which is ended.
    pub(crate) async fn take_over(&self, session: SessionInfo) -> Result<Option<Client>, ZkError> {
        let attempt = |_, address: String| {
            let connector = self.connector().with_session(session.clone());
            async move { self.connect(connector, &address).await }
        };
        let client = Tries::new(self).first(attempt).await?;
        Ok((!is_another(&session, &client)).then_some(client))
    }

    /// The pauses between attempts.
    pub(crate) fn backoff(&self) -> Backoff {
        Backoff::new(self.pauses.0, self.pauses.1)
    }

    /// How long attempts to carry on a session wait for a server. Briefly at first, as one that has just lost its
    /// leader may be silent while another has the next. Longer after each silence, as a server may be slow.
    pub(crate) fn patience(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        self.patience.build()
    }

    /// The pauses between attempts to carry on a session, which doesn't wait.
    pub(crate) fn short_backoff(&self) -> Backoff {
        Backoff::new(self.short_pauses.0, self.short_pauses.1)
    }

    /// The longer pauses, for as many attempts after the first.
    pub(crate) fn retries(&self, most: usize) -> ExponentialBuilder {
        let (first, longest) = self.pauses;
        ExponentialBuilder::new().with_min_delay(first).with_max_delay(longest).with_jitter().with_max_times(most)
    }

    async fn connect(&self, connector: Connector, servers: &str) -> Result<Client, ZkError> {
        match self.trust {
            Some(_) => connector.secure_connect(servers).await,
            None => connector.connect(servers).await,
        }
    }

    fn connector(&self) -> Connector {
        let mut connector = Client::connector()
            .with_fail_eagerly()
            .with_session_timeout(self.session_timeout)
            .with_connection_timeout(self.connection_timeout);
        if let Some(digest) = &self.user.digest {
            connector = connector.with_auth("digest", digest.expose().as_bytes());
        }
        if let Some((user, password)) = &self.user.sasl {
            connector = connector.with_sasl(SaslOptions::digest_md5(user.clone(), exposed(password)));
        }
        match &self.trust {
            Some(trust) => connector.with_tls(trust.options.clone()),
            None => connector,
        }
    }
}

/// Whether a server that was asked for a session has given another. ZooKeeper refuses instead, but others that speak
/// its protocol do so, and a proxy may lead to another ensemble than before; the client takes what it gets.
fn is_another(asked: &SessionInfo, given: &Client) -> bool {
    asked.id() != given.session_id()
}

fn exposed(secret: &Secret) -> String {
    secret.expose().to_owned()
}
