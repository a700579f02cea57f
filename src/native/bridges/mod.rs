//! Bridges: what is instrumented for other libraries records into a loom, each behind a feature of its own.

#[cfg(feature = "tracing")]
pub mod logs;
#[cfg(feature = "tracing")]
mod open;
#[cfg(feature = "opentelemetry")]
pub mod opentelemetry;
#[cfg(feature = "opentelemetry-sdk")]
pub mod opentelemetry_sdk;
#[cfg(feature = "tracing")]
pub mod tracing;
