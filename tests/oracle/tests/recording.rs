//! Random programs through the native handles: every record is the message that prost would write, attributes are those
//! of a model, and the ledger adds up after every step.

mod arbitrary;

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use spanloom::context::SpanContext;
use spanloom::host::{ManualClock, SeededEntropy};
use spanloom::otlp::any::AnyView;
use spanloom::otlp::span::{SpanView, StatusCode};
use spanloom::record::{Limits, RecordKind, Records};
use spanloom::redact::Redactor;
use spanloom::sample::{Sampler, TailRules};
use spanloom::value::{Value, ValueRef};
use spanloom::vocabulary as key;
use spanloom::{Loom, MemoryExporter, Node, SpanId, Usage, UsageMode, Workflow};
use spanloom_oracle::canonical_span;
use spanloom_oracle::prost::Message;
use spanloom_oracle::proto::common::v1::AnyValue;

/// A loom to be made.
#[derive(Debug, Clone)]
struct Setting {
    limits: Limits,
    /// The share of workflows that the tail sampler keeps, where there is one.
    tail: Option<f64>,
    head: Sampler,
    live_view: bool,
    redacts: bool,
}

fn setting() -> impl Strategy<Value = Setting> {
    let counts = (0u32..7, 0u32..4, 0u32..3, 0u32..3);
    let sizes = (select(vec![2, 1 << 20]), 0u32..4, 0u32..9, select(vec![0, 300, 2_000, 16 << 20]));
    let tail = select(vec![None, None, Some(0.0), Some(0.5), Some(1.0)]);
    let head = select(vec![Sampler::ALWAYS_ON, Sampler::ALWAYS_ON, Sampler::ALWAYS_ON, Sampler::ALWAYS_OFF]);
    (counts, sizes, tail, head, any::<(bool, bool)>()).prop_map(
        |(counts, sizes, tail, head, (live_view, redacts))| {
            let (attributes, events, links, nested_attributes) = counts;
            let (value_length, value_depth, value_nodes, span_bytes) = sizes;
            let limits = Limits {
                attributes,
                events,
                links,
                nested_attributes,
                value_length,
                key_length: 12,
                value_depth,
                value_nodes,
                span_bytes,
            };
            Setting { limits, tail, head, live_view, redacts }
        },
    )
}

/// A setting where nothing but the number of attributes is limited, so that a model can tell what comes of them.
fn roomy() -> impl Strategy<Value = Setting> {
    (0u32..7, any::<bool>()).prop_map(|(attributes, live_view)| Setting {
        limits: Limits { attributes, key_length: 12, ..Limits::default() },
        tail: None,
        head: Sampler::ALWAYS_ON,
        live_view,
        redacts: false,
    })
}

