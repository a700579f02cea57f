//! A span said in three ways: on the builder, in the compact layout, and as Python marshals it.

use spanloom::otlp::span::{SpanKind, StatusCode};
use spanloom::record::layout::{INTERNED, SPAN_HEADER_LEN, host_flag, item, value as kind_of};
use spanloom::record::{Section, SpanBuilder, SpanRole, SpanStart};
use spanloom::value::Value;
use spanloom::{SpanId, TraceId, Usage, UsageMode};

/// Time, name and attributes.
pub type Event = (u64, String, Vec<(String, Value)>);

/// What a span says.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    /// Trace id, span id, parent; the span is its own workflow.
    pub ids: [u8; 32],
    /// Picks kind of span and status.
    pub kinds: u8,
    pub start: u64,
    pub end: u64,
    pub name: String,
    pub kind: String,
    /// Is a workflow, is a node, has a remote parent, has extras.
    pub switches: [bool; 4],
    pub attributes: Vec<(String, Value)>,
    pub events: Vec<Event>,
    pub input: Vec<(String, Value)>,
    pub link: Vec<(String, Value)>,
    pub usage: (u8, [u32; 7]),
    pub message: String,
}

impl Spec {
    fn id<const N: usize>(&self, at: usize) -> [u8; N] {
        self.ids[at..at + N].try_into().unwrap()
    }

    fn span_kind(&self) -> u8 {
        self.kinds % 5 + 1
    }

    fn status(&self) -> u8 {
        self.kinds / 5 % 3
    }

    fn is_workflow(&self) -> bool {
        self.switches[0]
    }

    fn host_flags(&self) -> u16 {
        let node = if self.switches[1] && !self.is_workflow() { host_flag::NODE } else { 0 };
        node | if self.switches[2] { host_flag::PARENT_IS_REMOTE } else { 0 }
    }

    fn has_extras(&self) -> bool {
        self.switches[3]
    }

    fn record_kind(&self) -> u8 {
        if self.is_workflow() { 4 } else { 3 }
    }
}

