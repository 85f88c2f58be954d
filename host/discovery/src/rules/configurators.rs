//! What is overridden.

use super::{
    RuleError,
    pattern::{fits, names},
    yaml,
};
use crate::ServiceUrl;

/// The parameters of an override that say what it is for, and are no changes.
const CONDITIONS: [&str; 13] = [
    "application",
    "category",
    "check",
    "compatible_config",
    "configVersion",
    "dynamic",
    "enabled",
    "group",
    "interface",
    "priority",
    "providerAddresses",
    "side",
    "version",
];

/// Parameters that are other than a provider's URL says, for some or all.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// Of the provider that it is for; empty for all.
    providers: Vec<String>,
    /// Of the consumer that it is for; empty for all.
    consumers: Vec<String>,
    /// The applications, by the side that it is for; empty for all.
    applications: Vec<String>,
    services: Vec<String>,
    is_for_providers: bool,
    /// Parameters that a provider must have.
    having: Vec<(String, String)>,
    parameters: Vec<(String, String)>,
    /// Whether only what is missing is added.
    is_absent: bool,
    priority: i32,
}

impl Override {
    /// Reads the YAML of configurators. Those that are not `enabled` are left out.
    ///
    /// # Errors
    ///
    /// What can't be read.
    pub fn parse(text: &str) -> Result<Vec<Self>, RuleError> {
        let rule = yaml::parse(text)?;
        let mut all = Vec::new();
        if !rule.flag("enabled", true)? {
            return Ok(all);
        }
        for config in rule.list("configs") {
            if !config.flag("enabled", true)? {
                continue;
            }
            let is_for_providers = match config.text("side") {
                Some("provider") => true,
                None | Some("consumer") => false,
                Some(other) => {
                    return Err(RuleError::new(format!("side is {other:?}; accepted: consumer or provider")));
                }
            };
            let addresses = config.texts("addresses");
            let (mut providers, consumers) =
                if is_for_providers { (addresses, Vec::new()) } else { (Vec::new(), addresses) };
            providers.extend(config.texts("providerAddresses"));
            all.push(Override {
                providers,
                consumers,
                applications: config.texts("applications"),
                services: config.texts("services"),
                is_for_providers,
                having: Vec::new(),
                parameters: config.pairs("parameters"),
                is_absent: false,
                priority: 0,
            });
        }
        Ok(all)
    }

    /// Reads an override as older versions of Dubbo have it, `override://10.0.0.7:20880/demo.EchoService?weight=0`.
    /// `None` if it is switched off, or says nothing.
    ///
    /// # Errors
    ///
    /// If it is no override.
    pub fn of_url(url: &ServiceUrl) -> Result<Option<Self>, RuleError> {
        let is_absent = match url.protocol.as_str() {
            "override" => false,
            "absent" => true,
            // What empties a category.
            "empty" => return Ok(None),
            other => return Err(RuleError::new(format!("has the protocol {other:?}; accepted: override or absent"))),
        };
        if url.parameter("enabled") == Some("false") {
            return Ok(None);
        }
        let mut having = Vec::new();
        let mut parameters = Vec::new();
        for (name, value) in &url.parameters {
            if let Some(name) = name.strip_prefix('~') {
                having.push((name.to_owned(), value.clone()));
            } else if !CONDITIONS.contains(&name.as_str()) {
                parameters.push((name.clone(), value.clone()));
            }
        }
        if parameters.is_empty() {
            return Ok(None);
        }
        let is_for_providers = url.parameter("side") == Some("provider") || url.port.is_some();
        let address = vec![url.address()];
        let (providers, consumers) = if is_for_providers { (address, Vec::new()) } else { (Vec::new(), address) };
        let applications = url.application().filter(|name| *name != "*").map(str::to_owned);
        Ok(Some(Override {
            providers,
            consumers,
            applications: applications.into_iter().collect(),
            services: Vec::new(),
            is_for_providers: url.parameter("side") == Some("provider"),
            having,
            parameters,
            is_absent,
            priority: url.parameter("priority").and_then(|written| written.parse().ok()).unwrap_or_default(),
        }))
    }

    pub(super) fn applies_to(&self, provider: &ServiceUrl, consumer: &ServiceUrl) -> bool {
        let named = |patterns: &[String], url: &ServiceUrl| {
            patterns.is_empty() || patterns.iter().any(|pattern| names(pattern, url))
        };
        let side = if self.is_for_providers { provider } else { consumer };
        let application = side.application().unwrap_or_default();
        let any = |patterns: &[String], value: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| fits(pattern, value))
        };
        named(&self.providers, provider)
            && named(&self.consumers, consumer)
            && any(&self.applications, application)
            && any(&self.services, provider.interface())
            && self.having.iter().all(|(name, value)| provider.parameter(name) == Some(value))
    }

    /// The more of it there is, the later it is applied.
    pub(super) fn precedence(&self) -> (bool, i32) {
        let is_for_any = |patterns: &[String]| patterns.iter().all(|pattern| pattern.starts_with("0.0.0.0"));
        (!is_for_any(&self.providers) || !is_for_any(&self.consumers), self.priority)
    }

    /// What it changes of a provider.
    pub(super) fn changes<'a>(&'a self, provider: &'a ServiceUrl) -> impl Iterator<Item = (&'a str, &'a str)> {
        let kept = move |(name, _): &&(String, String)| !self.is_absent || provider.parameter(name).is_none();
        self.parameters.iter().filter(kept).map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