/// One call. An index is of an open handle.
#[derive(Debug, Clone)]
enum Step {
    Workflow(String, bool),
    Root(String),
    Node(Index, String, &'static str),
    Plain(Index, String),
    Attribute(Index, &'static str, Value),
    Section(Index, u8, &'static str, Value),
    Event(Index, String, Vec<(&'static str, Value)>),
    Link(Index, Vec<(&'static str, Value)>),
    Next(Index, String),
    Usage(Index, [u64; 3], u8),
    FirstFrame(Index),
    Status(Index, u8, String),
    Error(Index, String),
    Exception(Index, String),
    Advance(u64),
    Set(u64),
    End(Index),
    EndAt(Index, u64),
    Forget(Index),
    Flush,
}

/// Keys: plain ones, one that is too long, an empty one, and some of ours.
const KEYS: [&str; 10] =
    ["a", "b", "c", "d", "e", "", "longer than twelve bytes", key::ANSWER, key::REQUEST_MODEL, "error"];
const KINDS: [&str; 5] = ["", "llm", "tool", "agent", "own"];

/// A text that is not empty: prost leaves out empty names, where we do not.
fn name() -> impl Strategy<Value = String> {
    arbitrary::text().prop_map(|text| if text.is_empty() { "n".to_owned() } else { text })
}

/// A value as OTLP has it; prost leaves out empty keys, so there are none.
fn value() -> impl Strategy<Value = Value> {
    fn named(value: Value) -> Value {
        match &value {
            Value::Array(values) => Value::Array(values.iter().cloned().map(named).collect()),
            Value::Map(pairs) => {
                let name = |key: &str| if key.is_empty() { "k".to_owned() } else { key.to_owned() };
                Value::Map(pairs.iter().map(|(key, value)| (name(key), named(value.clone()))).collect())
            }
            _ => value,
        }
    }
    arbitrary::any_value()
        .prop_map(|any: AnyValue| named(AnyView::read(&any.encode_to_vec()).map(AnyView::to_value).unwrap()))
}

fn pairs() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    vec((select(&KEYS[..7]), value()), 0..4)
}

fn step() -> impl Strategy<Value = Step> {
    let at = any::<Index>;
    prop_oneof![
        2 => (name(), any::<bool>()).prop_map(|(name, known)| Step::Workflow(name, known)),
        1 => name().prop_map(Step::Root),
        6 => (at(), name(), select(&KINDS[..])).prop_map(|(at, name, kind)| Step::Node(at, name, kind)),
        1 => (at(), name()).prop_map(|(at, name)| Step::Plain(at, name)),
        20 => (at(), select(&KEYS[..]), value()).prop_map(|(at, key, value)| Step::Attribute(at, key, value)),
        3 => (at(), 0u8..3, select(&KEYS[..5]), value()).prop_map(|(at, of, key, value)| Step::Section(at, of, key, value)),
        2 => (at(), name(), pairs()).prop_map(|(at, name, pairs)| Step::Event(at, name, pairs)),
        2 => (at(), pairs()).prop_map(|(at, pairs)| Step::Link(at, pairs)),
        1 => (at(), name()).prop_map(|(at, id)| Step::Next(at, id)),
        2 => (at(), any::<[u64; 3]>(), 0u8..3).prop_map(|(at, numbers, mode)| Step::Usage(at, numbers, mode)),
        1 => at().prop_map(Step::FirstFrame),
        2 => (at(), 0u8..3, arbitrary::text()).prop_map(|(at, code, text)| Step::Status(at, code, text)),
        1 => (at(), name()).prop_map(|(at, text)| Step::Error(at, text)),
        1 => (at(), name()).prop_map(|(at, text)| Step::Exception(at, text)),
        2 => (0u64..1 << 40).prop_map(Step::Advance),
        1 => (1u64..).prop_map(Step::Set),
        6 => at().prop_map(Step::End),
        1 => (at(), 1u64..).prop_map(|(at, time)| Step::EndAt(at, time)),
        1 => at().prop_map(Step::Forget),
        2 => Just(Step::Flush),
    ]
}

/// What must become of the attributes of one span: last values, in the order of the first ones.
#[derive(Debug, Clone, Default)]
struct Model {
    attributes: Vec<(String, Value)>,
    counted: u32,
    dropped: u32,
}

impl Model {
    fn start(name: &str, kind: &str) -> Self {
        let mut model = Self::default();
        if kind.is_empty() {
            return model;
        }
        model.own(key::KIND, kind);
        if let Some(operation) = key::operation_of(kind) {
            model.own(key::OPERATION, operation);
        }
        match kind {
            key::KIND_WORKFLOW => model.own(key::WORKFLOW_NAME, name),
            "tool" => model.own(key::TOOL_NAME, name),
            "agent" => model.own(key::AGENT_NAME, name),
            _ => {}
        }
        model
    }

    fn identity(&mut self) {
        self.own(key::SID, "s-1");
        self.own(key::UID, "u-1");
        self.own(key::SPAN_VERSION, key::SPAN_VERSION_VALUE);
    }

    fn own(&mut self, name: &str, text: &str) {
        self.attributes.push((name.into(), text.into()));
    }

    fn set(&mut self, limits: &Limits, name: &str, value: Value) {
        if let Some(known) = self.attributes.iter_mut().find(|(known, _)| known == name) {
            known.1 = value;
            return;
        }
        let fits = self.counted < limits.attributes && !name.is_empty() && name.len() <= limits.key_length;
        if fits {
            self.counted += 1;
        } else if !key::is_reserved(name) {
            self.dropped += 1;
            return;
        }
        self.attributes.push((name.into(), value));
    }
}

enum Handle {
    Run(Workflow),
    Step(Node),
}

struct Open {
    handle: Handle,
    id: SpanId,
    model: Model,
    /// The workflow says on whose behalf it runs, and so does everything in it.
    known: bool,
}

impl Open {
    fn records(&self) -> bool {
        match &self.handle {
            Handle::Run(run) => run.is_recording(),
            Handle::Step(node) => node.is_recording(),
        }
    }
}

/// A program while it runs.
struct Player {
    loom: Loom,
    memory: MemoryExporter,
    clock: ManualClock,
    setting: Setting,
    open: Vec<Open>,
    forgotten: Vec<Open>,
    ended: Vec<(SpanId, Model)>,
}

fn borrowed<'v>(pairs: &'v [(&'static str, Value)]) -> Vec<(&'static str, ValueRef<'v>)> {
    pairs.iter().map(|(key, value)| (*key, value.into())).collect()
}

fn told(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Null => ValueRef::Null,
        Value::Bool(value) => ValueRef::Bool(*value),
        Value::Int(value) => ValueRef::Int(*value),
        Value::Double(value) => ValueRef::Double(*value),
        Value::String(value) => ValueRef::Str(value),
        Value::Bytes(value) => ValueRef::Bytes(value),
        Value::Array(_) | Value::Map(_) => ValueRef::Value(value),
    }
}

impl Player {
    fn new(setting: &Setting) -> Self {
        let (memory, clock) = (MemoryExporter::new(), ManualClock::at(1_700_000_000_000_000_000));
        let mut builder = Loom::builder()
            .exporter(memory.clone())
            .clock(clock.clone())
            .entropy(SeededEntropy::new(7))
            .limits(setting.limits)
            .live_view(setting.live_view)
            .sampler(setting.head);
        if let Some(share) = setting.tail {
            builder = builder.tail(TailRules::new().otherwise(share).build());
        }
        if setting.redacts {
            builder = builder.redact(Redactor::default());
        }
        let loom = builder.build();
        Self { loom, memory, clock, setting: setting.clone(), open: vec![], forgotten: vec![], ended: vec![] }
    }

    fn started(&mut self, handle: Handle, mut model: Model, known: bool) {
        let context = match &handle {
            Handle::Run(run) => run.context(),
            Handle::Step(node) => node.context(),
        };
        let id = context.span.map_or(SpanId::NONE, |span| span.span_id);
        if known {
            model.identity();
        }
        self.open.push(Open { handle, id, model, known });
    }

    fn below(&mut self, at: Index, name: &str, kind: &'static str, is_node: bool) {
        let Some(parent) = at_of(&self.open, at).and_then(|at| self.open.get(at)) else { return };
        let builder = match (&parent.handle, is_node) {
            (Handle::Run(run), true) => run.node(name),
            (Handle::Run(run), false) => run.span(name),
            (Handle::Step(node), true) => node.node(name),
            (Handle::Step(node), false) => node.span(name),
        };
        let (node, known) = (builder.kind(kind).start(), parent.known);
        self.started(Handle::Step(node), Model::start(name, kind), known);
    }

    fn on_node(&mut self, at: Index, change: impl FnOnce(&mut Node, &mut Model, &Limits)) {
        let Some(at) = at_of(&self.open, at) else { return };
        let open = &mut self.open[at];
        if let Handle::Step(node) = &mut open.handle {
            change(node, &mut open.model, &self.setting.limits);
        }
    }

    fn end(&mut self, at: Option<usize>, time: Option<u64>) {
        let Some(at) = at else { return };
        let open = self.open.remove(at);
        if open.records() {
            self.ended.push((open.id, open.model));
        }
        match (open.handle, time) {
            (Handle::Run(run), None) => run.end(),
            (Handle::Run(run), Some(time)) => run.end_at(time),
            (Handle::Step(node), None) => node.end(),
            (Handle::Step(node), Some(time)) => node.end_at(time),
        }
    }

    fn play(&mut self, step: &Step) {
        match step {
            Step::Workflow(name, known) => {
                let mut builder = self.loom.workflow(name);
                if *known {
                    builder = builder.sid("s-1").user("u-1");
                }
                let run = builder.start();
                self.started(Handle::Run(run), Model::start(name, key::KIND_WORKFLOW), *known);
            }
            Step::Root(name) => {
                let node = self.loom.span(name, None).start();
                self.started(Handle::Step(node), Model::default(), false);
            }
            Step::Node(at, name, kind) => self.below(*at, name, kind, true),
            Step::Plain(at, name) => self.below(*at, name, "", false),
            Step::Attribute(at, name, value) => {
                let Some(at) = at_of(&self.open, *at) else { return };
                let open = &mut self.open[at];
                match &mut open.handle {
                    Handle::Run(run) => drop(run.attribute(name, told(value)).is_recording()),
                    Handle::Step(node) => drop(node.attribute(name, told(value)).is_recording()),
                }
                open.model.set(&self.setting.limits, name, value.clone());
            }
            Step::Section(at, of, name, value) => self.on_node(*at, |node, _, _| match of {
                0 => drop(node.input(name, value).is_recording()),
                1 => drop(node.output(name, value).is_recording()),
                _ => drop(node.config(name, value).is_recording()),
            }),
            Step::Event(at, name, pairs) => self.on_node(*at, |node, _, _| {
                node.event(name, &borrowed(pairs));
            }),
            Step::Link(at, pairs) => self.on_node(*at, |node, _, _| {
                let to: SpanContext =
                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
                node.link(&to, &borrowed(pairs));
            }),
            Step::Next(at, id) => self.on_node(*at, |node, _, _| {
                node.next(id);
            }),
            Step::Usage(at, [prompt, completion, cache_read], mode) => self.on_node(*at, |node, _, _| {
                let mode = [UsageMode::Total, UsageMode::Delta, UsageMode::Cumulative][usize::from(*mode)];
                let usage = Usage {
                    prompt: *prompt,
                    completion: *completion,
                    cache_read: *cache_read,
                    mode,
                    ..Usage::default()
                };
                node.usage(usage);
            }),
            Step::FirstFrame(at) => self.on_node(*at, |node, _, _| {
                node.first_frame();
            }),
            Step::Status(at, code, text) => self.on_node(*at, |node, _, _| {
                node.status([StatusCode::Unset, StatusCode::Ok, StatusCode::Error][usize::from(*code)], text);
            }),
            Step::Error(at, text) => self.on_node(*at, |node, model, limits| {
                node.error(text);
                model.set(limits, "error", true.into());
            }),
            Step::Exception(at, text) => self.on_node(*at, |node, model, limits| {
                node.exception("Kind", text);
                model.set(limits, key::ERROR_TYPE, "Kind".into());
            }),
            Step::Advance(nanos) => self.clock.advance(*nanos),
            Step::Set(time) => self.clock.set(*time),
            Step::End(at) => self.end(at_of(&self.open, *at), None),
            Step::EndAt(at, time) => self.end(at_of(&self.open, *at), Some(*time)),
            Step::Forget(at) => {
                if let Some(at) = at_of(&self.open, *at) {
                    let open = self.open.remove(at);
                    self.forgotten.push(open);
                }
            }
            Step::Flush => {
                let receipt = self.loom.flush(Duration::from_secs(30));
                assert!(self.setting.tail.is_some() || receipt.pending == 0, "{receipt:?}");
            }
        }
        self.adds_up();
    }

    fn adds_up(&self) {
        let ledger = self.loom.ledger();
        assert_eq!(
            ledger.accepted,
            ledger.delivered + ledger.rejected + ledger.dropped + ledger.pending,
            "{ledger:?}"
        );
        let ended = self.ended.len() as u64;
        if self.setting.tail.is_none() {
            assert_eq!(ledger.accepted, ended, "{ledger:?}");
        } else {
            // Who was abandoned was never ended, and comes on top.
            assert!(ledger.accepted + ledger.sampled_out >= ended, "{ledger:?}, {ended} ended");
        }
        assert_eq!((ledger.dropped, ledger.misuse), (0, 0));
    }

    /// The program ends while some spans never do.
    fn finish(mut self) -> (Vec<u8>, Vec<(SpanId, Model)>) {
        while !self.open.is_empty() {
            self.end(Some(0), None);
        }
        let receipt = self.loom.shutdown(Duration::from_secs(30));
        self.adds_up();
        assert_eq!((receipt.pending, self.loom.ledger().dropped), (0, 0));
        let records = self.memory.records();
        // Only now: they hold their loom.
        self.forgotten.clear();
        (records, self.ended)
    }
}

fn at_of(open: &[Open], at: Index) -> Option<usize> {
    (!open.is_empty()).then(|| at.index(open.len()))
}

fn played(setting: &Setting, steps: &[Step]) -> (Vec<u8>, Vec<(SpanId, Model)>) {
    let mut player = Player::new(setting);
    for step in steps {
        player.play(step);
    }
    player.finish()
}

/// A value as text: two that are not numbers are the same here.
fn text(value: &Value) -> String {
    format!("{value:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_the_canonical_message(setting in setting(), steps in vec(step(), 0..60)) {
        let (records, _) = played(&setting, &steps);
        for record in Records::new(&records) {
            let record = record.unwrap();
            let span = SpanView::read(record.body).unwrap();
            prop_assert!(span.trace_id.is_valid() && span.span_id.is_valid());
            if record.kind != RecordKind::Started && record.kind != RecordKind::WorkflowOpened {
                prop_assert!(span.end_unix_nano >= span.start_unix_nano);
            }
            if !setting.redacts {
                prop_assert_eq!(canonical_span(record.body), record.body);
            }
        }
    }

    #[test]
    fn attributes_are_those_of_a_model(setting in roomy(), steps in vec(step(), 0..60)) {
        let (records, models) = played(&setting, &steps);
        let mut spans: Vec<SpanView<'_>> = Records::new(&records)
            .map(|record| record.unwrap())
            .filter(|record| matches!(record.kind, RecordKind::Finished | RecordKind::WorkflowClosed))
            .map(|record| SpanView::read(record.body).unwrap())
            .collect();
        prop_assert_eq!(spans.len(), models.len());
        for (id, model) in models {
            let at = spans.iter().position(|span| span.span_id == id).unwrap();
            let span = spans.swap_remove(at);
            let found: Vec<_> = span.attributes().map(|(key, value)| (key.to_owned(), text(&value.to_value()))).collect();
            let expected: Vec<_> = model.attributes.iter().map(|(key, value)| (key.clone(), text(value))).collect();
            prop_assert_eq!(&found[..expected.len()], expected.as_slice());
            // What follows is what the builder adds of itself.
            for (key, _) in &found[expected.len()..] {
                prop_assert!(key::is_reserved(key) || key.starts_with("spanloom."), "{}", key);
            }
            // Maps and next nodes that were left out count here, too.
            prop_assert!(span.dropped_attributes >= model.dropped);
        }
    }
}
