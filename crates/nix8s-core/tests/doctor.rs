//! What `doctor` makes of facts: a world that is well, and each thing that can be in the way.

#![expect(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

use std::collections::BTreeMap;
use std::sync::Arc;

use insta::assert_snapshot;
use jiff::Timestamp;
use nix8s_core::doctor::*;
use nix8s_core::input;
use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::model::Cluster;
use nix8s_core::model::MachineName;
use nix8s_core::observed::*;
use nix8s_core::past::Past;
use nix8s_core::secret::wanted;
use nix8s_core::tool::knock::Door;
use nix8s_core::tool::knock::Knocked;
use nix8s_core::tool::version::Number;

const YAML: &str = "\
nodes: { metal: { install: { disk: /dev/sda } } }
provisioning: { nixos-anywhere: {} }
clusters:
  prod:
    version: '1.34'
    ha: { vip: 10.0.0.10 }
    members:
      cp1: { node: metal, role: control-plane, ip: 10.0.0.11 }
      w1: { node: metal, role: worker, ip: 10.0.0.21, ssh: { host: w1.lan } }
";

fn at() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn name(text: &str) -> MachineName {
    text.parse().unwrap()
}

fn cluster(yaml: &str) -> Arc<Cluster> {
    let (name, bytes) = ("nix8s.yaml".to_owned(), yaml.as_bytes().to_vec());
    let loaded = input::load(&[Source { name, at: At::Document, bytes }]);
    loaded.fleet.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)).clusters.into_values().next().unwrap()
}

fn space(path: &str, free: u64) -> Space {
    Space { path: path.to_owned(), free, size: 100 << 30 }
}

fn looked(reach: Reach) -> Looked {
    let probe = (reach == Reach::Answered).then(|| {
        let hardware = Hardware { uuid: "u".to_owned(), macs: Vec::new(), disks: Vec::new() };
        let mut probe = Probe::bare(Os::NixOs { release: "26.05".to_owned() }, hardware);
        probe.clock = Some(at().as_second());
        probe.space = ["/nix", "/boot", "/tmp", "/var/lib"].map(|path| space(path, 40 << 30)).to_vec();
        probe.kubelet = true;
        probe
    });
    Looked { seen: MachineSeen { reach, probe }, why: None, between: (at(), at()) }
}

/// A cluster that runs, and all is well.
fn well(cluster: &Cluster) -> Facts {
    let number = |parts: &[u32]| ProgramSeen::There(Some(Number(parts.to_vec())));
    let knocks = knocks(cluster);
    Facts {
        at: at(),
        programs: needed(cluster, true)
            .into_iter()
            .map(|program| match program {
                Program::NixosAnywhere => (program, ProgramSeen::There(None)),
                _ => (program, number(&[9, 2])),
            })
            .collect(),
        fits_machines: true,
        state: StateSeen {
            path: "/state/prod".to_owned(),
            unwritable: None,
            unreadable: None,
            held_by: None,
        },
        space: vec![space("/nix", 40 << 30)],
        secrets: Ok(wanted(cluster)),
        machines: cluster.machines.keys().map(|name| (name.clone(), looked(Reach::Answered))).collect(),
        knocked: Ok(Knocked {
            names: knocks.names.iter().map(|n| (n.clone(), ["10.0.0.21".parse().unwrap()].into())).collect(),
            ports: knocks.ports.iter().map(|place| (place.clone(), Door::Open)).collect(),
        }),
        kubeconfig: Ok(KubeconfigSeen::Works),
        certificate: Some("2026-12-31T00:00:00Z".parse().unwrap()),
        past: Past { initialized: Some(at()), ..Past::default() },
    }
}

fn told(findings: &[Finding]) -> String {
    let line = |f: &Finding| {
        let machine = f.machine.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        let advice = f.advice.as_ref().map(|advice| format!("\n    {advice}")).unwrap_or_default();
        format!("{}{machine} {}: {}{advice}", f.check.as_str(), f.verdict.as_str(), f.text)
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What is found besides what is well.
fn wrong(change: impl FnOnce(&mut Facts)) -> String {
    let cluster = cluster(YAML);
    let mut facts = well(&cluster);
    change(&mut facts);
    let findings: Vec<Finding> =
        examine(&cluster, &facts).into_iter().filter(|finding| finding.verdict != Verdict::Ok).collect();
    assert!(findings.iter().all(|finding| finding.advice.is_some()), "each says what to do about it");
    told(&findings)
}

#[test]
fn all_is_well() {
    let cluster = cluster(YAML);
    let findings = examine(&cluster, &well(&cluster));
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ok && finding.advice.is_none()));
    assert_snapshot!(told(&findings));
}

