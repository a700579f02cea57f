//! A workflow tree as a text picture, for tests and terminals.
//!
//! One line a node: name, kind, duration, tokens, status, marks. What could move a terminal's cursor or hide in it (control
//! characters, invisible and direction-changing ones) is printed as an escape. Indentation is bounded, so that a chain of
//! 100,000 nodes gives as many lines of bounded length.

use core::fmt::Write;

use super::flags::NodeFlags;
use super::woven::{NodeRef, Woven};
use crate::otlp::span::StatusCode;
use crate::usage::Usage;

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextOptions {
    /// Durations and first frames: to be left out where a test compares pictures of real runs.
    pub times: bool,
    /// Tokens, those below a node included.
    pub usage: bool,
    /// How many levels are indented; deeper nodes show their depth as a number.
    pub indent: u32,
    /// How many characters a name or a message may have.
    pub width: usize,
    /// How many nodes are drawn; the others are counted.
    pub nodes: usize,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { times: true, usage: true, indent: 40, width: 120, nodes: 10_000 }
    }
}

impl TextOptions {
    /// What does not change from run to run.
    #[must_use]
    pub fn stable() -> Self {
        Self { times: false, ..Self::default() }
    }
}

/// The picture of a tree.
///
/// ```text
/// answer  workflow  1.2s  812 in, 64 out  ok
/// ├─ planner  llm  350ms  812 in, 64 out
/// └─ weather  tool  80ms  error: no route
/// ```
#[must_use]
pub fn tree_text(woven: &Woven, options: &TextOptions) -> String {
    let mut picture = Picture { text: String::new(), options, more: Vec::new() };
    let first_orphan = woven.orphans().next().map(|orphan| orphan.index());
    let rooted = woven.root().is_some();
    if !rooted {
        picture.line(0, false, "(missing root)");
    }
    for node in woven.walk().take(options.nodes) {
        if rooted && Some(node.index()) == first_orphan {
            picture.line(1, false, "(missing parent)");
        }
        // The "missing parent" group stands behind the last child of the root.
        let group_follows = rooted && node.depth() == 1 && first_orphan.is_some();
        picture.line(node.depth(), group_follows || !node.is_last_sibling(), &label(node, options));
    }
    let left_out = woven.len().saturating_sub(options.nodes);
    if left_out > 0 {
        picture.line(0, false, &format!("… and {left_out} more nodes"));
    }
    for remark in remarks(woven) {
        picture.line(0, false, &format!("! {remark}"));
    }
    picture.text
}

struct Picture<'a> {
    text: String,
    options: &'a TextOptions,
    /// For each indented level above the next line: whether more nodes follow on it.
    more: Vec<bool>,
}

impl Picture<'_> {
    fn line(&mut self, depth: u32, more: bool, label: &str) {
        let indented = depth.min(self.options.indent);
        let above = if depth > indented { indented } else { depth.saturating_sub(1) };
        self.more.truncate(above as usize);
        for more in &self.more {
            self.text.push_str(if *more { "│  " } else { "   " });
        }
        if depth > indented {
            push(&mut self.text, format_args!("⋯{depth} "));
        } else if depth > 0 {
            self.text.push_str(if more { "├─ " } else { "└─ " });
            self.more.push(more);
        }
        self.text.push_str(label);
        self.text.push('\n');
    }
}

fn label(node: NodeRef<'_>, options: &TextOptions) -> String {
    let mut text = visible(node.name(), options.width);
    if text.is_empty() {
        text.push_str("(no name)");
    }
    if !node.kind().is_empty() {
        push(&mut text, format_args!("  {}", visible(node.kind(), options.width)));
    }
    if options.times {
        push(&mut text, format_args!("  {}", duration(node.duration_nanos())));
        if let Some(first_frame) = node.first_frame_nanos() {
            push(&mut text, format_args!("  first frame {}", duration(first_frame)));
        }
    }
    if options.usage {
        push_usage(&mut text, node.total_usage());
    }
    match node.status() {
        StatusCode::Unset => {}
        StatusCode::Ok => text.push_str("  ok"),
        StatusCode::Error => {
            text.push_str("  error");
            let message = node.span().status_message;
            if !message.is_empty() {
                push(&mut text, format_args!(": {}", visible(message, options.width)));
            }
        }
    }
    let flags = node.flags().without(NodeFlags::ORPHAN);
    if !flags.is_empty() {
        push(&mut text, format_args!("  [{flags}]"));
    }
    text
}

