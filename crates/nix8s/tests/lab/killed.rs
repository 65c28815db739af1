//! nix8s killed at any moment of any run: whoever starts it again finds nothing that stays behind.

use std::fs;
use std::fs::File;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use nix8s_lab::Kubernetes;
use nix8s_lab::Lab;

/// How often it is killed, unless `$NIX8S_KILLS` says otherwise: each run of [`ROUND`] once.
const KILLS: usize = 20;

/// What goes on when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Run {
    /// Workers get another release as they run.
    InPlace,
    /// A worker gets another kernel: it is drained and boots.
    Boots,
    /// A worker leaves.
    Leaves,
    /// It comes back.
    Returns,
    /// A worker leaves, is erased and installed.
    Reinstalled,
    /// A control plane gets another kernel.
    ServerBoots,
    /// A control plane leaves, and etcd first.
    ServerLeaves,
    /// It comes back.
    ServerReturns,
    /// A control plane leaves, and when nix8s has been killed its user thinks better of it.
    ServerStays,
}

/// Everything that is tried, in an order in which each can be.
const ROUND: [Run; KILLS] = [
    Run::InPlace,
    Run::Boots,
    Run::ServerStays,
    Run::Leaves,
    Run::Returns,
    Run::InPlace,
    Run::ServerBoots,
    Run::Reinstalled,
    Run::InPlace,
    Run::ServerLeaves,
    Run::ServerReturns,
    Run::Boots,
    Run::InPlace,
    Run::Leaves,
    Run::Returns,
    Run::InPlace,
    Run::Boots,
    Run::Reinstalled,
    Run::ServerStays,
    Run::InPlace,
];

impl Run {
    /// How long it takes when nobody kills it, on two cores. What is measured corrects it.
    fn takes(self) -> Duration {
        Duration::from_secs(match self {
            Self::InPlace => 5,
            Self::Boots | Self::Leaves | Self::Returns => 8,
            Self::ServerBoots | Self::ServerLeaves | Self::ServerStays | Self::ServerReturns => 10,
            Self::Reinstalled => 15,
        })
    }
}

fn command(lab: &Lab, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nix8s"));
    command.args(args).current_dir(lab.home().join("flake"));
    lab.operator(&command)
}

/// Runs it to its end, which must be a good one.
#[track_caller]
fn well(lab: &Lab, args: &[&str], told: &str) -> String {
    let output = command(lab, args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}\n{args:?}: {all}");
    all
}

/// A number that looks like chance and is the same in every run.
fn random(of: u64) -> u64 {
    // The finaliser of SplitMix64: neighbours come out far apart.
    let x = (of + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 31)
}

/// Prints what an earlier nix8s left with its operator: processes, files of programs that run, torn files. Connections that
/// are shared are meant to stay for a minute, one to each machine.
const LEFT_HERE: &str = r#"
left() {
  net=$(readlink /proc/self/ns/net)
  for process in /proc/[0-9]*; do
    [ "${process#/proc/}" != $$ ] && [ "$(readlink "$process/ns/net")" = "$net" ] && [ "$(readlink "$process/root")" = / ] || continue
    line=$(tr '\0' ' ' < "$process/cmdline") || continue
    case $line in '' | "ssh: /tmp/nix8s-0/"*"[mux]"*) ;; *) [ "$(cut -d ' ' -f 4 "$process/stat")" = $$ ] || echo "$line" ;; esac
  done
  masters=$(pgrep -fc '^ssh: /tmp/nix8s-0/.*\[mux\]')
  [ "$masters" -le "$1" ] || echo "$masters shared connections"
  find /tmp /run -mindepth 1 -not -path '/tmp/nix8s-0*' -not -path '/tmp/nix8s-lab-*' -not -path /run/lock
  find ~/.local/state/nix8s -name '.*' -o -path '*/running/*'
}
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
  found=$(left "$1" 2> /dev/null)
  [ -n "$found" ] || exit 0
  sleep 1
done
echo "$found"
"#;

/// Prints what it left on a machine.
const LEFT_THERE: &str = r#"
systemctl list-timers --all --no-legend 'nix8s-*'
systemctl list-units --no-legend 'nix8s-activate*' 'nix8s-roll-back*'
for path in /var/lib/nix8s/switch/armed.json /run/systemd/system/k3s.service.d/nix8s-leaves.conf; do [ ! -e $path ] || echo $path; done
find /var/lib/nix8s /nix/var/nix/gcroots/nix8s /etc/ssh -name '.*' 2> /dev/null || true
find /run -maxdepth 1 -name 'nix8s*'
pgrep -fa '[o]n-node' || true
"#;

