//! Members that leave real hosts: in order, one at a time out of etcd, or without being there any more.

use std::fs;
use std::process::Command;
use std::process::Stdio;

use nix8s_lab::Host;
use nix8s_lab::Kubernetes;
use nix8s_lab::Lab;
use serde_json::Value;

/// Nodes that are Ready and take pods, by name.
const WELL: &str = r#"[.items[] | select(.spec.unschedulable | not) | select(.status.conditions[] |
    .type == "Ready" and .status == "True") | .metadata.name]"#;

/// What gives a run leave to remove.
const POLICY: &str = "policy: { remove: true }\n";

fn command(lab: &Lab, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nix8s"));
    command.args(args).current_dir(lab.home().join("flake"));
    lab.operator(&command)
}

/// What it says, and its exit code must be this.
#[track_caller]
fn nix8s(lab: &Lab, args: &[&str], code: i32) -> String {
    let output = command(lab, args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}: {all}");
    all
}

/// Changes the configuration.
fn edit(lab: &Lab, change: impl FnOnce(String) -> String) {
    let path = lab.home().join("flake/nix8s.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, change(text)).unwrap();
}

/// Makes a cluster of all hosts.
fn begin(lab: &Lab) {
    lab.cluster(&[]);
    edit(lab, |text| text.replace("upgrade: { pause: 0s }", "upgrade: { pause: 0s, drainTimeout: 10s }"));
    nix8s(lab, &["init", "../other"], 0);
    nix8s(lab, &["secrets", "generate"], 0);
    nix8s(lab, &["apply", "--yes"], 0);
}

/// Lines of what is on record, without their times.
fn events(lab: &Lab) -> Vec<String> {
    let said = nix8s(lab, &["events"], 0);
    said.lines().map(str::to_owned).collect()
}

/// Where what is on record first says this.
#[track_caller]
fn first(events: &[String], what: &str) -> usize {
    let at = events.iter().position(|line| line.contains(what));
    at.unwrap_or_else(|| panic!("{what} is not on record: {}", events.join("\n")))
}

/// A host has nothing of Kubernetes any more, and it does not run.
#[track_caller]
fn is_clean(host: &Host<'_>) {
    let left = host
        .sh("for path in /var/lib/rancher/k3s/agent /var/lib/rancher/k3s/server /etc/rancher/node \
        /etc/rancher/k3s/k3s.yaml /var/lib/nix8s/k3s.yaml /run/systemd/system/k3s.service.d/nix8s-leaves.conf; do [ ! -e $path ] || echo $path; done");
    assert_eq!(left, "", "{}", host.name());
    let state = host.run(&["systemctl", "is-active", "k3s"]).stdout;
    assert!(["inactive\n", "failed\n"].contains(&state.as_str()), "{}: {state}", host.name());
}

/// Pods that move away from a node that is drained, under a budget that lets so many of them stay.
fn web(kubernetes: &Kubernetes<'_>, replicas: usize) {
    let web = format!(
        r#"{{ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {{ "name": "web" }}, "spec": {{ "replicas": {replicas},
        "selector": {{ "matchLabels": {{ "app": "web" }} }}, "template": {{ "metadata": {{ "labels": {{ "app": "web" }} }}, "spec": {{
          "terminationGracePeriodSeconds": 1, "containers": [{{ "name": "web", "image": "web" }}],
          "topologySpreadConstraints": [{{ "maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {{ "matchLabels": {{ "app": "web" }} }} }}] }} }} }} }}"#
    );
    kubernetes.ask("POST", "/apis/apps/v1/namespaces/default/deployments", &web).unwrap();
    let ready = format!(".status.readyReplicas == {replicas}");
    kubernetes.wait_until("/apis/apps/v1/namespaces/default/deployments/web", &ready);
    let budget = format!(
        r#"{{ "apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {{ "name": "web" }},
        "spec": {{ "minAvailable": {replicas}, "selector": {{ "matchLabels": {{ "app": "web" }} }} }} }}"#
    );
    kubernetes.ask("POST", BUDGETS, &budget).unwrap();
    kubernetes.wait_until(&format!("{BUDGETS}/web"), &format!(".status.expectedPods == {replicas}"));
}

const BUDGETS: &str = "/apis/policy/v1beta1/namespaces/default/poddisruptionbudgets";

/// Taken back while it is drained, taken out, and let in again.
#[test]
fn a_worker_leaves_in_order_and_may_come_back() {
    let Some(lab) = Lab::start_or_skip(&["cp1", "w1", "w2"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    begin(&lab);
    web(&kubernetes, 3);
    let w2 = lab.host("w2");
    w2.sh("mkdir -p /var/lib/rancher/k3s/storage/pvc; echo mine > /var/lib/rancher/k3s/storage/pvc/file");
    let disks = w2.read("/etc/lab/disks.json");

    nix8s(&lab, &["node", "delete", "w2"], 0);
    let plan = nix8s(&lab, &["plan"], 0);
    assert!(plan.contains("drain:prod-w2") && plan.contains("delete-node:prod-w2"), "{plan}");
    let said = nix8s(&lab, &["apply", "--yes"], 4);
    assert!(said.contains("prod-w2 would leave") && said.contains("nothing was done"), "{said}");
    edit(&lab, |text| text + POLICY);

    // A budget holds the drain, and meanwhile somebody thinks better of it.
    let log = lab.home().join("apply.log");
    let mut apply = command(&lab, &["apply", "--yes"]);
    let mut apply = apply.stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    kubernetes.wait_until("/api/v1/nodes/prod-w2", ".spec.unschedulable");
    nix8s(&lab, &["node", "undelete", "w2"], 0);
    let code = apply.wait().unwrap().code();
    assert_eq!(code, Some(0), "{}", fs::read_to_string(&log).unwrap());
    kubernetes.wait_until("/api/v1/nodes", &format!(r#"{WELL} == ["prod-cp1", "prod-w1", "prod-w2"]"#));
    let node = kubernetes.ask("GET", "/api/v1/nodes/prod-w2", "").unwrap();
    assert!(!node.contains("nix8s.io/cordoned"), "{node}");

    nix8s(&lab, &["node", "delete", "w2"], 0);
    kubernetes.ask("PATCH", &format!("{BUDGETS}/web"), r#"{ "spec": { "minAvailable": 2 } }"#).unwrap();
    let said = nix8s(&lab, &["apply", "--yes"], 0);
    assert!(said.contains("prod-w2: delete the Node object"), "{said}");
    kubernetes.wait_until("/api/v1/nodes", r#"[.items[].metadata.name] == ["prod-cp1", "prod-w1"]"#);
    kubernetes.wait_until("/apis/apps/v1/namespaces/default/deployments/web", ".status.readyReplicas == 3");
    is_clean(&w2);
    assert_eq!(w2.sh("cat /var/lib/rancher/k3s/storage/pvc/file"), "mine");
    assert_eq!(w2.read("/etc/lab/disks.json"), disks);
    let plan = nix8s(&lab, &["plan"], 0);
    assert!(plan.contains("nothing to do now"), "{plan}");
    let again = nix8s(&lab, &["apply", "--yes"], 0);
    assert!(again.contains("nothing was done"), "{again}");

    nix8s(&lab, &["node", "undelete", "w2"], 0);
    nix8s(&lab, &["apply", "--yes"], 0);
    kubernetes.wait_until("/api/v1/nodes", &format!(r#"{WELL} == ["prod-cp1", "prod-w1", "prod-w2"]"#));

    // Once more the same system.
    let before = w2.sh("readlink -f /run/current-system");
    nix8s(&lab, &["node", "rebuild", "w2"], 0);
    let plan = nix8s(&lab, &["plan"], 0);
    assert!(plan.contains("prod-w2") && !plan.contains("prod-w1"), "{plan}");
    nix8s(&lab, &["apply", "--yes"], 0);
    assert_eq!(w2.sh("readlink -f /run/current-system"), before);
    let again = nix8s(&lab, &["apply", "--yes"], 0);
    assert!(again.contains("nothing was done"), "{again}");
}

/// Writes down twice a second which members a control plane's etcd has, and whether they have a leader.
fn watch_etcd(host: &Host<'_>) {
    host.sh("cat > /run/watch-etcd << 'END'
tls=/var/lib/rancher/k3s/server/tls/etcd
while :; do
  ask() { etcdctl --command-timeout=15s --cacert $tls/server-ca.crt --cert $tls/client.crt --key $tls/client.key \
    --endpoints https://127.0.0.1:2379 \"$@\"; }
  ask endpoint health > /dev/null 2>&1 && well=yes || well=no
  echo $well $(ask member list 2> /dev/null | grep -c ', started,.*false$')
  sleep 0.5
done
END
systemd-run --quiet --unit=watch-etcd --property=StandardOutput=append:/run/watch-etcd.log --setenv=ETCDCTL_API=3 sh /run/watch-etcd");
}

/// Members of etcd that vote, as a control plane sees it.
fn voters(host: &Host<'_>) -> Vec<String> {
    let list = host.sh(
        "ETCDCTL_API=3 etcdctl --cacert /var/lib/rancher/k3s/server/tls/etcd/server-ca.crt --cert \
         /var/lib/rancher/k3s/server/tls/etcd/client.crt --key /var/lib/rancher/k3s/server/tls/etcd/client.key \
         --endpoints https://127.0.0.1:2379 member list --write-out=json",
    );
    let list: Value = serde_json::from_str(&list).unwrap();
    let members = list["members"].as_array().unwrap();
    let voting = members.iter().filter(|member| member["isLearner"] != true);
    let mut names: Vec<String> = voting
        .map(|member| {
            let name = member["name"].as_str().unwrap();
            name.rsplit_once('-').map_or(name, |(node, _)| node).to_owned()
        })
        .collect();
    names.sort();
    names
}

/// One by `node delete`, another by being taken out of the file: one at a time, and etcd goes on.
#[test]
fn rule_9_control_planes_leave_etcd_one_at_a_time() {
    let Some(lab) = Lab::start_or_skip(&["cp1", "cp2", "cp3"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    begin(&lab);
    let cp1 = lab.host("cp1");
    assert_eq!(voters(&cp1), ["prod-cp1", "prod-cp2", "prod-cp3"]);
    watch_etcd(&cp1);
    nix8s(&lab, &["node", "delete", "cp2"], 0);
    edit(&lab, |text| {
        text.lines().filter(|line| !line.contains("cp3:")).map(|line| format!("{line}\n")).collect()
    });
    let said = nix8s(&lab, &["apply", "--yes"], 4);
    assert!(said.contains("needs-permit  prod-cp2, prod-cp3: would leave"), "{said}");
    assert_eq!(voters(&cp1).len(), 3, "{said}");
    edit(&lab, |text| text + POLICY);
    nix8s(&lab, &["apply", "--yes"], 0);
    assert_eq!(voters(&cp1), ["prod-cp1"]);
    kubernetes.wait_until("/api/v1/nodes", &format!(r#"{WELL} == ["prod-cp1"]"#));
    for gone in ["cp2", "cp3"] {
        is_clean(&lab.host(gone));
    }

    // The second began when the first was through, and etcd never had no majority.
    let events = events(&lab);
    let left = |name: &str| {
        (
            first(&events, &format!("begins   {name}: cordon")),
            first(&events, &format!("done     {name}: leave etcd via prod-cp1")),
            first(&events, &format!("done     {name}: delete the Node object")),
        )
    };
    let (cp2, cp3) = (left("prod-cp2"), left("prod-cp3"));
    assert!(cp2.1 < cp2.2 && cp3.1 < cp3.2 && (cp2.2 < cp3.0 || cp3.2 < cp2.0), "{}", events.join("\n"));
    let watched = cp1.sh("systemctl stop watch-etcd; cat /run/watch-etcd.log");
    let mut counts: Vec<&str> = watched.lines().collect();
    counts.dedup();
    assert_eq!(counts, ["yes 3", "yes 2", "yes 1"]);
    let plan = nix8s(&lab, &["plan"], 0);
    assert!(plan.contains("nothing to do now"), "{plan}");
}

/// It is not waited for. When it comes back after all, it is no member, whatever it takes itself for.
#[test]
fn rule_1_a_lost_control_plane_is_not_waited_for() {
    let Some(lab) = Lab::start_or_skip(&["cp1", "cp2", "cp3"]) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    begin(&lab);
    edit(&lab, |text| text + POLICY);
    let (cp1, cp3) = (lab.host("cp1"), lab.host("cp3"));
    cp3.power_off();
    kubernetes.wait_until("/api/v1/nodes", &format!(r#"{WELL} == ["prod-cp1", "prod-cp2"]"#));
    // Silence alone removes nothing.
    nix8s(&lab, &["node", "delete", "cp3"], 0);
    let said = nix8s(&lab, &["plan"], 0);
    assert!(said.contains("does not answer") && said.contains("node delete --lost prod-cp3"), "{said}");
    nix8s(&lab, &["node", "delete", "--lost", "cp3"], 0);
    nix8s(&lab, &["apply", "--yes"], 0);
    assert_eq!(voters(&cp1), ["prod-cp1", "prod-cp2"]);
    kubernetes.wait_until("/api/v1/nodes", r#"[.items[].metadata.name] == ["prod-cp1", "prod-cp2"]"#);
    let again = nix8s(&lab, &["apply", "--yes"], 0);
    assert!(again.contains("nothing was done"), "{again}");

    // It knows nothing of that, and comes back as a new member: it leaves again, in order this time.
    cp3.power_on();
    kubernetes.wait_until("/api/v1/nodes", &format!(r#"{WELL} == ["prod-cp1", "prod-cp2", "prod-cp3"]"#));
    assert_eq!(voters(&cp1), ["prod-cp1", "prod-cp2", "prod-cp3"]);
    let plan = nix8s(&lab, &["plan"], 0);
    assert!(plan.contains("leave-etcd:prod-cp3") && plan.contains("clean:prod-cp3"), "{plan}");
    nix8s(&lab, &["apply", "--yes"], 0);
    assert_eq!(voters(&cp1), ["prod-cp1", "prod-cp2"]);
    kubernetes.wait_until("/api/v1/nodes", r#"[.items[].metadata.name] == ["prod-cp1", "prod-cp2"]"#);
    is_clean(&cp3);
}
