//! The programs: each says in JSON what a program does with the handles of the SDK.
//!
//! Handles are numbers, in the order in which `workflow`, `node`, `span` and `root` make them. Values are JSON where that is
//! without doubt (texts, truth values, null, arrays); `{"i": digits}` is a whole number, `{"f": text}` a double, `{"b": hex}`
//! bytes, `{"m": [[key, value], ...]}` a map, `{"utf16": [...]}` a text given by its code units, `{"rep": [text, n]}` a
//! text n times over.

use serde_json::{Value, json};
use spanloom::host::{Entropy, SeededEntropy};

/// All programs; the same ones on every call.
pub fn programs() -> Vec<Value> {
    let mut all = Vec::new();
    identities(&mut all);
    parents(&mut all);
    kinds(&mut all);
    values(&mut all);
    texts(&mut all);
    limits(&mut all);
    reports(&mut all);
    statuses(&mut all);
    ends(&mut all);
    shapes(&mut all);
    for seed in 0..80 {
        all.push(random(seed));
    }
    all
}

/// A program in the making.
struct Program {
    name: String,
    options: Vec<(&'static str, Value)>,
    ops: Vec<Value>,
}

fn program(name: impl Into<String>) -> Program {
    Program { name: name.into(), options: Vec::new(), ops: Vec::new() }
}

impl Program {
    fn option(mut self, name: &'static str, value: Value) -> Self {
        self.options.push((name, value));
        self
    }

    fn op(mut self, op: Value) -> Self {
        self.ops.push(op);
        self
    }

    /// The usual beginning: a workflow and a node.
    fn node(self) -> Self {
        self.op(json!(["workflow", "w", {}])).op(json!(["node", 0, "n", {}]))
    }

    /// The usual end of that.
    fn done(self, all: &mut Vec<Value>) {
        self.op(json!(["advance", "1500000"]))
            .op(json!(["end", 1]))
            .op(json!(["advance", "1"]))
            .op(json!(["end", 0]))
            .push(all);
    }

    fn push(self, all: &mut Vec<Value>) {
        all.push(self.finish(all.len() as u64 + 1));
    }

