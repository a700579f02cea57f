//! Properties that hold for every context and for every heap of bytes that pretends to be one.
#![cfg(not(target_arch = "wasm32"))]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use spanloom::context::{self, Baggage, Context, RequestId, SpanContext, TraceFlags, TraceState};
use spanloom::{SpanId, TraceId};

fn trace_state() -> impl Strategy<Value = TraceState> {
    let member = ("[a-z0-9][a-z0-9_*/@-]{0,40}", "[ -+\\--<>-~]{0,30}[!-+\\--<>-~]");
    vec(member, 0..40).prop_map(|members| {
        let mut state = TraceState::EMPTY;
        for (key, value) in members {
            state.insert(&key, &value).unwrap();
        }
        state
    })
}

fn baggage() -> impl Strategy<Value = Baggage> {
    let member =
        ("[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,20}", ".{0,40}", "|;?[a-z]{1,5} ?= ?[a-z0-9]{0,5}( ; [a-z]+)?");
    vec(member, 0..80).prop_map(|members| {
        let mut baggage = Baggage::EMPTY;
        for (key, value, metadata) in members {
            // No room is an answer too.
            let _ = baggage.insert_with_metadata(&key, &value, &metadata);
        }
        baggage
    })
}

fn span() -> impl Strategy<Value = SpanContext> {
    (1_u128.., 1_u64.., 0_u8..4, trace_state()).prop_map(|(trace_id, span_id, flags, trace_state)| {
        SpanContext {
            trace_id: TraceId::from_bytes(trace_id.to_be_bytes()),
            span_id: SpanId::from_u64(span_id),
            flags: TraceFlags::from_bits(flags),
            trace_state,
            is_remote: true,
        }
    })
}

fn any_context() -> impl Strategy<Value = Context> {
    let request_id = "[!-~]{1,128}".prop_map(|text| RequestId::new(&text).unwrap());
    (option::of(span()), baggage(), option::of(request_id)).prop_map(|(span, baggage, request_id)| Context {
        span,
        baggage,
        request_id,
    })
}

fn header_name() -> impl Strategy<Value = Vec<u8>> {
    let known = ["traceparent", "TraceState", "baggage", "Baggage", "X-Request-ID"]
        .map(|name| name.as_bytes().to_vec());
    prop_oneof![9 => proptest::sample::select(known.to_vec()), 1 => vec(any::<u8>(), 0..10)]
}

fn header_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..200),
        "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?".prop_map(String::into_bytes),
        "([a-z@ ]{0,4}[=; \t]{0,2}[%a-f0-9é]{0,6},?){0,100}".prop_map(String::into_bytes),
    ]
}

proptest! {
    // Contexts at their limits are large: fewer cases keep the test quick.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_injected_is_extracted(context in any_context()) {
        let mut headers: Vec<(String, String)> = Vec::new();
        context::inject(&context, &mut headers);
        for (name, value) in &headers {
            prop_assert!(!value.is_empty() && value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{name}: {value}");
        }
        let (extracted, report) = context::extract_with_report(&headers);
        prop_assert_eq!(extracted, context);
        prop_assert!(report.is_clean());
    }

    #[test]
    fn any_bytes_give_a_context_that_goes_through(headers in vec((header_name(), header_value()), 0..8)) {
        let context = context::extract(&headers);
        if let Some(span) = &context.span {
            prop_assert!(span.is_valid() && span.is_remote);
            prop_assert!(span.trace_state.iter().count() <= 32 && span.trace_state.as_str().len() <= 512);
        }
        prop_assert!(context.baggage.iter().count() <= 64 && context.baggage.as_str().len() <= 8192);
        let mut sent: Vec<(String, String)> = Vec::new();
        context::inject(&context, &mut sent);
        prop_assert!(sent.iter().all(|(_, value)| value.bytes().all(|byte| (0x20..0x7f).contains(&byte))));
        prop_assert_eq!(context::extract(&sent), context);
    }

    #[test]
    fn baggage_values_come_back_as_they_were_set(key in "[a-z]{1,9}", value in ".{0,300}") {
        let mut baggage = Baggage::EMPTY;
        baggage.insert(&key, &value).unwrap();
        let read = Baggage::from_header(baggage.as_str());
        prop_assert_eq!(read.get(&key).unwrap(), value);
    }

    #[test]
    fn what_is_put_into_tracestate_stands_at_the_left(mut state in trace_state(), key in "[a-z]{1,3}", value in "[a-z]{1,256}") {
        let before: Vec<(String, String)> = state.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        state.insert(&key, &value).unwrap();
        let after: Vec<(String, String)> = state.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        prop_assert_eq!(&after[0], &(key.clone(), value));
        // The others keep their order.
        let mut rest = before.iter().filter(|(k, _)| *k != key);
        prop_assert!(after[1..].iter().all(|member| rest.any(|other| other == member)));
    }
}
