//! The programs of the meter: each says in JSON what a program does with instruments.
//!
//! Instruments and series are numbers, in the order in which `instrument` and `series` make them. Values are written as in
//! the programs of spans. Sums of doubles that go over several collections are such that no order of additions rounds them: a
//! host that sums up by itself adds what has come to what there is.

use serde_json::{Value, json};

/// All programs; the same ones on every call.
pub fn programs() -> Vec<Value> {
    let mut all = Vec::new();
    sums(&mut all);
    gauges(&mut all);
    histograms(&mut all);
    exponentials(&mut all);
    labels(&mut all);
    collections(&mut all);
    all
}

fn int(number: i64) -> Value {
    json!({ "i": number.to_string() })
}

fn double(number: &str) -> Value {
    json!({ "f": number })
}

/// One instrument with one series, numbers said to it, and both ways of collecting.
fn one(name: &str, kind: &str, bounds: &[&str], verb: &str, numbers: &[Value]) -> Value {
    let mut ops = vec![
        json!(["instrument", kind, format!("m.{kind}"), "1", "What is measured.", bounds]),
        json!(["series", 0, [["route", "/ask"]]]),
        json!(["advance", "1000000007"]),
    ];
    ops.extend(numbers.iter().map(|number| json!([verb, 0, number])));
    ops.push(json!(["advance", "5000000000"]));
    ops.push(json!(["collect", "cumulative"]));
    ops.push(json!(["collect", "delta"]));
    json!({ "name": name, "ops": ops })
}

fn sums(all: &mut Vec<Value>) {
    let ints = [1, 0, 41, 1 << 40].map(int);
    all.push(one("counter-int", "counter_int", &[], "add", &ints));
    all.push(one("counter-int-nothing", "counter_int", &[], "add", &[]));
    all.push(one("counter-int-end", "counter_int", &[], "add", &[int(i64::MAX), int(7)]));
    all.push(one("counter-int-negative", "counter_int", &[], "add", &[int(5), int(-1), int(2)]));
    let doubles = ["0.1", "0.2", "0.3", "1e300", "5e-324"].map(double);
    all.push(one("counter-double", "counter_double", &[], "add", &doubles));
    let odd = ["1.5", "NaN", "inf", "-inf", "-1.0", "-0.0"].map(double);
    all.push(one("counter-double-invalid", "counter_double", &[], "add", &odd));
    all.push(one("up-down-int", "up_down_counter_int", &[], "add", &[int(3), int(-5), int(1)]));
    all.push(one("up-down-double", "up_down_counter_double", &[], "add", &["2.5", "-3.25"].map(double)));
    all.push(one("up-down-invalid", "up_down_counter_double", &[], "add", &odd));
}

fn gauges(all: &mut Vec<Value>) {
    all.push(one("gauge-int", "gauge_int", &[], "set", &[int(3), int(i64::MIN)]));
    all.push(one("gauge-double", "gauge_double", &[], "set", &["20.5", "-1e-9"].map(double)));
    all.push(one("gauge-nothing", "gauge_double", &[], "set", &[]));
    all.push(one("gauge-no-number", "gauge_double", &[], "set", &[double("NaN")]));
    all.push(one("gauge-without-end", "gauge_double", &[], "set", &[double("-inf")]));
    all.push(one("gauge-moved", "gauge_double", &[], "add", &["1.5", "2.25", "-0.5"].map(double)));
    all.push(one("gauge-moved-int", "gauge_int", &[], "add", &[int(9), int(-10)]));
}