    fn finish(self, seed: u64) -> Value {
        let mut program = json!({ "name": self.name, "seed": seed.to_string() });
        for (name, value) in self.options {
            program[name] = value;
        }
        program["ops"] = Value::Array(self.ops);
        program
    }
}

fn identities(all: &mut Vec<Value>) {
    let parts = [("sid", "sid-1"), ("app", "app-1"), ("user", "u-7"), ("chat", "c-9")];
    for bits in 0..16_usize {
        let mut about = json!({});
        for (index, (key, value)) in parts.iter().enumerate() {
            if bits >> index & 1 == 1 {
                about[*key] = json!(value);
            }
        }
        program(format!("identity-{bits:04b}"))
            .op(json!(["workflow", "w", about]))
            .op(json!(["node", 0, "n", { "kind": "llm" }]))
            .done(all);
    }
    program("identity-everything")
        .op(json!(["workflow", "answer-question",
            { "sid": "s", "app": "a", "user": "u", "chat": "c", "question": "why?" }]))
        .op(json!(["node", 0, "plan", { "kind": "planner" }]))
        .op(json!(["span", 1, "http", { "span_kind": 3 }]))
        .op(json!(["end", 2]))
        .op(json!(["answer", 0, "because"]))
        .op(json!(["question", 0, "why not?"]))
        .op(json!(["tag", 0, "tier", "gold"]))
        .op(json!(["tag", 0, "region", "eu"]))
        .done(all);
    program("identity-unicode")
        .op(json!(["workflow", "поток", { "sid": "sid-ä", "user": "用户", "app": { "utf16": [0xd83d, 120] } }]))
        .op(json!(["node", 0, "узел", {}]))
        .done(all);
    program("empty").push(all);
    program("workflow-only").op(json!(["workflow", "w", {}])).op(json!(["end", 0])).push(all);
    program("no-names")
        .op(json!(["workflow", "", {}]))
        .op(json!(["node", 0, "", { "kind": "tool" }]))
        .op(json!(["event", 1, "", []]))
        .op(json!(["attr", 1, "", "no key"]))
        .op(json!(["input", 1, "", "empty key of an entry"]))
        .done(all);
}

fn parents(all: &mut Vec<Value>) {
    let contexts = [
        ("sampled-remote", json!({ "flags": 1, "remote": true })),
        ("sampled-local", json!({ "flags": 1 })),
        ("random", json!({ "flags": 3, "remote": true })),
        ("unsampled", json!({ "flags": 0, "remote": true })),
        ("state", json!({ "flags": 1, "remote": true, "state": "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE" })),
        ("unsampled-state", json!({ "flags": 0, "state": "a=1" })),
    ];
    for (name, mut context) in contexts {
        context["trace"] = json!("0af7651916cd43dd8448eb211c80319c");
        context["span"] = json!("b7ad6b7169203331");
        program(format!("parent-{name}"))
            .op(json!(["workflow", "w", { "parent": context, "user": "u" }]))
            .op(json!(["node", 0, "n", {}]))
            .op(json!(["attr", 1, "k", "v"]))
            .done(all);
        program(format!("parent-of-span-{name}"))
            .op(json!(["root", "s", { "parent": context, "span_kind": 2 }]))
            .op(json!(["span", 0, "inner", {}]))
            .op(json!(["attr", 1, "k", "v"]))
            .done(all);
    }
    program("root-span")
        .op(json!(["root", "s", { "kind": "tool" }]))
        .op(json!(["node", 0, "inner", { "kind": "agent" }]))
        .done(all);
}

fn kinds(all: &mut Vec<Value>) {
    let kinds = [
        "llm",
        "chat",
        "completion",
        "generate",
        "tool",
        "plugin",
        "agent",
        "retriever",
        "retrieval",
        "knowledge",
        "embedding",
        "embeddings",
        "workflow",
        "start",
        "if-else",
        "LLM",
        "вид",
    ];
    for kind in kinds {
        program(format!("kind-{kind}"))
            .op(json!(["workflow", "w", {}]))
            .op(json!(["node", 0, "step", { "kind": kind }]))
            .op(json!(["span", 1, "part", { "kind": kind }]))
            .op(json!(["end", 2]))
            .done(all);
    }
    let mut spans = program("span-kinds").op(json!(["workflow", "w", {}]));
    for kind in 1..=5 {
        spans = spans.op(json!(["node", 0, format!("kind {kind}"), { "span_kind": kind }]));
    }
    for handle in 2..=5 {
        spans = spans.op(json!(["end", handle]));
    }
    spans.done(all);
}

fn int(number: impl ToString) -> Value {
    json!({ "i": number.to_string() })
}

fn double(text: &str) -> Value {
    json!({ "f": text })
}

fn scalars() -> Vec<Value> {
    let ints: [i128; 21] = [
        0,
        1,
        -1,
        127,
        128,
        -128,
        65_535,
        2_147_483_647,
        -2_147_483_648,
        2_147_483_648,
        -2_147_483_649,
        4_294_967_296,
        9_007_199_254_740_991,
        9_007_199_254_740_992,
        9_007_199_254_740_993,
        -9_007_199_254_740_993,
        i64::MAX as i128,
        i64::MIN as i128,
        i64::MAX as i128 + 1,
        u64::MAX as i128,
        -170_141_183_460_469_231_731_687_303,
    ];
    let doubles = [
        "0",
        "-0",
        "1",
        "1.5",
        "-2.25",
        "0.1",
        "1e300",
        "5e-324",
        "1.7976931348623157e308",
        "NaN",
        "Infinity",
        "-Infinity",
        "9007199254740992",
        "123456789.123456789",
    ];
    let texts = ["", "a", "short", "ключ", "😀", "\u{0}\u{1}\u{7f}", "\"\\/\n\r\t", "\u{feff}\u{2028}"];
    let mut all: Vec<Value> = ints.into_iter().map(int).collect();
    all.push(int("123456789012345678901234567890"));
    all.extend(doubles.map(double));
    all.extend(texts.map(|text| json!(text)));
    all.extend([json!(null), json!(true), json!(false), json!({ "b": "" }), json!({ "b": "00ff10" })]);
    all.push(json!({ "rep": ["0123456789", 20] }));
    all.push(json!({ "rep": ["я", 130] }));
    all
}

fn values(all: &mut Vec<Value>) {
    for (index, value) in scalars().into_iter().enumerate() {
        program(format!("value-{index:02}"))
            .node()
            .op(json!(["attr", 1, "a", value]))
            .op(json!(["attr", 0, "root", value]))
            .op(json!(["input", 1, "i", value]))
            .op(json!(["output", 1, "o", [value, value]]))
            .op(json!(["config", 1, "c", { "m": [["k", value]] }]))
            .op(json!(["event", 1, "e", [["k", value], ["l", [value]]]]))
            .done(all);
    }
    let nested = [
        json!([]),
        json!({ "m": [] }),
        json!([[], [[]], { "m": [["a", { "m": [] }]] }]),
        json!({ "m": [["b", 1.5f64.to_string()], ["a", [int(1), "x", null]], ["10", "ten"], ["2", "two"]] }),
        json!({ "m": [["__proto__", "p"], ["constructor", int(1)], ["toString", { "m": [["__proto__", null]] }]] }),
        Value::Array((0..300).map(int).collect()),
        deep(63),
        deep(64),
        deep(65),
        deep(150),
        deep_maps(70),
    ];
    for (index, value) in nested.into_iter().enumerate() {
        program(format!("nested-{index:02}"))
            .node()
            .op(json!(["attr", 1, "a", value]))
            .op(json!(["input", 1, "i", value]))
            .op(json!(["event", 1, "e", [["k", value]]]))
            .done(all);
    }
    program("keys")
        .node()
        .op(json!(["attr", 1, "__proto__", "p"]))
        .op(json!(["attr", 1, "constructor", "c"]))
        .op(json!(["attr", 1, "ключ", int(1)]))
        .op(json!(["attr", 1, { "rep": ["k", 300] }, int(2)]))
        .op(json!(["attr", 1, { "rep": ["k", 4097] }, int(3)]))
        .op(json!(["attr", 1, { "utf16": [0xd800, 107] }, int(4)]))
        .op(json!(["output", 1, "__proto__", "p"]))
        .op(json!(["event", 1, "__proto__", [["__proto__", "p"]]]))
        .done(all);
    program("duplicates")
        .node()
        .op(json!(["attr", 1, "a", "first"]))
        .op(json!(["attr", 1, "b", "between"]))
        .op(json!(["attr", 1, "a", { "rep": ["longer ", 40] }]))
        .op(json!(["attr", 1, "b", int(5)]))
        .op(json!(["attr", 1, "c", [int(1)]]))
        .op(json!(["attr", 1, "c", null]))
        .op(json!(["input", 1, "x", "first"]))
        .op(json!(["input", 1, "y", "y"]))
        .op(json!(["input", 1, "x", [int(2)]]))
        .op(json!(["next", 1, "m"]))
        .op(json!(["next", 1, "o"]))
        .op(json!(["next", 1, "m"]))
        .done(all);
    program("own-keys-taken")
        .op(json!(["workflow", "w", { "user": "u" }]))
        .op(json!(["node", 0, "n", { "kind": "tool" }]))
        .op(json!(["attr", 1, "uid", "another"]))
        .op(json!(["attr", 1, "spanloom.kind", "another"]))
        .op(json!(["attr", 1, "spanloom.input", "a text"]))
        .op(json!(["input", 1, "k", "v"]))
        .done(all);
    program("huge-text").node().op(json!(["attr", 1, "a", { "rep": ["0123456789abcdef", 5000] }])).done(all);
    program("huge-unicode").node().op(json!(["input", 1, "a", { "rep": ["да😀", 9000] }])).done(all);
    program("many-attributes")
        .node()
        .ops((0..128).map(|n| json!(["attr", 1, format!("key.{n}"), int(n)])))
        .done(all);
    program("many-events")
        .node()
        .ops((0..140).map(|n| json!(["event", 1, format!("event {n}"), []])))
        .done(all);
    program("many-names").many_nodes(300).push(all);
}

impl Program {
    fn ops(mut self, ops: impl IntoIterator<Item = Value>) -> Self {
        self.ops.extend(ops);
        self
    }

