//! The keys of rules.

use crate::Service;

/// What a rule is about. Its name ends its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RuleKind {
    /// Which parameters are others than written.
    Configurators,
    /// Who may call whom.
    ConditionRouter,
    /// Who is called by calls with a tag.
    TagRouter,
}

impl RuleKind {
    /// What its keys end with.
    pub fn suffix(self) -> &'static str {
        match self {
            RuleKind::Configurators => "configurators",
            RuleKind::ConditionRouter => "condition-router",
            RuleKind::TagRouter => "tag-router",
        }
    }

    /// The key of a service's rule: `interface:[version]:[group].suffix`, with both colons in any case.
    ///
    /// ```
    /// use registry_discovery::{RuleKind, Service};
    ///
    /// let service = Service::new("demo.EchoService");
    /// assert_eq!(RuleKind::ConditionRouter.of_service(&service), "demo.EchoService::.condition-router");
    /// let service = service.of_version("1.2").in_group("blue");
    /// assert_eq!(RuleKind::Configurators.of_service(&service), "demo.EchoService:1.2:blue.configurators");
    /// ```
    pub fn of_service(self, service: &Service) -> String {
        let Service { interface, group, version } = service;
        let (version, group) = (version.as_deref().unwrap_or_default(), group.as_deref().unwrap_or_default());
        format!("{interface}:{version}:{group}.{}", self.suffix())
    }

    /// The key of an application's rule.
    pub fn of_application(self, application: &str) -> String {
        format!("{application}.{}", self.suffix())
    }
}
