//! What becomes of JavaScript values: in the log's JSON, and as objects again.

use crate::program::{run, run_with, text};
use spanloom::value::Value;
use wasm_bindgen::JsValue;

/// The value of an expression as it stands in a log's JSON.
fn kept(expression: &str) -> String {
    let body = format!(
        "
        const node = new NodeLog({{}});
        node.appendInputData('v', {expression});
        return node.toJson();
    "
    );
    let json = text(&body);
    let log = Value::from_json(&json).unwrap();
    log.get("data").unwrap().get("input").unwrap().get("v").unwrap().to_json()
}

#[wasm_bindgen_test]
fn numbers_arrive_as_they_were() {
    for (expression, json) in [
        ("0", "0"),
        ("-0", "-0.0"),
        ("1", "1"),
        ("1.5", "1.5"),
        ("2 ** 53 - 1", "9007199254740991"),
        ("-(2 ** 53 - 1)", "-9007199254740991"),
        ("2 ** 53", "9007199254740992.0"),
        ("2 ** 53 + 2", "9007199254740994.0"),
        ("9007199254740993n", "9007199254740993"),
        ("2n ** 63n - 1n", "9223372036854775807"),
        ("-(2n ** 63n)", "-9223372036854775808"),
        ("2n ** 63n", "\"9223372036854775808\""),
        ("-(2n ** 64n)", "\"-18446744073709551616\""),
        ("NaN", "\"NaN\""),
        ("Infinity", "\"Infinity\""),
        ("-Infinity", "\"-Infinity\""),
        ("5e-324", "5e-324"),
        ("Number.MAX_VALUE", "1.7976931348623157e308"),
    ] {
        assert_eq!(kept(expression), json, "{expression}");
    }
}

#[wasm_bindgen_test]
fn every_kind_of_value_has_its_place() {
    for (expression, json) in [
        ("undefined", "null"),
        ("null", "null"),
        ("true", "true"),
        ("[1, , undefined]", "[1,null,null]"),
        (
            "new Map([['a', 1], [2, 'b'], [null, true], [Symbol('s'), 0], [{}, 1]])",
            r#"{"a":1,"2":"b","null":true,"Symbol(s)":0,"[object]":1}"#,
        ),
        ("new Set([1, 'x'])", r#"[1,"x"]"#),
        ("Uint8Array.of(255, 0)", "\"/wA=\""),
        ("Uint8Array.of(9, 255, 0, 9).subarray(1, 3)", "\"/wA=\""),
        ("Uint8Array.of(255, 0).buffer", "\"/wA=\""),
        ("new DataView(Uint8Array.of(255, 0).buffer)", "\"/wA=\""),
        ("Float64Array.of(1, 1.5, NaN)", r#"[1,1.5,"NaN"]"#),
        ("BigInt64Array.of(-1n)", "[-1]"),
        ("new Date(0)", "\"1970-01-01T00:00:00.000Z\""),
        ("new Date(NaN)", "\"Invalid Date\""),
        ("/a+/gi", "\"/a+/gi\""),
        ("() => 1", "\"[function]\""),
        ("class A {}", "\"[function]\""),
        ("Symbol('s')", "\"Symbol(s)\""),
        ("Symbol()", "\"Symbol()\""),
        (
            "Object.assign(new TypeError('no'), { code: 7 })",
            r#"{"name":"TypeError","message":"no","code":7}"#,
        ),
        ("new URL('https://a.example/b')", "\"https://a.example/b\""),
        ("new URLSearchParams('a=1&b=2')", r#"{"a":"1","b":"2"}"#),
        ("new Headers({ A: '1' })", r#"{"a":"1"}"#),
        (
            "Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true }, hidden: { value: 3 } })",
            r#"{"own":2}"#,
        ),
        ("({ toJSON() { return { shown: [1] } } })", r#"{"shown":[1]}"#),
        ("Promise.resolve(1)", "\"[Promise]\""),
        ("new WeakMap()", "\"[WeakMap]\""),
        ("({ a: { b: [] } })", r#"{"a":{"b":[]}}"#),
    ] {
        assert_eq!(kept(expression), json, "{expression}");
    }
}

#[wasm_bindgen_test]
fn the_page_of_values_tells_what_happens() {
    let page = include_str!("../../../../docs/values.md");
    let (_, section) = page.split_once("\n## JavaScript\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 30);
    for row in rows {
        let (expression, rest) = row.trim_start_matches("| `").split_once("` | ").unwrap();
        let (_, json) = rest.rsplit_once(" | `").unwrap();
        assert_eq!(kept(expression), json.trim_end_matches("` |"), "{expression}");
    }
}

#[wasm_bindgen_test]
fn texts_are_unicode_and_half_surrogates_are_repaired() {
    for (expression, json) in [
        ("'日本語 é \\u{1f600} \\u0000 \\u202e \\ufeff'", "\"日本語 é \u{1f600} \\u0000 \u{202e} \u{feff}\""),
        ("'a\\ud800b'", "\"a\u{fffd}b\""),
        ("'\\udc00'", "\"\u{fffd}\""),
        ("'\\ud83d'", "\"\u{fffd}\""),
        ("({ 'k\\ud800': 'v\\udfff' })", "{\"k\u{fffd}\":\"v\u{fffd}\"}"),
    ] {
        assert_eq!(kept(expression), json, "{expression}");
    }
}

#[wasm_bindgen_test]
fn generators_and_iterators_are_not_consumed() {
    let left = run("
        const generator = (function* () { yield 1; yield 2 })();
        const items = [1, 2][Symbol.iterator]();
        const node = new NodeLog({});
        node.appendInputData('generator', generator);
        node.appendInputData('items', [items, new Map([[1, 2]]).entries()]);
        node.appendInputData('async', (async function* () {})());
        const { input } = node.toObject().data;
        return JSON.stringify([input, [...generator], [...items]]);
    ");
    assert_eq!(
        left.as_string().unwrap(),
        r#"[{"generator":"[Generator]","items":["[Array Iterator]","[Map Iterator]"],"async":"[AsyncGenerator]"},[1,2],[1,2]]"#
    );
}

#[wasm_bindgen_test]
fn objects_come_back_as_they_went() {
    let problem = text("
        const value = {
            text: 'x', whole: 2 ** 53 - 1, large: 2n ** 60n, half: 0.5, nothing: null, yes: true,
            bytes: Uint8Array.of(1, 2), list: [1, [2]], nested: { a: {} },
        };
        const node = new NodeLog({});
        node.appendOutputData('v', value);
        const back = node.toObject().data.output.v;
        if (Object.getPrototypeOf(back) !== null) return 'prototype';
        for (const [key, expected] of Object.entries(value)) {
            if (typeof back[key] !== typeof expected) return `type of ${key}`;
            if (key === 'large' ? back.large !== expected : JSON.stringify(back[key]) !== JSON.stringify(expected)) return key;
        }
        return back.bytes instanceof Uint8Array ? '' : 'bytes';
    ");
    assert_eq!(problem, "");
}

#[wasm_bindgen_test]
fn huge_texts_and_bytes_are_cut_before_they_are_copied() {
    let node = run_with(
        "
        const node = new NodeLog({});
        node.appendInputData('text', 'é'.repeat(20_000_000));
        node.appendOutputData('bytes', new Uint8Array(20_000_000));
        const { input, output } = node.toObject().data;
        return [input.text.length, output.bytes.length, node.cuts.shortened].join();
        ",
        &JsValue::UNDEFINED,
    );
    assert_eq!(node.as_string().unwrap(), "8388608,16777216,2");
}