fn push_usage(text: &mut String, usage: Usage) {
    let total = usage.total_tokens();
    if total == 0 {
        return;
    }
    if usage.prompt.saturating_add(usage.completion) == total {
        push(text, format_args!("  {} in, {} out", usage.prompt, usage.completion));
    } else {
        push(text, format_args!("  {total} tokens"));
    }
}

/// What there is to say about the tree as a whole.
fn remarks(woven: &Woven) -> Vec<String> {
    let mut remarks = Vec::new();
    if woven.part() > 0 {
        remarks.push(format!("parts before this one: {}", woven.part()));
    }
    let misuse = woven.misuse().named();
    remarks.extend(
        misuse.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name}: {count}")),
    );
    let dropped = ["attributes", "events", "links"].iter().zip(woven.dropped());
    remarks.extend(
        dropped.filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} left out: {count}")),
    );
    remarks
}

/// The text in one line that moves no cursor and hides nothing, cut after so many characters.
fn visible(text: &str, width: usize) -> String {
    let mut line = String::with_capacity(text.len().min(width));
    let mut chars = text.chars();
    for char in chars.by_ref().take(width) {
        match char {
            '\n' | '\r' | '\t' => line.extend(char.escape_default()),
            char if char.is_control() || is_unseen(char) => line.extend(char.escape_unicode()),
            char => line.push(char),
        }
    }
    if chars.next().is_some() {
        line.push('…');
    }
    line
}

/// Characters without a picture of their own that change what stands around them. The joiners of emoji and of several
/// scripts are not among them.
const fn is_unseen(char: char) -> bool {
    matches!(
        char,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// A duration to three or four digits, by whole numbers only: the same on every target.
fn duration(nanos: u64) -> String {
    const MINUTE: u64 = 60_000_000_000;
    match nanos {
        0..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => decimal(nanos, 1_000, "µs"),
        1_000_000..1_000_000_000 => decimal(nanos, 1_000_000, "ms"),
        1_000_000_000..MINUTE => decimal(nanos, 1_000_000_000, "s"),
        _ => {
            let (minutes, seconds) = (nanos / MINUTE, nanos % MINUTE / 1_000_000_000);
            if minutes < 60 {
                format!("{minutes}m {seconds:02}s")
            } else {
                format!("{}h {:02}m", minutes / 60, minutes % 60)
            }
        }
    }
}

fn decimal(nanos: u64, unit: u64, name: &str) -> String {
    let whole = nanos / unit;
    let hundredths = nanos % unit * 100 / unit;
    match (whole, hundredths) {
        (100.., _) | (_, 0) => format!("{whole}{name}"),
        (10.., _) if hundredths < 10 => format!("{whole}{name}"),
        (10.., _) => format!("{whole}.{}{name}", hundredths / 10),
        _ if hundredths.is_multiple_of(10) => format!("{whole}.{}{name}", hundredths / 10),
        _ => format!("{whole}.{hundredths:02}{name}"),
    }
}

fn push(text: &mut String, part: core::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            (0, "0ns"),
            (999, "999ns"),
            (1_000, "1µs"),
            (1_250, "1.25µs"),
            (12_345_678, "12.3ms"),
            (123_456_789, "123ms"),
            (1_200_000_000, "1.2s"),
            (1_050_000_000, "1.05s"),
            (10_050_000_000, "10s"),
            (59_999_999_999, "59.9s"),
            (60_000_000_000, "1m 00s"),
            (3_599_999_999_999, "59m 59s"),
            (3_600_000_000_000, "1h 00m"),
            (u64::MAX, "5124095h 34m"),
        ];
        for (nanos, text) in cases {
            assert_eq!(duration(nanos), text, "{nanos}");
        }
    }

    #[test]
    fn nothing_in_a_name_reaches_the_terminal() {
        let cases = [
            ("plain ü 日本 👩‍👧", "plain ü 日本 👩‍👧"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("evil\u{202e}txt", "evil\\u{202e}txt"),
            ("\0", "\\u{0}"),
        ];
        for (name, seen) in cases {
            assert_eq!(visible(name, 100), seen);
        }
        assert_eq!(visible("日本語", 2), "日本…");
        assert_eq!(visible("日本", 2), "日本");
    }
}
