//! The spool of a running loom: what is offered to the destinations is written down first, and what an earlier process left
//! is offered again.
//!
//! ```text
//!  pipeline ──parcel──▶ Store ──append──▶ spool (disk)        destinations: "settled up to parcel n"
//!                         │ numbers parcels                              │
//!                         └──────────▶ destinations          Store ◀─────┘ acknowledges what n stands for
//!  an earlier process's runs ──chunks──▶ Store ─┘
//! ```
//!
//! Parcels from both sources go out in one row, so they have numbers of their own; the store remembers what each stands for.
//!
//! Where the destinations have no room, as in a long outage, what is written down is not offered: it is read back when there is
//! room again. So the queues in memory need not hold an outage, only the disk does.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::clock::system_unix_nanos;
use super::entropy::system_u64;
use super::spool_files::FolderFiles;
use super::stream::Stream;
use crate::deliver::{Amount, Dropped, Notice, NoticeKind, Parcel, Reason};
use crate::spool::{Recovered, RecoveryOptions, Spool, SpoolError, SpoolOptions, SpoolStatus, recover};

/// Where records are written down before they are sent.
///
/// ```
/// use spanloom::native::SpoolConfig;
/// let spool = SpoolConfig::new("/var/lib/planner/spool").cap_bytes(64 << 20).durable(true);
/// assert!(format!("{spool:?}").contains("planner"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolConfig {
    folder: PathBuf,
    cap_bytes: u64,
    durable: bool,
}

impl SpoolConfig {
    /// A spool in this folder, which is made where there is none. Programs can share it: each has files of its own.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), cap_bytes: 256 << 20, durable: false }
    }

    /// The most that may wait on the disk. What comes then waits in memory alone.
    #[must_use]
    pub const fn cap_bytes(mut self, bytes: u64) -> Self {
        self.cap_bytes = bytes;
        self
    }

    /// Everything is on the disk, past all caches, before it is offered to a destination; else within half a second.
    #[must_use]
    pub const fn durable(mut self, on: bool) -> Self {
        self.durable = on;
        self
    }
}

/// How many bytes are read back at once, at most and at least.
const BACK: u64 = 1 << 20;
const LEAST: u64 = 8 << 10;
/// About how many bytes of what an earlier process left are given out at once.
const FOUND: u64 = 64 << 10;
/// No record of a span has fewer bytes.
const SMALLEST: u64 = 64;

/// What a parcel stands for.
enum Origin {
    /// Up to this record of our own spool.
    Own(u64),
    /// Up to this chunk of what an earlier process left.
    Recovered(u64),
}

/// The spool of one loom.
pub(super) struct Store {
    spool: Option<Spool<FolderFiles>>,
    durable: bool,
    recovered: Option<Recovered<FolderFiles>>,
    /// What of the report has been counted.
    counted: [u64; 2],
    given: VecDeque<(u64, Origin)>,
    /// What stands behind this record was not offered yet.
    behind: Option<u64>,
    /// Spans that were accepted, and cannot be read back.
    lost: Dropped,
    /// There may be more of what an earlier process left.
    has_found: bool,
    next: u64,
    folder: PathBuf,
    /// People have been told that it cannot be written.
    is_told: bool,
}

impl Store {
    /// Opens the spool, and looks for what earlier processes left. Where the disk cannot be written it is tried again now and
    /// then; the program goes on in memory.
    pub(super) fn open(config: &SpoolConfig) -> Self {
        let now = system_unix_nanos();
        let options = SpoolOptions {
            process: std::process::id(),
            cap_bytes: config.cap_bytes,
            ..SpoolOptions::new(system_u64())
        };
        let chunk_bytes = usize::try_from(FOUND).unwrap_or(usize::MAX);
        let recovery = RecoveryOptions { chunk_bytes, ..RecoveryOptions::default() };
        let recovered = recover(files(&config.folder), recovery, now);
        Self {
            spool: Some(Spool::open(files(&config.folder), options, now)),
            durable: config.durable,
            recovered: Some(recovered),
            counted: [0; 2],
            given: VecDeque::new(),
            behind: None,
            lost: Dropped::default(),
            has_found: true,
            next: 0,
            folder: config.folder.clone(),
            is_told: false,
        }
    }

    /// Writes records down, where that can be done. `None` where they are read back later, as there is no room now.
    pub(super) fn keep(&mut self, stream: Stream, room: Amount) -> Option<Parcel> {
        let now = system_unix_nanos();
        let Some(spool) = &mut self.spool else { return Some(stream.into_parcel()) };
        let records = stream.records();
        let appended =
            if self.durable { spool.append_durable(records, now) } else { spool.append(records, now) };
        let parcel = stream.into_parcel();
        let appended = match appended {
            Ok(appended) => appended,
            // What the spool does not have is held in memory, as without one.
            Err(SpoolError::Records(_)) => return Some(parcel),
            Err(error) => return Some(parcel.unspooled(error.reason())),
        };
        if self.behind.is_some() || parcel.spans() > room.spans || parcel.bytes() as u64 > room.bytes {
            self.behind.get_or_insert(appended.first.saturating_sub(1));
            return None;
        }
        Some(parcel.in_spool(self.number(Origin::Own(appended.last))))
    }

