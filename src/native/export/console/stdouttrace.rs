//! Spans in the JSON that Go's `stdouttrace` exporter prints: one object a span, indented by tabs.
//!
//! The objects are written compactly first; one pass over the text then breaks the lines. What Go's types of attributes
//! cannot say (maps, bytes, mixed lists, numbers that JSON has not) is told as a text.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::json::{Style, Writer};
use crate::otlp::any::{AnyView, KeyValues};
use crate::otlp::span::{SpanView, StatusCode};
use crate::otlp::{DecodeError, ResourceGroup, ScopeGroup, decode_traces};
use crate::value::ValueSink;
use crate::{SpanId, TraceId};

/// Flags of a span message: its parent is in another program.
const PARENT_IS_REMOTE: u32 = 0x200;

/// The spans of an export request.
pub(super) fn spans_to_json(request: &[u8]) -> Result<String, DecodeError> {
    let traces = decode_traces(request)?;
    let mut children: HashMap<(TraceId, SpanId), i128> = HashMap::new();
    for found in traces.spans() {
        *children.entry((found.span.trace_id, found.span.parent_span_id)).or_default() += 1;
    }
    let mut text = String::new();
    let mut compact = String::new();
    for resource in traces.resources() {
        for scope in resource.scopes() {
            for span in scope.spans() {
                let of_it = children.get(&(span.trace_id, span.span_id)).copied().unwrap_or(0);
                compact.clear();
                tell_span(&span, of_it, resource, scope, &mut Writer::new(&mut compact, Style::Compact));
                indent(&compact, &mut text);
                text.push('\n');
            }
        }
    }
    Ok(text)
}

fn tell_span(
    span: &SpanView<'_>,
    children: i128,
    resource: ResourceGroup<'_>,
    scope: ScopeGroup<'_>,
    json: &mut Writer<'_>,
) {
    json.begin_map();
    text(json, "Name", span.name);
    json.key("SpanContext");
    tell_context(json, span.trace_id, span.span_id, span.flags, span.trace_state, false);
    json.key("Parent");
    if span.parent_span_id.is_valid() {
        let is_remote = span.flags & PARENT_IS_REMOTE != 0;
        tell_context(json, span.trace_id, span.parent_span_id, span.flags, span.trace_state, is_remote);
    } else {
        tell_context(json, TraceId::NONE, SpanId::NONE, 0, "", false);
    }
    number(json, "SpanKind", span.kind.into());
    text(json, "StartTime", &rfc3339(span.start_unix_nano));
    text(json, "EndTime", &rfc3339(span.end_unix_nano));
    json.key("Attributes");
    tell_pairs(json, span.attributes());
    json.key("Events");
    list_or_null(json, span.events(), |json, event| {
        text(json, "Name", event.name);
        json.key("Attributes");
        tell_pairs(json, event.attributes());
        number(json, "DroppedAttributeCount", event.dropped_attributes.into());
        text(json, "Time", &rfc3339(event.time_unix_nano));
    });
    json.key("Links");
    list_or_null(json, span.links(), |json, link| {
        json.key("SpanContext");
        let is_remote = link.flags & PARENT_IS_REMOTE != 0;
        tell_context(json, link.trace_id, link.span_id, link.flags, link.trace_state, is_remote);
        json.key("Attributes");
        tell_pairs(json, link.attributes());
        number(json, "DroppedAttributeCount", link.dropped_attributes.into());
    });
    json.key("Status");
    json.begin_map();
    let code = match span.status() {
        StatusCode::Unset => "Unset",
        StatusCode::Ok => "Ok",
        StatusCode::Error => "Error",
    };
    text(json, "Code", code);
    text(json, "Description", span.status_message);
    json.end_map();
    number(json, "DroppedAttributes", span.dropped_attributes.into());
    number(json, "DroppedEvents", span.dropped_events.into());
    number(json, "DroppedLinks", span.dropped_links.into());
    number(json, "ChildSpanCount", children);
    json.key("Resource");
    tell_pairs(json, resource.resource.attributes());
    for name in ["InstrumentationScope", "InstrumentationLibrary"] {
        json.key(name);
        json.begin_map();
        text(json, "Name", scope.scope.name);
        text(json, "Version", scope.scope.version);
        text(json, "SchemaURL", scope.schema_url());
        json.key("Attributes");
        tell_pairs(json, scope.scope.attributes());
        json.end_map();
    }
    json.end_map();
}

fn text(json: &mut Writer<'_>, key: &str, value: &str) {
    json.key(key);
    json.string(value);
}

fn number(json: &mut Writer<'_>, key: &str, value: i128) {
    json.key(key);
    // No count here has more than 64 bits.
    json.int(i64::try_from(value).unwrap_or(i64::MAX));
}

