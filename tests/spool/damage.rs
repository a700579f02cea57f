//! Bytes of a spool are changed, zeroed, cut off, taken out and put in, everywhere: the rest is delivered, and what is gone
//! is counted.

use spanloom::spool::{MemoryFiles, Spool};

use crate::support::{Found, NOW, ended, ended_with, options, recover_all};

const RECORDS: u64 = 24;

/// The files that a program leaves that was killed: name and bytes.
fn image() -> Vec<(String, Vec<u8>)> {
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    for id in 1..=RECORDS {
        spool.append_durable(&ended(id), NOW).unwrap();
    }
    drop(spool);
    files.names().into_iter().map(|name| (name.clone(), files.contents(&name).unwrap())).collect()
}

/// What is found when this is done to one of the files, and the files after it.
fn damaged(
    image: &[(String, Vec<u8>)],
    at: usize,
    damage: impl FnOnce(&mut Vec<u8>),
) -> (Found, MemoryFiles) {
    let files = MemoryFiles::new();
    let mut damage = Some(damage);
    for (index, (name, bytes)) in image.iter().enumerate() {
        let mut bytes = bytes.clone();
        if index == at {
            damage.take().unwrap()(&mut bytes);
        }
        files.put(name, &bytes);
    }
    (recover_all(&files), files)
}

/// Each record was found once, in order, or is counted as lost.
fn adds_up(found: &Found) -> bool {
    let in_order = found.ids.is_sorted_by(|one, other| one < other);
    let lost = found.report.lost();
    in_order && found.ids.len() as u64 + lost.spans == RECORDS && lost.spans == lost.records
}

/// The places of the files in the image: the run file, and segments.
fn parts(image: &[(String, Vec<u8>)]) -> (usize, Vec<usize>) {
    let of = |ending: &str| {
        image.iter().enumerate().filter(|(_, (name, _))| name.ends_with(ending)).map(|(at, _)| at).collect()
    };
    let (runs, segments): (Vec<_>, Vec<_>) = (of(".run"), of(".seg"));
    assert!(runs.len() == 1 && segments.len() >= 2);
    (runs[0], segments)
}

#[test]
fn a_changed_byte_of_a_segment_costs_one_record() {
    let image = image();
    let (_, segments) = parts(&image);
    for segment in segments {
        for at in (0..image[segment].1.len()).step_by(3) {
            for change in [0x01, 0x80] {
                let (found, files) = damaged(&image, segment, |bytes| bytes[at] ^= change);
                assert!(adds_up(&found), "byte {at}: {found:?}");
                assert!(found.report.lost().spans <= 1, "byte {at}: {:?}", found.report);
                assert_eq!(found.report.io_errors + found.report.later_files, 0, "byte {at}");
                // The broken bytes are put aside, all else is removed.
                assert_eq!(found.report.broken_files, 1, "byte {at}: {:?}", found.report);
                assert_eq!(files.names(), [format!("{}.bad", image[segment].0)], "byte {at}");
                assert!(found.report.quarantined_bytes >= 24);
            }
        }
    }
}

#[test]
fn zeros_cost_what_they_cover() {
    let image = image();
    let (_, segments) = parts(&image);
    let record = ended(1).len() + 24;
    for segment in segments {
        let length = image[segment].1.len();
        for at in (0..length).step_by(61) {
            let zeroed = 512.min(length - at);
            let (found, _) = damaged(&image, segment, |bytes| bytes[at..at + zeroed].fill(0));
            assert!(adds_up(&found), "{at}: {found:?}");
            assert!(found.report.lost().spans as usize <= 2 + zeroed / record, "{at}: {:?}", found.report);
        }
    }
}

#[test]
fn a_file_that_was_cut_off_gives_what_is_left() {
    let image = image();
    let (_, segments) = parts(&image);
    for &segment in &segments {
        for length in (0..image[segment].1.len()).step_by(3) {
            let (found, files) = damaged(&image, segment, |bytes| bytes.truncate(length));
            assert!(adds_up(&found), "{length}: {found:?}");
            assert!(found.report.lost().spans > 0, "{length}");
            let of_last = segment == *segments.last().unwrap();
            let counted = if of_last { found.report.truncated } else { found.report.gaps };
            assert_eq!(counted.spans + found.report.corrupt.spans, found.report.lost().spans, "{length}");
            assert_eq!(files.names(), [""; 0], "{length}");
        }
    }
}

