//! F15 and F16: programs with a loom are killed at any moment, also while they send; what had been written down arrives.
//!
//! This binary is both: without variables of its own it supervises, and is the receiver; with them it is the program that dies. A
//! program says on its standard output which spans it has ended, in their order, how many of them have been handed to its spool, and
//! how many that has written.
//! `SPANLOOM_KILLS` asks for more kills than the usual 40.

#[path = "common/scratch.rs"]
mod scratch;

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use scratch::Folder;
use spanloom::deliver::{Options, Reason};
use spanloom::host::{Entropy, SeededEntropy};
use spanloom::native::{OtlpHttp, SpoolConfig};
use spanloom::{Loom, SpanId, TraceId};
use spanloom_chaos::{Action, AfterPause, Chaos, PauseAfterStore, Reset, ResetAt, Scenario, Step};

const LONG: Duration = Duration::from_secs(60);
const FOLDER: &str = "SPANLOOM_TEST_FOLDER";
const ENDPOINT: &str = "SPANLOOM_TEST_ENDPOINT";
const KILLS: &str = "SPANLOOM_KILLS";

#[expect(clippy::disallowed_methods, reason = "a test that starts itself as another program")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn main() {
    if let (Some(folder), Some(endpoint)) = (variable(FOLDER), variable(ENDPOINT)) {
        record_until_killed(Path::new(&folder), &endpoint);
    }
    f15_what_was_not_written_is_counted();
    f16_killed_between_the_store_and_its_answer();
    f15_killed_at_any_moment(variable(KILLS).map_or(40, |number| number.parse().expect("a number")));
}

fn loom(folder: &Path, endpoint: &str) -> Loom {
    let quick = Options {
        batch_spans: 40,
        linger: Duration::from_millis(2),
        retry_first: Duration::from_millis(10),
        retry_longest: Duration::from_millis(50),
        ..Options::default()
    };
    Loom::builder()
        .exporter(OtlpHttp::builder(endpoint).no_proxy().build().expect("an address"))
        .delivery(quick)
        .spool(SpoolConfig::new(folder))
        .on_notice(|_, _| ())
        .build()
}

fn record_until_killed(folder: &Path, endpoint: &str) -> ! {
    let mut out = std::io::stdout();
    let loom = loom(folder, endpoint);
    let (mut handed_over, mut written) = (0, 0);
    for ended in 1_u64.. {
        let span = loom.span("s", None).start();
        let id = span.context().span.expect("it is recorded");
        span.end();
        let mut line = format!("e {}{}\n", id.trace_id, id.span_id);
        let flushes = ended.is_multiple_of(100);
        if flushes {
            // Has no time for the receiver, and writes down all the same.
            loom.flush(Duration::ZERO);
        }
        // With a spool each span has two records: of its start and of its end.
        let status = loom.spool_status().expect("there is a spool");
        assert!(!flushes || status.written == 2 * ended, "{ended} ended: {status:?}");
        if status.accepted / 2 > handed_over {
            handed_over = status.accepted / 2;
            line += &format!("a {handed_over}\n");
        }
        if status.written / 2 > written {
            written = status.written / 2;
            line += &format!("w {written}\n");
        }
        // Not kept in memory: what was said before the kill has been heard.
        out.write_all(line.as_bytes()).expect("the supervisor listens");
        out.flush().expect("the supervisor listens");
        std::thread::sleep(Duration::from_micros(100));
    }
    unreachable!("it is killed before")
}

type Id = (TraceId, SpanId);

fn start(folder: &Path, endpoint: &str) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .env(FOLDER, folder)
        .env(ENDPOINT, endpoint)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child")
}

/// What a program said before it died: the spans that it ended, and how many of them had been handed to its spool, and written.
struct Heard {
    ended: Vec<Id>,
    handed_over: usize,
    written: usize,
}

fn kill(mut child: Child, mut said: Vec<u8>) -> Heard {
    assert_eq!(child.try_wait().expect("a child"), None, "the child ended by itself");
    child.kill().expect("it can be killed");
    child.stdout.take().expect("its output").read_to_end(&mut said).expect("its output");
    child.wait().expect("a child");
    let said = String::from_utf8(said).expect("text");
    // The last line may have been cut short.
    let whole = said.rfind('\n').map_or("", |end| &said[..end]);
    let mut heard = Heard { ended: Vec::new(), handed_over: 0, written: 0 };
    for line in whole.lines() {
        match line.split_once(' ').expect("a line") {
            ("e", id) => {
                heard.ended.push((id[..32].parse().expect("an id"), id[32..].parse().expect("an id")));
            }
            ("a", number) => heard.handed_over = number.parse().expect("a number"),
            (_, number) => heard.written = number.parse().expect("a number"),
        }
    }
    heard
}

/// The last whole number that the program told of.
fn written_in(said: &[u8]) -> Option<usize> {
    let said = std::str::from_utf8(said).expect("text");
    let whole = &said[..=said.rfind('\n')?];
    whole.lines().rev().find_map(|line| line.strip_prefix("w ")?.parse().ok())
}

