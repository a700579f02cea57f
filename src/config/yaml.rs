//! A YAML file as a flat list: each value with the path of its key and its line.
//!
//! The parser gives events, which are folded with a stack of their own: nothing recurses. Only the sections that this
//! crate reads are kept; a configuration that other programs share may hold much more.

use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::BTreeSet;

use super::error::ConfigError;
use super::secret::quoted;

const MOST_BYTES: usize = 4 << 20;
const MOST_DEPTH: usize = 128;
const MOST_VALUES: usize = 10_000;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// What stands at the end of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leaf {
    Text(String),
    /// Nothing was written: the same as no key.
    Null,
    EmptyMap,
    EmptyList,
    /// A reference to another part of the file, which is not followed.
    Alias,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: Vec<Step>,
    pub(super) leaf: Leaf,
    pub(super) line: usize,
}

/// The path as messages show it: `exporters[0].endpoint`.
pub(super) fn dotted(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                // A key may be any text: what breaks lines does not get into messages.
                out.extend(key.chars().take(200).filter(|letter| !letter.is_control()));
            }
            Step::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }
    out
}

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// The values of the sections that were asked for.
    pub(super) entries: Vec<Entry>,
    /// All keys of the top.
    pub(super) top: Vec<String>,
}

/// Where in the file the fold is.
enum Frame {
    Map { key: Option<String>, seen: BTreeSet<String> },
    List { next: usize },
}

impl Frame {
    /// A value has come to its end.
    fn advance(&mut self) {
        match self {
            Self::Map { key, .. } => *key = None,
            Self::List { next } => *next += 1,
        }
    }
}

fn wrong<T>(line: usize, column: usize, message: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::Yaml { line, column, message: message.into() })
}

/// Reads the sections of these names.
pub(super) fn read(text: &str, sections: &[&str]) -> Result<Document, ConfigError> {
    if text.len() > MOST_BYTES {
        return wrong(1, 1, "the file has more than 4 MiB: it is no configuration");
    }
    let mut parser = Parser::new_from_str(text);
    let mut frames: Vec<Frame> = Vec::new();
    let mut document = Document::default();
    let mut documents = 0;
    while let Some(event) = parser.next_event() {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let at = error.marker();
                return wrong(at.line(), at.col() + 1, error.info());
            }
        };
        let (line, column) = (span.start.line(), span.start.col() + 1);
        let leaf = match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return wrong(line, column, "only one document may be in the file");
                }
                continue;
            }
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                if let Some(Frame::Map { key: None, .. }) = frames.last() {
                    return wrong(line, column, "keys must be texts");
                }
                if frames.len() >= MOST_DEPTH {
                    return wrong(line, column, "the file nests too deep");
                }
                frames.push(if matches!(event, Event::MappingStart(..)) {
                    Frame::Map { key: None, seen: BTreeSet::new() }
                } else {
                    Frame::List { next: 0 }
                });
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => match frames.pop() {
                Some(Frame::Map { seen, .. }) if seen.is_empty() => Leaf::EmptyMap,
                Some(Frame::List { next: 0 }) => Leaf::EmptyList,
                _ => {
                    if let Some(frame) = frames.last_mut() {
                        frame.advance();
                    }
                    continue;
                }
            },
            Event::Alias(_) => Leaf::Alias,
            Event::Scalar(text, style, ..) => {
                let depth = frames.len();
                if let Some(Frame::Map { key: key @ None, seen }) = frames.last_mut() {
                    if !seen.insert(text.to_string()) {
                        return wrong(line, column, format!("the key {} stands here twice", quoted(&text)));
                    }
                    if depth == 1 {
                        document.top.push(text.to_string());
                    }
                    *key = Some(text.into_owned());
                    continue;
                }
                let plain = style == ScalarStyle::Plain;
                match text.as_ref() {
                    "" | "~" | "null" | "Null" | "NULL" if plain => Leaf::Null,
                    _ => Leaf::Text(text.into_owned()),
                }
            }
        };
        if let (Leaf::Alias, Some(Frame::Map { key: None, .. })) = (&leaf, frames.last()) {
            return wrong(line, column, "keys must be texts");
        }
        if is_in(&frames, sections) {
            if document.entries.len() >= MOST_VALUES {
                return wrong(line, column, "the file has too many values");
            }
            let path = frames.iter().filter_map(step).collect();
            document.entries.push(Entry { path, leaf, line });
        }
        if let Some(frame) = frames.last_mut() {
            frame.advance();
        }
    }
    Ok(document)
}

fn is_in(frames: &[Frame], sections: &[&str]) -> bool {
    matches!(frames.first(), Some(Frame::Map { key: Some(key), .. }) if sections.contains(&key.as_str()))
}

fn step(frame: &Frame) -> Option<Step> {
    match frame {
        Frame::Map { key, .. } => key.clone().map(Step::Key),
        Frame::List { next } => Some(Step::Index(*next)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Vec<(String, Leaf, usize)> {
        let document = read(text, &["a"]).unwrap();
        document.entries.into_iter().map(|entry| (dotted(&entry.path), entry.leaf, entry.line)).collect()
    }

    #[test]
    fn values_with_paths_and_lines() {
        let text = "# first\na:\n  b: 1\n  c:\n    - x: \"\"\n      y: ~\n    - [p, {q: r}]\n  d: {}\n  e: []\nz: {y: 1}\n";
        let leaf = |text: &str| Leaf::Text(text.into());
        assert_eq!(
            flat(text),
            [
                ("a.b".into(), leaf("1"), 3),
                ("a.c[0].x".into(), leaf(""), 5),
                ("a.c[0].y".into(), Leaf::Null, 6),
                ("a.c[1][0]".into(), leaf("p"), 7),
                ("a.c[1][1].q".into(), leaf("r"), 7),
                ("a.d".into(), Leaf::EmptyMap, 8),
                ("a.e".into(), Leaf::EmptyList, 9),
            ]
        );
        assert_eq!(read(text, &[]).unwrap().top, ["a", "z"]);
    }

    #[test]
    fn references_are_not_followed() {
        assert_eq!(flat("x: &x 1\na: {b: *x}"), [("a.b".into(), Leaf::Alias, 2)]);
        assert!(read("x: &x 1\na: {*x : 1}", &["a"]).is_err());
    }

    #[test]
    fn what_is_not_read() {
        for (text, line) in [
            ("a: [", 2),
            ("a: 1\na: 2", 2),
            ("a: {b: 1, b: 2}", 1),
            ("? [a]\n: 1", 1),
            ("a: 1\n---\na: 2", 2),
        ] {
            let error = read(text, &["a"]).unwrap_err();
            assert!(matches!(error, ConfigError::Yaml { line: at, .. } if at == line), "{text}: {error}");
        }
        assert!(read(&"[".repeat(100_000), &["a"]).is_err());
        assert!(read(&" ".repeat(MOST_BYTES + 1), &["a"]).is_err());
        assert!(read(&format!("a: [{}]", "1,".repeat(MOST_VALUES + 1)), &["a"]).is_err());
        assert!(read("", &["a"]).unwrap().entries.is_empty());
    }
}
