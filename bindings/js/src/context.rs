//! `Context`.

use core::cell::RefCell;

use serde::Serialize;
use spanloom::context::{
    Context as Inner, ExtractReport, RequestId, RootOptions, SpanContext, extract_with_report, inject,
};
use spanloom::{SpanId, TraceId};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::args::{Options, text};
use crate::carrier::{Carrier, read_headers};
use crate::error::OrThrow;
use crate::{give, host};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A header map: of the Fetch API, of NATS, a `Map`, a plain object, or pairs. A name may have several values. */
export type HeaderMap =
  | Headers
  | Map<string, string | string[]>
  | Record<string, string | string[] | undefined>
  | [string, string][]
  | { set(name: string, value: string): unknown; delete(name: string): unknown };

/** How a new trace begins. */
export interface RootOptions {
  /** Sets the sampled flag; true where missing. */
  sampled?: boolean;
  /** Sets the random flag of W3C Level 2; false where missing, as older peers refuse it. */
  randomFlag?: boolean;
  /** 32 hex digits; random ones where missing. */
  traceId?: string;
  /** 16 hex digits; random ones where missing. */
  spanId?: string;
}

/** What was dropped while headers were read; an empty object where nothing was. */
export interface ExtractReport {
  /** Why the trace headers were ignored. */
  traceparent?: string;
  /** Why the tracestate was ignored. */
  tracestate?: string;
  /** How many members were cut off a long tracestate. */
  tracestateCut?: number;
  /** How many members of the baggage were wrong or too many. */
  baggageDropped?: number;
  /** Why the request id was ignored. */
  requestId?: string;
}
"#;

const CONTEXT_ERROR: &str = "ContextError";

/// What travels with a request: trace, span, flags, tracestate, baggage and request id, by the W3C's rules.
///
/// ```js
/// const came = Context.extract(request.headers);
/// const own = came.child();                       // the span that serves the request
/// await fetch(url, { headers: own.inject({}) });
/// ```
#[wasm_bindgen]
pub struct Context {
    context: RefCell<Inner>,
    report: ExtractReport,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dropped {
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    tracestate_cut: usize,
    #[serde(skip_serializing_if = "is_zero")]
    baggage_dropped: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Context {
    fn of(context: Inner, report: ExtractReport) -> Self {
        Self { context: RefCell::new(context), report }
    }

    fn of_span<T>(&self, read: impl FnOnce(&SpanContext) -> T) -> Option<T> {
        self.context.borrow().span.as_ref().map(read)
    }
}

#[wasm_bindgen]
impl Context {
    /// A context without anything in it.
    ///
    /// ```js
    /// const context = new Context();
    /// context.setBaggage("tenant", "a");
    /// ```
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::of(Inner::default(), ExtractReport::default())
    }

    /// Reads what came with a request. Headers that break the rules count as absent; `dropped` tells of them.
    ///
    /// ```js
    /// const context = Context.extract({ traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" });
    /// context.traceId;   // "0af7651916cd43dd8448eb211c80319c"
    /// ```
    #[must_use]
    pub fn extract(#[wasm_bindgen(unchecked_param_type = "HeaderMap")] headers: &JsValue) -> Self {
        let (context, report) = extract_with_report(&read_headers(headers));
        Self::of(context, report)
    }

    /// The first span of a new trace. Throws a `ContextError` for an id that is none.
    ///
    /// ```js
    /// const context = Context.root();
    /// ```
    ///
    /// # Errors
    /// When an id is not hex digits of the right number.
    pub fn root(
        #[wasm_bindgen(unchecked_optional_param_type = "RootOptions")] options: &JsValue,
    ) -> Result<Self, JsValue> {
        let options = Options::read(options);
        let trace_id = match options.text(["traceId", "trace_id"]).as_str() {
            "" => TraceId::from_bytes(host::random()),
            hex => hex.parse().or_throw(CONTEXT_ERROR)?,
        };
        let span_id = read_span_id(&options.text(["spanId", "span_id"]))?;
        let root = RootOptions {
            sampled: options.bool(["sampled", "sampled"]).unwrap_or(true),
            random_flag: options.bool(["randomFlag", "random_flag"]).unwrap_or(false),
        };
        let span = Some(SpanContext::root(trace_id, span_id, root));
        Ok(Self::of(Inner { span, ..Inner::default() }, ExtractReport::default()))
    }

    /// The context of a span below this one, or of a new trace where there is none: the same baggage and request id.
    /// Throws a `ContextError` for an id that is none.
    ///
    /// ```js
    /// const own = Context.extract(headers).child();
    /// ```
    ///
    /// # Errors
    /// When the id is not 16 hex digits.
    pub fn child(
        &self,
        #[wasm_bindgen(unchecked_optional_param_type = "string")] span_id: &JsValue,
    ) -> Result<Self, JsValue> {
        let span_id = read_span_id(&text(span_id))?;
        let mut context = self.context.borrow().clone();
        context.span = Some(match &context.span {
            Some(parent) => parent.child(span_id),
            None => SpanContext::root(TraceId::from_bytes(host::random()), span_id, RootOptions::default()),
        });
        Ok(Self::of(context, ExtractReport::default()))
    }

    /// Writes what goes with a request into a header map and returns it; a new object where none is given. Headers of the
    /// same name are replaced. Never throws: a map that refuses stays as it is.
    ///
    /// ```js
    /// await fetch(url, { headers: context.inject(new Headers({ accept: "application/json" })) });
    /// ```
    #[wasm_bindgen(unchecked_return_type = "any")]
    #[must_use]
    pub fn inject(
        &self,
        #[wasm_bindgen(unchecked_optional_param_type = "HeaderMap")] headers: &JsValue,
    ) -> JsValue {
        let headers = if headers.is_object() { headers.clone() } else { js_sys::Object::new().into() };
        // The map may be a program's own, and ask this very context for something.
        let context = self.context.borrow().clone();
        inject(&context, &mut Carrier::new(&headers));
        headers
    }

    /// The trace in 32 hex digits.
    #[wasm_bindgen(getter, js_name = traceId)]
    #[must_use]
    pub fn trace_id(&self) -> Option<String> {
        self.of_span(|span| span.trace_id.to_string())
    }

    /// The span in 16 hex digits.
    #[wasm_bindgen(getter, js_name = spanId)]
    #[must_use]
    pub fn span_id(&self) -> Option<String> {
        self.of_span(|span| span.span_id.to_string())
    }

    /// True where the sampled flag is set.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn sampled(&self) -> bool {
        self.of_span(|span| span.flags.is_sampled()).unwrap_or(false)
    }

