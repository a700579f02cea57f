//! Clocks that jump, disks and memory that have an end.
#![expect(clippy::disallowed_methods, reason = "time is what is bounded")]

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use spanloom::deliver::{Answer, Options, Reason};
use spanloom::host::ManualClock;
use spanloom::native::{OtlpHttp, SpoolConfig};
use spanloom::record::Limits;
use spanloom::spool::FilesError;
use spanloom::{Exporter, Loom, MemoryExporter, Outgoing};
use spanloom_chaos::{Action, AfterPause, Chaos, Huge, HugeKind, PauseAfterStore, Scenario, Step};

use crate::halts::Halts;
use crate::scratch::Folder;
use crate::support::{LONG, adds_up, spans};

#[test]
fn f22_clocks_that_jump_make_no_negative_times_and_hold_up_nothing() {
    const HOUR: u64 = 3_600_000_000_000;
    const NOW: u64 = 1_800_000_000_000_000_000;
    let (memory, clock) = (MemoryExporter::new(), ManualClock::at(NOW));
    let loom = Loom::builder().exporter(memory.clone()).clock(clock.clone()).build();
    // Forth, back, a machine that slept for 8 hours, 1970, 2106, the end of time.
    let jumps =
        [NOW + HOUR, NOW - HOUR, NOW + 8 * HOUR, 0, u64::from(u32::MAX) * 1_000_000_000, u64::MAX, NOW];
    for jump in jumps {
        let run = loom.workflow("answer").start();
        let mut node = run.node("plan").start();
        clock.set(jump);
        node.event("jumped", &[]);
        node.first_frame();
        node.end();
        run.end();
        assert!(loom.flush(LONG).is_complete());
    }
    assert_eq!(adds_up(&loom).delivered, 2 * jumps.len() as u64);
    let mut seen = 0;
    memory.each_span(|span| {
        assert!(span.end_unix_nano >= span.start_unix_nano, "{}", span.name);
        seen += 1;
    });
    assert_eq!(seen, 2 * jumps.len());
}

/// The most memory that this process had so far, in bytes.
#[cfg(target_os = "linux")]
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    most.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// P3, as the system sees it: 300 MB are recorded while nobody takes any.
#[test]
#[cfg(target_os = "linux")]
fn f23_an_outage_does_not_fill_the_memory() {
    if !in_own_process("limits::f23_an_outage_does_not_fill_the_memory") {
        return;
    }
    let hole = Chaos::start(Scenario::new("hole").step(Step::new(Action::BlackHole))).unwrap();
    let exporter = OtlpHttp::builder(hole.endpoint()).no_proxy().build().unwrap();
    let loom = Loom::builder()
        .exporter(exporter)
        .on_notice(|_, _| ())
        .shutdown_timeout(Duration::from_millis(100))
        .build();
    let text = "x".repeat(50_000);
    let before = most_memory();
    for _ in 0..6_000 {
        let mut node = loom.span("s", None).start();
        node.attribute("text", text.as_str());
        node.end();
    }
    let ledger = adds_up(&loom);
    assert!(ledger.reasons.get(Reason::QueueFull) > 0, "{ledger:?}");
    // Queues of 32 MiB, at most 64 MiB that threads have not handed over, batches, and what an allocator keeps.
    let grown = most_memory() - before;
    assert!(grown < 160 << 20, "{grown} bytes more");
}

