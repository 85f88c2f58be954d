//! `registry.url`: one line that stands for several keys.

use registry_config::{ConfigError, Source};

use super::Result;
use super::host_keys::{TYPE, URL};
use super::keys;
use super::placeholder::Placeholders;
use super::tree::{Map, Shape};
use crate::compat::dubbo;

/// Replaces the URL of a layer by the keys that it stands for; those that are written beside it take precedence.
pub(crate) fn expand(layer: &mut Map, placeholders: &Placeholders) -> Result<()> {
    let Some(mut tree) = layer.find(URL).cloned() else { return Ok(()) };
    layer.retain(|name| name != URL);
    let key = format!("{}.{URL}", keys::ROOT);
    placeholders.resolve(&key, &mut tree)?;
    let Shape::Scalar(text) = &tree.shape else {
        return Err(ConfigError::at(key, "must be a single value").written_at(&tree.source));
    };
    if matches!(tree.source.place(), Source::Environment(_)) && is_of_web(text) {
        // Another program's: images have registries, too.
        tracing::debug!("REGISTRY_URL is a page's address, and is passed over");
        return Ok(());
    }
    let mut expanded = dubbo::keys(text, &tree.source)?;
    if let (Some(of_url), Some(beside)) = (expanded.find(TYPE), layer.find(TYPE))
        && of_url.shape != beside.shape
    {
        let (of_url, beside) = (text_of(&of_url.shape), text_of(&beside.shape));
        let problem = format!("is a {of_url}'s, but {} beside it is {beside:?}; keep one of the two", keys::TYPE);
        return Err(ConfigError::at(key, problem).written_at(&tree.source));
    }
    expanded.overlay(std::mem::take(layer));
    *layer = expanded;
    Ok(())
}

fn is_of_web(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)) || !text.contains("://")
}

fn text_of(shape: &Shape) -> &str {
    match shape {
        Shape::Scalar(text) => text,
        _ => "",
    }
}
