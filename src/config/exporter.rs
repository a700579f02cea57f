//! Where spans, metrics and logs go: the kinds of exporters, and what each of them can be told.

use core::time::Duration;

use super::endpoint::{Endpoint, PathRule, Written};
use super::headers::{self, Headers};
use super::parse::{self, Fault, Parsed};
use super::read::Given;
use super::secret::Shown;

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metrics.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// The path behind the address of a collector.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Metrics => "v1/metrics",
            Self::Logs => "v1/logs",
        }
    }

    /// What stands in the names of variables that are for this signal alone.
    pub(super) const fn infix(self) -> &'static str {
        match self {
            Self::Traces => "TRACES_",
            Self::Metrics => "METRICS_",
            Self::Logs => "LOGS_",
        }
    }

    /// The variable that names exporters.
    pub(super) const fn selector(self) -> &'static str {
        match self {
            Self::Traces => "OTEL_TRACES_EXPORTER",
            Self::Metrics => "OTEL_METRICS_EXPORTER",
            Self::Logs => "OTEL_LOGS_EXPORTER",
        }
    }

    /// The key of the list of exporters.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Traces => "exporters",
            Self::Metrics => "metrics.exporters",
            Self::Logs => "logs.exporters",
        }
    }
}

/// One destination.
///
/// ```
/// use spanloom::config::{ConsoleFormat, Exporting};
/// let exporting = Exporting::Console(ConsoleFormat::Tree);
/// assert_eq!(exporting.kind(), "console");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exporting {
    /// A collector that speaks OTLP.
    Otlp(OtlpExporting),
    /// The standard output.
    Console(ConsoleFormat),
    /// A file with one OTLP/JSON request a line.
    File(FileExporting),
    /// A page that Prometheus reads; metrics only.
    Prometheus,
}

impl Exporting {
    /// Its name in files.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Otlp(_) => "otlp",
            Self::Console(_) => "console",
            Self::File(_) => "file",
            Self::Prometheus => "prometheus",
        }
    }
}

/// How things are written to the standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConsoleFormat {
    /// A workflow as a tree, for people.
    #[default]
    Tree,
    /// One JSON object a span, as otel-go's `stdouttrace` and so the semantic router print it.
    Stdouttrace,
    /// One OTLP/JSON request a line.
    OtlpJson,
}

impl ConsoleFormat {
    #[cfg_attr(not(feature = "yaml"), allow(dead_code, reason = "only files say it"))]
    const ALL: [Self; 3] = [Self::Tree, Self::Stdouttrace, Self::OtlpJson];

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Stdouttrace => "stdouttrace",
            Self::OtlpJson => "otlp_json",
        }
    }
}

/// A file of OTLP/JSON lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileExporting {
    /// Where it is.
    pub path: String,
    /// From how many bytes on a new one is begun; `None` for never.
    pub rotate_bytes: Option<u64>,
    /// How many old ones are kept.
    pub keep: u32,
}

/// How OTLP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protocol {
    /// gRPC.
    Grpc,
    /// Protobuf over HTTP.
    #[default]
    HttpProtobuf,
    /// JSON over HTTP.
    HttpJson,
}

impl Protocol {
    const ALL: [Self; 3] = [Self::Grpc, Self::HttpProtobuf, Self::HttpJson];

    /// Its name in variables and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
            Self::HttpJson => "http/json",
        }
    }
}

/// How requests are made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// With gzip.
    Gzip,
}

impl Compression {
    const ALL: [Self; 2] = [Self::None, Self::Gzip];

    /// Its name in variables and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
        }
    }
}

/// A collector that speaks OTLP. Files are named, not read.
///
/// ```
/// use spanloom::config::{OtlpExporting, Protocol, Secret};
/// let mut otlp = OtlpExporting::new("https://collector:4318/v1/traces".parse()?);
/// otlp.protocol = Protocol::HttpJson;
/// otlp.headers.push(("authorization".to_owned(), Secret::new("Bearer abc")));
/// assert!(!format!("{otlp:?}").contains("abc"));
/// # Ok::<(), spanloom::config::EndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpExporting {
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Where it is: over HTTP the whole URL, over gRPC scheme, host and port.
    pub endpoint: Endpoint,
    /// What goes along with every request.
    pub headers: Headers,
    /// How long one request may take; `None` for ever.
    pub timeout: Option<Duration>,
    /// How requests are made smaller.
    pub compression: Compression,
    /// A PEM file: whom to trust, instead of the usual authorities.
    pub certificate: Option<String>,
    /// A PEM file: our own key.
    pub client_key: Option<String>,
    /// A PEM file: our own certificate.
    pub client_certificate: Option<String>,
}

impl OtlpExporting {
    /// Protobuf over HTTP to this address, with OpenTelemetry's defaults.
    #[must_use]
    pub const fn new(endpoint: Endpoint) -> Self {
        Self {
            protocol: Protocol::HttpProtobuf,
            endpoint,
            headers: Headers::new(),
            timeout: Some(Duration::from_secs(10)),
            compression: Compression::None,
            certificate: None,
            client_key: None,
            client_certificate: None,
        }
    }
}

/// An OTLP exporter while its settings come in one by one.
#[derive(Debug, Clone, Default)]
pub(super) struct OtlpDraft {
    pub(super) protocol: Option<Protocol>,
    pub(super) endpoint: Option<Written>,
    pub(super) insecure: bool,
    pub(super) headers: Headers,
    /// `None` where nothing was said.
    pub(super) timeout: Option<Option<Duration>>,
    pub(super) compression: Compression,
    pub(super) certificate: Option<String>,
    pub(super) client_key: Option<String>,
    pub(super) client_certificate: Option<String>,
}

