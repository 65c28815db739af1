//! Faults of the earlier implementations, by id: none of them is planned.

use nix8s_core::model::Distribution::K3s;
use nix8s_core::model::Distribution::Kubeadm;
use nix8s_core::model::MachineName;
use nix8s_core::observed::Known;
use nix8s_core::observed::KubeconfigSeen;
use nix8s_core::observed::Os;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Effect;
use nix8s_core::plan::EffectKind;
use nix8s_core::reconcile;

use crate::world::*;

fn causes(world: &World, who: &str) -> Vec<Cause> {
    let plan = world.plan();
    plan.waits
        .iter()
        .filter(|w| w.machine.as_ref().is_some_and(|m| m.as_str() == who))
        .map(|w| w.cause)
        .collect()
}

#[test]
fn d_01_a_machine_that_is_merely_offline_is_not_installed_again() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.silence("w1");
    assert!(world.plan().steps.is_empty());
    assert_eq!(causes(&world, "w1"), [Cause::Silent]);
    // Nor when it then comes back in an installer.
    let other = blank(K3s, &["cp1", "w1"]);
    world.seen.machines.insert(name("w1"), other.seen.machines[&name("w1")].clone());
    assert!(world.plan().steps.is_empty());
    assert_eq!(causes(&world, "w1"), [Cause::NeedsErase]);
}

#[test]
fn n_01_a_new_configuration_never_installs_again() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    for content in ["b", "c", "d"] {
        world.evaluate(content);
        assert!(world.plan().steps.iter().all(|s| s.effect.kind() != EffectKind::Install));
    }
}

#[test]
fn n_02_a_lost_probe_changes_nothing_that_is_remembered() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    let answered = world.seen.machines[&name("w1")].clone();
    world.silence("w1");
    assert!(world.plan().steps.is_empty());
    world.seen.machines.insert(name("w1"), answered);
    world.past("w1").silent_since = None;
    assert_eq!(world.planned(), "");
}

#[test]
fn d_05_join_material_is_in_no_step() {
    let world = blank(Kubeadm, &["cp1", "cp2", "w1"]);
    let plan = world.plan();
    let all =
        [plan.steps.clone(), reconcile::forecast(&world.cluster, &world.seen, &plan, &world.permit)].concat();
    let text = serde_json::to_string(&all).unwrap();
    assert!(all.iter().any(|s| s.effect.kind() == EffectKind::Join));
    assert!(!text.contains("token\":") && !text.contains("certificate"), "{text}");
}

#[test]
fn d_07_an_installed_machine_is_still_updated() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.evaluate("b");
    assert!(world.plan().steps.iter().any(|s| s.effect.kind() == EffectKind::Build));
}

#[test]
fn d_02_a_finished_cluster_is_finished() {
    // What is done is read from the world, not from files that somebody has to write.
    assert!(ready(Kubeadm, &["cp1", "cp2", "cp3", "w1"]).plan().is_empty());
}

#[test]
fn x_09_there_is_one_first_server() {
    let mut world = blank(K3s, &["cp1", "cp2", "cp3"]);
    world.cluster.ha.first_server = name("cp2");
    let elected: Vec<MachineName> = world
        .plan()
        .steps
        .into_iter()
        .filter_map(|s| match s.effect {
            Effect::ElectFirstServer { machine } => Some(machine),
            _ => None,
        })
        .collect();
    assert_eq!(elected, [name("cp2")]);
    // Elected is elected: a changed configuration does not make a second one.
    let mut world = ready(K3s, &["cp1", "cp2", "cp3"]);
    world.cluster.ha.first_server = name("cp2");
    assert_eq!(world.planned(), "");
}

#[test]
fn x_17_names_that_begin_alike_are_different_machines() {
    let mut world = ready(K3s, &["cp1", "w1", "w10"]);
    world.node("w1").cordon = nix8s_core::observed::Cordon::Ours;
    world.node("w10").cordon = nix8s_core::observed::Cordon::Foreign;
    let ids: Vec<String> = world.plan().steps.into_iter().map(|s| s.id).collect();
    assert_eq!(ids, ["uncordon:w1"]);
}

