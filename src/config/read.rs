//! From variables and a file to a [`Config`].
//!
//! A [`Draft`] starts with the defaults. What counts less is put in first, what counts more goes over it: the file, then
//! the variables. Settings that only make sense together (the sampler and its ratio; protocol, endpoint and `insecure`)
//! are kept as written until all is there.

use super::endpoint::{PathRule, Written};
use super::error::{ConfigError, ConfigWarning};
use super::exporter::{
    ConsoleFormat, Exporting, FIELDS, Field, FileExporting, OtlpDraft, OtlpExporting, Protocol, Signal,
    variables,
};
use super::model::{Config, Origin};
use super::parse::{self, Fault, Parsed};
use super::secret::{Shown, quoted};
use super::settings::SETTINGS;
use crate::sample::Sampler;

/// A value on its way to its setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    /// The variable, or the path of the key in the file.
    pub(super) key: &'a str,
    pub(super) text: &'a str,
    /// The same before `${...}` was filled in: what messages may show.
    pub(super) written: &'a str,
    pub(super) origin: &'a Origin,
    /// Endpoints only.
    pub(super) path_rule: PathRule,
}

impl Given<'_> {
    /// The variable; empty where it is from a file.
    pub(super) const fn variable(&self) -> &str {
        if let Origin::Variable(name) = self.origin { name.as_str() } else { "" }
    }

    const fn line(&self) -> Option<usize> {
        if let Origin::Line(line) = self.origin { Some(*line) } else { None }
    }

    /// A truth value by OpenTelemetry's rules; files and variables of ours may also say yes, no, on, off, 1 and 0.
    pub(super) fn truth(&self) -> Parsed<bool> {
        // One mistaken word would leave secrets in spans, or the disk untouched, with a line on stderr at most.
        let is_ours = self.line().is_some() || self.variable().starts_with("SPANLOOM_");
        match parse::loose_truth(self.text).filter(|_| is_ours) {
            Some(on) => Ok(on),
            None => parse::truth(self.text),
        }
    }

    /// A truth value by the rules of Dynamo and astron: what is not true is false. Files are held to truth values.
    pub(super) fn loose_truth(&self) -> Parsed<bool> {
        match (parse::loose_truth(self.text), self.line()) {
            (Some(on), _) => Ok(on),
            (None, None) => Ok(false),
            (None, Some(_)) => Err(Fault::Ignored("it must be true or false".into())),
        }
    }

    /// A time: milliseconds in variables, also with a unit in files.
    pub(super) fn duration(&self) -> Parsed<core::time::Duration> {
        if self.line().is_some() { parse::duration(self.text) } else { parse::milliseconds(self.text) }
    }

    pub(super) fn source(&self) -> Source {
        Source {
            key: self.key.into(),
            text: self.text.into(),
            written: self.written.into(),
            origin: self.origin.clone(),
        }
    }
}

/// A value that was kept for later.
#[derive(Clone)]
pub(super) struct Source {
    key: String,
    pub(super) text: String,
    written: String,
    origin: Origin,
}

impl Source {
    const fn line(&self) -> Option<usize> {
        if let Origin::Line(line) = self.origin { Some(line) } else { None }
    }

    pub(super) fn refused(&self, shown: Shown, fix: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            key: self.key.clone(),
            line: self.line(),
            value: shown.show(&self.written),
            fix: fix.into(),
        }
    }
}

/// The sampler, as long as it is words.
#[derive(Clone, Default)]
pub(super) struct SamplerDraft {
    pub(super) name: Option<Source>,
    pub(super) ratio: Option<Source>,
    /// The words are the semantic router's.
    pub(super) by_router: bool,
}

/// The kind of an exporter, as it is named in variables and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Otlp,
    Console,
    #[cfg_attr(not(feature = "yaml"), allow(dead_code, reason = "only files say it"))]
    File,
    Prometheus,
}

/// An exporter while its settings come in.
#[derive(Clone)]
pub(super) struct ExporterDraft {
    pub(super) kind: Kind,
    pub(super) otlp: OtlpDraft,
    pub(super) console: ConsoleFormat,
    pub(super) path: Option<String>,
    pub(super) rotate_bytes: Option<u64>,
    pub(super) keep: u32,
    /// Who wanted it; `None` for nobody.
    pub(super) origin: Option<Origin>,
    /// Where each setting came from.
    pub(super) sources: Vec<(&'static str, Source)>,
}

impl ExporterDraft {
    pub(super) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            otlp: OtlpDraft {
                protocol: None,
                endpoint: None,
                insecure: false,
                headers: Vec::new(),
                timeout: None,
                compression: super::exporter::Compression::None,
                certificate: None,
                client_key: None,
                client_certificate: None,
            },
            console: ConsoleFormat::Tree,
            path: None,
            rotate_bytes: None,
            keep: 5,
            origin: None,
            sources: Vec::new(),
        }
    }

    fn source(&self, key: &str) -> Option<&Source> {
        self.sources.iter().rev().find(|(known, _)| *known == key).map(|(_, source)| source)
    }
}

