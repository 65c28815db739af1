//! The decision table: each row with the machine that matches it.

use insta::assert_snapshot;
use nix8s_core::model::Distribution::K3s;
use nix8s_core::model::Provisioner;
use nix8s_core::observed::DiskContent;
use nix8s_core::observed::Known;
use nix8s_core::observed::MachineSeen;
use nix8s_core::observed::Mark;
use nix8s_core::observed::Os;
use nix8s_core::observed::Reach;
use nix8s_core::permit::EraseScope;

use crate::world::*;

/// Lines about w1.
fn about_w1(world: &World) -> String {
    world.planned().lines().filter(|l| l.contains("w1")).collect::<Vec<_>>().join("\n")
}

#[test]
fn row_3_skip() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.machine("w1").skip = true;
    world.silence("w1");
    assert_snapshot!(about_w1(&world), @"- Skipped: w1 is left alone: skip is set");
}

#[test]
fn row_4_another_host_key() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    let reach = Reach::WrongKey { fingerprint: "SHA256:abc".to_owned() };
    world.seen.machines.insert(name("w1"), MachineSeen { reach, probe: None });
    assert_snapshot!(about_w1(&world), @"- WrongKey: w1 shows another SSH host key (SHA256:abc) than the one we know: if you changed it, run again with `--accept-host-key w1=SHA256:abc`; if not, somebody else answers at its address");
}

#[test]
fn row_6_silent_and_ours() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.silence("w1");
    assert_snapshot!(about_w1(&world), @"- Silent: w1 is ours and does not answer for 10m: bring it back; if it is gone for good: `nix8s node delete --lost w1`");
}

#[test]
fn row_7_silent_and_new() {
    let mut world = blank(K3s, &["cp1", "w1"]);
    world.seen.machines.insert(name("w1"), MachineSeen { reach: Reach::Refused, probe: None });
    assert_snapshot!(about_w1(&world), @"- NotThereYet: w1 does not answer yet: boot any Linux with SSH on it, for example a NixOS installer, reachable at its address");
}

#[test]
fn row_8_an_installer_with_foreign_data_needs_leave() {
    let mut world = blank(K3s, &["cp1", "w1"]);
    world.probe("w1").hardware.disks[0].content = DiskContent::Foreign;
    assert_snapshot!(about_w1(&world), @"- NeedsErase: there is data on the disks of w1 that is not ours: erase it with `--erase w1:foreign`");
    world.permit.erase.insert(name("w1"), EraseScope::Foreign);
    assert_snapshot!(about_w1(&world), @"install:w1 [Erases]: it runs an installer, and erasing that is allowed  after generate-secrets");
}

#[test]
fn row_9_a_foreign_system_needs_leave() {
    let mut world = blank(K3s, &["cp1", "w1"]);
    world.probe("w1").os = Os::Foreign("Debian GNU/Linux 12".to_owned());
    assert_snapshot!(about_w1(&world), @"- NeedsErase: w1 runs Debian GNU/Linux 12: erase it with `--erase w1` (or `--erase all-new`)");
    world.permit.erase_all_new = true;
    assert_snapshot!(about_w1(&world), @"install:w1 [Erases]: it runs Debian GNU/Linux 12, and erasing that is allowed  after generate-secrets");
    for provisioner in [Provisioner::Manual, Provisioner::NixosRebuild] {
        world.machine("w1").provisioner = provisioner;
        assert!(about_w1(&world).starts_with("- WrongSystem: w1 runs Debian GNU/Linux 12, which"));
    }
}

#[test]
fn row_10_another_identity() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    world.probe("w1").hardware.uuid = "uuid-other".to_owned();
    assert_snapshot!(about_w1(&world), @"- NotOurMachine: w1 is not the machine that we know: other metal answers: its UUID is uuid-other, w1 had uuid-w1. If it was replaced: `nix8s node delete --lost w1`, then undelete");
    // Not even when it is named: the permit is for the machine that we know.
    world.permit.erase.insert(name("w1"), EraseScope::All);
    assert!(about_w1(&world).starts_with("- NotOurMachine"));
}

#[test]
fn row_11_leftovers_of_an_earlier_membership_are_cleaned() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    let Known::Known(api) = &mut world.seen.api else { unreachable!() };
    api.nodes.remove(&name("w1"));
    assert_snapshot!(about_w1(&world), @"clean:w1 [Interrupts]: it is no member, and carries what an earlier membership left");
}

#[test]
fn row_12_a_machine_without_a_node_joins() {
    let mut world = ready(K3s, &["cp1", "w1"]);
    let Known::Known(api) = &mut world.seen.api else { unreachable!() };
    api.nodes.remove(&name("w1"));
    let probe = world.probe("w1");
    (probe.kubelet, probe.distribution_state) = (false, false);
    assert_snapshot!(about_w1(&world), @"join:w1: a worker that is not in the cluster yet; cp1 lets it in");
}

#[test]
fn nixos_that_a_person_installed_is_taken_over() {
    let mut world = blank(K3s, &["cp1", "w1"]);
    world.machine("w1").provisioner = Provisioner::Manual;
    world.probe("w1").os = Os::NixOs { release: "26.05".to_owned() };
    assert_snapshot!(about_w1(&world), @"adopt:w1: it runs NixOS 26.05 already: it gets its secrets and an identity mark, nothing is erased  after generate-secrets");
    world.machine("w1").release = Some("25.11".to_owned());
    assert_snapshot!(about_w1(&world), @"- WrongSystem: w1 runs NixOS 26.05, and NixOS 25.11 is expected: install that, or change `provisioning.manual.expectedNixosVersion`");
    world.machine("w1").release = Some("26.05".to_owned());
    assert!(about_w1(&world).starts_with("adopt:w1"));
}

#[test]
fn an_installation_broken_off_before_its_first_start_is_begun_again_without_leave() {
    let mut world = blank(K3s, &["cp1", "w1"]);
    let (cluster, machine) = ("prod".to_owned(), "w1".to_owned());
    let mark = Mark { cluster, machine, installation: "begun".to_owned(), booted: false };
    world.probe("w1").mark = Some(mark);
    assert!(about_w1(&world).starts_with("- NeedsErase"), "nix8s did not begin it: {}", about_w1(&world));
    world.past("w1").installing = Some("begun".to_owned());
    assert_snapshot!(about_w1(&world), @"install:w1: it runs an installer; installing it was broken off before its first start  after generate-secrets");
    // It has started from its disk since: whatever is there may be data.
    world.probe("w1").mark.as_mut().unwrap().booted = true;
    assert!(about_w1(&world).starts_with("- NeedsErase"), "{}", about_w1(&world));
}

#[test]
fn a_machine_of_another_cluster_is_left_alone() {
    let mut world = blank(K3s, &["cp1", "w1"]);
    let probe = world.probe("w1");
    probe.os = Os::NixOs { release: "26.05".to_owned() };
    let (cluster, machine) = ("other".to_owned(), "w1".to_owned());
    probe.mark = Some(Mark { cluster, machine, installation: "x".to_owned(), booted: true });
    assert!(about_w1(&world).starts_with("- NotOurMachine"), "{}", about_w1(&world));
}

#[test]
fn provisioners_of_later_versions_say_so() {
    let mut world = blank(K3s, &["cp1", "w1"]);
    world.machine("w1").provisioner = Provisioner::Pxe;
    assert_snapshot!(about_w1(&world), @"- LaterVersion: w1: network boot comes with a later version of nix8s");
}