    /// The value of the header `traceparent`.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.of_span(SpanContext::traceparent)
    }

    /// The value of the header `tracestate`; empty where there is none.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn tracestate(&self) -> String {
        self.of_span(|span| span.trace_state.as_str().into()).unwrap_or_default()
    }

    /// Names and values that travel along, decoded, in an object without a prototype.
    #[wasm_bindgen(getter, unchecked_return_type = "Record<string, string>")]
    #[must_use]
    pub fn baggage(&self) -> JsValue {
        use spanloom::value::ValueSink as _;
        give::told(|sink| {
            sink.begin_map();
            for member in self.context.borrow().baggage.iter() {
                sink.key(member.key());
                sink.string(&member.value());
            }
            sink.end_map();
        })
    }

    /// Sets a value of the baggage; false where the name is not allowed or there is no room.
    ///
    /// ```js
    /// context.setBaggage("userId", "Amélie");
    /// ```
    #[wasm_bindgen(js_name = setBaggage)]
    pub fn set_baggage(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] key: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "string")] value: &JsValue,
    ) -> bool {
        let (key, value) = (text(key), text(value));
        self.context.borrow_mut().baggage.insert(&key, &value).is_ok()
    }

    /// The name of the request.
    #[wasm_bindgen(getter, js_name = requestId)]
    #[must_use]
    pub fn request_id(&self) -> Option<String> {
        self.context.borrow().request_id.as_ref().map(|id| id.as_str().into())
    }

    /// Names the request; false where the text is no request id, and then nothing changes.
    ///
    /// ```js
    /// context.setRequestId("req-7f3a");
    /// ```
    #[wasm_bindgen(js_name = setRequestId)]
    pub fn set_request_id(&self, #[wasm_bindgen(unchecked_param_type = "string")] id: &JsValue) -> bool {
        let Ok(id) = RequestId::new(&text(id)) else { return false };
        self.context.borrow_mut().request_id = Some(id);
        true
    }

    /// What was dropped while this context was read from headers.
    ///
    /// ```js
    /// Context.extract({ traceparent: "00-zero" }).dropped.traceparent;   // "traceparent has 7 bytes, not 55"
    /// ```
    #[wasm_bindgen(getter, unchecked_return_type = "ExtractReport")]
    #[must_use]
    pub fn dropped(&self) -> JsValue {
        give::report(&Dropped {
            traceparent: self.report.traceparent.map(|error| error.to_string()),
            tracestate: self.report.tracestate.map(|error| error.to_string()),
            tracestate_cut: self.report.tracestate_cut,
            baggage_dropped: self.report.baggage_dropped,
            request_id: self.report.request_id.map(|error| error.to_string()),
        })
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

/// A span id; a random one for no text.
fn read_span_id(hex: &str) -> Result<SpanId, JsValue> {
    if hex.is_empty() { Ok(SpanId::from_bytes(host::random())) } else { hex.parse().or_throw(CONTEXT_ERROR) }
}