#[test]
fn bytes_taken_out_and_put_in_cost_the_record_they_hit() {
    let image = image();
    let (_, segments) = parts(&image);
    for at in (0..image[segments[0]].1.len()).step_by(5) {
        let (found, _) = damaged(&image, segments[0], |bytes| {
            bytes.remove(at);
        });
        assert!(adds_up(&found) && found.report.lost().spans <= 1, "{at}: {found:?}");
        let (found, _) = damaged(&image, segments[0], |bytes| {
            bytes.splice(at..at, [0xf5, b's', b'p', b'l', 1, 2, 3]);
        });
        assert!(adds_up(&found) && found.report.lost().spans <= 1, "{at}: {found:?}");
    }
}

#[test]
fn a_damaged_run_file_costs_nothing_but_counters() {
    let image = image();
    let (run, _) = parts(&image);
    let whole: Vec<u64> = (1..=RECORDS).collect();
    for at in (0..image[run].1.len()).step_by(3) {
        let (found, files) = damaged(&image, run, |bytes| bytes[at] ^= 0x10);
        assert_eq!((found.ids.as_slice(), found.report.lost().records), (whole.as_slice(), 0), "byte {at}");
        assert_eq!(files.names(), [""; 0]);
    }
    for length in [0, 1, 63, 64, 512, 600, 1100, 2000] {
        let (found, _) = damaged(&image, run, |bytes| bytes.truncate(length));
        assert_eq!((found.ids.as_slice(), found.report.lost().records), (whole.as_slice(), 0), "{length}");
    }
    let (found, _) = damaged(&image, run, |bytes| bytes.fill(0xaa));
    assert_eq!((found.ids.as_slice(), found.report.counters_lost), (whole.as_slice(), 1));
}

#[test]
fn segments_without_a_run_file_are_found() {
    let image = image();
    let (run, segments) = parts(&image);
    let files = MemoryFiles::new();
    for (_, (name, bytes)) in image.iter().enumerate().filter(|(at, _)| *at != run) {
        files.put(name, bytes);
    }
    let found = recover_all(&files);
    assert_eq!(found.ids, (1..=RECORDS).collect::<Vec<_>>());
    assert_eq!((found.report.counters_lost, files.names().len()), (1, 0));
    // The first ones may have been settled and removed: nobody can tell, so nothing is called lost.
    files.put(&image[segments[1]].0, &image[segments[1]].1);
    let found = recover_all(&files);
    assert!(found.ids.len() > 3 && found.ids.ends_with(&[RECORDS]));
    assert_eq!(found.report.lost().records, 0);
}

#[test]
fn segments_under_each_others_names_are_counted() {
    let image = image();
    let (run, segments) = parts(&image);
    let files = MemoryFiles::new();
    files.put(&image[run].0, &image[run].1);
    // The last one stands first: what is in the others comes too late, and was counted as missing by then.
    for (to, from) in segments.iter().zip(segments.iter().rev()) {
        files.put(&image[*to].0, &image[*from].1);
    }
    let found = recover_all(&files);
    assert!(adds_up(&found), "{found:?}");
    assert_eq!(found.report.repeated, found.report.lost().records, "{found:?}");
    assert_eq!(found.report.broken_files as usize, segments.len() & !1, "{found:?}");
}

#[test]
fn a_missing_segment_is_a_gap() {
    let image = image();
    let (_, segments) = parts(&image);
    let files = MemoryFiles::new();
    for (_, (name, bytes)) in image.iter().enumerate().filter(|(at, _)| *at != segments[0]) {
        files.put(name, bytes);
    }
    let found = recover_all(&files);
    assert!(adds_up(&found), "{found:?}");
    assert_eq!(found.report.gaps, found.report.lost());
    assert!(found.report.gaps.spans > 5);
}

