//! Workflow logs, recorded from the original: a list of operations, and the JSON that they give.
//!
//! Nodes are objects that a log refers to: what happens to a node after it was added shows in the log. So the nodes are
//! held here, and the log gets copies where it needs them: at its end, for the sum, and when it is printed.

use std::collections::HashMap;
use std::path::Path;

use spanloom::json::Style;
use spanloom::value::Value;
use spanloom::workflow::{
    Entries, NodeAbout, NodeLog, NodeTraceLog, Number, TokenUsage, TraceAbout, WorkflowLog,
};

pub fn claims(path: &Path, case: &Value) -> bool {
    path.parent().and_then(Path::file_name).is_some_and(|folder| folder == "astron")
        || (case.get("ops").is_some() && case.get("expected").is_some())
}

pub fn run(case: &Value) -> Result<(), String> {
    let expected = case.get("expected").and_then(Value::as_str).ok_or("no text under \"expected\"")?;
    let mut expected = Value::from_json(expected).map_err(|error| format!("expected: {error}"))?;
    let start =
        case.get("start_unix_ms").and_then(Value::as_int).ok_or("no number under \"start_unix_ms\"")?;
    let Some(Value::Array(ops)) = case.get("ops") else { return Err("no array under \"ops\"".into()) };

    let mut program = Program::new(start, counts_in_hex(&expected), expected.get("flow_id").is_some());
    for (index, op) in ops.iter().enumerate() {
        program.run(op).map_err(|error| format!("op {index} {op:?}: {error}"))?;
    }
    let printed = program.log().ok_or("the case has no trace")?.to_json(Style::Spaced);
    let mut printed = Value::from_json(&printed).map_err(|error| format!("printed: {error}"))?;
    normalize(&mut expected);
    normalize(&mut printed);
    difference("", &expected, &printed).map_or(Ok(()), Err)
}

