//! A folder in memory whose faults a test rules.
//!
//! It keeps two versions of everything: what programs see, and what would survive a loss of power. [`MemoryFiles::lose_power`]
//! mixes the two as disks do: unsynced bytes are kept or lost by sectors of 512 bytes in any order, a sector may be torn, a
//! file may be longer than what reached it, and a name may be there or not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::files::{FileEntry, FilesError, SpoolFiles};
use crate::host::{Entropy, SeededEntropy};

const SECTOR: usize = 512;

/// A folder in memory; clones are the same folder.
///
/// ```
/// use spanloom::spool::{FilesError, MemoryFiles, SpoolFiles};
/// let files = MemoryFiles::new();
/// files.fail(0, 1, FilesError::NoSpace);
/// assert_eq!(files.create("a").err(), Some(FilesError::NoSpace));
/// assert!(files.create("a").is_ok());
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    nodes: BTreeMap<u64, Node>,
    names: BTreeMap<String, u64>,
    /// The names that would survive a loss of power.
    lasting_names: BTreeMap<String, u64>,
    next: u64,
    calls: u64,
    reads: u64,
    fault: Option<Fault>,
    space: Option<usize>,
}

#[derive(Debug, Default, Clone)]
struct Node {
    bytes: Vec<u8>,
    /// What would survive a loss of power.
    lasting: Vec<u8>,
    /// Which open file has the lock.
    lock: Option<u64>,
}

#[derive(Debug, Clone)]
struct Fault {
    from: u64,
    to: u64,
    error: FilesError,
}

/// An open file of [`MemoryFiles`]. Its lock is free again when it is dropped.
#[derive(Debug)]
pub struct MemoryFile {
    node: u64,
    handle: u64,
    disk: Arc<Mutex<Disk>>,
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let mut disk = locked(&self.disk);
        if let Some(node) = disk.nodes.get_mut(&self.node)
            && node.lock == Some(self.handle)
        {
            node.lock = None;
        }
    }
}

fn locked(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk {
    /// Counts a call; an error where it is to fail.
    fn call(&mut self) -> Result<(), FilesError> {
        let call = self.calls;
        self.calls = self.calls.saturating_add(1);
        match &self.fault {
            Some(fault) if (fault.from..fault.to).contains(&call) => Err(fault.error.clone()),
            _ => Ok(()),
        }
    }

    fn used(&self) -> usize {
        self.names.values().filter_map(|node| self.nodes.get(node)).map(|node| node.bytes.len()).sum()
    }

    fn open(&mut self, node: u64, disk: &Arc<Mutex<Self>>) -> MemoryFile {
        self.next = self.next.saturating_add(1);
        MemoryFile { node, handle: self.next, disk: Arc::clone(disk) }
    }

    fn node(&mut self, file: &MemoryFile) -> Result<&mut Node, FilesError> {
        self.nodes.get_mut(&file.node).ok_or(FilesError::NotFound)
    }
}

impl MemoryFiles {
    /// An empty folder without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        locked(&self.disk).calls
    }

    /// How many bytes were read.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        locked(&self.disk).reads
    }

    /// Lets so many calls fail, the first of them after `skip` further calls. A write that fails leaves half of its bytes.
    pub fn fail(&self, skip: u64, times: u64, error: FilesError) {
        let mut disk = locked(&self.disk);
        let from = disk.calls.saturating_add(skip);
        disk.fault = Some(Fault { from, to: from.saturating_add(times), error });
    }

    /// Lets no call fail any more.
    pub fn heal(&self) {
        locked(&self.disk).fault = None;
    }

    /// Lets the folder hold so many bytes; `None` for any number.
    pub fn set_space(&self, bytes: Option<usize>) {
        locked(&self.disk).space = bytes;
    }

    /// The bytes of a file.
    #[must_use]
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let disk = locked(&self.disk);
        disk.names.get(name).and_then(|node| disk.nodes.get(node)).map(|node| node.bytes.clone())
    }

    /// Puts a file there as if it had always been.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut disk = locked(&self.disk);
        disk.next = disk.next.saturating_add(1);
        let id = disk.next;
        disk.nodes.insert(id, Node { bytes: bytes.to_vec(), lasting: bytes.to_vec(), lock: None });
        disk.names.insert(name.to_owned(), id);
        disk.lasting_names.insert(name.to_owned(), id);
    }

    /// The names of all files, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        locked(&self.disk).names.keys().cloned().collect()
    }

    /// Removes all files, also from under those who have them open.
    pub fn remove_all(&self) {
        let mut disk = locked(&self.disk);
        disk.names.clear();
        disk.lasting_names.clear();
    }

    /// Switches the power off and on again. What was synced is there; what was not is there in part, by this seed.
    /// Files that are open belong to the machine that was: they are gone.
    pub fn lose_power(&self, seed: u64) {
        let random = SeededEntropy::new(seed);
        let mut disk = locked(&self.disk);
        let mut names = BTreeMap::new();
        let all = disk.names.keys().chain(disk.lasting_names.keys()).cloned().collect::<Vec<_>>();
        for name in all {
            let coin = random.next_u64().is_multiple_of(2);
            let (now, lasting) = (disk.names.get(&name), disk.lasting_names.get(&name));
            if let Some(node) = if coin { now } else { lasting } {
                names.insert(name, *node);
            }
        }
        let mut nodes = BTreeMap::new();
        for (name, old) in &mut names {
            disk.next = disk.next.saturating_add(1);
            let id = disk.next;
            let bytes = disk.nodes.get(old).map(|node| survivors(node, &random)).unwrap_or_default();
            nodes.insert(id, Node { lasting: bytes.clone(), bytes, lock: None });
            debug_assert!(!name.is_empty());
            *old = id;
        }
        disk.nodes = nodes;
        disk.lasting_names.clone_from(&names);
        disk.names = names;
        disk.fault = None;
    }
}

