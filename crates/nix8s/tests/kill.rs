//! The real binary, killed with SIGKILL again and again in the middle of `apply`, and run again until the cluster is as
//! configured: nothing is lost, initialised twice or erased twice.

#![expect(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;

use nix8s_core::event::Event;
use nix8s_core::event::What;
use nix8s_core::input;
use nix8s_core::model::Cluster;
use nix8s_core::model::MachineName;
use nix8s_core::plan::Effect;
use nix8s_engine::port::Place;
use nix8s_engine::state::log;
use nix8s_sim::journal::Journal;
use tempfile::TempDir;

/// Kills altogether, the least that counts as a try.
const KILLS_MIN: u32 = 500;

/// Kills of one cluster before it may come up undisturbed.
const KILLS_EACH: u32 = 40;

/// Runs of one cluster: with this many and no end in sight it does not converge.
const RUNS_MAX: u32 = 200;

/// The longest that one run lives, in moments: long enough for the longest step.
const MOMENTS_MAX: u64 = 240;

/// A generator of numbers that a seed decides (SplitMix64): which moment is the last.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A small cluster; the seed decides its distribution and how many machines it has.
fn document(seed: u64, version: &str, workers: u64) -> String {
    let distribution = if seed.is_multiple_of(2) { "k3s" } else { "kubeadm" };
    let control_planes = [1, 3, 1, 2][seed as usize % 4];
    let mut text = format!(
        "nodes:\n  metal: {{ install: {{ disk: /dev/sda }} }}\nprovisioning: {{ nixos-anywhere: {{}} }}\n\
         policy: {{ interrupt: true, remove: true, maxAffected: 100 }}\n\
         clusters:\n  c:\n    distribution: {distribution}\n    version: '{version}'\n    members:\n"
    );
    let member = |kind: &str, role: &str, n: u64, ip: u64| {
        format!("      {kind}{n}: {{ node: metal, role: {role}, ip: 10.0.0.{} }}\n", ip + n)
    };
    for n in 1..=control_planes {
        text.push_str(&member("cp", "control-plane", n, 10));
    }
    for n in 1..=workers {
        text.push_str(&member("w", "worker", n, 100));
    }
    text
}

fn cluster(text: &str) -> Arc<Cluster> {
    let source = input::Source { name: "nix8s.yaml".into(), at: input::At::Document, bytes: text.into() };
    let loaded = input::load(&[source]);
    let fleet = loaded.fleet.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    fleet.clusters.into_values().next().unwrap()
}

/// Applies once, with leave to erase some machines. `kill_at` is the moment at which the process kills itself.
fn apply(
    dir: &Path,
    seed: u64,
    kill_at: Option<u64>,
    erase: &[String],
) -> (Option<i32>, Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nix8s"));
    command.args(["apply", "--simulate", "--yes", "-q", "--faults", "some", "--seed", &seed.to_string()]);
    command.args(erase.iter().flat_map(|name| ["--erase", name]));
    command.current_dir(dir).env_clear().env("NIX8S_STATE_DIR", dir.join("state")).stdin(Stdio::null());
    command.envs(kill_at.map(|at| ("NIX8S_SIM_KILL_AT", at.to_string())));
    let output = command.output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), output.status.signal(), said)
}

/// How often the answer was that a machine may be erased.
type Leave = BTreeMap<String, u32>;

/// Applies until it is done, killing it now and then; returns how often that was.
fn converge(dir: &Path, seed: u64, numbers: &mut Numbers, leave: &mut Leave) -> u32 {
    let (mut killed, mut erase) = (0, Vec::new());
    for _ in 0..RUNS_MAX {
        let kill_at = (killed < KILLS_EACH).then(|| 1 + numbers.next() % MOMENTS_MAX);
        match apply(dir, seed, kill_at, &std::mem::take(&mut erase)) {
            (_, Some(9), _) => killed += 1,
            (Some(0), None, _) => return killed,
            // A simulated disk that is full ends a run, and so does a machine that does not come back for long.
            (Some(1), None, _) => {}
            // Killed between the last write to a disk and the restart: the machine is still in its installer, nobody can
            // tell whether it ever lived, and nix8s asks. Here it never did, and the answer is yes.
            (Some(4), None, said) if said.contains("needs-erase") => {
                let words = said.split('`').filter_map(|word| word.strip_prefix("--erase "));
                erase = words.map(str::to_owned).collect();
                erase.iter().for_each(|name: &String| *leave.entry(name.clone()).or_default() += 1);
                assert!(!erase.is_empty(), "seed {seed}: {said}");
            }
            (code, signal, said) => panic!("seed {seed}: exit {code:?}, signal {signal:?}: {said}"),
        }
    }
    panic!("seed {seed} does not converge in {RUNS_MAX} runs");
}

