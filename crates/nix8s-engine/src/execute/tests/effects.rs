//! Each effect against scripted answers: what runs, what is concluded, and what is not.

use std::time::Duration;

use nix8s_core::event::Failure;
use nix8s_core::model::Action;
use nix8s_core::model::Distribution;
use nix8s_core::model::Provisioner;
use nix8s_core::model::Reboot;
use nix8s_core::model::Role;
use nix8s_core::observed::Cordon;
use nix8s_core::observed::EtcdMember;
use nix8s_core::permit::EraseScope;
use nix8s_core::plan::Effect;
use nix8s_core::plan::FailureClass;
use nix8s_core::tool::on_node;

use crate::execute::Done;
use crate::execute::effect;
use crate::execute::held;
use crate::execute::held::Hold;
use crate::port::ExecError;
use crate::port::Pod;
use crate::port::Store;
use crate::testing::*;

async fn run(fakes: &Fakes, distribution: Distribution, it: Effect) -> Done {
    said(fakes, distribution, it).await.0
}

/// What it came to, and what was said to hold it up meanwhile.
async fn said(fakes: &Fakes, distribution: Distribution, it: Effect) -> (Done, Vec<String>) {
    let world = fakes.world(cluster(distribution, &["w1"]));
    let (says, mut heard) = held::channel();
    let done = effect(&world, &it, &mut Hold::new(0, says)).await;
    let mut said = Vec::new();
    while let Ok(held) = heard.try_recv() {
        said.push(held.why);
    }
    (done, said)
}

fn failure(done: Done) -> Failure {
    done.expect_err("it fails")
}

fn install() -> Effect {
    Effect::Install {
        machine: name("w1"),
        provisioner: Provisioner::NixosAnywhere,
        system: system("a"),
        version: "v1.34.1".parse().unwrap(),
        scope: EraseScope::System,
        installation: "w1-1".to_owned(),
        hardware: hardware("w1"),
        again: false,
    }
}

/// What is installed is in the store here.
fn builds(fakes: &Fakes) {
    fakes.exec.on("nix build", [says("/nix/store/disko".to_owned()), says(system("a").to_string())]);
}

fn switch() -> Effect {
    Effect::Switch { machine: name("w1"), system: system("b"), reboot: Reboot::Auto, action: Action::Switch }
}

fn pod(text: &str) -> Pod {
    Pod {
        namespace: "default".to_owned(),
        name: text.to_owned(),
        uid: format!("uid of {text}"),
        ending: false,
        bare: false,
        empty_dir: false,
    }
}

fn drain() -> Effect {
    Effect::Drain { machine: name("w1"), timeout: Duration::from_secs(300) }
}