/// A configuration on its way.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) config: Config,
    pub(super) warnings: Vec<ConfigWarning>,
    pub(super) sampler: SamplerDraft,
    /// Exporters that a file lists, by signal; `None` where it lists none.
    pub(super) exporters: [Option<Vec<ExporterDraft>>; 3],
    /// Something switched the export on or off.
    pub(super) export_said: bool,
    /// The program is configured as a part of Dynamo.
    pub(super) dynamo: bool,
    /// ... and is to export.
    pub(super) dynamo_exports: bool,
}

impl Draft {
    pub(super) fn warn(&mut self, key: &str, message: String) {
        let warning = ConfigWarning { key: key.into(), message };
        // A variable for all signals is read for each of them.
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// What becomes of a fault: a warning or the end.
    pub(super) fn judge(
        &mut self,
        result: Parsed<()>,
        given: &Given<'_>,
        shown: Shown,
    ) -> Result<bool, ConfigError> {
        let fix = match result {
            Ok(()) => return Ok(true),
            Err(Fault::Ignored(why)) if given.line().is_none() => {
                self.warn(given.key, format!("{} is ignored: {why}", shown.show(given.written)));
                return Ok(false);
            }
            Err(Fault::Ignored(why) | Fault::Refused(why)) => why,
        };
        Err(ConfigError::Value {
            key: given.key.into(),
            line: given.line(),
            value: shown.show(given.written),
            fix,
        })
    }

    pub(super) fn set(
        &mut self,
        setting: &super::settings::Setting,
        given: &Given<'_>,
    ) -> Result<(), ConfigError> {
        let result = (setting.set)(self, given);
        if self.judge(result, given, Shown::Plainly)? {
            self.config.origins.insert(setting.key.into(), given.origin.clone());
        }
        Ok(())
    }

    pub(super) fn set_field(
        &mut self,
        exporter: &mut ExporterDraft,
        field: &Field,
        given: &Given<'_>,
    ) -> Result<(), ConfigError> {
        let result = (field.set)(&mut exporter.otlp, given);
        if self.judge(result, given, field.shown)? {
            exporter.sources.push((field.key, given.source()));
        }
        Ok(())
    }
}

/// The value of a variable; an empty one counts as unset.
fn value_of(lookup: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    let text = lookup(name)?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.into())
}

