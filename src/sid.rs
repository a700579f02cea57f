//! SIDs: the session ids of astron-agent.
//!
//! A SID is `{sub}{pid:04x}{index:04x}@{location}{ms:011x}{ip3:02x}{ip4:02x}{port[:2]}2`: who made it, its running
//! number, when, and where. The running number and the millisecond live in one atomic number, millisecond above, so one
//! compare-and-swap makes both: the number goes up by one with each SID, and its wrap at 0xFFFF carries into the
//! millisecond. So SIDs of one generator differ, however many threads ask in one millisecond and whether or not the clock
//! goes back: the time in a SID never does.

use core::fmt::{self, Write as _};
use core::net::Ipv4Addr;
use core::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

/// Characters before the `@` that follow `sub`: process id and running number.
const NUMBERS: usize = 8;
/// Characters that follow `location`: milliseconds, two bytes of the address, two characters of the port, the constant.
const TAIL: usize = 18;
/// The milliseconds keep their last eleven hex digits.
const MS_MASK: u64 = (1 << 44) - 1;

/// Why there is no SID.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SidError {
    /// The address is no IPv4 address.
    #[error("bad IP: {ip:?} is no IPv4 address")]
    Ip {
        /// The address that was given.
        ip: String,
    },
    /// The port has fewer than four characters, or does not begin with two ASCII characters.
    #[error("bad port: {port:?} needs at least four characters")]
    Port {
        /// The port that was given.
        port: String,
    },
    /// A text has not the parts of a SID.
    #[error("no SID: {part} expected")]
    Shape {
        /// The part that is missing or wrong.
        part: &'static str,
    },
}

/// Who makes SIDs.
#[derive(Debug, Clone, Copy, Default)]
pub struct SidConfig<'a> {
    /// The subsystem, for example `svc`.
    pub sub: &'a str,
    /// The place, for example `hf`.
    pub location: &'a str,
    /// The local IPv4 address; without one, 16 bits of `random` stand in.
    pub ip: Option<&'a str>,
    /// The local port: at least four characters, of which the first two count.
    pub port: &'a str,
    /// The process id; without one, 8 bits of `random` stand in.
    pub pid: Option<u32>,
    /// The number of the first SID.
    pub index: u16,
    /// Random bits for what the host has not: drawn once per generator.
    pub random: u32,
}

/// Makes SIDs that never repeat, from any number of threads.
///
/// ```
/// use spanloom::{SidConfig, SidGenerator};
/// let config = SidConfig { sub: "svc", location: "hf", ip: Some("10.1.2.3"), port: "8080", pid: Some(0x177), ..SidConfig::default() };
/// let sids = SidGenerator::new(&config)?;
/// assert_eq!(sids.generate(1_772_600_767_891).to_string(), "svc00770000@hf19cb73d35930203802");
/// assert_eq!(sids.generate(1_772_600_767_891).index(), 1);
/// # Ok::<(), spanloom::SidError>(())
/// ```
#[derive(Debug)]
pub struct SidGenerator {
    sub: String,
    location: String,
    pid: u8,
    ip: [u8; 2],
    port: String,
    /// The SID made last: milliseconds above, 16 bits of running number below.
    last: AtomicU64,
}

impl SidGenerator {
    /// A generator for this host.
    ///
    /// # Errors
    /// When the address or the port is not one.
    pub fn new(config: &SidConfig<'_>) -> Result<Self, SidError> {
        let [r0, r1, r2, _] = config.random.to_le_bytes();
        let ip = match config.ip {
            None => [r1, r2],
            Some(text) => {
                let bad = |_| SidError::Ip { ip: text.into() };
                let [_, _, ip3, ip4] = text.parse::<Ipv4Addr>().map_err(bad)?.octets();
                [ip3, ip4]
            }
        };
        let bad_port = || SidError::Port { port: config.port.into() };
        let port = config.port.get(..2).filter(|port| port.is_ascii()).ok_or_else(bad_port)?;
        if config.port.chars().count() < 4 {
            return Err(bad_port());
        }
        Ok(Self {
            sub: config.sub.into(),
            location: config.location.into(),
            pid: config.pid.map_or(r0, |pid| pid.to_le_bytes()[0]),
            ip,
            port: port.into(),
            last: AtomicU64::new(config.index.wrapping_sub(1).into()),
        })
    }

    /// A generator of `svc`, at no place and no port.
    #[cfg(all(feature = "native", not(target_arch = "wasm32")))]
    pub(crate) fn of_host(pid: u32, ip: Option<Ipv4Addr>, random: u32) -> Self {
        let [_, r1, r2, _] = random.to_le_bytes();
        let [_, _, ip3, ip4] = ip.map_or([0, 0, r1, r2], |ip| ip.octets());
        Self {
            sub: "svc".into(),
            location: String::new(),
            pid: pid.to_le_bytes()[0],
            ip: [ip3, ip4],
            port: "00".into(),
            last: AtomicU64::new(u64::from(u16::MAX)),
        }
    }

