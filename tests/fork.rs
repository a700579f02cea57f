//! F18: programs that fork. A binary of its own: what is forked here holds the sockets of all tests of its process open.
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "time is what is bounded")]

#[cfg(all(feature = "tracing", feature = "opentelemetry"))]
#[path = "fork/bridges.rs"]
mod bridges;
#[path = "common/halts.rs"]
mod halts;
#[path = "common/scratch.rs"]
mod scratch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use halts::Halts;
use scratch::Folder;
use spanloom::deliver::{Answer, Options, Reason};
use spanloom::host::SeededEntropy;
use spanloom::native::{OtlpHttp, SpoolConfig};
use spanloom::{Exporter, FileExporter, Loom, LoomBuilder, MemoryExporter, Node, Outgoing};
use spanloom_chaos::{Action, Chaos, Scenario, Step};

const LONG: Duration = Duration::from_secs(30);
/// How a child ends that has not seen all of what waited in its parent.
const SAW_LESS: i32 = 7;

/// One test at a time: a child has what the others have opened.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs this in a forked process and waits until it ends well. There nothing is printed by the usual means, for the parent's
/// other threads may have held their locks.
#[track_caller]
fn in_child(run: impl FnOnce()) {
    wait_for(fork(run));
}

fn fork(run: impl FnOnce()) -> libc::pid_t {
    // SAFETY: the child runs `run` and ends. That it does more than POSIX allows it to is what is tested.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no more processes");
    if child == 0 {
        std::panic::set_hook(Box::new(|what| {
            let text = format!("in the child: {what}\n");
            // SAFETY: the bytes are there.
            unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
        }));
        let ended = catch_unwind(AssertUnwindSafe(run));
        // SAFETY: ends the process.
        unsafe { libc::_exit(i32::from(ended.is_err())) };
    }
    child
}

#[track_caller]
fn wait_for(child: libc::pid_t) {
    assert_eq!(ended_with(child), 0, "how the child ended");
}

/// Waits for a child; gives what it said at its end, or -1 if it was killed.
#[track_caller]
fn ended_with(child: libc::pid_t) -> i32 {
    let start = Instant::now();
    let mut status = 0;
    // SAFETY: `status` is there to be written to.
    while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
        if start.elapsed() > 2 * LONG {
            // SAFETY: it is our own child, and has not been waited for.
            unsafe { libc::kill(child, libc::SIGKILL) };
            panic!("the child hangs");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 }
}

fn well() -> Chaos {
    Chaos::start(Scenario::new("well").step(Step::new(Action::Accept))).unwrap()
}

fn to(collector: &Chaos) -> LoomBuilder {
    let exporter = OtlpHttp::builder(collector.endpoint()).no_proxy().build().unwrap();
    let quick = Options { linger: Duration::from_millis(20), ..Options::default() };
    Loom::builder().exporter(exporter).delivery(quick).on_notice(|_, _| ())
}

fn spans(loom: &Loom, number: usize) {
    (0..number).for_each(|_| loom.span("s", None).start().end());
}

/// Sends what there is, of which some may have gone before by itself; so many have arrived then.
#[track_caller]
fn flushed(loom: &Loom, delivered: u64) {
    let pending = loom.flush(LONG).pending;
    left(loom);
    assert_eq!((loom.ledger().delivered, pending), (delivered, 0), "{:?}", loom.ledger());
}

#[track_caller]
fn left(loom: &Loom) -> u64 {
    let ledger = loom.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    ledger.reasons.get(Reason::ForkReset)
}

struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[test]
fn f18_five_hundred_children_of_a_busy_program() {
    const FORKS: usize = 500;
    let _alone = alone();
    let collector = well();
    let loom = to(&collector).build();
    let busy = AtomicBool::new(true);
    let recorded = std::thread::scope(|scope| {
        // Somebody is always in the middle of something when the program forks.
        let work = |pause: u64, flushes: bool| {
            let (loom, busy) = (&loom, &busy);
            scope.spawn(move || {
                let mut number = 0;
                while busy.load(Ordering::Relaxed) {
                    spans(loom, 20);
                    number += 20;
                    if flushes {
                        loom.flush(LONG);
                    }
                    std::thread::sleep(Duration::from_micros(pause));
                }
                number
            })
        };
        let workers = [work(1_000, false), work(5_000, false), work(2_000, true)];
        // However a child ends, the workers do, too.
        let ends = Ends(&busy);
        for _ in 0..FORKS {
            in_child(|| {
                spans(&loom, 1);
                flushed(&loom, 1);
            });
        }
        drop(ends);
        workers.into_iter().map(|worker| worker.join().unwrap()).sum::<usize>()
    });
    assert!(loom.flush(LONG).is_complete());
    assert_eq!(left(&loom), 0);
    let report = collector.report();
    let ledger = loom.ledger();
    assert_eq!((ledger.accepted, ledger.pending), (recorded as u64, 0));
    assert_eq!((report.spans.unique(), report.spans.duplicates()), (ledger.delivered + FORKS as u64, 0));
}