fn histograms(all: &mut Vec<Value>) {
    let some = ["0.0", "5.0", "5.000001", "10000.0", "123456.75", "-1.0", "75"].map(double);
    all.push(one("histogram-usual", "histogram", &[], "record", &some));
    all.push(one("histogram-bounds", "histogram", &["-1", "0.5", "10", "1e9"], "record", &some));
    all.push(one("histogram-one-bound", "histogram", &["5"], "record", &some));
    all.push(one("histogram-nothing", "histogram", &["5"], "record", &[]));
    let invalid = ["1.0", "NaN", "inf", "-inf"].map(double);
    all.push(one("histogram-invalid", "histogram", &["5"], "record", &invalid));
    let many: Vec<String> = (1..=40).map(|bound| (f64::from(bound) * 0.25).to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let numbers: Vec<Value> = (0..200).map(|n| double(&(f64::from(n) * 0.0625).to_string())).collect();
    all.push(one("histogram-many-bounds", "histogram", &many, "record", &numbers));
}

fn exponentials(all: &mut Vec<Value>) {
    all.push(one("exponential-one", "exponential", &[], "record", &[double("1.0")]));
    all.push(one("exponential-nothing", "exponential", &[], "record", &[]));
    let some = ["1.0", "2.0", "-4.0", "0.0", "0.001", "NaN", "123.5", "-0.0"].map(double);
    all.push(one("exponential", "exponential", &[], "record", &some));
    let wide = ["1e-300", "1e300", "5e-324", "1.7976931348623157e308"].map(double);
    all.push(one("exponential-wide", "exponential", &[], "record", &wide));
    let numbers: Vec<Value> = (1..700).map(|n| double(&(f64::from(n) * 0.5).to_string())).collect();
    all.push(one("exponential-many", "exponential", &[], "record", &numbers));
}

fn labels(all: &mut Vec<Value>) {
    let of_all_types = [
        ("text", json!("/ask")),
        ("empty", json!("")),
        ("unicode", json!("я 💡 中文")),
        ("half", json!({ "utf16": [0xd83d, 120] })),
        ("long", json!({ "rep": ["long ", 60] })),
        ("true", json!(true)),
        ("null", json!(null)),
        ("int", int(-7)),
        ("large", int(i64::MAX)),
        ("double", double("0.25")),
        ("whole-double", double("3")),
        ("bytes", json!({ "b": "00ff10" })),
        ("array", json!(["a", { "i": "1" }, [true, { "f": "2.5" }]])),
        ("map", json!({ "m": [["b", { "i": "1" }], ["a", ["x"]]] })),
    ];
    for (name, value) in &of_all_types {
        let ops = json!([
            ["instrument", "counter_int", "labelled", "", ""],
            ["series", 0, [["z", "last"], ["label", value], ["a", "first"]]],
            ["add", 0, int(1)],
            ["collect", "cumulative"],
        ]);
        all.push(json!({ "name": format!("label-{name}"), "ops": ops }));
    }
    let pairs: Vec<Value> = of_all_types.iter().map(|(name, value)| json!([name, value])).collect();
    let ops = json!([
        ["instrument", "histogram", "labelled", "s", "", ["1"]],
        ["series", 0, pairs],
        ["series", 0, []],
        ["series", 0, [["я", "ключ"]]],
        ["record", 0, double("0.5")],
        ["record", 1, double("1.5")],
        ["record", 2, double("2.5")],
        ["collect", "cumulative"],
    ]);
    all.push(json!({ "name": "labels-of-all-types", "ops": ops }));
    let ops = json!([
        ["instrument", "counter_int", "same", "", ""],
        ["series", 0, [["a", int(1)], ["b", int(2)]]],
        ["series", 0, [["b", int(2)], ["a", int(1)]]],
        ["add", 0, int(1)],
        ["add", 1, int(2)],
        ["collect", "cumulative"],
    ]);
    all.push(json!({ "name": "labels-in-another-order", "ops": ops }));
    for (name, kind, verb, number) in [
        ("overflow", "counter_int", "add", int(1)),
        ("overflow-double", "up_down_counter_double", "add", double("0.5")),
        ("overflow-histogram", "histogram", "record", double("7")),
    ] {
        let mut ops = vec![json!(["instrument", kind, "many", "", ""])];
        for n in 0..9 {
            ops.push(json!(["series", 0, [["n", int(n)]]]));
            ops.push(json!([verb, n, number]));
        }
        ops.push(json!(["series", 0, [["n", int(1)]]]));
        ops.push(json!([verb, 9, number]));
        ops.push(json!(["collect", "cumulative"]));
        ops.push(json!(["collect", "delta"]));
        all.push(json!({ "name": name, "limit": 4, "ops": ops }));
    }
}

/// Several collections, of all instruments together.
fn collections(all: &mut Vec<Value>) {
    let kinds = [
        ("counter_int", "add", int(3)),
        ("counter_double", "add", double("0.75")),
        ("up_down_counter_int", "add", int(-2)),
        ("up_down_counter_double", "add", double("-1.5")),
        ("gauge_int", "set", int(12)),
        ("gauge_double", "set", double("12.5")),
        ("histogram", "record", double("30")),
        ("exponential", "record", double("0.125")),
    ];
    for temporality in ["delta", "cumulative"] {
        for commits in [true, false] {
            let mut ops = Vec::new();
            for (at, (kind, _, _)) in kinds.iter().enumerate() {
                ops.push(json!(["instrument", kind, format!("all.{kind}"), "By", "One of each."]));
                ops.push(json!(["series", at, [["of", *kind]]]));
            }
            for round in 0..3 {
                // In the second round nothing is said.
                for (at, (_, verb, number)) in kinds.iter().enumerate().filter(|_| round != 1) {
                    ops.push(json!([verb, at, number]));
                    ops.push(json!([verb, at, number]));
                }
                ops.push(json!(["advance", "10000000000"]));
                ops.push(json!(["collect", temporality]));
                if commits {
                    ops.push(json!(["commit"]));
                }
            }
            let name = format!("two-{temporality}-{}", if commits { "arrive" } else { "are-lost" });
            all.push(json!({ "name": name, "ops": ops }));
        }
    }
    let mut ops = vec![json!(["instrument", "exponential", "coarser", "", ""]), json!(["series", 0, []])];
    for (round, numbers) in [["1", "1.0625"], ["2", "1024"], ["0.0009765625", "-3"]].into_iter().enumerate() {
        ops.extend(numbers.iter().map(|number| json!(["record", 0, double(number)])));
        ops.push(json!(["advance", "7"]));
        ops.push(json!(["collect", if round == 2 { "cumulative" } else { "delta" }]));
        ops.push(json!(["commit"]));
    }
    all.push(json!({ "name": "exponential-becomes-coarser", "ops": ops }));
    let mut ops = Vec::new();
    for (at, name) in ["a", "b", "c"].into_iter().enumerate() {
        ops.push(json!(["instrument", "counter_int", name, "", ""]));
        ops.push(json!(["series", at, [["n", int(1)]]]));
        ops.push(json!(["add", at, int(1)]));
        ops.push(json!(["advance", "1000"]));
        ops.push(json!(["collect", "delta"]));
        ops.push(json!(["commit"]));
    }
    ops.push(json!(["series", 0, [["n", int(2)]]]));
    ops.push(json!(["add", 3, int(5)]));
    ops.push(json!(["add", 1, int(5)]));
    ops.push(json!(["advance", "1000"]));
    ops.push(json!(["collect", "delta"]));
    ops.push(json!(["collect", "cumulative"]));
    all.push(json!({ "name": "series-that-come-later", "ops": ops }));
    let ops = json!([
        ["instrument", "counter_int", "9 odd name!", "", ""],
        ["series", 0, []],
        ["add", 0, int(1)],
        ["instrument", "histogram", "bounds.none", "\u{b5}s", "", ["1", "1"]],
        ["series", 1, []],
        ["record", 1, double("1")],
        ["collect", "cumulative"],
    ]);
    all.push(json!({ "name": "mended", "ops": ops }));
    all.push(
        json!({ "name": "nothing", "ops": [["collect", "cumulative"], ["collect", "delta"], ["commit"]] }),
    );
}
