//! The simulated world through its ports: what happened stays, what must not happen is noticed.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use nix8s_core::event::What;
use nix8s_core::model::Action;
use nix8s_core::model::BUILT_IN;
use nix8s_core::model::Body;
use nix8s_core::model::Cluster;
use nix8s_core::model::Distribution;
use nix8s_core::model::Moment;
use nix8s_core::model::OnFailure;
use nix8s_core::model::Place;
use nix8s_core::model::Repeat;
use nix8s_core::model::Scope;
use nix8s_core::model::Script;
use nix8s_core::model::Transition;
use nix8s_core::observed::Mark;
use nix8s_core::observed::Os;
use nix8s_core::permit::Permit;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Wait;
use nix8s_core::tool::k3s;
use nix8s_core::tool::nix;
use nix8s_core::tool::nixos_anywhere;
use nix8s_core::tool::on_node;
use nix8s_core::tool::script;
use nix8s_engine::converge::Ending;
use nix8s_engine::converge::Given;
use nix8s_engine::converge::PATIENCE;
use nix8s_engine::converge::Settings;
use nix8s_engine::journal::Journal;
use nix8s_engine::port::Ports;
use nix8s_engine::progress::Progress;
use nix8s_engine::state::memory::Memory;
use nix8s_engine::stop::Stop;
use nix8s_sim::Options;
use nix8s_sim::Simulation;
use nix8s_sim::fault::Level;
use nix8s_sim::fleet;

const OPTIONS: Options = Options { seed: 7, faults: Level::None, pace: None, not_before: None };

fn cluster(control_planes: u32) -> Arc<Cluster> {
    let shape =
        fleet::Shape { control_planes, workers: 0, others: 0, distribution: Distribution::K3s, minor: 34 };
    Arc::new(fleet::cluster(&shape))
}

/// Installs every machine and waits until all are up.
async fn installed(cluster: &Cluster, ports: &Ports) {
    for machine in cluster.machines.values() {
        let mark = Mark {
            cluster: "sim".to_owned(),
            machine: machine.name.to_string(),
            installation: "1".to_owned(),
            booted: false,
        };
        let build = nix::build_part("flake", &cluster.name, &machine.name, &cluster.version, "toplevel");
        let path = nix::built(&ports.exec.run(&build).await.unwrap().stdout).unwrap();
        let system = nixos_anywhere::System::Here { disko: &path, path: &path };
        let given = nixos_anywhere::Given { system, mark: &mark, secrets: BTreeMap::new() };
        let command = nixos_anywhere::install(machine, cluster, given);
        assert_eq!(ports.exec.run(&command).await.unwrap().status, 0);
    }
    ports.clock.sleep(std::time::Duration::from_secs(120)).await;
}

#[tokio::test(start_paused = true)]
async fn a_world_opened_again_is_as_it_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = cluster(1);
    let machine = cluster.machines.values().next().unwrap();
    let before = nix8s_sim::open(dir.path(), &cluster, OPTIONS).unwrap();
    let ports = before.ports(Arc::new(Memory::new()));
    installed(&cluster, &ports).await;
    let init = ports.exec.run(&k3s::init(machine)).await.unwrap();
    assert_eq!(init.status, 0);
    let left = before.with(|w| w.metal.clone());
    drop((before, ports));

    let after = nix8s_sim::open(dir.path(), &cluster, OPTIONS).unwrap();
    assert_eq!(after.with(|w| w.metal.clone()), left);
    let ports = after.ports(Arc::new(Memory::new()));
    ports.clock.sleep(std::time::Duration::from_secs(120)).await;
    let seen = ports.kube.look().await.unwrap();
    assert!(seen.nodes[&machine.name].ready, "k3s went on starting although nobody looked");
}