#[test]
fn f18_what_waits_is_sent_by_the_parent_alone() {
    let _alone = alone();
    let collector = well();
    let loom = to(&collector).delivery(Options { linger: LONG, ..Options::default() }).build();
    spans(&loom, 100);
    // In the queue: what the threads are just moving is not seen in a child.
    let start = Instant::now();
    while loom.ledger().destinations[0].1.pending < 100 {
        assert!(start.elapsed() < LONG, "{:?}", loom.ledger());
        std::thread::sleep(Duration::from_millis(1));
    }
    // A thread that looks whether there is something to do holds a lock, and at that moment a child does not see what is behind it.
    let mut children = 0;
    loop {
        children += 1;
        assert!(start.elapsed() < 2 * LONG, "{children} children have not seen all");
        let child = fork(|| {
            spans(&loom, 10);
            let receipt = loom.flush(LONG);
            assert_eq!((receipt.delivered, receipt.pending), (10, 0));
            // Those that were left are told of once.
            assert!(receipt.is_complete(), "{receipt}");
            let left = left(&loom);
            assert!(left <= 100, "{left}");
            if left < 100 {
                // SAFETY: ends the process.
                unsafe { libc::_exit(SAW_LESS) };
            }
        });
        match ended_with(child) {
            0 => break,
            SAW_LESS => {}
            other => panic!("the child ended with {other}"),
        }
    }
    assert_eq!(loom.flush(LONG).delivered, 100);
    let report = collector.report();
    assert_eq!((report.spans.unique(), report.spans.duplicates()), (100 + 10 * children, 0));
}

fn id(node: &Node) -> (spanloom::TraceId, spanloom::SpanId) {
    let span = node.context().span.unwrap();
    (span.trace_id, span.span_id)
}

#[test]
fn f18_a_fork_within_a_span() {
    let _alone = alone();
    let collector = well();
    let loom = to(&collector).build();
    let run = loom.workflow("answer").keep_log().start();
    let mut plan = run.node("plan").start();
    let ids = id(&plan);
    // In the child the open ones are handles of the parent's spans: what hangs on them is recorded, their end is not.
    in_child(|| {
        plan.attribute("by", "child");
        let below = plan.node("below").start();
        assert_eq!(id(&below).0, ids.0);
        below.end();
        run.answer("no").end();
        std::mem::replace(&mut plan, run.node("another").start()).end();
        flushed(&loom, 1);
        assert_eq!(left(&loom), 1);
    });
    plan.end();
    run.end();
    flushed(&loom, 2);
    let report = collector.report();
    assert_eq!((report.spans.unique(), report.spans.duplicates()), (3, 0));
    assert_eq!(report.spans.times(ids.0, ids.1), 1);
}

#[test]
fn f18_children_of_one_parent_share_no_ids() {
    let _alone = alone();
    let collector = well();
    let exporter = OtlpHttp::builder(collector.endpoint()).no_proxy().build().unwrap();
    // Ids that are the same in every run would be the same in every child.
    let given = Loom::builder().exporter(exporter).entropy(SeededEntropy::new(7)).build();
    let loom = to(&collector).build();
    for loom in [&loom, &given] {
        spans(loom, 1);
        assert!(loom.flush(LONG).is_complete());
        let children: Vec<_> = (0..10)
            .map(|_| {
                fork(|| {
                    spans(loom, 5);
                    flushed(loom, 5);
                })
            })
            .collect();
        children.into_iter().for_each(wait_for);
    }
    let report = collector.report();
    assert_eq!((report.spans.unique(), report.spans.duplicates()), (2 * 51, 0));
}

#[test]
fn f18_children_have_session_ids_of_their_own() {
    let _alone = alone();
    let loom = Loom::builder().build();
    let before = [loom.sid(), loom.sid()];
    assert_eq!(before.each_ref().map(|sid| (sid.sub(), sid.index())), [("svc", 0), ("svc", 1)]);
    in_child(|| {
        let sid = loom.sid();
        assert_eq!(u32::from(sid.pid()), std::process::id() & 0xff);
        assert!(sid.unix_ms() >= before[1].unix_ms() && !before.contains(&sid));
        in_child(|| assert_eq!(u32::from(loom.sid().pid()), std::process::id() & 0xff));
    });
    let behind = loom.sid();
    assert_eq!((behind.pid(), behind.index()), (before[0].pid(), 2));
}

