//! What is known of the program's endpoints, and whether the program as a whole can be used.

use std::collections::{BTreeMap, BTreeSet};

use super::Status;

/// So many endpoints are kept; further ones are only counted.
const MOST: usize = 10_000;

/// What became of an endpoint that is to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// It is a target of checks from now on.
    New,
    /// It is one already: nothing has changed, and it is counted.
    Duplicate,
    /// There are too many endpoints: nothing has changed, and it is counted.
    Full,
}

/// The endpoints of a program, and the rule by which it is ready.
///
/// - Where endpoints are listed, all of them must be ready; one that nobody has heard of is not.
/// - Else, where there are targets of checks, all of these must be ready.
/// - Else the program is what it started as, or was [set](Self::set_system) to.
///
/// A program that [ends](Self::end) is not ready.
///
/// ```
/// use spanloom::health::{Board, Status};
/// let mut board = Board::new(Status::NotReady, ["generate"]);
/// assert_eq!(board.status(), Status::NotReady);
/// board.register("generate");
/// assert_eq!(board.status(), Status::Ready);
/// board.unregister("generate");
/// assert_eq!(board.status(), Status::NotReady);
/// ```
#[derive(Debug, Clone)]
pub struct Board {
    system: Status,
    listed: Vec<String>,
    endpoints: BTreeMap<String, Status>,
    targets: BTreeSet<String>,
    canary_decides: bool,
    ending: bool,
    duplicates: u64,
    left_out: u64,
}

impl Board {
    /// A program that starts with this status, and is ready when the listed endpoints are.
    #[must_use]
    pub fn new<N: Into<String>>(starting: Status, listed: impl IntoIterator<Item = N>) -> Self {
        let listed: Vec<String> = listed.into_iter().take(MOST).map(Into::into).collect();
        Self {
            system: starting,
            endpoints: listed.iter().map(|name| (name.clone(), starting)).collect(),
            listed,
            targets: BTreeSet::new(),
            canary_decides: false,
            ending: false,
            duplicates: 0,
            left_out: 0,
        }
    }

    /// Listed endpoints start as not ready, and only a check makes them ready: what later versions of Dynamo do where
    /// canaries are switched on.
    ///
    /// ```
    /// use spanloom::health::{Board, Status};
    /// let mut board = Board::new(Status::Ready, ["generate"]).canary_decides();
    /// board.register("generate");
    /// assert_eq!(board.status(), Status::NotReady);
    /// board.checked("generate", Status::Ready);
    /// assert_eq!(board.status(), Status::Ready);
    /// ```
    #[must_use]
    pub fn canary_decides(mut self) -> Self {
        self.canary_decides = true;
        for status in self.endpoints.values_mut() {
            *status = Status::NotReady;
        }
        self
    }

    // What happens.

    /// What the program is where no endpoint counts.
    pub const fn set_system(&mut self, status: Status) {
        self.system = status;
    }

    /// An endpoint can take requests.
    pub fn register(&mut self, name: &str) {
        self.set(name, Status::Ready);
    }

    /// An endpoint takes no more requests.
    pub fn unregister(&mut self, name: &str) {
        self.set(name, Status::NotReady);
    }

    /// The program says what an endpoint is.
    pub fn set(&mut self, name: &str, status: Status) {
        let for_the_canary = self.canary_decides && self.listed.iter().any(|listed| listed == name);
        if !(for_the_canary && status.is_ready()) {
            self.put(name, status);
        }
    }

    /// A check says what an endpoint is.
    pub fn checked(&mut self, name: &str, status: Status) {
        self.put(name, status);
    }

    /// An endpoint is to be checked. It is not ready where nothing is known of it.
    ///
    /// ```
    /// use spanloom::health::{Board, Status, Watched};
    /// let mut board = Board::new(Status::Ready, [""; 0]);
    /// assert_eq!(board.watch("generate"), Watched::New);
    /// assert_eq!(board.status_of("generate"), Some(Status::NotReady));
    /// assert_eq!(board.watch("generate"), Watched::Duplicate);
    /// assert_eq!(board.duplicates(), 1);
    /// ```
    pub fn watch(&mut self, name: &str) -> Watched {
        if self.targets.contains(name) {
            self.duplicates = self.duplicates.saturating_add(1);
            return Watched::Duplicate;
        }
        if !self.endpoints.contains_key(name) && !self.put(name, Status::NotReady) {
            return Watched::Full;
        }
        self.targets.insert(name.to_owned());
        Watched::New
    }

    /// An endpoint is not checked any more; what is known of it stays.
    pub fn unwatch(&mut self, name: &str) {
        self.targets.remove(name);
    }

    /// The program ends: from now on it is not ready.
    pub const fn end(&mut self) {
        self.ending = true;
    }

    /// False where there is no room.
    fn put(&mut self, name: &str, status: Status) -> bool {
        if let Some(known) = self.endpoints.get_mut(name) {
            *known = status;
            return true;
        }
        if self.endpoints.len() >= MOST {
            self.left_out = self.left_out.saturating_add(1);
            return false;
        }
        self.endpoints.insert(name.to_owned(), status);
        true
    }

    // What is known.

