//! Tracing spans are recorded as spans of a loom.

use spanloom::otlp::span::SpanView;
use spanloom::{Loom, MemoryExporter, current};
use tracing::field::Empty;
use tracing::{debug, error, error_span, event, info, info_span, warn};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use crate::support::{PATIENCE, attributes, loom, of_span, tree};

fn traced(loom: &Loom, run: impl FnOnce()) {
    let subscriber = tracing_subscriber::registry().with(spanloom::tracing::layer(loom));
    tracing::subscriber::with_default(subscriber, run);
}

fn events(span: &SpanView<'_>) -> Vec<(String, Vec<String>)> {
    span.events()
        .map(|event| {
            let pairs =
                event.attributes().map(|(key, value)| format!("{key}={}", value.to_value().to_json()));
            (event.name.to_owned(), pairs.collect())
        })
        .collect()
}

#[test]
fn spans_nest_as_tracing_nests_them() {
    let (loom, memory) = loom();
    traced(&loom, || {
        let order = info_span!("order").entered();
        info_span!("pay").in_scope(|| info_span!("charge").in_scope(|| ()));
        let ship = info_span!("ship");
        drop(order);
        info_span!(parent: &ship, "label").in_scope(|| ());
        info_span!(parent: None, "apart").in_scope(|| ());
    });
    let text = tree(&loom, &memory);
    assert!(text.contains("order\n├─ pay\n│  └─ charge\n└─ ship\n   └─ label\n"), "{text}");
    assert!(text.contains("apart\n"), "{text}");
}

#[test]
fn fields_become_attributes() {
    let (loom, memory) = loom();
    traced(&loom, || {
        let span = info_span!(
            "order",
            a = 1_u64,
            b = -2,
            c = 1.5,
            d = true,
            e = "text",
            f = ?Some("shown"),
            g = %"said",
            large = u64::MAX,
            later = Empty,
            never = Empty
        );
        span.record("later", 9);
        span.record("e", "new");
    });
    let expected = [
        "a=1",
        "b=-2",
        "c=1.5",
        "d=true",
        r#"e="new""#,
        r#"f="Some(\"shown\")""#,
        r#"g="said""#,
        r#"large="18446744073709551615""#,
        "later=9",
    ];
    assert_eq!(of_span(&loom, &memory, "order", attributes), expected);
}