/// A switch that nobody confirms any more is undone two minutes later: by what its timer runs, which need not be waited for
/// each time. A host that boots is waited for.
const PASS_TIME: &str = r#"
until [ "$(systemctl is-system-running)" != starting ]; do sleep 0.1; done
nonce=$(jq -er .nonce /var/lib/nix8s/switch/armed.json) && "$(ls -t /var/lib/nix8s/bin/nix8s-* | head -n 1)" on-node roll-back "$nonce"
"#;

/// The hosts, what is wanted of them, and how it went so far.
struct Story<'lab> {
    lab: &'lab Lab,
    kubernetes: Kubernetes<'lab>,
    seed: u64,
    kills: usize,
    /// How long each run takes, as far as that is known, and how often it was killed.
    takes: std::collections::BTreeMap<Run, (Duration, u32)>,
    /// What the systems of workers and control planes are, by kernel and release.
    wanted: [(String, String); 5],
    told: String,
}

const HOSTS: [&str; 5] = ["cp1", "cp2", "cp3", "w1", "w2"];

impl Story<'_> {
    fn say(&mut self, what: &str) {
        eprintln!("{what}");
        self.told.push_str(what);
        self.told.push('\n');
    }

    /// Changes what is wanted, runs nix8s, kills it, and runs it again.
    fn go(&mut self, run: Run) {
        self.kills += 1;
        let (number, chance) = (self.kills, random(self.seed ^ self.kills as u64));
        let node = |verb: &str, host: &str| {
            well(self.lab, &["node", verb, host], &self.told);
        };
        let worker = if chance.is_multiple_of(2) { 3 } else { 4 };
        let mut away = None;
        match run {
            Run::InPlace => {
                for at in [3, 4] {
                    self.wanted[at].1 = format!("26.{number}");
                }
            }
            Run::Boots => self.wanted[worker].0 = format!("6.{number}"),
            Run::ServerBoots => self.wanted[1].0 = format!("6.{number}"),
            Run::Reinstalled => node("reinstall", HOSTS[worker]),
            Run::Leaves => {
                node("delete", "w2");
                away = Some("w2");
            }
            Run::Returns => node("undelete", "w2"),
            Run::ServerLeaves => {
                node("delete", "cp3");
                away = Some("cp3");
            }
            Run::ServerStays => node("delete", "cp3"),
            Run::ServerReturns => node("undelete", "cp3"),
        }
        self.write();
        let (takes, times) = *self.takes.entry(run).or_insert((run.takes(), 0));
        // Moments of one run are spread over its length, each far from those before: multiples of the golden ratio.
        let begin = random(self.seed.rotate_left(32) ^ run as u64) as f64 / u64::MAX as f64;
        let part = (begin + f64::from(times) * 0.618_034).fract();
        let log = File::create(self.lab.home().join("killed.log")).unwrap();
        let mut apply = command(self.lab, &["apply", "--yes"]);
        let begun = Instant::now();
        let mut apply = apply.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        // The moment to be tried, not time for anything.
        std::thread::sleep(takes.mul_f64(part));
        let ended = apply.try_wait().unwrap();
        apply.kill().unwrap();
        apply.wait().unwrap();
        let killed = begun.elapsed();
        let how = ended.map_or(String::new(), |status| format!(", when it had ended ({status})"));
        self.say(&format!("{number}: {run:?}, killed after {} ms{how}", killed.as_millis()));

        if run == Run::ServerStays {
            well(self.lab, &["node", "undelete", "cp3"], &self.told);
        }
        for host in self.lab.hosts() {
            if host.run(&["sh", "-c", PASS_TIME]).code == 0 {
                self.say(&format!("   {} goes back by itself", host.name()));
            }
        }
        let again = Instant::now();
        let log = fs::read_to_string(self.lab.home().join("killed.log")).unwrap();
        let told = format!("{}\n--- killed:\n{log}", self.told);
        let said = well(self.lab, &["apply", "--yes"], &told);
        let took = again.elapsed();
        self.is_whole(away, &format!("{told}\n--- then:\n{said}"));
        self.say(&format!(
            "   well after {} ms, looked at for {} ms",
            took.as_millis(),
            (again.elapsed() - took).as_millis()
        ));
        let takes = if ended.is_some() { takes.mul_f64(0.8) } else { (takes * 3 + killed + took) / 4 };
        self.takes.insert(run, (takes, times + 1));
    }

    /// Writes down what is wanted.
    fn write(&self) {
        let settings: Vec<String> = self
            .wanted
            .iter()
            .map(|(kernel, release)| format!(r#""kernel": "{kernel}", "release": "{release}""#))
            .collect();
        let settings: Vec<(&str, &str)> =
            HOSTS.into_iter().zip(settings.iter().map(String::as_str)).collect();
        self.lab.cluster(&settings);
    }

    /// The cluster is as wanted, and nobody is in the middle of anything.
    #[track_caller]
    fn is_whole(&self, away: Option<&str>, told: &str) {
        let there: Vec<String> =
            HOSTS.iter().filter(|host| Some(**host) != away).map(|host| format!("\"prod-{host}\"")).collect();
        self.kubernetes.wait_until(
            "/api/v1/nodes",
            &format!(
                r#"[.items[] | select((.spec.unschedulable | not) and ((.metadata.annotations // {{}}) | keys | all(startswith("nix8s.io/cordon") | not)))
                | select(.status.conditions[] | .type == "Ready" and .status == "True") | .metadata.name] == [{}]"#,
                there.join(", ")
            ),
        );
        for (host, (kernel, release)) in self.lab.hosts().zip(&self.wanted) {
            assert_eq!(host.sh(LEFT_THERE), "", "{}: {told}", host.name());
            if Some(host.name()) != away {
                let runs = host.sh("cat /run/current-system/kernel /run/current-system/nixos-version");
                assert_eq!(runs, format!("{kernel}\n{release}"), "{}: {told}", host.name());
            }
        }
        let mut left = Command::new("sh");
        let left = self.lab.operator(left.args(["-c", LEFT_HERE, "left", "5"])).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&left.stdout), "", "{told}");
        let plan = well(self.lab, &["plan"], told);
        assert!(plan.contains("nothing to do"), "{told}\n{plan}");
    }
}

