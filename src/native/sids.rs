//! The session ids of looms: one generator for all threads of a process, and another one after a fork.

use std::sync::OnceLock;

use super::entropy::system_u64;
use super::fork::PerProcess;
use super::host_ip::host_ip;
use crate::sid::{Sid, SidGenerator};

/// Makes SIDs.
#[derive(Debug, Default)]
pub(super) enum Sids {
    /// By one generator for all looms of the process: two of the same making would repeat each other.
    #[default]
    OfProcess,
    Own(Generator),
}

/// Another generator in each process; what it is made by is asked for when the first SID is wanted.
type Generator = PerProcess<OnceLock<SidGenerator>>;

impl Sids {
    pub(super) fn by(generator: SidGenerator) -> Self {
        Self::Own(PerProcess::new(OnceLock::from(generator)))
    }

    pub(super) fn next(&self, unix_nanos: u64) -> Sid {
        let generator = match self {
            Self::OfProcess => of_process(),
            Self::Own(generator) => generator,
        };
        let generator = generator.get(|parents| match parents.get() {
            // The parent goes on with the same numbers: those of a child begin elsewhere.
            Some(parents) => OnceLock::from(parents.in_child(std::process::id(), random())),
            None => OnceLock::new(),
        });
        let of_this_process = || SidGenerator::of_host(std::process::id(), host_ip(), random());
        generator.get_or_init(of_this_process).generate(unix_nanos / 1_000_000)
    }
}

fn of_process() -> &'static Generator {
    static OF_PROCESS: OnceLock<Generator> = OnceLock::new();
    OF_PROCESS.get_or_init(Generator::default)
}

/// Does what is done once, so that a process that is forked in the middle of it does not wait for its end.
pub(super) fn prepare() {
    let _ = of_process();
}

fn random() -> u32 {
    let [a, b, c, d, ..] = system_u64().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
