//! The libraries that spanloom is measured against, each doing W in its own idiom.

pub mod fastrace;
pub mod meters;
pub mod opentelemetry;
pub mod otlp;