#[test]
fn f18_a_fork_before_the_first_loom_and_forks_of_forks() {
    let _alone = alone();
    let collector = well();
    for _ in 0..3 {
        in_child(|| {
            let loom = to(&collector).build();
            spans(&loom, 1);
            assert!(loom.flush(LONG).is_complete());
            in_child(|| {
                spans(&loom, 1);
                // Not flushed: what the next generation finds here is for this one to send.
                in_child(|| {
                    spans(&loom, 1);
                    flushed(&loom, 1);
                });
                assert!(loom.flush(LONG).is_complete());
            });
            spans(&loom, 1);
            drop(loom);
        });
    }
    let report = collector.report();
    assert_eq!((report.spans.unique(), report.spans.duplicates()), (12, 0));
}

#[test]
fn f18_locks_that_were_held_at_the_fork_are_not_waited_for() {
    let _alone = alone();
    let collector = well();
    let clock = Halts::default();
    let loom = to(&collector).clock(clock.clone()).build();
    spans(&loom, 3);
    clock.wait_until_it_stands();
    // The loom's thread is inside now, with what leads to the destinations locked.
    in_child(|| {
        clock.go_on();
        spans(&loom, 2);
        flushed(&loom, 2);
    });
    clock.go_on();
    assert_eq!(loom.flush(LONG).pending, 0);
    let report = collector.report();
    assert_eq!((report.spans.unique(), report.spans.duplicates()), (5, 0));
}

/// Forks when it is called for the first time.
struct Forks(Arc<AtomicI32>);

impl Exporter for Forks {
    fn export(&mut self, _: &Outgoing<'_>) -> Answer {
        if self.0.load(Ordering::Relaxed) < 0 {
            // SAFETY: the child goes on as the test below says.
            self.0.store(unsafe { libc::fork() }, Ordering::Relaxed);
        }
        Answer::taken()
    }

    fn is_immediate(&self) -> bool {
        true
    }
}

#[test]
fn f18_an_exporter_forks_that_is_called_by_a_flush() {
    let _alone = alone();
    let child = Arc::new(AtomicI32::new(-1));
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(Forks(Arc::clone(&child))).exporter(memory.clone()).build();
    spans(&loom, 3);
    let start = Instant::now();
    let flushed = catch_unwind(AssertUnwindSafe(|| loom.flush(LONG)));
    if child.load(Ordering::Relaxed) == 0 {
        // The three spans are the parent's to count; the child waits for nothing of it.
        let is_prompt = start.elapsed() < LONG / 2;
        let is_well =
            flushed.is_ok_and(|receipt| receipt.delivered == 0) && memory.span_count() == 0 && is_prompt;
        // SAFETY: ends the process.
        unsafe { libc::_exit(i32::from(!is_well)) };
    }
    wait_for(child.load(Ordering::Relaxed));
    assert_eq!((flushed.unwrap().delivered, memory.span_count()), (3, 3));
}

#[test]
fn f18_a_child_that_records_nothing_ends_at_once() {
    let _alone = alone();
    let hole = Chaos::start(Scenario::new("hole").step(Step::new(Action::BlackHole))).unwrap();
    let loom = to(&hole).shutdown_timeout(Duration::from_millis(50)).build();
    spans(&loom, 10);
    assert!(hole.wait_for(|report| report.requests_seen > 0, LONG));
    let mut loom = Some(loom);
    in_child(|| drop(loom.take()));
    assert_eq!(hole.report().requests_seen, 1, "nobody but the parent has asked");
    assert_eq!(left(loom.as_ref().unwrap()), 0);
}

#[test]
fn f18_each_process_has_a_spool_of_its_own() {
    let _alone = alone();
    let folder = Folder::new("fork");
    let hole = Chaos::start(Scenario::new("hole").step(Step::new(Action::BlackHole))).unwrap();
    let patience = Duration::from_millis(100);
    let loom = to(&hole).spool(SpoolConfig::new(&folder.0)).shutdown_timeout(patience).build();
    spans(&loom, 5);
    assert_eq!(loom.flush(patience).pending, 5);
    in_child(|| {
        spans(&loom, 7);
        assert_eq!(loom.flush(patience).pending, 7);
        // The process ends without a word: what it wrote down is there.
    });
    drop(loom);
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).spool(SpoolConfig::new(&folder.0)).build();
    assert_eq!(loom.flush(LONG).delivered, 12);
    assert_eq!(memory.span_count(), 12);
}

