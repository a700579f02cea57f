use crate::program::{run, text};

#[wasm_bindgen_test]
fn a_node_that_was_added_shows_what_happens_to_it_later() {
    let found = text("
        const trace = new NodeTraceLog({ sid: 's', appId: 'a', now: 1000 });
        const node = new NodeLog({ sid: 's', nodeId: 'llm::1', nodeType: 'llm', now: 1000 });
        trace.addNodeLog([node]);
        node.appendUsageData({ prompt_tokens: 2.9, completionTokens: 3, total_tokens: 5, question_tokens: NaN });
        node.setEnd(1500);
        trace.setEnd(2000);
        trace.setEnd(2500);
        const { duration, usage, app_id, trace: [first] } = trace.toObject();
        return JSON.stringify([duration, usage, app_id, first.duration, first.func_id, trace.nodes()[0].id === node.id]);
    ");
    assert_eq!(
        found,
        r#"[1500,{"question_tokens":0,"prompt_tokens":2,"completion_tokens":3,"total_tokens":5},"a",500,"llm::1",true]"#
    );
}

#[wasm_bindgen_test]
fn a_workflow_log_is_a_trace_log_that_finds_its_first_frame() {
    let found = text(
        "
        const node = (nodeId, now) => new NodeLog({ nodeId, now });
        const workflow = new WorkflowLog({ flowId: 'f', now: 1000 });
        workflow.addNodeLog([node('llm::1', 1100), node('message::2', 1250), node('node-end::3', 1300)]);
        const own = new WorkflowLog({ now: 1000, streamingTypes: ['llm'] });
        own.addFuncLog(node('llm::1', 1100));
        const plain = new NodeTraceLog({ now: 1000 });
        plain.addNodeLog(node('message::2', 1250));
        const { first_frame_duration, flow_id, bot_id, sub } = workflow.toObject();
        return JSON.stringify([
            workflow instanceof NodeTraceLog, first_frame_duration, flow_id, bot_id, sub,
            own.toObject().first_frame_duration, plain.toObject().first_frame_duration,
        ]);
    ",
    );
    assert_eq!(found, r#"[true,250,"f","f","workflow",100,-1]"#);
}

#[wasm_bindgen_test]
fn ids_and_times_come_from_the_host() {
    let problem = text("
        const before = Date.now();
        const nodes = Array.from({ length: 1000 }, () => new NodeLog({}));
        const after = Date.now();
        if (new Set(nodes.map(node => node.id)).size !== 1000) return 'ids repeat';
        if (!nodes.every(node => /^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/.test(node.id))) return 'no UUIDv4';
        if (!nodes.every(node => { const { start_time } = node.toObject(); return before <= start_time && start_time <= after })) return 'time';
        const node = nodes[0];
        node.addInfoLog('日本\\n');
        const line = node.toObject().logs[0];
        const { level, message, time } = JSON.parse(line);
        if (!line.startsWith('{\"level\": \"INFO\", \"message\": \"日本')) return line;
        const local = new Date(time.replace(' ', 'T')).getTime();
        return level === 'INFO' && message === '日本\\n' && Math.abs(local - after) < 5000 ? '' : `${time}`;
    ");
    assert_eq!(problem, "");
}

#[wasm_bindgen_test]
fn large_texts_go_where_the_program_wants_them() {
    let found = text("
        const files = new Map();
        const node = new NodeLog({});
        node.appendInputData('short', 'x'.repeat(5087));
        node.appendInputData('long', 'é'.repeat(2544));
        const trace = new NodeTraceLog({});
        trace.addNodeLog(node);
        const saved = JSON.parse(trace.toJson((name, bytes) => { files.set(name, bytes); return `link:${name}` }));
        const kept = JSON.parse(trace.toJson(() => { throw new Error('full') }));
        const [[name, bytes]] = files;
        const { input } = saved.trace[0].data;
        return JSON.stringify([
            files.size, /^[0-9a-f]{32}[.]txt$/.test(name), bytes.length, input.long === `link:${name}`, input.short.length,
            kept.trace[0].data.input.long.length,
        ]);
    ");
    assert_eq!(found, "[1,true,5088,true,5087,2544]");
}

#[wasm_bindgen_test]
fn logs_become_otlp_and_come_back() {
    let problem = text("
        const trace = new NodeTraceLog({ sid: 's', appId: 'a', uid: 'u', chatId: 'c', question: 'q' });
        const node = new NodeLog({ sid: 's', nodeId: 'llm::1', nodeType: 'llm', nodeName: '节点', utcOffsetMinutes: 0 });
        node.appendInputData('v', { a: [1, 1.5, null, 'x', -0, 2n ** 60n] });
        node.addErrorLog('bad');
        node.runningStatus = false;
        trace.addNodeLog(node);
        trace.setStatus(7, 'failed');
        trace.setEnd();
        const options = { serviceName: 'planner', resource: { 'host.name': 'h' }, traceId: 'ab'.repeat(16), parentSpanId: 'cd'.repeat(8) };
        const bytes = trace.toOtlp(options), json = trace.toOtlpJson(options);
        for (const form of [bytes, json]) if (NodeTraceLog.fromOtlp(form).toJson() !== trace.toJson()) return 'round trip';
        if (NodeTraceLog.fromJson(trace.toJson()).toJson() !== trace.toJson()) return 'json';
        if (NodeLog.fromJson(node.toJson()).toJson() !== node.toJson()) return 'node';
        const { resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] } = JSON.parse(json);
        const attributes = resource.attributes.map(({ key, value }) => `${key}=${value.stringValue}`).join();
        if (attributes !== 'service.name=planner,host.name=h') return attributes;
        if (scope.name !== 'spanloom' || spans.length !== 2) return 'spans';
        return spans[0].parentSpanId === options.parentSpanId && spans[1].traceId === options.traceId ? '' : 'ids';
    ");
    assert_eq!(problem, "");
}

#[wasm_bindgen_test]
fn a_foreign_trace_gives_a_log() {
    let found = run(r#"
        const attribute = (key, stringValue) => ({ key, value: { stringValue } });
        const span = { traceId: '5b8efff798038103d269b633813fc60c', startTimeUnixNano: '1544712660000000000', endTimeUnixNano: '1544712661000000000' };
        const trace = NodeTraceLog.fromOtlp(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [
            { ...span, spanId: 'eee19b7ec3c1b174', name: 'run', attributes: [attribute('gen_ai.operation.name', 'invoke_agent')] },
            { ...span, spanId: 'eee19b7ec3c1b175', parentSpanId: 'eee19b7ec3c1b174', name: 'chat gpt', attributes: [
                attribute('gen_ai.operation.name', 'chat'),
                { key: 'gen_ai.usage.input_tokens', value: { intValue: '12' } },
                { key: 'gen_ai.usage.output_tokens', value: { intValue: 3 } },
            ] },
        ] }] }] }));
        const { usage, duration, trace: nodes } = trace.toObject();
        return [usage.total_tokens, duration, nodes.length, nodes[0].node_name].join();
    "#);
    assert_eq!(found.as_string().unwrap(), "15,1000,1,chat gpt");
}

#[wasm_bindgen_test]
fn secrets_are_taken_out_of_texts() {
    assert_eq!(text("return new Redactor().redactText('mail bob@example.org')"), "mail [REDACTED:email]");
    assert_eq!(
        text(
            "return new Redactor({ without: ['email'] }).redactText('bob@example.org Bearer abcdef0123456789abcdef')"
        ),
        "bob@example.org Bearer [REDACTED:bearer]"
    );
    assert_eq!(text("return new Redactor().redactText(Symbol('x'))"), "Symbol(x)");
}