    fn many_nodes(mut self, count: u32) -> Self {
        self = self.op(json!(["workflow", "w", {}]));
        for n in 1..=count {
            self = self
                .op(json!(["node", 0, format!("node {}", n % 50), { "kind": "tool" }]))
                .op(json!(["attr", n, format!("key {n}"), int(n)]))
                .op(json!(["advance", "1000"]))
                .op(json!(["end", n]));
        }
        self.op(json!(["end", 0]))
    }
}

fn deep(levels: u32) -> Value {
    (0..levels).fold(json!("bottom"), |inner, _| json!([inner]))
}

fn deep_maps(levels: u32) -> Value {
    (0..levels).fold(json!("bottom"), |inner, _| json!({ "m": [["k", inner]] }))
}

fn texts(all: &mut Vec<Value>) {
    let texts = [
        json!({ "utf16": [0xd83d] }),
        json!({ "utf16": [97, 0xde00, 98] }),
        json!({ "utf16": [0xde00, 0xd83d] }),
        json!({ "utf16": [0xd83d, 0xde00] }),
        json!({ "utf16": [0xd83d, 0xd83d, 0xde00, 0xde00] }),
        json!("e\u{301}\u{200d}\u{202e}abc"),
        json!("👩‍👩‍👧‍👦"),
        json!("\u{10ffff}\u{e000}\u{fffd}"),
        json!("line\nfeed\u{85}\u{0}"),
        json!({ "rep": ["a", 39] }),
        json!({ "rep": ["a", 255] }),
        json!({ "rep": ["a", 256] }),
        json!({ "rep": ["é", 127] }),
        json!({ "rep": ["é", 128] }),
    ];
    for (index, text) in texts.into_iter().enumerate() {
        program(format!("text-{index:02}"))
            .op(json!(["workflow", text, { "question": text }]))
            .op(json!(["node", 0, text, { "kind": text }]))
            .op(json!(["attr", 1, "a", text]))
            .op(json!(["attr", 1, "l", [text]]))
            .op(json!(["event", 1, text, [["k", text]]]))
            .op(json!(["output", 1, "o", text]))
            .op(json!(["info", 1, text]))
            .op(json!(["next", 1, text]))
            .op(json!(["status", 1, 2, text]))
            .done(all);
    }
}

fn limits(all: &mut Vec<Value>) {
    let cases = [
        ("attributes-0", json!({ "attributes": 0 })),
        ("attributes-3", json!({ "attributes": 3 })),
        ("events", json!({ "events": 1 })),
        ("links", json!({ "links": 1 })),
        ("nested-attributes", json!({ "nested_attributes": 1 })),
        ("value-length", json!({ "value_length": 4 })),
        ("value-length-0", json!({ "value_length": 0 })),
        ("key-length", json!({ "key_length": 3 })),
        ("value-depth", json!({ "value_depth": 2 })),
        ("value-nodes", json!({ "value_nodes": 3 })),
        (
            "everything",
            json!({ "attributes": 2, "events": 1, "links": 1, "nested_attributes": 1,
            "value_length": 3, "value_depth": 1, "value_nodes": 2 }),
        ),
    ];
    for (name, limits) in cases {
        program(format!("limit-{name}"))
            .option("limits", limits)
            .op(json!(["workflow", "workflow", { "user": "user-1", "question": "what is long?" }]))
            .op(json!(["node", 0, "node", { "kind": "tool" }]))
            .ops((0..5).map(|n| json!(["attr", 1, format!("k{n}"), "a text: яяяя"])))
            .op(json!(["attr", 1, "long.key", { "b": "0102030405060708" }]))
            .op(json!(["attr", 1, "d", [[[["deep"]]], int(1), int(2), int(3), int(4)]]))
            .op(json!(["event", 1, "first", [["a", int(1)], ["b", "long text"], ["c", [[int(1)]]]]]))
            .op(json!(["event", 1, "second", []]))
            .op(json!(["input", 1, "x", { "m": [["a", "long text"], ["b", [int(1), [int(2)]]]] }]))
            .ops((0..5).map(|n| json!(["output", 1, format!("o{n}"), int(n)])))
            .ops((0..5).map(|n| json!(["next", 1, format!("next {n}")])))
            .op(json!(["link", 1, { "trace": "0af7651916cd43dd8448eb211c80319c", "span": "b7ad6b7169203331", "flags": 1 },
                [["a", int(1)], ["b", int(2)]]]))
            .op(json!(["link", 1, { "trace": "0af7651916cd43dd8448eb211c80319c", "span": "b7ad6b7169203332", "flags": 0 }, []]))
            .op(json!(["status", 1, 2, "a long message"]))
            .done(all);
    }
    program("limit-span-bytes")
        .option("limits", json!({ "span_bytes": 600 }))
        .node()
        .ops((0..20).map(|n| json!(["attr", 1, format!("k{n}"), { "rep": ["0123456789", 9] }])))
        .done(all);
    program("limit-span-bytes-input")
        .option("limits", json!({ "span_bytes": 900 }))
        .node()
        .op(json!(["input", 1, "k", Value::Array((0..200).map(int).collect())]))
        .op(json!(["input", 1, "l", { "rep": ["0123456789", 99] }]))
        .done(all);
}

fn reports(all: &mut Vec<Value>) {
    let first = json!([10, 2, 0, 0, 0, 0, 0]);
    let second = json!([5, 7, 3, 0, 1, 2, 4]);
    let third = json!([1, 1, 1, 40, 1, 1, 1]);
    let modes = ["total", "delta", "cumulative"];
    for (a, one) in modes.into_iter().enumerate() {
        for (b, two) in modes.into_iter().enumerate() {
            program(format!("usage-{a}{b}"))
                .node()
                .op(json!(["usage", 1, first, one]))
                .op(json!(["usage", 1, second, two]))
                .op(json!(["usage", 1, third, one]))
                .done(all);
        }
    }
    program("usage-zero").node().op(json!(["usage", 1, [0, 0, 0, 0, 0, 0, 0], "total"])).done(all);
    program("first-frame")
        .node()
        .op(json!(["advance", "123456789"]))
        .op(json!(["first_frame", 1]))
        .op(json!(["advance", "1000"]))
        .op(json!(["first_frame", 1]))
        .op(json!(["first_frame", 0]))
        .done(all);
    program("first-frame-before-the-start")
        .node()
        .op(json!(["set", "1600000000000000000"]))
        .op(json!(["first_frame", 1]))
        .op(json!(["set", "1800000000000000000"]))
        .done(all);
    program("lines")
        .node()
        .op(json!(["info", 1, "starting"]))
        .op(json!(["advance", "999999"]))
        .op(json!(["error", 1, "failed"]))
        .op(json!(["exception", 1, "ValueError", "not a number"]))
        .op(json!(["info", 1, ""]))
        .done(all);
    for (index, links) in [1_usize, 3, 130].into_iter().enumerate() {
        program(format!("links-{index}"))
            .node()
            .ops((0..links).map(|n| {
                json!(["link", 1, {
                    "trace": "0af7651916cd43dd8448eb211c80319c", "span": format!("{:016x}", n + 1),
                    "flags": n % 2, "remote": n % 3 == 0, "state": if n == 1 { "a=1,b=2" } else { "" },
                }, if n % 2 == 0 { json!([]) } else { json!([["n", int(n)], ["s", "text"]]) }])
            }))
            .done(all);
    }
}

fn statuses(all: &mut Vec<Value>) {
    let steps = [(0, ""), (1, ""), (1, "ignored"), (2, ""), (2, "first"), (2, "second")];
    for (a, first) in steps.into_iter().enumerate() {
        for (b, second) in steps.into_iter().enumerate().skip(a % 2).step_by(2) {
            program(format!("status-{a}{b}"))
                .node()
                .op(json!(["status", 1, first.0, first.1]))
                .op(json!(["status", 1, second.0, second.1]))
                .op(json!(["status", 0, first.0, first.1]))
                .done(all);
        }
    }
}

fn ends(all: &mut Vec<Value>) {
    program("out-of-order")
        .op(json!(["workflow", "w", {}]))
        .op(json!(["node", 0, "a", {}]))
        .op(json!(["node", 1, "b", {}]))
        .op(json!(["node", 2, "c", {}]))
        .ops([1, 3, 0, 2].into_iter().flat_map(|h| [json!(["end", h]), json!(["advance", "10"])]))
        .push(all);
    program("after-the-end")
        .op(json!(["workflow", "w", {}]))
        .op(json!(["end", 0]))
        .op(json!(["answer", 0, "late"]))
        .op(json!(["attr", 0, "late", int(1)]))
        .op(json!(["end", 0]))
        .op(json!(["node", 0, "late child", {}]))
        .op(json!(["advance", "10"]))
        .op(json!(["end", 1]))
        .push(all);
    for (name, end) in [
        ("negative", "1699999999999999999"),
        ("epoch", "0"),
        ("same", "1700000000000000000"),
        ("far", "18446744073709551615"),
        ("odd", "1700000000000000001"),
    ] {
        program(format!("end-at-{name}"))
            .node()
            .op(json!(["end_at", 1, end]))
            .op(json!(["end_at", 0, end]))
            .push(all);
    }
    program("starts-given")
        .op(json!(["workflow", "w", { "start": "1600000000123456789" }]))
        .op(json!(["node", 0, "n", { "start": "1600000001000000001" }]))
        .op(json!(["node", 0, "future", { "start": "1800000000000000001" }]))
        .op(json!(["end", 2]))
        .done(all);
    program("clock-at-zero").option("clock", json!("0")).node().op(json!(["event", 1, "e", []])).done(all);
    program("clock-goes-back")
        .node()
        .op(json!(["event", 1, "e", []]))
        .op(json!(["set", "1699999999000000000"]))
        .op(json!(["event", 1, "before", []]))
        .done(all);
    program("nanoseconds")
        .option("clock", json!("1700000000123456789"))
        .node()
        .ops((0..12).flat_map(|n| [json!(["advance", "7"]), json!(["event", 1, format!("e{n}"), []])]))
        .done(all);
}

fn shapes(all: &mut Vec<Value>) {
    program("two-workflows")
        .op(json!(["workflow", "a", { "user": "a" }]))
        .op(json!(["workflow", "b", { "user": "b" }]))
        .op(json!(["node", 0, "of a", {}]))
        .op(json!(["node", 1, "of b", {}]))
        .op(json!(["span", 3, "below", {}]))
        .ops([4, 2, 3, 1, 0].into_iter().map(|h| json!(["end", h])))
        .push(all);
    for (name, about) in [("live", json!({})), ("live-identity", json!({ "sid": "s", "question": "q?" }))] {
        program(name)
            .option("live", json!(true))
            .op(json!(["workflow", "w", about]))
            .op(json!(["node", 0, "n", { "kind": "llm", "span_kind": 3 }]))
            .op(json!(["attr", 1, "k", "v"]))
            .done(all);
    }
    program("chain-100")
        .op(json!(["workflow", "w", {}]))
        .ops((0..100).map(|n| json!(["node", n, format!("level {n}"), { "kind": "agent" }])))
        .ops((0..=100).rev().flat_map(|n| [json!(["advance", "5"]), json!(["end", n])]))
        .push(all);
    program("agent")
        .op(json!(["workflow", "answer-question", { "app": "app-1", "user": "u-7", "chat": "c-9", "question": "Will it rain?" }]))
        .op(json!(["node", 0, "planner", { "kind": "llm" }]))
        .op(json!(["input", 1, "question", "Will it rain?"]))
        .op(json!(["config", 1, "model", "gpt-4o-mini"]))
        .op(json!(["config", 1, "temperature", double("0.2")]))
        .op(json!(["advance", "250000000"]))
        .op(json!(["first_frame", 1]))
        .op(json!(["usage", 1, [812, 64, 0, 0, 0, 0, 0], "total"]))
        .op(json!(["next", 1, "weather"]))
        .op(json!(["output", 1, "plan", ["weather", "answer"]]))
        .op(json!(["end", 1]))
        .op(json!(["node", 0, "weather", { "kind": "tool" }]))
        .op(json!(["input", 2, "city", "Paris"]))
        .op(json!(["exception", 2, "TimeoutError", "no answer in 5 s"]))
        .op(json!(["advance", "5000000000"]))
        .op(json!(["end", 2]))
        .op(json!(["answer", 0, "It stays dry."]))
        .op(json!(["status", 0, 0, ""]))
        .op(json!(["end", 0]))
        .push(all);
}

/// Draws from a seed.
struct Dice(SeededEntropy);

impl Dice {
    fn below(&self, n: u64) -> u64 {
        (self.0.next_u64() >> 11) % n
    }

