//! Activates a system with a way back (rule 12; core's `switch` decides).
//!
//! What must not die with the connection runs in systemd's hands: the activation as a service, the way back as a timer. All that
//! they need to know is in files under /var/lib/nix8s/switch, each written whole.

use std::fs;
use std::fs::File;

use nix8s_core::model::Reboot;
use nix8s_core::model::StorePath;
use nix8s_core::switch;
use nix8s_core::switch::Activated;
use nix8s_core::switch::AfterBoot;
use nix8s_core::switch::Armed;
use nix8s_core::switch::Back;
use nix8s_core::switch::Confirmed;
use nix8s_core::switch::Ended;
use nix8s_core::switch::Way;
use rustix::fs::FlockOperation;
use rustix::fs::flock;

use super::failed;
use super::machine::Machine;
use super::machine::PROFILE;
use crate::error::CliError;
use crate::error::Exit;

const ARMED: &str = "/var/lib/nix8s/switch/armed.json";
const ENDED: &str = "/var/lib/nix8s/switch/ended.json";
const LOCK: &str = "/var/lib/nix8s/switch/lock";

/// Is there when this boot is about to end, so that nobody begins anything in its last seconds. A boot forgets it.
const BOOTS: &str = "/run/nix8s/boots";

/// Keeps the system before from being collected as garbage while it may still be needed.
const ROOTS: &str = "/nix/var/nix/gcroots/nix8s";

/// How a system is switched to.
#[derive(Debug, clap::Args)]
pub struct SwitchArgs {
    /// The system
    #[arg(value_parser = super::system)]
    system: StorePath,
    /// When to reboot
    #[arg(long, value_parser = reboot, default_value = "never")]
    reboot: Reboot,
    /// Who may confirm: whoever says this
    #[arg(long, required_unless_present_any = ["unarmed", "boot_only"])]
    nonce: Option<String>,
    /// Without a way back: this is the way back
    #[arg(long, conflicts_with = "nonce")]
    unarmed: bool,
    /// Only makes it the system that is booted; what runs stays
    #[arg(long, conflicts_with_all = ["nonce", "unarmed"])]
    boot_only: bool,
    /// What is booted stays as it is, also after the confirmation
    #[arg(long, requires = "nonce")]
    test: bool,
    /// How long it waits for its confirmation, in seconds
    #[arg(long, default_value_t = 600)]
    window: u64,
}

fn reboot(text: &str) -> Result<Reboot, String> {
    match text {
        "auto" => Ok(Reboot::Auto),
        "always" => Ok(Reboot::Always),
        "never" => Ok(Reboot::Never),
        _ => Err("it is none of auto, always, never".to_owned()),
    }
}

fn refused(message: impl Into<String>) -> CliError {
    CliError::new(Exit::Refused, message)
}

/// One at a time: whoever holds this reads and writes the files.
fn lock(machine: &Machine) -> Result<File, CliError> {
    let cannot = |error: std::io::Error| failed(format!("could not lock {LOCK}")).because(error);
    let path = machine.at(LOCK);
    if let Some(folder) = path.parent() {
        nix8s_engine::state::file::make_folder(folder).map_err(cannot)?;
    }
    let file = File::options().create(true).append(true).open(path).map_err(cannot)?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| cannot(error.into()))?;
    Ok(file)
}

fn read<T: serde::de::DeserializeOwned>(machine: &Machine, path: &str) -> Result<Option<T>, CliError> {
    match fs::read(machine.at(path)) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| failed(format!("{path} is damaged")).because(error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(format!("could not read {path}")).because(error)),
    }
}

fn write<T: serde::Serialize>(machine: &Machine, path: &str, value: &T) -> Result<(), CliError> {
    let bytes = serde_json::to_vec(value).expect("plain data");
    machine.write(path, &bytes).map_err(|error| failed(format!("could not write {path}")).because(error))
}

/// Notes how a switch ended. From then on it is not armed any more.
fn end(machine: &Machine, armed: &Armed, back: Option<String>) -> Result<(), CliError> {
    let ended = Ended { nonce: armed.nonce.clone(), to: armed.to.clone(), back };
    write(machine, ENDED, &ended)?;
    let removed = fs::remove_file(machine.at(ARMED));
    removed.map_err(|error| failed(format!("could not remove {ARMED}")).because(error))
}

fn timer(nonce: &str) -> String {
    format!("nix8s-roll-back-{nonce}")
}

