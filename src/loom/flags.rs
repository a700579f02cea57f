//! What is odd about a node.

use core::fmt;

/// A set of marks on a node of a tree.
///
/// ```
/// use spanloom::loom::NodeFlags;
/// let flags = NodeFlags::ORPHAN | NodeFlags::LATE;
/// assert!(flags.contains(NodeFlags::LATE));
/// assert_eq!(flags.to_string(), "orphan, late");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct NodeFlags(u16);

impl NodeFlags {
    /// Nothing is odd.
    pub const NONE: Self = Self(0);
    /// Its parent is not known; it stands in the "missing parent" group.
    pub const ORPHAN: Self = Self(1);
    /// Nobody ended it.
    pub const ABANDONED: Self = Self(1 << 1);
    /// It has not ended yet.
    pub const IN_PROGRESS: Self = Self(1 << 2);
    /// It was ended more than once.
    pub const DUPLICATE: Self = Self(1 << 3);
    /// Its parents led back to it; the way was cut here.
    pub const CYCLE_BROKEN: Self = Self(1 << 4);
    /// It ended after its workflow did.
    pub const LATE: Self = Self(1 << 5);
    /// It started after its parent had ended.
    pub const PARENT_ENDED: Self = Self(1 << 6);
    /// A clock went wrong: it ended before its start, started before its parent, or starts in the future.
    pub const CLOCK_SUSPECT: Self = Self(1 << 7);
    /// Another span came with the same id, but another parent or name.
    pub const COLLISION: Self = Self(1 << 8);
    /// The tokens that it reports were taken to contain those of its children.
    pub const USAGE_CONTAINS: Self = Self(1 << 9);
    /// The tokens that it reports came from a stream of running totals.
    pub const USAGE_CUMULATIVE: Self = Self(1 << 10);

    const NAMES: [(Self, &'static str); 11] = [
        (Self::ORPHAN, "orphan"),
        (Self::ABANDONED, "abandoned"),
        (Self::IN_PROGRESS, "in progress"),
        (Self::DUPLICATE, "duplicate"),
        (Self::CYCLE_BROKEN, "cycle broken"),
        (Self::LATE, "late"),
        (Self::PARENT_ENDED, "parent ended"),
        (Self::CLOCK_SUSPECT, "clock suspect"),
        (Self::COLLISION, "id collision"),
        (Self::USAGE_CONTAINS, "sums up"),
        (Self::USAGE_CUMULATIVE, "cumulative"),
    ];

    /// True where all of these marks are set.
    #[must_use]
    pub const fn contains(self, marks: Self) -> bool {
        self.0 & marks.0 == marks.0
    }

    /// True where no mark is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set without these marks.
    #[must_use]
    pub const fn without(self, marks: Self) -> Self {
        Self(self.0 & !marks.0)
    }

    /// The marks as numbers: what other languages see.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The names of the marks that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(mark, _)| self.contains(*mark)).map(|(_, name)| name)
    }

    pub(super) fn set_if(&mut self, condition: bool, marks: Self) {
        if condition {
            self.0 |= marks.0;
        }
    }
}

impl core::ops::BitOr for NodeFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for NodeFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}
