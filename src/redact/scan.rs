//! Secrets found by their look, in one pass over a text.
//!
//! A table says which bytes can be the middle of a secret: the `@` of an address, the `-` of `sk-`, the `J` of `eyJ`. All
//! others are passed over. At such a byte a small matcher looks back and ahead. What makes the whole linear: whatever
//! a matcher looks back over ends at the byte that called the matcher before; whatever runs ahead without a find is
//! either bounded or remembered, so that no byte is run over by the same matcher again and again.
//!
//! Everything works on bytes. A find starts and ends beside ASCII, so texts stay UTF-8 when it is replaced.

use core::ops::Range;

use super::keys::{MARK, is_header, is_sensitive};
use super::report::Rule;

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where it stands.
    pub range: Range<usize>,
    /// What it is.
    pub rule: Rule,
}

/// The rules that look at texts, a bit each.
pub(crate) const ALL: u16 = Rule::ApiKey.bit()
    | Rule::Bearer.bit()
    | Rule::Jwt.bit()
    | Rule::PrivateKey.bit()
    | Rule::UrlCredentials.bit()
    | Rule::Card.bit()
    | Rule::Email.bit()
    | Rule::Assigned.bit();

/// The secrets in this text, in order, by all built-in matchers.
///
/// ```
/// use spanloom::redact::{Rule, scan};
/// let found: Vec<_> = scan::secrets("mail bob@example.org").collect();
/// assert_eq!(found[0].rule, Rule::Email);
/// assert_eq!(found[0].range, 5..20);
/// ```
pub fn secrets(text: &str) -> Scanner<'_> {
    Scanner::new(text.as_bytes(), ALL)
}

/// Bytes at which a matcher looks closer.
static TRIGGERS: [bool; 256] = {
    let mut table = [false; 256];
    let mut rest: &[u8] = b"@-_.:=IJBb23456";
    while let [byte, tail @ ..] = rest {
        #[expect(clippy::indexing_slicing, reason = "a byte is within a table of 256")]
        {
            table[*byte as usize] = true;
        }
        rest = tail;
    }
    table
};

fn is_trigger(byte: u8) -> bool {
    TRIGGERS.get(usize::from(byte)).copied().unwrap_or(false)
}

/// How many bytes stand before the first trigger.
fn before_trigger(text: &[u8]) -> Option<usize> {
    let (chunks, tail) = text.as_chunks::<8>();
    // Eight look-ups without a branch between them are twice as fast as eight questions.
    let clean = |chunk: &&[u8; 8]| !chunk.iter().fold(false, |found, byte| found | is_trigger(*byte));
    let passed = chunks.iter().take_while(clean).count() * 8;
    let rest = text.get(passed..).unwrap_or(tail);
    rest.iter().position(|byte| is_trigger(*byte)).map(|at| passed + at)
}

