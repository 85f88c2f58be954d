//! Rules of the config centre: who may be called by whom, and what is overridden.
//!
//! | key | what it says |
//! |---|---|
//! | `<interface>:<version>:<group>.condition-router`, `<application>.condition-router` | [conditions](Conditions): calls like these go to providers like those |
//! | `<application of the providers>.tag-router` | [tags](Tags): calls with a tag go to the providers with it |
//! | `<interface>:<version>:<group>.configurators`, `<application>.configurators` | [overrides](Override) of parameters |
//! | nodes `/<root>/<interface>/configurators/override://…` | overrides as older versions of Dubbo have them |

mod condition;
mod configurators;
mod follow;

mod pattern;
mod tags;
#[cfg(test)]
mod tests;
mod yaml;

use std::{fmt, sync::Arc};

pub(crate) use self::follow::RuleBook;
pub use self::{condition::Conditions, configurators::Override, tags::Tags};

use crate::ServiceUrl;

/// A call, as far as rules tell calls apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The tag that it carries.
    pub tag: Option<String>,
}

/// A provider as it is after all overrides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its URL, with what is overridden.
    pub url: Arc<ServiceUrl>,
    /// The weight that a rule gives it, which may be 0.
    pub weight: Option<u32>,
}

/// All rules for the calls of one service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// The overrides; later ones take precedence.
    pub overrides: Vec<Override>,
    /// The conditions, each for what the ones before leave.
    pub conditions: Vec<Conditions>,
    /// The tags, by the application of the providers.
    pub tags: Vec<Tags>,
}

impl Rules {
    /// A provider with what is overridden for this consumer.
    pub fn configure(&self, provider: &ServiceUrl, consumer: &ServiceUrl) -> Provider {
        let mut url = provider.clone();
        let mut weight = None;
        let mut matching: Vec<_> = self.overrides.iter().filter(|rule| rule.applies_to(provider, consumer)).collect();
        // What is for some takes precedence over what is for all.
        matching.sort_by_key(|rule| rule.precedence());
        for (name, value) in matching.into_iter().flat_map(|rule| rule.changes(provider)) {
            if name == "weight" {
                weight = value.parse().ok().or(weight);
            }
            url.parameters.insert(name.to_owned(), value.to_owned());
        }
        Provider { url: Arc::new(url), weight }
    }

    /// Which of these providers may get a call.
    pub fn route(&self, providers: &[&ServiceUrl], consumer: &ServiceUrl, call: &Call) -> Vec<usize> {
        let mut left: Vec<usize> = (0..providers.len()).collect();
        left = tags::route(&self.tags, providers, left, consumer, call);
        for conditions in &self.conditions {
            left = conditions.route(providers, left, consumer, call);
        }
        left
    }
}

/// Why a rule can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError(String);

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RuleError {}

impl RuleError {
    fn new(problem: impl Into<String>) -> Self {
        RuleError(problem.into())
    }
}
