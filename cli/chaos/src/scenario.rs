//! Scenarios: which fault a request meets, as data and as JSON.
//!
//! A scenario is a list of steps. For each request the **first step that applies** answers; a request to which none
//! applies is accepted. A step without conditions applies always. `times` makes it go out of use after so many
//! requests, which is how steps are played in order; `requests`, `during` and `probability` are the other conditions,
//! and all that are given must hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The text is no JSON, has an unknown key, or a value of the wrong kind. The message names key, line and column.
    #[error("cannot read the scenario: {0}")]
    Json(#[from] serde_json::Error),
    /// A value that makes no sense.
    #[error("{place}: {problem}")]
    Value {
        /// Where it stands, as `steps[2].during`.
        place: String,
        /// What is wrong and what to write.
        problem: &'static str,
    },
    /// There is no built-in scenario of this name.
    #[error("no scenario is called {0:?}: `spanloom chaos --list` shows their names")]
    Unknown(String),
}

/// What the server does to whom.
///
/// ```
/// use spanloom_chaos::{Action, Scenario, Step};
/// let text = r#"{"name": "busy", "steps": [{"times": 2, "do": {"status": {"code": 503}}}]}"#;
/// let read = Scenario::from_json(text)?;
/// assert_eq!(read, Scenario::new("busy").step(Step::new(Action::status(503)).times(2)));
///
/// let wrong = Scenario::from_json(r#"{"name": "busy", "stepz": []}"#).unwrap_err();
/// assert!(wrong.to_string().contains("unknown field `stepz`"));
/// assert!(wrong.to_string().contains("line 1 column"));
/// # Ok::<(), spanloom_chaos::ScenarioError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// One line about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Where all chances come from: the same seed and requests give the same faults.
    #[serde(default)]
    pub seed: u64,
    /// What a browser is told about calls from other origins.
    #[serde(default)]
    pub cors: Cors,
    /// The network between client and server, where a step says nothing of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// The faults. Without any step every request is accepted.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// One fault and its conditions.
///
/// ```
/// use spanloom_chaos::{Action, Refuse, Scenario, Step};
/// let scenario = Scenario::new("hard times")
///     .step(Step::new(Action::status(503)).requests(2, 4))
///     .step(Step::new(Action::Refuse(Refuse::default())).during(5.0, 10.0).every(20.0))
///     .step(Step::new(Action::BlackHole).probability(0.01));
/// assert!(scenario.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The step goes out of use after so many requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Only for requests with these numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Numbers>,
    /// Only at these times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Window>,
    /// Only for requests whose path begins like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only by chance: from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// What happens to the request.
    #[serde(rename = "do", default)]
    pub action: Action,
    /// How the network is for this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
}

/// Numbers of requests, both ends included. The first request has the number 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbers {
    /// The first.
    #[serde(default = "one")]
    pub from: u64,
    /// The last; without it there is no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}

/// A stretch of time in seconds since the start of the server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Its beginning.
    #[serde(default)]
    pub from: f64,
    /// Its end, not included; without it there is no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
    /// It comes again after so many seconds, counted from beginning to beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<f64>,
}

/// What happens to a request.
///
/// ```
/// use spanloom_chaos::{Action, Scenario};
/// let text = r#"{"name": "x", "steps": [{"do": {"reset": {"when": "before_headers", "store": true}}}]}"#;
/// assert_eq!(Scenario::from_json(text)?.steps[0].action, Action::store_then_reset());
/// # Ok::<(), spanloom_chaos::ScenarioError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// It is stored and answered as OTLP says.
    #[default]
    Accept,
    /// It is answered with a status.
    Status(Status),
    /// A part is stored, the answer is 200 and tells so.
    PartialSuccess(PartialSuccess),
    /// It is stored, and the answer is 200 with something that is no answer.
    Garbage(Garbage),
    /// Nobody listens: connections are refused, open ones are reset.
    Refuse(Refuse),
    /// It is stored and answered late, or slowly.
    Stall(Stall),
    /// It is neither read nor answered; the connection stays open.
    BlackHole,
    /// The connection is reset.
    Reset(Reset),
    /// It is stored, and the answer is 200 with far too much.
    Huge(Huge),
    /// It is sent elsewhere.
    Redirect(Redirect),
    /// It is stored, and then nothing happens for a while: the moment to kill the client.
    PauseAfterStore(PauseAfterStore),
}

