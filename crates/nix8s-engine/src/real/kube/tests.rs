//! What is sent to an API server, and what its answers come to.

use std::sync::Arc;
use std::sync::Mutex;

use http::Request;
use http::Response;
use kube::Client;
use kube::client::Body;
use nix8s_core::observed::Cordon;
use nix8s_core::plan::MetadataPatch;
use serde_json::Value;
use serde_json::json;

use super::Api;
use super::client;
use super::evict;
use super::metadata;
use super::node;
use super::pod;
use crate::port::Evicted;
use crate::port::Kube;
use crate::port::KubeError;
use crate::port::Pod;
use crate::port::Store;
use crate::state::layout::KUBECONFIG;
use crate::state::memory::Memory;
use crate::testing::name;

/// What an API server was asked: method, path with query, content type, body.
type Asked = Arc<Mutex<Vec<(String, String, String, Value)>>>;

/// An API server that answers with these, in this order, and takes note of what it is asked.
fn server(answers: Vec<(u16, Value)>) -> (Client, Asked) {
    let asked = Asked::default();
    let answers = Arc::new(Mutex::new(answers.into_iter()));
    let notes = asked.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (notes, answers) = (notes.clone(), answers.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap();
            let kind = head.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
            notes.lock().unwrap().push((
                head.method.to_string(),
                head.uri.to_string(),
                kind.unwrap_or_default(),
                serde_json::from_slice(&body).unwrap_or_default(),
            ));
            let (code, answer) = answers.lock().unwrap().next().expect("it is asked no more often");
            let text = match answer {
                Value::String(text) => text,
                json => json.to_string(),
            };
            Ok::<_, std::convert::Infallible>(
                Response::builder().status(code).body(Body::from(text.into_bytes())).unwrap(),
            )
        }
    });
    (Client::new(service, "default"), asked)
}

fn status(code: u16, message: &str, cause: Option<(&str, &str)>) -> (u16, Value) {
    let causes: Vec<Value> =
        cause.iter().map(|(reason, message)| json!({ "reason": reason, "message": message })).collect();
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message,
        "reason": "", "details": { "causes": causes },
    });
    (code, status)
}

fn web() -> Pod {
    Pod {
        namespace: "shop".to_owned(),
        name: "web-1".to_owned(),
        uid: "u1".to_owned(),
        ending: false,
        bare: false,
        empty_dir: false,
    }
}

fn a_node(version: &str, unschedulable: bool, annotations: &Value) -> Value {
    json!({
        "metadata": { "name": "w1", "uid": "n1", "resourceVersion": version, "annotations": annotations },
        "spec": { "unschedulable": unschedulable },
        "status": {
            "conditions": [{ "type": "Ready", "status": "True" }],
            "nodeInfo": {
                "architecture": "", "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
                "kubeProxyVersion": "", "kubeletVersion": "v1.34.2+k3s1", "machineID": "", "operatingSystem": "",
                "osImage": "", "systemUUID": "",
            },
        },
    })
}