#[tokio::test(start_paused = true)]
async fn every_byte_prefix_of_the_journal_opens() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = cluster(1);
    let sim = nix8s_sim::open(dir.path(), &cluster, OPTIONS).unwrap();
    installed(&cluster, &sim.ports(Arc::new(Memory::new()))).await;
    let path = dir.path().join(nix8s_sim::journal::FILE);
    let whole = std::fs::read(&path).unwrap();
    let first = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    for end in (first..whole.len()).step_by(7) {
        std::fs::write(&path, &whole[..end]).unwrap();
        let world = nix8s_sim::journal::Journal::read(dir.path(), &cluster).unwrap().unwrap();
        assert_eq!(world.metal.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_cluster_is_noticed() {
    let cluster = cluster(3);
    let sim = Simulation::new(nix8s_sim::make::world(&cluster, 7, nix8s_sim::BEGINNING), OPTIONS);
    sim.new_run(&Permit::default());
    let ports = sim.ports(Arc::new(Memory::new()));
    installed(&cluster, &ports).await;
    for machine in cluster.machines.values().take(2) {
        ports.exec.run(&k3s::init(machine)).await.unwrap();
        ports.clock.sleep(std::time::Duration::from_secs(60)).await;
        sim.with(|_| ());
    }
    let rules: Vec<&str> = sim.violations().iter().map(|v| v.rule).collect();
    assert_eq!(rules, ["r3"]);
}

#[tokio::test(start_paused = true)]
async fn erasing_what_lived_is_noticed_unless_it_was_named() {
    let cluster = cluster(1);
    let sim = Simulation::new(nix8s_sim::make::world(&cluster, 7, nix8s_sim::BEGINNING), OPTIONS);
    sim.new_run(&Permit::default());
    let ports = sim.ports(Arc::new(Memory::new()));
    installed(&cluster, &ports).await;
    assert!(sim.violations().is_empty(), "a blank machine may be erased");
    installed(&cluster, &ports).await;
    let rules: Vec<&str> = sim.violations().iter().map(|v| v.rule).collect();
    assert_eq!(rules, ["r2"]);
}

fn script(when: Moment, scope: Scope) -> Script {
    Script {
        name: "s".to_owned(),
        when,
        scope,
        nodes: None,
        on: None,
        place: Place::Local,
        body: Body::Text("true".to_owned()),
        deps: Default::default(),
        condition: None,
        timeout: std::time::Duration::from_secs(300),
        on_failure: OnFailure::Stop,
        repeat: Repeat::Never,
        digest: "1".to_owned(),
    }
}

/// A world in which a script is to run, and the rules that are broken when it runs so often before the installation.
async fn broken_by(script: Script, times: u32) -> Vec<&'static str> {
    let mut cluster = (*cluster(1)).clone();
    cluster.bootstrap.scripts.push(script.clone());
    let cluster = Arc::new(cluster);
    let sim = Simulation::new(nix8s_sim::make::world(&cluster, 7, nix8s_sim::BEGINNING), OPTIONS);
    sim.new_run(&Permit::default());
    let ports = sim.ports(Arc::new(Memory::new()));
    let machine = cluster.machines.values().next().filter(|_| script.scope == Scope::Node);
    let about = script::About {
        cluster: &cluster,
        name: machine.map(|machine| &machine.name),
        machine: machine.map(|machine| &**machine),
        state_dir: "",
    };
    for _ in 0..times {
        let output = ports.exec.run(&script::run(&script, about).unwrap()).await.unwrap();
        assert_eq!(output.status, 0);
    }
    installed(&cluster, &ports).await;
    sim.violations().iter().map(|v| v.rule).collect()
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_runs_twice_is_noticed() {
    let hook = || script(Moment::Before(Transition::Provision), Scope::Node);
    assert!(broken_by(hook(), 1).await.is_empty());
    assert_eq!(broken_by(hook(), 2).await, ["s1"]);
}

#[tokio::test(start_paused = true)]
async fn a_phase_that_begins_too_early_is_noticed() {
    let (name, order) = BUILT_IN[0];
    let early = || script(Moment::Phase { name: name.to_owned(), order }, Scope::Cluster);
    assert!(broken_by(early(), 1).await.is_empty());
    assert_eq!(broken_by(early(), 0).await, ["s2"]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_tells_what_there_is() {
    let cluster = cluster(1);
    let machine = cluster.machines.values().next().unwrap();
    let sim = Simulation::new(nix8s_sim::make::world(&cluster, 7, nix8s_sim::BEGINNING), OPTIONS);
    let ports = sim.ports(Arc::new(Memory::new()));
    let probe = || async {
        let output = ports.exec.run(&on_node::probe(machine)).await.unwrap();
        on_node::probed(&output.stdout).unwrap()
    };
    assert_eq!(probe().await.os, Os::Installer);
    installed(&cluster, &ports).await;
    let after = probe().await;
    assert_eq!(after.os, Os::NixOs { release: "26.05".to_owned() });
    assert_eq!(after.mark.unwrap().machine, machine.name.as_str());
    assert!(!after.kubelet && !after.datastore);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_no_tool_makes_is_a_loud_error() {
    let cluster = cluster(1);
    let sim = Simulation::new(nix8s_sim::make::world(&cluster, 7, nix8s_sim::BEGINNING), OPTIONS);
    let ports = sim.ports(Arc::new(Memory::new()));
    let command = nix8s_core::tool::Command::here(["rm", "-rf", "/"], nix8s_core::tool::SHORT);
    let output = ports.exec.run(&command).await.unwrap();
    assert_eq!(output.status, 127);
    assert!(output.stderr.contains("does not know this command"), "{}", output.stderr);
}

/// Brings everything about, with a person's word beforehand.
async fn converge(
    cluster: &Cluster,
    sim: &Simulation,
    store: &Arc<Memory>,
    asked: Option<What>,
) -> Vec<Wait> {
    let permit = Permit::default();
    sim.new_run(&permit);
    let ports = sim.ports(Arc::clone(store) as _);
    if let Some(what) = asked {
        let journal = Journal::open(ports.store.clone(), ports.clock.clone(), "person".to_owned());
        journal.unwrap().record([what]).unwrap();
    }
    let world =
        nix8s_engine::world::World::new(Arc::new(cluster.clone()), ports, "simulated".to_owned(), permit)
            .unwrap();
    let settings = Settings { command: "apply".to_owned(), covered: Some(Risk::Erases), patience: PATIENCE };
    let mut waits = Vec::new();
    let mut hear = |progress: &Progress| {
        if let Progress::CycleBegan { plan, .. } = progress {
            waits.clone_from(&plan.waits);
        }
    };
    let (mut consent, mut stop) = (Given(Risk::Erases), Stop::never());
    let ended = nix8s_engine::converge::converge(&world, &settings, &mut consent, &mut stop, &mut hear);
    assert_eq!(ended.await.unwrap().ending, Ending::Converged);
    assert_eq!(sim.violations(), []);
    waits
}

#[tokio::test(start_paused = true)]
async fn a_restart_brings_what_is_to_start_and_takes_away_what_is_tested() {
    for action in [Action::Boot, Action::Test] {
        let mut cluster = (*cluster(1)).clone();
        let made = nix8s_sim::make::world(&Arc::new(cluster.clone()), 7, nix8s_sim::BEGINNING);
        let sim = Simulation::new(made, OPTIONS);
        let store = Arc::new(Memory::new());
        assert_eq!(converge(&cluster, &sim, &store, None).await, []);
        let name = cluster.machines.keys().next().unwrap().clone();
        let is = || sim.with(|w| w.metal[&name].installed.clone().unwrap());
        let before = is().running;
        for machine in cluster.machines.values_mut() {
            Arc::make_mut(&mut Arc::make_mut(machine).parts).kernel = "another".to_owned();
        }
        let new = Arc::new(cluster.clone());
        sim.with(|w| w.set_fleet(new));
        let asked = What::Rebuild { machine: name.clone(), action: Some(action) };
        let waits = converge(&cluster, &sim, &store, Some(asked)).await;
        assert_eq!(waits.iter().map(|wait| wait.cause).collect::<Vec<_>>(), [Cause::AsAsked], "{action:?}");
        let (runs, starts) = (is().running, is().default);
        assert_eq!((runs == before, starts == before), (action == Action::Boot, action == Action::Test));

        sim.with(|w| nix8s_sim::alter::power_on(w, &name));
        let waits = converge(&cluster, &sim, &store, None).await;
        assert_eq!(is().running, starts, "{action:?}: whatever it starts into is left at that");
        assert_eq!(waits.len(), usize::from(action == Action::Test), "{waits:?}");
    }
}
