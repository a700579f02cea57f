//! The table of all settings: key, variables, how a text becomes the value and how the value is shown.
//!
//! Reading, printing and `docs/configuration.md` all go through this table, so none of them can know a setting that the
//! others do not. Settings of exporters have a table of their own in [`exporter`](super::exporter), for there may be many.

use super::exporter::{choice, show_path};
use super::health::{self, ExportersInHealth};
use super::model::{
    Config, ExemplarFilter, HistogramAggregation, LogLevel, Origin, Propagator, Temporality, put_attribute,
};
use super::parse::{self, Fault, Parsed, percent_decoded};
use super::read::{Draft, Given};
use crate::otlp::convention::Convention;
use crate::redact::Hide;
use crate::sample::head::SamplerError;
use crate::sample::{Root, Sampler};

/// A setting.
pub(super) struct Setting {
    /// Its path below `spanloom` in files.
    pub(super) key: &'static str,
    /// Its variables, those that count more behind the others.
    pub(super) variables: &'static [&'static str],
    /// Whose setting it is.
    pub(super) system: &'static str,
    pub(super) meaning: &'static str,
    pub(super) set: fn(&mut Draft, &Given<'_>) -> Parsed<()>,
    pub(super) show: fn(&Config) -> String,
}

pub(super) const OTEL: &str = "OpenTelemetry";
const DYNAMO: &str = "Dynamo";
const ASTRON: &str = "astron";
const OPENINFERENCE: &str = "OpenInference";
const OWN: &str = "spanloom";

fn quoted(text: Option<&str>) -> String {
    show_path(text)
}

macro_rules! hide {
    ($name:literal, $variable:literal, $switch:ident, $meaning:literal) => {
        Setting {
            key: concat!("redaction.hide.", $name),
            variables: &[$variable],
            system: OPENINFERENCE,
            meaning: $meaning,
            set: |draft, given| {
                let on = given.truth()?;
                draft.config.redaction.hide = draft.config.redaction.hide.clone().set(Hide::$switch, on);
                Ok(())
            },
            show: |config| config.redaction.hide.is_set(Hide::$switch).to_string(),
        }
    };
}