/// Goes through a text and tells the secrets in it.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    text: &'a [u8],
    rules: u16,
    /// From here on nothing was looked at.
    at: usize,
    /// Where the last find ended: no find starts before.
    floor: usize,
    /// Where the run of letters that keys are made of ends; known up to there.
    run_end: usize,
    /// No token starts before: the run up to here is no part of one.
    no_jwt_before: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) const fn new(text: &'a [u8], rules: u16) -> Self {
        Self { text, rules, at: 0, floor: 0, run_end: 0, no_jwt_before: 0 }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    fn before(&self, at: usize) -> Option<u8> {
        self.byte(at.checked_sub(1)?)
    }

    fn from(&self, at: usize) -> &'a [u8] {
        self.text.get(at..).unwrap_or_default()
    }

    /// What stands between the last find and here.
    fn behind(&self, at: usize) -> &'a [u8] {
        self.text.get(self.floor..at).unwrap_or_default()
    }

    fn has(&self, rule: Rule) -> bool {
        self.rules & rule.bit() != 0
    }

    fn look(&mut self, at: usize, byte: u8) -> Option<Finding> {
        let (rule, range) = match byte {
            b'@' => (Rule::Email, self.email(at)),
            b'-' if self.has(Rule::PrivateKey) && self.from(at).starts_with(PEM_BEGIN) => {
                (Rule::PrivateKey, self.private_key(at))
            }
            b'-' | b'_' | b'.' => (Rule::ApiKey, self.prefixed_key(at)),
            b'I' => (Rule::ApiKey, self.cloud_key(at)),
            b'J' => (Rule::Jwt, self.jwt(at)),
            b'B' | b'b' => (Rule::Bearer, self.bearer(at)),
            b':' if self.from(at).starts_with(b"://") => (Rule::UrlCredentials, self.url_credentials(at)),
            b':' | b'=' => (Rule::Assigned, self.assigned(at)),
            _ => (Rule::Card, self.card(at)),
        };
        range.filter(|_| self.has(rule)).map(|range| Finding { range, rule })
    }

    /// Where the run of letters, digits, `-` and `_` around `at` ends.
    fn end_of_run(&mut self, at: usize) -> usize {
        if at >= self.run_end {
            self.run_end = at + length_while(self.from(at), is_key_letter);
        }
        self.run_end
    }

    /// `local@domain.top`
    fn email(&self, at: usize) -> Option<Range<usize>> {
        let is_local =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-');
        let local = length_while_back(self.behind(at), is_local);
        let domain = self.from(at + 1);
        let run = length_while(domain, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        let domain = trim_end(domain.get(..run)?, |byte| matches!(byte, b'.' | b'-'));
        let top = length_while_back(domain, |byte| byte.is_ascii_alphabetic());
        let rest = domain.get(..domain.len() - top)?;
        let [name @ .., b'.'] = rest else { return None };
        let is_name = name.last().is_some_and(u8::is_ascii_alphanumeric) && name.first() != Some(&b'.');
        // The user that Git connects as is nobody's address.
        let is_git =
            local == 3 && self.behind(at).ends_with(b"git") && self.byte(at + 1 + domain.len()) == Some(b':');
        (local > 0 && top >= 2 && is_name && !is_git).then(|| at - local..at + 1 + domain.len())
    }

    /// Keys of services that start with a short word: `sk-...`, `ghp_...`.
    fn prefixed_key(&mut self, at: usize) -> Option<Range<usize>> {
        // The shortest body has ten letters.
        if !self.byte(at + 10).is_some_and(is_key_letter) {
            return None;
        }
        let behind = self.behind(at);
        let tail = behind.get(behind.len().saturating_sub(8)..).unwrap_or_default();
        let word = length_while_back(tail, |byte| byte.is_ascii_alphanumeric());
        let before = behind.get(..behind.len() - word).unwrap_or_default();
        let name = behind.get(behind.len() - word..).unwrap_or_default();
        let separator = self.byte(at)?;
        // What stands before the word, and how long what follows must be.
        let (lead, least): (&[u8], usize) = match (name, separator) {
            (b"sk" | b"xai" | b"gsk" | b"nvapi" | b"pplx", b'-' | b'_') => (b"", 20),
            (b"ghp" | b"gho" | b"ghu" | b"ghs" | b"ghr", b'_') => (b"", 36),
            (b"pat", b'_') if before.ends_with(b"github_") => (b"github_", 22),
            (b"live" | b"test", b'_') if before.ends_with(b"sk_") => (b"sk_", 10),
            (b"live" | b"test", b'_') if before.ends_with(b"rk_") => (b"rk_", 10),
            (b"xoxb" | b"xoxp" | b"xoxa" | b"xoxr" | b"xoxs" | b"xoxe", b'-') => (b"", 10),
            (b"xapp", b'-') => (b"", 20),
            (b"glpat" | b"dop", b'-' | b'_') => (b"", 20),
            (b"hf" | b"r8", b'_') => (b"", 30),
            (b"npm", b'_') => (b"", 36),
            (b"pypi", b'-') => (b"", 50),
            (b"shpat" | b"shpss", b'_') => (b"", 32),
            (b"whsec", b'_') => (b"", 24),
            (b"SG" | b"ya29", b'.') => (b"", 20),
            _ => return None,
        };
        let mut end = self.end_of_run(at + 1);
        let body = self.text.get(at + 1..end)?;
        // Words joined by hyphens look like keys too: some letter of a key is a digit or a capital.
        let mixed = body.iter().take(64).any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        if body.len() < least || !mixed {
            return None;
        }
        if separator == b'.' && self.byte(end) == Some(b'.') {
            end += 1 + length_while(self.from(end + 1), is_key_letter);
        }
        Some(at - name.len() - lead.len()..end)
    }

    /// `AKIA` and 16 capitals, `AIza` and 35 letters.
    fn cloud_key(&self, at: usize) -> Option<Range<usize>> {
        let (behind, ahead) = (self.behind(at), self.from(at));
        let is_capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        let (before, start, body, length, is_letter): (_, _, _, _, fn(u8) -> bool) = match behind {
            [before @ .., b'A', b'K' | b'S'] if ahead.starts_with(b"IA") => {
                (before, at - 2, at + 2, 16, is_capital)
            }
            [before @ .., b'A'] if ahead.starts_with(b"Iza") => (before, at - 1, at + 3, 35, is_key_letter),
            _ => return None,
        };
        let ends = self.byte(body + length).is_none_or(|byte| !is_letter(byte));
        let run = self.text.get(body..body + length)?.iter().all(|byte| is_letter(*byte));
        let starts = !before.last().is_some_and(u8::is_ascii_alphanumeric);
        (starts && run && ends).then(|| start..body + length)
    }

    /// Three runs with dots between, the first of which is base64 of `{"`.
    fn jwt(&mut self, at: usize) -> Option<Range<usize>> {
        let behind = self.behind(at);
        let [before @ .., b'e', b'y'] = behind else { return None };
        if at < self.no_jwt_before || before.last().is_some_and(u8::is_ascii_alphanumeric) {
            return None;
        }
        let start = at - 2;
        let first = self.end_of_run(at);
        // Where this is none, none that starts later in the same run is: it has the same end and is shorter.
        self.no_jwt_before = first;
        if first - start < 10 || self.byte(first) != Some(b'.') {
            return None;
        }
        let second = first + 1 + length_while(self.from(first + 1), is_key_letter);
        if second - first < 5 || self.byte(second) != Some(b'.') {
            return None;
        }
        let mut end = second;
        // A signature; encrypted ones have two parts more.
        for _ in 0..3 {
            if self.byte(end) != Some(b'.') {
                break;
            }
            let run = length_while(self.from(end + 1), is_key_letter);
            if run == 0 && end != second {
                break;
            }
            end += 1 + run;
        }
        Some(start..end)
    }

    /// `Bearer` and a token.
    fn bearer(&self, at: usize) -> Option<Range<usize>> {
        let (word, rest) = self.from(at).split_at_checked(6)?;
        if !word.eq_ignore_ascii_case(b"bearer")
            || self.before(at).is_some_and(|byte| byte.is_ascii_alphanumeric())
        {
            return None;
        }
        let spaces = length_while(rest, |byte| byte == b' ');
        let token = rest.get(spaces..)?;
        let is_token = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
        };
        let length = length_while(token, is_token);
        let has_digit = token.iter().take(length).take(64).any(u8::is_ascii_digit);
        let start = at + 6 + spaces;
        (spaces > 0 && (length >= 20 || length >= 8 && has_digit)).then(|| start..start + length)
    }

    /// What stands before the `@` of a URL, where it has a colon.
    fn url_credentials(&self, at: usize) -> Option<Range<usize>> {
        if !self.before(at).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let start = at + 3;
        let ends = |byte: u8| {
            byte.is_ascii_whitespace()
                || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\')
        };
        let rest = self.from(start);
        let authority = rest.get(..length_while(rest, |byte| !ends(byte)))?;
        let user = authority.get(..authority.iter().rposition(|byte| *byte == b'@')?)?;
        let hidden = user.contains(&b':') && user != URL_DONE;
        hidden.then(|| start..start + user.len())
    }

    /// A PEM block, up to its end or the end of the text.
    fn private_key(&self, at: usize) -> Option<Range<usize>> {
        let head = self.from(at + PEM_BEGIN.len());
        let head = head.get(..head.len().min(48))?;
        let label = head.get(..head.windows(5).position(|part| part == b"-----")?)?;
        if !(label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK")) {
            return None;
        }
        let rest = self.from(at);
        let end = match find(rest, b"-----END ") {
            None => rest.len(),
            Some(tail) => {
                let behind = rest.get(tail + 9..)?;
                let close = find(behind.get(..behind.len().min(64))?, b"-----");
                close.map_or(rest.len(), |close| tail + 9 + close + 5)
            }
        };
        Some(at..at + end)
    }

    /// The number of a payment card, in one piece or in groups.
    fn card(&self, at: usize) -> Option<Range<usize>> {
        match self.before(at) {
            Some(byte) if byte.is_ascii_alphanumeric() || byte == b'_' => return None,
            // The fraction of a number.
            Some(b'.') if self.before(at - 1).is_some_and(|byte| byte.is_ascii_digit()) => return None,
            _ => {}
        }
        let digits = self.from(at);
        card_length(digits).map(|length| at..at + length)
    }

    /// What a sensitive name is set to.
    fn assigned(&mut self, at: usize) -> Option<Range<usize>> {
        let sign = self.byte(at)?;
        if self.byte(at + 1) == Some(b'=') || matches!(self.before(at), Some(b'=' | b'!' | b'<' | b'>')) {
            return None;
        }
        let mut behind = self.behind(at);
        if sign == b'='
            && let [head @ .., b':'] = behind
        {
            behind = head;
        }
        let name_end = trim_end(behind, |byte| matches!(byte, b' ' | b'\t' | b']'));
        let bracket = behind.get(name_end.len()..)?.contains(&b']');
        let behind = name_end;
        let unquoted = trim_end(behind, |byte| matches!(byte, b'"' | b'\'' | b'\\' | b'`'));
        let named_in_quotes = unquoted.len() < behind.len();
        let name = length_while_back(unquoted, |byte| is_key_letter(byte) || byte == b'.');
        let (before, name) = unquoted.split_at_checked(unquoted.len() - name)?;
        // What looks like a name is the mark of an earlier find.
        if bracket && before.ends_with(MARK) {
            return None;
        }
        let is_signature = sign == b'=' && SIGNATURES.iter().any(|known| name.eq_ignore_ascii_case(known));
        if name.is_empty() || !(is_signature || is_sensitive(name)) {
            return None;
        }
        // `=>` assigns too.
        let arrow = usize::from(sign == b'=' && self.byte(at + 1) == Some(b'>'));
        let start = at + 1 + arrow;
        let start = start + length_while(self.from(start), |byte| matches!(byte, b' ' | b'\t'));
        let rest = self.from(start);
        let escapes = length_while(rest, |byte| byte == b'\\');
        if let Some(quote @ (b'"' | b'\'')) = rest.get(escapes).copied() {
            let start = start + escapes + 1;
            let length = quoted_length(self.from(start), quote, escapes);
            return (length > 0).then(|| start..start + length);
        }
        let header = is_header(name);
        let ends = |byte: u8| {
            matches!(byte, b'\n' | b'\r' | b'"' | b'\'')
                || !header
                    && (byte.is_ascii_whitespace()
                        || matches!(
                            byte,
                            b',' | b';' | b'&' | b')' | b'}' | b'<' | b'>' | b'|' | b'`' | b'\\'
                        ))
        };
        // In prose a colon follows many words; there only what looks like a key counts, and its start has to show that:
        // looking further for every colon would take too long.
        let head = rest.get(..rest.len().min(64))?;
        let head = head.get(..length_while(head, |byte| !ends(byte)))?;
        let like_key = head.len() >= 8
            && head.iter().any(u8::is_ascii_digit)
            && head.iter().any(u8::is_ascii_alphabetic);
        let container = sign == b':' && matches!(head.first(), Some(b'{' | b'['));
        let literal = LITERALS.iter().any(|word| head.eq_ignore_ascii_case(word));
        if head.is_empty() || container || literal || !(header || sign == b'=' || named_in_quotes || like_key)
        {
            return None;
        }
        Some(start..start + length_while(rest, |byte| !ends(byte)))
    }
}

