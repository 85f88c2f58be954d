//! From the configuration to what is dialled, all checked before anything is sent (contract 7.3).

use std::time::Duration;

use registry_plugin::{
    Context, Key, Result,
    config::{both, invalid},
};
use tonic::transport::{ClientTlsConfig, Endpoint as TonicEndpoint, Uri};

use super::{Config, tls::Wanted};
use crate::{
    endpoints::{Credentials, Endpoint, Endpoints, Retry},
    history::History,
    keys::Namespace,
    session,
};

/// etcd ends connections that are pinged more often than each 5 s.
const PING_EVERY: Duration = Duration::from_secs(10);

/// What is accepted as an endpoint.
const ACCEPTED: &str = "host:port, with or without http:// or https:// before it";

/// A configuration that was checked.
pub(crate) struct Settings {
    pub(crate) endpoints: Endpoints,
    pub(crate) connection_timeout: Duration,
    /// The user that requests are made as, if one is configured.
    pub(crate) user: Option<String>,
    /// What may help where no connection comes about.
    pub(crate) advice: &'static str,
}

impl Settings {
    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// `InvalidConfig`, naming the key.
    pub(crate) fn new(config: Config, context: &Context) -> Result<Self> {
        if context.session_timeout() < session::SHORTEST {
            let message = format_args!(
                "is {:?}; an etcd session lasts at least {:?}; unless it is set registry.session-timeout counts",
                context.session_timeout(),
                session::SHORTEST
            );
            return Err(invalid(context, "ttl", message));
        }
        if let Some(policy) = &config.load_balancer_policy {
            tracing::warn!(
                key = context.config_key("load-balancer-policy"),
                policy,
                "this policy has no effect: one server is used until it fails, or another answers while it is silent"
            );
        }
        let retry = Retry::new(&config, context)?;
        let credentials = credentials(&config, context)?;
        let dialer = Dialer::new(&config, context)?;
        if config.endpoints.is_empty() {
            return Err(invalid(context, "endpoints", format_args!("names no server; accepted: {ACCEPTED}")));
        }
        let endpoints: Result<Vec<_>> =
            config.endpoints.iter().map(|endpoint| dialer.endpoint(endpoint.trim(), credentials.clone())).collect();
        let place = Namespace::new(context.namespace()).below(Key::ROOT).start;
        let history = History::new(context.session().clone());
        Ok(Settings {
            endpoints: Endpoints::new(endpoints?, retry, context.operation_timeout(), place, history),
            connection_timeout: config.connection_timeout,
            user: credentials.map(|credentials| credentials.user),
            advice: match dialer.tls {
                Some(_) => ", and whether they want another certificate than tls.cert-file and tls.key-file give",
                None => ", and whether they want TLS",
            },
        })
    }
}

impl Retry {
    fn new(config: &Config, context: &Context) -> Result<Self> {
        for (name, duration) in [
            ("connection-timeout", config.connection_timeout),
            ("retry-delay", config.retry_delay),
            ("retry-max-delay", config.retry_max_delay),
        ] {
            if duration.is_zero() {
                return Err(invalid(context, name, "is 0s; accepted: any longer duration"));
            }
        }
        Ok(Retry {
            delay: config.retry_delay,
            max_delay: config.retry_max_delay.max(config.retry_delay),
            max_duration: config.retry_max_duration,
        })
    }
}

fn credentials(config: &Config, context: &Context) -> Result<Option<Credentials>> {
    let password = config.password.clone().filter(|password| !password.is_empty());
    let pair = both(context, ("user", config.user.clone()), ("password", password))?;
    Ok(pair.map(|(user, password)| Credentials { user, password }))
}

/// What all endpoints have in common.
struct Dialer<'c> {
    context: &'c Context,
    connect_timeout: Duration,
    authority: Option<&'c str>,
    /// TLS is configured, so that an endpoint without a scheme uses it.
    tls_is_set: bool,
    tls: Option<ClientTlsConfig>,
}

impl<'c> Dialer<'c> {
    fn new(config: &'c Config, context: &'c Context) -> Result<Self> {
        let tls = Wanted::new(config, context)?;
        let tls_is_set = tls.is_set();
        let wanted = tls_is_set || config.endpoints.iter().any(|endpoint| endpoint.trim().starts_with("https://"));
        let authority = config.authority.as_deref();
        let is_authority = |name: &&str| {
            let uri = format!("http://{name}").parse::<Uri>();
            uri.is_ok_and(|uri| uri.authority().is_some_and(|authority| authority.as_str() == *name))
        };
        if let Some(refused) = authority.filter(|name| !is_authority(name)) {
            return Err(invalid(
                context,
                "authority",
                format_args!("{refused:?} is refused; accepted: host or host:port"),
            ));
        }
        Ok(Dialer {
            context,
            connect_timeout: config.connection_timeout,
            authority,
            tls_is_set,
            tls: wanted.then(|| tls.read(context)).transpose()?,
        })
    }

    fn endpoint(&self, text: &str, credentials: Option<Credentials>) -> Result<Endpoint> {
        let refused = |what: &str| {
            // What stands before an '@' may be a password.
            let shown = if text.contains('@') { "<hidden>" } else { text };
            invalid(self.context, "endpoints", format_args!("{shown:?} {what}; accepted: {ACCEPTED}"))
        };
        let (scheme, address) = match text.split_once("://") {
            Some(("http", _)) if self.tls_is_set => {
                return Err(refused("is plain text although TLS is configured"));
            }
            Some((scheme @ ("http" | "https"), address)) => (scheme, address.strip_suffix('/').unwrap_or(address)),
            Some(_) => return Err(refused("has a scheme that is not known")),
            None => (if self.tls_is_set { "https" } else { "http" }, text),
        };
        let uri = |authority: &str| format!("{scheme}://{authority}").parse::<Uri>();
        let parsed = uri(address).map_err(|_| refused("is not an address"))?;
        if parsed.authority().map(|authority| authority.as_str()) != Some(address) || address.contains('@') {
            return Err(refused("has more than a host and a port"));
        }
        if parsed.port_u16().is_none_or(|port| port == 0) || parsed.host().is_none_or(str::is_empty) {
            return Err(refused("lacks a host or a port from 1 to 65535"));
        }
        let mut dial = TonicEndpoint::from(parsed)
            .connect_timeout(self.connect_timeout)
            // A connection that has died without a word is given up and dialled again.
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_EVERY)
            .keep_alive_while_idle(true);
        if let Some(authority) = self.authority {
            dial = dial.origin(uri(authority).map_err(|_| invalid(self.context, "authority", "is not an authority"))?);
        }
        if let Some(tls) = self.tls.as_ref().filter(|_| scheme == "https") {
            let tls = tls.clone().timeout(self.connect_timeout);
            dial = dial.tls_config(tls).map_err(|error| {
                let what = "can't be used: the key may belong to another certificate, or no certificate be trusted";
                invalid(self.context, "tls", what).with_cause(&error)
            })?;
        }
        Ok(Endpoint::new(address.to_owned(), dial, credentials))
    }
}
