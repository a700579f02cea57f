//! What goes into one request, before and while it is sent.

use std::borrow::Cow;
use std::time::Duration;

use super::parcel::{Piece, Size};
use super::runs::Runs;

/// Records that are sent together, and are held until they are settled.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) pieces: Vec<Piece>,
    pub(super) size: Size,
    /// Nanoseconds of its requests and of the pauses after them.
    pub(super) spent: u64,
    /// It was sent before, or is a part of what was.
    pub(super) again: bool,
    /// It is a part of a batch that was refused, and is searched for what is at fault.
    pub(super) searched: bool,
}

impl Batch {
    pub(super) fn push(&mut self, piece: Piece) {
        self.size = self.size.plus(piece.size);
        self.pieces.push(piece);
    }

    /// Cuts it in two with the same number of records, give or take one.
    pub(super) fn halves(self) -> (Self, Self) {
        let part = || Self { spent: self.spent, again: true, searched: self.searched, ..Self::default() };
        let (mut first, mut second) = (part(), part());
        let half = self.size.records.div_ceil(2);
        for piece in self.pieces {
            let held = first.size.records;
            let (front, rest) = piece.cut(|_, after| held + after.records <= half);
            front.into_iter().for_each(|piece| first.push(piece));
            rest.into_iter().for_each(|piece| second.push(piece));
        }
        (first, second)
    }

    /// Takes out all that no spool holds.
    pub(super) fn take_unstored(&mut self) -> Vec<Piece> {
        let (stored, unstored): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pieces).into_iter().partition(|piece| piece.stored);
        self.size = stored.iter().fold(Size::default(), |size, piece| size.plus(piece.size));
        self.pieces = stored;
        unstored
    }
}

/// The name of a shipment: whoever sent it gives it back with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShipmentId(pub(super) u64);

/// What is to be sent as one request. It shares its bytes with the destination, which holds them until the answer.
#[derive(Debug, Clone)]
pub struct Shipment {
    /// Its name.
    pub id: ShipmentId,
    /// How many spans in it have ended.
    pub spans: u64,
    /// About how many bytes of OTLP they make, counting spans that have not ended, too.
    pub encoded: u64,
    /// How long sending and waiting for the answer may take.
    pub within: Duration,
    /// True when it, or a part of it, was sent before.
    pub again: bool,
    pub(super) pieces: Vec<Piece>,
}

impl Shipment {
    /// Its records, where they stand.
    #[must_use]
    pub const fn runs(&self) -> Runs<'_> {
        Runs::of_pieces(self.pieces.as_slice())
    }

    /// Its records as one stream; copied only where they come from several parcels.
    #[must_use]
    pub fn records(&self) -> Cow<'_, [u8]> {
        match self.pieces.as_slice() {
            [] => Cow::Borrowed(&[]),
            [piece] => Cow::Borrowed(piece.records()),
            _ => Cow::Owned(self.runs().iter().collect::<Vec<_>>().concat()),
        }
    }
}