#[test]
fn x_30_clusters_without_control_planes_or_machines_are_planned_without_harm() {
    assert!(blank(K3s, &[]).plan().steps.iter().all(|s| s.effect.kind() == EffectKind::GenerateSecrets));
    let plan = blank(K3s, &["w1"]).plan();
    assert!(plan.steps.iter().all(|s| s.effect.kind() != EffectKind::Init));
}

#[test]
fn an_existing_cluster_is_reused_never_initialised_again() {
    let mut world = ready(K3s, &["cp1", "cp2", "cp3"]);
    world.seen.api = Known::Unknown;
    world.seen.past = Default::default();
    let plan = world.plan();
    assert!(plan.steps.iter().all(|s| s.effect.kind() != EffectKind::Init), "{}", show(&plan));
    // With the data gone and the memory there, it is for a person to say what happened.
    let mut world = ready(K3s, &["cp1"]);
    world.seen.api = Known::Unknown;
    let probe = world.probe("cp1");
    (probe.datastore, probe.kubelet, probe.etcd) = (false, false, None);
    let plan = world.plan();
    assert!(plan.steps.iter().all(|s| s.effect.kind() != EffectKind::Init), "{}", show(&plan));
    assert!(plan.waits.iter().any(|w| w.text.contains("restore a snapshot")), "{}", show(&plan));
}

#[test]
fn nothing_is_initialised_while_a_control_plane_is_silent() {
    let mut world = ready(K3s, &["cp1", "cp2", "cp3"]);
    world.seen.api = Known::Unknown;
    world.seen.past.machines.clear();
    world.seen.past.initialized = None;
    for n in ["cp1", "cp2"] {
        let probe = world.probe(n);
        (probe.datastore, probe.kubelet, probe.distribution_state, probe.etcd) = (false, false, false, None);
    }
    world.silence("cp3");
    let plan = world.plan();
    assert!(plan.steps.iter().all(|s| s.effect.kind() != EffectKind::Init), "{}", show(&plan));
    assert!(plan.waits.iter().any(|w| w.text.contains("cp3 did not answer")), "{}", show(&plan));
}

#[test]
fn a_foreign_system_on_a_member_s_metal_is_not_taken_for_new() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.probe("w1").os = Os::Foreign("Debian GNU/Linux 12".to_owned());
    world.probe("w1").mark = None;
    world.permit.erase_all_new = true;
    assert_eq!(causes(&world, "w1"), [Cause::NotOurMachine]);
}

#[test]
fn facts_that_could_not_be_learnt_are_waited_for_and_never_taken_for_nothing_to_do() {
    let about_the_cluster = |world: &World| -> Vec<Cause> {
        world.plan().waits.iter().filter(|w| w.machine.is_none()).map(|w| w.cause).collect()
    };
    let mut evaluation_failed = ready(K3s, &["cp1", "w1"]);
    assert!(evaluation_failed.plan().is_empty());
    evaluation_failed.seen.wanted = Known::Unknown;
    assert_eq!(about_the_cluster(&evaluation_failed), [Cause::Unknown]);
    let mut nobody_checked = ready(K3s, &["cp1", "w1"]);
    nobody_checked.seen.kubeconfig = Known::Unknown;
    assert_eq!(about_the_cluster(&nobody_checked), [Cause::Unknown]);
}

/// A run that is killed between beginning the cluster and reading its kubeconfig leaves a cluster that nobody can ask.
#[test]
fn a_kubeconfig_is_fetched_from_whoever_holds_the_data_when_nobody_can_ask_who_is_ready() {
    let fetches = |world: &World| world.planned().contains("fetch-kubeconfig");
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.seen.api = Known::Unknown;
    assert!(!fetches(&world), "there is one");
    world.seen.kubeconfig = Known::Known(KubeconfigSeen::Missing);
    assert!(fetches(&world), "{}", world.planned());
    world.probe("cp1").kubelet = false;
    assert!(!fetches(&world), "there is none to fetch");
}
