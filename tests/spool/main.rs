//! The spool as a program meets it, on a folder in memory whose faults the tests rule.

mod damage;
mod everyday;
mod faults;
mod power;
mod support;