/// The timer that is for a system that is activated and only needs to be confirmed.
fn soon(nonce: &str) -> String {
    format!("{}-soon", timer(nonce))
}

fn activation(nonce: &str) -> String {
    format!("nix8s-activate-{nonce}")
}

/// Where this program is: what systemd runs later.
fn program() -> Result<String, CliError> {
    let path =
        std::env::current_exe().map_err(|error| failed("could not find its own program").because(error))?;
    Ok(path.display().to_string())
}

/// Arms, activates, and leaves the rest to whoever confirms.
pub fn switch(machine: &Machine, args: &SwitchArgs) -> Result<Exit, CliError> {
    let to = &args.system;
    let activate = machine.at(to.as_str()).join("bin/switch-to-configuration");
    if !activate.is_file() {
        return Err(failed(format!("{to} is no NixOS system, or is not on this machine")));
    }
    if args.boot_only {
        return only_boot(machine, to);
    }
    let (booted, wanted) = (machine.booted(), machine.boot_of(to));
    let way = switch::way(args.reboot, &booted, &wanted);
    let Some(nonce) = &args.nonce else { return unarmed(machine, to, way) };
    if nonce.is_empty() || !nonce.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(CliError::new(Exit::Usage, "a nonce is letters and digits"));
    }
    let armed = arm(machine, args, nonce, way)?;
    match way {
        Way::Live => live(machine, &armed, args.reboot),
        Way::Boot | Way::Later => boot(machine, &armed),
    }
}

/// From here on the machine goes back by itself.
fn arm(machine: &Machine, args: &SwitchArgs, nonce: &str, way: Way) -> Result<Armed, CliError> {
    let _lock = lock(machine)?;
    if let Some(other) = read::<Armed>(machine, ARMED)? {
        let message = format!(
            "a switch to {} waits for its confirmation: this machine decides about it first",
            other.to
        );
        return Err(refused(message));
    }
    if machine.at(BOOTS).exists() {
        return Err(refused("this machine is about to boot"));
    }
    let from = machine.running()?;
    let armed = Armed {
        nonce: nonce.to_owned(),
        to: args.system.clone(),
        default: machine.default().unwrap_or_else(|| from.clone()),
        from,
        way,
        test: args.test,
        window: args.window,
        boot: machine.boot_id()?,
    };
    keep(machine, "from", &armed.from)?;
    keep(machine, "to", &armed.to)?;
    write(machine, ARMED, &armed)?;
    if let Err(error) = start_timer(machine, &armed, &timer(&armed.nonce), armed.window) {
        end(machine, &armed, Some("its timer could not be started".to_owned()))?;
        return Err(error);
    }
    Ok(armed)
}

fn start_timer(machine: &Machine, armed: &Armed, unit: &str, seconds: u64) -> Result<(), CliError> {
    let program = program()?;
    machine.run(&[
        "systemd-run",
        "--quiet",
        "--collect",
        "--unit",
        unit,
        "--on-active",
        &format!("{seconds}s"),
        "--timer-property=AccuracySec=100ms",
        "--property=Type=oneshot",
        &program,
        "on-node",
        "roll-back",
        &armed.nonce,
    ])
}

/// A root of the garbage collector.
fn keep(machine: &Machine, name: &str, system: &StorePath) -> Result<(), CliError> {
    let cannot = |error: std::io::Error| failed(format!("could not write {ROOTS}/{name}")).because(error);
    let folder = machine.at(ROOTS);
    fs::create_dir_all(&folder).map_err(cannot)?;
    let new = folder.join(format!(".{name}.{}", std::process::id()));
    std::os::unix::fs::symlink(system.as_str(), &new).map_err(cannot)?;
    fs::rename(new, folder.join(name)).map_err(cannot)
}

/// Activates as the machine runs. What is booted by default stays as it is until the confirmation.
fn live(machine: &Machine, armed: &Armed, reboot: Reboot) -> Result<Exit, CliError> {
    let activated = activate(machine, armed)?;
    // An activation that hung and was stopped for the way back ends like one that went well.
    if !is_armed(machine, &armed.nonce)? {
        return went_back(machine, armed);
    }
    match activated {
        Activated::Yes => {
            hurry(machine, armed);
            Ok(Exit::Done)
        }
        Activated::WithFailedUnits => {
            hurry(machine, armed);
            eprintln!("some units do not run; the gates tell whether that matters");
            Ok(Exit::Done)
        }
        Activated::NeedsBoot => {
            let way = if reboot == Reboot::Never { Way::Later } else { Way::Boot };
            let armed = Armed { way, ..armed.clone() };
            {
                let _lock = lock(machine)?;
                write(machine, ARMED, &armed)?;
            }
            boot(machine, &armed)
        }
        Activated::No(why) => {
            go_back(machine, &armed.nonce, &why)?;
            went_back(machine, armed)
        }
    }
}

