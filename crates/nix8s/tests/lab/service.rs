//! `nix8s run` as a service of a real systemd.

use std::path::Path;

use nix8s_lab::Lab;

const CONFIGURATION: &str = "nodes: { metal: { install: { disk: /dev/sda } } }
clusters: { sim: { version: v1.33.5+k3s1, distribution: k3s, provisioner: nixos-anywhere, members: {
  cp1: { node: metal, role: control-plane, ip: 10.9.0.1 }, w1: { node: metal, role: worker, ip: 10.9.0.2 } } } }
";

#[test]
fn a_loop_is_started_watched_and_stopped_by_systemd() {
    let Some(lab) = Lab::start_or_skip(&["w1"]) else { return };
    let host = lab.host("w1");
    host.put(Path::new(env!("CARGO_BIN_EXE_nix8s")), "/usr/local/bin/nix8s");
    // A folder whose name systemd would take for something else.
    host.sh(&format!(
        "mkdir -p '/root/my 100%'; cat > '/root/my 100%/nix8s.yaml' << 'END'\n{CONFIGURATION}END"
    ));
    host.sh(
        "cd '/root/my 100%'; nix8s run --simulate --pace 1 --unit > /etc/systemd/system/nix8s-sim.service",
    );
    assert_eq!(host.sh("systemd-analyze verify nix8s-sim.service 2>&1"), "");
    let show = |what: &str| host.sh(&format!("systemctl show --property={what} --value nix8s-sim"));

    // It returns when the loop has said that it began.
    host.sh("systemctl daemon-reload; systemctl start nix8s-sim");
    let first = show("MainPID");
    assert_eq!((show("ActiveState").as_str(), show("NRestarts").as_str()), ("active", "0"));
    host.sh("until systemctl show --property=StatusText nix8s-sim | grep -q converged; do sleep 0.1; done");
    assert_ne!(show("WatchdogTimestampMonotonic"), "0", "it says that it is alive");

    // Whoever kills it meets it again.
    host.sh("systemctl kill --signal=KILL nix8s-sim; until [ \"$(systemctl show --property=NRestarts --value nix8s-sim)\" = 1 ] && \
        systemctl is-active --quiet nix8s-sim; do sleep 0.1; done");
    assert_ne!(show("MainPID"), first);
    host.sh("systemctl stop nix8s-sim");
    assert_eq!((show("Result").as_str(), show("ExecMainStatus").as_str()), ("success", "0"));
}
