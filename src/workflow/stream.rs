//! The workflow log that finds its own first frame.

use super::node::NodeLog;
use super::parts::Number;
use super::trace::{NodeTraceLog, TraceAbout};

/// A [`NodeTraceLog`] with one rule more: while its first frame is not known, the first node of a streaming type that
/// is added brings it, by its start.
///
/// ```
/// use spanloom::workflow::{NodeAbout, NodeLog, Number, TraceAbout, WorkflowLog};
/// let mut workflow = WorkflowLog::new(&TraceAbout::default(), 1_000);
/// let about = NodeAbout { node_id: "message::7", ..NodeAbout::default() };
/// workflow.add_nodes([NodeLog::new("01", &about, 1_250)]);
/// assert_eq!(workflow.log.first_frame_duration, Number::Int(250));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowLog {
    /// The log.
    pub log: NodeTraceLog,
    /// The types of nodes (the part of `node_id` before its first `:`) that stream to the user.
    pub streaming_types: Vec<String>,
}

impl WorkflowLog {
    /// The log of a workflow that begins now.
    #[must_use]
    pub fn new(about: &TraceAbout<'_>, now_unix_ms: i64) -> Self {
        NodeTraceLog::new(about, now_unix_ms).into()
    }

    /// The variant of the workflow engine: with the ids of its flow and its bot. Of the ids of service, flow and bot each
    /// that is empty falls back to the others, flow and bot to one another first; `sub` falls back to `workflow`.
    #[must_use]
    pub fn for_engine(about: &TraceAbout<'_>, flow_id: &str, bot_id: &str, now_unix_ms: i64) -> Self {
        let sub = first_of([about.sub, "workflow"]);
        let service_id = first_of([about.service_id, flow_id, bot_id]);
        let mut workflow = Self::new(&TraceAbout { sub, service_id, ..*about }, now_unix_ms);
        workflow.log.flow_id = Some(first_of([flow_id, bot_id, service_id]).into());
        workflow.log.bot_id = Some(first_of([bot_id, flow_id, service_id]).into());
        workflow
    }

    /// Adds nodes; the first of a streaming type may bring the first frame.
    pub fn add_nodes(&mut self, nodes: impl IntoIterator<Item = NodeLog>) {
        for node in nodes {
            if self.log.first_frame_duration.is_unset() && self.streams(&node) {
                let duration = node.start_time.saturating_sub(self.log.start_time);
                self.log.first_frame_duration = Number::Int(duration);
            }
            self.log.trace.push(node);
        }
    }

    fn streams(&self, node: &NodeLog) -> bool {
        let node_type = node.node_id.split(':').next().unwrap_or_default();
        self.streaming_types.iter().any(|streaming| streaming == node_type)
    }
}

/// The first text that is not empty.
fn first_of<const N: usize>(texts: [&str; N]) -> &str {
    texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
}

impl From<NodeTraceLog> for WorkflowLog {
    /// The log with the usual streaming types: `message` and `node-end`.
    fn from(log: NodeTraceLog) -> Self {
        Self { log, streaming_types: vec!["message".into(), "node-end".into()] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Style;
    use crate::workflow::NodeAbout;

    fn node(node_id: &str, start: i64) -> NodeLog {
        NodeLog::new("id", &NodeAbout { node_id, ..NodeAbout::default() }, start)
    }

    #[test]
    fn the_first_streaming_node_brings_the_first_frame_once() {
        let mut workflow = WorkflowLog::new(&TraceAbout::default(), 100);
        workflow.add_nodes([node("llm::1", 110), node("messages::1", 120)]);
        assert_eq!(workflow.log.first_frame_duration, Number::Double(-1.0));
        workflow.add_nodes([node("node-end", 150), node("message::1", 130)]);
        assert_eq!(workflow.log.first_frame_duration, Number::Int(50));
        workflow.add_nodes([node("message::2", 170)]);
        assert_eq!(workflow.log.first_frame_duration, Number::Int(50));
        assert_eq!(workflow.log.trace.len(), 5);

        let mut configured = WorkflowLog::new(&TraceAbout::default(), 100);
        configured.streaming_types = vec!["llm".into()];
        configured.add_nodes([node("message::1", 110), node("llm:x:y", 120)]);
        assert_eq!(configured.log.first_frame_duration, Number::Int(20));
    }

    #[test]
    fn the_engine_variant_has_two_ids_more() {
        for ([service_id, flow, bot], [service, flow_id, bot_id]) in [
            (["", "f", "b"], ["f", "f", "b"]),
            (["", "f", ""], ["f", "f", "f"]),
            (["", "", "b"], ["b", "b", "b"]),
            (["s", "f", "b"], ["s", "f", "b"]),
            (["s", "", "b"], ["s", "b", "b"]),
            (["s", "", ""], ["s", "s", "s"]),
            (["", "", ""], ["", "", ""]),
        ] {
            let about = TraceAbout { service_id, ..TraceAbout::default() };
            let workflow = WorkflowLog::for_engine(&about, flow, bot, 0);
            let text = workflow.log.to_json(Style::Compact);
            let start = format!(
                r#"{{"service_id":"{service}","flow_id":"{flow_id}","sid":"","app_id":"","uid":"","bot_id":"{bot_id}","chat_id":"","sub":"workflow","#
            );
            assert!(text.starts_with(&start), "{text}");
            assert_eq!(NodeTraceLog::from_json(&text), Ok(workflow.log));
        }
    }
}
