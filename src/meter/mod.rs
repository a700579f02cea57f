//! Metrics: how names and buckets come about.
//!
//! What a program calls its metrics is brought into the form that Prometheus reads by the rules of [`name`]; the bounds
//! between the buckets of its histograms are lists, given or computed, that [`buckets`] has and checks.

pub mod buckets;
pub mod name;
