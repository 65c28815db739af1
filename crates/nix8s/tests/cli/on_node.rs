//! What runs on machines, on a root of its own.

use std::os::unix::fs::PermissionsExt;

use crate::project::Project;
use crate::project::Ran;

fn on_node(project: &Project, args: &[&str], stdin: &str) -> Ran {
    let root = project.path().display().to_string();
    let args: Vec<&str> = ["on-node", "--root", &root].into_iter().chain(args.iter().copied()).collect();
    project.run_reading(&args, stdin.as_bytes())
}

#[test]
fn n_26_files_are_written_whole_below_one_folder_and_nowhere_else() {
    let project = Project::new("");
    let path = "/var/lib/nix8s/membership.json";
    assert_eq!(on_node(&project, &["write", path], "{\"a\": 1}").code, 0);
    let file = project.path().join("var/lib/nix8s/membership.json");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert_eq!(on_node(&project, &["read", path], "").stdout, "{\"a\": 1}");
    for evil in
        ["/etc/passwd", "/var/lib/nix8s/../../../etc/passwd", "/var/lib/nix8s/", "/var/lib/nix8s/.x", "x"]
    {
        let ran = on_node(&project, &["write", evil], "x");
        assert_eq!(ran.code, 4, "{evil}: {}", ran.stderr);
        assert_eq!(on_node(&project, &["read", evil], "").code, 4, "{evil}");
    }
    // What could not be written leaves what was there.
    std::fs::create_dir(project.path().join("var/lib/nix8s/folder")).unwrap();
    let ran = on_node(&project, &["write", "/var/lib/nix8s/folder"], "x");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("could not write /var/lib/nix8s/folder"), "{}", ran.stderr);
}

#[test]
fn secrets_are_written_with_their_modes_and_nothing_else_is() {
    let project = Project::new("");
    let files = r#"{ "etc/ssh/nix8s_authorized_keys": { "mode": 420, "text": "ssh-ed25519 AAAA\n" },
        "var/lib/nix8s/secrets/agent-token": { "mode": 384, "text": "hunter2" } }"#;
    let ran = on_node(&project, &["deliver"], files);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let mode = |path: &str| project.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
    let modes =
        ["etc/ssh/nix8s_authorized_keys", "var/lib/nix8s/secrets/agent-token", "var/lib/nix8s/secrets"]
            .map(mode);
    assert_eq!(modes, [0o644, 0o600, 0o700]);
    for evil in [
        "etc/passwd",
        "/etc/ssh/nix8s_authorized_keys",
        "var/lib/nix8s/secrets/../x",
        "var/lib/nix8s/secrets/x",
    ] {
        let ran = on_node(
            &project,
            &["deliver"],
            &format!(r#"{{ "{evil}": {{ "mode": 384, "text": "hunter2" }} }}"#),
        );
        assert_eq!(ran.code, 4, "{evil}: {}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"));
    }
    let ran = on_node(&project, &["deliver"], "hunter2");
    assert!(ran.code == 64 && !ran.stderr.contains("hunter2"), "{}", ran.stderr);
}

#[test]
fn a_mark_is_seen_by_the_next_look_and_stands_on_the_boot_partition_too() {
    let project = Project::new("");
    std::fs::create_dir_all(project.path().join("boot/EFI")).unwrap();
    project.write("etc/os-release", b"ID=nixos\nVERSION_ID=\"26.05\"\n");
    let mark = r#"{"cluster":"prod","machine":"prod-w1","installation":"i1","booted":true}"#;
    assert_eq!(on_node(&project, &["adopt"], mark).code, 0);
    assert_eq!(std::fs::read_to_string(project.path().join("boot/EFI/nix8s/identity.json")).unwrap(), mark);
    let probe = on_node(&project, &["probe"], "").json();
    assert_eq!(probe["mark"]["installation"], "i1");
    assert_eq!(probe["os"]["nix-os"]["release"], "26.05");
    assert_eq!(on_node(&project, &["adopt"], "no mark, and maybe a secret").code, 64);
}

#[test]
fn a_k3s_server_with_a_file_for_a_datastore_is_told_from_one_with_etcd() {
    let project = Project::new("");
    let seen = || {
        let probe = on_node(&project, &["probe"], "").json();
        (probe["datastore"].as_bool().unwrap(), probe["sqlite"].as_bool().unwrap())
    };
    assert_eq!(seen(), (false, false));
    project.write("var/lib/rancher/k3s/server/db/state.db", b"SQLite format 3");
    assert_eq!(seen(), (true, true));
    project.write("var/lib/rancher/k3s/server/db/etcd/member/wal/0.wal", b"");
    assert_eq!(seen(), (true, false), "where there is etcd, it is what counts");
}

