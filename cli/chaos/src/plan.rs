//! Which step answers a request.
//!
//! The plan counts requests and uses of steps; time comes in as seconds since the start. Chances depend on the seed,
//! the number of the request and the number of the step only, so that the order in which threads run changes nothing.

use fastrand::Rng;

use crate::scenario::{Action, Network, Refuse, Scenario, Step};

/// The state of a scenario that is being played.
#[derive(Debug)]
pub(crate) struct Plan {
    scenario: Scenario,
    used: Vec<u64>,
    numbered: u64,
}

/// What a request meets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Turn {
    pub number: u64,
    pub action: Action,
    pub network: Network,
    pub seed: u64,
}

/// The listener's instructions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Door {
    Open,
    /// Closed as long as this is the answer.
    Closed,
    /// Closed once for so many seconds.
    ClosedFor(f64),
}

impl Plan {
    pub fn new(scenario: Scenario) -> Self {
        Self { used: vec![0; scenario.steps.len()], scenario, numbered: 0 }
    }

    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The turn of the next request; none when it meets a closed door, and then it does not count as a request.
    pub fn turn(&mut self, path: &str, seconds: f64) -> Option<Turn> {
        let number = self.numbered + 1;
        let found = self.find(number, Some(path), seconds);
        let step = found.and_then(|index| self.scenario.steps.get(index));
        if step.is_some_and(|step| matches!(step.action, Action::Refuse(_))) {
            return None;
        }
        let turn = Turn {
            number,
            action: step.map_or(Action::Accept, |step| step.action.clone()),
            network: step.and_then(|step| step.network).or(self.scenario.network).unwrap_or_default(),
            seed: seed_of(self.scenario.seed, number, u64::MAX),
        };
        self.numbered = number;
        self.use_up(found);
        Some(turn)
    }

    /// Whether somebody listens. A door that closes for some time counts as a use of its step.
    pub fn door(&mut self, seconds: f64) -> Door {
        let Some(index) = self.find(self.numbered + 1, None, seconds) else { return Door::Open };
        let Some(step) = self.scenario.steps.get(index) else { return Door::Open };
        match step.action {
            Action::Refuse(Refuse { seconds: None }) => Door::Closed,
            Action::Refuse(Refuse { seconds: Some(seconds) }) => {
                self.use_up(Some(index));
                Door::ClosedFor(seconds)
            }
            _ => Door::Open,
        }
    }

    fn use_up(&mut self, index: Option<usize>) {
        if let Some(used) = index.and_then(|index| self.used.get_mut(index)) {
            *used += 1;
        }
    }

    fn find(&self, number: u64, path: Option<&str>, seconds: f64) -> Option<usize> {
        let mut steps = self.scenario.steps.iter().zip(&self.used).enumerate();
        steps
            .find(|(index, (step, used))| {
                let is_left = uses_of(step).is_none_or(|times| **used < times);
                is_left && self.applies(*index, step, number, path, seconds)
            })
            .map(|found| found.0)
    }

    /// Without a path it is the question what the next request may meet, whatever its path: a door stays open for it.
    fn applies(&self, index: usize, step: &Step, number: u64, path: Option<&str>, seconds: f64) -> bool {
        let beginning = step.path.as_deref().unwrap_or_default();
        step.requests.is_none_or(|numbers| numbers.holds(number))
            && step.during.is_none_or(|window| window.holds(seconds))
            && path.is_none_or(|path| path.starts_with(beginning))
            && step.probability.is_none_or(|chance| {
                Rng::with_seed(seed_of(self.scenario.seed, number, index as u64)).f64() < chance
            })
    }
}

/// A door that closes for some seconds would never open again without an end to its uses.
fn uses_of(step: &Step) -> Option<u64> {
    let once = matches!(step.action, Action::Refuse(Refuse { seconds: Some(_) }));
    step.times.or(once.then_some(1))
}

fn seed_of(seed: u64, number: u64, step: u64) -> u64 {
    // Large odd factors: neighbours among numbers and steps must not give neighbours among seeds.
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03)
        ^ step.wrapping_add(1).wrapping_mul(0xaef1_7502_108e_f2d9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Refuse, Window};

    fn codes(plan: &mut Plan, count: usize) -> Vec<&'static str> {
        (0..count)
            .map(|_| plan.turn("/v1/traces", 0.0).map_or("refused", |turn| turn.action.name()))
            .collect()
    }

    #[test]
    fn steps_in_order_and_by_number() {
        let scenario = Scenario::new("x")
            .step(Step::new(Action::BlackHole).requests(3, 3))
            .step(Step::new(Action::status(503)).times(3));
        assert_eq!(
            codes(&mut Plan::new(scenario), 5),
            ["status", "status", "black_hole", "status", "accept"]
        );
    }

    #[test]
    fn paths() {
        let scenario = Scenario::new("x").step(Step::new(Action::BlackHole).path("/one/").times(1));
        let mut plan = Plan::new(scenario.step(Action::Refuse(Refuse::default())));
        assert_eq!(plan.door(0.0), Door::Open);
        assert_eq!(plan.turn("/two/one/", 0.0), None);
        assert_eq!(plan.turn("/one/v1/traces", 0.0).map(|turn| turn.number), Some(1));
        assert_eq!(plan.door(0.0), Door::Closed);
    }

    #[test]
    fn chances_follow_the_seed() {
        let scenario = Scenario::new("x").step(Step::new(Action::status(503)).probability(0.3));
        let first = codes(&mut Plan::new(scenario.clone()), 1000);
        assert_eq!(first, codes(&mut Plan::new(scenario.clone()), 1000));
        assert_ne!(first, codes(&mut Plan::new(scenario.with_seed(1)), 1000));
        let hit = first.iter().filter(|name| **name == "status").count();
        assert!((200..400).contains(&hit), "{hit}");
    }

    #[test]
    fn windows_come_again() {
        let window = Window { from: 5.0, to: Some(7.0), every: Some(10.0) };
        let inside: Vec<f64> = (0..30).map(f64::from).filter(|second| window.holds(*second)).collect();
        assert_eq!(inside, [5.0, 6.0, 15.0, 16.0, 25.0, 26.0]);
        assert!(Window { from: 1.0, to: None, every: None }.holds(1e6));
    }

    #[test]
    fn a_closed_door() {
        let refuse = Action::Refuse(Refuse::default());
        let mut plan = Plan::new(Scenario::new("x").step(Step::new(refuse).during(1.0, 2.0)));
        assert_eq!((plan.door(0.5), plan.door(1.5), plan.door(2.0)), (Door::Open, Door::Closed, Door::Open));
        assert_eq!(plan.turn("/", 1.5), None);
        assert_eq!(plan.turn("/", 2.0).map(|turn| turn.number), Some(1));

        let refuse = Action::Refuse(Refuse { seconds: Some(4.0) });
        let mut plan = Plan::new(Scenario::new("x").step(Action::Accept).step(refuse.clone()));
        assert_eq!(plan.door(0.0), Door::Open);
        plan = Plan::new(Scenario::new("x").step(Step::new(Action::Accept).times(1)).step(refuse));
        assert_eq!(plan.door(0.0), Door::Open);
        assert!(plan.turn("/v1/traces", 0.0).is_some());
        assert_eq!((plan.door(0.0), plan.door(0.0)), (Door::ClosedFor(4.0), Door::Open));
    }
}