#[test]
fn later_versions_are_left_as_they_are() {
    let image = image();
    let (run, segments) = parts(&image);
    let later = |bytes: &mut Vec<u8>| {
        bytes[8] = 2;
        bytes[50] = 0x77;
    };
    for round in 0..2 {
        let (found, files) = damaged(&image, segments[0], later);
        assert_eq!(found.report.later_files, 1, "round {round}");
        // The other segments are delivered; what the later one holds is not called lost.
        assert!(found.ids.ends_with(&[RECORDS]) && found.ids.len() < RECORDS as usize);
        assert_eq!(found.report.lost().records, 0);
        let left = files.names();
        assert_eq!(left, [image[segments[0]].0.as_str(), image[run].0.as_str()]);
        let mut expected = image[segments[0]].1.clone();
        later(&mut expected);
        assert_eq!(files.contents(&left[0]), Some(expected));
        // The next start finds it again, and nothing else.
        let again = recover_all(&files);
        assert_eq!((again.ids.len(), again.report.later_files, again.report.lost().records), (0, 1, 0));
        assert_eq!(files.names(), left);
    }
    let (found, files) = damaged(&image, run, later);
    assert_eq!((found.ids.len(), found.report.later_files), (0, 1));
    assert_eq!(files.names().len(), image.len());
}

#[test]
fn records_of_a_later_version_are_put_aside_and_counted() {
    use spanloom::record::envelope;
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    let mut later = ended(2);
    later[8] = 2;
    let mut unknown = ended(3);
    unknown[9] = 99;
    for record in [ended(1), later.clone(), unknown, ended(4)] {
        spool.append_durable(&record, NOW).unwrap();
    }
    drop(spool);
    let found = recover_all(&files);
    assert_eq!((found.ids.as_slice(), found.report.unknown.records), ([1, 4].as_slice(), 2));
    assert_eq!((found.report.lost().records, found.report.lost().spans), (2, 1));
    let [bad] = files.names().try_into().unwrap();
    envelope::seal(&mut later);
    assert!(files.contents(&bad).unwrap().starts_with(&later));
}

#[test]
fn what_is_none_of_ours_is_left_alone() {
    let files = MemoryFiles::new();
    let long = format!("{}.seg", "f".repeat(16));
    for name in ["notes.txt", "x.seg", ".run", "0123.bad", long.as_str()] {
        files.put(name, b"whatever");
    }
    let found = recover_all(&files);
    assert_eq!((found.report.foreign_files, found.report.runs), (5, 0));
    assert_eq!(files.names().len(), 5);
}

#[test]
fn garbage_under_our_names_is_put_aside() {
    let files = MemoryFiles::new();
    let image = image();
    let (run, segments) = parts(&image);
    files.put(&image[run].0, &[0x5a; 4000]);
    files.put(&image[segments[0]].0, &[0x5a; 200_000]);
    files.put(&image[segments[1]].0, &[0; 200_000]);
    let found = recover_all(&files);
    assert_eq!((found.ids.len(), found.report.broken_files, found.report.torn_tails), (0, 1, 1));
    assert_eq!(found.report.quarantined_bytes, 200_000);
    assert_eq!(files.names(), [format!("{}.bad", image[segments[0]].0)]);
}

#[test]
fn quarantine_has_an_end() {
    use spanloom::spool::{RecoveryOptions, recover};
    let image = image();
    let (_, segments) = parts(&image);
    let files = MemoryFiles::new();
    files.put(&format!("{}.bad", image[segments[1]].0), &[1; 900]);
    files.put(&image[segments[0]].0, &[0x5a; 5_000]);
    let options = RecoveryOptions { quarantine_bytes: 1_000, ..RecoveryOptions::default() };
    let mut recovered = recover(files.clone(), options, NOW);
    assert!(recovered.next_chunk().is_none());
    assert_eq!(recovered.report().quarantined_bytes, 100);
    assert_eq!(files.contents(&format!("{}.bad", image[segments[0]].0)).unwrap().len(), 100);
}

#[test]
fn a_huge_length_takes_no_memory() {
    // A frame whose checksum fits and whose record is said to be 64 MiB, in a small file.
    let image = image();
    let (_, segments) = parts(&image);
    let mut long = ended_with(1, "x");
    let files = MemoryFiles::new();
    let (found, _) = damaged(&image, segments[1], |bytes| bytes.truncate(2_000));
    assert!(found.report.torn_tails <= 1);
    long[..4].copy_from_slice(&(64u32 << 20).to_le_bytes());
    files.put(&image[segments[0]].0, &long);
    assert_eq!(recover_all(&files).ids.len(), 0);
}
