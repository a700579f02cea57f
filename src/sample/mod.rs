//! Which workflows are recorded and delivered.
//!
//! Two places decide. [`head`] decides when a trace starts, from its id and its parent alone: a few instructions and no
//! memory, so that a span nobody wants costs next to nothing. [`tail`] decides when a workflow is over, from facts that
//! were folded out of its spans as they came: what failed, was slow or was expensive is kept, and a share of the rest.
//! [`probability`] has what the ratio rules need, and how OpenTelemetry hands a ratio on in `tracestate`.

pub mod head;
pub mod probability;
pub mod tail;

pub use head::{Decision, Parent, ParentBased, Ratio, Root, Sampler};
pub use tail::{SampledOut, TailReason, TailRules, TailSampler, Verdict, WorkflowFacts};
