//! From records to workflow trees, through the public API.

mod giving_out;
mod odd;
mod properties;
mod scale;
mod support;
mod trees;
mod usage;
