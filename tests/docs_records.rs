//! What `docs/records.md` says is what the library does.

use spanloom::otlp::span::{SpanKind, StatusCode};
use spanloom::record::envelope::{self, flags};
use spanloom::record::layout::{entry, item, metric, value};
use spanloom::record::{Ingest, IngestCounts, Limits, RecordKind, SpanBuilder, SpanRole, SpanStart};
use spanloom::{SpanId, TraceId};

const PAGE: &str = include_str!("../docs/records.md");

/// The bytes of the block that begins with "```hex" and this name; what stands behind `#` is remarks.
fn hex_block(name: &str) -> Vec<u8> {
    let opening = format!("```hex {name}\n");
    let (_, rest) = PAGE.split_once(&opening).expect("the page has this block");
    let (block, _) = rest.split_once("```").expect("the block ends");
    let digits = block.lines().map(|line| line.split('#').next().unwrap_or_default());
    let bytes = digits.flat_map(str::split_whitespace);
    bytes.map(|byte| u8::from_str_radix(byte, 16).expect("a byte in hex")).collect()
}

/// The example of the page, recorded.
fn recorded() -> Vec<u8> {
    let root = SpanId::from_u64(0xb7ad_6b71_6920_3331);
    let mut builder = SpanBuilder::new(Limits::default());
    builder.start(&SpanStart {
        workflow: root,
        trace_id: TraceId::from_halves(0x0af7_6519_16cd_43dd, 0x8448_eb21_1c80_319c),
        span_id: SpanId::from_u64(0x00f0_67aa_0ba9_02b7),
        parent_span_id: root,
        parent_is_remote: false,
        trace_flags: 1,
        trace_state: "",
        name: "plan",
        span_kind: SpanKind::Internal,
        node_kind: "llm",
        role: SpanRole::Node,
        start_unix_nano: 1_700_000_000_000_000_000,
    });
    builder.attribute("attempt", 2);
    builder.status(StatusCode::Ok, "");
    builder.finish(1_700_000_000_001_500_000).to_vec()
}

#[test]
fn the_record_is_what_the_library_writes() {
    assert_eq!(hex_block("record"), recorded());
}

#[test]
fn both_host_layouts_give_this_record() {
    let (mut compact, mut marshalled) = (Vec::new(), Vec::new());
    let mut ingest = Ingest::new(Limits::default());
    assert_eq!(ingest.compact(&hex_block("compact"), &mut compact), 1);
    assert_eq!(ingest.marshal(&hex_block("marshal"), &mut marshalled), 1);
    assert_eq!(ingest.counts().malformed + ingest.counts().unknown + ingest.counts().repaired, 0);
    assert_eq!(compact, recorded());
    assert_eq!(marshalled, recorded());
}

#[test]
fn the_marshalled_metric_gives_its_record() {
    let (mut ingest, mut records) = (Ingest::default(), Vec::new());
    assert_eq!(ingest.marshal_metrics(&hex_block("metrics"), &mut records), 1);
    let wanted = IngestCounts { metrics: 1, ..IngestCounts::default() };
    assert_eq!(ingest.counts(), wanted);
    assert_eq!(hex_block("metric"), records);
}

/// The number and the name that begin each row of the table below this heading, where the name is code.
fn rows_below(heading: &str) -> Vec<(u64, &'static str)> {
    let (_, rest) = PAGE.split_once(heading).expect("the page has this heading");
    let mut rows = Vec::new();
    for line in
        rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'))
    {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (number, name) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        if let (Ok(number), Some((_, name))) = (number.parse(), name.split_once('`')) {
            rows.push((number, name.split('`').next().unwrap_or_default()));
        }
    }
    rows
}

/// Constants of a module or variants of an enum, with their names.
macro_rules! rows {
    ($module:ident { $($name:ident),+ $(,)? }) => {
        vec![$(($module::$name as u64, stringify!($name))),+]
    };
}

#[test]
fn the_tables_have_the_numbers_of_the_code() {
    assert_eq!(
        rows_below("### Kinds"),
        rows!(RecordKind { WorkflowOpened, Started, Finished, WorkflowClosed, MetricDelta })
    );
    assert_eq!(
        rows_below("### Flags"),
        rows!(flags { SEALED, NODE, CUT, ABANDONED, REPAIRED, CLOCK_SUSPECT })
    );
    assert_eq!(
        rows_below("**Items**"),
        rows!(item {
            ATTRIBUTE,
            INPUT,
            OUTPUT,
            CONFIG,
            EVENT,
            LINK,
            USAGE,
            FIRST_FRAME,
            NEXT,
            STATUS_MESSAGE,
            IDENTITY
        })
    );
    assert_eq!(
        rows_below("**Values**"),
        rows!(value { NULL, FALSE, TRUE, INT32, INT64, DOUBLE, TEXT, BYTES, ARRAY, MAP, SHORT_TEXT, NAME })
    );
    assert_eq!(
        rows_below("**Metric kinds**"),
        rows!(metric { COUNTER, UP_DOWN_COUNTER, GAUGE, HISTOGRAM, EXPONENTIAL })
    );
    assert_eq!(rows_below("## The compact layout"), rows!(entry { DEFINE_NAME, FORGET_NAMES }));
}

/// The number in the second cell of the row of this limit.
fn default_of(limit: &str) -> u64 {
    let (_, rest) = PAGE.split_once(&format!("\n| `{limit}` | ")).expect("the page has this limit");
    let (number, _) = rest.split_once('|').expect("a table");
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let number_of_units: u64 = digits.parse().expect("a number");
    if number.contains("MiB") { number_of_units << 20 } else { number_of_units }
}

#[test]
fn the_limits_have_the_defaults_of_the_code() {
    let limits = Limits::default();
    let defaults = [
        ("attributes", u64::from(limits.attributes)),
        ("events", limits.events.into()),
        ("links", limits.links.into()),
        ("nested_attributes", limits.nested_attributes.into()),
        ("value_length", limits.value_length as u64),
        ("key_length", limits.key_length as u64),
        ("value_depth", limits.value_depth.into()),
        ("value_nodes", limits.value_nodes.into()),
        ("span_bytes", limits.span_bytes as u64),
    ];
    for (name, default) in defaults {
        assert_eq!(default_of(name), default, "{name}");
    }
    assert!(PAGE.contains(&format!("| 8 | 1 | version: {} |", envelope::VERSION)));
    assert!(PAGE.contains("24 to 67,108,864") && envelope::MAX_RECORD_LEN == 67_108_864);
}

#[test]
fn kinds_of_nodes_have_the_operations_of_the_code() {
    let (_, rest) = PAGE.split_once("| kind of node | operation |").expect("the page has this table");
    let mut kinds = 0;
    for line in rest.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let mut names: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        let operation = names.pop().expect("an operation");
        for kind in names {
            kinds += 1;
            assert_eq!(spanloom::vocabulary::operation_of(kind), Some(operation), "{kind}");
        }
    }
    assert_eq!(kinds, 13);
}
