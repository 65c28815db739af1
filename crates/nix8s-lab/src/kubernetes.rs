//! The cluster's API: a real API server, etcd, controllers and scheduler, in a network of their own.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use crate::base;
use crate::error::LabError;
use crate::lab::Lab;
use crate::missing;
use crate::operator;

/// What a control plane is made of, besides etcd.
const PROGRAMS: [&str; 3] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// Programs that building one needs, and the Debian packages that have them.
const NEEDED: &[(&str, &str)] = &[("go", "golang-go"), ("make", "make"), ("rsync", "rsync")];

/// The control plane's number in the network.
const API: usize = 5;

/// A control plane of a lab, which hosts with the toy's k3s join.
#[derive(Debug)]
pub struct Kubernetes<'lab> {
    lab: &'lab Lab,
    /// Ends with the lab at the latest.
    running: Child,
    address: String,
}

impl Lab {
    /// Starts a control plane and waits until it answers.
    ///
    /// # Errors
    /// [`LabError::Missing`] where there is none and none can be built.
    pub fn kubernetes(&self) -> Result<Kubernetes<'_>, LabError> {
        let programs = programs()?;
        let address = self.plug("api", API)?;
        let home = self.home().to_string_lossy().into_owned();
        let script = "mkdir -p /run/lab/operator/root/opt/kubernetes
            mount --bind \"$1\" /run/lab/operator/root/opt/kubernetes";
        self.space().script("show the control plane", script, &[&programs.to_string_lossy()])?;

        let hosts: String = self.hosts().map(|host| format!(",IP:{}", host.address())).collect();
        let mut prepare = Command::new("sh");
        prepare.args(["-c", include_str!("script/api.sh"), "api", &home, &address, &hosts]);
        base::made("make the control plane's certificates", self.operator(&prepare))?;
        for host in self.hosts() {
            let script =
                "cp -r /run/lab/operator/root/var/lib/kubernetes/host/. \"/run/lab/$1/root/etc/lab/\"";
            self.space().script("tell a host of the control plane", script, &[host.name()])?;
        }

        let mut command = Command::new("bash");
        command.args(["-c", include_str!("script/control-plane.sh"), "control-plane", &home, &address]);
        let mut command = operator::enter(self.space(), "api", self.home(), &command);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = command.spawn();
        let mut running =
            started.map_err(|cause| LabError::Program { program: "nsenter".to_owned(), cause })?;
        let mut line = String::new();
        let read = BufReader::new(running.stdout.take().expect("it is piped")).read_line(&mut line);
        if read.is_ok() && line == "ready\n" {
            return Ok(Kubernetes { lab: self, running, address });
        }
        let mut said = String::new();
        let _ = running.stderr.take().expect("it is piped").read_to_string(&mut said);
        let _ = running.wait();
        Err(LabError::Failed { what: "start the control plane".to_owned(), said })
    }

    /// Like [`Lab::kubernetes`], for a test: where there can be none it says so.
    ///
    /// # Panics
    /// When there could be one and it did not start.
    pub fn kubernetes_or_skip(&self) -> Option<Kubernetes<'_>> {
        match self.kubernetes() {
            Ok(kubernetes) => Some(kubernetes),
            Err(LabError::Missing(missing)) => {
                println!("SKIPPED: {missing}");
                None
            }
            Err(why) => panic!("{}", why.chain()),
        }
    }
}

