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
mod support;
