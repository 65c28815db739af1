//! Hosts of the lab, and what can happen to them.

#![expect(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

use std::process::Command;

use nix8s_lab::Lab;

/// What the operator is told by ssh.
fn ssh(lab: &Lab, host: &str, script: &str) -> (i32, String, String) {
    let mut command = Command::new("ssh");
    command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=1"]);
    command.args(["-o", "ServerAliveCountMax=3", host, script]);
    let output = lab.operator(&command).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// What a command comes to that says nothing.
fn done() -> (i32, String, String) {
    (0, String::new(), String::new())
}

#[test]
fn hosts_boot_and_are_reached_by_name_with_their_own_keys() {
    let Some(lab) = Lab::start_or_skip(&["cp1", "w1"]) else { return };
    assert_eq!(ssh(&lab, "cp1", "hostname; cat /proc/1/comm"), (0, "cp1\nsystemd".to_owned(), String::new()));
    assert_eq!(ssh(&lab, "w1", "ping -c1 -W2 cp1 >/dev/null && hostname").1, "w1");
    assert_eq!(lab.host("w1").sh("systemctl is-system-running"), "running");
    assert_eq!(lab.host("w1").read("/etc/hostname").as_deref(), Some("w1\n"));
    let (cp1, w1) = (lab.host("cp1"), lab.host("w1"));
    assert_ne!(cp1.read("/etc/machine-id"), w1.read("/etc/machine-id"));
    assert_ne!(cp1.public_key(), w1.public_key());
    assert_eq!(cp1.sh("cd /sys/class/net; cat */address"), "02:00:00:80:00:0b\n00:00:00:00:00:00");
    // There is no way out.
    assert_eq!(ssh(&lab, "w1", "ip route show default").1, "");
}

#[test]
fn a_host_can_be_cut_off_and_frozen_and_comes_back() {
    let Some(lab) = Lab::start_or_skip(&["w1"]) else { return };
    let w1 = lab.host("w1");
    assert_eq!(ssh(&lab, "w1", "true"), done());

    w1.cut();
    let (code, _, said) = ssh(&lab, "w1", "true");
    assert_eq!(code, 255, "{said}");
    assert!(said.contains("timed out") || said.contains("No route to host"), "{said}");
    w1.mend();
    assert_eq!(ssh(&lab, "w1", "true"), done());

    w1.freeze();
    let (code, _, said) = ssh(&lab, "w1", "true");
    assert_eq!(code, 255, "{said}");
    assert!(said.contains("timed out"), "{said}");
    w1.thaw();
    assert_eq!(ssh(&lab, "w1", "true"), done());
}

#[test]
fn a_host_reboots_crashes_and_keeps_its_disk() {
    let Some(lab) = Lab::start_or_skip(&["w1"]) else { return };
    let w1 = lab.host("w1");
    let boot = |host: &nix8s_lab::Host<'_>| host.read("/proc/sys/kernel/random/boot_id");
    w1.sh("echo kept > /var/kept; echo lost > /run/lost; sync");
    let first = boot(&w1);
    w1.reboot();
    assert_eq!((w1.read("/var/kept").as_deref(), w1.read("/run/lost")), (Some("kept\n"), None));
    let second = boot(&w1);
    assert_ne!(first, second);
    w1.crash();
    assert_eq!(w1.read("/var/kept").as_deref(), Some("kept\n"));
    assert_ne!(boot(&w1), second);

    w1.power_off();
    assert_eq!(ssh(&lab, "w1", "true").0, 255);
    w1.power_on();
    assert_eq!(ssh(&lab, "w1", "true"), done());

    // Somebody on the host may ask for it as well.
    let _ = ssh(&lab, "w1", "systemctl reboot");
    w1.wait_for_boot();
    assert_eq!(ssh(&lab, "w1", "true"), done());
}

#[test]
fn a_host_shows_another_key_and_its_disk_fills() {
    let Some(lab) = Lab::start_or_skip(&["w1"]) else { return };
    let w1 = lab.host("w1");
    w1.lie();
    let (code, _, said) = ssh(&lab, "w1", "true");
    assert_eq!(code, 255, "{said}");
    assert!(said.contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "{said}");
    w1.be_honest();
    assert_eq!(ssh(&lab, "w1", "true"), done());

    w1.fill_disk();
    let (code, _, said) = ssh(&lab, "w1", "echo more > /var/more");
    assert_ne!(code, 0);
    assert!(said.contains("No space left on device"), "{said}");
    w1.free_disk();
    assert_eq!(ssh(&lab, "w1", "echo more > /var/more"), done());
}

#[test]
fn timers_fire_and_units_are_started_as_on_a_machine() {
    let Some(lab) = Lab::start_or_skip(&["w1"]) else { return };
    let w1 = lab.host("w1");
    w1.sh("mkfifo /run/fired; systemd-run --quiet --on-active=1 --timer-property=AccuracySec=100ms \
           sh -c 'systemctl show --property=ActiveState ssh > /run/fired'");
    // Blocks until the timer's unit writes.
    assert_eq!(w1.sh("timeout 30 cat /run/fired"), "ActiveState=active");
    let boots = w1.sh("journalctl --list-boots --quiet | wc -l");
    assert_eq!(boots, "1");
}

#[test]
fn what_the_operator_runs_sees_its_home_and_ends_when_it_is_killed() {
    let Some(lab) = Lab::start_or_skip(&[]) else { return };
    let mut command = Command::new("sh");
    command
        .args(["-c", "echo $HOME; pwd; echo $MORE; nix --version; ip -o -4 address show eth0"])
        .env("MORE", "more");
    let output = lab.operator(&command).output().unwrap();
    let home = lab.home().to_str().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with(&format!("{home}\n{home}\nmore\nnix (Nix) 2.")), "{said}");
    assert!(said.contains("10.80.0.2/24"), "{said}");

    // It holds a lock for as long as it runs; killed, it lets go.
    let lock = lab.home().join("lock");
    let mut command = Command::new("flock");
    command.args(["--no-fork", "lock", "sh", "-c", "echo > held; exec sleep 600"]);
    let mut child = lab.operator(&command).spawn().unwrap();
    while !lab.home().join("held").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::yield_now();
    }
    let locked = || std::fs::File::open(&lock).unwrap();
    assert!(locked().try_lock().is_err());
    child.kill().unwrap();
    child.wait().unwrap();
    // Waits for the kernel to end it, for as long as the test may run.
    locked().lock().unwrap();
}