fn cordoned(fakes: &Fakes, pods: Vec<Pod>) {
    let mut seen = node("u1");
    seen.cordon = Cordon::Ours;
    fakes.api.set("w1", seen);
    fakes.api.pods.lock().unwrap().insert(name("w1"), pods);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_denies_being_the_planned_one_is_not_installed() {
    let fakes = Fakes::new();
    builds(&fakes);
    fakes.exec.on("confirm", [fails(on_node::NOT_CONFIRMED, "disk QM00001 is not there")]);
    let failure = failure(run(&fakes, Distribution::K3s, install()).await);
    assert_eq!(failure.class, FailureClass::Permanent);
    assert!(failure.message.contains("QM00001"), "{failure:?}");
    assert!(fakes.exec.ran("nixos-anywhere").is_empty());
}

#[tokio::test(start_paused = true)]
async fn n_02_a_machine_that_cannot_be_asked_is_not_installed() {
    let fakes = Fakes::new();
    builds(&fakes);
    fakes.exec.on("confirm", [Reply::Error(ExecError::Lost)]);
    let failure = failure(run(&fakes, Distribution::K3s, install()).await);
    assert_eq!(failure.class, FailureClass::Transient);
    assert!(fakes.exec.ran("nixos-anywhere").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_system_that_is_not_the_planned_one_is_not_installed() {
    let fakes = Fakes::new();
    fakes.exec.on("nix build", [says("/nix/store/disko".to_owned()), says(system("b").to_string())]);
    let failure = failure(run(&fakes, Distribution::K3s, install()).await);
    assert_eq!(failure.class, FailureClass::Permanent);
    assert!(failure.message.contains("building gave /nix/store/b"), "{failure:?}");
    assert!(fakes.exec.ran("confirm").is_empty());
}

/// What an installer showed is not what the machine shows from then on; that it is still accepted undoes nothing.
#[tokio::test(start_paused = true)]
async fn an_installation_ends_by_forgetting_the_installers_host_key() {
    let fakes = Fakes::new();
    builds(&fakes);
    fakes.exec.on("secrets files", [says("{}".to_owned())]);
    fakes.exec.on("secrets settled", [fails(1, "error: no room")]);
    let note = run(&fakes, Distribution::K3s, install()).await.unwrap();
    assert!(note.unwrap().contains("no room"));
    assert_eq!(fakes.exec.ran("secrets settled").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_installation_that_failed_names_its_log() {
    let fakes = Fakes::new();
    builds(&fakes);
    fakes.exec.on("secrets files", [says("{}".to_owned())]);
    fakes.exec.on("nixos-anywhere", [fails(1, "error: disko broke off")]);
    fakes.store.write("nodes/w1/install.log", b"all of it").unwrap();
    let failure = failure(run(&fakes, Distribution::K3s, install()).await);
    assert!(
        failure.message.ends_with("disko broke off; all of it is in /nodes/w1/install.log"),
        "{failure:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_not_initialised_over_a_datastore_that_has_appeared() {
    let fakes = Fakes::new();
    let mut found = probe("cp1");
    found.datastore = true;
    fakes.exec.on("probe", [says(serde_json::to_string(&found).unwrap())]);
    let failure = failure(run(&fakes, Distribution::K3s, Effect::Init { machine: name("cp1") }).await);
    assert!(failure.message.contains("datastore"), "{failure:?}");
    assert!(fakes.exec.ran("on-node write").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_join_waits_until_the_node_appears_and_then_gives_up() {
    let fakes = Fakes::new();
    let join = Effect::Join { machine: name("w1"), role: Role::Worker, via: name("cp1") };
    let failure = failure(run(&fakes, Distribution::K3s, join.clone()).await);
    assert_eq!(failure.class, FailureClass::Transient);
    assert!(failure.message.contains("10 minutes"), "{failure:?}");
    fakes.api.set("w1", node("u1"));
    assert_eq!(run(&fakes, Distribution::K3s, join).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn d_05_join_material_is_made_anew_for_every_join_and_in_no_argument() {
    let fakes = Fakes::new();
    let key = "a".repeat(64);
    fakes.exec.on("upload-certs", [says(format!("[upload-certs]\n{key}\n"))]);
    fakes.exec.on("token create", [says("kubeadm join 10.0.0.1:6443 --token secret.token\n")]);
    fakes.api.set("w1", node("u1"));
    let join = Effect::Join { machine: name("w1"), role: Role::ControlPlane, via: name("cp1") };
    assert_eq!(run(&fakes, Distribution::Kubeadm, join.clone()).await, Ok(None));
    assert_eq!(run(&fakes, Distribution::Kubeadm, join).await, Ok(None));
    assert_eq!(fakes.exec.ran("token create").len(), 2);
    assert!(fakes.exec.ran("secret.token").is_empty());
    let files = format!("{:?}", fakes.store.list("k8s").unwrap());
    assert!(!files.contains("token"), "{files}");
}

#[tokio::test(start_paused = true)]
async fn a_budget_holds_a_drain_up_until_it_allows_it() {
    let fakes = Fakes::new();
    cordoned(&fakes, vec![pod("web"), Pod { empty_dir: true, ..pod("cache") }]);
    fakes.api.held.lock().unwrap().insert("web".to_owned(), 3);
    let done = run(&fakes, Distribution::K3s, drain()).await;
    assert_eq!(done, Ok(Some("2 pods evicted, 1 of them with emptyDir data".to_owned())));
    assert_eq!(fakes.api.cordon_of("w1"), Cordon::Ours, "the node stays cordoned for what comes next");
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_takes_too_long_names_pod_and_budget_and_uncordons() {
    let fakes = Fakes::new();
    cordoned(&fakes, vec![pod("web")]);
    fakes.api.held.lock().unwrap().insert("web".to_owned(), u32::MAX);
    let (done, said) = said(&fakes, Distribution::K3s, drain()).await;
    // While it is tried, and once.
    assert_eq!(said, ["pod default/web is held by budget web-budget"]);
    let failure = failure(done);
    assert_eq!(failure.class, FailureClass::Transient);
    assert!(failure.message.contains("pod default/web is held by budget web-budget"), "{failure:?}");
    assert_eq!(fakes.api.cordon_of("w1"), Cordon::None);
}

#[tokio::test(start_paused = true)]
async fn of_pods_that_a_budget_holds_one_is_asked_for_again_and_no_storm_of_them() {
    let fakes = Fakes::new();
    let pods: Vec<Pod> = (0..30).map(|number| pod(&format!("web-{number:02}"))).collect();
    fakes.api.held.lock().unwrap().extend(pods.iter().map(|pod| (pod.name.clone(), 1)));
    fakes.api.held.lock().unwrap().insert("web-00".to_owned(), 20);
    cordoned(&fakes, pods);
    let done = run(&fakes, Distribution::K3s, drain()).await;
    assert_eq!(done, Ok(Some("30 pods evicted".to_owned())));
    // All once; then one of them every five seconds, nineteen times in vain; then all.
    assert_eq!(fakes.api.evictions.lock().unwrap().len(), 30 + 19 + 30);
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_a_controller_blocks_a_drain_by_name_and_is_not_evicted() {
    let fakes = Fakes::new();
    cordoned(&fakes, vec![pod("web"), Pod { bare: true, ..pod("debug") }]);
    let failure = failure(run(&fakes, Distribution::K3s, drain()).await);
    assert!(failure.message.contains("default/debug"), "{failure:?}");
    assert_eq!(fakes.api.pods.lock().unwrap()[&name("w1")].len(), 2);
    assert_eq!(fakes.api.cordon_of("w1"), Cordon::None);
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_cuts_the_connection_is_confirmed_when_the_machine_is_back() {
    let fakes = Fakes::new();
    fakes.exec.on("on-node switch", [Reply::Error(ExecError::Lost)]);
    let away = [ExecError::Refused, ExecError::TimedOut].map(Reply::Error);
    fakes.exec.on("confirm-switch", away.into_iter().chain([says("")]));
    assert_eq!(run(&fakes, Distribution::K3s, switch()).await, Ok(None));
    let nonces: Vec<String> =
        fakes.exec.ran("confirm-switch").iter().map(|l| l[l.len() - 16..].to_owned()).collect();
    assert_eq!(nonces.len(), 3);
    assert!(fakes.exec.ran("on-node switch")[0].contains(&nonces[0]), "the nonce is the switch's own");
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_never_reached_its_machine_is_not_waited_for() {
    let fakes = Fakes::new();
    fakes.exec.on("on-node switch", [Reply::Error(ExecError::Lost)]);
    fakes
        .exec
        .on("confirm-switch", [fails(on_node::NO_SUCH_SWITCH, "no switch waits for this confirmation")]);
    let failure = failure(run(&fakes, Distribution::K3s, switch()).await);
    assert_eq!((failure.class, failure.bad_system), (FailureClass::Transient, None));
    assert!(failure.message.contains("it never began"), "{}", failure.message);
    assert_eq!(fakes.exec.ran("confirm-switch").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn d_07_a_machine_that_went_back_makes_its_system_a_bad_one() {
    let fakes = Fakes::new();
    fakes.exec.on("confirm-switch", [fails(on_node::ROLLED_BACK, "k3s.service failed")]);
    let failure = failure(run(&fakes, Distribution::K3s, switch()).await);
    assert_eq!(failure.bad_system, Some(system("b")));
    assert!(failure.message.contains("k3s.service failed"), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_stays_away_after_a_switch_says_nothing_about_its_system() {
    let fakes = Fakes::new();
    fakes.exec.on("confirm-switch", [Reply::Error(ExecError::TimedOut)]);
    let failure = failure(run(&fakes, Distribution::K3s, switch()).await);
    assert_eq!((failure.class, failure.bad_system), (FailureClass::Transient, None));
}

#[tokio::test(start_paused = true)]
async fn x_13_a_node_that_is_not_ready_fails_its_gates_and_the_system_is_bad() {
    let fakes = Fakes::new();
    fakes.exec.on("gates", [says("{}")]);
    let mut seen = node("u1");
    seen.ready = false;
    fakes.api.set("w1", seen);
    let check = Effect::CheckGates { machine: name("w1"), system: system("b") };
    let failure = failure(run(&fakes, Distribution::K3s, check).await);
    assert_eq!(failure.bad_system, Some(system("b")));
    assert!(failure.message.contains("not Ready"), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn gates_that_cannot_be_asked_condemn_nothing() {
    for away in ["machine", "api"] {
        let fakes = Fakes::new();
        match away {
            "machine" => fakes.exec.on("gates", [Reply::Error(ExecError::TimedOut)]),
            _ => {
                fakes.exec.on("gates", [says("{}")]);
                *fakes.api.is_away.lock().unwrap() = true;
            }
        }
        let check = Effect::CheckGates { machine: name("w1"), system: system("b") };
        let failure = failure(run(&fakes, Distribution::K3s, check).await);
        assert_eq!((failure.class, failure.bad_system), (FailureClass::Transient, None), "{away}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_control_plane_passes_its_gates_when_it_votes_whatever_its_node_still_says() {
    let asked = |votes: bool| {
        let mut asked = probe("cp1");
        asked.datastore = true;
        let member = EtcdMember { id: "a1".to_owned(), name: "cp1".to_owned(), healthy: true };
        asked.etcd = votes.then(|| vec![member]);
        says(serde_json::to_string(&asked).unwrap())
    };
    let check = || Effect::CheckGates { machine: name("cp1"), system: system("b") };
    for votes in [false, true] {
        let fakes = Fakes::new();
        fakes.exec.on("gates", [says("{}")]);
        fakes.exec.on("probe", [asked(votes)]);
        fakes.api.set("cp1", node("u1"));
        let result = run(&fakes, Distribution::K3s, check()).await;
        let said = result.map_err(|failure| (failure.bad_system, failure.message));
        let no = "its gates do not hold after 3 tries: its etcd does not vote".to_owned();
        assert_eq!(said, if votes { Ok(None) } else { Err((Some(system("b")), no)) });
    }
}

#[tokio::test(start_paused = true)]
async fn gates_must_still_hold_after_the_soak() {
    let fakes = Fakes::new();
    let bad = || says(r#"{"unit k3s.service":"failed"}"#);
    fakes.exec.on("gates", [says("{}"), bad(), says("{}"), says("{}")]);
    fakes.api.set("w1", node("u1"));
    let check = Effect::CheckGates { machine: name("w1"), system: system("b") };
    assert_eq!(run(&fakes, Distribution::K3s, check).await, Ok(None));
    assert_eq!(fakes.exec.ran("gates").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_not_what_was_evaluated_is_a_permanent_failure() {
    let fakes = Fakes::new();
    fakes.exec.on("nix build", [says("/nix/store/other\n")]);
    let build =
        Effect::Build { machine: name("w1"), system: system("a"), version: "v1.34.1".parse().unwrap() };
    let failure = failure(run(&fakes, Distribution::K3s, build).await);
    assert_eq!(failure.class, FailureClass::Permanent);
}

#[tokio::test(start_paused = true)]
async fn kubeadm_takes_the_member_out_of_etcd_by_its_id() {
    let fakes = Fakes::new();
    let mut asked = probe("cp1");
    let member =
        |id: &str, name: &str| EtcdMember { id: id.to_owned(), name: name.to_owned(), healthy: true };
    asked.etcd = Some(vec![member("a1", "cp1"), member("b2", "w1")]);
    fakes.exec.on("probe", [says(serde_json::to_string(&asked).unwrap())]);
    let leave = Effect::LeaveEtcd { machine: name("w1"), via: name("cp1"), there: true };
    assert_eq!(run(&fakes, Distribution::Kubeadm, leave).await, Ok(None));
    assert_eq!(fakes.exec.ran("member remove"), ["cp1: nix8s on-node etcdctl member remove b2"]);
}

#[tokio::test(start_paused = true)]
async fn k3s_that_leaves_etcd_is_told_not_to_come_back_unless_it_is_lost() {
    for there in [true, false] {
        let fakes = Fakes::new();
        let leave = Effect::LeaveEtcd { machine: name("cp1"), via: name("w1"), there };
        assert_eq!(run(&fakes, Distribution::K3s, leave).await, Ok(None));
        assert_eq!(fakes.exec.ran("stay-out").len(), usize::from(there));
        assert_eq!(fakes.exec.ran("cp1: ").len(), usize::from(there), "nothing on a lost machine is touched");
    }
}

/// What comes of restarting w1, one of three members of etcd that work as said.
async fn restarted(voted: bool, healthy: [bool; 3]) -> (Done, usize) {
    let fakes = Fakes::new();
    let mut asked = probe("w1");
    let names = ["cp1", "cp2", "w1"];
    asked.etcd = Some(
        std::iter::zip(names, healthy)
            .map(|(name, healthy)| EtcdMember { id: name.to_owned(), name: name.to_owned(), healthy })
            .collect(),
    );
    fakes.exec.on("probe", [says(serde_json::to_string(&asked).unwrap())]);
    let done = run(&fakes, Distribution::K3s, Effect::Restart { machine: name("w1"), voted }).await;
    (done, fakes.exec.ran("systemctl restart").len())
}

#[tokio::test(start_paused = true)]
async fn a_member_of_etcd_that_works_again_is_not_restarted() {
    let (done, restarts) = restarted(false, [true, true, true]).await;
    assert_eq!(done, Ok(Some("not restarted: its etcd works again".to_owned())));
    assert_eq!(restarts, 0);
    // Its etcd worked when the plan was made: it is restarted for its kubelet.
    assert_eq!(restarted(true, [true, true, true]).await, (Ok(None), 1));
    assert_eq!(restarted(false, [true, true, false]).await, (Ok(None), 1));
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_vote_has_become_needed_is_not_restarted() {
    let (done, restarts) = restarted(true, [true, false, true]).await;
    assert_eq!(done, Ok(Some("not restarted: its vote in etcd is needed".to_owned())));
    assert_eq!(restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_hangs_ends_with_its_time() {
    let fakes = Fakes::new();
    fakes.exec.on("nix copy", [Reply::Hangs]);
    let copy = Effect::Copy { machine: name("w1"), system: system("a") };
    let failure = failure(run(&fakes, Distribution::K3s, copy).await);
    assert_eq!(failure.message, "copying its system: no answer");
}

#[tokio::test(start_paused = true)]
async fn a_missing_program_is_not_tried_again() {
    let fakes = Fakes::new();
    fakes.exec.on("nix copy", [Reply::Error(ExecError::Missing { program: "nix".to_owned() })]);
    let copy = Effect::Copy { machine: name("w1"), system: system("a") };
    assert_eq!(failure(run(&fakes, Distribution::K3s, copy).await).class, FailureClass::Permanent);
}

#[tokio::test(start_paused = true)]
async fn the_kubeconfig_is_kept_with_an_address_that_works_from_here() {
    let fakes = Fakes::new();
    let kubeconfig = "current-context: a\ncontexts: [{ name: a, context: { cluster: a, user: a } }]\n\
        clusters: [{ name: a, cluster: { server: 'https://127.0.0.1:6443' } }]\nusers: [{ name: a, user: { token: b } }]\n";
    fakes.exec.on("on-node read", [says(kubeconfig)]);
    let done = run(&fakes, Distribution::K3s, Effect::FetchKubeconfig { via: name("cp1") }).await;
    assert_eq!(done, Ok(None));
    let kept = fakes.store.read("k8s/kubeconfig").unwrap().unwrap();
    assert!(String::from_utf8(kept).unwrap().contains("server: https://10.0.0.1:6443"));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_nobody_remembers_is_not_guessed_at() {
    let fakes = Fakes::new();
    let clean = Effect::Clean { machine: name("gone"), orphan: false };
    let failure = failure(run(&fakes, Distribution::K3s, clean).await);
    assert!(failure.hint.is_some_and(|hint| hint.contains("--lost gone")));
    assert!(fakes.exec.ran.lock().unwrap().is_empty());
}
