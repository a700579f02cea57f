//! When idle endpoints are checked: a state machine.
//!
//! ```text
//!  watch ──▶ asleep ──wait time──▶ checking ──answered──▶ Ready or NotReady, asleep again
//!              ▲ │                     │
//!              └─┘ active              └──timeout──▶ NotReady; asleep again when the check has come back
//! ```

use std::time::Duration;

use super::Status;

/// How endpoints are checked.
///
/// ```
/// use spanloom::health::CanaryOptions;
/// let options = CanaryOptions { at_once: 1, ..CanaryOptions::default() };
/// assert_eq!((options.wait.as_secs(), options.timeout.as_secs()), (10, 3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryOptions {
    /// How long an endpoint is idle before it is checked.
    pub wait: Duration,
    /// How long a check may take.
    pub timeout: Duration,
    /// How many checks may be under way at once, those included that were given up but have not come back.
    pub at_once: usize,
}

impl Default for CanaryOptions {
    fn default() -> Self {
        Self { wait: Duration::from_secs(10), timeout: Duration::from_secs(3), at_once: 8 }
    }
}

/// Names a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CheckId(u64);

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextCheck {
    /// Check this endpoint, and say what came of it.
    Check(String, CheckId),
    /// A check of this endpoint took too long, or could not be made in time: it is not ready.
    TimedOut(String),
    /// Nothing before this time, unless something happens.
    Wait(Duration),
    /// Nothing until something happens.
    Idle,
}

/// Decides when endpoints are checked. Times are since any fixed moment.
///
/// ```
/// use std::time::Duration;
/// use spanloom::health::{Canary, CanaryOptions, NextCheck, Status};
/// let at = Duration::from_secs;
/// let mut canary = Canary::new(&CanaryOptions::default());
/// canary.watch("generate", at(0));
/// assert_eq!(canary.next(at(0)), NextCheck::Wait(at(10)));
/// canary.active("generate", at(9)); // a request was answered: there is no need to ask
/// assert_eq!(canary.next(at(10)), NextCheck::Wait(at(19)));
///
/// let NextCheck::Check(endpoint, id) = canary.next(at(19)) else { panic!("it is due") };
/// assert_eq!(canary.answered(id, true, at(20)), Some((endpoint, Status::Ready)));
/// ```
#[derive(Debug)]
pub struct Canary {
    options: CanaryOptions,
    targets: Vec<Target>,
    last_id: u64,
}

#[derive(Debug)]
struct Target {
    name: String,
    sleeps_until: Duration,
    check: Option<Running>,
    /// Nobody watches it any more; its last check has not come back.
    forgotten: bool,
}

#[derive(Debug)]
struct Running {
    id: CheckId,
    deadline: Duration,
    given_up: bool,
}

impl Canary {
    /// A canary that knows no endpoint. Numbers that make no sense are put right.
    #[must_use]
    pub fn new(options: &CanaryOptions) -> Self {
        let least = Duration::from_millis(1);
        let options = CanaryOptions {
            wait: options.wait.max(least),
            timeout: options.timeout.max(least),
            at_once: options.at_once.max(1),
        };
        Self { options, targets: Vec::new(), last_id: 0 }
    }

    /// An endpoint is to be checked, for the first time after it was idle for the wait time. False where it is already.
    pub fn watch(&mut self, name: &str, now: Duration) -> bool {
        let sleeps_until = now.saturating_add(self.options.wait);
        match self.targets.iter_mut().find(|target| target.name == name) {
            Some(target) if target.forgotten => {
                target.forgotten = false;
                target.sleeps_until = sleeps_until;
            }
            Some(_) => return false,
            None => {
                let target = Target { name: name.to_owned(), sleeps_until, check: None, forgotten: false };
                self.targets.push(target);
            }
        }
        true
    }

    /// An endpoint is not to be checked any more.
    pub fn unwatch(&mut self, name: &str) {
        if let Some(target) = self.targets.iter_mut().find(|target| target.name == name) {
            target.forgotten = true;
            if let Some(check) = &mut target.check {
                // It may be watched again, by other means, before this comes back.
                check.given_up = true;
            }
        }
        self.targets.retain(|target| !target.forgotten || target.check.is_some());
    }

    /// A request to this endpoint was answered to its end: its sleep begins anew. Requests that were broken off say
    /// nothing: there is no call for them.
    pub fn active(&mut self, name: &str, now: Duration) {
        if let Some(target) = self.targets.iter_mut().find(|target| target.name == name) {
            target.sleeps_until = now.saturating_add(self.options.wait);
        }
    }

