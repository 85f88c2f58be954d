//! The messages that the page of operations explains.

use std::fs;

use crate::page::{Page, files};
use crate::{none_wrong, root};

#[test]
fn every_message_that_is_explained_is_one_of_the_code() {
    let page = Page::read("docs/operations.md");
    let product = ["host", "plugins", "registry-api"];
    let sources: Vec<_> = files("rs")
        .iter()
        .filter(|path| product.iter().any(|folder| path.starts_with(folder)) && !path.starts_with("host/server/tests"))
        .map(|path| fs::read_to_string(root().join(path)).unwrap())
        .collect();
    let rows = page.rows("message");
    assert!(rows.len() > 20, "the tables are not found");
    let unknown = |part: &str| !sources.iter().any(|source| source.contains(part));
    let wrong = rows.iter().flat_map(|(row, line)| {
        let parts = row[0].split('…').map(str::trim).filter(|part| !part.is_empty() && unknown(part));
        parts.map(|part| format!("{}: no code says: {part}", page.at(*line))).collect::<Vec<_>>()
    });
    none_wrong(wrong.collect());
}
