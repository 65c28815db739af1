//! What an answer that is none, or a refusal, means.

use kube::Error;
use kube::core::Status;

use crate::port::KubeError;

/// What became of a request about `what`.
pub fn of(what: &str, error: &Error) -> KubeError {
    match error {
        Error::Api(status) => refused(what, status),
        // Without credentials nothing is sent.
        Error::Auth(why) => KubeError::NotReached { why: chain(why) },
        other if was_connected(other) => KubeError::Unreachable,
        other => KubeError::NotReached { why: chain(other) },
    }
}

fn refused(what: &str, status: &Status) -> KubeError {
    let message = if status.message.is_empty() { status.reason.clone() } else { status.message.clone() };
    match status.code {
        401 => KubeError::NotAccepted { message },
        403 => KubeError::Forbidden { message },
        404 => KubeError::NotFound { what: what.to_owned() },
        // Answers of something between that gave up waiting.
        502 | 504 => KubeError::Unreachable,
        _ => KubeError::Refused { message },
    }
}

/// Whether there was a connection that a request could have been sent over.
fn was_connected(error: &Error) -> bool {
    let mut next = Some(error as &(dyn std::error::Error + 'static));
    while let Some(cause) = next {
        if let Some(cause) = cause.downcast_ref::<hyper_util::client::legacy::Error>() {
            return !cause.is_connect();
        }
        next = cause.source();
    }
    true
}

/// An error and its causes in one line, each once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}
