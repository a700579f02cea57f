//! The bytes of a spool: names, headers, frames and pages. `docs/spool.md` has them with a worked example.

use crate::record::envelope::{ENVELOPE_LEN, MAX_RECORD_LEN, crc32};

/// Bytes of the header of each file.
pub const HEADER_LEN: usize = 64;
/// Bytes in front of each record.
pub const FRAME_LEN: usize = 24;
/// Bytes of a page of counters.
pub const PAGE_LEN: usize = 64;
/// Version of the files.
pub const FORMAT: u8 = 1;
/// The first bytes of each file.
pub const MAGIC: [u8; 8] = *b"spanloom";
/// The first bytes of each frame. The first one never occurs in UTF-8, so texts are no hiding-place for it.
pub const MARKER: [u8; 4] = [0xf5, b's', b'p', b'l'];
/// Where the pages of a run file begin; a sector each, so that a torn write damages one.
pub const PAGES: [u64; 4] = [512, 1024, 1536, 2048];
/// What has to be there before a frame can be judged: itself, and length and checksum of its record.
pub const HEAD_LEN: usize = FRAME_LEN + 8;

/// The ending of the file that a running process holds the lock of.
pub const RUN: &str = ".run";
/// The ending of that file until it is locked.
pub const NEW: &str = ".new";
/// The ending of segments.
pub const SEGMENT: &str = ".seg";
/// The ending of what was broken.
pub const BAD: &str = ".bad";

/// A record's place: its number, and how many of the records up to and with it are ends of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Mark {
    pub sequence: u64,
    pub spans: u64,
}

/// Which run of a program files belong to. In the order of their beginnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunName {
    pub created: u64,
    pub session: u64,
}

impl RunName {
    pub fn file(self, ending: &str) -> String {
        format!("{:016x}-{:016x}{ending}", self.created, self.session)
    }

    pub fn segment(self, number: u32) -> String {
        format!("{:016x}-{:016x}-{number:08x}{SEGMENT}", self.created, self.session)
    }
}

/// What a name of the folder says about its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    Run(RunName),
    New(RunName),
    Segment(RunName, u32),
    Bad,
    Foreign,
}

pub fn read_name(name: &str) -> Named {
    if name.ends_with(BAD)
        && matches!(read_name_of_ours(name.trim_end_matches(BAD)), Some(Named::Segment(..)))
    {
        return Named::Bad;
    }
    read_name_of_ours(name).unwrap_or(Named::Foreign)
}

fn read_name_of_ours(name: &str) -> Option<Named> {
    let (created, rest) = name.split_at_checked(16)?;
    let (session, rest) = rest.strip_prefix('-')?.split_at_checked(16)?;
    let run = RunName { created: hex(created)?, session: hex(session)? };
    match rest {
        RUN => Some(Named::Run(run)),
        NEW => Some(Named::New(run)),
        _ => {
            let number = rest.strip_prefix('-')?.strip_suffix(SEGMENT)?;
            let number = (number.len() == 8).then(|| hex(number))??;
            Some(Named::Segment(run, u32::try_from(number).ok()?))
        }
    }
}

/// Lower case alone, so that each file has one name.
fn hex(digits: &str) -> Option<u64> {
    let ours = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    ours.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FileKind {
    Segment = 1,
    Run = 2,
}

/// The first bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub kind: FileKind,
    pub number: u32,
    pub run: RunName,
    /// What came before the first record.
    pub before: Mark,
    pub process: u32,
}

impl Header {
    pub fn is_segment(&self, run: RunName, number: u32) -> bool {
        (self.kind, self.run, self.number) == (FileKind::Segment, run, number)
    }

    pub fn write(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &[FORMAT, self.kind as u8]);
        put(&mut bytes, 10, &64u16.to_le_bytes());
        put(&mut bytes, 12, &self.number.to_le_bytes());
        put(&mut bytes, 16, &self.run.session.to_le_bytes());
        put(&mut bytes, 24, &self.run.created.to_le_bytes());
        put(&mut bytes, 32, &self.before.sequence.wrapping_add(1).to_le_bytes());
        put(&mut bytes, 40, &self.before.spans.to_le_bytes());
        put(&mut bytes, 48, &self.process.to_le_bytes());
        close(&mut bytes, 0);
        bytes
    }
}

/// What stands at the beginning of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderFound {
    Ours(Header),
    /// A later version wrote it.
    Later,
    Broken,
}

