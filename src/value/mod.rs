//! Values: what an attribute, an input or a configuration entry may hold.
//!
//! Values come from many places (Rust code, JSON, OTLP, host layouts) and go to many (protobuf, JSON, a [`Value`]).
//! Each source *tells* a value as a series of calls on a [`ValueSink`], each target *is* such a sink; so every source
//! works with every target, and nothing in between recurses or needs a tree in memory. [`Bounded`] stands between any
//! source and any sink and holds the result within [`Bounds`].

mod scalar;
mod sink;
mod tree;

pub use scalar::ValueRef;
pub(crate) use scalar::decimal;
pub use sink::{Bounded, Bounds, Cuts, ValueSink};
pub(crate) use sink::{cut_bytes, cut_chars};
pub use tree::{Value, ValueBuilder};