#[test]
fn programs() {
    let said = |program, seen| wrong(|facts| drop(facts.programs.insert(program, seen)));
    let number = |parts: &[u32]| ProgramSeen::There(Some(Number(parts.to_vec())));
    assert_snapshot!(
        [
            said(Program::Nix, ProgramSeen::Missing),
            said(Program::Nix, number(&[2, 9, 1])),
            said(Program::Nix, ProgramSeen::There(None)),
            said(Program::Ssh, number(&[7, 5])),
            said(Program::Git, ProgramSeen::Failed("it is broken".to_owned())),
            said(Program::NixosAnywhere, ProgramSeen::Missing),
            said(Program::Sops, number(&[3, 8])),
            said(Program::Bash, ProgramSeen::Missing),
        ]
        .join("\n")
    );
    assert_eq!(said(Program::Nix, number(&[2, 18])), "");
}

#[test]
fn only_programs_that_this_configuration_uses_are_needed() {
    let names = |yaml: &str, in_git| -> Vec<&str> {
        needed(&cluster(yaml), in_git).into_iter().map(Program::name).collect()
    };
    assert_eq!(names(YAML, false), ["nix", "ssh", "nixos-anywhere"]);
    assert_eq!(names(YAML, true), ["nix", "git", "ssh", "nixos-anywhere"]);
    let sops = YAML.replace("    version", "    secrets: { provider: sops }\n    version");
    assert_eq!(names(&sops, false), ["nix", "ssh", "nixos-anywhere", "sops"]);
    let manual = YAML
        .replace("nixos-anywhere: {}", "manual: {}")
        .replace("    version", "    provisioner: manual\n    version");
    assert_eq!(names(&manual, false), ["nix", "ssh"]);
    let alone = YAML.replace("{ node: metal,", "{ skip: true, node: metal,");
    assert_eq!(names(&alone, true), Vec::<&str>::new());
}

#[test]
fn machines_that_do_not_answer() {
    let said = |reach| wrong(|facts| drop(facts.machines.insert(name("prod-w1"), looked(reach))));
    let fingerprint = || "SHA256:abc".to_owned();
    assert_snapshot!(
        [
            said(Reach::Refused),
            said(Reach::TimedOut),
            said(Reach::WrongKey { fingerprint: fingerprint() }),
            said(Reach::UnknownKey { fingerprint: fingerprint() }),
            said(Reach::Denied { said: "Permission denied (publickey).".to_owned() }),
            said(Reach::Denied { said: "sudo: a password is required".to_owned() }),
            said(Reach::Unknown),
        ]
        .join("\n")
    );
    // It has left the configuration, and nobody knows whether it is gone.
    assert_snapshot!(wrong(|facts| drop(facts.machines.insert(name("prod-w9"), looked(Reach::TimedOut)))));
}

#[test]
fn clocks() {
    let said = |asked: i64, answered: i64, shown: i64| {
        wrong(|facts| {
            let machine = facts.machines.get_mut(&name("prod-w1")).unwrap();
            let moment = |seconds| Timestamp::from_second(at().as_second() + seconds).unwrap();
            machine.between = (moment(asked), moment(answered));
            machine.seen.probe.as_mut().unwrap().clock = Some(at().as_second() + shown);
        })
    };
    // It was asked at some moment between the two: nothing is said that this could explain.
    for (asked, answered, shown) in [(0, 0, 0), (0, 20, 20), (0, 20, 0), (0, 0, 1), (0, 20, -1), (0, 20, 21)]
    {
        assert_eq!(said(asked, answered, shown), "", "{asked} {answered} {shown}");
    }
    assert_snapshot!([said(0, 2, 7), said(0, 2, -59), said(0, 2, 62), said(0, 0, -3600)].join("\n"));
}

#[test]
fn room() {
    let on_machine = |path: &str, free: u64| {
        wrong(|facts| {
            let machine = facts.machines.get_mut(&name("prod-w1")).unwrap();
            let all = &mut machine.seen.probe.as_mut().unwrap().space;
            *all.iter_mut().find(|space| space.path == path).unwrap() = space(path, free);
        })
    };
    let here = |path: &str, free| wrong(|facts| facts.space = vec![space(path, free)]);
    assert_snapshot!(
        [
            on_machine("/nix", 5 << 29),
            on_machine("/nix", 1000),
            on_machine("/boot", 65 << 20),
            on_machine("/boot", 63 << 20),
            on_machine("/tmp", 0),
            on_machine("/var/lib", 1 << 30),
            here("/nix", 9 << 30),
            here("/nix", 0),
            here("/state", 100 << 20),
            here("/state", 4096),
        ]
        .join("\n")
    );
    // An installer is in memory, and a foreign system is erased.
    let installer = wrong(|facts| {
        let machine = facts.machines.get_mut(&name("prod-w1")).unwrap();
        let probe = machine.seen.probe.as_mut().unwrap();
        (probe.os, probe.space) = (Os::Installer, vec![space("/nix", 0)]);
    });
    assert_eq!(installer, "");
}

#[test]
fn a_program_that_nixos_cannot_start() {
    assert_snapshot!(wrong(|facts| facts.fits_machines = false));
}

