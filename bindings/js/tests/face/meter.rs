//! Instruments and collections.

use crate::program::{run, text};
use wasm_bindgen::JsValue;

/// What a program's meter collects, as JSON without what all collections have in common.
fn points(body: &str) -> String {
    text(&format!(
        "
        const short = (text) => {{
            const metrics = JSON.parse(text).resourceMetrics[0].scopeMetrics[0].metrics;
            return JSON.stringify(metrics.map(({{ name, sum, gauge, histogram, exponentialHistogram }}) => [name,
                ...(sum ?? gauge ?? histogram ?? exponentialHistogram).dataPoints.map((point) => [
                    ...(point.attributes ?? []).map(({{ key, value }}) => `${{key}}=${{Object.values(value)[0]}}`),
                    point.asInt ?? point.asDouble ?? point.bucketCounts ?? point.count])]));
        }};
        {body}"
    ))
}

#[wasm_bindgen_test]
fn what_is_measured_is_collected() {
    let found = points(
        "
        const meter = new Meter({ serviceName: 'planner' });
        const asked = meter.counter('asked', { unit: '{question}', description: 'All.', whole: true });
        asked.add(1); asked.add(2n, { route: '/ask' }); asked.add(3.9, new Map([['route', '/ask']]));
        const bound = asked.bind({ route: '/ask' });
        bound.add(1); bound.add(1, { cached: true });
        meter.upDownCounter('open').add(-1.5);
        const heat = meter.gauge('heat'); heat.set(36.5); heat.add(1);
        meter.gauge('length', { whole: true }).bind({ of: 'queue' }).set(7);
        const seconds = meter.histogram('seconds', { unit: 's', bounds: [1, 10] });
        for (const number of [0.5, 1, 5, 11]) seconds.record(number);
        const sizes = meter.histogram('sizes', { exponential: true }).bind({ of: 'file' });
        sizes.record(4); sizes.record(5);
        return short(meter.collectJson());
    ",
    );
    assert_eq!(
        found,
        r#"[["asked",["1"],["route=/ask","6"],["cached=true","route=/ask","1"]],["open",[-1.5]],["heat",[37.5]],["length",["of=queue","7"]],["seconds",[["2","1","1"]]],["sizes",["of=file","2"]]]"#
    );
}

#[wasm_bindgen_test]
fn a_delta_is_told_until_it_has_arrived() {
    let found = points(
        "
        const meter = new Meter();
        const asked = meter.counter('asked', { whole: true });
        const delta = () => { const text = meter.collectJson({ temporality: 'delta' }); return text.includes('asked') ? short(text) : 'nothing'; };
        asked.add(1);
        const said = [delta()];
        asked.add(2);
        said.push(delta());
        meter.commit();
        said.push(delta());
        asked.add(4);
        said.push(delta(), short(meter.collectJson({ temporality: 'cumulative' })));
        return said.join(' ');
    ",
    );
    assert_eq!(found, r#"[["asked",["1"]]] [["asked",["3"]]] nothing [["asked",["4"]]] [["asked",["7"]]]"#);
}

#[wasm_bindgen_test]
fn both_forms_are_the_same_request() {
    let request = run("
        const meter = new Meter({ serviceName: 'planner', scopeName: 'test', scopeVersion: '1' });
        meter.counter('asked').add(0.5, { a: 1, b: 'two', c: [true, null], d: 1.5 });
        const now = 4102444800000;
        const bytes = meter.collect({ now });
        return { bytes, json: meter.collectJson({ now }) };
    ");
    let bytes = js_sys::Reflect::get(&request, &"bytes".into()).unwrap();
    let json = js_sys::Reflect::get(&request, &"json".into()).unwrap();
    let bytes = js_sys::Uint8Array::from(bytes).to_vec();
    assert_eq!(spanloom_js::metrics_to_json(&bytes).unwrap(), json.as_string().unwrap());
    assert_eq!(spanloom_js::metrics_from_json(&json).unwrap(), bytes);
    let json = json.as_string().unwrap();
    assert!(json.contains(r#""timeUnixNano":"4102444800000000000""#), "{json}");
    assert!(json.contains(r#""stringValue":"planner""#), "{json}");
}

#[wasm_bindgen_test]
fn nothing_that_is_measured_throws() {
    let found = text("
        const meter = new Meter({ seriesLimit: 3 });
        const asked = meter.counter('9 odd', { whole: true });
        const odd = [NaN, Infinity, -1, -1n, undefined, null, {}, [], 'x', Symbol('s'), () => 1,
            { valueOf() { throw new Error('no'); } }, new Proxy({}, { get() { throw new Error('no'); } })];
        for (const amount of odd) asked.add(amount);
        const invalid = meter.problems().invalid;
        const labels = { get evil() { throw new Error('no'); }, good: 1 };
        asked.add(1, labels); asked.add(1, null); asked.add(1, 'text'); asked.add(1, 7);
        for (let n = 0; n < 10; n++) asked.add(1, { n });
        for (const odd of [null, 7, 'text', { bounds: 'x' }, { bounds: [2, 1] }, { bounds: [{}] }]) {
            meter.histogram('odd', odd).record(1);
            meter.gauge(odd).set(1, odd);
        }
        const { dataPoints } = JSON.parse(meter.collectJson()).resourceMetrics[0].scopeMetrics[0].metrics[0].sum;
        const sum = dataPoints.reduce((sum, point) => sum + Number(point.asInt), 0);
        return [invalid === odd.length, dataPoints.length, sum, meter.problems().mended > 0].join();
    ");
    assert_eq!(found, "true,3,14,true");
}

#[wasm_bindgen_test]
fn an_empty_meter_says_nothing() {
    let bytes = run("return new Meter().collect();");
    assert_eq!(js_sys::Uint8Array::from(bytes).length(), 0);
    assert_ne!(run("return new Meter().collectJson();"), JsValue::UNDEFINED);
}
