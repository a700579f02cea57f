//! What `docs/spool.md` says is what the library does.

use spanloom::record::{Record, RecordKind, envelope::flags};
use spanloom::spool::{MemoryFiles, RecoveryOptions, Spool, SpoolOptions};
use spanloom::{SpanId, spool};

const PAGE: &str = include_str!("../docs/spool.md");
const NAME: &str = "17979cfe362a0000-0123456789abcdef";
const NOW: u64 = 1_700_000_000_000_000_000;

/// The bytes of the block that begins with "```hex" and this name; what stands behind `#` is remarks.
fn hex_block(name: &str) -> Vec<u8> {
    let opening = format!("```hex {name}\n");
    let (_, rest) = PAGE.split_once(&opening).expect("the page has this block");
    let (block, _) = rest.split_once("```").expect("the block ends");
    let digits = block.lines().map(|line| line.split('#').next().unwrap_or_default());
    let bytes = digits.flat_map(str::split_whitespace);
    bytes.map(|byte| u8::from_str_radix(byte, 16).expect("a byte in hex")).collect()
}

/// The spool of the page: one record is written and settled, one waits.
fn written() -> MemoryFiles {
    let files = MemoryFiles::new();
    let options = SpoolOptions { process: 4711, ..SpoolOptions::new(0x0123_4567_89ab_cdef) };
    let mut spool = Spool::open(files.clone(), options, NOW);
    let mut record = Vec::new();
    let body = b"span";
    Record {
        kind: RecordKind::Finished,
        flags: flags::NODE,
        revision: 1,
        workflow: SpanId::from_u64(9),
        body,
    }
    .write(&mut record);
    spool.append_durable(&record, NOW).expect("there is room");
    spool.acknowledge(1, NOW);
    spool.append(&record, NOW).expect("there is room");
    files
}

#[test]
fn the_segment_is_what_the_library_writes() {
    let contents = written().contents(&format!("{NAME}-00000001.seg"));
    assert_eq!(contents, Some(hex_block("segment")));
}

#[test]
fn the_run_file_is_what_the_library_writes() {
    let contents = written().contents(&format!("{NAME}.run")).expect("it is there");
    assert!(contents.starts_with(&hex_block("run")));
    let page = hex_block("page");
    assert_eq!(page.len(), 64);
    let places: Vec<usize> =
        (0..contents.len()).filter(|at| contents.get(*at..at + 64) == Some(page.as_slice())).collect();
    assert!(matches!(places.as_slice(), [512 | 1024]), "{places:?}");
    assert_eq!(contents.len(), 2048 + 64);
}

#[test]
fn the_page_names_the_defaults_and_all_counters() {
    let options = SpoolOptions::new(1);
    let rows = [
        ("cap_bytes", options.cap_bytes, "256 MiB", 256 << 20),
        ("segment_bytes", options.segment_bytes, "8 MiB", 8 << 20),
        ("write_bytes", options.write_bytes as u64, "64 KiB", 64 << 10),
        ("write_nanos", options.write_nanos, "50 ms", 50_000_000),
        ("sync_nanos", options.sync_nanos, "500 ms", 500_000_000),
        ("retry_nanos", options.retry_nanos, "1 s", 1_000_000_000),
        ("open_span_bytes", options.open_span_bytes as u64, "4 MiB", 4 << 20),
        ("quarantine_bytes", RecoveryOptions::default().quarantine_bytes, "16 MiB", 16 << 20),
    ];
    for (name, value, text, expected) in rows {
        assert_eq!(value, expected, "{name}");
        assert!(PAGE.contains(&format!("| `{name}` | {text} |")), "{name}");
    }
    let report = format!("{:#?}", spool::RecoveryReport::default());
    let fields = report.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    for field in fields.filter_map(|line| line.trim().split_once(':').map(|(name, _)| name)) {
        assert!(PAGE.contains(&format!("`{field}`")), "{field}");
    }
}