    fn pick<T: Clone>(&self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap_or(0)].clone()
    }

    fn value(&self, depth: u32) -> Value {
        match self.below(if depth > 3 { 6 } else { 8 }) {
            0 => int(self.0.next_u64().cast_signed() >> self.below(60)),
            1 => double(
                &(self.0.next_u64().cast_signed() as f64 / 1e6 / (1u64 << self.below(50)) as f64).to_string(),
            ),
            2 => json!(self.below(2) == 1),
            3 => self.pick(&scalars()),
            6 => Value::Array((0..self.below(5)).map(|_| self.value(depth + 1)).collect()),
            7 => {
                let entries = (0..self.below(5)).map(|n| json!([format!("k{n}"), self.value(depth + 1)]));
                json!({ "m": entries.collect::<Vec<_>>() })
            }
            _ => json!(self.text()),
        }
    }

    fn text(&self) -> String {
        let letters = ["a", "node", " ", "я", "💡", "0", "-", "\n", "中文"];
        (0..self.below(20)).map(|_| self.pick(&letters)).collect()
    }
}

/// A program of random calls on a growing number of handles.
fn random(seed: u64) -> Value {
    let dice = Dice(SeededEntropy::new(seed ^ 0x5eed));
    let mut program = program(format!("random-{seed:02}"))
        .op(json!(["workflow", "w", { "user": dice.text(), "question": dice.text() }]));
    let mut open = vec![0_usize];
    let mut handles = 1;
    let kinds = ["llm", "tool", "agent", "", "custom"];
    for step in 0..30 + dice.below(60) {
        let at = dice.pick(&open);
        let is_node = at != 0;
        let op = match dice.below(16) {
            0..=2 => {
                open.push(handles);
                handles += 1;
                let verb = dice.pick(&["node", "node", "span"]);
                json!([verb, at, dice.text(), { "kind": dice.pick(&kinds), "span_kind": 1 + dice.below(5) }])
            }
            3..=5 => json!(["attr", at, format!("key.{}", dice.below(12)), dice.value(0)]),
            6 => json!(["event", at, dice.text(), [["a", dice.value(1)], ["b", dice.value(1)]]]),
            7 if is_node => json!(["input", at, format!("in{}", dice.below(3)), dice.value(0)]),
            8 if is_node => json!(["output", at, format!("out{}", dice.below(3)), dice.value(0)]),
            9 if is_node => json!(["config", at, format!("c{}", dice.below(3)), dice.value(0)]),
            10 if is_node => {
                let numbers: Vec<u64> = (0..7).map(|_| dice.below(1000)).collect();
                json!(["usage", at, numbers, dice.pick(&["total", "delta", "cumulative"])])
            }
            11 if is_node => json!([dice.pick(&["info", "error", "next"]), at, dice.text()]),
            12 => json!(["first_frame", at]),
            13 if is_node => json!(["status", at, dice.below(3), dice.text()]),
            14 if is_node => {
                open.retain(|handle| *handle != at);
                json!(["end", at])
            }
            _ => json!(["advance", (dice.below(5_000_000_000) + step).to_string()]),
        };
        program = program.op(op);
    }
    for handle in open.into_iter().rev() {
        program = program.op(json!(["end", handle]));
    }
    program.finish(1000 + seed)
}
