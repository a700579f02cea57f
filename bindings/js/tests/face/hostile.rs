//! Values and programs that mean harm, or just have bad luck.

use crate::program::{run, text, try_run};
use wasm_bindgen::JsValue;

#[wasm_bindgen_test]
fn keys_of_the_prototype_are_keys_like_others() {
    let problem = text(
        r#"
        const before = Object.getOwnPropertyNames(Object.prototype).sort().join();
        const evil = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"toString":"t","hasOwnProperty":3}');
        const node = new NodeLog(evil);
        node.appendInputData("__proto__", evil);
        node.appendConfigData(evil);
        node.appendUsageData(evil);
        const trace = new NodeTraceLog(evil);
        trace.addSrv("__proto__", "v");
        trace.addNodeLog([node]);
        const context = Context.extract(evil);
        context.setBaggage("__proto__", "b");
        const { srv, trace: [{ data }] } = trace.toObject();
        if (Object.getOwnPropertyNames(Object.prototype).sort().join() !== before) return "names";
        if (({}).polluted !== undefined) return "polluted";
        if (Object.keys(data.input.__proto__).join() !== Object.keys(evil).join()) return "input";
        if (Object.keys(data.config).join() !== Object.keys(evil).join()) return "config";
        if (data.config.__proto__.polluted !== 1 || srv.__proto__ !== "v") return "values";
        if (data.config.valueOf !== undefined) return "inherited";
        if (context.baggage.__proto__ !== "b") return "baggage";
        const again = NodeTraceLog.fromOtlp(trace.toOtlp()).toJson();
        return again === trace.toJson() ? "" : "round trip";
    "#,
    );
    assert_eq!(problem, "");
}

#[wasm_bindgen_test]
fn cycles_and_depths_end() {
    let found = text("
        const node = new NodeLog({});
        const self = { name: 'x' }; self.self = self; self.list = [self, new Map([['m', self]]), new Set([self])];
        node.appendInputData('cycle', self);
        const twice = { a: 1 };
        node.appendInputData('twice', [twice, twice]);
        const json = { inner: 0, toJSON() { return { again: this } } };
        node.appendInputData('json', json);
        let deep = {}; for (let i = 0; i < 10_000; i++) deep = { deep };
        node.appendInputData('deep', deep);
        let bomb = 0; const grow = () => ({ toJSON() { bomb++; return { next: grow() } } });
        node.appendOutputData('bomb', grow());
        const { cycle, twice: both, json: shown } = node.toObject().data.input;
        const depth = node.toJson().split('{\"deep\"').length - 1;
        return JSON.stringify([cycle, both, shown, depth, bomb < 40, node.cuts]);
    ");
    assert_eq!(
        found,
        concat!(
            r#"[{"name":"x","self":"[cycle]","list":["[cycle]",{"m":"[cycle]"},["[cycle]"]]},"#,
            r#"[{"a":1},{"a":1}],{"again":"[cycle]"},16,true,"#,
            r#"{"deep":2,"leftOut":0,"shortened":0,"unreadable":0}]"#,
        )
    );
}

#[wasm_bindgen_test]
fn what_throws_costs_one_value() {
    let found = text("
        const throwing = () => { throw new Error('no') };
        const { proxy, revoke } = Proxy.revocable({}, {}); revoke();
        const { proxy: list, revoke: end } = Proxy.revocable([], {}); end();
        const every = new Proxy({}, new Proxy({}, { get: () => throwing }));
        const half = new Proxy({ a: 1, b: 2 }, { get: (target, key) => key === 'b' ? throwing() : target[key] });
        const node = new NodeLog({});
        node.appendInputData('v', {
            ok: 1, get bad() { throw null }, proxy, list, every, half,
            json: { toJSON: throwing },
            tag: { get [Symbol.toStringTag]() { throw 1 } },
            lies: { get [Symbol.toStringTag]() { return 'Map' }, x: 1 },
            date: { [Symbol.toStringTag]: 'Date', x: 1 },
            length: new Proxy([1, 2], { get: (target, key) => key === 'length' ? throwing() : target[key] }),
            map: Object.defineProperties(new Map([['a', 1]]), { entries: { value: throwing }, size: { get: throwing } }),
            bytes: Object.defineProperty(Uint8Array.of(1), 'byteLength', { get: throwing }),
            after: 2,
        });
        return JSON.stringify([node.toObject().data.input.v, node.cuts.unreadable]);
    ");
    assert_eq!(
        found,
        concat!(
            r#"[{"ok":1,"bad":"[unreadable]","proxy":"[unreadable]","list":"[unreadable]","every":"[unreadable]","#,
            r#""half":{"a":1,"b":"[unreadable]"},"json":"[unreadable]","tag":"[unreadable]","#,
            r#""lies":{"x":1},"date":{"x":1},"length":"[unreadable]","map":{"a":1},"bytes":{},"after":2},8]"#,
        )
    );
}

#[wasm_bindgen_test]
fn too_many_values_are_left_out_and_counted() {
    let found = text("
        const node = new NodeLog({});
        node.appendInputData('sparse', new Array(1_000_000));
        node.appendInputData('keys', Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`k${i}`, i])));
        let reads = 0;
        node.appendInputData('endless', new Proxy([], {
            get: (_, key) => key === 'length' ? 2 ** 40 : (reads++, 1),
        }));
        node.appendInputData('map', { *[Symbol.iterator]() { for (;;) yield 1 }, entries: () => 1 });
        const { sparse, keys, endless } = node.toObject().data.input;
        return [sparse.length, Object.keys(keys).length, endless.length, reads < 10_100, node.cuts.leftOut].join();
    ");
    assert_eq!(found, "9999,9999,9999,true,3");
}

