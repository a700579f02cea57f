//! Metrics as text for Prometheus: several sources together, recorded texts, and what other programs read in them.

mod collected;
mod dynamo;
mod families;
mod properties;
mod reader;
mod tools;