/// What threads have not handed over has an end, too; who records waits for nobody even then, and all of it is counted.
#[test]
fn f23_what_nobody_takes_from_the_threads_is_bounded() {
    const MOST: u64 = 64 << 20;
    let (halts, memory) = (Halts::default(), MemoryExporter::new());
    let roomy = Options { queue_bytes: 4 * MOST, ..Options::default() };
    let loom = Loom::builder()
        .exporter_with(memory.clone(), roomy)
        .clock(halts.clone())
        .on_notice(|_, _| ())
        .build();
    spans(&loom, 1);
    halts.wait_until_it_stands();
    let text = "x".repeat(50_000);
    for _ in 0..2_000 {
        let mut node = loom.span("s", None).start();
        node.attribute("text", text.as_str());
        node.end();
    }
    halts.go_on();
    assert_eq!(loom.flush(2 * LONG).pending, 0, "{:?}", loom.ledger());
    let ledger = adds_up(&loom);
    assert_eq!((ledger.accepted, ledger.delivered), (2_001, memory.span_count() as u64), "{ledger:?}");
    assert_eq!(ledger.dropped, ledger.reasons.get(Reason::QueueFull), "{ledger:?}");
    // Each of these spans has a chunk of 64 KiB of its own.
    assert!((MOST / 2..=MOST).contains(&(ledger.delivered * 50_000)), "{ledger:?}");
}

/// P3: of answers of a gigabyte, as they are, packed and in chunks, no more is held than is read.
#[test]
#[cfg(target_os = "linux")]
fn f11_answers_of_a_gigabyte_cost_no_memory() {
    if !in_own_process("limits::f11_answers_of_a_gigabyte_cost_no_memory") {
        return;
    }
    let kinds = [HugeKind::Bytes, HugeKind::GzipBomb, HugeKind::EndlessChunks];
    let scenario = kinds.into_iter().fold(Scenario::new("huge"), |scenario, kind| {
        scenario.step(Step::new(Action::Huge(Huge { kind, bytes: 1 << 30 })).times(1))
    });
    let chaos = Chaos::start(scenario).unwrap();
    let exporter = OtlpHttp::builder(chaos.endpoint()).no_proxy().build().unwrap();
    let loom = Loom::builder().exporter(exporter).on_notice(|_, _| ()).build();
    let before = most_memory();
    for sent in 1..=3 {
        spans(&loom, 10);
        assert_eq!(loom.flush(LONG).pending, 0, "{:?}", loom.ledger());
        assert_eq!(adds_up(&loom).delivered, 10 * sent);
    }
    let grown = most_memory() - before;
    assert!(grown < 64 << 20, "{grown} bytes more");
}

/// B02: texts and bytes of 100 MB, wherever they stand, are cut without a copy of the whole.
#[test]
#[cfg(target_os = "linux")]
fn b02_of_a_huge_text_only_what_is_kept_is_copied() {
    if !in_own_process("limits::b02_of_a_huge_text_only_what_is_kept_is_copied") {
        return;
    }
    // Small beside the texts, however often a span is held on its way.
    let limits = Limits { span_bytes: 4 << 20, ..Limits::default() };
    let loom = Loom::builder().exporter(MemoryExporter::new()).limits(limits).build();
    let big = "é".repeat(50_000_000);
    let before = most_memory();
    let mut node = loom.span(&big, None).start();
    node.attribute("text", &big).attribute("bytes", big.as_bytes()).attribute(&big, 1);
    node.input("text", &big).output("text", &big).event("e", &[("text", big.as_str().into())]);
    node.info(&big).error(&big).exception(&big, &big).next(&big);
    node.end();
    assert!(loom.flush(LONG).is_complete());
    let grown = most_memory() - before;
    assert!(grown < 90 << 20, "{grown} bytes more");
}

/// Sends a signal to the thread that calls, and to all threads of looms, until it is dropped. Calls of the system that they are
/// in are cut short: nothing asks for these to be taken up again.
#[cfg(target_os = "linux")]
struct Storm {
    goes_on: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<u64>>,
}