#[test]
fn this_computer() {
    let state = |change: fn(&mut StateSeen)| wrong(|facts| change(&mut facts.state));
    assert_snapshot!(
        [
            state(|state| state.unwritable = Some("Read-only file system".to_owned())),
            state(|state| state.unreadable = Some("line 7 is no event".to_owned())),
        ]
        .join("\n")
    );
    assert_eq!(state(|state| state.held_by = Some("another nix8s works on this cluster".to_owned())), "");
}

#[test]
fn secrets() {
    let without = |secrets: &[Secret], begun: bool, yaml: &str| {
        let cluster = cluster(yaml);
        let mut facts = well(&cluster);
        let Ok(there) = &mut facts.secrets else { panic!() };
        there.retain(|secret| !secrets.contains(secret));
        facts.past.initialized = facts.past.initialized.filter(|_| begun);
        let findings = examine(&cluster, &facts);
        told(&findings.into_iter().filter(|f| f.check == Check::Secrets).collect::<Vec<_>>())
    };
    let env = YAML.replace("    version", "    secrets: { provider: env }\n    version");
    let key = Secret::HostKey(name("prod-w1"));
    assert_snapshot!(
        [
            without(&[], true, YAML),
            without(&[Secret::Token], false, YAML),
            without(&[Secret::Token], true, YAML),
            without(&[key], true, YAML),
            without(&[Secret::DeployKey], false, &env),
            without(&wanted(&cluster(YAML)).into_iter().collect::<Vec<_>>(), false, YAML),
            wrong(|facts| facts.secrets =
                Err("could not decrypt secrets/prod.yaml: no identity matches".to_owned())),
        ]
        .join("\n")
    );
}

#[test]
fn the_way_to_the_api_server() {
    let doors = |doors: &[(&str, Door)], change: fn(&mut Facts)| {
        wrong(|facts| {
            let Ok(knocked) = &mut facts.knocked else { panic!() };
            knocked.ports.extend(doors.iter().map(|(place, door)| ((*place).to_owned(), *door)));
            change(facts);
        })
    };
    let (vip, cp1) = ("10.0.0.10:6443", "10.0.0.11:6443");
    let begins = |facts: &mut Facts| {
        facts.past.initialized = None;
        facts.kubeconfig = Ok(KubeconfigSeen::Missing);
    };
    let silent = |facts: &mut Facts| {
        facts.machines.insert(name("prod-cp1"), looked(Reach::TimedOut));
        facts.kubeconfig = Err("the API server does not answer".to_owned());
    };
    assert_snapshot!(
        [
            doors(&[(vip, Door::Silent)], |_| {}),
            doors(&[(cp1, Door::Refused)], |_| {}),
            doors(&[(cp1, Door::Silent), (vip, Door::Silent)], |_| {}),
            doors(&[(vip, Door::Open), (cp1, Door::Refused)], begins),
            doors(&[(vip, Door::Silent), (cp1, Door::Silent)], silent),
            wrong(|facts| facts.knocked = Err("the connection broke".to_owned())),
        ]
        .join("\n\n")
    );
    // It was forgotten here, and a control plane says that it exists.
    let forgotten = |facts: &mut Facts| {
        facts.past.initialized = None;
        let machine = facts.machines.get_mut(&name("prod-cp1")).unwrap();
        machine.seen.probe.as_mut().unwrap().datastore = true;
    };
    assert_eq!(doors(&[], forgotten), "");
    // Nothing has begun, and nobody listens.
    assert_eq!(doors(&[(vip, Door::Silent), (cp1, Door::Refused)], begins), "");
}

#[test]
fn names() {
    let nowhere = |reach: Reach| {
        wrong(|facts| {
            let Ok(knocked) = &mut facts.knocked else { panic!() };
            knocked.names = BTreeMap::from([("w1.lan".to_owned(), Default::default())]);
            facts.machines.insert(name("prod-w1"), looked(reach));
        })
    };
    assert_snapshot!(nowhere(Reach::Unknown));
    assert_eq!(nowhere(Reach::Answered), "", "your own configuration of OpenSSH knows it");
    let jumping = YAML.replace("host: w1.lan", "host: w1.lan, jump: 'me@gate.lan:2222'");
    assert_eq!(
        knocks(&cluster(&jumping)).names,
        ["gate.lan".to_owned()].into(),
        "what is behind it is the gate's to know"
    );
}

#[test]
fn kubeconfigs() {
    let seen = |seen| wrong(|facts| facts.kubeconfig = seen);
    let ends = |date: &str| wrong(|facts| facts.certificate = Some(date.parse().unwrap()));
    assert_snapshot!(
        [
            seen(Ok(KubeconfigSeen::Missing)),
            seen(Ok(KubeconfigSeen::Stale)),
            seen(Err("no answer".to_owned())),
            ends("2026-01-20T00:00:00Z"),
        ]
        .join("\n")
    );
}