/// An answer with a status of your choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// The status, 200 to 599.
    pub code: u16,
    /// The header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<RetryAfter>,
    /// How far the clock in the header `Date` is off.
    #[serde(default)]
    pub date_skew_seconds: i64,
    /// Further headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body; without it a `google.rpc.Status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Stores the request all the same, as behind a proxy that gave up too early.
    #[serde(default)]
    pub store: bool,
}

/// The header `Retry-After`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RetryAfter {
    /// A number of seconds; may be one that makes no sense.
    Seconds(i64),
    /// An HTTP-date so many seconds after the `Date` of the answer.
    DateInSeconds(i64),
    /// Anything.
    Text(String),
}

/// A part of the request is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartialSuccess {
    /// How many items are refused: the first ones of the request. 0 makes the message a warning.
    pub rejected: u64,
    /// Why.
    #[serde(default)]
    pub message: String,
}

/// An answer that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Garbage {
    /// No body, no content type.
    Empty,
    /// A page.
    Html,
    /// A protobuf message that ends too early.
    TruncatedProto,
    /// A good answer with the wrong content type: protobuf as JSON and JSON as protobuf.
    WrongContentType,
}

/// Nobody listens. Cannot have a `path` or a `probability`: no request arrives that has a path or could throw the dice.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refuse {
    /// For how long, once (or `times` times). Without it: as long as the step applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// A slow server.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// How long it thinks before the first byte.
    #[serde(default)]
    pub think_seconds: f64,
    /// How fast the answer comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
}

/// A reset connection: the client sees `ECONNRESET`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// When.
    pub when: ResetAt,
    /// Stores the request before. Without effect where the body is not read to its end.
    #[serde(default)]
    pub store: bool,
}

/// The moment of a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetAt {
    /// The request is read, no byte of an answer is sent.
    BeforeHeaders,
    /// So many bytes of the request's body are read.
    BodyByte(u64),
    /// So many bytes of the answer (headers included) are sent.
    ResponseByte(u64),
}

/// An answer of which a client reads only the beginning, if it is wise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Huge {
    /// How it is huge.
    pub kind: HugeKind,
    /// How many bytes it has, or has after unpacking. Endless chunks ignore it.
    #[serde(default = "gigabyte")]
    pub bytes: u64,
}

/// The kind of a huge answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HugeKind {
    /// Announced by its length.
    Bytes,
    /// Small on the wire, with `Content-Encoding: gzip`.
    GzipBomb,
    /// Chunk after chunk, without end.
    EndlessChunks,
}

/// An answer that sends the client elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// 301, 302, 307 or 308.
    pub code: u16,
    /// Where to. `self` stands for this server, with the path `/elsewhere/v1/traces`.
    pub to: String,
}

/// Stored, not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseAfterStore {
    /// How long nothing happens.
    pub seconds: f64,
    /// What happens then.
    #[serde(default)]
    pub then: AfterPause,
}

/// The end of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterPause {
    /// The answer of `accept`.
    #[default]
    Answer,
    /// The connection is reset.
    Reset,
}

/// A bad network.
///
/// ```
/// use spanloom_chaos::{Network, Scenario};
/// let far = Network { latency_ms: 300, jitter_ms: 100, ..Network::default() };
/// assert_eq!(Scenario::new("far").with_network(far).network, Some(far));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// What every answer waits.
    #[serde(default)]
    pub latency_ms: u64,
    /// What it waits more or less, evenly spread.
    #[serde(default)]
    pub jitter_ms: u64,
    /// How fast bodies and answers travel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// The chance of a request to get lost: it is not stored and has no answer.
    #[serde(default)]
    pub loss_percent: f64,
    /// The chance of each byte of the answer, headers included, to be changed.
    #[serde(default)]
    pub corrupt_percent: f64,
}

/// What a browser is told about calls from other origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cors {
    /// Nothing.
    #[default]
    Off,
    /// All are allowed and may read every header.
    On,
    /// All are allowed; `Retry-After` cannot be read.
    WithoutExpose,
}

const fn one() -> u64 {
    1
}

const fn gigabyte() -> u64 {
    1 << 30
}

