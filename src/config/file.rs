//! The file: our own section `spanloom`, and the semantic router's tracing.
//!
//! Own keys are the keys of the table of settings. A value may hold `${NAME}` or `${NAME:-instead}`, which variables fill;
//! `$$` is a dollar. The filled value is never shown in messages, what was written is.

use super::endpoint::PathRule;
use super::error::ConfigError;
use super::exporter::{FIELDS, Signal, console_format};
use super::headers;
use super::model::{Origin, put_attribute};
use super::near::nearest;
use super::parse;
use super::read::{Draft, ExporterDraft, Given, Kind, Source};
use super::router;
use super::secret::{Shown, quoted};
use super::settings::SETTINGS;
use super::yaml::{self, Entry, Leaf, Step, dotted};

type Lookup<'l> = &'l dyn Fn(&str) -> Option<String>;

/// Our own section.
const OWN: &str = "spanloom";

/// A value of the file, ready for its setting.
pub(super) struct Filled {
    pub(super) key: String,
    pub(super) text: String,
    written: String,
    pub(super) origin: Origin,
}

impl Filled {
    pub(super) fn as_it_is(entry: &Entry, text: &str) -> Self {
        Self {
            key: dotted(&entry.path),
            text: text.into(),
            written: text.into(),
            origin: Origin::Line(entry.line),
        }
    }

    pub(super) fn given(&self) -> Given<'_> {
        Given {
            key: &self.key,
            text: &self.text,
            written: &self.written,
            origin: &self.origin,
            path_rule: PathRule::WhereMissing,
        }
    }

    pub(super) fn source(&self) -> Source {
        self.given().source()
    }

    pub(super) fn refused(&self, shown: Shown, fix: impl Into<String>) -> ConfigError {
        self.source().refused(shown, fix)
    }
}

/// Reads the file into the draft.
pub(super) fn read(draft: &mut Draft, text: &str, lookup: Lookup<'_>) -> Result<(), ConfigError> {
    let document = yaml::read(text, &[OWN, "observability", "global"])?;
    let is_ours = |key: &str| [OWN, "observability", "global"].contains(&key);
    if !document.top.iter().any(|key| is_ours(key)) {
        let meant =
            document.top.iter().find(|key| nearest(key, [OWN, "observability"].into_iter()).is_some());
        let found = meant.map_or_else(String::new, |key| format!("; is {} meant to be one?", quoted(key)));
        draft.warn(
            super::FILE_VARIABLE,
            format!(
                "the file has neither a section spanloom nor observability.tracing: nothing is read{found}"
            ),
        );
    }
    router::read(draft, &document.entries)?;
    let own: Vec<&Entry> = document.entries.iter().filter(|entry| is_key(entry.path.first(), OWN)).collect();
    read_exporters(draft, &own, lookup)?;
    let mut rest = own.iter().filter(|entry| exporter_place(entry).is_none()).peekable();
    while let Some(entry) = rest.next() {
        if let Some(list) = list_of(entry) {
            let mut names = texts_of(entry, list)?;
            while let Some(next) = rest.next_if(|next| list_of(next) == Some(list)) {
                names.push_str(&texts_of(next, list)?);
            }
            let list = Entry {
                path: entry.path.iter().take(1 + list.len()).cloned().collect(),
                leaf: Leaf::Text(names),
                line: entry.line,
            };
            read_setting(draft, &list, lookup)?;
        } else {
            read_setting(draft, entry, lookup)?;
        }
    }
    Ok(())
}

pub(super) fn is_key(step: Option<&Step>, name: &str) -> bool {
    matches!(step, Some(Step::Key(key)) if key == name)
}

/// Settings that are lists of names.
const LISTS: [&[&str]; 2] = [&["propagators"], &["health", "endpoints"]];

/// The list that this is a member of.
fn list_of(entry: &Entry) -> Option<&'static [&'static str]> {
    LISTS.into_iter().find(|list| {
        let mut below = entry.path.iter().skip(1);
        list.iter().all(|key| is_key(below.next(), key)) && matches!(below.next(), Some(Step::Index(_)))
    })
}

fn texts_of(entry: &Entry, list: &[&str]) -> Result<String, ConfigError> {
    match &entry.leaf {
        Leaf::Text(text) if entry.path.len() == list.len() + 2 => Ok(format!("{text},")),
        _ => Err(not_a_text(entry, "a list of names")),
    }
}

