//! Ctrl-C: once finishes what runs, twice stops at once.

use std::thread;

use nix8s_engine::stop;
use nix8s_engine::stop::Stop;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use crate::error::CliError;
use crate::error::Exit;

/// What a run is asked by Ctrl-C or a termination signal. `say` tells the user what becomes of it.
pub fn stop(mut say: impl FnMut(&str) + Send + 'static) -> Result<Stop, CliError> {
    let (stopper, stop) = stop::pair();
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| CliError::new(Exit::Failed, "could not listen for Ctrl-C").because(error))?;
    // The thread lives as long as the process: there is nothing to join, and signals may come at any time.
    thread::spawn(move || {
        for (asked, _) in signals.forever().enumerate() {
            let text = match asked {
                0 => "stopping after the steps that run; Ctrl-C again stops at once",
                1 => "stopping at once",
                _ => std::process::exit(i32::from(Exit::Interrupted.code())),
            };
            // Said first: asking may end the process before anything more is said.
            say(text);
            stopper.ask();
        }
    });
    Ok(stop)
}
