//! What the tests share.

use std::time::Duration;

use spanloom::loom::TextOptions;
use spanloom::otlp::span::SpanView;
use spanloom::{Loom, LoomBuilder, MemoryExporter};

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A loom that keeps what it records.
pub fn loom() -> (Loom, MemoryExporter) {
    loom_with(Loom::builder())
}

pub fn loom_with(builder: LoomBuilder) -> (Loom, MemoryExporter) {
    let memory = MemoryExporter::new();
    (builder.exporter(memory.clone()).build(), memory)
}

/// The trees so far.
pub fn tree(loom: &Loom, memory: &MemoryExporter) -> String {
    loom.flush(PATIENCE);
    memory.tree_text(&TextOptions::stable())
}

/// What `look` says of the span with this name.
pub fn of_span<T>(loom: &Loom, memory: &MemoryExporter, name: &str, look: impl Fn(&SpanView<'_>) -> T) -> T {
    loom.flush(PATIENCE);
    let mut found = None;
    memory.each_span(|span| {
        if span.name == name {
            found = Some(look(&span));
        }
    });
    found.unwrap_or_else(|| panic!("no span {name}"))
}

/// All attributes of a span, as `key=value` in their order.
pub fn attributes(span: &SpanView<'_>) -> Vec<String> {
    span.attributes().map(|(key, value)| format!("{key}={}", value.to_value().to_json())).collect()
}