#[wasm_bindgen_test]
fn detached_buffers_are_empty() {
    let found = text("
        const bytes = new Uint8Array(8), buffer = bytes.buffer, floats = new Float32Array(buffer), view = new DataView(buffer);
        structuredClone(buffer, { transfer: [buffer] });
        const node = new NodeLog({});
        node.appendInputData('v', [bytes, buffer, view, floats]);
        const { v } = node.toObject().data.input;
        return v.map(value => value.length).join();
    ");
    assert_eq!(found, "0,0,0,0");
}

#[wasm_bindgen_test]
fn tracing_calls_take_anything_without_a_throw() {
    let problem = text("
        const odd = [
            undefined, null, true, 0, -1, NaN, Infinity, 10n ** 30n, '', 'x\\ud800', Symbol('s'), () => 1, [], {}, [[[]]],
            new Map(), new Date(NaN), Object.create(null), Proxy.revocable({}, {}).proxy, new Proxy(() => 1, {}),
            { get nodeId() { throw 1 }, share() { throw 2 } }, { share: () => 7 }, new Uint8Array(2),
        ];
        const skipped = ['constructor', 'free', '__destroy_into_raw', 'toOtlp', 'toOtlpJson', 'child'];
        let calls = 0;
        for (const a of odd) for (const b of odd) {
            for (const value of [new NodeLog(a), new NodeTraceLog(a), new WorkflowLog(a), Context.extract(a)]) {
                for (let proto = Object.getPrototypeOf(value); proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
                    for (const [name, { value: method, set }] of Object.entries(Object.getOwnPropertyDescriptors(proto))) {
                        if (skipped.includes(name) || name.startsWith('__')) continue;
                        try {
                            if (typeof method === 'function') { method.call(value, a, b); calls++ }
                            if (set) { set.call(value, a); calls++ }
                        } catch (error) { return `${name}: ${error}` }
                    }
                }
            }
        }
        return calls > 10_000 ? '' : `only ${calls} calls`;
    ");
    assert_eq!(problem, "");
}

#[wasm_bindgen_test]
fn code_of_the_program_may_use_the_log_it_is_read_for() {
    let found = text("
        const node = new NodeLog({});
        const trace = new NodeTraceLog({});
        trace.addNodeLog(node);
        node.appendInputData('outer', {
            get inner() { node.appendInputData('inner', 1); node.setEnd(); trace.setEnd(); return trace.toJson().length > 0 },
        });
        trace.addA({ get a() { trace.addQ('q'); node.free(); return 'a' } });
        const text = trace.toJson((name, bytes) => { trace.addQ('later'); throw name });
        const { question, answer, trace: [{ data }] } = trace.toObject();
        return JSON.stringify([question, answer, data.input]);
    ");
    assert_eq!(found, r#"["q","{\"a\":\"a\"}",{"inner":1,"outer":{"inner":true}}]"#);
}

#[wasm_bindgen_test]
fn a_freed_handle_is_refused_and_harms_nobody() {
    let found = run("
        const node = new NodeLog({ nodeId: 'kept' });
        const trace = new NodeTraceLog({});
        trace.addNodeLog([node]);
        const same = node.share();
        node.free();
        const others = Array.from({ length: 100 }, (_, i) => new NodeLog({ nodeId: `n${i}` }));
        const thrown = [() => node.setEnd(5), () => node.toJson(), () => node.share(), () => node.free()].map(use => {
            try { use(); return 'nothing' } catch (error) { return error.constructor.name }
        });
        trace.addNodeLog([node, ...others]);
        same.setNextNodeId('still here');
        const { trace: nodes } = trace.toObject();
        return JSON.stringify([thrown, nodes.length, nodes[0].node_id, nodes[0].next_log_ids, nodes[100].node_id]);
    ");
    assert_eq!(
        found.as_string().unwrap(),
        r#"[["Error","Error","Error","Error"],101,"kept",["still here"],"n99"]"#
    );
}

#[wasm_bindgen_test]
fn a_class_cannot_be_called_on_something_else() {
    for body in ["NodeLog.prototype.setEnd.call({})", "NodeLog.prototype.setEnd.call(new Context())"] {
        // Either is refused, or does nothing that breaks a later call.
        let _ = try_run(body, &JsValue::UNDEFINED);
    }
    assert_eq!(text("return new NodeLog({ id: 'x' }).id"), "x");
}
