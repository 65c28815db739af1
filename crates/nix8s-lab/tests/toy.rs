//! Systems of the toy flake: built, copied, switched to, rolled back and installed by the real tools.

#![expect(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

use std::process::Command;

use nix8s_lab::Host;
use nix8s_lab::Lab;

/// What the operator's shell comes to.
fn operator(lab: &Lab, script: &str) -> (i32, String, String) {
    let output = lab.operator(Command::new("bash").args(["-euc", script])).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// The same, which must not fail.
#[track_caller]
fn done(lab: &Lab, script: &str) -> String {
    let (code, stdout, stderr) = operator(lab, script);
    assert_eq!(code, 0, "{script}\n{stdout}\n{stderr}");
    stdout
}

/// A flake with this of one machine, and the path of its system, built.
fn built(lab: &Lab, machine: &str) -> String {
    lab.flake(&format!(
        r#"{{ "prod": {{ "versions": ["1.33.5", "1.34.2"], "machines": {{ "w1": {machine} }} }} }}"#
    ));
    done(
        lab,
        "nix build --no-link --print-out-paths ./flake#nixosConfigurations.w1.config.system.build.toplevel",
    )
}

/// Copies a system, makes it the profile's, and switches to it; the exit status of switch-to-configuration.
fn deploy(lab: &Lab, system: &str) -> (i32, String, String) {
    done(lab, &format!("nix copy --no-check-sigs --to ssh-ng://w1 {system}"));
    done(lab, &format!("ssh w1 nix-env -p /nix/var/nix/profiles/system --set {system}"));
    operator(lab, &format!("ssh w1 {system}/bin/switch-to-configuration switch"))
}

fn running(host: &Host<'_>) -> String {
    host.sh("readlink -f /run/current-system")
}

const HELLO: &str = r#"{ "units": { "hello.service": "[Service]\nExecStart=/bin/sleep infinity\n" } }"#;

#[test]
fn a_system_is_built_copied_switched_to_rolled_back_and_booted() {
    let Some(lab) = Lab::start_or_skip(&["w1"]) else { return };
    let w1 = lab.host("w1");
    assert!(w1.read("/etc/os-release").unwrap().contains("VARIANT_ID=installer"));
    assert_eq!(w1.read("/etc/NIXOS"), None);

    let first = built(&lab, HELLO);
    assert_eq!(deploy(&lab, &first).0, 0);
    assert_eq!(running(&w1), first);
    assert!(w1.read("/etc/os-release").unwrap().contains("VERSION_ID=\"26.05\""));
    assert!(w1.read("/etc/NIXOS").is_some());
    assert_eq!(w1.sh("systemctl is-active hello"), "active");

    // A unit that changed is restarted, one that is gone is stopped, one that is new is started.
    let second = built(
        &lab,
        r#"{ "release": "26.11", "units": { "other.service": "[Service]\nExecStart=/bin/sleep infinity\n" } }"#,
    );
    assert_ne!(first, second);
    let (code, _, said) = deploy(&lab, &second);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("stopping the following units: hello.service"), "{said}");
    assert_eq!(w1.sh("systemctl is-active other; systemctl is-active hello || true"), "active\ninactive");

    // Rolled back by hand, as the manual says.
    done(
        &lab,
        "ssh w1 'nix-env -p /nix/var/nix/profiles/system --rollback && /nix/var/nix/profiles/system/bin/switch-to-configuration switch'",
    );
    assert_eq!(running(&w1), first);
    assert_eq!(w1.sh("systemctl is-active hello"), "active");

    // Only booted: nothing changes before the reboot.
    done(
        &lab,
        &format!(
            "ssh w1 nix-env -p /nix/var/nix/profiles/system --set {second} && ssh w1 {second}/bin/switch-to-configuration boot"
        ),
    );
    assert_eq!(running(&w1), first);
    w1.reboot();
    assert_eq!(running(&w1), second);
    assert_eq!(w1.sh("readlink -f /run/booted-system"), second);
    assert_eq!(w1.sh("systemctl is-active other"), "active");

    // Only tried: a crash takes it back.
    done(&lab, &format!("ssh w1 {first}/bin/switch-to-configuration test"));
    assert_eq!(running(&w1), first);
    w1.crash();
    assert_eq!(running(&w1), second);
}

