//! The host layouts: three ways of saying a span give the same bytes, and nothing that comes in does harm.

#[path = "layouts/write.rs"]
mod write;

use proptest::prelude::*;
use spanloom::otlp::any::AnyView;
use spanloom::otlp::span::SpanView;
use spanloom::record::{Ingest, IngestCounts, Limits, RecordKind, Records, envelope::flags};
use spanloom::value::Value;
use write::{Spec, compact, marshalled, native, put_text_entry};

/// Ingests a batch the compact way, and checks that whatever came out is whole.
fn take_compact(batch: &[u8]) -> (Vec<u8>, IngestCounts) {
    let (mut ingest, mut out) = (Ingest::default(), Vec::new());
    ingest.compact(batch, &mut out);
    whole(&out, ingest.counts());
    (out, ingest.counts())
}

fn take_marshal(batch: &[u8]) -> (Vec<u8>, IngestCounts) {
    let (mut ingest, mut out) = (Ingest::default(), Vec::new());
    ingest.marshal(batch, &mut out);
    whole(&out, ingest.counts());
    (out, ingest.counts())
}

fn whole(records: &[u8], counts: IngestCounts) {
    let mut spans = 0;
    for record in Records::new(records) {
        let record = record.expect("records are whole");
        assert!(matches!(
            record.kind,
            RecordKind::WorkflowOpened
                | RecordKind::Started
                | RecordKind::Finished
                | RecordKind::WorkflowClosed
        ));
        SpanView::read(record.body).expect("spans can be read");
        spans += 1;
    }
    assert_eq!(spans, counts.spans);
}

/// The only span in these records.
fn only(records: &[u8]) -> (SpanView<'_>, u16) {
    let all: Vec<_> = Records::new(records).map(Result::unwrap).collect();
    let [record] = all.as_slice() else { panic!("{} records", all.len()) };
    (SpanView::read(record.body).unwrap(), record.flags)
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<i8>().prop_map(|number| Value::Int(number.into())),
        any::<f64>().prop_map(Value::Double),
        ".{0,300}".prop_map(|text| Value::from(text.as_str())),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map("[a-zä]{0,5}", inner, 0..5)
                .prop_map(|entries| Value::Map(entries.into_iter().collect())),
        ]
    })
}

fn pairs() -> impl Strategy<Value = Vec<(String, Value)>> {
    prop::collection::btree_map("[a-z.ä]{0,50}", values(), 0..6).prop_map(|pairs| pairs.into_iter().collect())
}

