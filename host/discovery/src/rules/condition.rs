//! Calls like these go to providers like those.

use super::{Call, RuleError, pattern::fits, yaml};
use crate::ServiceUrl;

/// Conditions, such as `method=find* & application=shop => host=10.20.*`.
///
/// # Behavior
///
/// Before the arrow stands which calls it is for, by the consumer's parameters, `host`, `protocol` and `method`: all if
/// nothing stands there. After it stands which providers these may go to, by their parameters, `host`, `port`,
/// `address` and `protocol`; none if nothing stands there. `!=` is the opposite of `=`, values have commas between, one
/// `*` stands for anything, and `$name` for what the consumer has. If a condition leaves nobody, it is passed over
/// unless `force` is set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    force: bool,
    rules: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    calls: Vec<Test>,
    providers: Vec<Test>,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
struct Test {
    name: String,
    equal: Vec<String>,
    unequal: Vec<String>,
}

impl Conditions {
    /// Reads the YAML of a condition router. One that is not `enabled` has no conditions.
    ///
    /// # Errors
    ///
    /// What can't be read, or is of a later version than 3.0.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let rule = yaml::parse(text)?;
        if let Some(version @ ("v3.1" | "3.1")) = rule.text("configVersion") {
            return Err(RuleError::new(format!("has the version {version}; accepted: v3.0 and earlier")));
        }
        if !rule.flag("enabled", true)? {
            return Ok(Self::default());
        }
        let rules = rule.texts("conditions").iter().map(|text| Condition::parse(text)).collect::<Result<_, _>>()?;
        Ok(Conditions { force: rule.flag("force", false)?, rules })
    }

    pub(super) fn route(
        &self,
        providers: &[&ServiceUrl],
        mut left: Vec<usize>,
        consumer: &ServiceUrl,
        call: &Call,
    ) -> Vec<usize> {
        for rule in &self.rules {
            if !rule.calls.iter().all(|test| test.holds(consumer_value(consumer, call, &test.name), consumer)) {
                continue;
            }
            if rule.providers.is_empty() {
                return Vec::new();
            }
            let goes = |at: &usize| {
                let provider = providers[*at];
                rule.providers.iter().all(|test| test.holds(provider_value(provider, &test.name), consumer))
            };
            let matching: Vec<usize> = left.iter().copied().filter(goes).collect();
            if !matching.is_empty() || self.force {
                left = matching;
            }
        }
        left
    }
}

impl Condition {
    fn parse(text: &str) -> Result<Self, RuleError> {
        let (calls, providers) =
            text.split_once("=>").ok_or_else(|| RuleError::new(format!("the condition {text:?} has no \"=>\"")))?;
        let side = |side: &str| {
            let side = side.trim();
            let tests = side.split('&').map(str::trim).filter(|test| !test.is_empty());
            tests.map(|test| Test::parse(test, text)).collect::<Result<Vec<_>, _>>()
        };
        // `true` stands for any call, `false` for no provider.
        let calls = calls.trim();
        let providers = providers.trim();
        Ok(Condition {
            calls: side(if calls == "true" { "" } else { calls })?,
            providers: side(if providers == "false" { "" } else { providers })?,
        })
    }
}

impl Test {
    fn parse(test: &str, whole: &str) -> Result<Self, RuleError> {
        let wrong = |problem: &str| RuleError::new(format!("{test:?} in the condition {whole:?} {problem}"));
        let (name, values) = test.split_once('=').ok_or_else(|| wrong("compares nothing"))?;
        let (name, is_equal) = match name.strip_suffix('!') {
            Some(name) => (name.trim(), false),
            None => (name.trim(), true),
        };
        if name.is_empty() || name.starts_with("arguments") || name.starts_with("attachments") {
            return Err(wrong("looks into a call, which is not supported"));
        }
        let values: Vec<_> = values.split(',').map(|value| value.trim().to_owned()).collect();
        let (equal, unequal) = if is_equal { (values, Vec::new()) } else { (Vec::new(), values) };
        Ok(Test { name: name.to_owned(), equal, unequal })
    }

    fn holds(&self, value: Option<String>, consumer: &ServiceUrl) -> bool {
        let Some(value) = value else { return self.equal.is_empty() };
        let matches = |pattern: &String| match pattern.strip_prefix('$') {
            Some(name) => {
                consumer_value(consumer, &Call::default(), name).is_some_and(|pattern| fits(&pattern, &value))
            }
            None => fits(pattern, &value),
        };
        (self.equal.is_empty() || self.equal.iter().any(matches)) && !self.unequal.iter().any(matches)
    }
}

fn consumer_value(consumer: &ServiceUrl, call: &Call, name: &str) -> Option<String> {
    match name {
        "method" | "methods" => Some(call.method.clone()),
        "host" | "consumer.host" => Some(consumer.host.clone()),
        _ => value(consumer, name),
    }
}

fn provider_value(provider: &ServiceUrl, name: &str) -> Option<String> {
    value(provider, name.strip_prefix("provider.").unwrap_or(name))
}

fn value(url: &ServiceUrl, name: &str) -> Option<String> {
    match name {
        "host" => Some(url.host.clone()),
        "address" => Some(url.address()),
        "protocol" => Some(url.protocol.clone()),
        "port" => url.port.map(|port| port.to_string()),
        "interface" => Some(url.interface().to_owned()),
        name => url.parameter(name).map(str::to_owned),
    }
}