fn tell_context(
    json: &mut Writer<'_>,
    trace_id: TraceId,
    span_id: SpanId,
    flags: u32,
    state: &str,
    is_remote: bool,
) {
    json.begin_map();
    text(json, "TraceID", &trace_id.to_string());
    text(json, "SpanID", &span_id.to_string());
    text(json, "TraceFlags", &format!("{:02x}", flags & 0xff));
    text(json, "TraceState", state);
    json.key("Remote");
    json.bool(is_remote);
    json.end_map();
}

/// A list of objects; null where it is empty.
fn list_or_null<'a, T>(
    json: &mut Writer<'a>,
    items: impl Iterator<Item = T>,
    mut tell: impl FnMut(&mut Writer<'a>, T),
) {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return json.null();
    }
    json.begin_array();
    for item in items {
        json.begin_map();
        tell(json, item);
        json.end_map();
    }
    json.end_array();
}

fn tell_pairs(json: &mut Writer<'_>, pairs: KeyValues<'_>) {
    list_or_null(json, pairs, |json, (key, value)| {
        text(json, "Key", key);
        json.key("Value");
        json.begin_map();
        let list = list_type(value);
        text(json, "Type", list.or(scalar_type(value)).unwrap_or("STRING"));
        json.key("Value");
        if list.is_some() || scalar_type(value).is_some() {
            value.tell(json);
        } else {
            json.string(&as_text(value));
        }
        json.end_map();
    });
}

fn scalar_type(value: AnyView<'_>) -> Option<&'static str> {
    Some(match value {
        AnyView::Bool(_) => "BOOL",
        AnyView::Int(_) => "INT64",
        AnyView::Double(value) if value.is_finite() => "FLOAT64",
        AnyView::String(_) => "STRING",
        _ => return None,
    })
}

/// The type of a list whose values are all of one; an empty one counts as texts.
fn list_type(value: AnyView<'_>) -> Option<&'static str> {
    let AnyView::Array(_) = value else { return None };
    let mut types = value.values().map(scalar_type);
    let Some(first) = types.next() else { return Some("STRINGSLICE") };
    if types.any(|other| other != first) {
        return None;
    }
    Some(match first? {
        "BOOL" => "BOOLSLICE",
        "INT64" => "INT64SLICE",
        "FLOAT64" => "FLOAT64SLICE",
        _ => "STRINGSLICE",
    })
}

fn as_text(value: AnyView<'_>) -> String {
    if let AnyView::Double(value) = value {
        return value.to_string();
    }
    let mut text = String::new();
    value.tell(&mut Writer::new(&mut text, Style::Compact));
    text
}

/// Breaks the lines of compact JSON as Go does, and escapes what Go and terminals do not want to see.
fn indent(compact: &str, out: &mut String) {
    let mut depth = 0usize;
    let mut in_text = false;
    let mut chars = compact.chars().peekable();
    while let Some(char) = chars.next() {
        if in_text {
            match char {
                '"' => in_text = false,
                '\\' => {
                    out.push(char);
                    out.extend(chars.next());
                    continue;
                }
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{7f}'..='\u{9f}' => {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{:04x}", u32::from(char));
                    continue;
                }
                _ => {}
            }
            out.push(char);
            continue;
        }
        match char {
            '{' | '[' => {
                out.push(char);
                if let Some(end) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(depth, out);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(depth, out);
                out.push(char);
            }
            ',' => {
                out.push(char);
                new_line(depth, out);
            }
            ':' => out.push_str(": "),
            _ => {
                in_text = char == '"';
                out.push(char);
            }
        }
    }
}

fn new_line(depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n('\t', depth));
}

