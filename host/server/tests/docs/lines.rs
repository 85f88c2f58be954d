//! The length of lines.

use std::fs;

use crate::page::{Page, files};
use crate::{none_wrong, root};

const LONGEST: usize = 120;

#[test]
fn the_readme_is_read_in_five_minutes() {
    let lines = Page::read("README.md").text.lines().count();
    assert!(lines <= 150, "README.md has {lines} lines: put what is not needed at first into a page of docs/");
}

#[test]
fn lines_of_text_have_no_more_than_120_characters() {
    let mut wrong = Vec::new();
    for page in Page::all() {
        let mut in_code = false;
        for (number, line) in page.text.lines().enumerate() {
            in_code ^= line.trim_start().starts_with("```");
            // Tables, code and addresses can't be broken.
            let exempt = in_code || line.starts_with('|') || line.contains("://");
            if !exempt && line.chars().count() > LONGEST {
                wrong.push(format!("{}: {} characters", page.at(number + 1), line.chars().count()));
            }
        }
    }
    none_wrong(wrong);
}

// The formatter breaks code, but no comments.
#[test]
fn comments_have_no_more_than_120_characters() {
    let mut wrong = Vec::new();
    for path in files("rs") {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let path = path.display().to_string();
        for (number, line) in text.lines().enumerate() {
            let Some(comment) = line.trim_start().strip_prefix("//") else { continue };
            let in_table = comment.trim_start_matches(['/', '!']).trim_start().starts_with('|');
            if line.chars().count() <= LONGEST || in_table || line.contains("://") {
                continue;
            }
            wrong.push(format!("{path}:{}: {} characters", number + 1, line.chars().count()));
        }
    }
    none_wrong(wrong);
}
