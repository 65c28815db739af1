//! Asks whether everything holds that must hold after an update.
//!
//! A gate that says no is not the same as a gate that could not be asked: the first makes a system bad, the second
//! says nothing about it.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::model::StorePath;
use nix8s_core::observed::Os;
use nix8s_core::observed::Probe;
use nix8s_core::tool::on_node;
use serde::Serialize;

use super::Done;
use super::POLL;
use super::access::machine;
use super::failure::bad_system;
use super::failure::hint;
use super::failure::transient;
use super::held::Hold;
use crate::world::REQUEST;
use crate::world::World;

/// What a gate says, or all of them together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "says", content = "why", rename_all = "kebab-case")]
pub enum Answer {
    /// It holds.
    Yes,
    /// It does not.
    No(String),
    /// Nobody answered.
    NotAsked(String),
}

/// One gate of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// `installed`, a unit, an address, `Ready` or `etcd`.
    pub gate: String,
    /// What it says.
    #[serde(flatten)]
    pub answer: Answer,
}

/// Asks every gate of every machine that is not left alone once, for people: nothing is waited for, and nothing follows from the
/// answers.
pub async fn ask(world: &World) -> BTreeMap<MachineName, Vec<Gate>> {
    let machines = world.cluster.machines.values().filter(|machine| !machine.skip);
    stream::iter(machines)
        .map(|machine| async { (machine.name.clone(), each(world, machine).await) })
        .buffer_unordered(world.cluster.concurrency().observe.max(1))
        .collect()
        .await
}