    /// Some of what was written down when there was no room; `None` where there is no more, or it cannot be read now.
    pub(super) fn next_behind(&mut self, room: Amount) -> Option<Parcel> {
        let after = self.behind?;
        // Never more spans than there is room for, however small they are.
        let most = room.bytes.min(room.spans.saturating_mul(SMALLEST)).min(BACK);
        if most < LEAST.min(BACK) {
            return None;
        }
        let spool = self.spool.as_mut()?;
        let back = spool.read_back(after, usize::try_from(most).unwrap_or(0)).ok()?;
        self.lost.add(Reason::SpoolCorrupt, back.missing.spans);
        // What is not written yet cannot be read; it stays behind.
        self.behind = (back.last < spool.status().accepted).then_some(back.last);
        if back.records.is_empty() {
            return None;
        }
        Some(Parcel::new(back.records).in_spool(self.number(Origin::Own(back.last))))
    }

    /// Some of what earlier processes left; `None` where there is no more.
    pub(super) fn next_found(&mut self, room: Amount) -> Option<Parcel> {
        if room.bytes < 2 * FOUND || room.spans < FOUND / SMALLEST {
            return None;
        }
        let chunk = self.recovered.as_mut()?.next_chunk();
        self.has_found = chunk.is_some();
        let chunk = chunk?;
        let number = self.number(Origin::Recovered(chunk.number));
        Some(Parcel::new(chunk.records).in_spool(number))
    }

    fn number(&mut self, origin: Origin) -> u64 {
        self.next += 1;
        self.given.push_back((self.next, origin));
        self.next
    }

    /// All parcels up to this one are settled everywhere.
    pub(super) fn settle(&mut self, number: u64) {
        let (mut own, mut found) = (None, None);
        while let Some((_, origin)) = self.given.pop_front_if(|(given, _)| *given <= number) {
            match origin {
                Origin::Own(sequence) => own = Some(sequence),
                Origin::Recovered(chunk) => found = Some(chunk),
            }
        }
        if let (Some(sequence), Some(spool)) = (own, &mut self.spool) {
            spool.acknowledge(sequence, system_unix_nanos());
        }
        if let (Some(chunk), Some(recovered)) = (found, &mut self.recovered) {
            recovered.acknowledge(chunk);
        }
    }

    /// Spans of this process that were found to be lost since the last time.
    pub(super) fn newly_lost(&mut self) -> Dropped {
        std::mem::take(&mut self.lost)
    }

    /// Spans of earlier processes that were found to be lost since the last time.
    pub(super) fn newly_missing(&mut self) -> Dropped {
        let mut lost = Dropped::default();
        let Some(recovered) = &self.recovered else { return lost };
        for ((reason, total), counted) in recovered.report().dropped().into_iter().zip(&mut self.counted) {
            lost.add(reason, total.saturating_sub(std::mem::replace(counted, total)));
        }
        lost
    }

    /// True where something on the disk has not been offered.
    pub(super) const fn has_more(&self) -> bool {
        self.behind.is_some() || self.has_found
    }

    /// Writes what waits, so that all of it can be read back.
    pub(super) fn sync(&mut self) {
        if let Some(spool) = &mut self.spool {
            // Where that fails the spool tries again by itself.
            let _ = spool.sync(system_unix_nanos());
        }
    }

    /// Does what time asks for.
    pub(super) fn tick(&mut self) {
        if let Some(spool) = &mut self.spool {
            spool.tick(system_unix_nanos());
        }
    }

    /// How it is.
    pub(super) fn status(&self) -> Option<SpoolStatus> {
        self.spool.as_ref().map(Spool::status)
    }

    /// What people should hear of it, once: it cannot be written.
    pub(super) fn news(&mut self) -> Option<Notice> {
        let trouble = self.spool.as_ref().filter(|_| !self.is_told)?.status().trouble?;
        self.is_told = true;
        let folder = self.folder.display();
        let text = format!("{folder} cannot be written, so records wait in memory alone: {trouble}");
        Some(Notice { kind: NoticeKind::Spool, text })
    }

    /// Writes what there is and ends the spool. What is not settled is for the next start.
    pub(super) fn close(&mut self) {
        if let Some(spool) = self.spool.take() {
            // What could not be written stays what it is: in memory, and pending in the last receipt.
            let _ = spool.close(system_unix_nanos());
        }
        self.recovered = None;
        self.has_found = false;
    }
}

fn files(folder: &Path) -> FolderFiles {
    FolderFiles::new(folder)
}