/// The bytes of a file after a loss of power.
fn survivors(node: &Node, random: &SeededEntropy) -> Vec<u8> {
    let (now, lasting) = (&node.bytes, &node.lasting);
    let unsynced = now.len().saturating_sub(lasting.len());
    let grown = random.next_u64().checked_rem(unsynced as u64 + 1).unwrap_or_default();
    let mut bytes = lasting.clone();
    bytes.resize(lasting.len().saturating_add(usize::try_from(grown).unwrap_or_default()), 0);
    for (sector, place) in bytes.chunks_mut(SECTOR).enumerate() {
        let Some(new) = now.get(sector.saturating_mul(SECTOR)..) else { break };
        let reached = match random.next_u64() % 4 {
            0 => 0,
            1 => usize::try_from(random.next_u64() % SECTOR as u64).unwrap_or_default(),
            _ => SECTOR,
        };
        for (byte, new) in place.iter_mut().zip(new).take(reached) {
            *byte = *new;
        }
    }
    bytes
}

impl SpoolFiles for MemoryFiles {
    type File = MemoryFile;

    fn list(&self) -> Result<Vec<FileEntry>, FilesError> {
        let mut disk = locked(&self.disk);
        disk.call()?;
        let bytes = |node| disk.nodes.get(node).map_or(0, |node| node.bytes.len() as u64);
        Ok(disk
            .names
            .iter()
            .map(|(name, node)| FileEntry { name: name.clone(), bytes: bytes(node) })
            .collect())
    }

    fn length(&self, name: &str) -> Result<u64, FilesError> {
        let mut disk = locked(&self.disk);
        disk.call()?;
        let node = disk.names.get(name).and_then(|node| disk.nodes.get(node));
        node.map(|node| node.bytes.len() as u64).ok_or(FilesError::NotFound)
    }

    fn create(&self, name: &str) -> Result<MemoryFile, FilesError> {
        let mut disk = locked(&self.disk);
        disk.call()?;
        if disk.names.contains_key(name) {
            return Err(FilesError::Exists);
        }
        disk.next = disk.next.saturating_add(1);
        let id = disk.next;
        disk.nodes.insert(id, Node::default());
        disk.names.insert(name.to_owned(), id);
        Ok(disk.open(id, &self.disk))
    }

    fn open(&self, name: &str) -> Result<MemoryFile, FilesError> {
        let mut disk = locked(&self.disk);
        disk.call()?;
        let id = disk.names.get(name).copied().ok_or(FilesError::NotFound)?;
        Ok(disk.open(id, &self.disk))
    }

    fn try_lock(&self, file: &mut MemoryFile) -> Result<bool, FilesError> {
        let mut disk = locked(&self.disk);
        disk.call()?;
        let node = disk.node(file)?;
        let free = node.lock.is_none_or(|owner| owner == file.handle);
        if free {
            node.lock = Some(file.handle);
        }
        Ok(free)
    }

    fn read_at(&self, file: &mut MemoryFile, at: u64, into: &mut [u8]) -> Result<usize, FilesError> {
        let mut disk = locked(&self.disk);
        disk.call()?;
        let from = usize::try_from(at).unwrap_or(usize::MAX);
        let node = disk.node(file)?;
        let mut read = 0;
        for (to, byte) in into.iter_mut().zip(node.bytes.get(from..).unwrap_or_default()) {
            *to = *byte;
            read += 1;
        }
        disk.reads = disk.reads.saturating_add(read as u64);
        Ok(read)
    }

    fn write_at(&self, file: &mut MemoryFile, at: u64, bytes: &[u8]) -> Result<(), FilesError> {
        let mut disk = locked(&self.disk);
        let mut result = disk.call();
        let from = usize::try_from(at).unwrap_or(usize::MAX);
        let mut part = if result.is_err() { bytes.len() / 2 } else { bytes.len() };
        let free = disk.space.map_or(usize::MAX, |space| space.saturating_sub(disk.used()));
        let node = disk.node(file)?;
        let room = node.bytes.len().saturating_sub(from).saturating_add(free);
        if part > room {
            part = room;
            result = Err(FilesError::NoSpace);
        }
        let part = bytes.get(..part).unwrap_or_default();
        if !part.is_empty() {
            let to = from.saturating_add(part.len());
            if node.bytes.len() < to {
                node.bytes.resize(to, 0);
            }
            if let Some(place) = node.bytes.get_mut(from..to) {
                place.copy_from_slice(part);
            }
        }
        result
    }

    fn sync(&self, file: &mut MemoryFile) -> Result<(), FilesError> {
        let mut disk = locked(&self.disk);
        disk.call()?;
        let node = disk.node(file)?;
        node.lasting.clone_from(&node.bytes);
        Ok(())
    }

    fn sync_folder(&self) -> Result<(), FilesError> {
        let mut disk = locked(&self.disk);
        disk.call()?;
        disk.lasting_names = disk.names.clone();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FilesError> {
        let mut disk = locked(&self.disk);
        disk.call()?;
        let id = disk.names.remove(from).ok_or(FilesError::NotFound)?;
        disk.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), FilesError> {
        let mut disk = locked(&self.disk);
        disk.call()?;
        disk.names.remove(name).map(|_| ()).ok_or(FilesError::NotFound)
    }
}