impl Scenario {
    /// A scenario without steps: every request is accepted.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            about: String::new(),
            seed: 0,
            cors: Cors::Off,
            network: None,
            steps: Vec::new(),
        }
    }

    /// Reads a scenario and checks it.
    ///
    /// # Errors
    /// When the text is no scenario, has an unknown key, or values that make no sense.
    pub fn from_json(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = serde_json::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Adds a step at the end.
    #[must_use]
    pub fn step(mut self, step: impl Into<Step>) -> Self {
        self.steps.push(step.into());
        self
    }

    /// With another seed.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// With a network for all steps that say nothing of their own.
    #[must_use]
    pub const fn with_network(mut self, network: Network) -> Self {
        self.network = Some(network);
        self
    }

    /// Makes sure that all values make sense.
    ///
    /// # Errors
    /// The first that does not, and its place.
    pub fn check(&self) -> Result<(), ScenarioError> {
        if let Some(network) = self.network {
            check_network(network).map_err(|problem| at("network", problem))?;
        }
        for (index, step) in self.steps.iter().enumerate() {
            check_step(step).map_err(|(key, problem)| at(&format!("steps[{index}].{key}"), problem))?;
        }
        Ok(())
    }
}

impl Step {
    /// A step that applies to every request.
    #[must_use]
    pub const fn new(action: Action) -> Self {
        Self {
            times: None,
            requests: None,
            during: None,
            path: None,
            probability: None,
            action,
            network: None,
        }
    }

    /// Goes out of use after so many requests.
    #[must_use]
    pub const fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Only for the requests with these numbers, both ends included.
    #[must_use]
    pub const fn requests(mut self, from: u64, to: u64) -> Self {
        self.requests = Some(Numbers { from, to: Some(to) });
        self
    }

    /// Only between these seconds since the start.
    #[must_use]
    pub const fn during(mut self, from: f64, to: f64) -> Self {
        self.during = Some(Window { from, to: Some(to), every: None });
        self
    }

    /// The window of `during` comes again after so many seconds.
    #[must_use]
    pub const fn every(mut self, seconds: f64) -> Self {
        if let Some(window) = &mut self.during {
            window.every = Some(seconds);
        }
        self
    }

    /// Only for requests whose path begins like this.
    #[must_use]
    pub fn path(mut self, beginning: &str) -> Self {
        self.path = Some(beginning.into());
        self
    }

    /// Only by chance.
    #[must_use]
    pub const fn probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }

    /// Over such a network.
    #[must_use]
    pub const fn network(mut self, network: Network) -> Self {
        self.network = Some(network);
        self
    }
}

impl From<Action> for Step {
    fn from(action: Action) -> Self {
        Self::new(action)
    }
}

impl Action {
    /// An answer with this status.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::Status(Status::new(code))
    }

    /// An answer with this status and a `Retry-After`.
    #[must_use]
    pub fn retry_after(code: u16, retry_after: RetryAfter) -> Self {
        Self::Status(Status { retry_after: Some(retry_after), ..Status::new(code) })
    }

    /// A reset without storing.
    #[must_use]
    pub const fn reset(when: ResetAt) -> Self {
        Self::Reset(Reset { when, store: false })
    }

    /// Stores the request, then resets before any byte of an answer.
    #[must_use]
    pub const fn store_then_reset() -> Self {
        Self::Reset(Reset { when: ResetAt::BeforeHeaders, store: true })
    }

    /// Its name in a scenario.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Status(_) => "status",
            Self::PartialSuccess(_) => "partial_success",
            Self::Garbage(_) => "garbage",
            Self::Refuse(_) => "refuse",
            Self::Stall(_) => "stall",
            Self::BlackHole => "black_hole",
            Self::Reset(_) => "reset",
            Self::Huge(_) => "huge",
            Self::Redirect(_) => "redirect",
            Self::PauseAfterStore(_) => "pause_after_store",
        }
    }
}

impl Status {
    /// A status and nothing else.
    #[must_use]
    pub const fn new(code: u16) -> Self {
        Self {
            code,
            retry_after: None,
            date_skew_seconds: 0,
            headers: BTreeMap::new(),
            body: None,
            store: false,
        }
    }
}