/// Reads the log as it stands after every byte of it, as a run would that finds it so: a whole number of events, and
/// at most one torn line.
fn readable_at_every_byte(bytes: &[u8]) -> Vec<Event> {
    let (mut place, mut events) = (Place::default(), Vec::new());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        for length in 0..line.len() {
            let decoded = log::decode(&line[..length], place).unwrap();
            assert!(decoded.events.is_empty(), "half a line is no event");
            assert_eq!(decoded.torn, length as u64);
        }
        let decoded = log::decode(line, place).unwrap();
        assert_eq!(decoded.events.len(), 1);
        events.extend(decoded.events);
        place = decoded.end;
    }
    events
}

/// What may happen once in a machine's or a cluster's life happened once.
fn nothing_twice(seed: u64, events: &[Event], mut leave: Leave) {
    let mut lives: BTreeSet<&MachineName> = BTreeSet::new();
    let (mut first_server, mut exists) = (None, false);
    for event in events {
        match &event.what {
            What::Started { effect: Effect::Install { machine, .. } } => {
                let lived = lives.remove(machine);
                if lived {
                    // Leave is good for one life, which ends here.
                    let times = leave.entry(machine.to_string()).or_default();
                    assert!(
                        *times > 0,
                        "seed {seed}: {machine} is erased though it lived, event {}",
                        event.seq
                    );
                    *times -= 1;
                }
            }
            What::Done { effect: Effect::Install { machine, .. }, .. } | What::Recognised { machine, .. } => {
                lives.insert(machine);
            }
            What::Started { effect: Effect::Init { machine } } => {
                assert!(!exists, "seed {seed}: the cluster is initialised twice, event {}", event.seq);
                assert_eq!(machine, *first_server.get_or_insert(machine), "seed {seed}: by two machines");
            }
            // After a kill right behind its beginning, what was initialised shows by its first node.
            What::Done { effect: Effect::Init { .. }, .. } | What::ClusterFound | What::Joined { .. } => {
                exists = true;
            }
            _ => {}
        }
    }
    assert!(exists && first_server.is_some(), "seed {seed}: it was never initialised");
}

/// What the world itself says in the end: every machine lives, and all data is of one cluster.
fn the_world_is_whole(seed: u64, dir: &Path, cluster: &Arc<Cluster>) {
    let world = Journal::read(&dir.join("state/c.sim"), cluster).unwrap().unwrap();
    let mut datastores: BTreeMap<u64, Vec<&MachineName>> = BTreeMap::new();
    for name in cluster.machines.keys() {
        let metal = &world.metal[name];
        assert!(metal.lived && metal.installed.is_some(), "seed {seed}: {name} has no system");
        assert!(world.nodes.contains_key(name), "seed {seed}: {name} is no node");
        if let Some(of) = metal.kube.datastore {
            datastores.entry(of).or_default().push(name);
        }
    }
    assert_eq!(datastores.len(), 1, "seed {seed}: data of several clusters: {datastores:?}");
    let with_data: Vec<_> = datastores.into_values().flatten().collect();
    assert_eq!(with_data, cluster.control_planes().map(|m| &m.name).collect::<Vec<_>>(), "seed {seed}");
}

/// One life: from nothing, then a new version and one worker less, both under fire.
fn life(seed: u64) -> u32 {
    let dir = TempDir::new().unwrap();
    let mut numbers = Numbers(seed);
    let write = |text: &str| std::fs::write(dir.path().join("nix8s.yaml"), text).unwrap();
    write(&document(seed, "1.34", 2));
    let mut leave = Leave::new();
    let mut killed = converge(dir.path(), seed, &mut numbers, &mut leave);
    let changed = document(seed, "1.35", 1);
    write(&changed);
    killed += converge(dir.path(), seed, &mut numbers, &mut leave);
    let events = readable_at_every_byte(&std::fs::read(dir.path().join("state/c.sim/events.jsonl")).unwrap());
    nothing_twice(seed, &events, leave);
    the_world_is_whole(seed, dir.path(), &cluster(&changed));
    killed
}

#[test]
fn an_apply_that_is_killed_anywhere_resumes() {
    let (mut killed, mut seed) = (0, 0);
    while killed < KILLS_MIN {
        killed += life(seed);
        seed += 1;
        assert!(seed < 100, "only {killed} kills in {seed} lives: runs end before they are killed");
    }
    println!("{killed} kills in {seed} lives");
}
