//! Links between the pages, and to what is in the project.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use crate::page::Page;
use crate::{none_wrong, root};

#[test]
fn every_link_leads_to_a_page_and_anchor() {
    let pages = Page::all();
    let anchors: HashMap<_, _> = pages.iter().map(|page| (page.path.clone(), page.anchors())).collect();
    let mut wrong = Vec::new();
    for page in &pages {
        for (link, line) in page.links() {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').map_or((&*link, None), |(file, anchor)| (file, Some(anchor)));
            let target = match file {
                "" => page.path.clone(),
                file => normal(&page.path.parent().unwrap().join(file)),
            };
            match (anchors.get(&target), anchor) {
                // The book has pages only, so that a link to anything else would lead nowhere in it.
                (None, _) if root().join(&target).exists() => {
                    wrong.push(format!("{}: {link} is not a page: write its name as code", page.at(line)));
                }
                (None, _) => wrong.push(format!("{}: there is no {link}", page.at(line))),
                (Some(anchors), Some(anchor)) if !anchors.contains(anchor) => {
                    wrong.push(format!("{}: {} has no #{anchor}", page.at(line), target.display()));
                }
                _ => {}
            }
        }
    }
    none_wrong(wrong);
}

#[test]
fn every_page_can_be_reached_from_the_readme() {
    let pages = Page::all();
    let (mut reached, mut next) = (vec![PathBuf::from("README.md")], 0);
    while let Some(path) = reached.get(next).cloned() {
        next += 1;
        let Some(page) = pages.iter().find(|page| page.path == path) else { continue };
        for (link, _) in page.links() {
            let target = normal(&path.parent().unwrap().join(link.split('#').next().unwrap()));
            if !link.contains("://") && !reached.contains(&target) {
                reached.push(target);
            }
        }
    }
    let lost = pages.iter().filter(|page| !reached.contains(&page.path) && !page.path.ends_with("SUMMARY.md"));
    none_wrong(lost.map(|page| format!("nothing links to {}", page.path.display())).collect());
}

/// The path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(normal.pop(), "{} leads out of the project", path.display()),
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}
