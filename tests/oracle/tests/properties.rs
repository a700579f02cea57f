//! Arbitrary messages through our readers and writers and through two others: the prost types made from the published
//! .proto files, and the `opentelemetry-proto` crate with its JSON.

mod arbitrary;
mod seen;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest as TheirLogs;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as TheirTraces;
use proptest::prelude::*;
use seen::{any_of, attributes_of, fill_value, fill_values, id_of, is_passed_over, plain, plain_value, same};
use spanloom::otlp::json::{
    logs_from_json, logs_to_json, span_from_json, span_to_json, traces_from_json, traces_to_json,
};
use spanloom::otlp::log_record::LogRecordView;
use spanloom::otlp::span::SpanView;
use spanloom::otlp::{Resource, Scope, decode_logs, decode_traces, encode_logs, encode_traces, traces_len};
use spanloom_oracle::canonical_traces;
use spanloom_oracle::prost::Message;
use spanloom_oracle::proto::logs::v1::LogRecord;
use spanloom_oracle::proto::trace::v1::span::{Event, Link};
use spanloom_oracle::proto::trace::v1::{Span, Status, TracesData};

fn span_of(view: &SpanView<'_>) -> Span {
    let event = |event: spanloom::otlp::span::EventView<'_>| Event {
        time_unix_nano: event.time_unix_nano,
        name: event.name.into(),
        attributes: attributes_of(event.attributes()),
        dropped_attributes_count: event.dropped_attributes,
    };
    let link = |link: spanloom::otlp::span::LinkView<'_>| Link {
        trace_id: id_of(link.trace_id.as_bytes()),
        span_id: id_of(link.span_id.as_bytes()),
        trace_state: link.trace_state.into(),
        attributes: attributes_of(link.attributes()),
        dropped_attributes_count: link.dropped_attributes,
        flags: link.flags,
    };
    let status = Status { message: view.status_message.into(), code: view.status_code.cast_signed() };
    Span {
        trace_id: id_of(view.trace_id.as_bytes()),
        span_id: id_of(view.span_id.as_bytes()),
        trace_state: view.trace_state.into(),
        parent_span_id: id_of(view.parent_span_id.as_bytes()),
        name: view.name.into(),
        kind: view.kind.cast_signed(),
        start_time_unix_nano: view.start_unix_nano,
        end_time_unix_nano: view.end_unix_nano,
        attributes: attributes_of(view.attributes()),
        dropped_attributes_count: view.dropped_attributes,
        events: view.events().map(event).collect(),
        dropped_events_count: view.dropped_events,
        links: view.links().map(link).collect(),
        dropped_links_count: view.dropped_links,
        status: Some(status).filter(|status| *status != Status::default()),
        flags: view.flags,
    }
}

fn log_record_of(view: &LogRecordView<'_>) -> LogRecord {
    LogRecord {
        time_unix_nano: view.time_unix_nano,
        observed_time_unix_nano: view.observed_unix_nano,
        severity_number: view.severity.cast_signed(),
        severity_text: view.severity_text.into(),
        body: Some(any_of(view.body)),
        attributes: attributes_of(view.attributes()),
        dropped_attributes_count: view.dropped_attributes,
        flags: view.flags,
        trace_id: id_of(view.trace_id.as_bytes()),
        span_id: id_of(view.span_id.as_bytes()),
        event_name: view.event_name.into(),
    }
}

