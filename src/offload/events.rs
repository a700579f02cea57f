//! Long texts in the events of an encoded span.

use super::{BlobStore, EVENT_TEXT_LIMIT, Offload, Offloaded};
use crate::otlp::any::{AnyWriter, read_key_value};
use crate::otlp::span::field;
use crate::otlp::wire::{FieldValue, Fields, close_message, open_message, put_bytes_field};

/// Field of an `Event` message: its attributes.
const EVENT_ATTRIBUTES: u32 = 3;

/// Appends a `Span` message to `out`, with links in place of the long texts in attributes of its events: see
/// [`Offload::for_events`]. All else is copied as it stands.
///
/// ```
/// use spanloom::offload::{BlobError, BlobStore, EVENT_TEXT_LIMIT, offload_events};
/// use spanloom::otlp::any::put_key_value;
/// use spanloom::otlp::wire::{close_message, open_message};
///
/// struct Nowhere;
/// impl BlobStore for Nowhere {
///     fn put(&self, name: &str, _: &[u8]) -> Result<String, BlobError> {
///         Ok(format!("https://blobs.example/{name}"))
///     }
/// }
///
/// let mut span = Vec::new();
/// let event = open_message(&mut span, 11);
/// put_key_value(&mut span, 3, "INFO LOG", &"x".repeat(EVENT_TEXT_LIMIT).into());
/// close_message(&mut span, event);
///
/// let mut out = Vec::new();
/// let count = offload_events(&span, &Nowhere, || [7; 16], &mut out);
/// assert_eq!(count.stored, 1);
/// assert!(String::from_utf8_lossy(&out).contains("trace_link: https://blobs.example/0707070707074707870707"));
/// ```
pub fn offload_events<B: BlobStore + ?Sized>(
    span: &[u8],
    store: &B,
    mut random: impl FnMut() -> [u8; 16],
    out: &mut Vec<u8>,
) -> Offloaded {
    let mut count = Offloaded::default();
    rewrite(span, field::EVENTS, out, |event, out| {
        rewrite(event, EVENT_ATTRIBUTES, out, |attribute, out| {
            let Ok((key, value)) = read_key_value(attribute) else {
                return out.extend_from_slice(attribute);
            };
            put_bytes_field(out, 1, key.as_bytes());
            let content = open_message(out, 2);
            let mut writer = AnyWriter::new(out);
            let mut offload = Offload::for_events(&mut writer, store, &mut random);
            value.tell(&mut offload);
            let Offloaded { stored, failed } = offload.count();
            writer.finish();
            close_message(out, content);
            count.stored = count.stored.saturating_add(stored);
            count.failed = count.failed.saturating_add(failed);
        });
    });
    count
}

/// Copies a message; the content of each message inside, in the fields of this number, is what `write` appends. Those that
/// are too small for a long text are copied, too.
fn rewrite(message: &[u8], number: u32, out: &mut Vec<u8>, mut write: impl FnMut(&[u8], &mut Vec<u8>)) {
    let mut fields = Fields::new(message);
    let mut copied = 0;
    loop {
        let start = message.len().saturating_sub(fields.rest().len());
        // What is behind something that is no field is copied as it stands.
        let Ok(Some(field)) = fields.next_field() else { break };
        let FieldValue::Bytes(inside) = field.value else { continue };
        if field.number != number || inside.len() < EVENT_TEXT_LIMIT {
            continue;
        }
        out.extend_from_slice(message.get(copied..start).unwrap_or_default());
        let opened = open_message(out, number);
        write(inside, out);
        close_message(out, opened);
        copied = message.len().saturating_sub(fields.rest().len());
    }
    out.extend_from_slice(message.get(copied..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::BlobError;
    use crate::otlp::any::put_key_value;
    use crate::otlp::span::SpanView;
    use crate::value::Value;

    struct Shelf;

    impl BlobStore for Shelf {
        fn put(&self, _: &str, bytes: &[u8]) -> Result<String, BlobError> {
            Ok(format!("link-{}", bytes.len()))
        }
    }

    fn offloaded(span: &[u8]) -> (Vec<u8>, Offloaded) {
        let mut out = Vec::new();
        let count = offload_events(span, &Shelf, || [0; 16], &mut out);
        (out, count)
    }

    fn span_with(events: &[(&str, Value)]) -> Vec<u8> {
        let mut span = Vec::new();
        put_bytes_field(&mut span, field::TRACE_ID, &[1; 16]);
        put_bytes_field(&mut span, field::SPAN_ID, &[2; 8]);
        // An attribute of the span itself is none of an event.
        put_key_value(&mut span, field::ATTRIBUTES, "long", &"y".repeat(EVENT_TEXT_LIMIT).into());
        for (key, value) in events {
            let event = open_message(&mut span, field::EVENTS);
            put_bytes_field(&mut span, 2, b"INFO");
            put_key_value(&mut span, EVENT_ATTRIBUTES, "before", &1.into());
            put_key_value(&mut span, EVENT_ATTRIBUTES, key, value);
            put_key_value(&mut span, EVENT_ATTRIBUTES, "behind", &2.into());
            close_message(&mut span, event);
        }
        put_bytes_field(&mut span, field::NAME, b"late");
        span
    }

    #[test]
    fn long_texts_of_events_become_links_and_nothing_else_changes() {
        let long: Value = "é".repeat(EVENT_TEXT_LIMIT / 2).into();
        let short: Value = "x".repeat(EVENT_TEXT_LIMIT - 1).into();
        let link: Value = "trace_link: link-10240".into();
        let nested = |text: &Value| Value::from([("list", Value::Array(vec![text.clone(), 7.into()]))]);
        let span = span_with(&[("a", long.clone()), ("b", short.clone()), ("c", nested(&long))]);
        let (out, count) = offloaded(&span);
        assert_eq!(out, span_with(&[("a", link.clone()), ("b", short), ("c", nested(&link))]));
        assert_eq!(count, Offloaded { stored: 2, failed: 0 });
        assert!(SpanView::read(&out).is_ok());
        assert_eq!(offloaded(&out), (out, Offloaded::default()));
    }

    #[test]
    fn bytes_that_are_no_span_come_out_as_they_went_in() {
        let whole = span_with(&[("a", "x".repeat(EVENT_TEXT_LIMIT).into())]);
        for length in (0..whole.len()).step_by(97) {
            let part = &whole[..length];
            assert_eq!(offloaded(part), (part.to_vec(), Offloaded::default()), "{length}");
        }
    }
}