    /// What is to be done now. To be asked again after everything that it said or was told, until it says to wait.
    pub fn next(&mut self, now: Duration) -> NextCheck {
        let Options { wait, timeout, free } = self.room();
        let late = self.targets.iter_mut().find(|target| target.is_late(now));
        if let Some(target) = late {
            if let Some(check) = &mut target.check {
                check.given_up = true;
            }
            return NextCheck::TimedOut(target.name.clone());
        }
        let sleeper = self
            .targets
            .iter_mut()
            .filter(|target| target.check.is_none() && !target.forgotten)
            .min_by_key(|target| target.sleeps_until);
        if let Some(target) = sleeper
            && now >= target.sleeps_until
        {
            if free {
                self.last_id += 1;
                let id = CheckId(self.last_id);
                target.sleeps_until = now.saturating_add(wait);
                target.check = Some(Running { id, deadline: now.saturating_add(timeout), given_up: false });
                return NextCheck::Check(target.name.clone(), id);
            }
            // Checks that hang have all the places. What is not checked for so long cannot be called ready.
            if now >= target.sleeps_until.saturating_add(timeout) {
                target.sleeps_until = now.saturating_add(wait);
                return NextCheck::TimedOut(target.name.clone());
            }
        }
        let wakes = self.targets.iter().filter_map(|target| target.wakes(free, timeout)).min();
        wakes.map_or(NextCheck::Idle, NextCheck::Wait)
    }

    fn room(&self) -> Options {
        let running = self.targets.iter().filter(|target| target.check.is_some()).count();
        let CanaryOptions { wait, timeout, at_once } = self.options;
        Options { wait, timeout, free: running < at_once }
    }

    /// A check came back. Gives the endpoint and what it is now; nothing where it came too late to count.
    pub fn answered(&mut self, id: CheckId, well: bool, now: Duration) -> Option<(String, Status)> {
        let is_it = |target: &Target| target.check.as_ref().is_some_and(|check| check.id == id);
        let target = self.targets.iter_mut().find(|target| is_it(target))?;
        let check = target.check.take()?;
        let name = target.name.clone();
        if well {
            // It went through the endpoint like any other request.
            target.sleeps_until = now.saturating_add(self.options.wait);
        }
        if target.forgotten {
            self.targets.retain(|target| target.name != name);
            return None;
        }
        (!check.given_up).then(|| (name, Status::of(well)))
    }

    /// How many checks are under way, those included that were given up but have not come back.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.targets.iter().filter(|target| target.check.is_some()).count()
    }
}

struct Options {
    wait: Duration,
    timeout: Duration,
    /// One more check may be made.
    free: bool,
}

impl Target {
    fn is_late(&self, now: Duration) -> bool {
        let late = |check: &Running| !check.given_up && now >= check.deadline;
        !self.forgotten && self.check.as_ref().is_some_and(late)
    }

