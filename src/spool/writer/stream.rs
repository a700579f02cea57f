//! Streams of records: cut into records, measured, framed anew.

use crate::record::envelope::{ENVELOPE_LEN, MAX_RECORD_LEN};
use crate::record::{RecordError, RecordKind};
use crate::spool::format::{FRAME_LEN, Mark, frame};

/// Frames what waits anew, for another session.
pub(super) fn reframe(waiting: &mut [u8], session: u64, written: Mark) {
    let mut rest = waiting;
    let mut mark = written;
    while let Some((place, behind)) = rest.split_first_chunk_mut::<FRAME_LEN>() {
        let Some((record, _)) = split_record(behind) else { return };
        let kind = record.get(9).copied().and_then(RecordKind::from_number);
        let is_end = matches!(kind, Some(RecordKind::Finished | RecordKind::WorkflowClosed));
        mark = Mark {
            sequence: mark.sequence.saturating_add(1),
            spans: mark.spans.saturating_add(u64::from(is_end)),
        };
        *place = frame(mark, session, record);
        let length = record.len();
        rest = behind.split_at_mut_checked(length).map(|(_, rest)| rest).unwrap_or_default();
    }
}

/// As many of the first frames as have so many bytes, but one at least, and what the last one of them is. `None` where all are
/// meant.
pub(super) fn first_frames(waiting: &[u8], most: usize) -> Option<(&[u8], Mark)> {
    if waiting.len() <= most {
        return None;
    }
    let mut first = None;
    let mut at = 0usize;
    while let Some((frame, behind)) = waiting.get(at..).and_then(|rest| rest.split_first_chunk::<FRAME_LEN>())
    {
        let number = |from: usize| frame.get(from..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let mark = Mark { sequence: number(4)?, spans: number(12)? };
        at = at.saturating_add(FRAME_LEN).saturating_add(split_record(behind)?.0.len());
        if first.is_some() && at > most {
            break;
        }
        first = waiting.get(..at).map(|piece| (piece, mark));
    }
    first
}

/// The first record of a stream, and the rest.
pub(super) fn split_record(stream: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = stream.first_chunk::<4>().map(|length| u32::from_le_bytes(*length))?;
    stream.split_at_checked(usize::try_from(length).ok()?).filter(|(record, _)| record.len() >= ENVELOPE_LEN)
}

/// How many records a stream has, and how many bytes.
pub(super) fn measure(records: &[u8]) -> Result<(usize, usize), RecordError> {
    let (mut rest, mut count) = (records, 0usize);
    while !rest.is_empty() {
        let length = rest.first_chunk::<4>().map(|length| u32::from_le_bytes(*length));
        let Some(number) = length else { return Err(RecordError::Truncated) };
        let length = number as usize;
        if !(ENVELOPE_LEN..=MAX_RECORD_LEN).contains(&length) {
            return Err(RecordError::Length { length: number });
        }
        rest = rest.get(length..).ok_or(RecordError::Truncated)?;
        count = count.saturating_add(1);
    }
    Ok((count, records.len()))
}
