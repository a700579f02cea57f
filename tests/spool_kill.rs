//! A program that spools is killed again and again, at any moment; nothing that it was told to be written is lost.
//!
//! This binary is both: without arguments of its own it supervises, with the variable set it is the program that dies. A
//! child first delivers what the child before it left, then records until it is killed. It tells on its standard output
//! what it knows, each time before anybody may rely on it.

#[path = "common/records.rs"]
mod records;
#[path = "common/scratch.rs"]
mod scratch;

use std::collections::BTreeSet;
use std::env;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use spanloom::host::{Entropy, SeededEntropy};
use spanloom::native::{FolderFiles, system_unix_nanos};
use spanloom::spool::{RecoveryOptions, RecoveryReport, Spool, SpoolOptions, recover};

use records::{ended_with, ids};
use scratch::Folder;

const KILLS: u64 = 320;
/// Ids of one child begin at a multiple of this.
const IDS: u64 = 1 << 32;
const FOLDER: &str = "SPANLOOM_TEST_SPOOL";
const ROUND: &str = "SPANLOOM_TEST_ROUND";

fn main() {
    #[expect(clippy::disallowed_methods, reason = "a test that starts itself as another program")]
    match (env::var(FOLDER), env::var(ROUND)) {
        (Ok(folder), Ok(round)) => record_until_killed(Path::new(&folder), round.parse().expect("a number")),
        _ => supervise(),
    }
}

/// The program that dies. Lines: `d` an id was delivered, `a` up to here accepted, `w` up to here written, `s` up to here
/// about to be settled.
fn record_until_killed(folder: &Path, round: u64) {
    // Not kept in memory: what was said before the kill has been heard.
    let mut out = std::io::stdout();
    let mut say = |what: &str, number: u64| {
        out.write_all(format!("{what} {number}\n").as_bytes()).expect("the supervisor listens");
        out.flush().expect("the supervisor listens");
    };
    let random = SeededEntropy::new(round);
    let files = FolderFiles::new(folder);
    let small = RecoveryOptions { chunk_bytes: 4_000, ..RecoveryOptions::default() };
    let mut recovered = recover(files.clone(), small, system_unix_nanos());
    while let Some(chunk) = recovered.next_chunk() {
        ids(&chunk.records).into_iter().for_each(|id| say("d", id));
        recovered.acknowledge(chunk.number);
    }
    assert_eq!(recovered.report().io_errors, 0, "{:?}", recovered.report());
    let options = SpoolOptions {
        segment_bytes: 16 << 10,
        write_bytes: 2_000,
        write_nanos: 2_000_000,
        sync_nanos: 5_000_000,
        ..SpoolOptions::new(round)
    };
    let mut spool = Spool::open(files, options, system_unix_nanos());
    let mut written = 0;
    loop {
        let id = round * IDS + spool.status().accepted + 1;
        let text = "x".repeat((random.next_u64() % 600) as usize);
        let durable = random.next_u64().is_multiple_of(64);
        let (record, now) = (ended_with(id, &text), system_unix_nanos());
        let appended = if durable { spool.append_durable(&record, now) } else { spool.append(&record, now) };
        say("a", round * IDS + appended.expect("there is room").last);
        let status = spool.status();
        assert_eq!(status.trouble, None);
        if status.written > written {
            written = status.written;
            say("w", round * IDS + written);
        }
        if random.next_u64().is_multiple_of(32) {
            let to = written.saturating_sub(random.next_u64() % 50);
            say("s", round * IDS + to);
            spool.acknowledge(to, now);
        }
        spool.tick(system_unix_nanos());
    }
}

/// What a child said before it died.
#[derive(Debug, Default)]
struct Heard {
    delivered: BTreeSet<u64>,
    accepted: u64,
    written: u64,
    settled: u64,
}