    /// When something is to be done about it, if nothing happens.
    fn wakes(&self, free: bool, timeout: Duration) -> Option<Duration> {
        match &self.check {
            _ if self.forgotten => None,
            Some(check) => (!check.given_up).then_some(check.deadline),
            None if free => Some(self.sleeps_until),
            None => Some(self.sleeps_until.saturating_add(timeout)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Status::{NotReady, Ready};
    use super::*;
    use crate::host::{Entropy as _, SeededEntropy};

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn watching(names: &[&str], options: &CanaryOptions) -> Canary {
        let mut canary = Canary::new(options);
        for name in names {
            assert!(canary.watch(name, at(0)));
        }
        canary
    }

    #[track_caller]
    fn check(canary: &mut Canary, now: Duration) -> (String, CheckId) {
        match canary.next(now) {
            NextCheck::Check(name, id) => (name, id),
            other => panic!("no check but {other:?}"),
        }
    }

    fn told(name: &str, status: Status) -> Option<(String, Status)> {
        Some((name.to_owned(), status))
    }

    #[test]
    fn an_idle_endpoint_is_checked_again_and_again() {
        let mut canary = watching(&["a"], &CanaryOptions::default());
        let mut now = at(0);
        for _ in 0..3 {
            let due = now + at(10);
            assert_eq!(canary.next(now), NextCheck::Wait(due));
            assert_eq!(canary.next(due - Duration::from_nanos(1)), NextCheck::Wait(due));
            let (name, id) = check(&mut canary, due);
            // While it is under way, there is its deadline to wait for.
            assert_eq!(canary.next(due), NextCheck::Wait(due + at(3)));
            now = due + at(1);
            assert_eq!((name, canary.answered(id, true, now)), ("a".to_owned(), told("a", Ready)));
        }
    }

    #[test]
    fn activity_begins_the_sleep_anew() {
        let mut canary = watching(&["a", "b"], &CanaryOptions::default());
        for second in 1..100 {
            canary.active("a", at(second));
            if let NextCheck::Check(name, id) = canary.next(at(second)) {
                assert_eq!(name, "b");
                canary.answered(id, true, at(second));
            }
        }
        // A request that was broken off is not told: the sleep goes on.
        assert_eq!(check(&mut canary, at(109)).0, "b");
        assert_eq!(check(&mut canary, at(109)).0, "a");
        canary.active("nobody", at(109));
    }

    #[test]
    fn a_failed_check_counts_from_its_beginning_a_good_one_from_its_end() {
        let mut canary = watching(&["a"], &CanaryOptions::default());
        let (_, id) = check(&mut canary, at(10));
        assert_eq!(canary.answered(id, false, at(12)), told("a", NotReady));
        assert_eq!(canary.next(at(12)), NextCheck::Wait(at(20)));
        let (_, id) = check(&mut canary, at(20));
        assert_eq!(canary.answered(id, true, at(22)), told("a", Ready));
        assert_eq!(canary.next(at(22)), NextCheck::Wait(at(32)));
        assert_eq!(canary.answered(id, false, at(23)), None, "it has been answered");
    }

    #[test]
    fn a_check_that_takes_too_long_is_a_failure_and_is_not_doubled() {
        let mut canary = watching(&["a"], &CanaryOptions::default());
        let (_, id) = check(&mut canary, at(10));
        assert_eq!(canary.next(at(12)), NextCheck::Wait(at(13)));
        assert_eq!(canary.next(at(13)), NextCheck::TimedOut("a".to_owned()));
        // It hangs for minutes: told once, and not asked a second time.
        assert_eq!(canary.next(at(13)), NextCheck::Idle);
        assert_eq!(canary.next(at(300)), NextCheck::Idle);
        assert_eq!(canary.under_way(), 1);
        assert_eq!(canary.answered(id, true, at(300)), None, "too late to count");
        assert_eq!(canary.next(at(300)), NextCheck::Wait(at(310)));
        let (_, id) = check(&mut canary, at(310));
        assert_eq!(canary.answered(id, true, at(311)), told("a", Ready));
    }

    #[test]
    fn one_check_at_a_time_where_the_timeout_is_longer_than_the_wait() {
        let options = CanaryOptions { wait: at(1), timeout: at(60), at_once: 8 };
        let mut canary = watching(&["a"], &options);
        let (_, id) = check(&mut canary, at(1));
        for second in 1..61 {
            assert_eq!(canary.next(at(second)), NextCheck::Wait(at(61)));
        }
        canary.answered(id, false, at(60));
        assert_eq!(check(&mut canary, at(60)).0, "a");
    }

    #[test]
    fn endpoints_do_not_hold_up_each_other_but_for_places() {
        let options = CanaryOptions { at_once: 2, ..CanaryOptions::default() };
        let mut canary = watching(&["a", "b", "c"], &options);
        let (_, first) = check(&mut canary, at(10));
        let (_, second) = check(&mut canary, at(10));
        // No place for the third one.
        assert_eq!(canary.next(at(10)), NextCheck::Wait(at(13)));
        assert_eq!(canary.answered(second, true, at(11)), told("b", Ready));
        assert_eq!(check(&mut canary, at(11)).0, "c");
        assert_eq!(canary.answered(first, true, at(11)), told("a", Ready));
    }

    #[test]
    fn what_cannot_be_checked_is_not_ready() {
        let options = CanaryOptions { at_once: 1, ..CanaryOptions::default() };
        let mut canary = watching(&["hangs", "a"], &options);
        let (name, _) = check(&mut canary, at(10));
        assert_eq!(name, "hangs");
        assert_eq!(canary.next(at(13)), NextCheck::TimedOut("hangs".to_owned()));
        assert_eq!(canary.next(at(13)), NextCheck::TimedOut("a".to_owned()));
        assert_eq!(canary.next(at(13)), NextCheck::Wait(at(26)));
    }

    #[test]
    fn an_endpoint_that_is_not_watched_any_more_is_left_alone() {
        let mut canary = watching(&["a", "b"], &CanaryOptions::default());
        assert!(!canary.watch("a", at(5)), "twice");
        canary.unwatch("b");
        let (_, id) = check(&mut canary, at(10));
        canary.unwatch("a");
        assert_eq!(canary.next(at(60)), NextCheck::Idle);
        assert_eq!((canary.answered(id, true, at(60)), canary.under_way()), (None, 0));
        assert!(canary.watch("a", at(60)));
        assert_eq!(canary.next(at(60)), NextCheck::Wait(at(70)));
        // Watched again while an earlier check is under way: what that says does not count.
        let (_, id) = check(&mut canary, at(70));
        canary.unwatch("a");
        assert!(canary.watch("a", at(71)));
        assert_eq!(canary.answered(id, false, at(72)), None);
        assert_eq!(canary.next(at(72)), NextCheck::Wait(at(81)));
    }

    #[test]
    fn numbers_without_sense() {
        let none = CanaryOptions { wait: at(0), timeout: at(0), at_once: 0 };
        let mut canary = watching(&["a"], &none);
        assert_eq!(canary.next(at(0)), NextCheck::Wait(Duration::from_millis(1)));
        let mut canary = watching(&["a"], &CanaryOptions { wait: Duration::MAX, ..none });
        assert_eq!(canary.next(at(1)), NextCheck::Wait(Duration::MAX));
    }

    /// What a simulated endpoint is doing.
    #[derive(Default)]
    struct Simulated {
        /// The check that is under way: when it comes back, and how.
        check: Option<(CheckId, Duration, Duration, bool)>,
        last_event: Duration,
        checks: u32,
    }

    /// Endpoints that are used, fail and hang at random, for an hour. Gives how many checks there were.
    fn simulate(seed: u64) -> u32 {
        let chance = SeededEntropy::new(seed);
        let below = |most: u64| chance.next_u64() % most;
        let options = CanaryOptions {
            wait: Duration::from_millis(1 + below(20_000)),
            timeout: Duration::from_millis(1 + below(20_000)),
            at_once: 1 + usize::try_from(below(3)).unwrap(),
        };
        let names: Vec<String> = (0..=below(4)).map(|number| number.to_string()).collect();
        let mut canary = watching(&names.iter().map(String::as_str).collect::<Vec<_>>(), &options);
        let mut endpoints: Vec<Simulated> = names.iter().map(|_| Simulated::default()).collect();
        let mut now = at(0);
        let mut wakes = at(0);
        while now < at(3_600) {
            // What comes first: an answer, the time that was asked for, or a request that ends.
            let answers = endpoints.iter().filter_map(|one| one.check.map(|(_, _, back, _)| back));
            let used = now + Duration::from_millis(1 + below(15_000));
            now = answers.chain([wakes, used]).min().unwrap().max(now);
            if now == used {
                let place = usize::try_from(below(names.len() as u64)).unwrap();
                canary.active(&names[place], now);
                endpoints[place].last_event = now;
            }
            for (name, one) in names.iter().zip(&mut endpoints) {
                let Some((id, begun, back, well)) = one.check.filter(|check| check.2 <= now) else {
                    continue;
                };
                one.check = None;
                let told = canary.answered(id, well, now);
                // The deadline itself is told when it is reached, which may be before the answer.
                if back < begun + options.timeout {
                    assert_eq!(told, Some((name.clone(), Status::of(well))));
                } else if back > begun + options.timeout {
                    assert_eq!(told, None, "too late");
                }
                if well {
                    one.last_event = now;
                }
            }
            wakes = loop {
                match canary.next(now) {
                    NextCheck::Check(name, id) => {
                        let one = &mut endpoints[names.iter().position(|known| *known == name).unwrap()];
                        assert!(one.check.is_none(), "two checks of one endpoint");
                        assert!(now >= one.last_event + options.wait, "it is in use");
                        let takes = Duration::from_millis(below(30_000));
                        one.check = Some((id, now, now + takes, below(3) > 0));
                        one.last_event = now;
                        one.checks += 1;
                    }
                    NextCheck::TimedOut(name) => {
                        let place = names.iter().position(|known| *known == name).unwrap();
                        match endpoints[place].check {
                            Some((_, begun, ..)) => assert!(now >= begun + options.timeout),
                            None => {
                                assert_eq!(canary.under_way(), options.at_once, "there was a place");
                                endpoints[place].last_event = now;
                            }
                        }
                    }
                    NextCheck::Wait(until) => {
                        assert!(until > now, "it would turn round and round");
                        break until;
                    }
                    NextCheck::Idle => break Duration::MAX,
                }
            };
            assert!(canary.under_way() <= options.at_once);
            let overlooked = |one: &Simulated| one.check.is_none() && now >= one.last_event + options.wait;
            assert!(canary.under_way() == options.at_once || !endpoints.iter().any(overlooked));
            assert_eq!(canary.under_way(), endpoints.iter().filter(|one| one.check.is_some()).count());
        }
        endpoints.iter().map(|one| one.checks).sum()
    }

    #[test]
    fn at_random() {
        let checks: u32 = (0..200).map(simulate).sum();
        assert!(checks > 10_000, "{checks}");
    }
}
