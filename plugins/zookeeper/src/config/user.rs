//! Who to be: a user of the digest scheme, of SASL, of both or of neither.

use registry_plugin::{
    Context, Result,
    config::{Secret, both, invalid},
};

use super::Config;

/// The users that a connection acts as.
pub(super) struct User {
    /// `user:password`.
    pub(super) digest: Option<Secret>,
    pub(super) sasl: Option<(String, Secret)>,
    /// The keys that these users stand under, for messages.
    pub(super) keys: String,
}

impl User {
    /// Checks what the configuration says of users.
    ///
    /// # Errors
    ///
    /// `InvalidConfig`, naming the key; never what is secret.
    pub(super) fn new(config: &Config, context: &Context) -> Result<Self> {
        let written = |secret: &Option<Secret>| secret.clone().filter(|secret| !secret.is_empty());
        let (name, digest) = match (written(&config.digest), written(&config.authorization.digest)) {
            (Some(_), Some(_)) => {
                let what = format_args!("is set, and so is {}; set one", context.config_key("authorization.digest"));
                return Err(invalid(context, "digest", what));
            }
            (None, Some(digest)) => ("authorization.digest", Some(digest)),
            (digest, None) => ("digest", digest),
        };
        if let Some(digest) = &digest
            && digest.expose().split_once(':').is_none_or(|(user, password)| user.is_empty() || password.is_empty())
        {
            return Err(invalid(context, name, "<hidden> is not a user with a password; accepted: user:password"));
        }
        let user = config.sasl.user.clone().filter(|user| !user.is_empty());
        let sasl = both(context, ("sasl.user", user), ("sasl.password", written(&config.sasl.password)))?;
        let mut keys = Vec::new();
        if digest.is_some() || sasl.is_none() {
            keys.push(context.config_key(name));
        }
        if sasl.is_some() || digest.is_none() {
            keys.push(context.config_key("sasl.user"));
            keys.push(context.config_key("sasl.password"));
        }
        Ok(User { digest, sasl, keys: keys.join(", ") })
    }

    /// Nobody in particular.
    pub(super) fn is_nobody(&self) -> bool {
        self.digest.is_none() && self.sasl.is_none()
    }
}
