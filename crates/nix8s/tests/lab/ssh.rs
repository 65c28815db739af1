//! Commands on machines, and machines that are not who they should be.

use nix8s_lab::Lab;

use crate::place::configure;
use crate::place::nix8s;

#[test]
fn commands_run_on_hosts_whose_keys_are_known_and_on_no_other() {
    let Some(lab) = Lab::start_or_skip(&["cp1", "w1"]) else { return };
    configure(&lab);
    // Only the configuration knows them.
    std::fs::remove_file(lab.home().join(".ssh/known_hosts")).unwrap();
    let ran = nix8s(&lab, &["exec", "prod", "--", "hostname"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // Each answer is shown when it comes.
    let (first, second) = ("prod-cp1\n  cp1\n", "prod-w1\n  w1\n");
    assert!([format!("{first}{second}"), format!("{second}{first}")].contains(&ran.stdout), "{}", ran.stdout);

    lab.host("w1").lie();
    // A connection that is still shared leads to the host as it was.
    let _ = nix8s(&lab, &["ssh", "prod-cp1", "--", "true"]);
    for socket in std::fs::read_dir(lab.home().join("nix8s")).unwrap() {
        std::fs::remove_file(socket.unwrap().path()).unwrap();
    }
    let ran = nix8s(&lab, &["ssh", "prod-w1", "--", "hostname"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (255, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "{}", ran.stderr);
    assert_eq!(nix8s(&lab, &["ssh", "prod-cp1", "--", "hostname"]).stdout, "cp1\n");
}
