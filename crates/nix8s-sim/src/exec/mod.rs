//! Interprets exactly the commands that `nix8s_core::tool` makes: an unknown one is a loud error.

mod here;
mod install;
mod kubeadm;
mod on_node;
mod switch;

use std::sync::Arc;

use async_trait::async_trait;
use nix8s_core::model::MachineName;
use nix8s_core::tool::Command;
use nix8s_core::tool::Host;
use nix8s_core::tool::Output;
use nix8s_core::tool::script::RECONCILER;
use nix8s_core::tool::script::is_users;
use nix8s_engine::port::Exec;
use nix8s_engine::port::ExecError;

use crate::check::script::begins;
use crate::fault::CallFault;
use crate::shared::Shared;
use crate::world::Ms;
use crate::world::SECOND;
use crate::world::World;
use crate::world::metal::Running;

/// The simulated `Exec`.
pub struct SimExec {
    pub(crate) shared: Arc<Shared>,
}

/// A connection to a machine: it breaks when the machine restarts.
struct Connection {
    name: MachineName,
    boots: u32,
}

fn said(stdout: impl Into<String>) -> Output {
    Output { status: 0, stdout: stdout.into(), stderr: String::new() }
}

fn complained(status: i32, stderr: impl Into<String>) -> Output {
    Output { status, stdout: String::new(), stderr: stderr.into() }
}

#[async_trait]
impl Exec for SimExec {
    async fn run(&self, command: &Command) -> Result<Output, ExecError> {
        let stream = stream(command);
        let text = stream.clone();
        self.shared.with(|w| {
            let at = w.now;
            // Asked when a look begins; its answer may be slow or fail, and what else was asked is older than that.
            if let ["nix8s", "-o", "json", "secrets", "check", _] = words(command).as_slice() {
                w.check.observed = at;
            }
            w.check.called(format!("{at} {text} {}", command.argv.get(3..).unwrap_or_default().join(" ")));
        });
        self.shared.moment().await;
        let fault = self.shared.fault(&stream);
        match fault {
            Some(CallFault::Fails) => {
                self.trouble(command);
                self.shared.with(|w| w.script_ran(command));
                self.shared.with(|w| w.script_heard(command, false));
                self.shared.pass(3 * SECOND).await;
                return Ok(complained(1, "error: a fault of the simulated world"));
            }
            Some(CallFault::Hangs) => {
                self.trouble(command);
                self.shared.with(|w| w.script_ran(command));
                self.shared.with(|w| w.script_heard(command, false));
                std::future::pending::<()>().await;
            }
            Some(CallFault::LostBefore) => {
                self.trouble(command);
                self.shared.with(|w| w.script_ran(command));
                self.shared.with(|w| w.script_heard(command, false));
                self.shared.pass(5 * SECOND).await;
                return Err(ExecError::Lost);
            }
            Some(CallFault::Slow) => self.shared.pass(15 * SECOND).await,
            Some(CallFault::LostAfter) | None => {}
        }
        if let Some((phase, name)) = begins(command) {
            self.shared.with(|w| w.phase_begins(phase, &name));
        }
        let result = match &command.on {
            _ if is_users(command) => self.users(command).await,
            Host::Here => self.here(command).await,
            Host::Machine { ssh, .. } => self.on_machine(ssh.host.as_deref(), command).await,
        };
        self.shared.moment().await;
        let result = if fault == Some(CallFault::LostAfter) { Err(ExecError::Lost) } else { result };
        let well = result.as_ref().is_ok_and(|output| output.status == 0);
        self.shared.with(|w| w.script_heard(command, well));
        if !well {
            self.trouble(command);
        }
        result
    }
}

/// Names the stream of faults that a command belongs to: the machine and the first words.
fn stream(command: &Command) -> String {
    let on = match &command.on {
        Host::Here => "here",
        Host::Machine { name, .. } => name.as_str(),
    };
    let words: Vec<&str> = command.argv.iter().take(3).map(String::as_str).collect();
    format!("{on}: {}", words.join(" "))
}

/// Whoever answers at an address, or why nobody does.
fn reach(world: &World, address: Option<&str>) -> Result<Connection, ExecError> {
    let address = address.ok_or(ExecError::NoAddress)?;
    let Some(metal) = world.at_address(address).and_then(|name| world.metal.get(name)) else {
        return Err(ExecError::TimedOut);
    };
    if !metal.power || world.now < metal.operator_cut || metal.os == Running::Nothing {
        return Err(ExecError::TimedOut);
    }
    if world.now < metal.up_at {
        return Err(ExecError::Refused);
    }
    if !metal.key_known {
        return Err(ExecError::WrongKey { fingerprint: format!("SHA256:{}", metal.uuid) });
    }
    Ok(Connection { name: metal.name.clone(), boots: metal.boots })
}

impl SimExec {
    /// Lets a command take its time on a machine, then carries it out there. If the machine restarted meanwhile it
    /// did nothing; if only the network went, it is done and the answer is lost.
    async fn effect(
        &self,
        to: &Connection,
        takes: (u64, u64),
        f: impl FnOnce(&mut World, &MachineName) -> Output,
    ) -> Result<Output, ExecError> {
        self.take(to.name.as_str(), takes).await;
        self.shared.with(|w| {
            let metal = w.metal.get(&to.name).ok_or(ExecError::Lost)?;
            if metal.boots != to.boots || !metal.is_up(w.now) {
                return Err(ExecError::Lost);
            }
            let cut = w.now < metal.operator_cut;
            let output = f(w, &to.name);
            if cut { Err(ExecError::Lost) } else { Ok(output) }
        })
    }

    /// A user's own command is shown and counted, and never run.
    async fn users(&self, command: &Command) -> Result<Output, ExecError> {
        if command.argv.get(1).is_some_and(|word| word.starts_with(RECONCILER)) {
            // As long as a look takes that finds nothing to do.
            self.take("reconciler", (1, 3)).await;
            return Ok(said(""));
        }
        let ran = |w: &mut World| {
            w.script_ran(command);
            said("")
        };
        match &command.on {
            Host::Here => {
                self.take("script", (1, 3)).await;
                Ok(self.shared.with(ran))
            }
            Host::Machine { ssh, .. } => {
                let to = self.shared.with(|w| reach(w, ssh.host.as_deref()))?;
                self.effect(&to, (1, 3), |w, _| ran(w)).await
            }
        }
    }

    /// Notes that something went wrong with a machine: nix8s may well treat it with caution for a while.
    fn trouble(&self, command: &Command) {
        let name = match &command.on {
            Host::Machine { name, .. } => Some(name.clone()),
            Host::Here => command.argv.iter().find_map(|a| a.rsplit(['.', '@']).next()?.parse().ok()),
        };
        self.shared.with(|w| {
            let at = w.now;
            if let Some(name) = name {
                w.check.trouble.insert(name, at);
            }
        });
    }

    /// Lets so many seconds pass.
    async fn take(&self, purpose: &str, (low, high): (u64, u64)) {
        let ms: Ms = self.shared.with(|w| w.seconds(purpose, low, high));
        self.shared.pass(ms).await;
    }
}

/// An argv that no tool file makes: a mistake in nix8s, not in the world.
fn unknown(command: &Command) -> Output {
    complained(127, format!("the simulated world does not know this command: {:?}", command.argv))
}

/// What a command reads.
fn stdin(command: &Command) -> &str {
    command.stdin.as_ref().map_or("", |text| text.expose())
}

/// The arguments as `&str`, to be matched.
fn words(command: &Command) -> Vec<&str> {
    command.argv.iter().map(String::as_str).collect()
}
