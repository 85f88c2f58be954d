//! The fields of a rule. Whatever a text looks like in YAML, it is a text: `true` and `7` as well.

use serde_json::Value;

use super::RuleError;

/// Reads the first document of a text.
pub(super) fn parse(text: &str) -> Result<Rule, RuleError> {
    let documents = registry_host::read_text("rule.yaml", text);
    let documents = documents.map_err(|error| RuleError::new(error.message().to_owned()))?;
    Ok(Rule(documents.into_iter().next().unwrap_or_default()))
}

/// A rule or a part of one.
#[derive(Clone, Debug)]
pub(super) struct Rule(Value);

impl Rule {
    pub(super) fn part(&self, key: &str) -> Rule {
        Rule(self.0.get(key).cloned().unwrap_or_default())
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    /// `true` or `false`, or what is usual.
    pub(super) fn flag(&self, key: &str, usual: bool) -> Result<bool, RuleError> {
        match self.text(key) {
            None => Ok(usual),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(text) => Err(RuleError::new(format!("{key} is {text:?}; accepted: true or false"))),
        }
    }

    /// The parts of a list, none if there is no list.
    pub(super) fn list(&self, key: &str) -> Vec<Rule> {
        self.0.get(key).and_then(Value::as_array).into_iter().flatten().cloned().map(Rule).collect()
    }

    /// The texts of a list.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        let texts = self.0.get(key).and_then(Value::as_array).into_iter().flatten();
        texts.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The texts of a map.
    pub(super) fn pairs(&self, key: &str) -> Vec<(String, String)> {
        let pairs = self.0.get(key).and_then(Value::as_object).into_iter().flatten();
        pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
    }
}