fn run_and_kill(folder: &Path, round: u64, after: Duration) -> Heard {
    let mut child = Command::new(env::current_exe().expect("this program"))
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut output = child.stdout.take().expect("its output");
    let mut said = Vec::new();
    // One in eight is killed while it starts, the others while they work.
    if !round.is_multiple_of(8) {
        said.push(0);
        output.read_exact(&mut said).expect("the child says something");
    }
    std::thread::sleep(after);
    let ended = child.try_wait().expect("a child");
    assert_eq!(ended, None, "the child ended by itself");
    child.kill().expect("it can be killed");
    output.read_to_end(&mut said).expect("its output");
    let said = String::from_utf8(said).expect("text");
    child.wait().expect("a child");
    // The last line may have been cut short.
    let whole = said.rfind('\n').map_or("", |end| &said[..end]);
    let base = round * IDS;
    let mut heard = Heard { accepted: base, written: base, settled: base, ..Heard::default() };
    for line in whole.lines() {
        let (what, number) = line.split_once(' ').expect("a line");
        let number: u64 = number.parse().expect("a number");
        match what {
            "d" => {
                heard.delivered.insert(number);
            }
            "a" => heard.accepted = number,
            "w" => heard.written = number,
            "s" => heard.settled = heard.settled.max(number),
            other => panic!("{other}"),
        }
    }
    heard
}

fn recover_all(folder: &Path) -> (BTreeSet<u64>, RecoveryReport) {
    let files = FolderFiles::new(folder);
    let mut recovered = recover(files, RecoveryOptions::default(), system_unix_nanos());
    let mut found = BTreeSet::new();
    while let Some(chunk) = recovered.next_chunk() {
        found.extend(ids(&chunk.records));
        recovered.acknowledge(chunk.number);
    }
    (found, recovered.report().clone())
}

fn supervise() {
    let folder = Folder::new("kill");
    let random = SeededEntropy::new(u64::from(std::process::id()));
    // Written and not about to be settled when its program died; not seen again since.
    let mut due = BTreeSet::new();
    let (mut written, mut redelivered, mut window) = (0, 0, 0);
    let mut is_only_one = true;
    for round in 1..=KILLS {
        let after = Duration::from_micros(random.next_u64() % 10_000);
        let heard = run_and_kill(&folder.0, round, after);
        written += heard.written - round * IDS;
        redelivered += heard.delivered.len();
        for id in &heard.delivered {
            due.remove(id);
        }
        due.extend(heard.settled + 1..=heard.written);
        // Now and then a child finds what several before it left.
        if random.next_u64().is_multiple_of(3) {
            is_only_one = false;
            continue;
        }
        let (found, report) = recover_all(&folder.0);
        for id in &found {
            due.remove(id);
        }
        assert!(due.is_empty(), "round {round}: {} written records are gone: {report:?}", due.len());
        assert_eq!(
            (report.io_errors, report.corrupt.records, report.gaps.records, report.truncated.records),
            (0, 0, 0, 0),
            "round {round}: {report:?}"
        );
        // All that this child was told to be accepted is there, was settled, or is counted.
        let last = found.range(round * IDS..).last().copied().unwrap_or(heard.settled);
        let counted = report.crash_window.records;
        assert!(last.max(heard.settled) + counted >= heard.accepted, "round {round}: {heard:?} {report:?}");
        // Nor is more called lost, where it is the only one that was found: one more than it said may have been accepted.
        let none_more = heard.written + counted <= heard.accepted + 1;
        assert!(none_more || !is_only_one, "round {round}: {heard:?} {report:?}");
        is_only_one = true;
        window += counted;
    }
    let left = std::fs::read_dir(&folder.0).map_or(0, Iterator::count);
    let (found, _) = recover_all(&folder.0);
    assert!(due.is_subset(&found));
    println!(
        "{KILLS} kills: {written} records written, {redelivered} delivered by a later child, {window} in the"
    );
    println!("crash window, none lost; {left} files at the end");
    assert!(written > 0, "the children did nothing before they were killed");
}