impl Iterator for Scanner<'_> {
    type Item = Finding;

    fn next(&mut self) -> Option<Finding> {
        loop {
            let at = self.at + before_trigger(self.text.get(self.at..)?)?;
            self.at = at + 1;
            let byte = self.byte(at)?;
            if let Some(found) = self.look(at, byte) {
                self.at = found.range.end.max(at + 1);
                self.floor = self.at;
                return Some(found);
            }
        }
    }
}

const PEM_BEGIN: &[u8] = b"-----BEGIN ";
/// What stands where credentials of a URL were: it has a colon itself.
const URL_DONE: &[u8] = b"[REDACTED:url_credentials]";
/// Values that are no secrets whatever they are set to.
const LITERALS: [&[u8]; 5] = [b"null", b"none", b"true", b"false", b"undefined"];
/// Parameters that sign a URL.
const SIGNATURES: [&[u8]; 4] = [b"sig", b"signature", b"x-amz-signature", b"x-goog-signature"];

fn is_key_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn length_while(text: &[u8], takes: impl Fn(u8) -> bool) -> usize {
    text.iter().position(|byte| !takes(*byte)).unwrap_or(text.len())
}

fn length_while_back(text: &[u8], takes: impl Fn(u8) -> bool) -> usize {
    text.iter().rev().position(|byte| !takes(*byte)).unwrap_or(text.len())
}

