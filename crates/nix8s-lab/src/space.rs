//! What does a lab live in? Namespaces of processes, mounts and networks that end with it.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use crate::error::LabError;

/// Namespaces, and the process outside that tidies up after them.
///
/// Nothing of a lab is ever in the computer's own namespaces, except for a folder and a control group. The first
/// process of the namespaces reads from a pipe of ours: it ends when we do, however we do.
#[derive(Debug)]
pub struct Space {
    guard: Child,
    /// The first process inside, by its number outside.
    init: u32,
}

impl Space {
    /// Makes them, over a root that is not written to.
    pub fn new(folder: &Path, base: &Path) -> Result<Self, LabError> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", include_str!("script/guard.sh"), "guard"]).arg(folder).arg(base);
        command.env("INIT", include_str!("script/init.sh"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Who ends us by our process group is not to end who tidies up.
        command.process_group(0);
        let mut guard =
            command.spawn().map_err(|cause| LabError::Program { program: "unshare".to_owned(), cause })?;
        let mut line = String::new();
        let read = BufReader::new(guard.stdout.take().expect("it is piped")).read_line(&mut line);
        if let (Ok(_), Ok(init)) = (read, line.trim().parse()) {
            return Ok(Self { guard, init });
        }
        drop(guard.stdin.take());
        let mut said = String::new();
        let _ = guard.stderr.take().expect("it is piped").read_to_string(&mut said);
        let _ = guard.wait();
        Err(LabError::Failed { what: "make the lab's namespaces".to_owned(), said })
    }

    /// The first process inside, by its number outside.
    pub fn init(&self) -> u32 {
        self.init
    }

    /// A command inside. What it starts ends with the lab.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init.to_string(), "--mount", "--net", "--pid", "--ipc", "--uts"]);
        command.args(["--", program]).stdin(Stdio::null());
        command
    }

    /// Runs a script inside.
    pub fn script(&self, what: &str, script: &str, arguments: &[&str]) -> Result<String, LabError> {
        let output = self.output(self.command("sh").args(["-c", script, "sh"]).args(arguments))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(LabError::Failed { what: what.to_owned(), said })
    }

    /// Runs a command to its end.
    pub fn output(&self, command: &mut Command) -> Result<Output, LabError> {
        command.output().map_err(|cause| LabError::Program { program: "nsenter".to_owned(), cause })
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // The first process reads to the end, and the guard then removes what is left.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