/// All settings but those of exporters.
pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "enabled",
        variables: &["OTEL_SDK_DISABLED"],
        system: OTEL,
        meaning: "records at all; the variable says the opposite: `true` switches off. Contexts are passed on all the same",
        set: |draft, given| {
            draft.config.enabled = given.truth()? != (given.variable() == "OTEL_SDK_DISABLED");
            Ok(())
        },
        show: |config| config.enabled.to_string(),
    },
    Setting {
        key: "export",
        variables: &["OTLP_ENABLE", "OTEL_EXPORT_ENABLED"],
        system: "astron, Dynamo",
        meaning: "sends over OTLP; without it ids and logs are made all the same. See [Dynamo](#dynamo)",
        set: |draft, given| {
            draft.config.export = given.loose_truth()?;
            draft.export_said = true;
            draft.dynamo |= given.variable() == "OTEL_EXPORT_ENABLED";
            draft.dynamo_exports = given.variable() == "OTEL_EXPORT_ENABLED" && draft.config.export;
            Ok(())
        },
        show: |config| config.export.to_string(),
    },
    Setting {
        key: "tracer.name",
        variables: &["SERVICE_NAME"],
        system: ASTRON,
        meaning: "the tracer; also the service where nothing else names it",
        set: |draft, given| {
            draft.config.tracer_name = Some(given.text.into());
            Ok(())
        },
        show: |config| quoted(config.tracer_name.as_deref()),
    },
    Setting {
        key: "resource",
        variables: &["OTEL_RESOURCE_ATTRIBUTES"],
        system: OTEL,
        meaning: "attributes of the resource: `key=value,key=value`, percent-encoded; in a file a map",
        set: set_resource,
        show: |config| {
            let pairs: Vec<String> = config
                .resource
                .iter()
                .map(|(key, value)| format!("{}={}", key.escape_debug(), value.to_json()))
                .collect();
            if pairs.is_empty() { "none".into() } else { pairs.join(",") }
        },
    },
    Setting {
        key: "service.name",
        variables: &["OTEL_SERVICE_NAME"],
        system: OTEL,
        meaning: "the resource attribute `service.name`, over that of the line above",
        set: |draft, given| {
            draft.config.service_name = Some(given.text.into());
            Ok(())
        },
        show: |config| quoted(config.service_name.as_deref()),
    },
    Setting {
        key: "log_level",
        variables: &["OTEL_LOG_LEVEL"],
        system: OTEL,
        meaning: "how much the SDK tells of itself: `none`, `error`, `warn`, `info`, `debug`, `trace`",
        set: |draft, given| {
            draft.config.log_level = choice(&LogLevel::ALL, |one| one.name(), given.text)?;
            Ok(())
        },
        show: |config| config.log_level.name().into(),
    },
    Setting {
        key: "propagators",
        variables: &["OTEL_PROPAGATORS"],
        system: OTEL,
        meaning: "what `Loom::inject` writes and `Loom::extract` reads: `tracecontext`, `baggage`, or `none`; in a file a list",
        set: set_propagators,
        show: |config| {
            let names: Vec<&str> = config.propagators.iter().map(|one| one.name()).collect();
            if names.is_empty() { "none".into() } else { names.join(",") }
        },
    },
    Setting {
        key: "sampler.type",
        variables: &["OTEL_TRACES_SAMPLER"],
        system: OTEL,
        meaning: "`always_on`, `always_off`, `traceidratio`, each also as `parentbased_...`",
        set: set_sampler,
        show: |config| config.sampler.to_string(),
    },
    Setting {
        key: "sampler.ratio",
        variables: &["OTEL_TRACES_SAMPLER_ARG"],
        system: OTEL,
        meaning: "the share of traces that the ratio samplers take, from 0 to 1; 1 where it is not set",
        set: |draft, given| match given.text.parse::<f64>() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => {
                draft.sampler.ratio = Some(given.source());
                Ok(())
            }
            _ => Err(Fault::Ignored("it must be a number from 0 to 1".into())),
        },
        show: |config| {
            let root = match config.sampler {
                Sampler::Root(root) => root,
                Sampler::ParentBased(parts) => parts.root,
            };
            if let Root::Ratio(ratio) = root { ratio.rate().to_string() } else { "none".into() }
        },
    },
    Setting {
        key: "limits.attributes",
        variables: &["OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"],
        system: OTEL,
        meaning: "attributes of a span",
        set: |draft, given| {
            draft.config.limits.attributes = parse::small_count(given.text)?;
            Ok(())
        },
        show: |config| config.limits.attributes.to_string(),
    },
    Setting {
        key: "limits.value_length",
        variables: &["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
        system: OTEL,
        meaning: "characters of a text, bytes of a byte string; OpenTelemetry has no limit by default",
        set: |draft, given| {
            draft.config.limits.value_length = parse::length(given.text)?;
            Ok(())
        },
        show: |config| config.limits.value_length.to_string(),
    },
    Setting {
        key: "limits.events",
        variables: &["OTEL_SPAN_EVENT_COUNT_LIMIT"],
        system: OTEL,
        meaning: "events of a span",
        set: |draft, given| {
            draft.config.limits.events = parse::small_count(given.text)?;
            Ok(())
        },
        show: |config| config.limits.events.to_string(),
    },
    Setting {
        key: "limits.links",
        variables: &["OTEL_SPAN_LINK_COUNT_LIMIT"],
        system: OTEL,
        meaning: "links of a span",
        set: |draft, given| {
            draft.config.limits.links = parse::small_count(given.text)?;
            Ok(())
        },
        show: |config| config.limits.links.to_string(),
    },
    Setting {
        key: "limits.nested_attributes",
        variables: &["OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"],
        system: OTEL,
        meaning: "attributes of an event or a link, which share one limit: of two variables the larger counts",
        set: |draft, given| {
            let limit = parse::small_count(given.text)?;
            let known = draft.config.origins.get("limits.nested_attributes");
            let other =
                matches!(known, Some(Origin::Variable(_))).then_some(draft.config.limits.nested_attributes);
            draft.config.limits.nested_attributes = limit.max(other.unwrap_or(0));
            Ok(())
        },
        show: |config| config.limits.nested_attributes.to_string(),
    },
    Setting {
        key: "limits.value_depth",
        variables: &[],
        system: OWN,
        meaning: "how deep arrays and maps nest",
        set: |draft, given| {
            draft.config.limits.value_depth = parse::small_count(given.text)?;
            Ok(())
        },
        show: |config| config.limits.value_depth.to_string(),
    },
    Setting {
        key: "limits.value_nodes",
        variables: &[],
        system: OWN,
        meaning: "values within one attribute",
        set: |draft, given| {
            draft.config.limits.value_nodes = parse::small_count(given.text)?;
            Ok(())
        },
        show: |config| config.limits.value_nodes.to_string(),
    },
    Setting {
        key: "limits.key_length",
        variables: &[],
        system: OWN,
        meaning: "bytes of a key",
        set: |draft, given| {
            draft.config.limits.key_length = parse::length(given.text)?;
            Ok(())
        },
        show: |config| config.limits.key_length.to_string(),
    },
    Setting {
        key: "limits.span_bytes",
        variables: &[],
        system: OWN,
        meaning: "bytes of a span in all",
        set: |draft, given| {
            draft.config.limits.span_bytes = usize::try_from(parse::bytes(given.text)?).unwrap_or(usize::MAX);
            Ok(())
        },
        show: |config| parse::show_bytes(u64::try_from(config.limits.span_bytes).unwrap_or(u64::MAX)),
    },
    Setting {
        key: "batch.schedule_delay",
        variables: &["OTEL_BSP_SCHEDULE_DELAY"],
        system: OTEL,
        meaning: "how long a batch that is not full waits",
        set: |draft, given| {
            draft.config.batch.schedule_delay = given.duration()?;
            Ok(())
        },
        show: |config| parse::show_duration(config.batch.schedule_delay),
    },
    Setting {
        key: "batch.export_timeout",
        variables: &["OTEL_BSP_EXPORT_TIMEOUT"],
        system: OTEL,
        meaning: "how long one request may take, beside the exporter's `timeout`: the smaller counts; 0 for ever",
        set: |draft, given| {
            draft.config.batch.export_timeout = parse::limit(given.duration()?);
            Ok(())
        },
        show: |config| parse::show_limit(config.batch.export_timeout),
    },
    Setting {
        key: "batch.max_queue_size",
        variables: &["OTEL_BSP_MAX_QUEUE_SIZE"],
        system: OTEL,
        meaning: "how many spans wait at most; `auto` is what delivery has by default",
        set: |draft, given| {
            draft.config.batch.max_queue_size = Some(parse::positive(given.text)?);
            Ok(())
        },
        show: |config| config.batch.max_queue_size.map_or_else(|| "auto".into(), |size| size.to_string()),
    },
    Setting {
        key: "batch.max_export_batch_size",
        variables: &["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"],
        system: OTEL,
        meaning: "how many spans go into one request",
        set: |draft, given| {
            draft.config.batch.max_export_batch_size = parse::positive(given.text)?;
            Ok(())
        },
        show: |config| config.batch.max_export_batch_size.to_string(),
    },
    Setting {
        key: "wording.convention",
        variables: &["OTEL_SEMCONV_STABILITY_OPT_IN", "SPANLOOM_CONVENTION"],
        system: "OpenTelemetry, spanloom",
        meaning: "in which words spans leave: `gen_ai`, `gen_ai_latest_experimental`, `openinference`; the first variable \
                  holds a list and knows the second word only",
        set: |draft, given| {
            if given.variable() == "OTEL_SEMCONV_STABILITY_OPT_IN" {
                draft.config.wording.convention = Convention::from_opt_in(given.text);
            } else {
                draft.config.wording.convention = choice(&CONVENTIONS, convention_name, given.text)?;
            }
            Ok(())
        },
        show: |config| convention_name(config.wording.convention).into(),
    },
    Setting {
        key: "wording.structured_as_json",
        variables: &["SPANLOOM_STRUCTURED_AS_JSON"],
        system: OWN,
        meaning: "arrays and maps leave as JSON text",
        set: |draft, given| {
            draft.config.wording.structured_as_json = given.truth()?;
            Ok(())
        },
        show: |config| config.wording.structured_as_json.to_string(),
    },
    Setting {
        key: "redaction.enabled",
        variables: &["SPANLOOM_REDACT"],
        system: OWN,
        meaning: "takes secrets out of spans, by their look and by the names of their keys",
        set: |draft, given| {
            draft.config.redaction.enabled = given.truth()?;
            Ok(())
        },
        show: |config| config.redaction.enabled.to_string(),
    },
    hide!("inputs", "OPENINFERENCE_HIDE_INPUTS", Inputs, "hides inputs, input messages, prompts and tools"),
    hide!("outputs", "OPENINFERENCE_HIDE_OUTPUTS", Outputs, "hides outputs, output messages and choices"),
    hide!(
        "input_messages",
        "OPENINFERENCE_HIDE_INPUT_MESSAGES",
        InputMessages,
        "hides messages that went in"
    ),
    hide!(
        "output_messages",
        "OPENINFERENCE_HIDE_OUTPUT_MESSAGES",
        OutputMessages,
        "hides messages that came out"
    ),
    hide!(
        "input_images",
        "OPENINFERENCE_HIDE_INPUT_IMAGES",
        InputImages,
        "hides images in messages that went in"
    ),
    hide!("input_text", "OPENINFERENCE_HIDE_INPUT_TEXT", InputText, "hides texts in messages that went in"),
    hide!(
        "output_text",
        "OPENINFERENCE_HIDE_OUTPUT_TEXT",
        OutputText,
        "hides texts in messages that came out"
    ),
    hide!("prompts", "OPENINFERENCE_HIDE_PROMPTS", Prompts, "hides prompts of the completions interface"),
    hide!("choices", "OPENINFERENCE_HIDE_CHOICES", Choices, "hides choices of the completions interface"),
    hide!("llm_tools", "OPENINFERENCE_HIDE_LLM_TOOLS", LlmTools, "hides tools that were offered"),
    hide!(
        "llm_invocation_parameters",
        "OPENINFERENCE_HIDE_LLM_INVOCATION_PARAMETERS",
        LlmInvocationParameters,
        "hides how a model was invoked"
    ),
    hide!(
        "embeddings_vectors",
        "OPENINFERENCE_HIDE_EMBEDDINGS_VECTORS",
        EmbeddingsVectors,
        "hides vectors of embeddings"
    ),
    hide!(
        "embeddings_text",
        "OPENINFERENCE_HIDE_EMBEDDINGS_TEXT",
        EmbeddingsText,
        "hides texts that were embedded"
    ),
    Setting {
        key: "redaction.image_max_length",
        variables: &["OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH"],
        system: OPENINFERENCE,
        meaning: "bytes of an image in a data URL",
        set: |draft, given| {
            let bytes = parse::length(given.text)?;
            draft.config.redaction.hide = draft.config.redaction.hide.clone().max_image_length(bytes);
            Ok(())
        },
        show: |config| config.redaction.hide.image_max_length().to_string(),
    },
    Setting {
        key: "spool.path",
        variables: &["SPANLOOM_SPOOL"],
        system: OWN,
        meaning: "a folder where records are kept until they are delivered",
        set: |draft, given| {
            draft.config.spool.path = Some(given.text.into());
            Ok(())
        },
        show: |config| quoted(config.spool.path.as_deref()),
    },
    Setting {
        key: "spool.size",
        variables: &["SPANLOOM_SPOOL_SIZE"],
        system: OWN,
        meaning: "the most that the folder may hold: bytes, or a number with `KiB`, `MiB`, `GiB`",
        set: |draft, given| {
            draft.config.spool.size = parse::bytes(given.text)?;
            Ok(())
        },
        show: |config| parse::show_bytes(config.spool.size),
    },
    Setting {
        key: "spool.durable",
        variables: &["SPANLOOM_SPOOL_DURABLE"],
        system: OWN,
        meaning: "records are on the disk before a hand-over returns",
        set: |draft, given| {
            draft.config.spool.durable = given.truth()?;
            Ok(())
        },
        show: |config| config.spool.durable.to_string(),
    },
    Setting {
        key: "live_view",
        variables: &["SPANLOOM_LIVE_VIEW"],
        system: OWN,
        meaning: "records also when spans start, for a viewer of what is running",
        set: |draft, given| {
            draft.config.live_view = given.truth()?;
            Ok(())
        },
        show: |config| config.live_view.to_string(),
    },
    Setting {
        key: "random_flag",
        variables: &["SPANLOOM_RANDOM_FLAG"],
        system: OWN,
        meaning: "tells peers that trace ids are random; older ones refuse the flag",
        set: |draft, given| {
            draft.config.random_flag = given.truth()?;
            Ok(())
        },
        show: |config| config.random_flag.to_string(),
    },
    Setting {
        key: "json_logs.enabled",
        variables: &["DYN_LOGGING_JSONL"],
        system: DYNAMO,
        meaning: "logs are JSON lines with trace context; see [Dynamo](#dynamo)",
        set: |draft, given| {
            draft.config.json_logs.enabled = given.loose_truth()?;
            draft.dynamo |= given.variable() == "DYN_LOGGING_JSONL" && draft.config.json_logs.enabled;
            Ok(())
        },
        show: |config| config.json_logs.enabled.to_string(),
    },
    Setting {
        key: "json_logs.filter",
        variables: &["DYN_LOG"],
        system: DYNAMO,
        meaning: "what is logged: `level,target=level,...`; the level is `info` where neither this nor a file gives one",
        set: |draft, given| {
            draft.config.json_logs.filter = given.text.into();
            Ok(())
        },
        show: |config| quoted(Some(&config.json_logs.filter)),
    },
    Setting {
        key: "json_logs.filter_file",
        variables: &["DYN_LOGGING_CONFIG_PATH"],
        system: DYNAMO,
        meaning: "a TOML file with `log_level` and `[log_filters]`; see [Dynamo](#dynamo)",
        set: |draft, given| {
            draft.config.json_logs.filter_file = Some(given.text.into());
            Ok(())
        },
        show: |config| quoted(config.json_logs.filter_file.as_deref()),
    },
    Setting {
        key: "json_logs.span_events",
        variables: &["DYN_LOGGING_SPAN_EVENTS"],
        system: DYNAMO,
        meaning: "also a line when a span is entered first, and one when it closes",
        set: |draft, given| {
            draft.config.json_logs.span_events = given.loose_truth()?;
            Ok(())
        },
        show: |config| config.json_logs.span_events.to_string(),
    },
    Setting {
        key: "json_logs.local_time",
        variables: &["DYN_LOG_USE_LOCAL_TZ"],
        system: DYNAMO,
        meaning: "local time with its offset instead of UTC",
        set: |draft, given| {
            draft.config.json_logs.local_time = given.loose_truth()?;
            Ok(())
        },
        show: |config| config.json_logs.local_time.to_string(),
    },
    Setting {
        key: "json_logs.ansi",
        variables: &["DYN_SDK_DISABLE_ANSI_LOGGING"],
        system: DYNAMO,
        meaning: "colours in logs that are text; the variable says the opposite",
        set: |draft, given| {
            draft.config.json_logs.ansi =
                given.loose_truth()? != (given.variable() == "DYN_SDK_DISABLE_ANSI_LOGGING");
            Ok(())
        },
        show: |config| config.json_logs.ansi.to_string(),
    },
    Setting {
        key: "health.host",
        variables: &["DYN_SYSTEM_HOST"],
        system: DYNAMO,
        meaning: "the address that the health server listens on",
        set: |draft, given| {
            draft.config.health.host = health::host(given.text)?;
            Ok(())
        },
        show: |config| quoted(Some(&config.health.host)),
    },
    Setting {
        key: "health.port",
        variables: &["DYN_SYSTEM_PORT"],
        system: DYNAMO,
        meaning: "its port: 0 for a free one, below 0 for no server",
        set: |draft, given| {
            draft.config.health.port = health::port(given.text)?;
            Ok(())
        },
        show: |config| health::show_port(config.health.port),
    },
    Setting {
        key: "health.path",
        variables: &["DYN_SYSTEM_HEALTH_PATH"],
        system: DYNAMO,
        meaning: "where readiness is asked for",
        set: |draft, given| {
            draft.config.health.path = health::path(given.text)?;
            Ok(())
        },
        show: |config| quoted(Some(&config.health.path)),
    },
    Setting {
        key: "health.live_path",
        variables: &["DYN_SYSTEM_LIVE_PATH"],
        system: DYNAMO,
        meaning: "where it is asked whether the program is alive",
        set: |draft, given| {
            draft.config.health.live_path = health::path(given.text)?;
            Ok(())
        },
        show: |config| quoted(Some(&config.health.live_path)),
    },
    Setting {
        key: "health.starting",
        variables: &["DYN_SYSTEM_STARTING_HEALTH_STATUS"],
        system: DYNAMO,
        meaning: "what the program is until more is known: `ready` or `notready`",
        set: |draft, given| {
            draft.config.health.starting = health::status(given.text)?;
            Ok(())
        },
        show: |config| config.health.starting.name().into(),
    },
    Setting {
        key: "health.endpoints",
        variables: &["DYN_SYSTEM_USE_ENDPOINT_HEALTH_STATUS"],
        system: DYNAMO,
        meaning: "the endpoints that must be ready, as a list of names; the variable gives a warning, as Dynamo has deprecated it",
        set: |draft, given| {
            draft.config.health.endpoints = health::endpoints(given.text)?;
            if !given.variable().is_empty() && !draft.config.health.endpoints.is_empty() {
                let message = "Dynamo has deprecated it, it works all the same; canary checks say by themselves which endpoints count";
                draft.warn(given.key, message.into());
            }
            Ok(())
        },
        show: |config| health::show_endpoints(&config.health.endpoints),
    },
    Setting {
        key: "health.canary.enabled",
        variables: &["DYN_HEALTH_CHECK_ENABLED"],
        system: DYNAMO,
        meaning: "checks endpoints that nobody uses",
        set: |draft, given| {
            draft.config.health.canary.enabled = health::switch(given.text)?;
            Ok(())
        },
        show: |config| config.health.canary.enabled.to_string(),
    },
    Setting {
        key: "health.canary.wait",
        variables: &["DYN_CANARY_WAIT_TIME"],
        system: DYNAMO,
        meaning: "how long an endpoint is idle before it is checked; the variable is in seconds",
        set: |draft, given| {
            draft.config.health.canary.wait = health::seconds(given)?;
            Ok(())
        },
        show: |config| parse::show_duration(config.health.canary.wait),
    },
    Setting {
        key: "health.canary.timeout",
        variables: &["DYN_HEALTH_CHECK_REQUEST_TIMEOUT"],
        system: DYNAMO,
        meaning: "how long a check may take; the variable is in seconds",
        set: |draft, given| {
            draft.config.health.canary.timeout = health::seconds(given)?;
            Ok(())
        },
        show: |config| parse::show_duration(config.health.canary.timeout),
    },
    Setting {
        key: "health.exporters",
        variables: &["SPANLOOM_HEALTH_EXPORTERS"],
        system: OWN,
        meaning: "what exporters have to do with health: `hidden`, `shown` in the answer, or `decide`: a dead one makes the program not ready",
        set: |draft, given| {
            draft.config.health.exporters = choice(&ExportersInHealth::ALL, |one| one.name(), given.text)?;
            Ok(())
        },
        show: |config| config.health.exporters.name().into(),
    },
    Setting {
        key: "metrics.interval",
        variables: &["OTEL_METRIC_EXPORT_INTERVAL"],
        system: OTEL,
        meaning: "how often metrics are read and sent",
        set: |draft, given| {
            let interval = given.duration()?;
            if interval.is_zero() {
                return Err(Fault::Ignored("it must be more than 0".into()));
            }
            draft.config.metrics.interval = interval;
            Ok(())
        },
        show: |config| parse::show_duration(config.metrics.interval),
    },
    Setting {
        key: "metrics.timeout",
        variables: &["OTEL_METRIC_EXPORT_TIMEOUT"],
        system: OTEL,
        meaning: "how long that may take; 0 for ever",
        set: |draft, given| {
            draft.config.metrics.timeout = parse::limit(given.duration()?);
            Ok(())
        },
        show: |config| parse::show_limit(config.metrics.timeout),
    },
    Setting {
        key: "metrics.exemplars",
        variables: &["OTEL_METRICS_EXEMPLAR_FILTER"],
        system: OTEL,
        meaning: "which measurements become exemplars: `trace_based`, `always_on`, `always_off`",
        set: |draft, given| {
            draft.config.metrics.exemplars = choice(&ExemplarFilter::ALL, |one| one.name(), given.text)?;
            Ok(())
        },
        show: |config| config.metrics.exemplars.name().into(),
    },
    Setting {
        key: "metrics.temporality",
        variables: &["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"],
        system: OTEL,
        meaning: "since when points count: `cumulative`, `delta`, `lowmemory`",
        set: |draft, given| {
            draft.config.metrics.temporality = choice(&Temporality::ALL, |one| one.name(), given.text)?;
            Ok(())
        },
        show: |config| config.metrics.temporality.name().into(),
    },
    Setting {
        key: "metrics.histogram",
        variables: &["OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"],
        system: OTEL,
        meaning: "`explicit_bucket_histogram` or `base2_exponential_bucket_histogram`",
        set: |draft, given| {
            draft.config.metrics.histogram =
                choice(&HistogramAggregation::ALL, |one| one.name(), given.text)?;
            Ok(())
        },
        show: |config| config.metrics.histogram.name().into(),
    },
];