fn not_a_text(entry: &Entry, wanted: &str) -> ConfigError {
    let value = match entry.leaf {
        Leaf::Alias => "a reference with *",
        Leaf::EmptyMap => "{}",
        Leaf::EmptyList => "[]",
        Leaf::Null => "nothing",
        Leaf::Text(_) => "a text",
    };
    ConfigError::Value {
        key: dotted(&entry.path),
        line: Some(entry.line),
        value: value.into(),
        fix: format!("it must be {wanted}"),
    }
}

fn read_setting(draft: &mut Draft, entry: &Entry, lookup: Lookup<'_>) -> Result<(), ConfigError> {
    let below = entry.path.get(1..).unwrap_or_default();
    if let [Step::Key(section), Step::Key(key)] = below
        && let Some(attribute) = attribute_name(section, key)
    {
        return match fill(entry, lookup)? {
            None => Ok(()),
            Some(filled) => {
                put_attribute(&mut draft.config, attribute, filled.text.into());
                let key = if attribute == "service.name" { attribute } else { "resource" };
                draft.config.origins.insert(key.into(), filled.origin);
                Ok(())
            }
        };
    }
    let key = dotted(below);
    let is_section = || {
        key.is_empty()
            || key == "service"
            || key == "resource"
            || SETTINGS.iter().any(|setting| {
                setting.key.strip_prefix(key.as_str()).is_some_and(|rest| rest.starts_with('.'))
            })
    };
    let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key && key != "resource") else {
        return match entry.leaf {
            Leaf::Null | Leaf::EmptyMap if is_section() => Ok(()),
            _ if is_section() => Err(not_a_text(entry, "a map of settings")),
            _ => Err(unknown(entry, "spanloom.", own_keys())),
        };
    };
    let empty = match setting.key {
        "propagators" => Some("none"),
        "health.endpoints" => Some("[]"),
        _ => None,
    };
    if let (Some(empty), Leaf::EmptyList) = (empty, &entry.leaf) {
        let none = Entry { leaf: Leaf::Text(empty.into()), ..entry.clone() };
        return read_setting_text(draft, setting, &none, lookup);
    }
    read_setting_text(draft, setting, entry, lookup)
}

fn read_setting_text(
    draft: &mut Draft,
    setting: &super::settings::Setting,
    entry: &Entry,
    lookup: Lookup<'_>,
) -> Result<(), ConfigError> {
    match fill(entry, lookup)? {
        Some(filled) if !filled.text.is_empty() => draft.set(setting, &filled.given()),
        _ => Ok(()),
    }
}

/// The attribute of the resource that a key of one of the two sections sets.
fn attribute_name<'k>(section: &str, key: &'k str) -> Option<&'k str> {
    match (section, key) {
        ("resource", key) => Some(key),
        ("service", "name") => Some("service.name"),
        ("service", "version") => Some("service.version"),
        ("service", "environment") => Some("deployment.environment.name"),
        _ => None,
    }
}

fn own_keys() -> impl Iterator<Item = &'static str> {
    SETTINGS
        .iter()
        .map(|setting| setting.key)
        .chain(Signal::ALL.map(Signal::key))
        .chain(["service.version", "service.environment"])
}

pub(super) fn unknown<'k>(entry: &Entry, above: &str, known: impl Iterator<Item = &'k str>) -> ConfigError {
    let key = dotted(&entry.path);
    let below = key.strip_prefix(above).unwrap_or(&key);
    let nearest = nearest(below, known).map(|near| format!("{above}{near}"));
    ConfigError::UnknownKey { key: key.clone(), line: Some(entry.line), nearest }
}

/// The text of a value with its variables filled in; `None` where nothing was written.
fn fill(entry: &Entry, lookup: Lookup<'_>) -> Result<Option<Filled>, ConfigError> {
    let written = match &entry.leaf {
        Leaf::Text(written) => written,
        Leaf::Null => return Ok(None),
        Leaf::EmptyMap | Leaf::EmptyList | Leaf::Alias => return Err(not_a_text(entry, "a text")),
    };
    let mut filled = Filled::as_it_is(entry, written);
    match substitute(written, lookup) {
        Ok(text) => filled.text = text,
        Err(fix) => return Err(filled.refused(Shown::Never, fix)),
    }
    Ok(Some(filled))
}

