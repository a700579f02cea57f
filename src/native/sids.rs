//! The session ids of a loom: one generator for all its threads, and another one after a fork.

use std::sync::OnceLock;

use super::entropy::system_u64;
use super::fork::PerProcess;
use super::host_ip::host_ip;
use crate::sid::{Sid, SidGenerator};

/// Makes SIDs; what it makes them by is asked for when the first one is wanted.
#[derive(Debug, Default)]
pub(super) struct Sids {
    generator: PerProcess<OnceLock<SidGenerator>>,
}

impl Sids {
    pub(super) fn by(generator: SidGenerator) -> Self {
        Self { generator: PerProcess::new(OnceLock::from(generator)) }
    }

    pub(super) fn next(&self, unix_nanos: u64) -> Sid {
        let generator = self.generator.get(|parents| match parents.get() {
            // The parent goes on with the same numbers: those of a child begin elsewhere.
            Some(parents) => OnceLock::from(parents.in_child(std::process::id(), random())),
            None => OnceLock::new(),
        });
        let of_this_process = || SidGenerator::of_host(std::process::id(), host_ip(), random());
        generator.get_or_init(of_this_process).generate(unix_nanos / 1_000_000)
    }
}

fn random() -> u32 {
    let [a, b, c, d, ..] = system_u64().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
