//! `nix8s doctor --knock`: looks names up and tries ports, for nix8s itself.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::io::IsTerminal;
use std::io::Read;
use std::net::IpAddr;
use std::time::Duration;

use nix8s_core::tool::knock::Door;
use nix8s_core::tool::knock::Knocked;
use nix8s_core::tool::knock::Knocks;
use tokio::net::TcpStream;
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::commands::Cx;
use crate::error::CliError;
use crate::error::Exit;

/// How long a name or a port may take: SSH and the API server are waited for as long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tries them, and prints what came of it.
pub fn run(cx: &Cx<'_>) -> Result<Exit, CliError> {
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(CliError::new(Exit::Usage, "`doctor --knock` is for nix8s itself and reads stdin"));
    }
    let mut text = String::new();
    let read = stdin.read_to_string(&mut text);
    read.map_err(|error| CliError::new(Exit::Failed, "could not read stdin").because(error))?;
    let knocks: Knocks = serde_json::from_str(&text)
        .map_err(|error| CliError::new(Exit::Usage, "stdin is no list of names and ports").because(error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| CliError::new(Exit::Failed, "could not start the runtime").because(error))?;
    let knocked = runtime.block_on(knock(knocks));
    // A resolver that still waits for an answer is not waited for.
    runtime.shutdown_background();
    cx.out.json_line(&knocked);
    Ok(Exit::Done)
}

async fn knock(knocks: Knocks) -> Knocked {
    let (mut names, mut ports) = (JoinSet::new(), JoinSet::new());
    for name in knocks.names {
        names.spawn(async move { (name.clone(), addresses(&name).await) });
    }
    for port in knocks.ports {
        ports.spawn(async move { (port.clone(), door(&port).await) });
    }
    let names = names.join_all().await.into_iter().collect::<BTreeMap<_, _>>();
    Knocked { names, ports: ports.join_all().await.into_iter().collect() }
}

async fn addresses(name: &str) -> BTreeSet<IpAddr> {
    match timeout(PATIENCE, lookup_host((name, 0))).await {
        Ok(Ok(all)) => all.map(|address| address.ip()).collect(),
        Ok(Err(_)) | Err(_) => BTreeSet::new(),
    }
}

async fn door(place: &str) -> Door {
    match timeout(PATIENCE, TcpStream::connect(place)).await {
        Ok(Ok(_)) => Door::Open,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Door::Refused,
        Ok(Err(_)) | Err(_) => Door::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_door_is_open_where_somebody_listens() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let knocks = || Knocks {
            names: ["localhost".to_owned(), "name.invalid".to_owned()].into(),
            ports: [place.clone()].into(),
        };
        let knocked = knock(knocks()).await;
        assert_eq!(knocked.ports[&place], Door::Open);
        assert!(knocked.names["localhost"].iter().all(IpAddr::is_loopback), "{knocked:?}");
        assert!(!knocked.names["localhost"].is_empty());
        assert!(knocked.names["name.invalid"].is_empty());
        drop(listener);
        assert_eq!(knock(knocks()).await.ports[&place], Door::Refused);
    }
}
