//! Calls with a tag go to the providers with it.

use super::{
    Call, RuleError,
    pattern::{fits, names},
    yaml,
};
use crate::ServiceUrl;

/// The parameter of a provider, and of a consumer, that holds its tag; also the header of a call that carries one.
pub(crate) const TAG: &str = "dubbo.tag";

/// The tags of one application's providers.
///
/// # Behavior
///
/// A provider has the tag under whose addresses it stands here, or else the one in its parameter `dubbo.tag`. A call
/// without a tag goes to those that have none. One with a tag goes to those that have it; if there are none, to those
/// without a tag, unless `force` is set here or in the consumer's parameter `dubbo.force.tag`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tags {
    application: String,
    force: bool,
    tags: Vec<Tag>,
}

#[derive(Clone, Debug, PartialEq)]
struct Tag {
    name: String,
    addresses: Vec<String>,
    /// Parameters that a provider must have.
    parameters: Vec<(String, Comparison, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Exact,
    Prefix,
    Wildcard,
}

impl Tags {
    /// Reads the YAML of an application's tag router. One that is not `enabled` has no tags.
    ///
    /// # Errors
    ///
    /// What can't be read.
    pub fn parse(application: &str, text: &str) -> Result<Self, RuleError> {
        let rule = yaml::parse(text)?;
        if !rule.flag("enabled", true)? {
            return Ok(Self { application: application.to_owned(), ..Self::default() });
        }
        let mut tags = Vec::new();
        for tag in rule.list("tags") {
            let name = tag.text("name").ok_or_else(|| RuleError::new("has a tag without a name"))?.to_owned();
            let mut parameters = Vec::new();
            for test in tag.list("match") {
                let key = test.text("key").ok_or_else(|| RuleError::new(format!("tag {name:?} matches no key")))?;
                let value = test.part("value");
                let kinds =
                    [("exact", Comparison::Exact), ("prefix", Comparison::Prefix), ("wildcard", Comparison::Wildcard)];
                let found = kinds.into_iter().find_map(|(kind, how)| Some((how, value.text(kind)?)));
                let (how, wanted) = found.ok_or_else(|| {
                    RuleError::new(format!(
                        "tag {name:?} matches {key:?} in another way than exact, prefix or wildcard"
                    ))
                })?;
                parameters.push((key.to_owned(), how, wanted.to_owned()));
            }
            tags.push(Tag { name, addresses: tag.texts("addresses"), parameters });
        }
        Ok(Tags { application: application.to_owned(), force: rule.flag("force", false)?, tags })
    }

    fn tag_of<'a>(&'a self, provider: &ServiceUrl) -> Option<&'a str> {
        self.tags.iter().find(|tag| tag.covers(provider)).map(|tag| tag.name.as_str())
    }
}

impl Tag {
    fn covers(&self, provider: &ServiceUrl) -> bool {
        let has = |(key, how, wanted): &(String, Comparison, String)| {
            provider.parameter(key).is_some_and(|value| match how {
                Comparison::Exact => value == wanted,
                Comparison::Prefix => value.starts_with(wanted.as_str()),
                Comparison::Wildcard => fits(wanted, value),
            })
        };
        let matches = !self.parameters.is_empty() && self.parameters.iter().all(has);
        matches || self.addresses.iter().any(|address| names(address, provider))
    }
}

pub(super) fn route(
    rules: &[Tags],
    providers: &[&ServiceUrl],
    left: Vec<usize>,
    consumer: &ServiceUrl,
    call: &Call,
) -> Vec<usize> {
    let wanted = call.tag.as_deref().or_else(|| consumer.parameter(TAG));
    let rule_of = |at: usize| {
        let application = providers[at].application().unwrap_or_default();
        rules.iter().find(|tags| tags.application == application)
    };
    let tag_of = |at: usize| rule_of(at).and_then(|tags| tags.tag_of(providers[at])).or(providers[at].parameter(TAG));
    let with = |tag: Option<&str>| left.iter().copied().filter(|at| tag_of(*at) == tag).collect::<Vec<_>>();
    let Some(wanted) = wanted else { return with(None) };
    let tagged = with(Some(wanted));
    let is_forced = consumer.parameter("dubbo.force.tag") == Some("true")
        || left.iter().any(|at| rule_of(*at).is_some_and(|tags| tags.force));
    if tagged.is_empty() && !is_forced { with(None) } else { tagged }
}
