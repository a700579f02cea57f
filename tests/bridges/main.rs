//! The current node and the bridges: what other libraries record, and who finds whom.

mod current;
mod logs;
mod opentelemetry;
mod opentelemetry_sdk;
mod support;
mod tracing;
