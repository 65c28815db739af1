//! Runs what takes real time on this computer, outside of any simulated world.

use nix8s_engine::real::Processes;

use crate::error::CliError;
use crate::error::Exit;

/// Waits for work on this computer. A simulated world has a runtime of its own, in which time may jump.
pub fn wait<T>(work: impl Future<Output = T>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| CliError::new(Exit::Failed, "could not start the runtime").because(error))?;
    Ok(runtime.block_on(work))
}

/// Programs on this computer, begun in the current folder.
pub fn programs() -> Processes {
    Processes::in_folder(".".into())
}
