//! W, the workflow that every row records: one root and eight nodes. A node has two integers, three short strings and
//! one string of 200 bytes, one event, the status OK, and an end. The scripts for Node and Python record the same.

/// Spans in one W.
pub const SPANS: u32 = 9;
/// Nodes in one W.
pub const NODES: i64 = 8;
/// W in a burst: what is recorded before a flush.
pub const BURST: u32 = 57;
/// Spans in a burst: the size of an export batch.
pub const BURST_SPANS: u32 = BURST * SPANS;
/// Spans in a request of the rows that send: what both sides have by default.
pub const BATCH: u32 = 512;
/// W in a burst of the rows that send.
pub const LONG_BURST: u32 = 512;
/// Spans in a burst of the rows that send: batches of 512, and nothing left over.
pub const LONG_BURST_SPANS: u32 = LONG_BURST * SPANS;

pub const SERVICE: &str = "bench";
pub const WORKFLOW: &str = "workflow agent";
pub const NODE: &str = "node llm_call";
pub const EVENT: &str = "node.log";

pub const INDEX_KEY: &str = "workflow.node.index";
pub const TOKENS_KEY: &str = "gen_ai.usage.input_tokens";
pub const TYPE: (&str, &str) = ("workflow.node.type", "llm");
pub const MODEL: (&str, &str) = ("gen_ai.request.model", "gpt-4o-mini");
pub const ID: (&str, &str) = ("workflow.node.id", "node-00000042");
pub const INPUT_KEY: &str = "workflow.node.input";
pub const INPUT: &str = "The planner splits the question into steps and hands each to the tool that fits it best, \
    then it reads what came back, asks again where a part is missing, and writes one answer that names its sources.";

/// The token count of a node.
pub fn tokens(index: i64) -> i64 {
    1234 + index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_burst_fills_its_batches() {
        assert_eq!(LONG_BURST_SPANS % BATCH, 0);
    }

    #[test]
    fn the_long_string_has_200_bytes() {
        assert_eq!(INPUT.len(), 200);
    }
}