const CONVENTIONS: [Convention; 3] = [Convention::GenAi, Convention::GenAiLatest, Convention::OpenInference];

const fn convention_name(convention: Convention) -> &'static str {
    match convention {
        Convention::GenAi => "gen_ai",
        Convention::GenAiLatest => "gen_ai_latest_experimental",
        Convention::OpenInference => "openinference",
    }
}

/// OpenTelemetry's rule: one wrong member discards all.
fn set_resource(draft: &mut Draft, given: &Given<'_>) -> Parsed<()> {
    let wrong = || Fault::Ignored("it must be key=value,key=value with percent-encoded values".into());
    let mut attributes = Vec::new();
    for member in parse::members(given.text) {
        let (key, value) = member.split_once('=').ok_or_else(wrong)?;
        let key = percent_decoded(key.trim()).filter(|key| !key.is_empty()).ok_or_else(wrong)?;
        attributes.push((key, percent_decoded(value.trim()).ok_or_else(wrong)?));
    }
    for (key, value) in attributes {
        if key == "service.name" {
            draft.config.origins.insert("service.name".into(), given.origin.clone());
        }
        put_attribute(&mut draft.config, &key, value.into());
    }
    Ok(())
}

fn set_sampler(draft: &mut Draft, given: &Given<'_>) -> Parsed<()> {
    // The error's own text holds the name, which may be a secret that was filled in.
    let why = match Sampler::from_otel(given.text, None) {
        Ok(_) => {
            draft.sampler.name = Some(given.source());
            draft.sampler.by_router = false;
            return Ok(());
        }
        Err(SamplerError::Unsupported { .. }) => "it needs a sampling server, which is not supported",
        Err(_) => "there is no such sampler",
    };
    let known = "use always_on, always_off or traceidratio, or one of them with parentbased_ in front";
    Err(Fault::Ignored(format!("{why}; {known}")))
}

fn set_propagators(draft: &mut Draft, given: &Given<'_>) -> Parsed<()> {
    let mut wanted: Vec<Propagator> = Vec::new();
    let mut unknown = Vec::new();
    let mut none = false;
    for name in parse::members(given.text) {
        match choice(&Propagator::ALL, |one| one.name(), name) {
            Ok(one) if !wanted.contains(&one) => wanted.push(one),
            Ok(_) => {}
            Err(_) if name.eq_ignore_ascii_case("none") => none = true,
            Err(_) => unknown.push(name),
        }
    }
    if !unknown.is_empty() && (wanted.is_empty() || given.variable().is_empty()) {
        return Err(Fault::Ignored("it must be a list of tracecontext, baggage, or none".into()));
    }
    for name in unknown {
        draft.warn(
            given.key,
            format!("there is no propagator {}: it is left out", super::secret::quoted(name)),
        );
    }
    if none && !wanted.is_empty() {
        draft.warn(given.key, "\"none\" beside other propagators has no effect".into());
    }
    draft.config.propagators = wanted;
    Ok(())
}
