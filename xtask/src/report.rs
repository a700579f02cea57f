//! Steps of a long command: each passes, fails or is skipped by name; a table at the end tells all of it.

use std::fmt::Write;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::run::{Counts, run, run_tests};

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

struct Step {
    name: String,
    outcome: Outcome,
    /// What a test program counted; a step without is one check.
    counts: Option<Counts>,
    took: Duration,
}

/// The steps so far.
#[derive(Default)]
pub struct Report(Vec<Step>);

impl Report {
    /// A step that is one check.
    pub fn check(&mut self, name: &str, action: impl FnOnce() -> Result<()>) {
        self.time(name, || match action() {
            Ok(()) => (Outcome::Passed, None),
            Err(error) => (Outcome::Failed(format!("{error:#}")), None),
        });
    }

    /// A step that is one command.
    pub fn command(&mut self, name: &str, mut command: Command) {
        self.check(name, || run(&mut command));
    }

    /// A step that runs tests with a tool; skipped where the tool cannot be had.
    pub fn tests<T>(
        &mut self,
        name: &str,
        tool: impl FnOnce() -> Result<T>,
        command: impl FnOnce(T) -> Result<Command>,
    ) {
        self.time(name, || {
            let tool = match tool() {
                Ok(tool) => tool,
                Err(reason) => return (Outcome::Skipped(format!("{reason:#}")), None),
            };
            match command(tool).and_then(|mut command| run_tests(&mut command)) {
                Ok((true, Counts { passed: 0, failed: 0, .. })) => {
                    (Outcome::Failed("ran no tests".to_owned()), None)
                }
                Ok((true, counts)) if counts.failed == 0 => (Outcome::Passed, Some(counts)),
                Ok((_, counts)) => (Outcome::Failed("see above".to_owned()), Some(counts)),
                Err(error) => (Outcome::Failed(format!("{error:#}")), None),
            }
        });
    }

    /// A step that is one check with a tool; skipped where the tool cannot be had.
    pub fn check_with<T>(
        &mut self,
        name: &str,
        tool: impl FnOnce() -> Result<T>,
        action: impl FnOnce(T) -> Result<()>,
    ) {
        self.time(name, || match tool() {
            Err(reason) => (Outcome::Skipped(format!("{reason:#}")), None),
            Ok(tool) => match action(tool) {
                Ok(()) => (Outcome::Passed, None),
                Err(error) => (Outcome::Failed(format!("{error:#}")), None),
            },
        });
    }

    fn time(&mut self, name: &str, action: impl FnOnce() -> (Outcome, Option<Counts>)) {
        println!("\n=== {name}");
        let start = Instant::now();
        let (outcome, counts) = action();
        match &outcome {
            Outcome::Passed => {}
            Outcome::Failed(why) => println!("{name} FAILED: {why}"),
            Outcome::Skipped(why) => println!("{name} SKIPPED: {why}"),
        }
        self.0.push(Step { name: name.to_owned(), outcome, counts, took: start.elapsed() });
    }

    /// Prints the table and the line of totals; the exit code tells whether a step failed.
    pub fn finish(&self) -> ExitCode {
        println!("\n{}", self.table());
        let failed = self.0.iter().any(|step| matches!(step.outcome, Outcome::Failed(_)));
        ExitCode::from(u8::from(failed))
    }

    fn table(&self) -> String {
        let width = self.0.iter().map(|step| step.name.len()).max().unwrap_or(0);
        let mut text = format!(
            "{:<width$}  {:>7}  {:>7}  {:>7}  {:>7}\n",
            "step", "passed", "failed", "skipped", "seconds"
        );
        for step in &self.0 {
            let Counts { passed, failed, skipped } = step.totals();
            let seconds = step.took.as_secs_f32();
            let _ =
                write!(text, "{:<width$}  {passed:>7}  {failed:>7}  {skipped:>7}  {seconds:>7.1}", step.name);
            match &step.outcome {
                Outcome::Passed => {}
                Outcome::Failed(why) => text.push_str(&format!("  FAILED ({})", first_line(why))),
                Outcome::Skipped(why) => text.push_str(&format!("  SKIPPED ({})", first_line(why))),
            }
            text.push('\n');
        }
        let sum = |of: fn(Counts) -> usize| self.0.iter().map(|step| of(step.totals())).sum::<usize>();
        let (passed, failed, skipped) = (sum(|c| c.passed), sum(|c| c.failed), sum(|c| c.skipped));
        let _ = write!(text, "\n{passed} passed, {failed} failed, {skipped} skipped");
        text
    }
}

impl Step {
    /// A failed step counts at least one failure: a program may die before it counts.
    fn totals(&self) -> Counts {
        let counts = self.counts.unwrap_or_default();
        match self.outcome {
            Outcome::Passed if self.counts.is_none() => Counts { passed: 1, ..counts },
            Outcome::Passed => counts,
            Outcome::Failed(_) => Counts { failed: counts.failed.max(1), ..counts },
            Outcome::Skipped(_) => Counts { skipped: 1, ..counts },
        }
    }
}

/// What fits behind a row; the whole text stands where the step ran.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::{anyhow, bail};

    use super::*;
    use crate::run::program;

    fn shell(script: &str) -> Result<Command> {
        let mut sh = program("sh");
        sh.args(["-c", script]);
        Ok(sh)
    }

    #[test]
    fn every_step_is_counted_and_named() {
        let mut report = Report::default();
        report.check("style", || Ok(()));
        report.tests("core", || Ok(()), |()| shell("echo '7 passed, 0 failed, 1 skipped'"));
        report.tests("browser", || Err::<(), _>(anyhow!("no chromium\nat all")), |()| shell("exit 1"));
        assert!(report.table().ends_with("\n8 passed, 0 failed, 2 skipped"), "{}", report.table());
        assert!(report.table().contains("SKIPPED (no chromium)"), "{}", report.table());
    }

    #[test]
    fn a_failure_is_never_counted_as_none() {
        let mut report = Report::default();
        report.tests("dies early", || Ok(()), |()| shell("exit 3"));
        report.tests("lies", || Ok(()), |()| shell("echo '1 passed, 1 failed, 0 skipped'"));
        report.tests("has nothing to run", || Ok(()), |()| shell("exit 0"));
        report.check_with("breaks", || Ok(()), |()| bail!("broken"));
        assert!(report.table().ends_with("\n1 passed, 4 failed, 0 skipped"), "{}", report.table());
        assert_eq!(report.finish(), ExitCode::from(1));
    }
}
