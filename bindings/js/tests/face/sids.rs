use crate::program::{run, text, try_run};
use wasm_bindgen::JsValue;

#[wasm_bindgen_test]
fn the_module_knows_its_version() {
    assert_eq!(spanloom_js::version(), env!("CARGO_PKG_VERSION"));
}

#[wasm_bindgen_test]
fn sids_differ_and_can_be_taken_apart() {
    let distinct = run("
        const sids = new SidGenerator({ sub: 'svc', location: 'hf', ip: '10.1.2.3', port: '8080', pid: 0x177 });
        const made = Array.from({ length: 70_000 }, () => sids.gen(1772600767891));
        for (const text of made) {
            const sid = Sid.parse(text);
            if (sid.toString() !== text || sid.sub !== 'svc' || sid.ip !== '2.3') throw new Error(text);
            sid.free();
        }
        return new Set(made).size;
    ");
    assert_eq!(distinct.as_f64(), Some(70_000.0));
    let first = text(
        "return new SidGenerator({ sub: 'svc', location: 'hf', ip: '10.1.2.3', port: 8080, pid: 0x177 }).gen(1772600767891)",
    );
    assert_eq!(first, "svc00770000@hf19cb73d35930203802");
}

#[wasm_bindgen_test]
fn a_sid_of_now_has_the_time_of_now_and_random_substitutes() {
    let problem = run("
        const before = Date.now();
        const sids = Array.from({ length: 50 }, () => Sid.parse(new SidGenerator({ port: '8080' }).gen()));
        const after = Date.now();
        if (!sids.every(sid => before <= sid.unixMs && sid.unixMs <= after)) return 'time';
        if (new Set(sids.map(sid => sid.pid + ' ' + sid.ip)).size < 40) return 'substitutes repeat';
        return JSON.stringify({ sid: sids[0] }) === `{\"sid\":\"${sids[0]}\"}` ? '' : 'json';
    ");
    assert_eq!(problem.as_string().as_deref(), Some(""));
}

#[wasm_bindgen_test]
fn constructors_and_parsers_throw_typed_errors() {
    let cases = [
        (
            "new SidGenerator({ ip: 'localhost', port: '8080' })",
            "SidError: bad IP: \"localhost\" is no IPv4 address",
        ),
        ("new SidGenerator({ port: '80' })", "SidError: bad port: \"80\" needs at least four characters"),
        ("new SidGenerator()", "SidError: bad port: \"\" needs at least four characters"),
        ("Sid.parse('?')", "SidError: no SID: '@' expected"),
        ("Sid.parse(undefined)", "SidError: no SID: '@' expected"),
        ("NodeLog.fromJson('[]')", "LogError: field node log: expected an object"),
        ("NodeTraceLog.fromOtlp('{\"resourceSpans\":1}')", "OtlpError: $.resourceSpans at byte 17: expected"),
        ("NodeTraceLog.fromOtlp(new Uint8Array([255]))", "OtlpError: "),
        ("new NodeTraceLog().toOtlp({ traceId: 'x' })", "OtlpError: "),
        ("Context.root({ traceId: 'x' })", "ContextError: "),
        ("new Redactor({ without: ['emial'] })", "RedactError: there is no rule \"emial\""),
    ];
    for (call, expected) in cases {
        let body = format!(
            "try {{ {call}; return 'nothing thrown' }}
             catch (error) {{ return error instanceof Error ? String(error) : typeof error }}"
        );
        let found = try_run(&body, &JsValue::UNDEFINED).unwrap().as_string().unwrap();
        assert!(found.starts_with(expected), "{call}: {found}");
    }
}