impl Kubernetes<'_> {
    /// The address that it answers at, on port 6443.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// An administrator's kubeconfig, in the operator's home.
    pub fn kubeconfig(&self) -> PathBuf {
        self.lab.home().join("kubeconfig")
    }

    /// Asks the API server with an administrator's rights, and returns what it answers, or why not.
    ///
    /// # Errors
    /// What curl said, and the answer.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Result<String, String> {
        const CURL: &str = r#"cd /var/lib/kubernetes; exec curl --silent --show-error --fail-with-body --max-time 20 \
            --cacert ca.crt --cert admin.crt --key admin.key --header "Content-Type: $4" \
            --request "$1" --data-binary "$3" "https://$5:6443$2""#;
        let kind =
            if method == "PATCH" { "application/strategic-merge-patch+json" } else { "application/json" };
        let mut command = Command::new("sh");
        command.args(["-c", CURL, "curl", method, path, body, kind, &self.address]);
        let output = self.lab.operator(&command).output().map_err(|why| why.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr) + &text(&output.stdout))
        }
    }

    /// Waits until what the API server answers is as a jq filter says.
    ///
    /// # Panics
    /// When it is not after three minutes.
    #[track_caller]
    pub fn wait_until(&self, path: &str, filter: &str) {
        const WAIT: &str = r#"cd /var/lib/kubernetes
            until answer=$(curl --silent --show-error --max-time 5 --cacert ca.crt --cert admin.crt --key admin.key \
                "https://$3:6443$1" 2>&1) && echo "$answer" | jq --exit-status "$2" > /dev/null 2>&1; do
              echo "$answer" > "$4"
              sleep 0.1
            done"#;
        let last = self.lab.home().join("answer");
        let mut command = Command::new("timeout");
        command.args(["180", "sh", "-c", WAIT, "wait", path, filter, &self.address]).arg(&last);
        let ended = self.lab.operator(&command).status();
        if !ended.is_ok_and(|status| status.success()) {
            let last = fs::read_to_string(&last).unwrap_or_default();
            panic!("{path} is not {filter}: {last}\n{}", self.logs());
        }
    }

    /// The end of what each part of it wrote down.
    fn logs(&self) -> String {
        let mut command = Command::new("sh");
        command.args(["-c", "tail --lines=8 /var/lib/kubernetes/*.log"]);
        let output = self.lab.operator(&command).output();
        output
            .map_or_else(|why| why.to_string(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Takes it off the network.
    ///
    /// # Panics
    /// When that fails.
    pub fn cut(&self) {
        self.link("down");
    }

    /// Puts it back.
    ///
    /// # Panics
    /// When that fails.
    pub fn mend(&self) {
        self.link("up");
    }

    fn link(&self, state: &str) {
        let script = "ip link set \"$1\" \"$2\"";
        let link = format!("host{API}");
        if let Err(why) =
            self.lab.space().script("change the control plane's network", script, &[&link, state])
        {
            panic!("{}", why.chain());
        }
    }
}

impl Drop for Kubernetes<'_> {
    fn drop(&mut self) {
        let _ = self.running.kill();
        let _ = self.running.wait();
    }
}

/// The folder with the programs: `$KUBEBUILDER_ASSETS`, or the cache, which they are built for once.
pub fn programs() -> Result<PathBuf, LabError> {
    if let Some(assets) = std::env::var_os("KUBEBUILDER_ASSETS").filter(|assets| !assets.is_empty()) {
        let assets = PathBuf::from(assets);
        return match PROGRAMS.iter().find(|program| !assets.join(program).exists()) {
            None => Ok(assets),
            Some(program) => {
                Err(LabError::Missing(format!("$KUBEBUILDER_ASSETS, {}, has no {program}", assets.display())))
            }
        };
    }
    built()
}

/// Builds the programs, unless that was done before.
fn built() -> Result<PathBuf, LabError> {
    const SCRIPT: &str = include_str!("script/kubernetes.sh");
    base::kept("kubernetes", &[SCRIPT], |target: &Path| {
        if let Some((program, package)) = NEEDED.iter().find(|(program, _)| !missing::is_there(program)) {
            return Err(LabError::Missing(format!("there is no {program} (Debian: {package})")));
        }
        eprintln!("Building a control plane in {}: some minutes, once.", target.display());
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "kubernetes"]).arg(target);
        base::made("build Kubernetes", command)
    })
}
