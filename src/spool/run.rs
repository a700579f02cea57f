//! The run file: the lock that tells living processes from dead ones, and the counters that outlive a process.

use super::files::{FilesError, SpoolFiles};
use super::format::{
    FileKind, HEADER_LEN, Header, HeaderFound, Mark, NEW, PAGE_LEN, PAGES, Page, RUN, RunName, read_header,
};

/// An open run file, with its lock.
#[derive(Debug)]
pub(super) struct Run<H> {
    pub name: RunName,
    file: H,
    generation: u64,
}

/// What is written to a page, but for its generation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counters {
    pub accepted: Mark,
    pub written: Mark,
    pub settled: Mark,
    pub clean: bool,
}

/// Makes the run file of this name and takes its lock. `None` where the name is taken.
///
/// The file gets its final name only when it is locked: nobody ever sees one that is neither locked nor left behind. Who
/// finds the other name unlocked removes it, and then the renaming here fails.
pub(super) fn create_run<F: SpoolFiles>(
    files: &F,
    name: RunName,
    process: u32,
) -> Result<Option<Run<F::File>>, FilesError> {
    let (new, run) = (name.file(NEW), name.file(RUN));
    match files.length(&run) {
        Err(FilesError::NotFound) => {}
        found => return found.map(|_| None),
    }
    let mut file = match files.create(&new) {
        Err(FilesError::Exists) => return Ok(None),
        file => file?,
    };
    if !files.try_lock(&mut file)? {
        return Ok(None);
    }
    let header = Header { kind: FileKind::Run, number: 0, run: name, before: Mark::default(), process };
    let mut bytes = vec![0; end_of_pages()];
    if let Some(place) = bytes.get_mut(..HEADER_LEN) {
        place.copy_from_slice(&header.write());
    }
    let written = files.write_at(&mut file, 0, &bytes);
    match written.and_then(|()| files.rename(&new, &run)) {
        Ok(()) => Ok(Some(Run { name, file, generation: 0 })),
        Err(FilesError::NotFound) => Ok(None),
        Err(error) => {
            // What is left of it is removed by the next recovery.
            let _ = files.remove(&new);
            Err(error)
        }
    }
}

fn end_of_pages() -> usize {
    PAGES.into_iter().last().and_then(|at| usize::try_from(at).ok()).unwrap_or_default() + PAGE_LEN
}

/// What became of the try to take over a run.
#[derive(Debug)]
pub(super) enum Claim<H> {
    Ours(Run<H>, Option<Page>),
    /// Its process is alive.
    Alive,
    /// A later version wrote it.
    Later,
    Gone,
}

/// Takes the lock of a run whose process is dead, and reads its pages.
pub(super) fn claim_run<F: SpoolFiles>(files: &F, name: RunName) -> Result<Claim<F::File>, FilesError> {
    let mut file = match files.open(&name.file(RUN)) {
        Err(FilesError::NotFound) => return Ok(Claim::Gone),
        file => file?,
    };
    if !files.try_lock(&mut file)? {
        return Ok(Claim::Alive);
    }
    let mut header = [0; HEADER_LEN];
    read_fully(files, &mut file, 0, &mut header)?;
    if read_header(&header) == HeaderFound::Later {
        return Ok(Claim::Later);
    }
    let mut joined: Option<Page> = None;
    for at in PAGES {
        let mut bytes = [0; PAGE_LEN];
        read_fully(files, &mut file, at, &mut bytes)?;
        if let Some(page) = Page::read(&bytes, name.session) {
            joined = Some(joined.map_or(page, |other| other.join(page)));
        }
    }
    let generation = joined.map_or(0, |page| page.generation);
    Ok(Claim::Ours(Run { name, file, generation }, joined))
}

/// Reads until the buffer is full or the file ends.
fn read_fully<F: SpoolFiles>(
    files: &F,
    file: &mut F::File,
    at: u64,
    into: &mut [u8],
) -> Result<usize, FilesError> {
    let mut filled = 0usize;
    while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let read = files.read_at(file, at.saturating_add(filled as u64), rest)?;
        if read == 0 {
            break;
        }
        filled = filled.saturating_add(read);
    }
    Ok(filled)
}

impl<H> Run<H> {
    fn next_page(&mut self, counters: Counters) -> [u8; PAGE_LEN] {
        let Counters { accepted, written, settled, clean } = counters;
        self.generation = self.generation.saturating_add(1);
        let page = Page { generation: self.generation, accepted, written, settled, clean };
        page.write(self.name.session)
    }

    /// Writes the counters, unsynced: they are to survive the process, not the machine.
    pub fn note<F: SpoolFiles<File = H>>(&mut self, files: &F, counters: Counters) -> Result<(), FilesError> {
        let page = self.next_page(counters);
        let [even, odd, ..] = PAGES;
        let at = if self.generation.is_multiple_of(2) { even } else { odd };
        files.write_at(&mut self.file, at, &page)
    }

    /// Writes the counters so that they survive a loss of power too. These pages are used for nothing else, so a torn
    /// write of the others cannot take back what was promised here.
    pub fn promise<F: SpoolFiles<File = H>>(
        &mut self,
        files: &F,
        counters: Counters,
    ) -> Result<(), FilesError> {
        let page = self.next_page(counters);
        let [.., even, odd] = PAGES;
        let at = if self.generation.is_multiple_of(2) { even } else { odd };
        files.write_at(&mut self.file, at, &page)?;
        files.sync(&mut self.file)
    }
}