#[test]
fn a_run_that_is_killed_leaves_no_cordon_timer_lock_process_or_file() {
    let Some(lab) = Lab::start_or_skip(&HOSTS) else { return };
    let Some(kubernetes) = lab.kubernetes_or_skip() else { return };
    let set = |name: &str| std::env::var(name).ok().map(|value| value.parse().unwrap());
    let kills = set("NIX8S_KILLS").unwrap_or(KILLS);
    let seed = set("NIX8S_KILLS_SEED").unwrap_or(0);
    let wanted = HOSTS.map(|_| ("6.0".to_owned(), "26.0".to_owned()));
    let takes = std::collections::BTreeMap::new();
    let mut story =
        Story { lab: &lab, kubernetes, seed: seed as u64, kills: 0, takes, wanted, told: String::new() };
    story.say(&format!("NIX8S_KILLS={kills} NIX8S_KILLS_SEED={seed}"));
    story.write();
    let configuration = lab.home().join("flake/nix8s.yaml");
    let text = fs::read_to_string(&configuration).unwrap();
    let text = text.replace("gates: { soak: 2s }", "gates: { soak: 0s }") + "policy: { remove: true }\n";
    fs::write(configuration, text).unwrap();
    well(&lab, &["init", "../other"], "");
    well(&lab, &["secrets", "generate"], "");
    let begun = Instant::now();
    well(&lab, &["apply", "--yes"], "");
    story.say(&format!("the cluster is there after {} ms", begun.elapsed().as_millis()));
    // What a drain has to move.
    let web = r#"{ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" }, "spec": { "replicas": 3,
        "selector": { "matchLabels": { "app": "web" } }, "template": { "metadata": { "labels": { "app": "web" } }, "spec": {
          "terminationGracePeriodSeconds": 1, "containers": [{ "name": "web", "image": "web" }] } } } }"#;
    story.kubernetes.ask("POST", "/apis/apps/v1/namespaces/default/deployments", web).unwrap();
    let begun = Instant::now();
    for run in ROUND.into_iter().cycle().take(kills) {
        story.go(run);
    }

    println!("{}{kills} kills in {} s", story.told, begun.elapsed().as_secs());
}
