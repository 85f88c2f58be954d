//! Java's properties as trees, one for each of the documents that Spring separates by `#---`.
//!
//! A key is written dotted, and a list as Spring writes it: `registry.etcd.endpoints[0]=a:2379`.

use std::collections::BTreeMap;

use registry_config::{ConfigError, Source};

use super::Result;
use super::file::SourceFile;
use super::tree::{Map, Shape, Tree};

/// Reads every document of a file.
pub(crate) fn parse(text: &str, file: &SourceFile) -> Result<Vec<Tree>> {
    let mut documents = Vec::new();
    let mut document = Document::default();
    let mut lines = natural_lines(text).enumerate();
    while let Some((at, line)) = lines.next() {
        let source = file.line(at + 1);
        let line = line.trim_start_matches(BLANK);
        if line.starts_with(['#', '!']) {
            if matches!(line.trim_end(), "#---" | "!---") {
                documents.push(std::mem::take(&mut document).into_tree(file)?);
            }
            continue;
        }
        let mut logical = line.to_owned();
        while continues(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, next)) => logical.push_str(next.trim_start_matches(BLANK)),
                None => break,
            }
        }
        if logical.is_empty() {
            continue;
        }
        let (key, value) = split(&logical);
        let unescaped = |text| unescape(text).map_err(|problem| ConfigError::new(problem).written_at(&source));
        document.insert(&unescaped(key)?, Tree::scalar(source.clone(), unescaped(value)?))?;
    }
    documents.push(document.into_tree(file)?);
    Ok(documents)
}

const BLANK: [char; 3] = [' ', '\t', '\u{c}'];

/// The lines as an editor counts them; a carriage return alone ends one too.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// Whether the line goes on in the next: it ends in a backslash that no other one escapes.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or blank that is not escaped; blanks and one sign around it belong to neither.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.char_indices().find(|(_, letter)| {
        let ends = !escaped && (BLANK.contains(letter) || ['=', ':'].contains(letter));
        escaped = !escaped && *letter == '\\';
        ends
    });
    let (key, rest) = line.split_at(end.map_or(line.len(), |(at, _)| at));
    let rest = rest.trim_start_matches(BLANK);
    (key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(BLANK))
}

/// Reads the escapes; beyond the few that mean something, a backslash is left out.
fn unescape(text: &str) -> std::result::Result<String, &'static str> {
    const NO_LETTER: &str = "has a \\u without the four hexadecimal digits of a letter";
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let read = match letter {
            '\\' => match letters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('u') => {
                    let digits: String = letters.by_ref().take(4).collect();
                    let hexadecimal = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                    let unit = u16::from_str_radix(&digits, 16).ok().filter(|_| hexadecimal);
                    units.push(unit.ok_or(NO_LETTER)?);
                    continue;
                }
                Some(other) => other,
                None => continue,
            },
            letter => letter,
        };
        units.extend_from_slice(read.encode_utf16(&mut [0; 2]));
    }
    // A letter may be written as two halves.
    String::from_utf16(&units).map_err(|_| NO_LETTER)
}

/// The keys of one document, and the items of its lists by their numbers.
#[derive(Default)]
struct Document {
    keys: Map,
    lists: BTreeMap<String, BTreeMap<usize, Tree>>,
}

impl Document {
    fn insert(&mut self, key: &str, tree: Tree) -> Result<()> {
        let Some((list, number)) = indexed(key) else {
            self.keys.push(key, tree);
            return Ok(());
        };
        let source = tree.source.clone();
        match self.lists.entry(list.to_owned()).or_default().insert(number, tree) {
            None => Ok(()),
            Some(before) => {
                let problem = format!("is also written at {}; keep one of the two", before.source);
                Err(ConfigError::at(key, problem).written_at(&source))
            }
        }
    }

    fn into_tree(mut self, file: &SourceFile) -> Result<Tree> {
        for (name, items) in self.lists {
            let Some(source) = items.values().next().map(|item: &Tree| item.source.clone()) else { continue };
            if let Some((number, item)) =
                items.iter().zip(0..).find_map(|((at, item), wanted)| (*at != wanted).then_some((wanted, item)))
            {
                let problem = format!("is missing, but a later item of the list is written ({})", item.source);
                return Err(ConfigError::at(format!("{name}[{number}]"), problem));
            }
            self.keys.push(name, Tree { source, shape: Shape::List(items.into_values().collect()) });
        }
        Ok(Tree { source: source_of(&self.keys).unwrap_or_else(|| file.line(1)), shape: Shape::Map(self.keys) })
    }
}

fn source_of(keys: &Map) -> Option<Source> {
    keys.iter().next().map(|(_, tree)| tree.source.clone())
}

/// `endpoints[1]` is the second item of `endpoints`.
fn indexed(key: &str) -> Option<(&str, usize)> {
    let (list, number) = key.strip_suffix(']')?.rsplit_once('[')?;
    Some((list, number.parse().ok()?))
}
