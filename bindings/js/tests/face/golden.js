// Runs the operations of a golden case; `argument` is the case as JSON.
const { ops, start_unix_ms } = JSON.parse(argument);
let now = start_unix_ms;
let trace;
const nodes = {};
let made = 0;
const handlers = {
  advance_ms: (ms) => { now += ms; },
  trace: (about) => { trace = new ("flow_id" in about || "bot_id" in about ? WorkflowLog : NodeTraceLog)({ ...about, now }); },
  node: (name, about) => {
    const id = "feedfacecafebeef" + String(++made).padStart(16, "0");
    nodes[name] = new NodeLog({ ...about, id, now, utcOffsetMinutes: 0 });
  },
  add: (names) => trace.addNodeLog(names.map((name) => nodes[name])),
  end: () => trace.setEnd(now),
  status: (code, message) => trace.setStatus(code, message),
  q: (text) => trace.addQ(text),
  a: (text) => trace.addA(text),
  srv: (key, value) => trace.addSrv(key, value),
  first_frame: (ms) => trace.setFirstFrameDuration(ms),
  start: (name) => nodes[name].setStart(now),
  node_end: (name) => nodes[name].setEnd(now),
  input: (name, key, value) => nodes[name].appendInputData(key, value),
  output: (name, key, value) => nodes[name].appendOutputData(key, value),
  config: (name, config) => nodes[name].appendConfigData(config),
  usage: (name, usage) => nodes[name].appendUsageData(usage),
  info: (name, text) => nodes[name].addInfoLog(text, now),
  error: (name, text) => nodes[name].addErrorLog(text, now),
  next: (name, id) => nodes[name].setNextNodeId(id),
  node_first_frame: (name) => nodes[name].setFirstFrameDuration(now),
  first_cost: (name, seconds) => nodes[name].setNodeFirstCostTime(seconds),
  llm_output: (name, text) => { nodes[name].llmOutput = text; },
  running: (name, running) => { nodes[name].runningStatus = running; },
};
for (const [name, ...args] of ops) handlers[name](...args);
return trace.toJson();
