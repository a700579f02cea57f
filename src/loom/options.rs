//! How long a weaver waits and how much it holds.

const SECOND: u64 = 1_000_000_000;

/// How a [`Weaver`](super::Weaver) works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeaverOptions {
    /// How long a closed workflow waits for nodes that have not ended, in nanoseconds.
    pub grace_nanos: u64,
    /// How long a closed workflow waits though all that is known has ended, in nanoseconds: for records that other
    /// threads still hold.
    pub settle_nanos: u64,
    /// After so many nanoseconds without a record a workflow is given out that was never closed.
    pub linger_nanos: u64,
    /// The same for spans outside any workflow, which are gathered by trace and never closed.
    pub trace_linger_nanos: u64,
    /// How many workflows may be open at once; a further one pushes out the one that has been quiet longest.
    pub open_workflows: usize,
    /// How many spans one workflow may hold; at that number it is given out as a part and goes on with another part.
    pub workflow_spans: usize,
    /// How many bytes one workflow may hold; likewise.
    pub workflow_bytes: usize,
    /// How many bytes all open workflows may hold. What waits to be fetched may take as much again.
    pub total_bytes: usize,
    /// How many workflows are remembered after they were given out, to tell their late records from new workflows.
    pub remembered: usize,
    /// The types of nodes whose start is the first frame of their workflow.
    pub streaming_types: Vec<String>,
}

impl Default for WeaverOptions {
    fn default() -> Self {
        Self {
            grace_nanos: 5 * SECOND,
            settle_nanos: 0,
            linger_nanos: 3600 * SECOND,
            trace_linger_nanos: 5 * SECOND,
            open_workflows: 10_000,
            workflow_spans: 1_000_000,
            workflow_bytes: 256 << 20,
            total_bytes: 512 << 20,
            remembered: 4096,
            streaming_types: vec!["message".to_owned(), "node-end".to_owned()],
        }
    }
}