async fn each(world: &World, machine: &Machine) -> Vec<Gate> {
    let gates = &world.cluster.gates;
    let gate = |gate: &str, answer| Gate { gate: gate.to_owned(), answer };
    let probe = match probe(world, machine).await {
        Ok(probe) if matches!(probe.os, Os::NixOs { .. }) => probe,
        // Nothing is put on a machine that is not installed, in order to ask it.
        Ok(_) => return vec![gate("installed", Answer::No("it does not run NixOS".to_owned()))],
        Err(why) => return vec![gate("installed", Answer::NotAsked(why))],
    };
    let mut all = vec![gate("installed", Answer::Yes)];
    let failed = on_machine(world, machine).await;
    let says = |name: &String| match &failed {
        Ok(failed) => failed.get(name).map_or(Answer::Yes, |said| Answer::No(said.clone())),
        Err(why) => Answer::NotAsked(why.clone()),
    };
    let named = gates.units.iter().chain(gates.http.iter().map(|http| &http.url));
    all.extend(named.map(|name| gate(name, says(name))));
    if gates.ready && machine.role != Role::None {
        all.push(gate("Ready", ready(world, machine).await));
        all.extend((machine.role == Role::ControlPlane).then(|| gate("etcd", votes(&probe))));
    }
    all
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
        let mut answer = together(world, machine).await;
        if matches!(answer, Answer::Yes) && !gates.soak.is_zero() {
            world.sleep(gates.soak).await;
            answer = together(world, machine).await;
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
async fn together(world: &World, machine: &Machine) -> Answer {
    match on_machine(world, machine).await {
        Ok(failed) => {
            if let Some((gate, said)) = failed.into_iter().next() {
                return Answer::No(format!("{gate}: {said}"));
            }
        }
        Err(why) => return Answer::NotAsked(why),
    }
    if !world.cluster.gates.ready || machine.role == Role::None {
        return Answer::Yes;
    }
    match ready(world, machine).await {
        Answer::Yes if machine.role == Role::ControlPlane => {
            probe(world, machine).await.map_or_else(Answer::NotAsked, |probe| votes(&probe))
        }
        answer => answer,
    }
}

/// The gates that the machine itself can answer and that do not hold, with what they said; or why they could not be asked.
async fn on_machine(world: &World, machine: &Machine) -> Result<BTreeMap<String, String>, String> {
    match world.exec(&on_node::gates(machine, &world.cluster.gates)).await {
        Ok(output) if output.status == 0 => {
            on_node::gates_failed(&output.stdout).map_err(|error| error.to_string())
        }
        Ok(output) => Err(format!("exit code {}: {}", output.status, output.stderr.trim())),
        Err(error) => Err(error.to_string()),
    }
}

async fn ready(world: &World, machine: &Machine) -> Answer {
    match world.kube(REQUEST, world.ports.kube.node(&machine.name)).await {
        Ok(Some(node)) if node.ready => Answer::Yes,
        Ok(Some(_)) => Answer::No("its node is not Ready".to_owned()),
        Ok(None) => Answer::No("the API server shows no such node".to_owned()),
        Err(error) => Answer::NotAsked(error.to_string()),
    }
}

async fn probe(world: &World, machine: &Machine) -> Result<Probe, String> {
    match world.exec(&on_node::probe(machine)).await {
        Ok(output) if output.status == 0 => {
            on_node::probed(&output.stdout).map_err(|error| error.to_string())
        }
        Ok(output) => Err(format!("exit code {}: {}", output.status, output.stderr.trim())),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a control plane is back in etcd. That its Node is Ready may be 40 seconds old (node-monitor-grace-period), and
/// the next control plane is taken down when this one has passed. A k3s server with a file instead has no vote.
fn votes(probe: &Probe) -> Answer {
    if !probe.kubelet {
        Answer::No("its kubelet does not run".to_owned())
    } else if probe.datastore && !probe.sqlite && probe.etcd.is_none() {
        Answer::No("its etcd does not vote".to_owned())
    } else {
        Answer::Yes
    }
}

#[cfg(test)]
mod tests {
    use nix8s_core::model::Distribution;
    use nix8s_core::model::HttpGate;

    use super::*;
    use crate::port::ExecError;
    use crate::testing::*;

    fn told(asked: &BTreeMap<MachineName, Vec<Gate>>) -> Vec<String> {
        let gates = asked.iter().flat_map(|(name, gates)| gates.iter().map(move |gate| (name, gate)));
        gates.map(|(name, gate)| format!("{name} {}: {:?}", gate.gate, gate.answer)).collect()
    }

    const EXPECTED: &[&str] = &[
        "cp1 installed: Yes",
        r#"cp1 a.service: NotAsked("exit code 1: no such program")"#,
        r#"cp1 b.service: NotAsked("exit code 1: no such program")"#,
        r#"cp1 http://localhost: NotAsked("exit code 1: no such program")"#,
        r#"cp1 Ready: No("the API server shows no such node")"#,
        r#"cp1 etcd: No("its etcd does not vote")"#,
        "w1 installed: Yes",
        "w1 a.service: Yes",
        r#"w1 b.service: No("failed")"#,
        "w1 http://localhost: Yes",
        "w1 Ready: Yes",
        r#"w2 installed: No("it does not run NixOS")"#,
        r#"w3 installed: NotAsked("connection refused")"#,
    ];

    #[test]
    fn a_control_plane_votes_unless_it_has_no_etcd() {
        let of = |kubelet, datastore, sqlite, etcd: Option<Vec<_>>| {
            votes(&Probe { kubelet, datastore, sqlite, etcd, ..crate::testing::probe("cp1") })
        };
        assert_eq!(of(true, true, false, Some(Vec::new())), Answer::Yes);
        assert_eq!(of(true, true, false, None), Answer::No("its etcd does not vote".to_owned()));
        assert_eq!(of(true, true, true, None), Answer::Yes);
        assert_eq!(of(false, true, true, None), Answer::No("its kubelet does not run".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn every_gate_is_asked_and_each_has_its_answer() {
        let fakes = Fakes::new();
        let mut cluster = cluster(Distribution::K3s, &["w1", "w2", "w3"]);
        cluster.gates.units = vec!["a.service".to_owned(), "b.service".to_owned()];
        cluster.gates.http = vec![HttpGate { url: "http://localhost".to_owned(), expect: 200 }];
        let machines = [
            crate::testing::probe("w1"),
            Probe { os: Os::Foreign("Debian".to_owned()), ..crate::testing::probe("w2") },
            Probe { datastore: true, ..crate::testing::probe("cp1") },
        ];
        for (at, answers) in ["w1", "w2", "cp1"].iter().zip(&machines) {
            let answer = says(serde_json::to_string(answers).unwrap());
            fakes.exec.on(&format!("{at}: nix8s on-node probe"), [answer]);
        }
        fakes.exec.on("w3: nix8s on-node probe", [Reply::Error(ExecError::Refused)]);
        fakes.exec.on("w1: nix8s on-node gates", [says(r#"{"b.service":"failed"}"#)]);
        fakes.exec.on("cp1: nix8s on-node gates", [fails(1, "no such program")]);
        fakes.api.set("w1", node("1"));
        let world = fakes.world(cluster);
        assert_eq!(told(&ask(&world).await), EXPECTED);
        assert_eq!(fakes.exec.ran("w2: ").len(), 1, "nothing is put on a machine that is not installed");
    }
}