    /// The generator with which a forked process goes on: with its own process id, and numbers that begin at random.
    #[cfg(all(feature = "native", not(target_arch = "wasm32")))]
    pub(crate) fn in_child(&self, pid: u32, random: u32) -> Self {
        let last = self.last.load(Ordering::Relaxed) & !0xffff | u64::from(random & 0xffff);
        Self {
            sub: self.sub.clone(),
            location: self.location.clone(),
            pid: pid.to_le_bytes()[0],
            ip: self.ip,
            port: self.port.clone(),
            last: AtomicU64::new(last),
        }
    }

    /// The next SID, made at this time.
    #[must_use]
    pub fn generate(&self, now_unix_ms: u64) -> Sid {
        let now = (now_unix_ms & MS_MASK) << 16;
        let next = |last: u64| {
            let bumped = last.wrapping_add(1);
            bumped.max(now | bumped & 0xffff)
        };
        let mut last = self.last.load(Ordering::Relaxed);
        while let Err(other) =
            self.last.compare_exchange_weak(last, next(last), Ordering::Relaxed, Ordering::Relaxed)
        {
            last = other;
        }
        let made = next(last);
        self.assemble(made >> 16 & MS_MASK, made & 0xffff)
    }

    fn assemble(&self, ms: u64, index: u64) -> Sid {
        let Self { sub, location, pid, ip: [ip3, ip4], port, .. } = self;
        let mut text = String::with_capacity(sub.len() + NUMBERS + 1 + location.len() + TAIL);
        // Writing to a String cannot fail.
        let _ = write!(text, "{sub}{pid:04x}{index:04x}@{location}{ms:011x}{ip3:02x}{ip4:02x}{port}2");
        Sid { at: sub.len() + NUMBERS, text }
    }
}

/// A SID: a text that can be taken apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid {
    text: String,
    /// Where the `@` stands.
    at: usize,
}

impl Sid {
    /// Takes a text for a SID: the first `@` with eight hex digits before it is the one in the middle.
    ///
    /// # Errors
    /// When the text has not the parts of a SID.
    pub fn parse(text: &str) -> Result<Self, SidError> {
        let mut error = SidError::Shape { part: "'@'" };
        for (at, _) in text.match_indices('@') {
            match Self::parse_at(text, at) {
                Ok(sid) => return Ok(sid),
                Err(found) => error = found,
            }
        }
        Err(error)
    }

    /// Like [`Sid::parse`], where the lengths (in bytes) of `sub` and `location` are known.
    ///
    /// # Errors
    /// When the text has not the parts of a SID, or these have other lengths.
    pub fn parse_with_lengths(text: &str, sub: usize, location: usize) -> Result<Self, SidError> {
        let at = sub.saturating_add(NUMBERS);
        if text.as_bytes().get(at) != Some(&b'@') {
            return Err(SidError::Shape { part: "'@'" });
        }
        let sid = Self::parse_at(text, at)?;
        if sid.location().len() != location {
            return Err(SidError::Shape { part: "a location of the given length" });
        }
        Ok(sid)
    }

    fn parse_at(text: &str, at: usize) -> Result<Self, SidError> {
        let shape = |part| SidError::Shape { part };
        let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let numbers = at.checked_sub(NUMBERS).and_then(|start| text.get(start..at));
        numbers.filter(|part| is_hex(part)).ok_or(shape("process id and number as eight hex digits"))?;
        let tail =
            text.len().checked_sub(TAIL).filter(|start| *start > at).and_then(|start| text.get(start..));
        let tail = tail.filter(|part| part.is_ascii()).ok_or(shape("18 characters behind the location"))?;
        tail.get(..15).filter(|part| is_hex(part)).ok_or(shape("time and address as 15 hex digits"))?;
        if !tail.ends_with('2') {
            return Err(shape("'2' at the end"));
        }
        Ok(Self { text: text.into(), at })
    }

    fn tail(&self, from: usize, to: usize) -> &str {
        let start = self.text.len().saturating_sub(TAIL);
        self.text.get(start + from..start + to).unwrap_or_default()
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The subsystem.
    #[must_use]
    pub fn sub(&self) -> &str {
        self.text.get(..self.at.saturating_sub(NUMBERS)).unwrap_or_default()
    }

    /// The place.
    #[must_use]
    pub fn location(&self) -> &str {
        self.text.get(self.at + 1..self.text.len().saturating_sub(TAIL)).unwrap_or_default()
    }

    /// The process id, as far as it is told.
    #[must_use]
    pub fn pid(&self) -> u16 {
        hex(self.text.get(self.at.saturating_sub(8)..self.at.saturating_sub(4)))
    }

    /// The running number.
    #[must_use]
    pub fn index(&self) -> u16 {
        hex(self.text.get(self.at.saturating_sub(4)..self.at))
    }

    /// Unix milliseconds, the last 44 bits.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        u64::from_str_radix(self.tail(0, 11), 16).unwrap_or_default()
    }