/// A time as Go prints it: UTC, with as many digits of the second as there are.
fn rfc3339(unix_nanos: u64) -> String {
    const DAY: u64 = 86_400;
    let (seconds, nanos) = (unix_nanos / 1_000_000_000, unix_nanos % 1_000_000_000);
    let (mut days, second) = (seconds / DAY, seconds % DAY);
    let mut year = 1970;
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // 64 bits of nanoseconds end in 2554.
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut text = format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}", days + 1);
    if nanos > 0 {
        let digits = format!(".{nanos:09}");
        text.push_str(digits.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::json::traces_from_json;

    #[test]
    fn times() {
        for (nanos, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_700_000_000_000_000_000, "2023-11-14T22:13:20Z"),
            (1_709_164_800_120_000_000, "2024-02-29T00:00:00.12Z"),
            (1_735_689_599_999_999_999, "2024-12-31T23:59:59.999999999Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (4_107_542_400_000_000_001, "2100-03-01T00:00:00.000000001Z"),
            (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
        ] {
            assert_eq!(rfc3339(nanos), expected);
        }
    }

    #[test]
    fn a_span_in_full() {
        let request = traces_from_json(
            br#"{"resourceSpans":[{"resource":{"attributes":[
              {"key":"service.name","value":{"stringValue":"vllm-sr"}}]},
            "scopeSpans":[{"scope":{"name":"semantic-router"},"schemaUrl":"s","spans":[{
              "traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","traceState":"a=b",
              "parentSpanId":"00f067aa0ba902b7","name":"upstream <&>","kind":3,"flags":769,
              "startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000500000000",
              "attributes":[
                {"key":"n","value":{"intValue":"-3"}},
                {"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a"},{"stringValue":"b"}]}}},
                {"key":"mixed","value":{"arrayValue":{"values":[{"intValue":"1"},{"boolValue":true}]}}},
                {"key":"none","value":{"arrayValue":{}}},
                {"key":"nan","value":{"doubleValue":"NaN"}}],
              "droppedAttributesCount":2,
              "events":[{"timeUnixNano":"1700000000100000000","name":"exception"}],
              "links":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00f067aa0ba902b7"}],
              "status":{"code":2,"message":"upstream\u009b31m \"failed\"\n"}}]}]}]}"#,
        )
        .unwrap();
        let expected = r#"{
	"Name": "upstream \u003c\u0026\u003e",
	"SpanContext": {
		"TraceID": "0af7651916cd43dd8448eb211c80319c",
		"SpanID": "b7ad6b7169203331",
		"TraceFlags": "01",
		"TraceState": "a=b",
		"Remote": false
	},
	"Parent": {
		"TraceID": "0af7651916cd43dd8448eb211c80319c",
		"SpanID": "00f067aa0ba902b7",
		"TraceFlags": "01",
		"TraceState": "a=b",
		"Remote": true
	},
	"SpanKind": 3,
	"StartTime": "2023-11-14T22:13:20Z",
	"EndTime": "2023-11-14T22:13:20.5Z",
	"Attributes": [
		{
			"Key": "n",
			"Value": {
				"Type": "INT64",
				"Value": -3
			}
		},
		{
			"Key": "list",
			"Value": {
				"Type": "STRINGSLICE",
				"Value": [
					"a",
					"b"
				]
			}
		},
		{
			"Key": "mixed",
			"Value": {
				"Type": "STRING",
				"Value": "[1,true]"
			}
		},
		{
			"Key": "none",
			"Value": {
				"Type": "STRINGSLICE",
				"Value": []
			}
		},
		{
			"Key": "nan",
			"Value": {
				"Type": "STRING",
				"Value": "NaN"
			}
		}
	],
	"Events": [
		{
			"Name": "exception",
			"Attributes": null,
			"DroppedAttributeCount": 0,
			"Time": "2023-11-14T22:13:20.1Z"
		}
	],
	"Links": [
		{
			"SpanContext": {
				"TraceID": "0af7651916cd43dd8448eb211c80319c",
				"SpanID": "00f067aa0ba902b7",
				"TraceFlags": "00",
				"TraceState": "",
				"Remote": false
			},
			"Attributes": null,
			"DroppedAttributeCount": 0
		}
	],
	"Status": {
		"Code": "Error",
		"Description": "upstream\u009b31m \"failed\"\n"
	},
	"DroppedAttributes": 2,
	"DroppedEvents": 0,
	"DroppedLinks": 0,
	"ChildSpanCount": 0,
	"Resource": [
		{
			"Key": "service.name",
			"Value": {
				"Type": "STRING",
				"Value": "vllm-sr"
			}
		}
	],
	"InstrumentationScope": {
		"Name": "semantic-router",
		"Version": "",
		"SchemaURL": "s",
		"Attributes": null
	},
	"InstrumentationLibrary": {
		"Name": "semantic-router",
		"Version": "",
		"SchemaURL": "s",
		"Attributes": null
	}
}
"#;
        assert_eq!(spans_to_json(&request).unwrap(), expected);
    }

    #[test]
    fn children_are_counted_and_roots_have_no_parent() {
        let request = traces_from_json(
            br#"{"resourceSpans":[{"scopeSpans":[{"spans":[
              {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"root"},
              {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00f067aa0ba902b7",
               "parentSpanId":"b7ad6b7169203331","name":"child"}]}]}]}"#,
        )
        .unwrap();
        let text = spans_to_json(&request).unwrap();
        let objects: Vec<serde_json::Value> =
            serde_json::Deserializer::from_str(&text).into_iter().map(Result::unwrap).collect();
        assert_eq!(objects[0]["ChildSpanCount"], 1);
        assert_eq!(objects[0]["Parent"]["TraceID"], "0".repeat(32));
        assert_eq!(objects[0]["Parent"]["SpanID"], "0".repeat(16));
        assert_eq!(objects[1]["ChildSpanCount"], 0);
        assert_eq!(objects[1]["Parent"]["SpanID"], "b7ad6b7169203331");
    }
}
