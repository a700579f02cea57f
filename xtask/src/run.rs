//! Running other programs: the command line is shown, a failure is an error that names it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::paths;

/// How many tests a program ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

/// A program that starts in the repository.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(paths::root());
    command
}

/// The cargo this command was started with.
pub fn cargo(words: &[&str]) -> Command {
    let mut command = program("cargo");
    command.args(words);
    command
}

/// Runs to the end; output goes to the terminal.
pub fn run(command: &mut Command) -> Result<()> {
    show(command);
    let status = command.status().with_context(|| cannot_start(command))?;
    ensure!(status.success(), "`{}` failed ({status})", line(command));
    Ok(())
}

/// Runs without a word and gives what it printed.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::piped()).output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", line(command), output.status, said.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no UTF-8", line(command)))
}

/// Runs a test program: passes its output on and adds up the results that it prints.
///
/// The exit status decides; the counts are for the table.
pub fn run_tests(command: &mut Command) -> Result<(bool, Counts)> {
    show(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| cannot_start(command))?;
    let mut counts = Counts::default();
    for read in child.stdout.take().map(BufReader::new).into_iter().flat_map(|out| out.split(b'\n')) {
        let text = String::from_utf8_lossy(&read?).into_owned();
        println!("{text}");
        if let Some(more) = counts_in(&text) {
            counts.passed += more.passed;
            counts.failed += more.failed;
            counts.skipped += more.skipped;
        }
    }
    Ok((child.wait()?.success(), counts))
}

/// The numbers of a result line: libtest's `test result: ok. 3 passed; 0 failed; 1 ignored; ...`, or the plain
/// `3 passed, 0 failed, 1 skipped` that the scripts of this repository end with.
fn counts_in(text: &str) -> Option<Counts> {
    let text = text.trim();
    let numbers = match text.strip_prefix("test result: ") {
        Some(rest) => rest.split_once(". ")?.1,
        None if text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(" skipped") => text,
        None => return None,
    };
    let of = |names: &[&str]| {
        numbers.split([';', ',']).find_map(|part| {
            let (number, name) = part.trim().split_once(' ')?;
            names.contains(&name).then(|| number.parse().ok())?
        })
    };
    Some(Counts { passed: of(&["passed"])?, failed: of(&["failed"])?, skipped: of(&["ignored", "skipped"])? })
}

fn show(command: &Command) {
    eprintln!("\n$ {}", line(command));
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", line(command))
}

fn line(command: &Command) -> String {
    let root = paths::root();
    let short = |word: &OsStr| word.to_string_lossy().replace(&format!("{}/", root.display()), "");
    let mut text = short(command.get_program());
    for word in command.get_args() {
        text.push(' ');
        text.push_str(&short(word));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_understood() {
        let rows = [
            ("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out", Some((3, 0, 1))),
            (
                "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 filtered out; finished in 0.1s",
                Some((3, 2, 0)),
            ),
            ("200 passed, 1 failed, 0 skipped", Some((200, 1, 0))),
            ("200 cases, 200 passed", None),
            ("test id::tests::round_trip ... ok", None),
            ("", None),
        ];
        for (text, wanted) in rows {
            let wanted = wanted.map(|(passed, failed, skipped)| Counts { passed, failed, skipped });
            assert_eq!(counts_in(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(&mut program("false")).unwrap_err().to_string();
        assert!(error.contains("`false` failed"), "{error}");
        let error = run(&mut program("no-such-program-here")).unwrap_err().to_string();
        assert!(error.contains("cannot start `no-such-program-here`"), "{error}");
    }

    #[test]
    fn a_test_program_that_fails_keeps_its_counts() {
        let script = "echo '2 passed, 1 failed, 0 skipped'; exit 1";
        let (passed, counts) = run_tests(program("sh").args(["-c", script])).unwrap();
        assert_eq!((passed, counts), (false, Counts { passed: 2, failed: 1, skipped: 0 }));
    }
}