/// The ids of a case end in a counter of 16 digits. Only a case with more than nine nodes shows of which base.
fn counts_in_hex(expected: &Value) -> bool {
    let Some(Value::Array(nodes)) = expected.get("trace") else { return false };
    nodes
        .iter()
        .filter_map(|node| node.get("id")?.as_str()?.get(16..))
        .any(|counter| counter.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

struct Program {
    now: i64,
    hex_ids: bool,
    ids: u64,
    workflow: Option<WorkflowLog>,
    /// The engine's variant: further ids, and it looks for its first frame when nodes are added.
    engine: bool,
    nodes: Vec<NodeLog>,
    names: HashMap<String, usize>,
    /// The nodes of the log, by their place in `nodes`.
    added: Vec<usize>,
}

type Done = Result<(), String>;

impl Program {
    fn new(now: i64, hex_ids: bool, engine: bool) -> Self {
        Self {
            now,
            hex_ids,
            ids: 0,
            workflow: None,
            engine,
            nodes: Vec::new(),
            names: HashMap::new(),
            added: Vec::new(),
        }
    }

    fn run(&mut self, op: &Value) -> Done {
        let Value::Array(op) = op else { return Err("an operation is an array".into()) };
        let (Some(Value::String(name)), args) = (op.first(), op.get(1..).unwrap_or_default()) else {
            return Err("an operation begins with its name".into());
        };
        let now = self.now;
        match name.as_str() {
            "advance_ms" => self.now += int(args, 0)?,
            "trace" => self.trace(args.first())?,
            "node" => self.node(text(args, 0)?, args.get(1))?,
            "add" => self.add(args)?,
            "end" => self.open()?.set_end(now),
            "status" => self.open()?.set_status(int(args, 0)?, text(args, 1)?),
            "q" => self.open()?.question = text(args, 0)?.into(),
            "a" => self.open()?.answer = text(args, 0)?.into(),
            "srv" => self.open()?.add_srv(text(args, 0)?, text(args, 1)?),
            "first_frame" => self.open()?.set_first_frame_duration(number(args, 0)?),
            "start" | "node_end" | "input" | "output" | "config" | "usage" | "info" | "error" | "next"
            | "node_first_frame" | "first_cost" | "llm_output" | "running" => {
                let place = self.place(text(args, 0)?)?;
                on_node(&mut self.nodes[place], name, args.get(1..).unwrap_or_default(), now)?;
            }
            _ => return Err(format!("unknown operation {name:?}")),
        }
        Ok(())
    }

    fn trace(&mut self, fields: Option<&Value>) -> Done {
        let fields = entries(fields)?;
        let field = |name| field(fields, name);
        let about = TraceAbout {
            service_id: field("service_id")?,
            sid: field("sid")?,
            app_id: field("app_id")?,
            uid: field("uid")?,
            chat_id: field("chat_id")?,
            sub: field("sub")?,
            caller: field("caller")?,
            log_caller: field("log_caller")?,
        };
        let mut workflow = if self.engine {
            WorkflowLog::for_engine(&about, field("flow_id")?, field("bot_id")?, self.now)
        } else {
            WorkflowLog::new(&about, self.now)
        };
        let log = with_given(&workflow.log.to_json(Style::Compact), fields)?;
        workflow.log = NodeTraceLog::from_value(log).map_err(|error| format!("trace: {error}"))?;
        self.workflow = Some(workflow);
        self.added.clear();
        Ok(())
    }

    fn node(&mut self, name: &str, fields: Option<&Value>) -> Done {
        let fields = entries(fields)?;
        let field = |name| field(fields, name);
        let about = NodeAbout {
            sid: field("sid")?,
            node_id: field("node_id")?,
            node_type: field("node_type")?,
            node_name: field("node_name")?,
            func_id: field("func_id")?,
            func_type: field("func_type")?,
            func_name: field("func_name")?,
        };
        // A node that brings its id takes none.
        self.ids += u64::from(field("id")?.is_empty());
        let ids = self.ids;
        let counter = if self.hex_ids { format!("{ids:016x}") } else { format!("{ids:016}") };
        let node = NodeLog::new(format!("feedfacecafebeef{counter}"), &about, self.now);
        let node = with_given(&node.to_json(Style::Compact), fields)?;
        let node = NodeLog::from_value(node).map_err(|error| format!("node: {error}"))?;
        self.names.insert(name.into(), self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    fn add(&mut self, args: &[Value]) -> Done {
        let names = match args {
            [Value::Array(names)] => names.as_slice(),
            names => names,
        };
        for name in names {
            let place = self.place(name.as_str().ok_or("a name of a node is a text")?)?;
            self.added.push(place);
            let node = self.nodes[place].clone();
            match &mut self.workflow {
                Some(workflow) if self.engine => workflow.add_nodes([node]),
                Some(workflow) => workflow.log.add_nodes([node]),
                None => return Err("there is no trace yet".into()),
            }
        }
        Ok(())
    }

    fn place(&self, name: &str) -> Result<usize, String> {
        self.names.get(name).copied().ok_or_else(|| format!("there is no node {name:?}"))
    }

    /// The log, with its nodes as they are now.
    fn log(&mut self) -> Option<&mut NodeTraceLog> {
        let log = &mut self.workflow.as_mut()?.log;
        log.trace = self.added.iter().map(|place| self.nodes[*place].clone()).collect();
        Some(log)
    }

    fn open(&mut self) -> Result<&mut NodeTraceLog, String> {
        self.log().ok_or_else(|| "there is no trace yet".into())
    }
}

/// The text of a field; empty where it is missing.
fn field<'a>(fields: &'a Entries, name: &str) -> Result<&'a str, String> {
    match fields.iter().find(|(key, _)| key == name) {
        None => Ok(""),
        Some((_, value)) => value.as_str().ok_or_else(|| format!("{name} is no text")),
    }
}

/// A new log, with what a case gives in place of the defaults: any field may be given. Empty texts stay out, as those of
/// functions fall back; so do fields that there are not, as in the original.
fn with_given(new: &str, given: &Entries) -> Result<Value, String> {
    let mut log = Value::from_json(new).map_err(|error| error.to_string())?;
    let Value::Map(fields) = &mut log else { return Err("a log is an object".into()) };
    for (name, value) in given.iter().filter(|(_, value)| value.as_str() != Some("")) {
        if let Some((_, field)) = fields.iter_mut().find(|(key, _)| key == name) {
            *field = value.clone();
        }
    }
    Ok(log)
}

fn on_node(node: &mut NodeLog, op: &str, args: &[Value], now: i64) -> Done {
    match op {
        "start" => node.set_start(now),
        "node_end" => node.set_end(now),
        "input" => node.append_input(text(args, 0)?, arg(args, 1)?.clone()),
        "output" => node.append_output(text(args, 0)?, arg(args, 1)?.clone()),
        "config" => node.append_config(entries(args.first())?.clone()),
        "usage" => node.append_usage(usage(entries(args.first())?)?),
        "info" => node.info(text(args, 0)?, now),
        "error" => node.error(text(args, 0)?, now),
        "next" => node.set_next_node_id(text(args, 0)?),
        "node_first_frame" => node.set_first_frame(now),
        "first_cost" => node.set_first_cost_time(number(args, 0)?),
        "llm_output" => node.llm_output = text(args, 0)?.into(),
        "running" => match arg(args, 0)? {
            Value::Bool(running) => node.running_status = *running,
            other => return Err(format!("{other:?} is no boolean")),
        },
        _ => return Err(format!("unknown operation {op:?}")),
    }
    Ok(())
}

fn usage(entries: &Entries) -> Result<TokenUsage, String> {
    let mut usage = TokenUsage::default();
    for (name, value) in entries {
        let tokens = value.as_int().ok_or_else(|| format!("usage: {name} is no integer"))?;
        match name.as_str() {
            "question_tokens" => usage.question_tokens = tokens,
            "prompt_tokens" => usage.prompt_tokens = tokens,
            "completion_tokens" => usage.completion_tokens = tokens,
            "total_tokens" => usage.total_tokens = tokens,
            // The original looks its four names up and passes over all others.
            _ => {}
        }
    }
    Ok(usage)
}

fn arg(args: &[Value], at: usize) -> Result<&Value, String> {
    args.get(at).ok_or_else(|| format!("argument {at} is missing"))
}

fn text(args: &[Value], at: usize) -> Result<&str, String> {
    let value = arg(args, at)?;
    value.as_str().ok_or_else(|| format!("{value:?} is no text"))
}

fn int(args: &[Value], at: usize) -> Result<i64, String> {
    match arg(args, at)? {
        Value::Int(number) => Ok(*number),
        Value::Double(number) if number.fract() == 0.0 => Ok(*number as i64),
        other => Err(format!("{other:?} is no integer")),
    }
}

fn number(args: &[Value], at: usize) -> Result<Number, String> {
    match arg(args, at)? {
        Value::Int(number) => Ok((*number).into()),
        Value::Double(number) => Ok((*number).into()),
        other => Err(format!("{other:?} is no number")),
    }
}

/// The entries of an object; none where it is missing.
fn entries(value: Option<&Value>) -> Result<&Entries, String> {
    static NONE: Entries = Entries::new();
    match value {
        None => Ok(&NONE),
        Some(Value::Map(entries)) => Ok(entries),
        Some(other) => Err(format!("{other:?} is no object")),
    }
}

/// Makes the two things equal in which the original's print is known to differ: it prints `[0]` for a node's duration
/// that nobody set, and `next_log_ids` is a set, in whatever order.
fn normalize(log: &mut Value) {
    let Value::Map(fields) = log else { return };
    let Some((_, Value::Array(nodes))) = fields.iter_mut().find(|(name, _)| name == "trace") else { return };
    for node in nodes {
        let Value::Map(fields) = node else { continue };
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("duration", value) if *value == Value::Array(vec![0.into()]) => *value = 0.into(),
                ("next_log_ids", Value::Array(ids)) => ids.sort_by(|a, b| a.as_str().cmp(&b.as_str())),
                _ => {}
            }
        }
    }
}

/// Where two values differ first, types of numbers and order of keys included.
fn difference(at: &str, expected: &Value, printed: &Value) -> Option<String> {
    match (expected, printed) {
        (Value::Map(ours), Value::Map(theirs)) => {
            let keys = |entries: &Entries| entries.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
            if keys(ours) != keys(theirs) {
                return Some(format!("{at}: expected keys {:?}, got {:?}", keys(ours), keys(theirs)));
            }
            ours.iter().zip(theirs).find_map(|((key, a), (_, b))| difference(&format!("{at}.{key}"), a, b))
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            let mut pairs = ours.iter().zip(theirs).enumerate();
            pairs.find_map(|(index, (a, b))| difference(&format!("{at}[{index}]"), a, b))
        }
        _ => (expected != printed).then(|| format!("{at}: expected {expected:?}, got {printed:?}")),
    }
}
