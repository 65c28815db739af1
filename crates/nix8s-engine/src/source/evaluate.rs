//! Lets nix evaluate an expression and gives what it printed, or why it did not.

use nix8s_core::input::parse::SOURCE_MAX;
use nix8s_core::tool::Command;
use nix8s_core::tool::nix;
use nix8s_core::tool::nix::Refusal;

use crate::port::Exec;
use crate::port::ExecError;

/// Lines of nix's own words that are shown: the error, where it is, and the lines around it.
const LINES_MAX: usize = 10;

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// nix did not run, or not to its end.
    #[error("could not run nix")]
    Exec(#[source] ExecError),
    /// It took too long.
    #[error("nix was not done after {minutes} minutes")]
    TooLong {
        /// How long it was waited for.
        minutes: u64,
    },
    /// nix refused.
    #[error("nix refused")]
    Refused {
        /// Why, as far as it is known.
        why: Refusal,
        /// The last lines of what it said.
        words: Vec<String>,
    },
    /// Whatever that was.
    #[error("nix printed something that is not JSON: {0}")]
    NotJson(String),
    /// More than is read.
    #[error("the document is larger than the limit of {} MiB", SOURCE_MAX >> 20)]
    TooLarge,
    /// The folder cannot be named to nix.
    #[error("nix takes no folder whose name has a # or ? in it, or is not UTF-8")]
    Name,
}

/// Runs an evaluation.
///
/// # Errors
/// When nix is missing, refuses, takes too long, or prints no JSON.
pub async fn evaluate(command: &Command, exec: &dyn Exec) -> Result<String, EvaluateError> {
    let ended = tokio::time::timeout(command.timeout, exec.run(command)).await;
    let output = ended.unwrap_or(Err(ExecError::TimedOut)).map_err(|error| match error {
        ExecError::TimedOut => EvaluateError::TooLong { minutes: command.timeout.as_secs() / 60 },
        other => EvaluateError::Exec(other),
    })?;
    if output.stdout.len() > SOURCE_MAX {
        return Err(EvaluateError::TooLarge);
    }
    if output.status != 0 {
        let why = nix::refusal(&output);
        return Err(EvaluateError::Refused { why, words: last_lines(&output.stderr) });
    }
    nix::is_json(&output.stdout).map_err(|error| EvaluateError::NotJson(error.why))?;
    Ok(output.stdout)
}

/// The end of what a program said, without empty lines.
fn last_lines(words: &str) -> Vec<String> {
    let lines = words.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let mut lines: Vec<String> = lines.map(ToOwned::to_owned).collect();
    lines.drain(..lines.len().saturating_sub(LINES_MAX));
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use nix8s_core::tool::Output;

    use super::*;
    use crate::real::Processes;

    fn here() -> Processes {
        Processes::in_folder(".".into())
    }

    /// A nix that is slow, or prints this many bytes.
    struct Odd(Option<usize>);

    #[async_trait]
    impl Exec for Odd {
        async fn run(&self, _: &Command) -> Result<Output, ExecError> {
            match self.0 {
                None => Err(ExecError::TimedOut),
                Some(bytes) => Ok(Output { status: 0, stdout: " ".repeat(bytes), stderr: String::new() }),
            }
        }
    }

    async fn fails(script: &str) -> String {
        let command = Command::here(["sh", "-c", script], Duration::from_secs(60));
        evaluate(&command, &here()).await.expect_err("it cannot be read").to_string()
    }

    #[tokio::test]
    async fn what_nix_prints_is_the_document() {
        let command = Command::here(["sh", "-c", "echo a warning >&2; echo '{}'"], Duration::from_secs(60));
        assert_eq!(evaluate(&command, &here()).await.expect("it is JSON"), "{}\n");
    }

    #[tokio::test]
    async fn the_last_lines_of_a_refusal_are_kept() {
        let script = "for i in 1 2 3 4 5 6 7 8 9 10 11; do echo \"line $i\"; echo; done >&2; exit 1";
        let command = Command::here(["sh", "-c", script], Duration::from_secs(60));
        let Err(EvaluateError::Refused { why: Refusal::Other, words }) = evaluate(&command, &here()).await
        else {
            panic!("it refuses");
        };
        assert_eq!((words.len(), words[0].as_str(), words[9].as_str()), (10, "line 2", "line 11"));
    }

    #[tokio::test]
    async fn what_is_not_json_is_refused() {
        assert!(fails("echo '<<function>>'").await.starts_with("nix printed something that is not JSON"));
    }

    #[tokio::test]
    async fn what_is_endless_in_time_or_size_is_refused() {
        let command = nix::document("/x");
        let said = |error: EvaluateError| error.to_string();
        let slow = evaluate(&command, &Odd(None)).await.map_err(said);
        assert_eq!(slow, Err("nix was not done after 30 minutes".to_owned()));
        let large = evaluate(&command, &Odd(Some(SOURCE_MAX + 1))).await.map_err(said);
        assert_eq!(large, Err("the document is larger than the limit of 64 MiB".to_owned()));
    }
}
