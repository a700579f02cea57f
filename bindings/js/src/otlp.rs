//! OTLP for JavaScript: requests out of records, and JSON and protobuf into each other.

use spanloom::otlp::{Resource, Scope, encode_traces, json};
use spanloom::record::finished_spans;
use spanloom::workflow::SpanOptions;
use spanloom::{SpanId, TraceId};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::args::{Options, text};
use crate::error::OrThrow;
use crate::host;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** Who made the telemetry, and which trace it belongs to. */
export interface OtlpOptions {
  /** The attribute `service.name`. */
  serviceName?: string;
  /** Further attributes of the resource. */
  resource?: Record<string, unknown>;
  /** Name of the instrumentation scope; where missing, it is `spanloom` with its own version. */
  scopeName?: string;
  scopeVersion?: string;
  /** 32 hex digits; random ones where missing. */
  traceId?: string;
  /** 16 hex digits: the span above the workflow. */
  parentSpanId?: string;
  /** How many minutes the times in log lines are ahead of UTC; 0 where missing. */
  utcOffsetMinutes?: number;
}
"#;

pub const OTLP_ERROR: &str = "OtlpError";

/// What [`OtlpOptions`](TYPES) say.
pub struct Export {
    pub resource: Resource,
    pub scope: Scope,
    pub spans: SpanOptions,
}

impl Export {
    /// Reads the options of an export. An id that is none is an error: it would break a trace in silence.
    pub fn read(options: &JsValue) -> Result<Self, JsValue> {
        let options = Options::read(options);
        let service = options.get(["serviceName", "service_name"]).cloned();
        let service = service.map(|name| ("service.name", name));
        let further = options
            .entries(["resource", "resource"])
            .iter()
            .map(|(key, value)| (key.as_str(), value.clone()));
        let resource = Resource::new(service.into_iter().chain(further));
        let version = options.text(["scopeVersion", "scope_version"]);
        let scope = match options.text(["scopeName", "scope_name"]).as_str() {
            "" => Scope::new("spanloom", env!("CARGO_PKG_VERSION")),
            name => Scope::new(name, &version),
        };
        let trace_id = match options.text(["traceId", "trace_id"]).as_str() {
            "" => TraceId::from_bytes(host::random()),
            hex => hex.parse().or_throw(OTLP_ERROR)?,
        };
        let parent = match options.text(["parentSpanId", "parent_span_id"]).as_str() {
            "" => SpanId::NONE,
            hex => hex.parse().or_throw(OTLP_ERROR)?,
        };
        let offset = options.int(["utcOffsetMinutes", "utc_offset_minutes"]).unwrap_or_default();
        let spans = SpanOptions { trace_id, parent, utc_offset_minutes: offset as i32 };
        Ok(Self { resource, scope, spans })
    }

    /// The trace request with these spans.
    pub fn request<'a>(&self, spans: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
        let mut request = Vec::new();
        encode_traces(&self.resource, &self.scope, spans, &mut request);
        request
    }
}

/// The OTLP trace request with the finished spans of a stream of records, as protobuf.
///
/// ```js
/// const body = recordsToOtlp(records, { serviceName: "planner" });
/// await fetch(url, { method: "POST", body, headers: { "content-type": "application/x-protobuf" } });
/// ```
///
/// # Errors
/// An `OtlpError` when an option is not what it should be.
#[wasm_bindgen(js_name = recordsToOtlp)]
pub fn records_to_otlp(
    records: &[u8],
    #[wasm_bindgen(unchecked_optional_param_type = "OtlpOptions")] options: &JsValue,
) -> Result<Vec<u8>, JsValue> {
    Export::read(options).map(|export| export.request(finished_spans(records)))
}

/// The OTLP trace request with the finished spans of a stream of records, as JSON.
///
/// ```js
/// const body = recordsToOtlpJson(records, { serviceName: "planner" });
/// ```
///
/// # Errors
/// An `OtlpError` when an option is not what it should be, or a record holds no span.
#[wasm_bindgen(js_name = recordsToOtlpJson)]
pub fn records_to_otlp_json(
    records: &[u8],
    #[wasm_bindgen(unchecked_optional_param_type = "OtlpOptions")] options: &JsValue,
) -> Result<String, JsValue> {
    traces_to_json(&records_to_otlp(records, options)?)
}

/// The JSON of a trace request.
///
/// ```js
/// tracesToJson(request);   // '{"resourceSpans":[...]}'
/// ```
///
/// # Errors
/// An `OtlpError` when the bytes are no trace request.
#[wasm_bindgen(js_name = tracesToJson)]
pub fn traces_to_json(request: &[u8]) -> Result<String, JsValue> {
    json::traces_to_json(request).or_throw(OTLP_ERROR)
}

/// The trace request that stands in a JSON text.
///
/// ```js
/// const request = tracesFromJson(await response.text());
/// ```
///
/// # Errors
/// An `OtlpError` when the text is no JSON or no trace request.
#[wasm_bindgen(js_name = tracesFromJson)]
pub fn traces_from_json(
    #[wasm_bindgen(unchecked_param_type = "string")] json: &JsValue,
) -> Result<Vec<u8>, JsValue> {
    json::traces_from_json(text(json).as_bytes()).or_throw(OTLP_ERROR)
}

/// The JSON of a log request.
///
/// ```js
/// logsToJson(request);   // '{"resourceLogs":[...]}'
/// ```
///
/// # Errors
/// An `OtlpError` when the bytes are no log request.
#[wasm_bindgen(js_name = logsToJson)]
pub fn logs_to_json(request: &[u8]) -> Result<String, JsValue> {
    json::logs_to_json(request).or_throw(OTLP_ERROR)
}

/// The log request that stands in a JSON text.
///
/// ```js
/// const request = logsFromJson('{"resourceLogs":[]}');
/// ```
///
/// # Errors
/// An `OtlpError` when the text is no JSON or no log request.
#[wasm_bindgen(js_name = logsFromJson)]
pub fn logs_from_json(
    #[wasm_bindgen(unchecked_param_type = "string")] json: &JsValue,
) -> Result<Vec<u8>, JsValue> {
    json::logs_from_json(text(json).as_bytes()).or_throw(OTLP_ERROR)
}

/// The JSON of a metrics request.
///
/// ```js
/// metricsToJson(request);   // '{"resourceMetrics":[...]}'
/// ```
///
/// # Errors
/// An `OtlpError` when the bytes are no metrics request.
#[wasm_bindgen(js_name = metricsToJson)]
pub fn metrics_to_json(request: &[u8]) -> Result<String, JsValue> {
    json::metrics_to_json(request).or_throw(OTLP_ERROR)
}

/// The metrics request that stands in a JSON text.
///
/// ```js
/// const request = metricsFromJson('{"resourceMetrics":[]}');
/// ```
///
/// # Errors
/// An `OtlpError` when the text is no JSON or no metrics request.
#[wasm_bindgen(js_name = metricsFromJson)]
pub fn metrics_from_json(
    #[wasm_bindgen(unchecked_param_type = "string")] json: &JsValue,
) -> Result<Vec<u8>, JsValue> {
    json::metrics_from_json(text(json).as_bytes()).or_throw(OTLP_ERROR)
}