#[test]
fn events_are_named_by_their_level_and_errors_fail_the_span() {
    let (loom, memory) = loom();
    traced(&loom, || {
        let _order = info_span!("order").entered();
        info!(n = 7, "paid {}", "twice");
        warn!("slow");
        event!(tracing::Level::DEBUG, only = "fields");
        let reset = std::io::Error::other("reset");
        error!(error = &reset as &dyn std::error::Error, "cannot ship");
    });
    of_span(&loom, &memory, "order", |span| {
        let event = |name: &str, pairs: &[&str]| {
            (name.to_owned(), pairs.iter().map(|&pair| pair.to_owned()).collect())
        };
        let expected = [
            event("INFO", &[r#"INFO LOG="paid twice""#, "n=7"]),
            event("WARN", &[r#"message="slow""#]),
            event("DEBUG", &[r#"only="fields""#]),
            event("exception", &[r#"ERROR LOG="cannot ship""#, r#"exception.message="reset""#]),
        ];
        assert_eq!(events(span), expected);
        assert_eq!((span.status_code, span.status_message), (2, "cannot ship"));
    });
}

#[test]
fn known_fields_say_what_a_span_is() {
    let (loom, memory) = loom();
    traced(&loom, || {
        let _run = info_span!("answer", spanloom.kind = "workflow", spanloom.question = "why?").entered();
        info_span!(
            "plan",
            spanloom.kind = "llm",
            spanloom.input.text = "why?",
            gen_ai.usage.input_tokens = 8
        )
        .in_scope(|| ());
        let call = info_span!("call", otel.name = "GET /x", otel.kind = "client", otel.status_code = Empty);
        call.record("otel.status_code", "error");
    });
    assert_eq!(
        tree(&loom, &memory),
        "answer  workflow  8 in, 0 out\n├─ plan  llm  8 in, 0 out\n└─ GET /x  error\n"
    );
    of_span(&loom, &memory, "GET /x", |span| {
        assert_eq!((span.kind, span.status_code), (3, 2));
        assert_eq!(attributes(span), Vec::<String>::new());
    });
    let input = of_span(&loom, &memory, "plan", |span| {
        span.attribute("spanloom.input").map(|input| input.to_value().to_json())
    });
    assert_eq!(input.as_deref(), Some(r#"{"text":"why?"}"#));
}

#[test]
fn followed_spans_are_linked() {
    let (loom, memory) = loom();
    traced(&loom, || {
        let first = info_span!("first");
        info_span!("second").follows_from(&first);
    });
    let first = of_span(&loom, &memory, "first", |span| span.span_id);
    let linked =
        of_span(&loom, &memory, "second", |span| span.links().map(|link| link.span_id).collect::<Vec<_>>());
    assert_eq!(linked, [first]);
}

#[test]
fn both_ways_of_recording_make_one_tree() {
    let (loom, memory) = loom();
    let run = loom.workflow("answer").user("u-7").start();
    traced(&loom, || {
        let _inside = run.enter();
        info_span!("fetch").in_scope(|| {
            let here = current().expect("a tracing span is a current node");
            let _node = here.node("cache").start();
            let inner = here.node("parse").run(|_| {
                info_span!("token").in_scope(|| ());
                Ok::<(), std::fmt::Error>(())
            });
            assert!(inner.is_ok());
        });
    });
    assert!(current().is_none());
    run.end();
    assert_eq!(
        tree(&loom, &memory),
        "answer  workflow\n└─ fetch\n   ├─ cache\n   └─ parse\n      └─ token\n"
    );
    let uid = of_span(&loom, &memory, "token", |span| {
        span.attribute("uid").and_then(|uid| uid.as_str()).map(str::to_owned)
    });
    assert_eq!(uid.as_deref(), Some("u-7"));
}

#[test]
fn a_filter_of_the_layer_leaves_the_rest_whole() {
    let (loom, memory) = loom();
    let layer = spanloom::tracing::layer(&loom).with_filter(LevelFilter::INFO);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let _order = info_span!("order").entered();
        tracing::debug_span!("hidden").in_scope(|| {
            debug!("hidden too");
            info_span!("seen").in_scope(|| ());
        });
    });
    assert_eq!(tree(&loom, &memory), "order\n└─ seen\n");
    assert!(of_span(&loom, &memory, "order", events).is_empty());
}

#[test]
fn work_of_exporters_is_not_recorded() {
    let (loom, memory) = loom();
    traced(&loom, || {
        let request = spanloom::native::suppress(|| error_span!("export"));
        // What the exporter started stays out, also where it goes on elsewhere.
        request.in_scope(|| info_span!("connect").in_scope(|| ()));
        info_span!(parent: &request, "send").in_scope(|| ());
        info_span!("work").in_scope(|| ());
    });
    assert_eq!(tree(&loom, &memory), "work\n");
}

#[test]
fn a_field_that_traces_while_it_is_shown_does_no_harm() {
    struct Chatty;
    impl std::fmt::Debug for Chatty {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            info!("shown");
            f.write_str("chatty")
        }
    }
    let (loom, memory) = loom();
    traced(&loom, || {
        let _order = info_span!("order", who = ?Chatty).entered();
        info!(who = ?Chatty, "hello");
        tracing::Span::current().record("who", tracing::field::debug(Chatty));
    });
    assert_eq!(of_span(&loom, &memory, "order", attributes), [r#"who="chatty""#]);
}

#[test]
fn spans_may_move_between_threads() {
    let (loom, memory) = loom();
    let dispatch =
        tracing::Dispatch::new(tracing_subscriber::registry().with(spanloom::tracing::layer(&loom)));
    let span = tracing::dispatcher::with_default(&dispatch, || info_span!("order"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                tracing::dispatcher::with_default(&dispatch, || {
                    span.in_scope(|| (0..50).for_each(|_| info_span!("step").in_scope(|| ())));
                });
            });
        }
    });
    drop(span);
    loom.flush(PATIENCE);
    assert_eq!(memory.span_count(), 201);
    let order = of_span(&loom, &memory, "order", |span| span.span_id);
    memory.each_span(|span| assert!(span.name == "order" || span.parent_span_id == order));
}

#[test]
fn an_instrumented_function_that_fails_says_why() {
    #[tracing::instrument(err)]
    fn ship(city: &str) -> Result<(), String> {
        Err(format!("no route to {city}"))
    }
    let (loom, memory) = loom();
    traced(&loom, || assert!(ship("Paris").is_err()));
    assert_eq!(tree(&loom, &memory), "ship  error: no route to Paris\n");
}

#[test]
fn the_source_is_noted_where_it_is_asked_for() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).build();
    let layer = spanloom::tracing::layer(&loom).location(true);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        info_span!("order").in_scope(|| info!("here"));
    });
    of_span(&loom, &memory, "order", |span| {
        let file = span.attribute("code.file.path").and_then(|file| file.as_str());
        assert!(file.is_some_and(|file| file.ends_with("tracing.rs")));
        assert!(events(span)[0].1.iter().any(|pair| pair.starts_with("code.line.number=")));
    });
}