pub fn read_header(bytes: &[u8]) -> HeaderFound {
    let Some((header, _)) = bytes.split_first_chunk::<HEADER_LEN>() else { return HeaderFound::Broken };
    if !header.starts_with(&MAGIC) {
        return HeaderFound::Broken;
    }
    let version = header.get(8).copied().unwrap_or_default();
    if version != FORMAT {
        // A flipped bit in the version is no later version: with the right one the checksum fits.
        let mut mended = *header;
        put(&mut mended, 8, &[FORMAT]);
        return if is_closed(&mended, 0) { HeaderFound::Broken } else { HeaderFound::Later };
    }
    let kind = match header.get(9) {
        Some(1) => FileKind::Segment,
        Some(2) => FileKind::Run,
        _ => return HeaderFound::Broken,
    };
    if !is_closed(header, 0) {
        return HeaderFound::Broken;
    }
    HeaderFound::Ours(Header {
        kind,
        number: u32_at(header, 12),
        run: RunName { session: u64_at(header, 16), created: u64_at(header, 24) },
        before: Mark { sequence: u64_at(header, 32).wrapping_sub(1), spans: u64_at(header, 40) },
        process: u32_at(header, 48),
    })
}

/// Counters that outlive their process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Page {
    /// Of several pages the one with the highest generation was written last.
    pub generation: u64,
    pub accepted: Mark,
    pub written: Mark,
    pub settled: Mark,
    pub clean: bool,
}

impl Page {
    pub fn write(&self, session: u64) -> [u8; PAGE_LEN] {
        let mut bytes = [0; PAGE_LEN];
        let Self { generation, accepted, written, settled, clean } = *self;
        let numbers = [
            generation,
            accepted.sequence,
            accepted.spans,
            written.sequence,
            written.spans,
            settled.sequence,
            settled.spans,
        ];
        for (number, at) in numbers.into_iter().zip((0..).step_by(8)) {
            put(&mut bytes, at, &number.to_le_bytes());
        }
        put(&mut bytes, 56, &u32::from(clean).to_le_bytes());
        close(&mut bytes, session);
        bytes
    }

    pub fn read(bytes: &[u8], session: u64) -> Option<Self> {
        let (page, _) = bytes.split_first_chunk::<PAGE_LEN>()?;
        let mark = |at| Mark { sequence: u64_at(page, at), spans: u64_at(page, at + 8) };
        is_closed(page, session).then(|| Self {
            generation: u64_at(page, 0),
            accepted: mark(8),
            written: mark(24),
            settled: mark(40),
            clean: u32_at(page, 56) & 1 != 0,
        })
    }

    /// What two pages say together: the later one counts, but what was settled stays so.
    pub fn join(self, other: Self) -> Self {
        let later = if self.generation > other.generation { self } else { other };
        Self { settled: self.settled.max(other.settled), ..later }
    }
}

/// What stands in front of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    pub mark: Mark,
    /// Length of the record.
    pub length: usize,
}

/// Puts a frame in front of a sealed record.
///
/// The checksum also covers length and checksum of the record, so a length is believed only when it is right; and the
/// session, so that what a file system left of another file is never taken for a frame of this one.
pub fn frame(mark: Mark, session: u64, record: &[u8]) -> [u8; FRAME_LEN] {
    let mut bytes = [0; FRAME_LEN];
    put(&mut bytes, 0, &MARKER);
    put(&mut bytes, 4, &mark.sequence.to_le_bytes());
    put(&mut bytes, 12, &mark.spans.to_le_bytes());
    let sum = frame_sum(&bytes, session, record);
    put(&mut bytes, 20, &sum.to_le_bytes());
    bytes
}

fn frame_sum(frame: &[u8], session: u64, record: &[u8]) -> u32 {
    let mut covered = [0; 32];
    put(&mut covered, 0, &session.to_le_bytes());
    put(&mut covered, 8, frame.get(4..20).unwrap_or_default());
    put(&mut covered, 24, record.get(..8).unwrap_or_default());
    crc32(&covered)
}

/// Reads what begins here, if it is a frame of this session.
pub fn read_frame(bytes: &[u8], session: u64) -> Option<FrameHead> {
    let (frame, record) = bytes.get(..HEAD_LEN)?.split_at_checked(FRAME_LEN)?;
    if !frame.starts_with(&MARKER) || u32_at(frame, 20) != frame_sum(frame, session, record) {
        return None;
    }
    let length = usize::try_from(u32_at(record, 0)).ok()?;
    let mark = Mark { sequence: u64_at(frame, 4), spans: u64_at(frame, 12) };
    (ENVELOPE_LEN..=MAX_RECORD_LEN).contains(&length).then_some(FrameHead { mark, length })
}

/// True where the checksum of a record fits, whatever its version.
pub fn is_whole(record: &[u8]) -> bool {
    u32_at(record, 4) == crc32(record.get(8..).unwrap_or_default())
}