#[test]
fn switching_fails_as_it_does_on_nixos() {
    let Some(lab) = Lab::start_or_skip(&["w1"]) else { return };
    let w1 = lab.host("w1");
    for (machine, expected) in [
        (r#"{ "exit": "100" }"#, 100),
        (r#"{ "exit": "4" }"#, 4),
        (r#"{ "units": { "broken.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n" } }"#, 4),
        (r#"{ "activation": "echo it fails >&2; exit 1" }"#, 2),
    ] {
        let system = built(&lab, machine);
        let (code, _, said) = deploy(&lab, &system);
        assert_eq!(code, expected, "{machine}: {said}");
        assert_eq!(running(&w1), system);
    }
    // One that hangs has its new files and has not started its units; a second one is refused meanwhile.
    let system = built(&lab, r#"{ "exit": "hang" }"#);
    done(&lab, &format!("nix copy --no-check-sigs --to ssh-ng://w1 {system}"));
    w1.sh(&format!("systemd-run --quiet --unit=switch {system}/bin/switch-to-configuration test"));
    w1.sh(&format!("until [ \"$(readlink -f /run/current-system)\" = {system} ]; do sleep 0.1; done"));
    let (code, _, said) = operator(&lab, &format!("ssh w1 {system}/bin/switch-to-configuration switch"));
    assert_eq!((code, said.as_str()), (1, "Could not acquire lock"));
}

#[test]
fn the_flake_has_what_nix8s_asks_for_and_one_machine_changes_only_itself() {
    let Some(lab) = Lab::start_or_skip(&[]) else { return };
    let systems = |w1: &str| {
        lab.flake(&format!(
            r#"{{ "prod": {{ "versions": ["1.34.2"], "machines": {{ "cp1": {{ "k3s": "server" }}, "w1": {w1} }} }} }}"#
        ));
        let at = |part: &str| {
            done(&lab, &format!("nix eval --json './flake#nix8sSystems.prod.\"1.34.2\"' | jq -r .{part}"))
        };
        (at("cp1.path"), at("w1.path"), at("w1.parts.kernel"), at("cp1.version"), at("w1.version"))
    };
    let first = systems("{}");
    let second = systems(r#"{ "kernel": "6.13" }"#);
    assert!(first.0.ends_with("-nixos-system-cp1-26.05"), "{}", first.0);
    assert_eq!((&first.0, &first.3), (&second.0, &second.3));
    assert_ne!(first.1, second.1);
    assert_ne!(first.2, second.2);
    assert_eq!((first.3.as_str(), first.4.as_str()), ("v1.34.2+k3s1", "null"));
    let path = done(&lab, "nix build --no-link --print-out-paths './flake#nix8sBuilds.prod.\"1.34.2\".w1'");
    assert_eq!(path, second.1);

    lab.flake(r#"{ "prod": { "versions": ["1.34.2"], "machines": { "w1": { "kernal": "6.13" } } } }"#);
    let (code, _, said) = operator(&lab, "nix eval './flake#nix8sSystems.prod.\"1.34.2\".w1.path'");
    assert_eq!(code, 1);
    assert!(said.contains("w1: no such settings: kernal"), "{said}");
}

#[test]
fn a_host_is_installed_over_ssh_and_comes_back_as_nixos() {
    let Some(lab) = Lab::start_or_skip(&["w1"]) else { return };
    let w1 = lab.host("w1");
    let system = built(&lab, HELLO);
    w1.sh("mkdir -p /var/lib/nix8s; touch /var/lib/nix8s/old");
    done(
        &lab,
        "mkdir -p -m 700 extra/var/lib/nix8s; echo '{\"booted\":false}' > extra/var/lib/nix8s/identity.json
        umask 077; echo secret > extra/var/lib/nix8s/token",
    );
    let options = "--copy-host-keys --extra-files extra --chown /var/lib/nix8s/token 0:42 --phases kexec,disko,install,reboot";
    let command = format!("nixos-anywhere --store-paths /nix {system} --target-host root@w1 {options}");

    // It verifies whom it talks to if the ssh that it finds does.
    w1.lie();
    done(
        &lab,
        "mkdir bin; printf '#!/bin/sh\\nexec /usr/bin/ssh -o StrictHostKeyChecking=yes -o UserKnownHostsFile=%s/.ssh/known_hosts \"$@\"\\n' \"$HOME\" > bin/ssh
        chmod 755 bin/ssh",
    );
    let verify = "export PATH=$PWD/bin:$PATH;";
    // It tries for ever.
    let watch =
        "until grep -q 'Host key verification failed' log; do kill -0 $pid; sleep 0.1; done; kill $pid";
    done(&lab, &format!("{verify} {command} > log 2>&1 & pid=$!; {watch}"));
    w1.be_honest();

    let (code, stdout, said) = operator(&lab, &format!("{verify} {command}"));
    assert_eq!(code, 0, "{stdout}{said}");
    w1.wait_for_boot();
    assert_eq!(running(&w1), system);
    assert_eq!(w1.sh("systemctl is-active hello"), "active");
    assert_eq!(w1.read("/var/lib/nix8s/identity.json").as_deref(), Some("{\"booted\":true}\n"));
    assert_eq!(
        w1.sh("stat -c '%a %U %n' / /var/lib/nix8s/token"),
        "755 root /\n600 root /var/lib/nix8s/token"
    );
    assert_eq!((w1.read("/var/lib/nix8s/old"), w1.read("/etc/is-nixos-installer")), (None, None));

    // Its host key is its own still, and a new one when nobody asks for that.
    done(&lab, "ssh w1 true; nixos-anywhere --flake ./flake#w1 root@w1");
    w1.wait_for_boot();
    assert_eq!(running(&w1), system);
    assert_eq!(w1.read("/var/lib/nix8s/identity.json"), None);
    let (code, _, said) = operator(&lab, "ssh w1 true");
    assert_eq!(code, 255);
    assert!(said.contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "{said}");

    let (code, _, said) = operator(&lab, "nixos-anywhere --flake x#y --vm-test root@w1");
    assert_eq!((code, said.as_str()), (1, "aborted: the stand-in does not know the option --vm-test"));
}