/// The record of a span, recorded natively.
pub fn native(spec: &Spec) -> Vec<u8> {
    let mut builder = SpanBuilder::default();
    let span_kinds =
        [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
    builder.start(&SpanStart {
        workflow: SpanId::from_bytes(spec.id(16)),
        trace_id: TraceId::from_bytes(spec.id(0)),
        span_id: SpanId::from_bytes(spec.id(16)),
        parent_span_id: SpanId::from_bytes(spec.id(24)),
        parent_is_remote: spec.switches[2],
        trace_flags: 1,
        trace_state: "a=1",
        name: &spec.name,
        span_kind: span_kinds[usize::from(spec.span_kind()) - 1],
        node_kind: &spec.kind,
        role: match spec.host_flags() & host_flag::NODE {
            _ if spec.is_workflow() => SpanRole::Workflow,
            0 => SpanRole::Span,
            _ => SpanRole::Node,
        },
        start_unix_nano: spec.start,
    });
    for (name, value) in &spec.attributes {
        builder.attribute_told(name, &mut |sink| value.tell(sink));
    }
    for (time, name, attributes) in &spec.events {
        if let Some(mut event) = builder.open_event(*time, name) {
            for (name, value) in attributes {
                event.attribute(name, &mut |sink| value.tell(sink));
            }
            event.close();
        }
    }
    let mut message = "";
    if spec.has_extras() {
        for (name, value) in &spec.input {
            builder.section(Section::Input, name, value);
        }
        let (trace_id, span_id) = (TraceId::from_bytes(spec.id(0)), SpanId::from_bytes(spec.id(24)));
        if let Some(mut link) = builder.open_link(trace_id, span_id, "b=2", 0x101) {
            for (name, value) in &spec.link {
                link.attribute(name, &mut |sink| value.tell(sink));
            }
            link.close();
        }
        let (mode, numbers) = spec.usage;
        let [prompt, completion, question, total, cache_read, cache_write, reasoning] =
            numbers.map(u64::from);
        let mode = [UsageMode::Total, UsageMode::Delta, UsageMode::Cumulative][usize::from(mode % 3)];
        builder.usage(Usage {
            prompt,
            completion,
            question,
            total,
            cache_read,
            cache_write,
            reasoning,
            mode,
        });
        builder.first_frame(spec.end);
        builder.next("next");
        message = &spec.message;
    }
    builder.status(StatusCode::from_number(spec.status().into()), message);
    builder.finish(spec.end).to_vec()
}

/// A batch in the compact layout; every other key is interned.
pub fn compact(specs: &[Spec]) -> Vec<u8> {
    let mut batch = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for spec in specs {
        for (name, _) in spec.attributes.iter().step_by(2) {
            if names.len() < 16 && name.len() < 60_000 && !names.contains(name) {
                batch.extend(u32::try_from(8 + name.len()).unwrap().to_le_bytes());
                batch.extend([16, 0]);
                batch.extend(u16::try_from(names.len()).unwrap().to_le_bytes());
                batch.extend(name.as_bytes());
                names.push(name.clone());
            }
        }
        compact_span(spec, &names, &mut batch);
    }
    batch
}

fn compact_span(spec: &Spec, names: &[String], batch: &mut Vec<u8>) {
    let mut out = Vec::new();
    out.extend([0; 4]);
    out.extend([spec.record_kind(), spec.span_kind(), spec.status(), 1]);
    out.extend(spec.host_flags().to_le_bytes());
    for length in [spec.kind.len(), 3, spec.name.len()] {
        out.extend(u16::try_from(length).unwrap().to_le_bytes());
    }
    out.extend(&spec.ids);
    out.extend(spec.id::<8>(16));
    for time in [spec.start, spec.end] {
        out.extend(((time / 1_000_000) as f64).to_le_bytes());
    }
    for time in [spec.start, spec.end] {
        out.extend(u32::try_from(time % 1_000_000).unwrap().to_le_bytes());
    }
    assert_eq!(out.len(), SPAN_HEADER_LEN);
    out.extend(spec.name.as_bytes());
    out.extend(spec.kind.as_bytes());
    out.extend(b"a=1");
    for (name, value) in &spec.attributes {
        out.push(item::ATTRIBUTE);
        put_name(&mut out, names, name);
        put_value(&mut out, names, value);
    }
    for (time, name, attributes) in &spec.events {
        out.push(item::EVENT);
        put_time(&mut out, *time);
        put_name(&mut out, names, name);
        put_pairs(&mut out, names, attributes);
    }
    if spec.has_extras() {
        for (name, value) in &spec.input {
            out.push(item::INPUT);
            put_name(&mut out, names, name);
            put_value(&mut out, names, value);
        }
        out.push(item::LINK);
        out.extend(spec.id::<16>(0));
        out.extend(spec.id::<8>(24));
        out.extend(0x101_u32.to_le_bytes());
        put_name(&mut out, names, "b=2");
        put_pairs(&mut out, names, &spec.link);
        out.push(item::USAGE);
        for number in spec.usage.1 {
            out.extend(f64::from(number).to_le_bytes());
        }
        out.push(spec.usage.0 % 3);
        out.push(item::FIRST_FRAME);
        put_time(&mut out, spec.end);
        out.push(item::NEXT);
        put_name(&mut out, names, "next");
        out.push(item::STATUS_MESSAGE);
        put_name(&mut out, names, &spec.message);
    }
    let length = u32::try_from(out.len()).unwrap();
    out[..4].copy_from_slice(&length.to_le_bytes());
    batch.extend(out);
}

fn put_time(out: &mut Vec<u8>, time: u64) {
    out.extend(((time / 1_000_000) as f64).to_le_bytes());
    out.extend(u32::try_from(time % 1_000_000).unwrap().to_le_bytes());
}

fn put_name(out: &mut Vec<u8>, names: &[String], name: &str) {
    if let Some(known) = names.iter().position(|known| known == name) {
        out.extend((u16::try_from(known).unwrap() | INTERNED).to_le_bytes());
    } else {
        out.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        out.extend(name.as_bytes());
    }
}

fn put_pairs(out: &mut Vec<u8>, names: &[String], pairs: &[(String, Value)]) {
    out.extend(u16::try_from(pairs.len()).unwrap().to_le_bytes());
    for (name, value) in pairs {
        put_name(out, names, name);
        put_value(out, names, value);
    }
}

/// What is still to be written.
enum Rest<'a> {
    Value(&'a Value),
    Key(&'a str),
    End,
}

fn put_value(out: &mut Vec<u8>, names: &[String], value: &Value) {
    let mut open = vec![Rest::Value(value)];
    while let Some(rest) = open.pop() {
        match rest {
            Rest::Key(key) => put_name(out, names, key),
            Rest::End => {}
            Rest::Value(Value::Null) => out.push(kind_of::NULL),
            Rest::Value(Value::Bool(value)) => out.push(if *value { kind_of::TRUE } else { kind_of::FALSE }),
            Rest::Value(Value::Int(number)) => match i32::try_from(*number) {
                Ok(number) => {
                    out.push(kind_of::INT32);
                    out.extend(number.to_le_bytes());
                }
                Err(_) => {
                    out.push(kind_of::INT64);
                    out.extend(number.to_le_bytes());
                }
            },
            Rest::Value(Value::Double(number)) => {
                out.push(kind_of::DOUBLE);
                out.extend(number.to_le_bytes());
            }
            Rest::Value(Value::String(text)) => match u8::try_from(text.len()) {
                Ok(length) => {
                    out.extend([kind_of::SHORT_TEXT, length]);
                    out.extend(text.as_bytes());
                }
                Err(_) => put_long(out, kind_of::TEXT, text.as_bytes()),
            },
            Rest::Value(Value::Bytes(bytes)) => put_long(out, kind_of::BYTES, bytes),
            Rest::Value(Value::Array(values)) => {
                out.push(kind_of::ARRAY);
                out.extend(u32::try_from(values.len()).unwrap().to_le_bytes());
                open.extend(values.iter().rev().map(Rest::Value));
            }
            Rest::Value(Value::Map(entries)) => {
                out.push(kind_of::MAP);
                out.extend(u32::try_from(entries.len()).unwrap().to_le_bytes());
                for (key, value) in entries.iter().rev() {
                    open.push(Rest::Value(value));
                    open.push(Rest::Key(key));
                }
            }
        }
    }
}

fn put_long(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.push(kind);
    out.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    out.extend(bytes);
}

/// What Python makes of a list of tuples.
pub fn marshalled(specs: &[Spec]) -> Vec<u8> {
    let mut out = Vec::new();
    put_count(&mut out, b'[', specs.len());
    for spec in specs {
        marshal_span(spec, &mut out);
    }
    out
}

fn marshal_span(spec: &Spec, out: &mut Vec<u8>) {
    put_count(out, b'(', 14);
    let head = [spec.record_kind(), spec.span_kind(), spec.status(), 1];
    put_number(out, i128::from(u32::from_le_bytes(head)) | i128::from(spec.host_flags()) << 32);
    put_text_entry(out, &spec.name);
    put_long(out, b's', &spec.id::<16>(0));
    put_long(out, b's', &spec.id::<8>(16));
    put_long(out, b's', &spec.id::<8>(24));
    put_long(out, b's', &spec.id::<8>(16));
    put_number(out, spec.start.into());
    put_number(out, spec.end.into());
    put_text_entry(out, &spec.kind);
    put_text_entry(out, "a=1");
    out.push(b'N');
    put_dictionary(out, &spec.attributes);
    put_count(out, b'[', spec.events.len());
    for (time, name, attributes) in &spec.events {
        put_count(out, b'(', 3);
        put_number(out, (*time).into());
        put_text_entry(out, name);
        put_dictionary(out, attributes);
    }
    if !spec.has_extras() {
        out.push(b'N');
        return;
    }
    put_count(out, b'[', spec.input.len() + 5);
    for entry in &spec.input {
        put_count(out, b'(', 2);
        put_number(out, item::INPUT.into());
        put_dictionary(out, std::slice::from_ref(entry));
    }
    put_count(out, b'(', 6);
    put_number(out, item::LINK.into());
    put_long(out, b's', &spec.id::<16>(0));
    put_long(out, b's', &spec.id::<8>(24));
    put_number(out, 0x101);
    put_text_entry(out, "b=2");
    put_dictionary(out, &spec.link);
    put_count(out, b'(', 9);
    put_number(out, item::USAGE.into());
    for number in spec.usage.1 {
        put_number(out, number.into());
    }
    put_number(out, (spec.usage.0 % 3).into());
    put_count(out, b'(', 2);
    put_number(out, item::FIRST_FRAME.into());
    put_number(out, spec.end.into());
    for (kind, text) in [(item::NEXT, "next"), (item::STATUS_MESSAGE, &spec.message)] {
        put_count(out, b'(', 2);
        put_number(out, kind.into());
        put_text_entry(out, text);
    }
}

fn put_count(out: &mut Vec<u8>, kind: u8, count: usize) {
    out.push(kind);
    out.extend(u32::try_from(count).unwrap().to_le_bytes());
}

pub fn put_text_entry(out: &mut Vec<u8>, text: &str) {
    put_long(out, b'u', text.as_bytes());
}

fn put_number(out: &mut Vec<u8>, number: i128) {
    if let Ok(number) = i32::try_from(number) {
        out.push(b'i');
        out.extend(number.to_le_bytes());
        return;
    }
    let (mut rest, mut digits) = (number.unsigned_abs(), Vec::new());
    while rest > 0 {
        digits.push(u16::try_from(rest & 0x7fff).unwrap());
        rest >>= 15;
    }
    let count = i32::try_from(digits.len()).unwrap();
    out.push(b'l');
    out.extend((if number < 0 { -count } else { count }).to_le_bytes());
    out.extend(digits.iter().flat_map(|digit| digit.to_le_bytes()));
}

fn put_dictionary(out: &mut Vec<u8>, entries: &[(String, Value)]) {
    out.push(b'{');
    for (key, value) in entries {
        put_text_entry(out, key);
        put_marshalled(out, value);
    }
    out.push(b'0');
}

fn put_marshalled(out: &mut Vec<u8>, value: &Value) {
    let mut open = vec![Rest::Value(value)];
    while let Some(rest) = open.pop() {
        match rest {
            Rest::Key(key) => put_text_entry(out, key),
            Rest::End => out.push(b'0'),
            Rest::Value(Value::Null) => out.push(b'N'),
            Rest::Value(Value::Bool(value)) => out.push(if *value { b'T' } else { b'F' }),
            Rest::Value(Value::Int(number)) => put_number(out, (*number).into()),
            Rest::Value(Value::Double(number)) => {
                out.push(b'g');
                out.extend(number.to_le_bytes());
            }
            Rest::Value(Value::String(text)) => put_text_entry(out, text),
            Rest::Value(Value::Bytes(bytes)) => put_long(out, b's', bytes),
            Rest::Value(Value::Array(values)) => {
                put_count(out, b'[', values.len());
                open.extend(values.iter().rev().map(Rest::Value));
            }
            Rest::Value(Value::Map(entries)) => {
                out.push(b'{');
                open.push(Rest::End);
                for (key, value) in entries.iter().rev() {
                    open.push(Rest::Value(value));
                    open.push(Rest::Key(key));
                }
            }
        }
    }
}