#[tokio::test]
async fn an_eviction_names_the_pod_it_is_for() {
    let (client, asked) = server(vec![(201, json!({ "kind": "Status", "status": "Success", "code": 201 }))]);
    assert_eq!(evict::evict(&client, &web()).await, Ok(Evicted::Going));
    let (method, path, _, body) = asked.lock().unwrap().remove(0);
    assert_eq!(
        (&*method, path.trim_end_matches(['?', '&'])),
        ("POST", "/api/v1/namespaces/shop/pods/web-1/eviction")
    );
    let expected = json!({
        "metadata": { "namespace": "shop", "name": "web-1" },
        "deleteOptions": { "preconditions": { "uid": "u1" } },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_pod_that_is_ending_is_not_evicted_again() {
    let (client, asked) = server(Vec::new());
    assert_eq!(evict::evict(&client, &Pod { ending: true, ..web() }).await, Ok(Evicted::Gone));
    assert_eq!(asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn an_answer_decides_what_became_of_an_eviction() {
    let held = "Cannot evict pod as it would violate the pod's disruption budget.";
    let budget = "The disruption budget web needs 2 healthy pods and has 2 currently";
    let refused = |message: &str| Err(KubeError::Refused { message: message.to_owned() });
    for (answer, expected) in [
        (status(404, "pods \"web-1\" not found", None), Ok(Evicted::Gone)),
        (
            status(429, held, Some(("DisruptionBudget", budget))),
            Ok(Evicted::Held { budget: "web".to_owned() }),
        ),
        (
            status(
                429,
                held,
                Some((
                    "DisruptionBudget",
                    "The disruption budget web is still being processed by the server.",
                )),
            ),
            Ok(Evicted::Held { budget: "web".to_owned() }),
        ),
        (
            status(429, "the server has received too many requests", None),
            refused("the server has received too many requests"),
        ),
        (
            status(
                409,
                "Operation cannot be fulfilled on Pod \"web-1\": the UID in the precondition (u1) does not match the UID in record (u2).",
                None,
            ),
            Ok(Evicted::Gone),
        ),
        (status(409, "the object has been modified", None), refused("the object has been modified")),
        (
            status(403, "namespace shop is being terminated", Some(("NamespaceTerminating", ""))),
            Ok(Evicted::Gone),
        ),
        (status(403, "no", None), Err(KubeError::Forbidden { message: "no".to_owned() })),
        (
            status(500, "This pod has more than one PodDisruptionBudget", None),
            refused("This pod has more than one PodDisruptionBudget"),
        ),
    ] {
        let (client, asked) = server(vec![answer.clone()]);
        assert_eq!(evict::evict(&client, &web()).await, expected, "{answer:?}");
        assert_eq!(asked.lock().unwrap().len(), 1, "one request: {answer:?}");
    }
}

#[tokio::test]
async fn an_overloaded_server_answers_in_plain_text() {
    let (client, _) = server(vec![(429, json!("Too many requests, please try again later.\n"))]);
    let refused = evict::evict(&client, &web()).await.unwrap_err();
    assert!(refused.to_string().contains("Too many requests"), "{refused}");
    assert!(matches!(refused, KubeError::Refused { .. }), "{refused:?}");
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so() {
    let (client, _) = server(vec![status(401, "Unauthorized", None)]);
    let refused = node::all(&client).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the API server does not accept the kubeconfig that is here: Unauthorized"
    );
    let (client, _) = server(vec![status(504, "Gateway Timeout", None)]);
    assert_eq!(node::all(&client).await, Err(KubeError::Unreachable));
}

#[tokio::test]
async fn nodes_come_in_pages_and_only_machines_names_count() {
    let mut other = a_node("1", false, &json!({}));
    other["metadata"]["name"] = json!("node.example.com");
    let (client, asked) = server(vec![
        (200, json!({ "metadata": { "continue": "more" }, "items": [a_node("1", false, &json!({}))] })),
        (200, json!({ "metadata": {}, "items": [other] })),
    ]);
    let seen = node::all(&client).await.unwrap();
    assert_eq!(seen.keys().map(ToString::to_string).collect::<Vec<_>>(), ["w1"]);
    let paths: Vec<String> = asked.lock().unwrap().iter().map(|(_, path, ..)| path.clone()).collect();
    assert!(paths[0].contains("limit=500") && !paths[0].contains("resourceVersion"), "{paths:?}");
    assert!(paths[1].contains("continue=more"), "{paths:?}");
}

#[tokio::test]
async fn a_cordon_is_tried_again_when_somebody_wrote_meanwhile() {
    let (client, asked) = server(vec![
        (200, a_node("5", false, &json!({}))),
        status(409, "the object has been modified", None),
        (200, a_node("6", false, &json!({}))),
        (200, a_node("7", true, &json!({}))),
    ]);
    node::cordon(&client, &name("w1"), "run 1").await.unwrap();
    let (method, _, kind, body) = asked.lock().unwrap().pop().unwrap();
    assert_eq!((&*method, &*kind), ("PATCH", "application/merge-patch+json"));
    let expected = json!({
        "metadata": { "resourceVersion": "6", "annotations": { "nix8s.io/cordoned-by": "run 1" } },
        "spec": { "unschedulable": true },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn somebody_elses_cordon_is_left_alone() {
    let theirs = || vec![(200, a_node("5", true, &json!({})))];
    let (client, asked) = server(theirs());
    node::cordon(&client, &name("w1"), "run 1").await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 1);
    let (client, asked) = server(theirs());
    node::uncordon(&client, &name("w1")).await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 1);
    let (client, _) = server(theirs());
    assert_eq!(node::one(&client, &name("w1")).await.unwrap().unwrap().cordon, Cordon::Foreign);
}

#[tokio::test]
async fn conflicts_without_end_are_given_up() {
    let mut answers = Vec::new();
    for _ in 0..=super::CONFLICTS_MAX {
        answers.push((200, a_node("5", false, &json!({}))));
        answers.push(status(409, "the object has been modified", None));
    }
    let (client, _) = server(answers);
    let gave_up = node::cordon(&client, &name("w1"), "run 1").await;
    assert_eq!(gave_up, Err(KubeError::Refused { message: "the object has been modified".to_owned() }));
}

#[tokio::test]
async fn a_node_is_deleted_under_its_uid_and_may_be_gone() {
    let (client, asked) = server(vec![status(404, "nodes \"w1\" not found", None)]);
    assert_eq!(node::delete(&client, &name("w1"), "n1").await, Ok(()));
    let (method, _, _, body) = asked.lock().unwrap().remove(0);
    assert_eq!((&*method, &body["preconditions"]), ("DELETE", &json!({ "uid": "n1" })));
}

#[tokio::test]
async fn a_label_of_somebody_elses_is_not_taken_over() {
    let conflict = json!({
        "code": 409, "status": "Failure", "reason": "Conflict",
        "message": "Apply failed with 1 conflict: conflict with \"helm\" using v1: .metadata.labels.tier",
        "details": { "causes": [{ "reason": "FieldManagerConflict", "field": ".metadata.labels.tier" }] },
    });
    let (client, asked) = server(vec![
        (200, a_node("5", false, &json!({}))),
        (200, a_node("5", false, &json!({}))),
        (409, conflict),
    ]);
    let patch = MetadataPatch {
        labels: [("tier".to_owned(), Some("a".to_owned()))].into(),
        ..MetadataPatch::default()
    };
    let refused = metadata::set(&client, &name("w1"), &patch).await.unwrap_err();
    assert!(refused.to_string().contains("conflict with \"helm\""), "{refused}");
    let (_, path, kind, _) = asked.lock().unwrap().pop().unwrap();
    assert!(path.contains("fieldManager=nix8s") && !path.contains("force"), "{path}");
    assert_eq!(kind, "application/apply-patch+yaml");
}

#[tokio::test]
async fn pods_are_asked_for_by_node() {
    let (client, asked) = server(vec![(200, json!({ "metadata": {}, "items": [] }))]);
    assert_eq!(pod::on(&client, &name("w1")).await, Ok(Vec::new()));
    let (_, path, ..) = asked.lock().unwrap().remove(0);
    assert!(path.starts_with("/api/v1/pods?") && path.contains("fieldSelector=spec.nodeName%3Dw1"), "{path}");
}

/// A kubeconfig with an authority that signed nothing.
fn kubeconfig(server: &str) -> String {
    let certificate = include_str!("tests/authority.txt").trim();
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\n\
         clusters: [{{ name: prod, cluster: {{ server: \"{server}\", certificate-authority-data: {certificate} }} }}]\n\
         users: [{{ name: admin, user: {{ token: abc }} }}]\n\
         contexts: [{{ name: prod, context: {{ cluster: prod, user: admin }} }}]\n"
    )
}

#[tokio::test]
async fn a_kubeconfig_that_leads_elsewhere_is_refused() {
    let good = kubeconfig("https://10.0.0.1:6443");
    assert!(client::from_kubeconfig(good.as_bytes()).await.is_ok());
    for (from, to, said) in [
        ("https://", "http://", "it has a server without https, which nix8s does not use"),
        ("token: abc", "exec: { command: aws }", "it has exec, which nix8s does not use"),
        ("token: abc", "tokenFile: /run/token", "it has tokenFile, which nix8s does not use"),
        ("token: abc", "username: admin", "it has no client certificate"),
        ("certificate-authority-data: ", "x: ", "it has no certificate-authority-data"),
        (
            "server: ",
            "insecure-skip-tls-verify: true, server: ",
            "it has insecure-skip-tls-verify, which nix8s does not use",
        ),
        ("server: ", "proxy-url: http://p, server: ", "it has proxy-url, which nix8s does not use"),
        ("current-context: prod", "current-context: test", "it has no such context"),
    ] {
        let wrong = good.replacen(from, to, 1);
        let why = client::from_kubeconfig(wrong.as_bytes()).await.err().map(|why| why.to_string());
        assert_eq!(why.as_deref(), Some(said), "{wrong}");
    }
}

#[tokio::test]
async fn without_a_kubeconfig_nobody_is_asked() {
    let api = Api::new(Arc::new(Memory::new()));
    let why = api.look().await.unwrap_err().to_string();
    assert_eq!(why, "the API server cannot be reached: there is no kubeconfig of this cluster here yet");
}

#[tokio::test]
async fn a_connection_that_never_was_is_not_an_answer_that_was_lost() {
    let store = Arc::new(Memory::new());
    let api = Api::new(store.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    drop(listener);
    store.write(KUBECONFIG, kubeconfig(&address).as_bytes()).unwrap();
    let why = api.look().await.unwrap_err();
    assert!(matches!(&why, KubeError::NotReached { why } if why.contains("Connection refused")), "{why:?}");

    // Another file is another client: this one leads to somebody who does not speak TLS.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let deaf = tokio::spawn(async move { listener.accept().await.map(drop) });
    store.write(KUBECONFIG, kubeconfig(&address).as_bytes()).unwrap();
    let why = api.look().await.unwrap_err();
    assert!(matches!(&why, KubeError::NotReached { .. }), "{why:?}");
    deaf.await.unwrap().unwrap();
}
