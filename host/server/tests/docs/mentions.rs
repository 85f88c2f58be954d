//! Commands, options and targets that the running text names.

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use crate::page::Page;
use crate::{none_wrong, root};

#[test]
fn every_command_and_option_that_is_named_is_there() {
    let mut helps = HashMap::new();
    let mut wrong = Vec::new();
    for page in Page::all() {
        for (code, line) in page.inline_code() {
            let Some(arguments) = code.strip_prefix("registry ") else { continue };
            let arguments = arguments.split(" -- ").next().unwrap();
            if let Some(problem) = problem(arguments, &mut helps) {
                wrong.push(format!("{}: `{code}`: {problem}", page.at(line)));
            }
        }
    }
    assert!(helps.len() > 8, "the commands are not found");
    none_wrong(wrong);
}

/// What is wrong with a command line as a reader is to type it.
fn problem(arguments: &str, helps: &mut HashMap<String, String>) -> Option<String> {
    let is_name = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
    let mut words = Vec::new();
    let mut rest = arguments.split_whitespace().peekable();
    while let Some(word) = rest.next() {
        match word {
            "--set" | "--config" | "--plugin-dir" | "--timeout" | "--output" | "-o" => _ = rest.next(),
            "--type" | "--url" | "--endpoints" | "--namespace" | "--target" => _ = rest.next(),
            word if word.starts_with('-') || word.starts_with('[') => {}
            word if is_name(&word) && words.len() < 2 => words.push(word),
            _ => break,
        }
    }
    let words = match words.as_slice() {
        ["help", ..] => words[1..].to_vec(),
        [command, _] if !["plugins", "servers", "config", "config-centre"].contains(command) => vec![*command],
        words => words.to_vec(),
    };
    let help = helps.entry(words.join(" ")).or_insert_with(|| help(&words));
    if help.is_empty() {
        return Some("there is no such command".to_owned());
    }
    let trim = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    let options = arguments.split([' ', '=']).map(|word| word.trim_matches(trim)).filter(|word| word.starts_with("--"));
    options.filter(|option| !help.contains(option)).map(|option| format!("there is no {option}")).next()
}

/// `None` if there is no such command.
fn help(words: &[&str]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_registry")).args(words).arg("--help").output().unwrap();
    if ran.status.success() { String::from_utf8(ran.stdout).unwrap() } else { String::new() }
}

#[test]
fn every_file_that_is_named_is_there() {
    let folders = ["host/", "plugins/", "registry-api/", "tests/", "examples/", "docs/", "scripts/", "packaging/"];
    let (mut wrong, mut named) = (Vec::new(), 0);
    for page in Page::all() {
        for (code, line) in page.inline_code() {
            let is_path = folders.iter().any(|folder| code.starts_with(folder)) && !code.contains(['*', '<', ' ']);
            named += usize::from(is_path);
            if is_path && !root().join(&code).exists() {
                wrong.push(format!("{}: there is no {code}", page.at(line)));
            }
        }
    }
    assert!(named > 50, "the files are not found");
    none_wrong(wrong);
}

#[test]
fn every_target_that_is_named_is_one_of_the_makefile() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let mut wrong = Vec::new();
    for page in Page::all() {
        for (code, line) in page.inline_code() {
            let Some(target) = code.strip_prefix("make ").and_then(|rest| rest.split_whitespace().next()) else {
                continue;
            };
            if !makefile.contains(&format!("\n{target}:")) {
                wrong.push(format!("{}: make has no target {target}", page.at(line)));
            }
        }
    }
    none_wrong(wrong);
}
