//! Asks whether everything holds that must hold after an update.
//!
//! A gate that says no is not the same as a gate that could not be asked: the first makes a system bad, the second
//! says nothing about it.

use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::model::StorePath;
use nix8s_core::tool::on_node;

use super::Done;
use super::POLL;
use super::access::machine;
use super::failure::bad_system;
use super::failure::hint;
use super::failure::transient;
use super::held::Hold;
use crate::world::REQUEST;
use crate::world::World;

/// What the gates say.
enum Answer {
    /// All hold.
    Yes,
    /// One does not.
    No(String),
    /// Nobody answered.
    NotAsked(String),
}

/// Asks until all gates hold and still hold after the soak; fails when they did not in as many tries as configured.
pub async fn check(world: &World, name: &MachineName, system: &StorePath, hold: &mut Hold) -> Done {
    let machine = machine(world, name)?;
    let gates = &world.cluster.gates;
    let tries = gates.retries.max(1);
    let mut last = Answer::NotAsked("it was not asked".to_owned());
    for _ in 0..tries {
        last = one_try(world, machine, hold).await;
        if matches!(last, Answer::Yes) {
            return Ok(None);
        }
    }
    match last {
        Answer::Yes => Ok(None),
        Answer::No(why) => {
            Err(bad_system(system, format!("its gates do not hold after {tries} tries: {why}")))
        }
        Answer::NotAsked(why) => {
            let failure = transient(format!("its gates could not be asked: {why}"));
            Err(hint(failure, "nothing is concluded from silence; it is asked again"))
        }
    }
}

/// One try: asks until all hold or the time of a try is over.
async fn one_try(world: &World, machine: &Machine, hold: &mut Hold) -> Answer {
    let gates = &world.cluster.gates;
    let deadline = world.ports.clock.now() + gates.timeout;
    loop {
        let mut answer = ask(world, machine).await;
        if matches!(answer, Answer::Yes) && !gates.soak.is_zero() {
            world.sleep(gates.soak).await;
            answer = ask(world, machine).await;
        }
        if matches!(answer, Answer::Yes) || world.ports.clock.now() + POLL > deadline {
            return answer;
        }
        if let Answer::No(why) | Answer::NotAsked(why) = &answer {
            hold.is(why, world.ports.clock.now());
        }
        world.sleep(POLL).await;
    }
}

/// Asks the machine first: when it is out of reach, that its Node is not Ready says nothing about its system.
async fn ask(world: &World, machine: &Machine) -> Answer {
    let gates = &world.cluster.gates;
    match world.exec(&on_node::gates(machine, gates)).await {
        Ok(output) if output.status == 0 => match on_node::gates_failed(&output.stdout) {
            Ok(failed) => {
                if let Some((gate, said)) = failed.into_iter().next() {
                    return Answer::No(format!("{gate}: {said}"));
                }
            }
            Err(error) => return Answer::NotAsked(error.to_string()),
        },
        Ok(output) => {
            return Answer::NotAsked(format!("exit code {}: {}", output.status, output.stderr.trim()));
        }
        Err(error) => return Answer::NotAsked(error.to_string()),
    }
    if !gates.ready || machine.role == Role::None {
        return Answer::Yes;
    }
    match world.kube(REQUEST, world.ports.kube.node(&machine.name)).await {
        Ok(Some(node)) if node.ready && machine.role == Role::ControlPlane => votes(world, machine).await,
        Ok(Some(node)) if node.ready => Answer::Yes,
        Ok(Some(_)) => Answer::No("its node is not Ready".to_owned()),
        Ok(None) => Answer::No("the API server shows no such node".to_owned()),
        Err(error) => Answer::NotAsked(error.to_string()),
    }
}

/// Whether a control plane is back in etcd. That its Node is Ready may be 40 seconds old (node-monitor-grace-period), and
/// the next control plane is taken down when this one has passed.
async fn votes(world: &World, machine: &Machine) -> Answer {
    let output = match world.exec(&on_node::probe(machine)).await {
        Ok(output) if output.status == 0 => output,
        Ok(output) => {
            return Answer::NotAsked(format!("exit code {}: {}", output.status, output.stderr.trim()));
        }
        Err(error) => return Answer::NotAsked(error.to_string()),
    };
    match on_node::probed(&output.stdout) {
        Ok(probe) if !probe.kubelet => Answer::No("its kubelet does not run".to_owned()),
        Ok(probe) if probe.datastore && probe.etcd.is_none() => {
            Answer::No("its etcd does not vote".to_owned())
        }
        Ok(_) => Answer::Yes,
        Err(error) => Answer::NotAsked(error.to_string()),
    }
}