/// The views do not tell an empty value from none, nor an id of zeros, nor an empty status.
fn as_seen(mut span: Span) -> Span {
    fill_values(&mut span.attributes);
    span.events.iter_mut().for_each(|event| fill_values(&mut event.attributes));
    for link in &mut span.links {
        fill_values(&mut link.attributes);
        link.trace_id = id_of(&link.trace_id);
        link.span_id = id_of(&link.span_id);
    }
    span.trace_id = id_of(&span.trace_id);
    span.span_id = id_of(&span.span_id);
    span.parent_span_id = id_of(&span.parent_span_id);
    span.status = span.status.filter(|status| *status != Status::default());
    span
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn views_show_what_prost_wrote(traces in arbitrary::traces()) {
        let bytes = traces.encode_to_vec();
        let view = decode_traces(&bytes).unwrap();
        let written: Vec<&Span> = traces.resource_spans.iter()
            .flat_map(|group| &group.scope_spans)
            .flat_map(|scope| &scope.spans)
            .collect();
        prop_assert_eq!(view.len(), written.len());
        let mut found = view.spans();
        for (group, group_view) in traces.resource_spans.iter().zip(view.resources()) {
            prop_assert_eq!(group_view.schema_url(), &group.schema_url);
            for (scope, scope_view) in group.scope_spans.iter().zip(group_view.scopes()) {
                prop_assert_eq!(scope_view.schema_url(), &scope.schema_url);
                for span in &scope.spans {
                    let found = found.next().unwrap();
                    prop_assert!(same(&span_of(&found.span), &as_seen(span.clone())));
                    let resource = group.resource.clone().unwrap_or_default();
                    prop_assert_eq!(found.resource.message, resource.encode_to_vec());
                    prop_assert_eq!(found.resource.dropped_attributes, resource.dropped_attributes_count);
                    let scope = scope.scope.clone().unwrap_or_default();
                    prop_assert_eq!(found.scope.message, scope.encode_to_vec());
                    prop_assert_eq!((found.scope.name, found.scope.version), (&*scope.name, &*scope.version));
                }
            }
        }
        prop_assert!(found.next().is_none());
    }

    #[test]
    fn views_show_what_prost_wrote_of_logs(logs in arbitrary::logs()) {
        let bytes = logs.encode_to_vec();
        let view = decode_logs(&bytes).unwrap();
        let mut found = view.records();
        for record in logs.resource_logs.iter().flat_map(|g| &g.scope_logs).flat_map(|s| &s.log_records) {
            let mut record = record.clone();
            fill_values(&mut record.attributes);
            fill_value(record.body.get_or_insert_default());
            record.trace_id = id_of(&record.trace_id);
            record.span_id = id_of(&record.span_id);
            prop_assert!(same(&log_record_of(&found.next().unwrap().record), &record));
        }
        prop_assert!(found.next().is_none());
    }

    #[test]
    fn requests_are_what_prost_would_write(spans in prop::collection::vec(arbitrary::span(), 0..5)) {
        let resource = Resource::new([("service.name", "planner".into()), ("n", 1.into())]);
        let scope = Scope::new("spanloom", "0.1").with_attribute("k", &true.into()).with_schema_url("https://s");
        let resource = resource.with_schema_url("https://r");
        let bodies: Vec<Vec<u8>> = spans.iter().map(Message::encode_to_vec).collect();
        let mut request = b"before".to_vec();
        let count = encode_traces(&resource, &scope, bodies.iter().map(Vec::as_slice), &mut request);
        let request = request.strip_prefix(b"before").unwrap();
        prop_assert_eq!(count, spans.len());
        prop_assert_eq!(request.is_empty(), spans.is_empty());
        prop_assert_eq!(request.len(), traces_len(&resource, &scope, bodies.iter().map(Vec::as_slice)));
        prop_assert_eq!(canonical_traces(request), request);
        if let [group] = TracesData::decode(request).unwrap().resource_spans.as_slice() {
            prop_assert_eq!(&group.schema_url, "https://r");
            prop_assert_eq!(group.resource.as_ref().unwrap().attributes.len(), 2);
            let [scope] = group.scope_spans.as_slice() else { panic!() };
            prop_assert_eq!(&scope.schema_url, "https://s");
            prop_assert_eq!(&scope.scope.as_ref().unwrap().name, "spanloom");
            prop_assert!(scope.spans.iter().zip(&spans).all(|(a, b)| same(a, b)));
        }
    }

    #[test]
    fn log_requests_are_what_prost_would_write(records in prop::collection::vec(arbitrary::log_record(), 1..5)) {
        let bodies: Vec<Vec<u8>> = records.iter().map(Message::encode_to_vec).collect();
        let mut request = Vec::new();
        let resource = Resource::default();
        encode_logs(&resource, &Scope::default(), bodies.iter().map(Vec::as_slice), &mut request);
        let logs = spanloom_oracle::proto::logs::v1::LogsData::decode(request.as_slice()).unwrap();
        prop_assert_eq!(logs.encode_to_vec(), request);
        prop_assert_eq!(logs.resource_logs[0].scope_logs[0].log_records.len(), records.len());
    }

    #[test]
    fn json_of_traces_agrees_with_theirs(mut traces in arbitrary::traces()) {
        let bytes = traces.encode_to_vec();
        let ours = traces_to_json(&bytes).unwrap();
        prop_assert_eq!(&traces_from_json(ours.as_bytes()).unwrap(), &bytes);
        for group in &mut traces.resource_spans {
            group.resource.iter_mut().for_each(|resource| plain(&mut resource.attributes));
            for scope in &mut group.scope_spans {
                scope.scope.iter_mut().for_each(|scope| plain(&mut scope.attributes));
                for span in &mut scope.spans {
                    plain(&mut span.attributes);
                    span.events.iter_mut().for_each(|event| plain(&mut event.attributes));
                    span.links.iter_mut().for_each(|link| plain(&mut link.attributes));
                }
            }
        }
        let bytes = traces.encode_to_vec();
        let ours = traces_to_json(&bytes).unwrap();
        let read: TheirTraces = serde_json::from_str(&ours).unwrap();
        prop_assert_eq!(&read.encode_to_vec(), &bytes, "{}", ours);
        let theirs = serde_json::to_vec(&TheirTraces::decode(bytes.as_slice()).unwrap()).unwrap();
        prop_assert_eq!(&traces_from_json(&theirs).unwrap(), &bytes, "{}", String::from_utf8_lossy(&theirs));
    }

    #[test]
    fn json_of_logs_agrees_with_theirs(mut logs in arbitrary::logs()) {
        let bytes = logs.encode_to_vec();
        let ours = logs_to_json(&bytes).unwrap();
        prop_assert_eq!(&logs_from_json(ours.as_bytes()).unwrap(), &bytes);
        for group in &mut logs.resource_logs {
            group.resource.iter_mut().for_each(|resource| plain(&mut resource.attributes));
            for scope in &mut group.scope_logs {
                scope.scope.iter_mut().for_each(|scope| plain(&mut scope.attributes));
                for record in &mut scope.log_records {
                    plain(&mut record.attributes);
                    plain_value(&mut record.body);
                }
            }
        }
        let bytes = logs.encode_to_vec();
        let ours = logs_to_json(&bytes).unwrap();
        let read: TheirLogs = serde_json::from_str(&ours).unwrap();
        prop_assert_eq!(&read.encode_to_vec(), &bytes, "{}", ours);
        let theirs = serde_json::to_vec(&TheirLogs::decode(bytes.as_slice()).unwrap()).unwrap();
        prop_assert_eq!(&logs_from_json(&theirs).unwrap(), &bytes, "{}", String::from_utf8_lossy(&theirs));
    }

    #[test]
    fn fields_in_any_order_mean_the_same(first in arbitrary::span(), second in arbitrary::span()) {
        // Two spans behind each other are one whose lists are joined and of whose single fields the last counts;
        // but messages would be joined too, which nobody relies on.
        let first = Span { status: None, ..first };
        let bytes = [first.encode_to_vec(), second.encode_to_vec()].concat();
        let merged = Span::decode(bytes.as_slice()).unwrap();
        let json = span_to_json(&bytes).unwrap();
        prop_assert_eq!(&json, &span_to_json(&merged.encode_to_vec()).unwrap());
        prop_assert_eq!(span_from_json(json.as_bytes()).unwrap(), merged.encode_to_vec());
        prop_assert!(same(&span_of(&SpanView::read(&bytes).unwrap()), &as_seen(merged)));
    }

    #[test]
    fn what_others_refuse_of_broken_bytes_we_refuse(
        traces in arbitrary::traces(), at in any::<prop::sample::Index>(), bit in 0..8,
    ) {
        let mut bytes = traces.encode_to_vec();
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        let view = decode_traces(&bytes);
        let json = traces_to_json(&bytes);
        // The view also checks what a later field of the same number hides.
        prop_assert!(view.is_err() || json.is_ok(), "{:?}", json);
        // They check fewer things (lengths of ids, depth); what they refuse, we refuse, but for what we pass over.
        if let Err(error) = TracesData::decode(bytes.as_slice()) {
            let passed_over = is_passed_over(&error);
            prop_assert!(view.is_err() || passed_over, "{}", error);
        }
        if let Ok(view) = view {
            prop_assert_eq!(view.spans().count(), view.len());
        }
        if let Ok(json) = json {
            let again = traces_from_json(json.as_bytes());
            prop_assert!(again.is_ok(), "{:?}", again);
        }
    }
}