fn specs() -> impl Strategy<Value = Spec> {
    let head = (any::<[u8; 32]>(), any::<(u8, u64, u64)>(), ".{0,60}", "[a-z]{0,8}", any::<[bool; 4]>());
    let rest = (pairs(), prop::collection::vec((any::<u64>(), ".{0,20}", pairs()), 0..3), pairs(), pairs());
    (head, rest, any::<(u8, [u32; 7])>(), ".{0,20}").prop_map(
        |(
            (ids, (kinds, start, end), name, kind, switches),
            (attributes, events, input, links),
            usage,
            message,
        )| Spec {
            ids,
            kinds,
            start,
            end,
            name,
            kind,
            switches,
            attributes,
            events,
            input,
            link: links,
            usage,
            message,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn three_ways_of_saying_a_span_give_the_same_bytes(specs in prop::collection::vec(specs(), 1..4)) {
        let wanted: Vec<u8> = specs.iter().flat_map(native).collect();
        let (by_compact, counts) = take_compact(&compact(&specs));
        prop_assert_eq!(counts, IngestCounts { spans: specs.len() as u64, ..IngestCounts::default() });
        prop_assert_eq!(&by_compact, &wanted);
        let (by_marshal, counts) = take_marshal(&marshalled(&specs));
        prop_assert_eq!(counts, IngestCounts { spans: specs.len() as u64, ..IngestCounts::default() });
        prop_assert_eq!(&by_marshal, &wanted);
    }

    #[test]
    fn changed_batches_do_no_harm(
        specs in prop::collection::vec(specs(), 1..3),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        for (mut batch, take) in
            [(compact(&specs), take_compact as fn(&[u8]) -> _), (marshalled(&specs), take_marshal)]
        {
            for (place, byte) in &changes {
                let at = place.index(batch.len());
                batch[at] = *byte;
            }
            take(&batch);
            batch.truncate(cut.index(batch.len()));
            take(&batch);
        }
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        take_compact(&bytes);
        take_marshal(&bytes);
    }
}

/// A span that has something of everything.
fn rich() -> Spec {
    let list =
        Value::Array(vec![Value::Int(1), Value::from("two"), Value::Map(vec![("k".into(), Value::Null)])]);
    Spec {
        ids: std::array::from_fn(|at| u8::try_from(at).unwrap()),
        start: 1_700_000_000_123_456_789,
        end: 1_700_000_000_223_456_789,
        name: "name".into(),
        kind: "llm".into(),
        switches: [true; 4],
        attributes: vec![("text".into(), "value".into()), ("list".into(), list.clone())],
        events: vec![(1_700_000_000_123_456_790, "event".into(), vec![("a".into(), Value::Double(0.5))])],
        input: vec![("in".into(), list)],
        link: vec![("l".into(), Value::Bool(true))],
        usage: (1, [1, 2, 3, 4, 5, 6, 7]),
        message: "message".into(),
        ..Spec::default()
    }
}

#[test]
fn a_batch_may_end_anywhere() {
    for (batch, take) in [
        (compact(&[rich(), rich()]), take_compact as fn(&[u8]) -> _),
        (marshalled(&[rich(), rich()]), take_marshal),
    ] {
        let (_, counts) = take(&batch);
        assert_eq!((counts.spans, counts.malformed), (2, 0));
        for length in 0..batch.len() {
            let (_, counts) = take(&batch[..length]);
            assert!(counts.spans < 2, "{length}");
        }
    }
}

#[test]
fn any_byte_of_a_batch_may_be_wrong() {
    for (batch, take) in
        [(compact(&[rich()]), take_compact as fn(&[u8]) -> _), (marshalled(&[rich()]), take_marshal)]
    {
        for at in 0..batch.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff, batch[at] ^ 1, batch[at].wrapping_add(1)] {
                let mut broken = batch.clone();
                broken[at] = byte;
                take(&broken);
            }
        }
    }
}

#[test]
fn unknown_entries_are_passed_over_and_counted() {
    let mut batch = vec![9, 0, 0, 0, 200, 1, 2, 3, 4];
    batch.extend(compact(&[rich()]));
    batch.extend([5, 0, 0, 0, 99]);
    let (records, counts) = take_compact(&batch);
    assert_eq!((counts.spans, counts.unknown, counts.malformed), (1, 2, 0));
    assert_eq!(records, native(&rich()));
}

#[test]
fn a_broken_span_does_not_take_its_neighbours_with_it() {
    let mut entries = compact(&[rich()]);
    let bad_item = entries.len();
    entries.extend(compact(&[Spec { attributes: Vec::new(), ..rich() }]));
    entries[bad_item + 80 + "namellma=1".len()] = 0xee; // no such item
    entries.extend(compact(&[rich()]));
    let (_, counts) = take_compact(&entries);
    assert_eq!((counts.spans, counts.malformed), (2, 1));
    // A tuple with a member too few, between two that are right.
    let one = marshalled(&[rich()]);
    let mut batch = vec![b'[', 3, 0, 0, 0];
    batch.extend(&one[5..]);
    batch.extend([b'(', 1, 0, 0, 0, b'N']);
    batch.extend(&one[5..]);
    let (_, counts) = take_marshal(&batch);
    assert_eq!((counts.spans, counts.malformed), (2, 1));
}

#[test]
fn a_text_of_100_mb_is_cut_to_its_limit() {
    let text = "x".repeat(100 << 20);
    let spec = Spec { attributes: vec![("a".into(), text.as_str().into())], ..Spec::default() };
    for records in
        [take_compact(&compact(std::slice::from_ref(&spec))).0, take_marshal(&marshalled(&[spec])).0]
    {
        let (span, record_flags) = only(&records);
        let kept = span.attribute("a").and_then(|value| value.as_str()).unwrap().len();
        assert_eq!(kept, Limits::default().value_length);
        assert_eq!(span.attribute("spanloom.cut"), Some(AnyView::Int(1)));
        assert_ne!(record_flags & flags::CUT, 0);
    }
}

