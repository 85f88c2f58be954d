//! A page of documentation and what is in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::root;

/// What a page is written in.
const OPTIONS: Options = Options::ENABLE_TABLES;

/// One page.
pub(crate) struct Page {
    /// Its path from the project's root.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A block of code.
pub(crate) struct Block {
    /// The first word after the fence.
    pub(crate) language: String,
    pub(crate) text: String,
    /// Which file it is, as a comment before it says: `<!-- file: registry.yaml -->`.
    pub(crate) file: Option<String>,
    /// Where it begins, counted from 1.
    pub(crate) line: usize,
}

impl Page {
    pub(crate) fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Page { path: path.into(), text }
    }

    /// Every page of the project.
    pub(crate) fn all() -> Vec<Self> {
        let pages: Vec<_> = files("md").iter().map(|path| Page::read(path.to_str().unwrap())).collect();
        assert!(pages.len() > 10, "the pages are not found");
        pages
    }

    /// How a place in it is named in a failure.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    fn events(&self) -> impl Iterator<Item = (Event<'_>, usize)> {
        let parser = Parser::new_ext(&self.text, OPTIONS).into_offset_iter();
        parser.map(|(event, range)| (event, 1 + self.text[..range.start].matches('\n').count()))
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let (mut inside, mut file) = (false, None);
        for (event, line) in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match &kind {
                        CodeBlockKind::Fenced(info) => info.split([',', ' ']).next().unwrap_or_default().to_owned(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    blocks.push(Block { language, text: String::new(), file: file.take(), line });
                    inside = true;
                }
                Event::End(TagEnd::CodeBlock) => inside = false,
                Event::Text(text) if inside => blocks.last_mut().unwrap().text.push_str(&text),
                Event::Html(html) => {
                    let name = html.trim().strip_prefix("<!-- file: ").and_then(|rest| rest.strip_suffix(" -->"));
                    file = name.map(str::to_owned).or(file);
                }
                _ => {}
            }
        }
        blocks
    }

    /// What stands in backquotes in the running text, tables included.
    pub(crate) fn inline_code(&self) -> Vec<(String, usize)> {
        let code = |(event, line)| match event {
            Event::Code(text) => Some((text.to_string(), line)),
            _ => None,
        };
        self.events().filter_map(code).collect()
    }

    /// Where its links lead.
    pub(crate) fn links(&self) -> Vec<(String, usize)> {
        let link = |(event, line)| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some((dest_url.to_string(), line))
            }
            _ => None,
        };
        self.events().filter_map(link).collect()
    }

    /// The rows of its tables whose heading begins with this word, each with its cells.
    pub(crate) fn rows(&self, heading: &str) -> Vec<(Vec<String>, usize)> {
        let (mut rows, mut row, mut cell, mut wanted) = (Vec::new(), Vec::new(), String::new(), false);
        for (event, line) in self.events() {
            match event {
                Event::Start(Tag::TableHead | Tag::TableRow) => row.clear(),
                Event::Start(Tag::TableCell) => cell.clear(),
                Event::Text(text) | Event::Code(text) => cell.push_str(&text),
                Event::End(TagEnd::TableCell) => row.push(cell.clone()),
                Event::End(TagEnd::TableHead) => wanted = row.first().is_some_and(|first| first == heading),
                Event::End(TagEnd::TableRow) if wanted => rows.push((row.clone(), line)),
                _ => {}
            }
        }
        rows
    }

    /// What a link may name in it: its headings as GitHub and mdBook call them, and explicit ids.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        let (mut anchors, mut heading) = (BTreeSet::new(), None::<String>);
        for (event, _) in self.events() {
            match event {
                Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }) | Event::Start(Tag::Heading { .. }) => {
                    heading = Some(String::new());
                }
                Event::End(TagEnd::Heading(_)) => {
                    anchors.extend(heading.take().map(|heading| slug(&heading)));
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::InlineHtml(html) | Event::Html(html) => {
                    let ids = html.split("id=\"").skip(1).filter_map(|rest| rest.split('"').next());
                    anchors.extend(ids.map(str::to_owned));
                }
                _ => {}
            }
        }
        anchors
    }
}

fn slug(heading: &str) -> String {
    let kept = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    };
    heading.trim().to_lowercase().chars().filter_map(kept).collect()
}

/// The project's files with this ending, from its root, in order; what is built is left out.
pub(crate) fn files(ending: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" && !path.is_symlink() {
                walk(&path, ending, found);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    walk(&root, ending, &mut found);
    let mut found: Vec<_> = found.iter().map(|path| path.strip_prefix(&root).unwrap().to_owned()).collect();
    found.sort();
    found
}
