//! The spool as a program meets it: on a folder in memory whose faults the tests rule, and on a real one.

mod damage;
mod delivery;
mod everyday;
mod faults;
mod fixtures;
#[cfg(feature = "native")]
mod folder;
mod model;
mod power;
#[path = "../common/records.rs"]
mod records;
#[cfg(feature = "native")]
#[path = "../common/scratch.rs"]
mod scratch;
mod support;