fn f16_killed_between_the_store_and_its_answer() {
    let folder = Folder::new("f16");
    let pause = Action::PauseAfterStore(PauseAfterStore { seconds: 60.0, then: AfterPause::Reset });
    let chaos = Chaos::start(Scenario::new("F16").step(Step::new(pause).times(1))).expect("a port");
    let mut child = start(&folder.0, &chaos.endpoint());
    assert!(chaos.wait_for(|report| report.spans.stored() > 0, LONG), "nothing came");
    let first: Vec<Id> = chaos.report().spans.ids().map(|(trace, span, _)| (trace, span)).collect();
    // What was stored first has been written down by the time that so many have.
    let (output, mut said) = (child.stdout.as_mut().expect("its output"), Vec::new());
    while written_in(&said).is_none_or(|written| written < first.len()) {
        let mut part = [0; 4096];
        let read = output.read(&mut part).expect("its output");
        assert!(read > 0, "the child ended by itself");
        said.extend_from_slice(&part[..read]);
    }
    kill(child, said);
    let loom = loom(&folder.0, &chaos.endpoint());
    let receipt = loom.flush(LONG);
    assert_eq!(receipt.pending, 0, "{:?}", loom.ledger());
    let spans = chaos.report().spans;
    for (trace, span) in &first {
        assert_eq!(spans.times(*trace, *span), 2, "stored, not acknowledged, and sent once more");
    }
    assert_eq!(spans.duplicates(), first.len() as u64, "nothing else comes twice");
    println!("F16: {} spans came twice, {} once", first.len(), spans.unique() - first.len() as u64);
}

/// P1 after a kill: of what a process had handed to its spool, the next one has all or counts it.
fn f15_what_was_not_written_is_counted() {
    let random = SeededEntropy::new(u64::from(std::process::id()));
    let (mut lost, mut counted) = (0, 0);
    for round in 0..12 {
        let folder = Folder::new(&format!("f15-counted-{round}"));
        let chaos = Chaos::start(Scenario::new("F15")).expect("a port");
        let mut child = start(&folder.0, &chaos.endpoint());
        let mut said = vec![0];
        child.stdout.as_mut().expect("its output").read_exact(&mut said).expect("the child says something");
        std::thread::sleep(Duration::from_micros(random.next_u64() % 300_000));
        let Heard { ended, handed_over, written } = kill(child, said);
        let loom = loom(&folder.0, &chaos.endpoint());
        let receipt = loom.flush(LONG);
        let (ledger, spans) = (loom.ledger(), chaos.report().spans);
        assert_eq!((receipt.pending, ledger.adds_up()), (0, true), "{ledger:?}");
        assert_eq!(ledger.dropped, ledger.reasons.get(Reason::CrashWindow), "{ledger:?}");
        let gone = |ended: &[Id]| ended.iter().filter(|id| spans.times(id.0, id.1) == 0).count() as u64;
        let handed_over = handed_over.min(ended.len());
        assert_eq!(gone(&ended[..written.min(handed_over)]), 0, "what is written arrives: {ledger:?}");
        let uncounted = gone(&ended[..handed_over]).saturating_sub(ledger.dropped);
        assert_eq!(uncounted, 0, "{handed_over} of {} handed over: {ledger:?}", ended.len());
        // No more is called lost than can be; the last one may have been ended before its end was said.
        assert!(
            ledger.dropped <= (ended.len() + 1).saturating_sub(written) as u64,
            "{written} written: {ledger:?}"
        );
        lost += gone(&ended);
        counted += ledger.dropped;
    }
    println!(
        "F15: {lost} spans were lost with their processes, {counted} of what was handed over had not been written"
    );
}

fn f15_killed_at_any_moment(kills: u64) {
    let folder = Folder::new("f15");
    let random = SeededEntropy::new(u64::from(std::process::id()));
    // A receiver that answers late, not at all, or forgets that it has stored.
    let late = PauseAfterStore { seconds: 0.02, then: AfterPause::Answer };
    let lost = Reset { when: ResetAt::BeforeHeaders, store: true };
    let scenario = Scenario::new("F15")
        .with_seed(random.next_u64())
        .step(Step::new(Action::PauseAfterStore(late)).probability(0.3))
        .step(Step::new(Action::Reset(lost)).probability(0.05))
        .step(Step::new(Action::status(503)).probability(0.05));
    let chaos = Chaos::start(scenario).expect("a port");
    let (mut due, mut ended_in_all) = (Vec::new(), 0);
    for round in 0..kills {
        let mut child = start(&folder.0, &chaos.endpoint());
        let mut said = Vec::new();
        // One in eight is killed while it starts, the others while they work.
        if !round.is_multiple_of(8) {
            said.push(0);
            let output = child.stdout.as_mut().expect("its output");
            output.read_exact(&mut said).expect("the child says something");
        }
        std::thread::sleep(Duration::from_micros(random.next_u64() % 120_000));
        let Heard { ended, written, .. } = kill(child, said);
        assert!(written <= ended.len() + 1, "{written} of {}", ended.len());
        ended_in_all += ended.len();
        due.extend(ended.into_iter().take(written));
    }
    let loom = loom(&folder.0, &chaos.endpoint());
    let receipt = loom.flush(LONG);
    let ledger = loom.ledger();
    assert_eq!(receipt.pending, 0, "{ledger:?}");
    assert_eq!(ledger.accepted, ledger.delivered + ledger.rejected + ledger.dropped, "{ledger:?}");
    assert_eq!(ledger.dropped, ledger.reasons.get(Reason::CrashWindow), "{ledger:?}");
    let spans = chaos.report().spans;
    let arrived: HashSet<Id> = spans.ids().map(|(trace, span, _)| (trace, span)).collect();
    let gone = due.iter().filter(|id| !arrived.contains(id)).count();
    assert_eq!(gone, 0, "of {} written spans; {ledger:?}", due.len());
    assert!(!due.is_empty(), "the children did nothing before they were killed");
    let twice = spans.duplicates();
    println!(
        "F15: {kills} kills, {ended_in_all} spans ended, {} written down, all of these arrived; {twice} came twice",
        due.len()
    );
}