/// A child has its parent's files open. It lets go of them, so that what its parent leaves is not locked for as long as it lives.
#[test]
fn f18_a_child_that_lives_on_locks_nothing_of_its_parents_spool() {
    let _alone = alone();
    let folder = Folder::new("fork-lives-on");
    let hole = Chaos::start(Scenario::new("hole").step(Step::new(Action::BlackHole))).unwrap();
    let patience = Duration::from_millis(100);
    let loom = to(&hole).spool(SpoolConfig::new(&folder.0)).shutdown_timeout(patience).build();
    spans(&loom, 5);
    assert_eq!(loom.flush(patience).pending, 5);
    let start = Instant::now();
    let (mut here, mut there) = std::os::unix::net::UnixStream::pair().unwrap();
    here.set_read_timeout(Some(LONG)).unwrap();
    there.set_read_timeout(Some(LONG)).unwrap();
    let child = fork(|| {
        spans(&loom, 7);
        std::io::Write::write_all(&mut there, b"x").unwrap();
        std::io::Read::read_exact(&mut there, &mut [0]).unwrap();
    });
    std::io::Read::read_exact(&mut here, &mut [0]).unwrap();
    drop(loom);
    // The child lives, and has a spool of its own.
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).spool(SpoolConfig::new(&folder.0)).build();
    while memory.span_count() < 5 && start.elapsed() < LONG {
        loom.flush(patience);
    }
    assert_eq!(memory.span_count(), 5);
    std::io::Write::write_all(&mut here, b"x").unwrap();
    wait_for(child);
}

#[test]
fn f18_exporters_in_memory_and_into_files_are_each_process_own() {
    let _alone = alone();
    let folder = Folder::new("fork-files");
    std::fs::create_dir(&folder.0).unwrap();
    let path = folder.0.join("spans.jsonl");
    let memory = MemoryExporter::new();
    let file = FileExporter::append(&path).unwrap();
    let loom = Loom::builder().exporter(memory.clone()).exporter(file).build();
    spans(&loom, 2);
    assert!(loom.flush(LONG).is_complete());
    in_child(|| {
        spans(&loom, 3);
        assert!(loom.flush(LONG).is_complete());
        assert_eq!(memory.span_count(), 3);
        let own = format!("{}.{}", path.display(), std::process::id());
        assert_eq!(std::fs::read_to_string(&own).unwrap().matches("\"spanId\"").count(), 3);
    });
    assert_eq!(memory.span_count(), 2);
    assert_eq!(std::fs::read_to_string(&path).unwrap().matches("\"spanId\"").count(), 2);
}

/// An exporter that cannot be had twice.
struct Single;

impl spanloom::Exporter for Single {
    fn export(&mut self, _: &spanloom::Outgoing<'_>) -> spanloom::deliver::Answer {
        spanloom::deliver::Answer::taken()
    }
}

#[test]
fn f18_without_a_twin_nothing_is_lost_in_silence() {
    let _alone = alone();
    let loom = Loom::builder().exporter(Single).build();
    in_child(|| {
        spans(&loom, 4);
        let receipt = loom.flush(LONG);
        left(&loom);
        assert_eq!((receipt.pending, loom.ledger().reasons.get(Reason::ShutdownTimeout)), (0, 4));
    });
    spans(&loom, 1);
    assert_eq!(loom.flush(LONG).delivered, 1);
}

#[test]
fn f18_health_goes_on_in_a_child_that_asks_for_it() {
    let _alone = alone();
    let health =
        spanloom::Health::builder().require(["generate"]).canary(Duration::from_millis(1), LONG).build();
    let generate = health.endpoint("generate");
    generate.check(|| Ok::<(), String>(()));
    health.serve(("127.0.0.1", 0)).unwrap();
    in_child(|| {
        // Nothing here waits for what the parent's threads have locked; what they had running is started anew.
        let embed = health.endpoint("embed");
        assert!(embed.check(|| Ok::<(), String>(())));
        assert!(health.check("generate", || Err("gone")));
        let start = Instant::now();
        while health.failure("generate").as_deref() != Some("gone") {
            assert!(start.elapsed() < LONG, "nothing is checked");
            std::thread::sleep(Duration::from_millis(1));
        }
        let address = health.serve(("127.0.0.1", 0)).unwrap();
        let mut probe = std::net::TcpStream::connect(address).unwrap();
        probe.set_read_timeout(Some(LONG)).unwrap();
        std::io::Write::write_all(&mut probe, b"GET /health HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut probe, &mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    });
    assert!(health.is_ready("generate"));
}
