//! What reading an OTLP request costs. Both sides read the same bytes: a request of a burst of W.

use crate::harness::Scenario;
use crate::peers;

/// prost reads a request that lives as long as the program.
pub fn prost() -> Scenario<'static> {
    peers::opentelemetry::decode(Box::leak(peers::opentelemetry::request().into_boxed_slice()))
}
