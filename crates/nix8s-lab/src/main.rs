//! `nix8s-lab HOST…`: a lab for trying things by hand, until Ctrl-C. `make lab` runs it.

use std::io::BufRead;
use std::process::ExitCode;

use nix8s_lab::Host;
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

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let lab = match Lab::start(&names) {
        Ok(lab) => lab,
        Err(why) => {
            eprintln!("error: {}", why.chain());
            return ExitCode::from(if matches!(why, LabError::Missing(_)) { 5 } else { 1 });
        }
    };
    print!("{}", welcome(&lab));
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match obey(&lab, &words) {
            Ok(()) => {}
            Err(why) => eprintln!("error: {why}"),
        }
    }
    // Nobody types; Ctrl-C ends this program, and the lab with it.
    loop {
        std::thread::park();
    }
}

/// What to try.
fn welcome(lab: &Lab) -> String {
    let mut text =
        format!("The lab is up, as process {}, with its files in {}.\n\n", lab.init(), lab.home().display());
    for host in lab.hosts() {
        text.push_str(&format!("  {:<10} {:<12} {}\n", host.name(), host.address(), host.public_key()));
    }
    let shell = lab.operator(&std::process::Command::new("bash"));
    let shell: Vec<String> = std::iter::once(shell.get_program())
        .chain(shell.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    text.push_str(&format!(
        "\nIn another terminal, the operator's shell (ssh and nix reach the hosts from there):\n\n  {}\n",
        shell.join(" ")
    ));
    text.push_str("\nType here, for example `cut w1`:\n\n");
    for (name, _, about) in FAULTS {
        text.push_str(&format!("  {name:<10} HOST   {about}\n"));
    }
    text.push_str("  run        HOST COMMAND [ARGUMENT]...   run a command on it, not over the network\n");
    text.push_str("\nCtrl-C ends the lab and leaves nothing behind.\n");
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
