//! A small reader of the text formats: the oracle of the properties. It takes nothing that it does not know.

use std::collections::BTreeMap;

pub type Labels = BTreeMap<String, String>;

#[derive(Debug, Default)]
pub struct Read {
    /// Type and description by family, in the order of the text.
    pub families: Vec<(String, String, Option<String>)>,
    /// Name, labels and value of each sample.
    pub samples: Vec<(String, Labels, f64)>,
    pub ended: bool,
}

pub fn read(text: &str) -> Read {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line has no end");
    let mut read = Read::default();
    let mut help = None;
    for line in text.split_terminator('\n') {
        assert!(!read.ended, "a line behind the end: {line}");
        if line == "# EOF" {
            read.ended = true;
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, text) = rest.split_once(' ').unwrap();
            help = Some((name.to_owned(), unescaped(text)));
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_name(name, true);
            let help = help.take().map(|(of, help)| {
                assert_eq!(of, name);
                help
            });
            assert!(read.families.iter().all(|(known, ..)| known != name), "{name} comes twice");
            read.families.push((name.to_owned(), kind.to_owned(), help));
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let (name, unit) = rest.split_once(' ').unwrap();
            assert_eq!(read.families.last().unwrap().0, name);
            assert!(name.ends_with(&format!("_{unit}")), "{line}");
        } else {
            let sample = sample(line);
            let (family, ..) = read.families.last().expect("a sample without a family");
            assert!(sample.0.starts_with(family), "{line} is not of {family}");
            read.samples.push(sample);
        }
    }
    read
}

fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    assert_name(name, true);
    let mut labels = Labels::new();
    if let Some(mut inner) = rest.strip_prefix('{') {
        while !inner.starts_with('}') {
            let (key, value) = inner.split_once("=\"").unwrap();
            assert_name(key, false);
            let end = closing_quote(value);
            assert!(labels.insert(key.to_owned(), unescaped(&value[..end])).is_none(), "{key} twice: {line}");
            inner = &value[end + 1..];
            inner = inner.strip_prefix(',').unwrap_or(inner);
        }
        rest = &inner[1..];
    }
    let value = rest.strip_prefix(' ').unwrap().split(' ').next().unwrap();
    (name.to_owned(), labels, value.parse().unwrap())
}

fn closing_quote(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' if !is_escaped => return at,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    panic!("no end of {text}");
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        out.push(match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('n') => '\n',
                Some(other @ ('\\' | '"')) => other,
                other => panic!("no escape: {other:?}"),
            },
            (character, false) => character,
        });
    }
    out
}

fn assert_name(name: &str, colons: bool) {
    let first = name.chars().next().expect("an empty name");
    assert!(first.is_ascii_alphabetic() || first == '_' || (colons && first == ':'), "{name:?}");
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':')), "{name:?}");
}