/// A setting of OTLP exporters.
pub(super) struct Field {
    /// Its key below the exporter.
    pub(super) key: &'static str,
    /// How the names of its variables end.
    pub(super) suffix: &'static str,
    pub(super) meaning: &'static str,
    /// What counts where nothing was said, as the table of settings tells it.
    pub(super) default: &'static str,
    pub(super) shown: Shown,
    pub(super) set: fn(&mut OtlpDraft, &Given<'_>) -> Parsed<()>,
    pub(super) show: fn(&OtlpExporting) -> String,
}

/// All settings of OTLP exporters.
pub(super) const FIELDS: [Field; 9] = [
    Field {
        key: "protocol",
        suffix: "PROTOCOL",
        meaning: "`http/protobuf`, `http/json` or `grpc`",
        default: "http/protobuf",
        shown: Shown::Plainly,
        set: |draft, given| {
            draft.protocol = Some(choice(&Protocol::ALL, |one| one.name(), given.text)?);
            Ok(())
        },
        show: |otlp| otlp.protocol.name().into(),
    },
    Field {
        key: "endpoint",
        suffix: "ENDPOINT",
        meaning: "where the collector is; see [endpoints](#endpoints)",
        default: "http://localhost:4318/v1/traces",
        shown: Shown::AsUrl,
        set: |draft, given| {
            draft.endpoint = Some(Written { text: given.text.into(), rule: given.path_rule });
            Ok(())
        },
        show: |otlp| otlp.endpoint.to_string(),
    },
    Field {
        key: "insecure",
        suffix: "INSECURE",
        meaning: "gRPC without a scheme in the endpoint: `true` for no TLS",
        default: "false",
        shown: Shown::Plainly,
        set: |draft, given| {
            draft.insecure = given.truth()?;
            Ok(())
        },
        // By then it is the scheme of the endpoint.
        show: |otlp| (!otlp.endpoint.is_https()).to_string(),
    },
    Field {
        key: "headers",
        suffix: "HEADERS",
        meaning: "headers of every request: `name=value,name=value`, values percent-encoded; in a file a map",
        default: "none",
        shown: Shown::Never,
        set: |draft, given| {
            draft.headers = headers::from_list(given.text)?;
            Ok(())
        },
        show: |otlp| {
            let names: Vec<String> =
                otlp.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
            if names.is_empty() { "none".into() } else { names.join(",") }
        },
    },
    Field {
        key: "timeout",
        suffix: "TIMEOUT",
        meaning: "how long one request may take; 0 for ever",
        default: "10000 ms",
        shown: Shown::Plainly,
        set: |draft, given| {
            draft.timeout = Some(parse::limit(given.duration()?));
            Ok(())
        },
        show: |otlp| parse::show_limit(otlp.timeout),
    },
    Field {
        key: "compression",
        suffix: "COMPRESSION",
        meaning: "`none` or `gzip`",
        default: "none",
        shown: Shown::Plainly,
        set: |draft, given| {
            draft.compression = choice(&Compression::ALL, |one| one.name(), given.text)?;
            Ok(())
        },
        show: |otlp| otlp.compression.name().into(),
    },
    Field {
        key: "certificate",
        suffix: "CERTIFICATE",
        meaning: "PEM file: whom to trust",
        default: "none",
        shown: Shown::Plainly,
        set: |draft, given| {
            draft.certificate = Some(given.text.into());
            Ok(())
        },
        show: |otlp| show_path(otlp.certificate.as_deref()),
    },
    Field {
        key: "client_key",
        suffix: "CLIENT_KEY",
        meaning: "PEM file: our own key",
        default: "none",
        shown: Shown::Plainly,
        set: |draft, given| {
            draft.client_key = Some(given.text.into());
            Ok(())
        },
        show: |otlp| show_path(otlp.client_key.as_deref()),
    },
    Field {
        key: "client_certificate",
        suffix: "CLIENT_CERTIFICATE",
        meaning: "PEM file: our own certificate",
        default: "none",
        shown: Shown::Plainly,
        set: |draft, given| {
            draft.client_certificate = Some(given.text.into());
            Ok(())
        },
        show: |otlp| show_path(otlp.client_certificate.as_deref()),
    },
];

pub(super) fn show_path(path: Option<&str>) -> String {
    path.map_or_else(|| "none".into(), |path| format!("{path:?}"))
}

/// The one of these that has this name, in whatever case.
pub(super) fn choice<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, text: &str) -> Parsed<T> {
    all.iter().copied().find(|one| name(*one).eq_ignore_ascii_case(text)).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|one| name(*one)).collect();
        Fault::Ignored(format!("it must be one of {}", names.join(", ")))
    })
}

#[cfg_attr(not(feature = "yaml"), allow(dead_code, reason = "only files say it"))]
pub(super) fn console_format(text: &str) -> Parsed<ConsoleFormat> {
    choice(&ConsoleFormat::ALL, |one| one.name(), text)
}

/// The variables of a field for a signal, the one that counts more behind the other, each with its rule for paths.
pub(super) fn variables(field: &Field, signal: Signal) -> [(String, PathRule); 2] {
    [
        (format!("OTEL_EXPORTER_OTLP_{}", field.suffix), PathRule::Base),
        (format!("OTEL_EXPORTER_OTLP_{}{}", signal.infix(), field.suffix), PathRule::Exact),
    ]
}