#[test]
fn a_machine_that_was_to_leave_and_stays_has_its_k3s_restarted_again() {
    let project = Project::new("");
    project.programs(&[("systemctl", "echo \"$@\" >&2")]);
    project.write("members", b"{}");
    let root = project.path().display().to_string();
    let path = format!("{root}/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let on_node = |args: &[&str]| {
        let mut command = project.command(&[&["on-node", "--root", &root], args].concat());
        let stdin = std::fs::File::open(project.path().join("members")).unwrap();
        let ran = Ran::from(command.env("PATH", &path).stdin(stdin).output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.all());
        ran
    };
    let write = || on_node(&["write", "/var/lib/nix8s/membership.json"]).stderr;
    let members = || on_node(&["probe"]).json()["membership"].clone();
    assert_eq!(write(), "");
    let digest = members();
    assert!(digest.is_string(), "{digest}");
    assert_eq!(on_node(&["stay-out"]).stderr, "daemon-reload\n");
    let file = project.path().join("run/systemd/system/k3s.service.d/nix8s-leaves.conf");
    assert!(file.exists());
    // So it is told again when it is to stay.
    assert!(members().is_null());
    assert_eq!(on_node(&["write", "/var/lib/nix8s/other"]).stderr, "");
    assert!(file.exists());
    assert_eq!(write(), "daemon-reload\nstart --no-block k3s.service\n");
    assert!(!file.exists());
    assert_eq!((members(), write()), (digest, String::new()));
}

/// With a disk mounted where etcd's own would be: cleans, lists what is left, looks at the machine.
const WITH_A_DISK: &str = "
k3s=$1/var/lib/rancher/k3s
mount -t tmpfs disk \"$k3s/server/db\" || exit 77
mkdir -p \"$k3s/server/db/etcd/member\" \"$k3s/server/tls/etcd\"
\"$2\" on-node --root \"$1\" clean k3s || exit
(cd \"$k3s\" && find . -mindepth 1 | tr '\\n' ' ' && echo)
\"$2\" on-node --root \"$1\" probe";

#[test]
fn cleaning_empties_the_disk_of_etcd_and_leaves_no_sign_of_a_distribution() {
    let project = Project::new("");
    project.programs(&[("systemctl", "exit 0"), ("k3s-killall.sh", "exit 0")]);
    project.write("var/lib/rancher/k3s/agent/etc/x", b"");
    std::fs::create_dir_all(project.path().join("var/lib/rancher/k3s/server/db")).unwrap();
    let mut command = std::process::Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", WITH_A_DISK, "sh"]).arg(project.path());
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", project.path().join("bin").display());
    let ran = command.arg(env!("CARGO_BIN_EXE_nix8s")).env("PATH", path).output();
    let may_mount = |ran: &std::process::Output| {
        ran.status.code() != Some(77) && !String::from_utf8_lossy(&ran.stderr).starts_with("unshare:")
    };
    let Some(ran) = ran.ok().filter(may_mount).map(Ran::from) else {
        eprintln!("SKIPPED: nothing can be mounted here (unshare of util-linux)");
        return;
    };
    assert_eq!(ran.code, 0, "{}", ran.all());
    let (left, probe) = ran.stdout.split_once('\n').unwrap();
    assert_eq!(left, "./server ./server/db ");
    let probe: serde_json::Value = serde_json::from_str(probe).unwrap();
    assert_eq!((&probe["datastore"], &probe["distribution_state"]), (&false.into(), &false.into()));
}

#[test]
fn rule_2_a_machine_says_no_when_it_is_not_the_planned_one() {
    let project = Project::new("");
    project.write("etc/os-release", b"ID=nixos\nVARIANT_ID=installer\n");
    project.write("sys/class/dmi/id/product_uuid", b"4C4C4544-0001\n");
    let expected = |uuid: &str| {
        let hardware = format!(r#"{{"uuid":"{uuid}","macs":[],"disks":[]}}"#);
        format!(r#"{{"hardware":{hardware},"erase":[],"foreign":false,"mark":null,"any_mark":false}}"#)
    };
    let ran = on_node(&project, &["confirm"], &expected("4c4c4544-0001"));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let ran = on_node(&project, &["confirm"], &expected("4c4c4544-0002"));
    assert_eq!(ran.code, 4);
    assert!(ran.stderr.contains("this machine's UUID is 4c4c4544-0001, not 4c4c4544-0002"), "{}", ran.stderr);
    let mark = r#"{"cluster":"prod","machine":"prod-w1","installation":"i1","booted":true}"#;
    project.write("var/lib/nix8s/identity.json", mark.as_bytes());
    let ran = on_node(&project, &["confirm"], &expected("4c4c4544-0001"));
    assert!(ran.stderr.contains("there is an installation of nix8s"), "{}", ran.stderr);
}
