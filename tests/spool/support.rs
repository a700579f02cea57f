//! Records to put into spools, and what comes out of them.

use spanloom::spool::{MemoryFiles, RecoveryOptions, RecoveryReport, SpoolOptions, recover};

use crate::records::begun;
pub use crate::records::{NOW, ended_with, ids};

pub const MILLISECOND: u64 = 1_000_000;

/// The record of a span that has ended.
pub fn ended(id: u64) -> Vec<u8> {
    ended_with(id, "")
}

/// The record of a span that has begun.
pub fn started(id: u64) -> Vec<u8> {
    let mut record = Vec::new();
    begun(id, "").write_started(&mut record);
    record
}

/// Small segments, so that there are several.
pub fn options(session: u64) -> SpoolOptions {
    SpoolOptions { segment_bytes: 4 << 10, ..SpoolOptions::new(session) }
}

/// What one recovery of everything came to. All of it is acknowledged.
pub struct Found {
    pub ids: Vec<u64>,
    pub records: Vec<u8>,
    pub report: RecoveryReport,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.ids, self.report)
    }
}

pub fn recover_all(files: &MemoryFiles) -> Found {
    let options = RecoveryOptions { chunk_bytes: 1000, ..RecoveryOptions::default() };
    let mut recovered = recover(files.clone(), options, NOW + 1_000_000);
    let mut records = Vec::new();
    while let Some(chunk) = recovered.next_chunk() {
        assert!(!chunk.records.is_empty());
        records.extend_from_slice(&chunk.records);
        recovered.acknowledge(chunk.number);
    }
    assert_eq!(recovered.unsettled(), 0);
    Found { ids: ids(&records), records, report: recovered.report().clone() }
}
