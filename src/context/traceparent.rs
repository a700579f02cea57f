//! The `traceparent` header: 55 bytes in fixed places.
//!
//! ```text
//! 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
//! └┬┘└──────────────┬───────────────┘ └──────┬───────┘ └┬┘
//! version        trace id                 span id     flags     lower-case hex only
//! ```
//!
//! Version `00` ends there. A higher version may go on after a further `-`; what follows is ignored.

use core::ops::Range;

use thiserror::Error;

use super::{SpanContext, TraceFlags, TraceState, trim_ows};
use crate::id::write_hex;
use crate::{SpanId, TraceId};

const LENGTH: usize = 55;
const TRACE_ID: Range<usize> = 3..35;
const SPAN_ID: Range<usize> = 36..52;
const FLAGS: Range<usize> = 53..55;

/// Why a `traceparent` was refused. The request is then treated as one without trace headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TraceparentError {
    /// The header came more than once.
    #[error("traceparent came more than once")]
    Repeated,
    /// Too short for any version, or too long for version `00`.
    #[error("traceparent has {0} bytes, not 55")]
    Length(usize),
    /// A `-` is missing between two fields.
    #[error("traceparent has no '-' at byte {0}")]
    Separator(usize),
    /// The version is `ff` or not two lower-case hex digits.
    #[error("traceparent has an invalid version")]
    Version,
    /// The trace id is zero or not lower-case hex.
    #[error("traceparent has an invalid trace id")]
    TraceId,
    /// The span id is zero or not lower-case hex.
    #[error("traceparent has an invalid span id")]
    SpanId,
    /// The flags are not two lower-case hex digits.
    #[error("traceparent has invalid flags")]
    Flags,
}

/// Reads the one value of the header; white space around it is allowed.
pub(super) fn read(value: &[u8]) -> Result<SpanContext, TraceparentError> {
    let text = trim_ows(value);
    let Some((head, rest)) = text.split_first_chunk::<LENGTH>() else {
        return Err(TraceparentError::Length(text.len()));
    };
    let [version] = hex(head, 0..2).ok_or(TraceparentError::Version)?;
    for at in [2, 35, 52] {
        if head.get(at) != Some(&b'-') {
            return Err(TraceparentError::Separator(at));
        }
    }
    let trace_id = TraceId::from_bytes(hex(head, TRACE_ID).ok_or(TraceparentError::TraceId)?);
    let span_id = SpanId::from_bytes(hex(head, SPAN_ID).ok_or(TraceparentError::SpanId)?);
    let [flags] = hex(head, FLAGS).ok_or(TraceparentError::Flags)?;
    if !trace_id.is_valid() {
        return Err(TraceparentError::TraceId);
    }
    if !span_id.is_valid() {
        return Err(TraceparentError::SpanId);
    }
    match (version, rest) {
        (0xff, _) => return Err(TraceparentError::Version),
        (_, []) => {}
        (0, _) => return Err(TraceparentError::Length(text.len())),
        (_, [b'-', ..]) => {}
        _ => return Err(TraceparentError::Separator(LENGTH)),
    }
    let flags = TraceFlags::from_bits(flags);
    Ok(SpanContext { trace_id, span_id, flags, trace_state: TraceState::EMPTY, is_remote: true })
}

/// The value of the header, version `00`.
pub(super) fn write(span: &SpanContext) -> [u8; LENGTH] {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    let mut put = |place: Range<usize>, bytes: &[u8]| {
        if let Some(digits) = text.get_mut(place) {
            write_hex(bytes, digits);
        }
    };
    put(TRACE_ID, span.trace_id.as_bytes());
    put(SPAN_ID, span.span_id.as_bytes());
    put(FLAGS, &[span.flags.bits()]);
    text
}

/// The trace id and span id that NVIDIA Dynamo's log lines show for a `traceparent` value.
///
/// Its logger only splits on `-` and counts digits: either case, zero ids, any version and any flags pass. Log lines
/// that are to look the same need the same ids; nothing else should use this.
///
/// ```
/// use spanloom::context::loose_ids;
/// let value = "ff-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-zz";
/// assert_eq!(loose_ids(value), Some(("0AF7651916CD43DD8448EB211C80319C", "b7ad6b7169203331")));
/// assert_eq!(loose_ids("garbage"), None);
/// ```
#[must_use]
pub fn loose_ids(value: &str) -> Option<(&str, &str)> {
    let is_hex =
        |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut pieces = value.split('-');
    let (_version, trace_id, span_id, _flags) =
        (pieces.next()?, pieces.next()?, pieces.next()?, pieces.next()?);
    let right = pieces.next().is_none() && is_hex(trace_id, 32) && is_hex(span_id, 16);
    right.then_some((trace_id, span_id))
}