/// Fills `${NAME}`, `${env:NAME}` and `${NAME:-instead}`; `$$` is a dollar. What is filled in is not looked at again.
fn substitute(written: &str, lookup: Lookup<'_>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = written;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(behind) = behind.strip_prefix('$') {
            out.push('$');
            rest = behind;
        } else if let Some(open) = behind.strip_prefix('{') {
            let Some((inside, behind)) = open.split_once('}') else {
                return Err("${ needs a } behind it; a dollar is written as $$".into());
            };
            let (name, instead) = match inside.split_once(":-") {
                Some((name, instead)) => (name, Some(instead)),
                None => (inside, None),
            };
            let name = name.strip_prefix("env:").unwrap_or(name);
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty() || !name.bytes().all(fits) {
                return Err("between ${ and } goes the name of a variable; a dollar is written as $$".into());
            }
            let value = lookup(name).filter(|value| !value.is_empty());
            match value.as_deref().or(instead) {
                Some(value) => out.push_str(value),
                None => {
                    return Err(format!(
                        "the variable {name} is not set: set it, or write ${{{name}:-instead}}"
                    ));
                }
            }
            rest = behind;
        } else {
            out.push('$');
            rest = behind;
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Which list of exporters a value belongs to, and its path below that list.
fn exporter_place(entry: &Entry) -> Option<(usize, &[Step])> {
    let below = entry.path.get(1..).unwrap_or_default();
    match below {
        [Step::Key(first), rest @ ..] if first == "exporters" => Some((0, rest)),
        [Step::Key(first), Step::Key(second), rest @ ..] if second == "exporters" => match first.as_str() {
            "metrics" => Some((1, rest)),
            "logs" => Some((2, rest)),
            _ => None,
        },
        _ => None,
    }
}

/// A value of an exporter, and its path below the exporter.
type ExporterValue<'e> = (&'e [Step], &'e Entry);

fn read_exporters(draft: &mut Draft, own: &[&Entry], lookup: Lookup<'_>) -> Result<(), ConfigError> {
    for (index, signal) in Signal::ALL.into_iter().enumerate() {
        let mut listed: Option<Vec<Vec<ExporterValue<'_>>>> = None;
        for entry in own {
            let Some((place, rest)) = exporter_place(entry) else { continue };
            if place != index {
                continue;
            }
            match rest {
                [] if entry.leaf == Leaf::Null => {}
                [] if entry.leaf == Leaf::EmptyList => listed = Some(Vec::new()),
                [Step::Index(number), rest @ ..] => {
                    let listed = listed.get_or_insert_default();
                    // The numbers come in order.
                    if listed.len() <= *number {
                        listed.push(Vec::new());
                        draft.config.origins.insert(signal.key().into(), Origin::Line(entry.line));
                    }
                    if let Some(values) = listed.last_mut() {
                        values.push((rest, entry));
                    }
                }
                _ => return Err(not_a_text(entry, "a list of exporters: lines that begin with -")),
            }
        }
        let Some(listed) = listed else { continue };
        let mut exporters = Vec::with_capacity(listed.len());
        for values in &listed {
            exporters.push(read_exporter(draft, values, lookup)?);
        }
        if let Some(place) = draft.exporters.get_mut(index) {
            *place = Some(exporters);
        }
    }
    Ok(())
}

const KINDS: [(&str, Kind); 4] = [
    ("otlp", Kind::Otlp),
    ("console", Kind::Console),
    ("file", Kind::File),
    ("prometheus", Kind::Prometheus),
];

fn kind_of(filled: &Filled) -> Result<Kind, ConfigError> {
    let known = KINDS.iter().find(|(name, _)| *name == filled.text);
    known
        .map(|(_, kind)| *kind)
        .ok_or_else(|| filled.refused(Shown::Plainly, "it must be otlp, console, file or prometheus"))
}

fn read_exporter(
    draft: &mut Draft,
    values: &[ExporterValue<'_>],
    lookup: Lookup<'_>,
) -> Result<ExporterDraft, ConfigError> {
    let mut kind = Kind::Otlp;
    for (rest, entry) in values {
        // `- console` is the same as `- type: console`.
        if (rest.is_empty() || is_key(rest.first(), "type"))
            && let Some(filled) = fill(entry, lookup)?
        {
            kind = kind_of(&filled)?;
        }
    }
    let mut exporter = ExporterDraft::new(kind);
    exporter.origin = values.first().map(|(_, entry)| Origin::Line(entry.line));
    for (rest, entry) in values {
        let [Step::Key(key), rest @ ..] = rest else {
            if rest.is_empty() {
                continue;
            }
            return Err(not_a_text(entry, "a map of settings"));
        };
        read_exporter_value(draft, &mut exporter, key, rest, entry, lookup)?;
    }
    if kind == Kind::File
        && exporter.path.is_none()
        && let Some((_, entry)) = values.first()
    {
        let above: Vec<Step> =
            entry.path.iter().rev().skip_while(|step| matches!(step, Step::Key(_))).cloned().collect();
        let above: Vec<Step> = above.into_iter().rev().collect();
        return Err(ConfigError::Value {
            key: format!("{}.path", dotted(&above)),
            line: Some(entry.line),
            value: "nothing".into(),
            fix: "an exporter to a file needs its path".into(),
        });
    }
    Ok(exporter)
}

fn read_exporter_value(
    draft: &mut Draft,
    exporter: &mut ExporterDraft,
    key: &str,
    below: &[Step],
    entry: &Entry,
    lookup: Lookup<'_>,
) -> Result<(), ConfigError> {
    if key == "type" && below.is_empty() {
        return Ok(());
    }
    if let (Kind::Otlp, "headers", [Step::Key(name)]) = (exporter.kind, key, below) {
        if let Some(filled) = fill(entry, lookup)? {
            let result = headers::put(&mut exporter.otlp.headers, name, &filled.text);
            draft.judge(result, &filled.given(), Shown::Never)?;
            exporter.sources.push(("headers", filled.source()));
        }
        return Ok(());
    }
    if let (Kind::Otlp, "headers", [], Leaf::EmptyMap) = (exporter.kind, key, below, &entry.leaf) {
        return Ok(());
    }
    let known: &[&str] = match exporter.kind {
        Kind::Otlp => &[
            "type",
            "protocol",
            "endpoint",
            "insecure",
            "headers",
            "timeout",
            "compression",
            "certificate",
            "client_key",
            "client_certificate",
        ],
        Kind::Console => &["type", "format"],
        Kind::File => &["type", "path", "rotate_bytes", "keep"],
        Kind::Prometheus => &["type"],
    };
    if !known.contains(&key) || !below.is_empty() {
        let above = dotted(entry.path.get(..entry.path.len() - below.len() - 1).unwrap_or_default());
        return Err(unknown(entry, &format!("{above}."), known.iter().copied()));
    }
    let Some(filled) = fill(entry, lookup)?.filter(|filled| !filled.text.is_empty()) else { return Ok(()) };
    if let Some(field) = FIELDS.iter().find(|field| field.key == key) {
        return draft.set_field(exporter, field, &filled.given());
    }
    let (key, result) = match key {
        "format" => ("format", console_format(&filled.text).map(|format| exporter.console = format)),
        "rotate_bytes" => {
            ("rotate_bytes", parse::bytes(&filled.text).map(|bytes| exporter.rotate_bytes = Some(bytes)))
        }
        "keep" => ("keep", parse::small_count(&filled.text).map(|keep| exporter.keep = keep)),
        _ => {
            exporter.path = Some(filled.text.clone());
            ("path", Ok(()))
        }
    };
    if draft.judge(result, &filled.given(), Shown::Plainly)? {
        exporter.sources.push((key, filled.source()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_in_values() {
        let lookup = |name: &str| match name {
            "A" => Some("x$y${B}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (written, text) in [
            ("plain", "plain"),
            ("<${A}>", "<x$y${B}>"),
            ("${env:A}", "x$y${B}"),
            ("${B:-instead}", "instead"),
            ("${EMPTY:-instead}", "instead"),
            ("${B:-}", ""),
            ("$$ $$ {A} $A", "$ $ {A} $A"),
            ("$", "$"),
        ] {
            assert_eq!(substitute(written, &lookup).as_deref(), Ok(text), "{written}");
        }
        for written in ["${", "${A", "${}", "${a b}", "${B}", "${EMPTY}", "${:-x}"] {
            assert!(substitute(written, &lookup).is_err(), "{written}");
        }
    }
}
