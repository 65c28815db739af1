//! The matrix of rule 12: whatever happens to a switch, the machine ends in a system that answers, and says what happened.

use std::process::Command;
use std::process::Output;

use nix8s_lab::Host;
use nix8s_lab::Lab;

/// Where nix8s puts itself.
const PROGRAM: &str = "/var/lib/nix8s/bin/nix8s-test";

/// A machine with an old system that runs, and a new one that is copied.
struct Case<'lab> {
    lab: &'lab Lab,
    host: Host<'lab>,
    old: String,
    new: String,
}

fn operator(lab: &Lab, script: &str) -> Output {
    lab.operator(Command::new("bash").args(["-euc", script])).output().unwrap()
}

#[track_caller]
fn done(lab: &Lab, script: &str) -> String {
    let output = operator(lab, script);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    assert!(output.status.success(), "{script}\n{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn built(lab: &Lab, machine: &str) -> String {
    lab.flake(&format!(r#"{{ "prod": {{ "versions": ["1.34.2"], "machines": {{ "w1": {machine} }} }} }}"#));
    done(
        lab,
        "nix build --no-link --print-out-paths ./flake#nixosConfigurations.w1.config.system.build.toplevel",
    )
}

/// What the old system does when it is activated: everything that a new one may have broken works again.
const OLD: &str = r#"{ "activation": "systemctl start ssh; ip link set eth0 up; nft flush ruleset; ip route del blackhole 10.80.0.2 2>/dev/null || true" }"#;

impl<'lab> Case<'lab> {
    /// `new` is what the flake says of the new system.
    fn new(lab: &'lab Lab, name: &str, new: &str) -> Self {
        let host = lab.host(name);
        let old = built(lab, OLD);
        let new = built(lab, new);
        done(lab, &format!("nix copy --no-check-sigs --to ssh-ng://{name} {old} {new}"));
        host.sh("mkdir -p /var/lib/nix8s/bin");
        let nix8s = env!("CARGO_BIN_EXE_nix8s");
        done(lab, &format!("scp -q {nix8s} {name}:{PROGRAM}"));
        host.sh(&format!(
            "nix-env -p /nix/var/nix/profiles/system --set {old}; {old}/bin/switch-to-configuration switch
            ln -sfn {old} /run/booted-system"
        ));
        Self { lab, host, old, new }
    }

    /// Begins a switch as nix8s does, over SSH; it waits so many seconds for its confirmation.
    fn switch(&self, nonce: &str, window: u32) -> Output {
        operator(self.lab, &self.line(&format!("--nonce {nonce} --window {window}")))
    }

    fn line(&self, options: &str) -> String {
        format!("ssh -n {} {PROGRAM} on-node switch --reboot auto {options} {}", self.host.name(), self.new)
    }

    fn confirm(&self, nonce: &str) -> Output {
        operator(self.lab, &format!("ssh -n {} {PROGRAM} on-node confirm-switch {nonce}", self.host.name()))
    }

    fn running(&self) -> String {
        self.host.sh("readlink -f /run/current-system")
    }

    /// What is booted by default.
    fn default(&self) -> (String, String) {
        let profile = self.host.sh("readlink -f /nix/var/nix/profiles/system");
        (profile, self.host.sh("cat /boot/entry"))
    }

    /// Waits until the switch has ended, on the machine itself, and returns why it went back.
    fn ended(&self, nonce: &str) -> Option<String> {
        let ended = self.host.sh(&format!(
            "until grep -qs '\"nonce\":\"{nonce}\"' /var/lib/nix8s/switch/ended.json; do sleep 0.1; done; \
             cat /var/lib/nix8s/switch/ended.json"
        ));
        let ended: serde_json::Value = serde_json::from_str(&ended).unwrap();
        ended["back"].as_str().map(str::to_owned)
    }

    /// The old system runs and is booted, and nothing of the switch is left.
    #[track_caller]
    fn is_back(&self) {
        assert_eq!(self.running(), self.old);
        assert_eq!(self.default(), (self.old.clone(), self.old.clone()));
        self.is_over();
        // And it answers.
        assert_eq!(done(self.lab, &format!("ssh -n {} echo here", self.host.name())), "here");
    }

    #[track_caller]
    fn is_kept(&self) {
        assert_eq!(self.running(), self.new);
        assert_eq!(self.default(), (self.new.clone(), self.new.clone()));
        self.is_over();
    }

    #[track_caller]
    fn is_over(&self) {
        assert_eq!(self.host.read("/var/lib/nix8s/switch/armed.json"), None);
        let left = "systemctl list-timers --all --no-legend 'nix8s-*'; systemctl list-units --no-legend 'nix8s-activate*'";
        assert_eq!(self.host.sh(left), "");
    }
}

#[track_caller]
fn exits(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

/// More than any of these tests takes.
const LONG: u32 = 600;

#[test]
fn rule_12_a_switch_that_is_confirmed_stays() {
    let Some(lab) = Lab::start_or_skip(&["w1", "w2", "w3", "w4"]) else { return };

    let case = Case::new(&lab, "w1", r#"{ "release": "26.11" }"#);
    exits(&case.switch("n1", LONG), 0);
    assert_eq!(case.running(), case.new);
    // What takes no time any more is not waited for as long as an activation is.
    let left = case
        .host
        .sh("systemctl show --property=NextElapseUSecMonotonic --value nix8s-roll-back-n1-soon.timer");
    assert!(left.starts_with(|c: char| c.is_ascii_digit()), "{left}");
    assert_eq!(case.default().1, case.old, "what is booted changes with the confirmation");
    // Somebody else's nonce, and a second switch meanwhile.
    exits(&case.confirm("n2"), 4);
    let said = exits(&case.switch("n3", LONG), 4);
    assert!(said.contains("waits for its confirmation"), "{said}");
    exits(&case.confirm("n1"), 0);
    case.is_kept();
    // A confirmation that is repeated.
    exits(&case.confirm("n1"), 0);
    case.is_kept();
    case.host.reboot();
    case.is_kept();

    // Some unit does not run: whether that matters, gates say.
    let case = Case::new(&lab, "w2", r#"{ "exit": "4" }"#);
    let said = exits(&case.switch("n1", LONG), 0);
    assert!(said.contains("some units do not run"), "{said}");
    exits(&case.confirm("n1"), 0);
    case.is_kept();

    // Another kernel is booted, and what the machine says before that confirms nothing.
    let case = Case::new(&lab, "w3", r#"{ "kernel": "6.13" }"#);
    exits(&case.switch("n1", LONG), 0);
    case.host.wait_for_boot();
    assert_eq!(case.running(), case.new);
    exits(&case.confirm("n1"), 0);
    case.is_kept();

    // What cannot be activated as the machine runs is booted. /tmp may be noexec.
    let case = Case::new(&lab, "w4", r#"{ "exit": "100" }"#);
    case.host.sh("mount -t tmpfs -o noexec tmpfs /tmp");
    exits(&case.switch("n1", LONG), 0);
    case.host.wait_for_boot();
    exits(&case.confirm("n1"), 0);
    case.is_kept();
}

#[test]
fn a_system_that_is_only_tried_is_not_booted_and_one_that_is_only_booted_does_not_run() {
    let Some(lab) = Lab::start_or_skip(&["w1", "w2"]) else { return };
    let case = Case::new(&lab, "w1", r#"{ "release": "26.11" }"#);
    exits(&operator(&lab, &case.line(&format!("--nonce n1 --window {LONG} --test"))), 0);
    exits(&case.confirm("n1"), 0);
    assert_eq!(case.running(), case.new);
    case.is_over();
    case.host.crash();
    case.is_back();

    let case = Case::new(&lab, "w2", r#"{ "release": "26.11" }"#);
    exits(&operator(&lab, &case.line("--boot-only")), 0);
    assert_eq!(case.running(), case.old);
    case.host.reboot();
    case.is_kept();
}

#[test]
fn rule_12_a_system_that_cuts_nix8s_off_is_undone() {
    let Some(lab) = Lab::start_or_skip(&["w1", "w2", "w3", "w4", "w5"]) else { return };
    let faults = [
        ("w1", "systemctl stop ssh", "sshd dead"),
        ("w2", "ip link set eth0 down", "link down"),
        ("w3", "ip route add blackhole 10.80.0.2", "route lost"),
        (
            "w4",
            "nft 'add table inet lab; add chain inet lab in { type filter hook input priority 0; policy drop; }'",
            "firewall closed",
        ),
    ];
    for (name, activation, what) in faults {
        let new = format!(r#"{{ "activation": "{activation}" }}"#);
        let case = Case::new(&lab, name, &new);
        // What ssh says is of no interest: its connection may be cut in the middle.
        let mut switch = lab
            .operator(Command::new("bash").args(["-c", &case.line("--nonce n1 --window 3")]))
            .spawn()
            .unwrap();
        let why = case.ended("n1");
        assert_eq!(why.as_deref(), Some("nobody confirmed it over a new connection"), "{what}");
        let _ = switch.kill();
        let _ = switch.wait();
        case.is_back();
        // A confirmation that comes too late.
        exits(&case.confirm("n1"), 6);
        case.is_back();
    }

    // Nobody comes although everybody could.
    let case = Case::new(&lab, "w5", r#"{ "release": "26.11" }"#);
    exits(&case.switch("n1", 1), 0);
    assert!(case.ended("n1").is_some());
    exits(&case.confirm("n1"), 6);
    case.is_back();
}

#[test]
fn rule_12_an_activation_that_fails_or_hangs_is_undone() {
    let Some(lab) = Lab::start_or_skip(&["w1", "w2", "w3"]) else { return };
    let case = Case::new(&lab, "w1", r#"{ "activation": "echo it fails >&2; exit 1" }"#);
    let said = exits(&case.switch("n1", LONG), 6);
    assert!(said.contains("activation script failed"), "{said}");
    case.is_back();

    let case = Case::new(&lab, "w2", r#"{ "exit": "1" }"#);
    exits(&case.switch("n1", LONG), 6);
    case.is_back();

    let case = Case::new(&lab, "w3", r#"{ "exit": "hang" }"#);
    let said = exits(&case.switch("n1", 3), 6);
    assert!(said.contains("nobody confirmed it"), "{said}");
    case.is_back();
}

/// Where a switch is when something happens to it: armed; in the middle of activating; activated.
const HANGS: &str = r#"{ "exit": "hang" }"#;

#[test]
fn rule_12_a_switch_survives_whatever_is_killed() {
    let Some(lab) = Lab::start_or_skip(&["w1", "w2", "w3", "w4"]) else { return };
    // In the middle of the activation: nix8s dies, its part on the machine is killed, the power fails, the cable is pulled.
    let begun = |case: &Case<'_>, window: u32| {
        let line = case.line(&format!("--nonce n1 --window {window}"));
        let switch = lab.operator(Command::new("bash").args(["-c", &line])).spawn().unwrap();
        let new = &case.new;
        case.host
            .sh(&format!("until [ \"$(readlink -f /run/current-system)\" = {new} ]; do sleep 0.1; done"));
        switch
    };

    let case = Case::new(&lab, "w1", HANGS);
    let mut switch = begun(&case, 4);
    switch.kill().unwrap();
    switch.wait().unwrap();
    assert!(case.ended("n1").is_some());
    case.is_back();

    let case = Case::new(&lab, "w2", HANGS);
    let mut switch = begun(&case, 4);
    case.host.sh("pkill -KILL -f '[o]n-node switch'");
    assert_ne!(switch.wait().unwrap().code(), Some(0));
    assert!(case.ended("n1").is_some());
    case.is_back();

    let case = Case::new(&lab, "w3", HANGS);
    let mut switch = begun(&case, LONG);
    case.host.crash();
    let why = case.ended("n1");
    assert_eq!(why.as_deref(), Some("the machine was booted before it was confirmed"));
    let _ = switch.kill();
    let _ = switch.wait();
    case.is_back();
    exits(&case.confirm("n1"), 6);

    let case = Case::new(&lab, "w4", HANGS);
    let mut switch = begun(&case, 4);
    case.host.cut();
    assert!(case.ended("n1").is_some());
    case.host.mend();
    let _ = switch.kill();
    let _ = switch.wait();
    case.is_back();
}

/// It would be booted before it was confirmed, and called a bad system.
#[test]
fn rule_12_nothing_is_begun_on_a_machine_that_is_about_to_boot() {
    let Some(lab) = Lab::start_or_skip(&["w1"]) else { return };
    let case = Case::new(&lab, "w1", r#"{ "kernel": "6.13" }"#);
    // It shall boot when it is told to, so that it is seen before.
    case.host.sh("systemctl mask --runtime --now reboot.target 2> /dev/null");
    exits(&case.switch("n1", LONG), 0);
    case.host.sh(&format!("{PROGRAM} on-node roll-back n1"));
    assert!(case.ended("n1").is_some());
    let probe = case.host.sh(&format!("{PROGRAM} on-node probe"));
    let probe: serde_json::Value = serde_json::from_str(&probe).unwrap();
    assert_eq!(probe["armed"], true, "{probe}");
    let said = exits(&case.switch("n2", LONG), 4);
    assert!(said.contains("about to boot"), "{said}");
    case.host.crash();
    case.is_back();
    exits(&case.switch("n2", LONG), 0);
    case.host.wait_for_boot();
    exits(&case.confirm("n2"), 0);
    case.is_kept();
}

/// The middle of an activation is above.
#[test]
fn rule_12_a_cable_may_be_pulled_at_each_stage() {
    let Some(lab) = Lab::start_or_skip(&["w1", "w2"]) else { return };
    // Activated, and not confirmed yet.
    let case = Case::new(&lab, "w1", r#"{ "release": "26.11" }"#);
    exits(&case.switch("n1", 4), 0);
    case.host.cut();
    assert_eq!(case.ended("n1").as_deref(), Some("nobody confirmed it over a new connection"));
    case.host.mend();
    case.is_back();
    exits(&case.confirm("n1"), 6);
    case.is_back();

    // While it boots.
    let case = Case::new(&lab, "w2", r#"{ "kernel": "6.13" }"#);
    exits(&case.switch("n1", 3), 0);
    case.host.cut();
    case.host.wait_for_boot();
    case.host.wait_for_boot();
    assert_eq!(case.ended("n1").as_deref(), Some("nobody confirmed it over a new connection"));
    case.host.mend();
    case.is_back();
    exits(&case.confirm("n1"), 6);
    case.is_back();
}

#[test]
fn rule_12_a_system_that_was_booted_and_not_confirmed_is_undone_by_a_boot() {
    let Some(lab) = Lab::start_or_skip(&["w1", "w2"]) else { return };
    let case = Case::new(&lab, "w1", r#"{ "kernel": "6.13" }"#);
    exits(&case.switch("n1", 3), 0);
    case.host.wait_for_boot();
    case.host.wait_for_boot();
    assert_eq!(case.ended("n1").as_deref(), Some("nobody confirmed it over a new connection"));
    case.is_back();

    // The power fails once more while it waits: it waits once more.
    let case = Case::new(&lab, "w2", r#"{ "kernel": "6.13" }"#);
    exits(&case.switch("n1", LONG), 0);
    case.host.wait_for_boot();
    case.host.crash();
    assert_eq!(case.running(), case.new);
    exits(&case.confirm("n1"), 0);
    case.is_kept();
}

#[test]
fn rule_12_where_there_is_no_room_nothing_begins() {
    let Some(lab) = Lab::start_or_skip(&["w1", "w2", "w3"]) else { return };
    let case = Case::new(&lab, "w1", r#"{ "release": "26.11" }"#);
    case.host.fill_disk();
    let said = exits(&case.switch("n1", LONG), 1);
    assert!(said.contains("could not"), "{said}");
    assert_eq!(case.running(), case.old);
    case.host.free_disk();
    case.is_back();

    // The disk fills up before the confirmation can make it the default: then it is not confirmed.
    let case = Case::new(&lab, "w2", r#"{ "release": "26.11" }"#);
    exits(&case.switch("n1", 5), 0);
    case.host.fill_disk();
    exits(&case.confirm("n1"), 1);
    case.host
        .sh(&format!("until [ \"$(readlink -f /run/current-system)\" = {} ]; do sleep 0.1; done", case.old));
    case.host.free_disk();

    // The system that ran was not the profile's: somebody else's way of deploying, or none.
    let case = Case::new(&lab, "w3", r#"{ "exit": "1" }"#);
    case.host.sh("rm -r /nix/var/nix/profiles/system*");
    exits(&case.switch("n1", LONG), 6);
    assert_eq!(case.running(), case.old);
    let copied = case.host.sh("readlink -f /nix/var/nix/gcroots/nix8s/from");
    assert_eq!(copied, case.old, "what may still be needed is not garbage");
}
