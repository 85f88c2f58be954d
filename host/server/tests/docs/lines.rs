//! The length of lines.

use crate::none_wrong;
use crate::page::Page;

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
