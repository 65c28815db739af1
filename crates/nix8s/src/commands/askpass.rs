//! The password for sudo on machines: asked once, by a person at the terminal or by the program that sudo(8) would ask as well.

use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;

use nix8s_core::secret::Redacted;
use rustix::termios;
use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use rustix::termios::Termios;

use crate::cli::Global;
use crate::error::CliError;
use crate::error::Exit;

/// What is asked.
const PROMPT: &str = "Password for sudo on the machines: ";

/// What was answered, for the whole of this process.
static ANSWER: OnceLock<Redacted> = OnceLock::new();

/// Asks, if that was asked for and nobody has answered yet.
pub fn ask(global: &Global) -> Result<(), CliError> {
    if !global.ask_sudo_password || ANSWER.get().is_some() {
        return Ok(());
    }
    let program = std::env::var_os("SUDO_ASKPASS").filter(|program| !program.is_empty());
    let answer = match program {
        Some(program) => by_program(Command::new(program)),
        None => at_terminal(),
    };
    let answer = answer.map_err(|error| {
        CliError::new(Exit::Failed, "could not ask for the password for sudo")
            .because(error)
            .hint("Without a terminal, let $SUDO_ASKPASS name a program that prints it.")
    })?;
    ANSWER.get_or_init(|| answer);
    Ok(())
}

/// What was answered.
pub fn answer() -> Option<Redacted> {
    ANSWER.get().cloned()
}

fn by_program(mut program: Command) -> io::Result<Redacted> {
    let output = program.arg(PROMPT).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other("the program that $SUDO_ASKPASS names failed"));
    }
    line(String::from_utf8(output.stdout).map_err(|_| io::Error::other("it printed no text"))?)
}

/// The first line, without its end. The text is not copied, so that it is overwritten as a whole when it is given back.
fn line(mut text: String) -> io::Result<Redacted> {
    text.truncate(text.find(['\r', '\n']).unwrap_or(text.len()));
    if text.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "nothing was answered"));
    }
    Ok(text.into())
}

/// A terminal that shows nothing of what is typed; as before when this is dropped.
struct Silent<'t> {
    terminal: &'t File,
    before: Termios,
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

fn at_terminal() -> io::Result<Redacted> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    let before = termios::tcgetattr(&terminal)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    termios::tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
    terminal.write_all(PROMPT.as_bytes())?;
    let silent = Silent { terminal: &terminal, before };
    let answer = typed(&terminal);
    drop(silent);
    terminal.write_all(b"\n")?;
    line(answer?)
}

/// A line, without a buffer that would keep it.
fn typed(mut terminal: &File) -> io::Result<String> {
    /// More than any password is long.
    const BYTES_MAX: usize = 4096;
    let mut bytes = Vec::with_capacity(BYTES_MAX);
    let mut one = [0];
    while bytes.len() < BYTES_MAX && terminal.read(&mut one)? == 1 && one != *b"\n" {
        bytes.push(one[0]);
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password() {
        let read = |text: &str| line(text.to_owned()).map(|text| text.expose().to_owned());
        assert_eq!(read("a b\r\nc\n").unwrap(), "a b");
        assert_eq!(read("a").unwrap(), "a");
        assert!(read("\n").is_err() && read("").is_err());
    }
}
