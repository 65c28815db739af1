//! Evictions: what is asked for, and what each answer means.

use k8s_openapi::api::core::v1;
use kube::Api;
use kube::Client;
use kube::Error;
use kube::api::PostParams;
use kube::core::Status;
use serde_json::Value;
use serde_json::json;

use super::failure;
use crate::port::Evicted;
use crate::port::KubeError;
use crate::port::Pod;

/// The cause that the API server gives when a budget holds an eviction.
const BUDGET: &str = "DisruptionBudget";

/// The cause that it gives for everything in a namespace that is being deleted, pods included.
const NAMESPACE_ENDS: &str = "NamespaceTerminating";

/// How it says that a pod has another uid: before it deletes anything, and while it does.
const OTHER_UID: &[&str] = &["the UID in the precondition", "UID in precondition"];

/// Asks for a pod's eviction, once.
pub async fn evict(client: &Client, pod: &Pod) -> Result<Evicted, KubeError> {
    if pod.ending {
        // To evict it again would cost its budget a second disruption.
        return Ok(Evicted::Gone);
    }
    let api: Api<v1::Pod> = Api::namespaced(client.clone(), &pod.namespace);
    let asked = api.create_subresource("eviction", &pod.name, &PostParams::default(), &body(pod)).await;
    answer(pod, asked)
}

/// The Eviction. It names no version, so that every API server reads it as its own: policy/v1, or policy/v1beta1 before
/// 1.22. kube's own names the options in a way that API servers ignore (`delete_options`).
fn body(pod: &Pod) -> Value {
    json!({
        "metadata": { "namespace": pod.namespace, "name": pod.name },
        "deleteOptions": { "preconditions": { "uid": pod.uid } },
    })
}

fn answer(pod: &Pod, asked: Result<Status, Error>) -> Result<Evicted, KubeError> {
    let status = match asked {
        Ok(_) => return Ok(Evicted::Going),
        Err(Error::Api(status)) => status,
        Err(why) => return Err(failure::of("pod", &why)),
    };
    let cause = |wanted: &str| {
        let causes = status.details.iter().flat_map(|details| &details.causes);
        causes.into_iter().find(|cause| cause.reason == wanted).map(|cause| cause.message.clone())
    };
    match status.code {
        404 => Ok(Evicted::Gone),
        // Another pod has its name: this one is gone.
        409 if OTHER_UID.iter().any(|words| status.message.contains(words)) => Ok(Evicted::Gone),
        403 if cause(NAMESPACE_ENDS).is_some() => Ok(Evicted::Gone),
        // Any other 429 comes from an API server that has too much to do.
        429 => match cause(BUDGET) {
            Some(said) => Ok(Evicted::Held { budget: budget(&said) }),
            None => Err(refused(pod, &status)),
        },
        _ => Err(refused(pod, &status)),
    }
}

fn refused(pod: &Pod, status: &Status) -> KubeError {
    failure::of(&format!("pod {}/{}", pod.namespace, pod.name), &Error::Api(Box::new(status.clone())))
}

/// The budget's name in a message such as `The disruption budget web needs 2 healthy pods and has 2 currently`; without
/// one, the message.
fn budget(said: &str) -> String {
    let name = said.strip_prefix("The disruption budget ").and_then(|rest| rest.split(' ').next());
    name.unwrap_or(said).to_owned()
}