/// Nothing takes time any more: whoever can reach the machine confirms within seconds, and it need not be away for the whole
/// window. The timer for that window stays, in case this one cannot be started.
fn hurry(machine: &Machine, armed: &Armed) {
    let seconds = armed.window.min(switch::CONFIRMED_WITHIN);
    if let Err(error) = start_timer(machine, armed, &soon(&armed.nonce), seconds) {
        eprintln!("{error}: the machine waits for its confirmation for {} s", armed.window);
    }
}

/// Whether a switch still waits; whoever is undoing it is waited for.
fn is_armed(machine: &Machine, nonce: &str) -> Result<bool, CliError> {
    let _lock = lock(machine)?;
    Ok(read::<Armed>(machine, ARMED)?.is_some_and(|armed| armed.nonce == nonce))
}

/// The activation is systemd's: it survives this process and its connection.
fn activate(machine: &Machine, armed: &Armed) -> Result<Activated, CliError> {
    let unit = activation(&armed.nonce);
    let program = format!("{}/bin/switch-to-configuration", armed.to);
    let status = machine.status(&[
        "systemd-run",
        "--quiet",
        "--collect",
        "--wait",
        "--pipe",
        "--service-type=exec",
        "--unit",
        &unit,
        "--setenv=LOCALE_ARCHIVE",
        "--setenv=NIXOS_NO_CHECK",
        &program,
        "test",
    ])?;
    Ok(switch::activated(status))
}

/// Makes a system the one that is booted, and boots it if that is the way.
fn boot(machine: &Machine, armed: &Armed) -> Result<Exit, CliError> {
    if armed.way == Way::Boot {
        if let Err(error) = make_default(machine, &armed.to) {
            go_back(machine, &armed.nonce, &error.to_string())?;
            return went_back(machine, armed);
        }
        reboot_soon(machine)?;
    }
    Ok(Exit::Done)
}

fn make_default(machine: &Machine, system: &StorePath) -> Result<(), CliError> {
    machine.run(&["nix-env", "--profile", PROFILE, "--set", system.as_str()])?;
    machine.run(&[&format!("{system}/bin/switch-to-configuration"), "boot"])
}

/// The answer gets out before the machine goes down.
fn reboot_soon(machine: &Machine) -> Result<(), CliError> {
    machine.write(BOOTS, b"").map_err(|error| failed(format!("could not write {BOOTS}")).because(error))?;
    let begun = machine.run(&[
        "systemd-run",
        "--quiet",
        "--collect",
        "--on-active=1s",
        "--timer-property=AccuracySec=100ms",
        "systemctl",
        "reboot",
    ]);
    if begun.is_err() {
        // It does not boot after all.
        let _ = fs::remove_file(machine.at(BOOTS));
    }
    begun
}

/// The exit of a switch that was undone, when it is.
fn went_back(machine: &Machine, armed: &Armed) -> Result<Exit, CliError> {
    let ended = read::<Ended>(machine, ENDED)?.filter(|ended| ended.nonce == armed.nonce);
    let why = ended.and_then(|ended| ended.back).unwrap_or_else(|| "it is on its way back".to_owned());
    Err(CliError::new(Exit::RolledBack, why))
}

/// Makes a system the one that is booted; what runs stays. Nothing is tried, so there is nothing to go back from.
fn only_boot(machine: &Machine, to: &StorePath) -> Result<Exit, CliError> {
    let _lock = lock(machine)?;
    if let Some(other) = read::<Armed>(machine, ARMED)? {
        return Err(refused(format!("a switch to {} waits for its confirmation", other.to)));
    }
    keep(machine, "to", to)?;
    make_default(machine, to)?;
    Ok(Exit::Done)
}

/// Goes to a system that was good, without a way back from there.
fn unarmed(machine: &Machine, to: &StorePath, way: Way) -> Result<Exit, CliError> {
    let _lock = lock(machine)?;
    if let Some(armed) = read::<Armed>(machine, ARMED)? {
        disarm(machine, &armed.nonce);
        end(machine, &armed, Some("it was told to go back".to_owned()))?;
    }
    make_default(machine, to)?;
    let activate = format!("{to}/bin/switch-to-configuration");
    let live = if way == Way::Live {
        switch::activated(machine.status(&[&activate, "test"])?)
    } else {
        Activated::NeedsBoot
    };
    match live {
        Activated::Yes | Activated::WithFailedUnits => Ok(Exit::Done),
        Activated::NeedsBoot => {
            reboot_soon(machine)?;
            Ok(Exit::Done)
        }
        Activated::No(why) => Err(failed(why)),
    }
}