#[cfg(target_os = "linux")]
impl Storm {
    fn begin() -> Self {
        extern "C" fn ignore(_: libc::c_int) {}
        // SAFETY: zeros are an action without flags, and the handler does nothing.
        let own = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = ignore as *const () as usize;
            assert_eq!(libc::sigaction(libc::SIGUSR2, &raw const action, std::ptr::null_mut()), 0);
            libc::gettid()
        };
        let goes_on = Arc::new(AtomicBool::new(true));
        let blows = Arc::clone(&goes_on);
        let thread = std::thread::spawn(move || {
            let mut signals = 0;
            while blows.load(Ordering::Relaxed) {
                for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
                    let id: libc::pid_t = task.file_name().to_str().unwrap().parse().unwrap();
                    let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
                    if id == own || name.starts_with("spanloom") {
                        // SAFETY: a thread that has gone is an error, and nothing else.
                        let sent =
                            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), id, libc::SIGUSR2) };
                        signals += u64::from(sent == 0);
                    }
                }
                std::thread::sleep(Duration::from_micros(500));
            }
            signals
        });
        Self { goes_on, thread: Some(thread) }
    }

    fn end(mut self) -> u64 {
        self.goes_on.store(false, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

/// Every wait for a lock, a socket or a disk is cut short again and again: nothing is lost, nothing is sent twice, and what is to
/// end ends.
#[test]
#[cfg(target_os = "linux")]
fn f29_a_storm_of_signals_costs_nothing() {
    if !in_own_process("limits::f29_a_storm_of_signals_costs_nothing") {
        return;
    }
    // The exporter waits for each answer, with signals all the while.
    let pause = PauseAfterStore { seconds: 0.1, then: AfterPause::Answer };
    let chaos = Chaos::start(Scenario::new("slow").step(Step::new(Action::PauseAfterStore(pause)))).unwrap();
    let folder = Folder::new("f29-signals");
    let exporter = OtlpHttp::builder(chaos.endpoint()).no_proxy().build().unwrap();
    let loom = Loom::builder()
        .exporter(exporter)
        .spool(SpoolConfig::new(&folder.0).durable(true))
        .on_notice(|_, _| ())
        .build();
    let storm = Storm::begin();
    for _ in 0..10 {
        spans(&loom, 20);
        let receipt = loom.flush(LONG);
        assert!(receipt.is_complete(), "{receipt}");
    }
    spans(&loom, 20);
    let receipt = loom.shutdown(LONG);
    assert_eq!((receipt.dropped, receipt.pending), (0, 0), "{receipt}");
    assert!(storm.end() > 100, "there was no storm");
    assert_eq!(adds_up(&loom).delivered, 220);
    let report = chaos.report();
    assert_eq!((report.spans.unique(), report.spans.duplicates()), (220, 0));
}

/// The queues have an end, in spans and in bytes, and so has what threads have not handed over.
#[test]
fn f23_a_receiver_that_is_gone_costs_no_more_memory_than_was_allowed() {
    let hole = Chaos::start(Scenario::new("hole").step(Step::new(Action::BlackHole))).unwrap();
    let exporter = OtlpHttp::builder(hole.endpoint()).no_proxy().build().unwrap();
    let small = Options { queue_bytes: 1 << 20, ..Options::default() };
    let loom = Loom::builder()
        .exporter_with(exporter, small)
        .on_notice(|_, _| ())
        .shutdown_timeout(Duration::from_millis(100))
        .build();
    let text: Arc<str> = "x".repeat(10_000).into();
    let start = Instant::now();
    for _ in 0..2_000 {
        let mut node = loom.span("s", None).start();
        node.attribute("text", &*text);
        node.end();
    }
    assert!(start.elapsed() < LONG, "nothing waits for the receiver");
    loom.flush(Duration::from_millis(100));
    let ledger = adds_up(&loom);
    assert_eq!((ledger.accepted, ledger.delivered), (2_000, 0));
    assert_eq!(ledger.dropped, ledger.reasons.get(Reason::QueueFull), "{ledger:?}");
    // A mebibyte waits, and one batch of three at most is on its way.
    assert!(ledger.pending * 10_000 <= 4 << 20, "{ledger:?}");
    assert!(ledger.pending > 0, "{ledger:?}");
}

#[test]
fn f20_a_folder_that_is_removed_costs_nothing() {
    let folder = Folder::new("f20-removed");
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).spool(SpoolConfig::new(&folder.0)).build();
    spans(&loom, 100);
    assert!(loom.flush(LONG).is_complete());
    std::fs::remove_dir_all(&folder.0).unwrap();
    spans(&loom, 100);
    assert!(loom.flush(LONG).is_complete(), "{:?}", loom.ledger());
    assert_eq!((adds_up(&loom).delivered, memory.span_count()), (200, 200));
}

/// Runs the rest of this test in a process of its own, whose limits may be changed; true in that one.
#[cfg(unix)]
fn in_own_process(test: &str) -> bool {
    const MARK: &str = "SPANLOOM_TEST_LIMITS";
    #[expect(clippy::disallowed_methods, reason = "a test that starts itself as another program")]
    if std::env::var(MARK).is_ok() {
        return true;
    }
    passes(own_process(test).env(MARK, "1"));
    false
}

/// This program again, for this test alone.
#[cfg(unix)]
fn own_process(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command
}

#[cfg(unix)]
#[track_caller]
fn passes(command: &mut Command) {
    let run = command.output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

/// Sets the soft limit; gives the one before.
#[cfg(unix)]
fn limit(what: libc::__rlimit_resource_t, soft: libc::rlim_t) -> libc::rlim_t {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limits` is there to be written to and read from.
    unsafe {
        assert_eq!(libc::getrlimit(what, &raw mut limits), 0);
        let before = std::mem::replace(&mut limits.rlim_cur, soft);
        assert_eq!(libc::setrlimit(what, &raw const limits), 0);
        before
    }
}

#[track_caller]
fn wait_until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < 2 * LONG, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn f20_files_that_must_not_grow_any_more_and_then_may() {
    if !in_own_process("limits::f20_files_that_must_not_grow_any_more_and_then_may") {
        return;
    }
    // SAFETY: the signal is not handled, so that writing gives an error instead.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let before = limit(libc::RLIMIT_FSIZE, 64 << 10);
    let folder = Folder::new("f20-full");
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).spool(SpoolConfig::new(&folder.0)).build();
    let trouble = || loom.spool_status().unwrap().trouble.is_some();
    wait_until("the disk has no end", || {
        trouble() || {
            spans(&loom, 500);
            false
        }
    });
    // Without the disk all goes on in memory.
    spans(&loom, 1_000);
    assert!(loom.flush(LONG).is_complete(), "{:?}", loom.ledger());
    limit(libc::RLIMIT_FSIZE, before);
    let written = loom.spool_status().unwrap().written;
    wait_until("the disk is not tried again", || {
        spans(&loom, 1);
        !trouble() && loom.spool_status().unwrap().written > written
    });
    assert!(loom.flush(LONG).is_complete(), "{:?}", loom.ledger());
    let ledger = adds_up(&loom);
    let recorded = memory.span_count() as u64;
    assert_eq!((ledger.accepted, ledger.delivered), (recorded, recorded));
}

/// Has the program see an empty disk of 256 KiB in this folder, which nobody else sees and which goes with it.
#[cfg(target_os = "linux")]
fn on_a_small_disk<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::process::CommandExt as _;
    let folder = CString::new(folder.as_os_str().as_bytes()).unwrap();
    let mount = move || {
        let done =
            |result: libc::c_int| if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) };
        let none = std::ptr::null();
        // SAFETY: the texts end with a zero, and the calls are allowed between a fork and a program.
        unsafe {
            done(libc::unshare(libc::CLONE_NEWNS))?;
            // What is mounted from now on is seen here alone.
            done(libc::mount(
                c"none".as_ptr(),
                c"/".as_ptr(),
                none,
                libc::MS_REC | libc::MS_PRIVATE,
                none.cast(),
            ))?;
            let (kind, size) = (c"tmpfs".as_ptr(), c"size=256k".as_ptr());
            done(libc::mount(kind, folder.as_ptr(), kind, 0, size.cast()))
        }
    };
    // SAFETY: `mount` takes no lock and no memory.
    unsafe { command.pre_exec(mount) }
}

/// Takes nothing before it is opened.
#[cfg(target_os = "linux")]
struct Gated {
    open: Arc<AtomicBool>,
    behind: MemoryExporter,
}

#[cfg(target_os = "linux")]
impl Exporter for Gated {
    fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        if self.open.load(Ordering::SeqCst) { self.behind.export(outgoing) } else { Answer::later("closed") }
    }
}

/// A disk that is really full: of this test's own, in memory.
#[test]
#[cfg(target_os = "linux")]
fn f20_a_disk_that_is_full_and_then_has_room() {
    const DISK: &str = "SPANLOOM_TEST_DISK";
    let Some(disk) = std::env::var_os(DISK).map(PathBuf::from) else {
        let folder = Folder::new("f20-disk");
        std::fs::create_dir_all(&folder.0).unwrap();
        let may = on_a_small_disk(&mut Command::new("true"), &folder.0).status();
        match may {
            Ok(_) => {
                let mut own = own_process("limits::f20_a_disk_that_is_full_and_then_has_room");
                passes(on_a_small_disk(own.env(DISK, &folder.0), &folder.0));
            }
            Err(why) => eprintln!("not tested: no disk of its own may be mounted here: {why}"),
        }
        return;
    };
    let (open, memory) = (Arc::new(AtomicBool::new(false)), MemoryExporter::new());
    let quick = Options {
        linger: Duration::from_millis(1),
        retry_first: Duration::from_millis(10),
        retry_longest: Duration::from_millis(50),
        ..Options::default()
    };
    let loom = Loom::builder()
        .exporter_with(Gated { open: Arc::clone(&open), behind: memory.clone() }, quick)
        .spool(SpoolConfig::new(disk.join("spool")))
        .on_notice(|_, _| ())
        .build();
    let status = || loom.spool_status().unwrap();
    wait_until("the disk is not found full", || {
        spans(&loom, 100);
        status().trouble == Some(FilesError::NoSpace)
    });
    assert!(status().written > 0, "there was some room: {:?}", status());
    // What the disk has not is held in memory, for the time being.
    spans(&loom, 1_000);
    assert_eq!(loom.flush(Duration::from_millis(10)).dropped, 0, "{:?}", adds_up(&loom));
    let written = status().written;
    open.store(true, Ordering::SeqCst);
    assert!(loom.flush(LONG).is_complete(), "{:?}", loom.ledger());
    // What was delivered goes from the disk, and there is room.
    wait_until("the disk is not tried again", || {
        spans(&loom, 1);
        status().trouble.is_none() && status().written > written
    });
    assert!(loom.flush(LONG).is_complete(), "{:?}", loom.ledger());
    let ledger = adds_up(&loom);
    let recorded = memory.span_count() as u64;
    assert_eq!((ledger.accepted, ledger.delivered), (recorded, recorded));
    println!("{written} records found room on the disk, {recorded} spans arrived");
}

#[test]
#[cfg(target_os = "linux")]
fn f20_no_more_files_and_no_more_sockets() {
    if !in_own_process("limits::f20_no_more_files_and_no_more_sockets") {
        return;
    }
    let chaos = Chaos::start(Scenario::new("well")).unwrap();
    let exporter = OtlpHttp::builder(chaos.endpoint()).no_proxy().build().unwrap();
    let folder = Folder::new("f20-files");
    let before = limit(libc::RLIMIT_NOFILE, 3);
    let quick = Options { retry_longest: Duration::from_secs(1), ..Options::default() };
    let loom = Loom::builder()
        .exporter_with(exporter, quick)
        .spool(SpoolConfig::new(&folder.0))
        .on_notice(|_, _| ())
        .build();
    spans(&loom, 100);
    let receipt = loom.flush(Duration::from_millis(100));
    assert_eq!((receipt.delivered, receipt.dropped, receipt.pending), (0, 0, 100));
    assert!(loom.spool_status().unwrap().trouble.is_some());
    limit(libc::RLIMIT_NOFILE, before);
    assert!(loom.flush(LONG).is_complete(), "{:?}", loom.ledger());
    assert_eq!((adds_up(&loom).delivered, chaos.report().spans.unique()), (100, 100));
}