#[test]
fn of_a_million_attributes_the_limit_is_kept_and_the_rest_counted() {
    let attributes: Vec<_> = (0..1_000_000).map(|n| (format!("key {n}"), Value::Int(n))).collect();
    let spec = Spec { attributes, ..Spec::default() };
    for records in
        [take_compact(&compact(std::slice::from_ref(&spec))).0, take_marshal(&marshalled(&[spec])).0]
    {
        let (span, _) = only(&records);
        assert_eq!((span.attributes().count(), span.dropped_attributes), (128, 1_000_000 - 128));
    }
}

#[test]
fn values_10_000_deep_are_cut_where_decoders_stop() {
    let deep = (0..10_000).fold(Value::Int(1), |inner, _| Value::Array(vec![inner]));
    let spec = Spec { attributes: vec![("a".into(), deep)], ..Spec::default() };
    let (wanted, specs) = (native(&spec), [spec]);
    assert_eq!(take_compact(&compact(&specs)).0, wanted);
    assert_eq!(take_marshal(&marshalled(&specs)).0, wanted);
    assert!(only(&wanted).0.attribute("spanloom.cut").is_some());
}

#[test]
fn keys_that_mean_something_elsewhere_are_keys() {
    let entries = ["__proto__", "constructor", "toString"].map(|key| (key.to_owned(), Value::from("v")));
    let spec = Spec { attributes: entries.to_vec(), input: entries.to_vec(), ..Spec::default() };
    let (wanted, specs) = (native(&spec), [spec]);
    assert_eq!(take_compact(&compact(&specs)).0, wanted);
    assert_eq!(take_marshal(&marshalled(&specs)).0, wanted);
    assert_eq!(only(&wanted).0.attribute("__proto__"), Some(AnyView::String("v")));
}

/// A tuple of Python with one attribute `a`, whose marshalled value is given.
fn with_marshalled(value: &[u8]) -> Vec<u8> {
    let mut batch = vec![b'[', 1, 0, 0, 0, b'(', 14, 0, 0, 0, b'i', 3, 1, 0, 0];
    batch.extend([b'N'; 10]);
    batch.push(b'{');
    put_text_entry(&mut batch, "a");
    batch.extend(value);
    batch.extend(b"0NN");
    batch
}

#[test]
fn whole_numbers_of_python_beyond_64_bits_become_their_digits() {
    let digits = |sign: i32, digits: &[u16]| {
        let mut bytes = vec![b'l'];
        bytes.extend((sign * i32::try_from(digits.len()).unwrap()).to_le_bytes());
        bytes.extend(digits.iter().flat_map(|digit| digit.to_le_bytes()));
        bytes
    };
    let big = vec![1; 100_000];
    let cases = [
        (digits(1, &[0x7fff, 0x7fff, 0x7fff, 0x7fff, 7]), Value::Int(i64::MAX)),
        (digits(-1, &[0, 0, 0, 0, 8]), Value::Int(i64::MIN)),
        (digits(1, &[0, 0, 0, 0, 8]), "9223372036854775808".into()),
        (digits(1, &[0, 0, 0, 0, 16]), "18446744073709551616".into()),
        (digits(-1, &[1, 0, 0, 0, 8]), "-9223372036854775809".into()),
        (digits(1, &[0, 0, 0, 0, 0, 1]), "37778931862957161709568".into()),
        (digits(1, &[5, 0, 0, 0, 0, 0]), Value::Int(5)),
        (digits(1, &big), "[integer of about 1500000 bits]".into()),
    ];
    for (bytes, wanted) in cases {
        let (records, counts) = take_marshal(&with_marshalled(&bytes));
        assert_eq!(counts.spans, 1);
        assert_eq!(only(&records).0.attribute("a").unwrap().to_value(), wanted);
    }
}

#[test]
fn lone_surrogates_of_python_are_repaired_and_counted() {
    let mut value = vec![b'u', 5, 0, 0, 0];
    value.extend(b"a\xed\xa0\xbdb");
    let (records, counts) = take_marshal(&with_marshalled(&value));
    let (span, record_flags) = only(&records);
    assert_eq!(span.attribute("a"), Some(AnyView::String("a\u{fffd}b")));
    assert_eq!((counts.repaired, record_flags & flags::REPAIRED), (1, flags::REPAIRED));
}
