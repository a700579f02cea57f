use crate::program::text;

/// The headers of the examples of the W3C.
const HEADERS: &str = "
    const came = {
        Traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        tracestate: ['rojo=00f067aa0ba902b7', 'congo=t61rcWkgMzE'],
        BAGGAGE: 'userId=Am%C3%A9lie,serverNode=DF%2028',
        'x-request-id': 'req-7f3a',
        other: 'x',
    };
    const flat = Object.fromEntries(Object.entries(came).map(([name, value]) => [name, String(value)]));
    const maps = [came, new Map(Object.entries(came)), new Headers(flat), Object.entries(flat)];
";

#[wasm_bindgen_test]
fn every_kind_of_header_map_is_read() {
    let found = text(&format!(
        "{HEADERS}
        const read = maps.map(Context.extract).map(context => JSON.stringify([
            context.traceId, context.spanId, context.sampled, context.traceparent, context.tracestate,
            context.baggage, context.requestId, context.dropped,
        ]));
        return [...new Set(read)].join();
    "
    ));
    assert_eq!(
        found,
        concat!(
            r#"["0af7651916cd43dd8448eb211c80319c","b7ad6b7169203331",true,"#,
            r#""00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","rojo=00f067aa0ba902b7,congo=t61rcWkgMzE","#,
            r#"{"userId":"Amélie","serverNode":"DF 28"},"req-7f3a",{}]"#,
        )
    );
}

#[wasm_bindgen_test]
fn what_is_injected_is_extracted_again_from_every_kind_of_header_map() {
    let problem = text(&format!("{HEADERS}
        const own = Context.extract(came).child();
        own.setBaggage('plan', '50% off');
        if (own.traceId !== '0af7651916cd43dd8448eb211c80319c' || own.spanId === 'b7ad6b7169203331') return 'child';
        for (const map of [...maps, {{}}, undefined, Object.create(null)]) {{
            const sent = own.inject(map);
            if (map && sent !== map) return 'another map';
            const again = Context.extract(sent);
            for (const name of ['traceparent', 'tracestate', 'requestId'])
                if (again[name] !== own[name]) return `${{name}}: ${{again[name]}}`;
            if (JSON.stringify(again.baggage) !== JSON.stringify(own.baggage)) return 'baggage';
            if (JSON.stringify(again.dropped) !== '{{}}') return JSON.stringify(again.dropped);
        }}
        return Object.keys(came).join();
    "));
    assert_eq!(problem, "other,traceparent,tracestate,baggage,x-request-id");
}

#[wasm_bindgen_test]
fn bad_headers_count_as_absent_and_are_told() {
    let found = text("
        const context = Context.extract({
            traceparent: ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
            baggage: 'a=1,=2', 'x-request-id': 'x\\r\\nset-cookie: a=b', get [Symbol.iterator]() { throw 1 },
        });
        const frozen = Object.freeze({ traceparent: 'old' });
        Context.root().inject(frozen);
        context.inject({ set() { throw 1 }, delete: 7 });
        return JSON.stringify([
            context.traceId ?? null, context.baggage, context.dropped, frozen.traceparent,
            context.setRequestId('a b'), context.setBaggage('a b', ''), Object.keys(context.inject()),
        ]);
    ");
    assert_eq!(
        found,
        concat!(
            r#"[null,{"a":"1"},{"traceparent":"traceparent came more than once","baggageDropped":1,"#,
            r#""requestId":"byte 1 of the request id is not visible ascii"},"old",false,false,["baggage"]]"#,
        )
    );
}

#[wasm_bindgen_test]
fn roots_are_random_or_as_given() {
    let problem = text("
        const roots = Array.from({ length: 100 }, () => Context.root());
        if (new Set(roots.flatMap(root => [root.traceId, root.spanId])).size !== 200) return 'ids repeat';
        const fixed = Context.root({ traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), sampled: false, randomFlag: true });
        if (fixed.child('ef'.repeat(8)).traceparent !== `00-${'ab'.repeat(16)}-${'ef'.repeat(8)}-02`) return 'child';
        return fixed.traceparent;
    ");
    assert_eq!(problem, "00-abababababababababababababababab-cdcdcdcdcdcdcdcd-02");
}
