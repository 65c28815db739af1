//! Runs programs on the computer that runs nix8s: the way behind `Exec` that reaches no machine.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use nix8s_core::input::parse::SOURCE_MAX;
use nix8s_core::tool::Command;
use nix8s_core::tool::FILES;
use nix8s_core::tool::Host;
use nix8s_core::tool::Output;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

use super::Exec;
use super::ExecError;

/// Bytes of standard output that are kept: one more than the largest document, so that a larger one is noticed. The
/// program is cut off there.
const OUTPUT_MAX: usize = SOURCE_MAX + 1;
/// Bytes of standard error that are kept, from its end: more than anybody is shown.
const WORDS_MAX: usize = 64 << 10;

/// Programs on this computer, each within its timeout, for whoever has no clock. A command for a machine is not run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Here;

#[async_trait]
impl Exec for Here {
    async fn run(&self, command: &Command) -> Result<Output, ExecError> {
        let Host::Here = command.on else { return Err(ExecError::NoAddress) };
        let files = Files::put(&command.files).map_err(|_| ExecError::Lost)?;
        let argv: Vec<String> =
            command.argv.iter().map(|argument| argument.replace(FILES, &files.shown())).collect();
        let (program, arguments) = argv.split_first().ok_or(ExecError::Lost)?;
        let mut child = tokio::process::Command::new(program)
            .args(arguments)
            .stdin(if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                    ExecError::Missing { program: program.clone() }
                }
                _ => ExecError::Lost,
            })?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let tell = async {
            if let (Some(mut to), Some(text)) = (stdin, &command.stdin) {
                // A program that does not read to the end has said in its status whether that matters.
                let _ = to.write_all(text.as_bytes()).await;
            }
        };
        let all = async { tokio::join!(child.wait(), tell, beginning(stdout), last_words(stderr)) };
        let ended = tokio::time::timeout(command.timeout, all).await;
        let (status, (), stdout, stderr) = ended.map_err(|_| ExecError::TimedOut)?;
        let status = status.map_err(|_| ExecError::Lost)?;
        // A program that a signal ended has no status: shells say 128 and the signal, here it is enough that it failed.
        Ok(Output { status: status.code().unwrap_or(128), stdout, stderr })
    }
}

/// What a program prints, up to the limit.
async fn beginning(from: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        let limit = u64::try_from(OUTPUT_MAX).expect("the limit fits 64 bits");
        // What broke off is not complete, which whoever reads it notices.
        let _ = from.take(limit).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The end of what a program complains about.
async fn last_words(from: Option<impl AsyncRead + Unpin>) -> String {
    let mut kept = Vec::new();
    if let Some(mut from) = from {
        let mut buffer = [0; 8 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            kept.extend_from_slice(&buffer[..read]);
            if kept.len() > 2 * WORDS_MAX {
                kept.drain(..kept.len() - WORDS_MAX);
            }
        }
    }
    String::from_utf8_lossy(&kept[kept.len().saturating_sub(WORDS_MAX)..]).into_owned()
}

/// A private folder with a command's files, for as long as it lives.
struct Files {
    dir: Option<PathBuf>,
}

impl Files {
    fn put(files: &BTreeMap<String, String>) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if files.is_empty() {
            return Ok(Self { dir: None });
        }
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir =
            runtime.unwrap_or_else(std::env::temp_dir).join(format!("nix8s-{}-{number}", std::process::id()));
        let private = |dir: &Path| DirBuilder::new().mode(0o700).create(dir);
        // Fails when somebody else has put a folder there.
        private(&dir)?;
        let put = Self { dir: Some(dir.clone()) };
        for (name, text) in files {
            let path = dir.join(name);
            let mut missing: Vec<&Path> =
                path.ancestors().skip(1).take_while(|folder| *folder != dir && !folder.exists()).collect();
            missing.reverse();
            missing.into_iter().try_for_each(private)?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(text.as_bytes())?;
        }
        Ok(put)
    }

    fn shown(&self) -> String {
        self.dir.as_deref().map(|dir| dir.display().to_string()).unwrap_or_default()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if let Some(dir) = &self.dir {
            // Nothing can be done about a folder in a runtime directory that does not go; it is private.
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sh(script: &str) -> Command {
        Command::here(["sh", "-c", script, "sh", FILES], Duration::from_secs(60))
    }

    async fn run(command: &Command) -> Output {
        Here.run(command).await.expect("it can be run")
    }

    #[tokio::test]
    async fn a_programs_status_output_and_last_words_come_back() {
        let output = run(&sh("cat; echo out; echo words >&2; exit 3").reading("in ".to_owned())).await;
        assert_eq!(output, Output { status: 3, stdout: "in out\n".into(), stderr: "words\n".into() });
        let output = run(&sh("i=0; while [ $i -lt 40000 ]; do echo $i >&2; i=$((i+1)); done")).await;
        assert_eq!(output.stderr.len(), WORDS_MAX);
        assert!(output.stderr.ends_with("39999\n"));
    }

    #[tokio::test]
    async fn nothing_is_waited_for_on_standard_input() {
        assert_eq!(run(&sh("cat; echo done")).await.stdout, "done\n");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let command = Command::here(["nix8s-no-such-program"], Duration::from_secs(60));
        let error = Here.run(&command).await.expect_err("there is none");
        assert_eq!(error.to_string(), "nix8s-no-such-program is not installed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_does_not_end_is_stopped() {
        let command = Command::here(["sleep", "1000000"], Duration::from_secs(60));
        assert_eq!(Here.run(&command).await, Err(ExecError::TimedOut));
    }

    #[tokio::test]
    async fn endless_output_is_cut_off() {
        let output = run(&sh("yes")).await;
        assert_eq!(output.stdout.len(), OUTPUT_MAX);
        assert_ne!(output.status, 0);
    }

    #[tokio::test]
    async fn a_commands_files_are_private_and_gone_afterwards() {
        let mut command = sh("cat $1/a/b/key; ls -ld $1/a $1/a/b/key | cut -c1-10; echo $1");
        command.files.insert("a/b/key".to_owned(), "secret\n".to_owned());
        let output = run(&command).await;
        let lines: Vec<&str> = output.stdout.lines().collect();
        assert_eq!(lines[..3], ["secret", "drwx------", "-rw-------"], "{output:?}");
        assert!(!Path::new(lines[3]).exists());
    }
}