fn trim_end(text: &[u8], takes: impl Fn(u8) -> bool) -> &[u8] {
    let kept = text.len() - length_while_back(text, takes);
    text.get(..kept).unwrap_or_default()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// How long a quoted text is whose quote was written behind `escapes` backslashes, as in JSON inside JSON.
fn quoted_length(text: &[u8], quote: u8, escapes: usize) -> usize {
    let mut backslashes = 0usize;
    for (index, byte) in text.iter().enumerate() {
        if *byte == b'\\' {
            backslashes += 1;
            continue;
        }
        if *byte == quote && backslashes % (2 * escapes + 2) == escapes {
            return index - escapes;
        }
        backslashes = 0;
    }
    text.len()
}

/// How long the card number at the start of this text is.
pub(crate) fn card_length(text: &[u8]) -> Option<usize> {
    let (mut digits, mut number) = (0usize, 0u64);
    // Luhn's sum doubles every second digit from the right: which ones is known only at the end.
    let (mut even, mut odd) = (0u32, 0u32);
    let mut separator = None;
    let mut group = 0usize;
    let mut found = None;
    for (index, byte) in text.iter().copied().chain([b'.']).enumerate() {
        if byte.is_ascii_digit() {
            if digits == 19 {
                // More digits than any card has.
                return found;
            }
            let digit = u32::from(byte - b'0');
            let doubled = if digit < 5 { 2 * digit } else { 2 * digit - 9 };
            (even, odd) = if digits.is_multiple_of(2) {
                (even + doubled, odd + digit)
            } else {
                (even + digit, odd + doubled)
            };
            number = number * 10 + u64::from(digit);
            digits += 1;
            group += 1;
            continue;
        }
        // With an even count of digits the first one is doubled.
        let sum = if digits.is_multiple_of(2) { even } else { odd };
        if sum.is_multiple_of(10) && is_issued(number, digits) && !byte.is_ascii_alphabetic() {
            found = Some(index);
        }
        let joins = matches!(byte, b' ' | b'-') && separator.is_none_or(|known| known == byte);
        // Cards are written in groups of four, some of six and five.
        if !joins || !(3..=6).contains(&group) || digits == group && group != 4 {
            break;
        }
        separator = Some(byte);
        group = 0;
    }
    found
}

/// True when a network gives out numbers that start and count like this.
fn is_issued(number: u64, digits: usize) -> bool {
    if !(13..=19).contains(&digits) {
        return false;
    }
    let cut = u32::try_from(digits).unwrap_or_default() - 4;
    matches!(
        (number / 10u64.pow(cut), digits),
        (4000..=4999, 13 | 16 | 19)
            | (2221..=2720 | 5100..=5599, 16)
            | (3400..=3499 | 3700..=3799, 15)
            | (3000..=3059 | 3600..=3699 | 3800..=3999, 14)
            | (3528..=3589, 16..=19)
            | (6011 | 6440..=6599 | 6200..=6299, 16..=19)
            | (5000..=5099 | 5600..=5899 | 6300..=6399 | 6700..=6799, 13..=19)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with each find in brackets behind the name of its rule.
    fn marked(text: &str) -> String {
        let mut out = String::new();
        let mut at = 0;
        for Finding { range, rule } in secrets(text) {
            out += &text[at..range.start];
            out += &format!("{}[{}]", rule.name(), &text[range.clone()]);
            at = range.end;
        }
        out + &text[at..]
    }

    fn check(rows: &[(&str, &str)]) {
        for (text, expected) in rows {
            assert_eq!(marked(text), *expected);
        }
    }

    fn check_clean(rows: &[&str]) {
        for text in rows {
            assert_eq!(marked(text), *text);
        }
    }

    // The keys below are made up. Their heads stand apart from their bodies, so that nobody takes this file for a leak.
    fn key(head: &str, length: usize) -> String {
        let body = "A1b2C3d4E5f6G7h8".repeat(8);
        format!("{head}{}", &body[..length])
    }

    #[test]
    fn keys_of_services() {
        for (head, length) in [
            ("sk-", 20),
            ("sk-", 48),
            ("sk-proj-", 60),
            ("sk-ant-api03-", 80),
            ("gsk_", 52),
            ("xai-", 80),
            ("nvapi-", 64),
            ("pplx-", 48),
            ("ghp_", 36),
            ("gho_", 36),
            ("ghu_", 36),
            ("ghs_", 36),
            ("ghr_", 36),
            ("github_pat_", 60),
            ("glpat-", 20),
            ("sk_live_", 24),
            ("sk_test_", 24),
            ("rk_live_", 24),
            ("xoxb-", 40),
            ("xoxp-", 40),
            ("xapp-", 40),
            ("hf_", 34),
            ("npm_", 36),
            ("pypi-", 60),
            ("shpat_", 32),
            ("whsec_", 32),
            ("SG.", 22),
            ("AIza", 35),
        ] {
            let secret = key(head, length);
            for (before, after) in [("", ""), ("use ", " now"), ("日本", "語"), ("(", ")."), ("a_", ",")] {
                let text = format!("{before}{secret}{after}");
                assert_eq!(marked(&text), format!("{before}api_key[{secret}]{after}"), "{text}");
            }
        }
        let aws = format!("AK{}", "IAIOSFODNN7EXAMPLE");
        assert_eq!(marked(&format!("id {aws} x")), format!("id api_key[{aws}] x"));
        assert_eq!(marked(&format!("AS{}", &aws[2..])), format!("api_key[AS{}]", &aws[2..]));
        let two = format!("{}.{}", key("SG.", 22), key("", 43));
        assert_eq!(marked(&two), format!("api_key[{two}]"));
    }

    #[test]
    fn what_only_starts_like_a_key() {
        check_clean(&[
            "sk-learn",
            "sk-learn-is-a-library-for-machine-learning",
            "risk-1234567890ABCDEFGHIJKLMN",
            "disk-1234567890ABCDEFGHIJKLMN",
            "ghp_short1",
            "hf_transfer_is_enabled_on_this_host_now",
            "AKIA",
            "AKIAlowercaselowercase",
            "AKIAIOSFODNN7EXAMPLEX",
            "XAKIAIOSFODNN7EXAMPLE",
            "AIzaShort",
            "xoxb-abc",
            "npm_package_json",
            "live_stream_1234567890",
            "-",
            "_",
            "sk-",
        ]);
    }

    #[test]
    fn bearers_and_tokens() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s1gnatureS1gnature_-";
        assert_eq!(marked(&format!("t={jwt};")), format!("t=jwt[{jwt}];"));
        assert_eq!(marked(&format!("got {jwt}.")), format!("got jwt[{jwt}]."));
        assert_eq!(
            marked("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."),
            "jwt[eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.]"
        );
        let encrypted = "eyJhbGciOiJSU0EifQ.aaaaaa.bbbbbb.cccccc.dddddd";
        assert_eq!(marked(encrypted), format!("jwt[{encrypted}]"));
        check(&[
            ("Bearer abcdef1234", "Bearer bearer[abcdef1234]"),
            ("bearer  a.b-c_d~e+f/g=1", "bearer  bearer[a.b-c_d~e+f/g=1]"),
            ("BEARER abcdefghijklmnopqrst", "BEARER bearer[abcdefghijklmnopqrst]"),
        ]);
        check_clean(&[
            "bearer authentication",
            "Bearer",
            "Bearer ",
            "bearer of bad news",
            "forbearer abcdef1234",
            "bearerabcdef1234",
            "eyJ",
            "eyJhbGciOiJIUzI1NiJ9",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi",
            "keyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig",
            "eyJ.a.b",
        ]);
    }

    #[test]
    fn cards() {
        check(&[
            ("4111111111111111", "card[4111111111111111]"),
            ("pay 4111 1111 1111 1111 now", "pay card[4111 1111 1111 1111] now"),
            ("4111-1111-1111-1111.", "card[4111-1111-1111-1111]."),
            ("4111 1111 1111 1111 12/26", "card[4111 1111 1111 1111] 12/26"),
            ("4111111111111111 2026", "card[4111111111111111] 2026"),
            ("no 7 4111 1111 1111 1111", "no 7 card[4111 1111 1111 1111]"),
            ("5555555555554444", "card[5555555555554444]"),
            ("2223003122003222", "card[2223003122003222]"),
            ("378282246310005", "card[378282246310005]"),
            ("3782 822463 10005", "card[3782 822463 10005]"),
            ("30569309025904", "card[30569309025904]"),
            ("6011111111111117", "card[6011111111111117]"),
            ("3530111333300000", "card[3530111333300000]"),
            ("4222222222222", "card[4222222222222]"),
            ("id,1,4111111111111111,x", "id,1,card[4111111111111111],x"),
            ("\"4111111111111111\"", "\"card[4111111111111111]\""),
            ("号4111111111111111号", "号card[4111111111111111]号"),
        ]);
        check_clean(&[
            "4111111111111112",
            "41111111111111111",
            "1111111111111117",
            "0.4111111111111111",
            "x4111111111111111",
            "4111111111111111a",
            "411111111111111",
            "4111 1111 1111",
            "4111  1111 1111 1111",
            "4111 1111-1111 1111",
            "41 11 11 11 11 11 11 11",
            "1763719200000000000",
            "550e8400-e29b-41d4-a716-446655440000",
            "0af7651916cd43dd8448eb211c80319c",
            "+49 30 1234567890",
            "2026-11-21 10:15:00",
            "41111111111111111111111111111111111111111",
        ]);
    }

    #[test]
    fn addresses_and_urls() {
        check(&[
            ("bob@example.org", "email[bob@example.org]"),
            ("<a.b+c_d%e-f@mail.example.co.uk>", "<email[a.b+c_d%e-f@mail.example.co.uk]>"),
            ("ask bob@example.org.", "ask email[bob@example.org]."),
            ("mailto:bob@example.org?x=1", "mailto:email[bob@example.org]?x=1"),
            ("é@b@example.org", "é@email[b@example.org]"),
            ("日本bob@example.org語", "日本email[bob@example.org]語"),
            ("https://u:p@host/x", "https://url_credentials[u:p]@host/x"),
            ("postgres://app:p@ss@db:5432/x", "postgres://url_credentials[app:p@ss]@db:5432/x"),
            ("redis://:pw@cache", "redis://url_credentials[:pw]@cache"),
            ("https://ü:ß@host", "https://url_credentials[ü:ß]@host"),
            ("https://u:p@example.org", "https://url_credentials[u:p]@example.org"),
        ]);
        check_clean(&[
            "lodash@4.17.21",
            "@app.route",
            "user@host",
            "a@b.c",
            "a @ b.org",
            "git@github.com:org/repo.git",
            "x@.org",
            "x@-.-",
            "https://example.org/@scope/pkg",
            "https://example.org:8080/path",
            "http://[::1]:4318/v1/traces",
            "://u:p@",
            "https://user@host/x",
            "std::vec::Vec",
        ]);
    }

    #[test]
    fn assignments() {
        check(&[
            ("api_key=abc", "api_key=secret[abc]"),
            ("?q=1&api_key=abc&x=2", "?q=1&api_key=secret[abc]&x=2"),
            ("password=hunter2,", "password=secret[hunter2],"),
            ("PASSWORD = 'hunter 2'", "PASSWORD = 'secret[hunter 2]'"),
            ("Server=x;Password=abc;Db=y", "Server=x;Password=secret[abc];Db=y"),
            (r#"{"password":"hunter2"}"#, r#"{"password":"secret[hunter2]"}"#),
            (r#"{"password": 1234}"#, r#"{"password": secret[1234]}"#),
            (r#"{"password":"a\"b\\","x":1}"#, r#"{"password":"secret[a\"b\\]","x":1}"#),
            (r#""{\"apiKey\":\"abc\",\"x\":1}""#, r#""{\"apiKey\":\"secret[abc]\",\"x\":1}""#),
            (r#""{\"pwd\":\"a\\\"b\",\"x\":1}""#, r#""{\"pwd\":\"secret[a\\\"b]\",\"x\":1}""#),
            ("'secret' => 'x'", "'secret' => 'secret[x]'"),
            ("env[\"API_KEY\"] = \"x\"", "env[\"API_KEY\"] = \"secret[x]\""),
            ("token := abc", "token := secret[abc]"),
            ("--client-secret=abc", "--client-secret=secret[abc]"),
            ("auth_token: ab12cd34ef", "auth_token: secret[ab12cd34ef]"),
            ("Authorization: Basic dXNlcg==", "Authorization: secret[Basic dXNlcg==]"),
            ("curl -H 'Cookie: a=b; c=d' x", "curl -H 'Cookie: secret[a=b; c=d]' x"),
            ("authorization: one\nnext: two", "authorization: secret[one]\nnext: two"),
            ("?X-Amz-Signature=0123&x", "?X-Amz-Signature=secret[0123]&x"),
            ("password=\"never closed", "password=\"secret[never closed]"),
            ("[REDACTED:api_key]=x password=y", "[REDACTED:api_key]=x password=secret[y]"),
            ("[REDACTED:password=y", "[REDACTED:password=secret[y]"),
            ("password=пароль", "password=secret[пароль]"),
        ]);
        check_clean(&[
            "max_tokens=100",
            "input_tokens: 4096",
            "token_type=bearer",
            "the password: please enter",
            "Forgot your password?",
            "password == other",
            "password != other",
            "password: null",
            "secret=None",
            "token=true",
            "password=",
            "password: \"\"",
            "key=value",
            "first_token: 0.123456s",
            "https://example.org/?page=2",
            "author=me",
            "x = token",
        ]);
    }

    #[test]
    fn private_keys() {
        let block = |label: &str| format!("-----BEGIN {label}-----\nMIIB\n-----END {label}-----");
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
            let text = block(label);
            assert_eq!(marked(&format!("a {text} b")), format!("a private_key[{text}] b"));
        }
        check(&[
            ("-----BEGIN PRIVATE KEY-----\\nMIIB", "private_key[-----BEGIN PRIVATE KEY-----\\nMIIB]"),
            ("x-----BEGIN PRIVATE KEY-----M-----END", "xprivate_key[-----BEGIN PRIVATE KEY-----M-----END]"),
        ]);
        for label in ["PUBLIC KEY", "CERTIFICATE"] {
            assert_eq!(marked(&block(label)), block(label));
        }
        check_clean(&["-----BEGIN", "-----BEGIN PRIVATE KEY", "---------------"]);
    }

    /// Long texts that call a matcher as often as can be (ten megabytes where the build is optimised). A matcher that runs over the
    /// same bytes again for every call would take hours, not seconds.
    #[test]
    fn no_text_takes_more_than_its_length() {
        for part in [
            "a",
            "@",
            "a@",
            "a@a.",
            "4",
            "4 ",
            "4111 ",
            "4111-",
            "411111111111111",
            "sk-",
            "sk-a-",
            "sk_test_",
            "eyJ",
            "eyJ-",
            "eyJaaaaaaa.",
            "eyJaaaaaaaaaaaa-eyJ.",
            "eyJaaaaaaaaaa.aaaaaaaaaa",
            ":",
            "://",
            "a://",
            "a://b:",
            "a://b@",
            "=",
            "a=",
            "\\",
            "\"",
            "\\\"=",
            "password:",
            "password: ",
            "password:{",
            "password:[",
            "password=null ",
            "password=\"\"",
            "authorization:",
            "-----BEGIN ",
            "-----BEGIN PRIVATE KEY",
            "Bearer ",
            "bearer a",
            "bearerbearer ",
            "-",
            "_",
            "AKIA",
            "AIza",
            "AIzaAIza",
            ".",
            "SG.",
            "github_pat_",
            " ",
            "é",
        ] {
            let length = if cfg!(debug_assertions) { 1 << 18 } else { 10 << 20 };
            let text = part.repeat(length / part.len());
            let mut last = 0;
            for found in secrets(&text) {
                assert!(found.range.start >= last && found.range.end <= text.len());
                last = found.range.end;
            }
        }
    }
}
