//! What there is to see and to try beside the table: the page, the sample tasks, and commands for a second terminal.

use std::net::{Ipv4Addr, SocketAddr};

use registry_host::Settings;
use registry_page::{Bound, Metrics, Page};
use registry_tasks::client::Client;
use registry_tasks::settings::ServersSettings;
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use super::server::Server;
use super::{Standalone, workload};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Format;

/// Where the page is, unless that is taken.
const PORT: u16 = 7117;

/// Ends with what it shows.
#[derive(Default)]
pub(super) struct Sight {
    _background: Vec<AbortOnDropHandle<()>>,
}

impl Sight {
    /// Opens the page and begins to submit tasks, as far as they are wanted, and prints what to look at.
    pub(super) async fn open(
        wanted: &Standalone,
        context: &mut Context,
        settings: &Settings,
        servers: &[Server],
        measured: Option<Metrics>,
    ) -> Result<Self, Failure> {
        let mut sight = Sight::default();
        // The first one's eyes are the page's, as they are the table's.
        let Some(first) = servers.first().filter(|_| !wanted.no_tasks || !wanted.no_page) else { return Ok(sight) };
        let client = Client::open(first.registry(), &ServersSettings::of(settings)?).await?;
        if !wanted.no_page {
            let page = Page::open(client.clone(), measured).await?;
            let bound = bind(&page, wanted.page).await?;
            let address = bound.address();
            let url = bound.url();
            context.output.line(format_args!("the page is at {url}"), json!({"event": "page", "url": url}))?;
            if context.output.format == Format::Text {
                for line in to_try(context, settings, address) {
                    context.output.line(line, ())?;
                }
            }
            context.output.flush().await?;
            let serving = tokio::spawn(bound.serve(std::future::pending()));
            sight._background.push(AbortOnDropHandle::new(serving));
        }
        if !wanted.no_tasks {
            sight._background.push(AbortOnDropHandle::new(tokio::spawn(workload::submit_all(client))));
        }
        Ok(sight)
    }
}

/// Where it is wanted; else at its usual port, or where one is free.
async fn bind(page: &Page, wanted: Option<SocketAddr>) -> registry_host::Result<Bound> {
    match wanted {
        Some(address) => page.bind(address).await,
        None => match page.bind((Ipv4Addr::LOCALHOST, PORT).into()).await {
            Ok(bound) => Ok(bound),
            Err(_) => page.bind((Ipv4Addr::LOCALHOST, 0).into()).await,
        },
    }
}

/// Three commands for a second terminal.
fn to_try(context: &Context, settings: &Settings, page: SocketAddr) -> Vec<String> {
    if settings.registry_type() == "memory" {
        // Other commands have a memory of their own.
        return vec![
            "try in a second terminal (on a server, as with --type etcd, 'registry tasks' works there, too):"
                .to_owned(),
            format!("  curl -N http://{page}/events"),
            format!("  curl http://{page}/metrics"),
            format!("  curl http://{page}/readyz"),
        ];
    }
    let options = same(context, settings);
    vec![
        "try in a second terminal:".to_owned(),
        format!("  registry {options} submit --wait --follow -- echo hello"),
        format!("  registry {options} tasks --watch"),
        format!("  registry {options} servers --watch"),
    ]
}

/// The options that make another command see the same cluster.
fn same(context: &Context, settings: &Settings) -> String {
    let given = &context.options;
    let mut words = Vec::new();
    words.extend(given.config.iter().map(|file| format!("--config={}", file.display())));
    words.extend(given.target.iter().map(|name| format!("--target={name}")));
    words.extend(given.registry_type.iter().map(|name| format!("--type={name}")));
    words.extend(given.endpoints.iter().map(|servers| format!("--endpoints={servers}")));
    words.extend(given.plugin_dir.iter().map(|folder| format!("--plugin-dir={}", folder.display())));
    words.extend(given.set.iter().map(|assignment| format!("--set={assignment}")));
    words.push(format!("--namespace={}", settings.namespace()));
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=./:,@%+".contains(&byte);
    if word.bytes().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted("--set=registry.type=etcd"), "--set=registry.type=etcd");
        assert_eq!(quoted("--set=a=b c"), "'--set=a=b c'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
