//! Readers: who collects, and what each remembers of the time before.
//!
//! The cells only ever grow. What is to be told as a difference is the state now less the state that the reader remembers, so
//! several readers do not disturb each other. A reader remembers a collection when it is told that it arrived
//! ([`Reader::commit`]): what did not arrive is part of the next difference, and nothing is lost.

use super::state::State;
use super::{Instrument, InstrumentKind, Temporality};

/// Somebody who collects.
///
/// ```
/// use spanloom::meter::Reader;
/// let for_prometheus = Reader::cumulative();
/// let for_a_back_end_that_adds_up = Reader::delta();
/// ```
#[derive(Debug)]
pub struct Reader {
    preference: Preference,
    /// By instrument, in the order of the book.
    pub(super) memory: Vec<Memory>,
    /// When the last collection that arrived was made.
    committed: Option<u64>,
    collected: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Preference {
    Cumulative,
    Delta,
    LowMemory,
}

/// What a reader remembers of an instrument: by series, in their order.
#[derive(Debug, Default)]
pub(super) struct Memory {
    committed: Vec<Option<State>>,
    collected: Vec<(usize, State)>,
}

impl Memory {
    pub(super) fn before(&self, series: usize) -> Option<&State> {
        self.committed.get(series)?.as_ref()
    }

    pub(super) fn note(&mut self, series: usize, state: State) {
        self.collected.push((series, state));
    }

    fn commit(&mut self) {
        for (series, state) in self.collected.drain(..) {
            if self.committed.len() <= series {
                self.committed.resize(series + 1, None);
            }
            if let Some(place) = self.committed.get_mut(series) {
                *place = Some(state);
            }
        }
    }
}

impl Reader {
    /// One that is told what everything stands at since it began.
    #[must_use]
    pub const fn cumulative() -> Self {
        Self::preferring(Preference::Cumulative)
    }

    /// One that is told what has come since the last collection, but for what goes up and down.
    #[must_use]
    pub const fn delta() -> Self {
        Self::preferring(Preference::Delta)
    }

    /// As [`Self::delta`], but where a difference would have to be remembered that the program does not know itself: what it says
    /// it stands at.
    #[must_use]
    pub const fn low_memory() -> Self {
        Self::preferring(Preference::LowMemory)
    }

    const fn preferring(preference: Preference) -> Self {
        Self { preference, memory: Vec::new(), committed: None, collected: None }
    }

    /// The last collection has arrived.
    pub fn commit(&mut self) {
        self.memory.iter_mut().for_each(Memory::commit);
        self.committed = self.collected.take().or(self.committed);
    }

    /// A collection begins: what was collected before and did not arrive is collected again.
    pub(super) fn begin(&mut self, now_unix_nano: u64) {
        self.memory.iter_mut().for_each(|memory| memory.collected.clear());
        self.collected = Some(now_unix_nano);
    }

    /// Since when a difference counts, for a series that began then.
    pub(super) fn since(&self, series_start: u64) -> u64 {
        self.committed.map_or(series_start, |committed| committed.max(series_start))
    }

    /// How an instrument is told to this reader.
    pub(super) fn temporality(&self, instrument: &Instrument) -> Temporality {
        let grows = matches!(instrument.kind, InstrumentKind::Counter | InstrumentKind::Histogram);
        match self.preference {
            Preference::Delta if grows => Temporality::Delta,
            Preference::LowMemory if grows && !instrument.observed => Temporality::Delta,
            _ => Temporality::Cumulative,
        }
    }

    /// The memory of an instrument.
    pub(super) fn memory_of(&mut self, instrument: usize) -> &mut Memory {
        if self.memory.len() <= instrument {
            self.memory.resize_with(instrument + 1, Memory::default);
        }
        #[expect(clippy::indexing_slicing, reason = "it was made above")]
        &mut self.memory[instrument]
    }
}
