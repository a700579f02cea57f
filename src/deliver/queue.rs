//! What waits for its first request: bounded, in order.

use std::collections::VecDeque;

use super::batch::Batch;
use super::options::{Options, Overflow};
use super::parcel::{Piece, Size};

/// A batch rarely has more.
const USUAL_PIECES: usize = 8;

/// Pieces, oldest first, each with the time at which it came.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pieces: VecDeque<(u64, Piece)>,
    size: Size,
}

impl Queue {
    pub(super) const fn size(&self) -> Size {
        self.size
    }

    /// When the oldest came.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.pieces.front().map(|(came, _)| *came)
    }

    fn push_back(&mut self, piece: Piece, now: u64) {
        self.size = self.size.plus(piece.size);
        self.pieces.push_back((now, piece));
    }

    fn push_front(&mut self, piece: Piece, came: u64) {
        self.size = self.size.plus(piece.size);
        self.pieces.push_front((came, piece));
    }

    fn pop_front(&mut self) -> Option<(u64, Piece)> {
        let (came, piece) = self.pieces.pop_front()?;
        self.size = self.size.minus(piece.size);
        Some((came, piece))
    }

    /// Takes a piece in, as far as there is room; gives back what is lost.
    pub(super) fn offer(&mut self, piece: Piece, now: u64, options: &Options) -> Vec<Piece> {
        let fits = |size: Size| size.spans <= options.queue_spans && size.bytes as u64 <= options.queue_bytes;
        let held = self.size;
        if fits(held.plus(piece.size)) {
            self.push_back(piece, now);
            return Vec::new();
        }
        match options.overflow {
            Overflow::DropNewest => {
                let (kept, lost) = piece.cut(|_, after| fits(held.plus(after)));
                if let Some(kept) = kept {
                    self.push_back(kept.alone(), now);
                }
                lost.into_iter().collect()
            }
            Overflow::DropOldest => {
                self.push_back(piece, now);
                let mut all_lost = Vec::new();
                while !fits(self.size) {
                    let held = self.size;
                    let Some((came, oldest)) = self.pop_front() else { break };
                    let (lost, kept) = oldest.cut(|before, _| !fits(held.minus(before)));
                    all_lost.extend(lost);
                    if let Some(kept) = kept {
                        self.push_front(kept.alone(), came);
                    }
                }
                all_lost
            }
        }
    }

    /// Takes the oldest records out, as many as one request may have; at least one record.
    pub(super) fn take_batch(&mut self, spans: u64, encoded: u64) -> Batch {
        let pieces = Vec::with_capacity(self.pieces.len().min(USUAL_PIECES));
        let mut batch = Batch { pieces, ..Batch::default() };
        while let Some((came, piece)) = self.pop_front() {
            let held = batch.size;
            let all = held.plus(piece.size);
            if all.spans <= spans && all.encoded <= encoded {
                // No need to look for a place to cut.
                batch.push(piece);
                continue;
            }
            let (front, rest) = piece.cut(|before, after| {
                let whole = held.plus(after);
                held.plus(before).records == 0 || (whole.spans <= spans && whole.encoded <= encoded)
            });
            if let Some(front) = front {
                batch.push(front);
            }
            if let Some(rest) = rest {
                self.push_front(rest, came);
                break;
            }
        }
        batch
    }

    /// All of it.
    pub(super) fn into_pieces(self) -> impl Iterator<Item = Piece> {
        self.pieces.into_iter().map(|(_, piece)| piece)
    }
}
