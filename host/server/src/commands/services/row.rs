//! What is registered, as it is shown.

use registry_discovery::Listed;
use serde::Serialize;

use crate::output::text;

/// What stands above the columns.
pub(super) const HEADING: [&str; 7] = ["SERVICE", "ROLE", "ADDRESS", "PROTOCOL", "APPLICATION", "KIND", "NOTE"];

/// Something that is registered.
pub(super) struct Row<'a>(&'a Listed);

/// The same as an object.
#[derive(Serialize)]
pub(super) struct Object<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    interface: Option<&'a str>,
    application: Option<&'a str>,
    address: Option<&'a str>,
    role: String,
    ephemeral: bool,
    url: Option<String>,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

impl<'a> Row<'a> {
    pub(super) fn of(listed: &'a Listed) -> Self {
        Row(listed)
    }

    fn role(&self) -> String {
        self.0.role.map_or_else(|| "instance".to_owned(), |role| role.to_string())
    }

    pub(super) fn columns(&self) -> Vec<String> {
        let Listed { interface, application, address, url, ephemeral, key, .. } = self.0;
        let read = url.as_ref().and_then(|url| url.as_ref().ok());
        let service = read.map(|url| url.service_key()).or_else(|| interface.clone());
        let shown = |cell: Option<&str>| text::name(cell.unwrap_or("-"));
        let note = match url {
            Some(Err(error)) => format!("can't be read: {error}: {key}"),
            Some(Ok(url)) if !url.is_enabled() => "disabled".to_owned(),
            Some(Ok(url)) => url.weight().map(|weight| format!("weight {weight}")).unwrap_or_default(),
            None => String::new(),
        };
        vec![
            shown(service.as_deref()),
            self.role(),
            shown(address.as_deref()),
            shown(read.map(|url| &*url.protocol)),
            shown(application.as_deref()),
            if *ephemeral { "ephemeral" } else { "persistent" }.to_owned(),
            text::name(&note),
        ]
    }

    /// On one line, with tabs between.
    pub(super) fn line(&self, event: &str) -> String {
        format!("{event}\t{}", self.columns().join("\t").trim_end())
    }

    pub(super) fn object(&self, event: Option<&'static str>) -> Object<'a> {
        let Listed { interface, application, address, url, ephemeral, key, .. } = self.0;
        Object {
            event,
            interface: interface.as_deref(),
            application: application.as_deref(),
            address: address.as_deref(),
            role: self.role(),
            ephemeral: *ephemeral,
            url: url.as_ref().and_then(|url| url.as_ref().ok()).map(|url| url.to_string()),
            key,
            unreadable: url.as_ref().and_then(|url| url.as_ref().err()).map(ToString::to_string),
        }
    }
}