fn disarm(machine: &Machine, nonce: &str) {
    // What is not there any more is as well stopped.
    let timers = [timer(nonce), soon(nonce)].map(|unit| format!("{unit}.timer"));
    let _ = machine.status(&["systemctl", "stop", &timers[0], &timers[1]]);
}

/// Keeps the new system: it is booted from now on, and nothing goes back any more.
pub fn confirm(machine: &Machine, nonce: &str) -> Result<Exit, CliError> {
    let _lock = lock(machine)?;
    let (armed, ended) = (read::<Armed>(machine, ARMED)?, read::<Ended>(machine, ENDED)?);
    match switch::confirmed(armed.as_ref(), ended.as_ref(), nonce, &machine.running()?) {
        Confirmed::Now => {
            let armed = armed.expect("only a switch that is armed is confirmed now");
            if armed.way != Way::Boot && !armed.test {
                make_default(machine, &armed.to)?;
            }
            end(machine, &armed, None)?;
            disarm(machine, nonce);
            Ok(Exit::Done)
        }
        Confirmed::Already => Ok(Exit::Done),
        Confirmed::TooLate(why) => Err(CliError::new(Exit::RolledBack, why)),
        Confirmed::NotYet => Err(failed("the system does not run yet")),
        Confirmed::Unknown => Err(refused("no switch waits for this confirmation")),
    }
}

/// What the timer runs: nobody has confirmed.
pub fn roll_back(machine: &Machine, nonce: &str) -> Result<Exit, CliError> {
    go_back(machine, nonce, "nobody confirmed it over a new connection")?;
    Ok(Exit::Done)
}

fn go_back(machine: &Machine, nonce: &str, why: &str) -> Result<(), CliError> {
    let _lock = lock(machine)?;
    let Some(armed) = read::<Armed>(machine, ARMED)?.filter(|armed| armed.nonce == nonce) else {
        return Ok(());
    };
    // An activation that hangs would hold the lock of switch-to-configuration.
    let _ = machine.status(&["systemctl", "stop", &format!("{}.service", activation(nonce))]);
    match switch::back(&armed, &machine.running()?) {
        Back::Activate => {
            let activate = format!("{}/bin/switch-to-configuration", armed.from);
            let came = machine
                .status(&[&activate, "test"])
                .map_or_else(|error| Activated::No(error.to_string()), switch::activated);
            end(machine, &armed, Some(why.to_owned()))?;
            if let Activated::NeedsBoot | Activated::No(_) = came {
                // The system before is still the one that is booted.
                reboot_soon(machine)?;
            }
        }
        Back::Nothing => {
            make_default(machine, &armed.default)?;
            end(machine, &armed, Some(why.to_owned()))?;
        }
        Back::Reboot => {
            make_default(machine, &armed.default)?;
            end(machine, &armed, Some(why.to_owned()))?;
            reboot_soon(machine)?;
        }
    }
    disarm(machine, nonce);
    Ok(())
}

/// What a boot runs: a switch that is still armed waits once more, or has been undone by this very boot.
pub fn resume(machine: &Machine) -> Result<Exit, CliError> {
    let boot = machine.boot_id()?;
    // Without the lock: an activation starts what a boot starts, and is waited for by the way back, which holds it.
    if read::<Armed>(machine, ARMED)?.is_none_or(|armed| armed.boot == boot) {
        return Ok(Exit::Done);
    }
    let _lock = lock(machine)?;
    let Some(armed) = read::<Armed>(machine, ARMED)? else { return Ok(Exit::Done) };
    match switch::after_boot(&armed, &machine.running()?, &boot) {
        AfterBoot::Nothing => {}
        AfterBoot::Waits => {
            start_timer(machine, &armed, &timer(&armed.nonce), armed.window)?;
            write(machine, ARMED, &Armed { boot, ..armed })?;
        }
        AfterBoot::WentBack => {
            make_default(machine, &armed.default)?;
            end(machine, &armed, Some("the machine was booted before it was confirmed".to_owned()))?;
        }
    }
    Ok(Exit::Done)
}