impl Numbers {
    pub(crate) fn holds(self, number: u64) -> bool {
        number >= self.from && self.to.is_none_or(|to| number <= to)
    }
}

impl Window {
    pub(crate) fn holds(self, seconds: f64) -> bool {
        if seconds < self.from {
            return false;
        }
        let since = self.every.map_or(seconds - self.from, |every| (seconds - self.from) % every);
        self.to.is_none_or(|to| since < to - self.from)
    }
}

fn at(place: &str, problem: &'static str) -> ScenarioError {
    ScenarioError::Value { place: place.into(), problem }
}

const SECONDS: &str = "must be seconds from 0 to 1000000000";
const PERCENT: &str = "must be a percentage from 0 to 100";
const SPEED: &str = "bytes_per_second must be at least 1";

fn is_seconds(value: f64) -> bool {
    (0.0..=1e9).contains(&value)
}

fn check_network(network: Network) -> Result<(), &'static str> {
    if ![network.loss_percent, network.corrupt_percent].iter().all(|value| (0.0..=100.0).contains(value)) {
        return Err(PERCENT);
    }
    if network.bytes_per_second == Some(0) {
        return Err(SPEED);
    }
    Ok(())
}

fn check_step(step: &Step) -> Result<(), (&'static str, &'static str)> {
    if let Some(numbers) = step.requests
        && (numbers.from == 0 || numbers.to.is_some_and(|to| to < numbers.from))
    {
        return Err(("requests", "`from` must be 1 or more, `to` not before it"));
    }
    if let Some(window) = step.during {
        check_window(window).map_err(|problem| ("during", problem))?;
    }
    if step.probability.is_some_and(|chance| !(0.0..=1.0).contains(&chance)) {
        return Err(("probability", "must be from 0 to 1"));
    }
    if let Some(network) = step.network {
        check_network(network).map_err(|problem| ("network", problem))?;
    }
    if matches!(step.action, Action::Refuse(_)) {
        const NO_REQUEST: &str = "cannot go with `refuse`: give it a window with `during`";
        if step.probability.is_some() {
            return Err(("probability", NO_REQUEST));
        }
        if step.path.is_some() {
            return Err(("path", NO_REQUEST));
        }
    }
    check_action(&step.action).map_err(|problem| ("do", problem))
}

fn check_window(window: Window) -> Result<(), &'static str> {
    if ![Some(window.from), window.to, window.every].into_iter().flatten().all(is_seconds) {
        return Err(SECONDS);
    }
    if window.to.is_some_and(|to| to <= window.from) {
        return Err("`to` must be after `from`");
    }
    let Some(every) = window.every else { return Ok(()) };
    if window.to.is_none_or(|to| every <= 0.0 || to - window.from > every) {
        return Err("`every` needs a `to`, and must not be shorter than the window");
    }
    Ok(())
}

fn check_action(action: &Action) -> Result<(), &'static str> {
    match action {
        Action::Status(status) if !(200..=599).contains(&status.code) => {
            Err("`code` must be from 200 to 599")
        }
        Action::Status(status) if !status.headers.iter().all(|(name, value)| is_header(name, value)) => {
            Err("a header has characters that are not allowed in headers")
        }
        Action::Status(Status { retry_after: Some(RetryAfter::Text(text)), .. }) if !is_header("x", text) => {
            Err("`retry_after` has characters that are not allowed in headers")
        }
        Action::Redirect(redirect) if ![301, 302, 303, 307, 308].contains(&redirect.code) => {
            Err("`code` must be 301, 302, 303, 307 or 308")
        }
        Action::Redirect(redirect) if !is_header("location", &redirect.to) => {
            Err("`to` has characters that are not allowed in headers")
        }
        Action::Refuse(Refuse { seconds: Some(seconds) }) if !is_seconds(*seconds) => Err(SECONDS),
        Action::PauseAfterStore(pause) if !is_seconds(pause.seconds) => Err(SECONDS),
        Action::Stall(stall) if !is_seconds(stall.think_seconds) => Err(SECONDS),
        Action::Stall(Stall { bytes_per_second: Some(0), .. }) => Err(SPEED),
        _ => Ok(()),
    }
}

fn is_header(name: &str, value: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte);
    !name.is_empty()
        && name.bytes().all(is_name)
        && !value.bytes().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127))
}