/// Puts what the variables say over what is there, and makes the configuration.
pub(super) fn finish(
    mut draft: Draft,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(Config, Vec<ConfigWarning>), ConfigError> {
    if value_of(lookup, "OTEL_CONFIG_FILE").is_some() {
        let message = "OpenTelemetry's declarative configuration is not supported, the file is not read; \
                       use the other variables, or a file of spanloom's own with SPANLOOM_CONFIG";
        draft.warn("OTEL_CONFIG_FILE", message.into());
    }
    for setting in SETTINGS {
        for name in setting.variables {
            if let Some(text) = value_of(lookup, name) {
                let origin = Origin::Variable((*name).into());
                let given = Given {
                    key: name,
                    text: &text,
                    written: &text,
                    origin: &origin,
                    path_rule: PathRule::Exact,
                };
                draft.set(setting, &given)?;
            }
        }
    }
    finish_sampler(&mut draft)?;
    let mut destination_named = false;
    for (index, signal) in Signal::ALL.into_iter().enumerate() {
        let listed = draft.exporters.get_mut(index).and_then(Option::take);
        let selector = value_of(lookup, signal.selector());
        let mut named = listed.is_some() || selector.is_some();
        let mut exporters = listed.unwrap_or_else(|| vec![ExporterDraft::new(Kind::Otlp)]);
        if let Some(names) = selector {
            exporters = selected(&mut draft, signal, &names, exporters);
        }
        let otlp = exporters.iter_mut().find(|exporter| exporter.kind == Kind::Otlp);
        // Also where nobody takes it: a wrong variable is to be heard of before it is wanted.
        let mut nobody = ExporterDraft::new(Kind::Otlp);
        let otlp = otlp.unwrap_or(&mut nobody);
        for field in &FIELDS {
            for (name, path_rule) in variables(field, signal) {
                if let Some(text) = value_of(lookup, &name) {
                    let origin = Origin::Variable(name.clone());
                    let given = Given { key: &name, text: &text, written: &text, origin: &origin, path_rule };
                    draft.set_field(otlp, field, &given)?;
                    named |= field.key == "endpoint";
                }
            }
        }
        if draft.dynamo_exports && signal != Signal::Metrics && otlp.otlp.protocol.is_none() {
            otlp.otlp.protocol = dynamos_protocol(otlp.otlp.endpoint.as_ref());
        }
        destination_named |= named && signal == Signal::Traces;
        let mut built = Vec::with_capacity(exporters.len());
        for exporter in exporters {
            let place = format!("{}[{}]", signal.key(), built.len());
            built.push(build(&mut draft, signal, &exporter)?);
            let config = &mut draft.config;
            if let Some(origin) = exporter.origin {
                config.origins.insert(place.clone(), origin);
            }
            config.origins.extend(
                exporter.sources.into_iter().map(|(key, source)| (format!("{place}.{key}"), source.origin)),
            );
        }
        *draft.config.exporters_of_mut(signal) = built;
    }
    finish_export(&mut draft, destination_named);
    let config = &mut draft.config;
    if config.service_name.is_none() {
        config.service_name = match &config.tracer_name {
            Some(name) => Some(name.clone()),
            None => draft.dynamo.then(|| "dynamo".into()),
        };
    }
    if let Some(queue) = config.batch.max_queue_size
        && config.batch.max_export_batch_size > queue
    {
        config.batch.max_export_batch_size = queue;
        if config.origins.contains_key("batch.max_export_batch_size") {
            let message = format!("a batch cannot be larger than the queue: {queue} is used");
            draft.warn("batch.max_export_batch_size", message);
        }
    }
    Ok((draft.config, draft.warnings))
}

/// Dynamo runs without export unless it is told to; an address that somebody wrote down tells so, too.
fn finish_export(draft: &mut Draft, destination_named: bool) {
    if draft.dynamo && !draft.export_said && !destination_named {
        draft.config.export = false;
        draft.config.origins.insert("export".into(), Origin::Variable("DYN_LOGGING_JSONL".into()));
    }
    if !draft.config.export {
        for signal in Signal::ALL {
            let exporters = draft.config.exporters_of_mut(signal);
            exporters.retain(|exporter| !matches!(exporter, Exporting::Otlp(_)));
        }
    }
}

/// Dynamo speaks gRPC, unless the address is clearly one for HTTP.
fn dynamos_protocol(endpoint: Option<&Written>) -> Option<Protocol> {
    let parsed = endpoint.and_then(|written| written.grpc(true).ok());
    let http = parsed.is_some_and(|url| url.port() == 4318 || !matches!(url.path(), "" | "/"));
    (!http).then_some(Protocol::Grpc)
}

fn finish_sampler(draft: &mut Draft) -> Result<(), ConfigError> {
    let SamplerDraft { name, ratio, by_router } = core::mem::take(&mut draft.sampler);
    let Some(name) = name else {
        if let Some(ratio) = ratio {
            draft
                .warn(&ratio.key, "it has no effect without the type of a sampler that takes a ratio".into());
        }
        return Ok(());
    };
    if by_router {
        let rate = match &ratio {
            Some(source) => source
                .text
                .parse()
                .map_err(|_| source.refused(Shown::Plainly, "it must be a number from 0 to 1"))?,
            None => 1.0,
        };
        let chosen = Sampler::from_router(&name.text, rate);
        if let Some(warning) = chosen.warning {
            draft.warn(&name.key, warning.to_string());
        }
        draft.config.sampler = chosen.sampler;
        return Ok(());
    }
    // Both were looked at when they were set.
    let chosen = Sampler::from_otel(&name.text, ratio.as_ref().map(|ratio| ratio.text.as_str()));
    draft.config.sampler = chosen.map(|chosen| chosen.sampler).unwrap_or_default();
    Ok(())
}

/// The exporters that the variable names: those of the file of that kind, else one with defaults.
fn selected(
    draft: &mut Draft,
    signal: Signal,
    names: &str,
    listed: Vec<ExporterDraft>,
) -> Vec<ExporterDraft> {
    let mut chosen: Vec<ExporterDraft> = Vec::new();
    let mut seen = Vec::new();
    let (mut none, mut understood) = (false, false);
    for name in parse::members(names) {
        let lower = name.to_ascii_lowercase();
        let (kind, console) = match lower.as_str() {
            "otlp" => (Kind::Otlp, None),
            "console" | "logging" => (Kind::Console, None),
            "otlp/stdout" => (Kind::Console, Some(ConsoleFormat::OtlpJson)),
            "prometheus" if signal == Signal::Metrics => (Kind::Prometheus, None),
            "none" => {
                (none, understood) = (true, true);
                continue;
            }
            _ => {
                let known = "use otlp, console, otlp/stdout or none";
                draft.warn(
                    signal.selector(),
                    format!("{} is ignored: there is no such exporter; {known}", quoted(name)),
                );
                continue;
            }
        };
        understood = true;
        if seen.contains(&(kind, console)) {
            continue;
        }
        seen.push((kind, console));
        let before = chosen.len();
        if console.is_none() {
            chosen.extend(listed.iter().filter(|one| one.kind == kind).cloned());
        }
        if chosen.len() == before {
            let mut one = ExporterDraft::new(kind);
            one.console = console.unwrap_or_default();
            one.origin = Some(Origin::Variable(signal.selector().into()));
            chosen.push(one);
        }
    }
    if none && !chosen.is_empty() {
        draft.warn(signal.selector(), "\"none\" beside other exporters has no effect".into());
    }
    if !understood {
        return listed;
    }
    draft.config.origins.insert(signal.key().into(), Origin::Variable(signal.selector().into()));
    chosen
}

fn build(draft: &mut Draft, signal: Signal, exporter: &ExporterDraft) -> Result<Exporting, ConfigError> {
    Ok(match exporter.kind {
        Kind::Otlp => Exporting::Otlp(build_otlp(draft, signal, exporter)?),
        Kind::Console => Exporting::Console(exporter.console),
        Kind::Prometheus => Exporting::Prometheus,
        Kind::File => Exporting::File(FileExporting {
            path: exporter.path.clone().unwrap_or_default(),
            rotate_bytes: exporter.rotate_bytes,
            keep: exporter.keep,
        }),
    })
}

fn build_otlp(
    draft: &mut Draft,
    signal: Signal,
    exporter: &ExporterDraft,
) -> Result<OtlpExporting, ConfigError> {
    let given = &exporter.otlp;
    let protocol = given.protocol.unwrap_or_default();
    let endpoint = match &given.endpoint {
        Some(written) => {
            let read = match protocol {
                Protocol::Grpc => written.grpc(given.insecure),
                Protocol::HttpProtobuf | Protocol::HttpJson => written.http(signal.path()),
            };
            match (read, exporter.source("endpoint")) {
                (Ok(endpoint), _) => endpoint,
                (Err(error), Some(source)) => return Err(source.refused(Shown::AsUrl, error.to_string())),
                (Err(error), None) => {
                    return Err(ConfigError::Value {
                        key: signal.key().into(),
                        line: None,
                        value: Shown::AsUrl.show(&written.text),
                        fix: error.to_string(),
                    });
                }
            }
        }
        None if protocol == Protocol::Grpc => super::endpoint::local_grpc(),
        None => super::endpoint::local(signal.path()),
    };
    match (given.client_key.is_some(), given.client_certificate.is_some()) {
        (true, false) => {
            if let Some(source) = exporter.source("client_key") {
                return Err(source.refused(Shown::Plainly, "a client key needs a client certificate, too"));
            }
        }
        (false, true) => {
            if let Some(source) = exporter.source("client_certificate") {
                return Err(source.refused(Shown::Plainly, "a client certificate needs a client key, too"));
            }
        }
        _ => {}
    }
    if let Some(source) = exporter.source("endpoint") {
        let advice = match (protocol, endpoint.port()) {
            (Protocol::Grpc, 4318) => Some("port 4318 is that of OTLP over HTTP, but the protocol is grpc"),
            (Protocol::HttpProtobuf | Protocol::HttpJson, 4317) => {
                Some("port 4317 is that of OTLP over gRPC, but the protocol is HTTP: use 4318, or grpc")
            }
            _ => None,
        };
        if let Some(advice) = advice {
            draft.warn(&source.key, advice.into());
        }
    }
    for key in ["certificate", "client_key"] {
        if let (Some(source), false) = (exporter.source(key), endpoint.is_https()) {
            draft.warn(&source.key, "it has no effect: the endpoint is not https".into());
        }
    }
    Ok(OtlpExporting {
        protocol,
        endpoint,
        headers: given.headers.clone(),
        timeout: given.timeout.unwrap_or(Some(core::time::Duration::from_secs(10))),
        compression: given.compression,
        certificate: given.certificate.clone(),
        client_key: given.client_key.clone(),
        client_certificate: given.client_certificate.clone(),
    })
}