    /// Whether the program as a whole can be used.
    #[must_use]
    pub fn status(&self) -> Status {
        let ready = |name: &String| self.endpoints.get(name).is_some_and(|status| status.is_ready());
        if self.ending {
            return Status::NotReady;
        }
        if !self.listed.is_empty() {
            return Status::of(self.listed.iter().all(ready));
        }
        if !self.targets.is_empty() {
            return Status::of(self.targets.iter().all(ready));
        }
        self.system
    }

    /// What an endpoint is; `None` for one that nobody has heard of.
    #[must_use]
    pub fn status_of(&self, name: &str) -> Option<Status> {
        self.endpoints.get(name).copied()
    }

    /// All endpoints of which something is known, in the order of their names.
    pub fn endpoints(&self) -> impl Iterator<Item = (&str, Status)> {
        self.endpoints.iter().map(|(name, status)| (name.as_str(), *status))
    }

    /// The endpoints that are checked, in the order of their names.
    pub fn targets(&self) -> impl Iterator<Item = (&str, Status)> {
        self.targets.iter().map(|name| (name.as_str(), self.status_of(name).unwrap_or_default()))
    }

    /// True once the program [ends](Self::end).
    #[must_use]
    pub const fn is_ending(&self) -> bool {
        self.ending
    }

    /// How often an endpoint was to be checked that was checked already.
    #[must_use]
    pub const fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// How often an endpoint was left out because there were too many.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::Status::{NotReady, Ready};
    use super::*;

    fn unlisted(starting: Status) -> Board {
        Board::new(starting, [""; 0])
    }

    #[test]
    fn the_rule() {
        // Listed, what is known, targets, the status it starts with, what comes out.
        type Case = (
            &'static [&'static str],
            &'static [(&'static str, Status)],
            &'static [&'static str],
            Status,
            Status,
        );
        let cases: &[Case] = &[
            (&[], &[], &[], NotReady, NotReady),
            (&[], &[], &[], Ready, Ready),
            // Endpoints that nobody listed, and nobody checks, do not count.
            (&[], &[("a", NotReady)], &[], Ready, Ready),
            (&[], &[("a", Ready)], &[], NotReady, NotReady),
            // Targets count all together, and more than the status of the program.
            (&[], &[], &["a"], Ready, NotReady),
            (&[], &[("a", Ready)], &["a"], NotReady, Ready),
            (&[], &[("a", Ready)], &["a", "b"], Ready, NotReady),
            (&[], &[("a", Ready), ("b", Ready), ("c", NotReady)], &["a", "b"], NotReady, Ready),
            // Listed endpoints count more than targets.
            (&["a"], &[("a", Ready)], &["b"], NotReady, Ready),
            (&["a"], &[("a", NotReady)], &[], Ready, NotReady),
            (&["a", "b"], &[("a", Ready)], &[], NotReady, NotReady),
            (&["a", "b"], &[("a", Ready), ("b", Ready)], &[], NotReady, Ready),
            // Nobody has said otherwise: they are what the program started as.
            (&["a", "b"], &[], &[], Ready, Ready),
        ];
        for (listed, known, targets, starting, expected) in cases {
            let mut board = Board::new(*starting, listed.iter().copied());
            for target in *targets {
                board.watch(target);
            }
            for (name, status) in *known {
                board.set(name, *status);
            }
            assert_eq!(board.status(), *expected, "{listed:?} {known:?} {targets:?} {starting:?}");
            board.end();
            assert_eq!(board.status(), NotReady);
        }
    }

    #[test]
    fn a_status_changes_by_what_happens() {
        let mut board = unlisted(NotReady);
        assert_eq!(board.status_of("a"), None);
        board.register("a");
        assert_eq!(board.status_of("a"), Some(Ready));
        // What is known already stays.
        assert_eq!(board.watch("a"), Watched::New);
        assert_eq!(board.status_of("a"), Some(Ready));
        board.checked("a", NotReady);
        assert_eq!(board.status(), NotReady);
        board.checked("a", Ready);
        assert_eq!(board.status(), Ready);
        board.unregister("a");
        assert_eq!((board.status_of("a"), board.status()), (Some(NotReady), NotReady));
        board.unwatch("a");
        board.set_system(Ready);
        assert_eq!(board.status(), Ready);
    }

    #[test]
    fn only_the_canary_makes_listed_endpoints_ready_where_it_is_told_so() {
        let mut board = Board::new(Ready, ["a"]).canary_decides();
        for _ in 0..2 {
            board.register("a");
            assert_eq!(board.status_of("a"), Some(NotReady));
        }
        board.register("b");
        assert_eq!(board.status_of("b"), Some(Ready), "it is not listed");
        board.checked("a", Ready);
        assert_eq!(board.status(), Ready);
        board.unregister("a");
        assert_eq!(board.status(), NotReady);
    }

    #[test]
    fn there_is_a_limit() {
        let mut board = unlisted(Ready);
        for number in 0..MOST {
            board.register(&number.to_string());
        }
        assert_eq!(board.watch("one more"), Watched::Full);
        board.register("one more");
        assert_eq!((board.left_out(), board.status_of("one more")), (2, None));
        assert_eq!(board.watch("7"), Watched::New);
    }
}
