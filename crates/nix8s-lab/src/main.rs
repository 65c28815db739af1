//! `nix8s-lab HOST…`: a lab for trying things by hand, until Ctrl-C. `make lab` runs it.

use std::io::BufRead;
use std::process::ExitCode;

use nix8s_lab::Host;
use nix8s_lab::Kubernetes;
use nix8s_lab::Lab;
use nix8s_lab::LabError;

/// What can be done to a host: what it is called here, how it is done, and what it is.
type Fault = (&'static str, fn(&Host<'_>), &'static str);

/// Every one.
const FAULTS: &[Fault] = &[
    ("cut", |host| host.cut(), "pull the network cable"),
    ("mend", |host| host.mend(), "put it back"),
    ("freeze", |host| host.freeze(), "everything on it stands still"),
    ("thaw", |host| host.thaw(), "and goes on"),
    ("reboot", |host| host.reboot(), "as its operator would"),
    ("crash", |host| host.crash(), "the power goes, and comes back"),
    ("lie", |host| host.lie(), "show another host key"),
    ("be-honest", |host| host.be_honest(), "show its own again"),
    ("fill-disk", |host| host.fill_disk(), "leave no room on its disk"),
    ("free-disk", |host| host.free_disk(), "make room again"),
];

/// How it is called.
const USAGE: &str = "\
Usage: nix8s-lab [--kubernetes] HOST...   hosts to try things on, until Ctrl-C
       nix8s-lab --make                   only make what a lab needs, and keep it for later

  --kubernetes   a control plane as well; names that begin with cp are servers
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["--make"] => nix8s_lab::make(),
        ["--help"] | [] => {
            print!("{USAGE}");
            Ok(())
        }
        ["--kubernetes", names @ ..] => keep(names, true),
        names => keep(names, false),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {}", why.chain());
            ExitCode::from(if matches!(why, LabError::Missing(_)) { 5 } else { 1 })
        }
    }
}

/// Has a lab until this program is ended.
fn keep(names: &[&str], with_kubernetes: bool) -> Result<(), LabError> {
    let lab = Lab::start(names)?;
    lab.cluster(&[]);
    let kubernetes = if with_kubernetes { Some(lab.kubernetes()?) } else { None };
    print!("{}", welcome(&lab, kubernetes.as_ref()));
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Err(why) = obey(&lab, &words) {
            eprintln!("error: {why}");
        }
    }
    // Nobody types; Ctrl-C ends this program, and the lab with it.
    loop {
        std::thread::park();
    }
}

/// What there is, and what to try.
fn welcome(lab: &Lab, kubernetes: Option<&Kubernetes<'_>>) -> String {
    let (init, home) = (lab.init(), lab.home().display());
    let mut text = format!("The lab is up, as process {init}, with its files in {home}.\n\n");
    let mut say = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    for host in lab.hosts() {
        say(format!("  {:<10} {:<12} {}", host.name(), host.address(), host.public_key()));
    }
    if let Some(kubernetes) = kubernetes {
        say(format!("  {:<10} {:<12} https://{}:6443", "API", kubernetes.address(), kubernetes.address()));
    }
    let shell = lab.operator(&std::process::Command::new("bash"));
    let words = std::iter::once(shell.get_program()).chain(shell.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    say(format!("\nIn another terminal, the operator's shell:\n\n  {}\n", words.join(" ")));
    say("There:\n".to_owned());
    let first = lab.hosts().next();
    let first = first.as_ref().map_or("HOST", Host::name);
    say(format!("  ssh {first}"));
    if let Some(kubernetes) = kubernetes {
        say("  cd flake; nix8s secrets generate; nix8s plan; nix8s apply".to_owned());
        say("  (cd /var/lib/kubernetes; curl --silent --cacert ca.crt --cert admin.crt --key admin.key \\"
            .to_owned());
        let address = kubernetes.address();
        say(format!("    https://{address}:6443/api/v1/nodes | jq -r '.items[].metadata.name')"));
    }
    say("\nHere, for example `cut w1`:\n".to_owned());
    for (name, _, about) in FAULTS {
        say(format!("  {name:<10} HOST   {about}"));
    }
    say("  run        HOST COMMAND [ARGUMENT]...   run a command on it, not over the network".to_owned());
    say("\nCtrl-C ends the lab and leaves nothing behind.".to_owned());
    text
}

/// Does what was typed.
fn obey(lab: &Lab, words: &[&str]) -> Result<(), String> {
    let host = |name: &str| {
        lab.hosts().find(|host| host.name() == name).ok_or_else(|| format!("there is no host {name}"))
    };
    match words {
        [] => Ok(()),
        ["run", name, argv @ ..] if !argv.is_empty() => {
            let ran = host(name)?.run(argv);
            print!("{}{}", ran.stdout, ran.stderr);
            println!("exit {}", ran.code);
            Ok(())
        }
        [fault, name] => {
            let fault = FAULTS.iter().find(|(known, ..)| known == fault);
            let (verb, act, _) = fault.ok_or_else(|| "that is not one of the words above".to_owned())?;
            act(&host(name)?);
            println!("{name}: {verb}: done");
            Ok(())
        }
        [..] => Err("that is not one of the words above".to_owned()),
    }
}