/// Sets the checksum in the last four of 64 bytes.
fn close(bytes: &mut [u8; 64], session: u64) {
    let sum = closing_sum(bytes, session);
    put(bytes, 60, &sum.to_le_bytes());
}

fn is_closed(bytes: &[u8; 64], session: u64) -> bool {
    u32_at(bytes, 60) == closing_sum(bytes, session)
}

fn closing_sum(bytes: &[u8; 64], session: u64) -> u32 {
    let mut covered = [0; 68];
    put(&mut covered, 0, &session.to_le_bytes());
    put(&mut covered, 8, bytes.get(..60).unwrap_or_default());
    crc32(&covered)
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at.saturating_add(what.len())) {
        place.copy_from_slice(what);
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |number| u32::from_le_bytes(*number))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |number| u64::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN_NAME: RunName = RunName { created: 0x17, session: 0xabc };

    #[test]
    fn names_are_read_as_they_are_made() {
        assert_eq!(read_name(&RUN_NAME.file(RUN)), Named::Run(RUN_NAME));
        assert_eq!(read_name(&RUN_NAME.file(NEW)), Named::New(RUN_NAME));
        assert_eq!(read_name(&RUN_NAME.segment(9)), Named::Segment(RUN_NAME, 9));
        assert_eq!(read_name(&format!("{}{BAD}", RUN_NAME.segment(9))), Named::Bad);
        for name in
            ["", "x", "0000000000000017-0000000000000ABC.run", "ü.seg", &RUN_NAME.file(".seg"), "a.bad"]
        {
            assert_eq!(read_name(name), Named::Foreign, "{name}");
        }
        assert!(RUN_NAME.segment(9) < RUN_NAME.segment(10));
    }

    #[test]
    fn a_header_is_ours_or_later_or_broken() {
        let before = Mark { sequence: 6, spans: 4 };
        let header = Header { kind: FileKind::Segment, number: 3, run: RUN_NAME, before, process: 77 };
        let bytes = header.write();
        assert_eq!(read_header(&bytes), HeaderFound::Ours(header));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes;
                changed[at] ^= 1 << bit;
                assert_eq!(read_header(&changed), HeaderFound::Broken, "byte {at} bit {bit}");
            }
        }
        let mut later = bytes;
        later[8] = 2;
        later[40] = 9;
        assert_eq!(read_header(&later), HeaderFound::Later);
        assert_eq!(read_header(&bytes[..63]), HeaderFound::Broken);
    }

    #[test]
    fn a_page_with_a_changed_bit_is_none() {
        let mark = |sequence| Mark { sequence, spans: sequence / 2 };
        let page = Page { generation: 5, accepted: mark(9), written: mark(7), settled: mark(3), clean: true };
        let bytes = page.write(1);
        assert_eq!(Page::read(&bytes, 1), Some(page));
        assert_eq!(Page::read(&bytes, 2), None);
        assert_eq!(Page::read(&[0; PAGE_LEN], 0), None);
        for at in 0..bytes.len() {
            let mut changed = bytes;
            changed[at] ^= 4;
            assert_eq!(Page::read(&changed, 1), None, "byte {at}");
        }
    }

    #[test]
    fn pages_join_to_what_is_known() {
        let mark = |sequence| Mark { sequence, spans: 0 };
        let old = Page { generation: 1, settled: mark(5), clean: true, ..Page::default() };
        let new = Page { generation: 2, accepted: mark(9), ..Page::default() };
        let both = Page { generation: 2, accepted: mark(9), settled: mark(5), ..Page::default() };
        assert_eq!(old.join(new), both);
        assert_eq!(new.join(old), both);
    }

    #[test]
    fn a_frame_covers_the_length_of_its_record() {
        let mut bytes = Vec::new();
        crate::record::Record {
            kind: crate::record::RecordKind::Finished,
            flags: 0,
            revision: 1,
            workflow: crate::SpanId::NONE,
            body: b"body",
        }
        .write(&mut bytes);
        crate::record::envelope::seal(&mut bytes);
        let mark = Mark { sequence: 3, spans: 2 };
        let mut framed = frame(mark, 8, &bytes).to_vec();
        framed.extend(&bytes);
        assert_eq!(read_frame(&framed, 8), Some(FrameHead { mark, length: 28 }));
        assert_eq!(read_frame(&framed, 9), None);
        assert!(is_whole(&framed[FRAME_LEN..]));
        for at in 0..framed.len() {
            let mut changed = framed.clone();
            changed[at] ^= 1;
            assert!(read_frame(&changed, 8).is_none() || !is_whole(&changed[FRAME_LEN..]), "byte {at}");
        }
    }
}