/// The bytes behind lower-case hex digits.
fn hex<const BYTES: usize>(text: &[u8; LENGTH], place: Range<usize>) -> Option<[u8; BYTES]> {
    let digits = text.get(place)?;
    let mut bytes = [0; BYTES];
    for (pair, byte) in digits.chunks_exact(2).zip(&mut bytes) {
        let [high, low] = pair else { return None };
        *byte = (lower_hex_digit(*high)? << 4) | lower_hex_digit(*low)?;
    }
    Some(bytes)
}

const fn lower_hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: &str = "0af7651916cd43dd8448eb211c80319c";
    const P: &str = "b7ad6b7169203331";

    /// The template with `T` and `P` filled in.
    fn filled(template: &str) -> String {
        template.replace('T', T).replace('P', P)
    }

    #[test]
    fn accepted_values_and_what_goes_out() {
        let table = [
            ("00-T-P-01", "00-T-P-01"),
            ("00-T-P-00", "00-T-P-00"),
            ("00-T-P-02", "00-T-P-02"),
            ("00-T-P-ff", "00-T-P-03"),
            ("00-T-P-09", "00-T-P-01"),
            ("00-T-P-fc", "00-T-P-00"),
            ("cc-T-P-01", "00-T-P-01"),
            ("cc-T-P-01-x", "00-T-P-01"),
            ("cc-T-P-01-", "00-T-P-01"),
            ("01-T-P-03-what-the-future-brings", "00-T-P-03"),
            (" 00-T-P-01", "00-T-P-01"),
            ("\t00-T-P-01", "00-T-P-01"),
            ("00-T-P-01 ", "00-T-P-01"),
            ("00-T-P-01\t", "00-T-P-01"),
            ("\t 00-T-P-01 \t", "00-T-P-01"),
        ];
        for (came, goes) in table {
            let span: SpanContext = filled(came).parse().unwrap_or_else(|error| panic!("{came}: {error}"));
            assert_eq!(span.traceparent(), filled(goes), "{came}");
            assert!(span.is_remote && span.is_valid() && span.trace_state.is_empty(), "{came}");
        }
    }

    #[test]
    fn refused_values_and_why() {
        use TraceparentError::{Flags, Length, Separator, SpanId, TraceId, Version};
        let table = [
            ("", Length(0)),
            ("garbage", Length(7)),
            ("00-T-P", Length(52)),
            ("00-T-P-", Length(53)),
            ("00-T-P-1", Length(54)),
            ("00-T-P-01-", Length(56)),
            ("00-T-P-01-x", Length(57)),
            ("00-T-P-01.", Length(56)),
            ("00-T-P-001", Length(56)),
            ("00-T-P-01,00-T-P-01", Length(111)),
            ("cc-T-P-01.x", Separator(55)),
            ("cc-T-P-01.", Separator(55)),
            ("ff-T-P-01", Version),
            ("ff-T-P-01-x", Version),
            ("CC-T-P-01", Version),
            ("Cc-T-P-01", Version),
            (".0-T-P-01", Version),
            ("0.-T-P-01", Version),
            ("0-T-P-01", Length(54)),
            ("0-T-P-01-", Version),
            ("000-T-P-01", Separator(2)),
            ("0000-T-P-01", Separator(2)),
            ("00-T-P-0F", Flags),
            ("00-T-P-.0", Flags),
            ("00-T-P-0.", Flags),
            ("00-T-P-1-", Flags),
            ("cc-T-P-1-x", Flags),
            ("cc-T-P-011", Separator(55)),
            ("00-00000000000000000000000000000000-P-01", TraceId),
            ("00-0AF7651916CD43DD8448EB211C80319C-P-01", TraceId),
            ("00-.af7651916cd43dd8448eb211c80319c-P-01", TraceId),
            ("00-0af7651916cd43dd8448eb211c80319.-P-01", TraceId),
            ("00-0af7651916cd43dd8448eb211c80319-P-01", Length(54)),
            ("00-0af7651916cd43dd8448eb211c80319-P-01-", Separator(35)),
            ("00-T0-P-01", Separator(35)),
            ("00-T-0000000000000000-01", SpanId),
            ("00-T-B7AD6B7169203331-01", SpanId),
            ("00-T-.7ad6b7169203331-01", SpanId),
            ("00-T-b7ad6b716920333.-01", SpanId),
            ("00-T-b7ad6b716920333-01", Length(54)),
            ("00-T-b7ad6b716920333-01-", Separator(52)),
            ("00-T-P0-01", Separator(52)),
            ("00_T-P-01", Separator(2)),
        ];
        for (came, why) in table {
            assert_eq!(filled(came).parse::<SpanContext>(), Err(why), "{came}");
        }
    }

    #[test]
    fn line_breaks_are_no_white_space() {
        for end in ["\n", "\r\n", "\u{b}", "\u{a0}"] {
            assert!(filled(&format!("00-T-P-01{end}")).parse::<SpanContext>().is_err(), "{end:?}");
        }
    }
}