    /// The third and fourth byte of the address.
    #[must_use]
    pub fn ip(&self) -> [u8; 2] {
        hex(Some(self.tail(11, 15))).to_be_bytes()
    }

    /// The first two characters of the port.
    #[must_use]
    pub fn port(&self) -> &str {
        self.tail(15, 17)
    }
}

fn hex(digits: Option<&str>) -> u16 {
    digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()).unwrap_or_default()
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Sid> for String {
    fn from(sid: Sid) -> Self {
        sid.text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const CONFIG: SidConfig<'_> = SidConfig {
        sub: "svc",
        location: "hf",
        ip: Some("192.168.10.11"),
        port: "8012",
        pid: Some(0x1_2345),
        index: 0,
        random: 0,
    };

    #[cfg(not(target_arch = "wasm32"))]
    #[test]
    fn sixty_four_threads_in_one_millisecond_never_make_the_same() {
        let sids = SidGenerator::new(&CONFIG).unwrap();
        let made: Vec<Sid> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..64)
                .map(|_| scope.spawn(|| (0..2_600).map(|_| sids.generate(1_000)).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(made.len(), 166_400);
        assert_eq!(made.iter().map(Sid::as_str).collect::<HashSet<_>>().len(), made.len());
        // Two wraps of the number: two borrowed milliseconds.
        assert_eq!(made.iter().map(Sid::unix_ms).max(), Some(1_002));
        let of_first: HashSet<_> = made.iter().filter(|sid| sid.unix_ms() == 1_000).map(Sid::index).collect();
        assert_eq!(of_first.len(), 0x1_0000);
    }

    #[test]
    fn a_clock_that_goes_back_repeats_nothing() {
        let sids = SidGenerator::new(&CONFIG).unwrap();
        let mut seen = HashSet::new();
        for now in [5_000, 4_000, 5_000, 5_001, 0, u64::MAX, 7, 5_000].repeat(10_000) {
            assert!(seen.insert(String::from(sids.generate(now))));
        }
    }

    #[test]
    fn the_parts_stand_where_they_belong() {
        let sids = SidGenerator::new(&SidConfig { index: 0xffff, ..CONFIG }).unwrap();
        let first = sids.generate(0x123_4567_89ab_cdef);
        assert_eq!(first.as_str(), "svc0045ffff@hf56789abcdef0a0b802");
        assert_eq!(sids.generate(0x123_4567_89ab_cdf0).as_str(), "svc00450000@hf56789abcdf00a0b802");
        let substitutes =
            SidGenerator::new(&SidConfig { pid: None, ip: None, random: 0xffcd_ab99, ..CONFIG }).unwrap();
        assert_eq!(substitutes.generate(1).as_str(), "svc00990000@hf00000000001abcd802");
    }

    #[test]
    fn a_sid_is_taken_apart() {
        for (sub, location) in [("svc", "hf"), ("", ""), ("a@b", "x@00000000"), ("日本", "é")] {
            let config = SidConfig { sub, location, ..CONFIG };
            let sid = SidGenerator::new(&config).unwrap().generate(1_772_600_767_891);
            let again = Sid::parse_with_lengths(sid.as_str(), sub.len(), location.len()).unwrap();
            assert_eq!(again, sid);
            assert_eq!(Sid::parse(sid.as_str()), Ok(sid.clone()));
            assert_eq!((sid.sub(), sid.location(), sid.pid(), sid.index()), (sub, location, 0x45, 0));
            assert_eq!((sid.unix_ms(), sid.ip(), sid.port()), (1_772_600_767_891, [10, 11], "80"));
        }
        let text = "svc00010001@hf000000000010a0b802";
        assert_eq!(Sid::parse(text).map(|sid| sid.index()), Ok(1));
        for (sub, location) in [(2, 2), (3, 1), (usize::MAX, 2)] {
            assert!(Sid::parse_with_lengths(text, sub, location).is_err());
        }
    }

    #[test]
    fn wrong_configurations_and_texts_have_typed_errors() {
        for ip in ["", "1.2.3", "1.2.3.256", "::1", "localhost"] {
            let error = SidGenerator::new(&SidConfig { ip: Some(ip), ..CONFIG }).unwrap_err();
            assert_eq!(error, SidError::Ip { ip: ip.into() });
        }
        for port in ["", "80", "443", "é80", "éé8080"] {
            let error = SidGenerator::new(&SidConfig { port, ..CONFIG }).unwrap_err();
            assert_eq!(error, SidError::Port { port: port.into() });
        }
        for text in [
            "",
            "svc",
            "@",
            "svc0045000g@hf56789abcdef0a0b802",
            "svc00450000@hf",
            "0045@hf56789abcdef0a0b802",
        ] {
            assert!(matches!(Sid::parse(text), Err(SidError::Shape { .. })), "{text}");
        }
        assert!(Sid::parse("svc00450000@hf56789abcdef0a0b803").is_err());
        assert!(Sid::parse("svc00450000@hf56789abcdexxa0b802").is_err());
    }
}
