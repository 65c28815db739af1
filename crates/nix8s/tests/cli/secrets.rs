//! `secrets`: made once, kept encrypted, changed in order, and seen by nobody who did not ask.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::desk::Desk;
use crate::desk::mode;
use crate::project::Ran;

/// Times and keys differ each time.
fn steady(ran: &Ran) -> String {
    let word = |word: &str| {
        let is_time = word.len() == 20 && word.starts_with("20") && word.ends_with('Z');
        let is_key = word.starts_with("age1") || word.starts_with("AAAA");
        if is_time {
            "[time]".to_owned()
        } else if is_key {
            "[key]".to_owned()
        } else {
            word.to_owned()
        }
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    ran.steady().lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_missing_is_made_and_nothing_is_shown() {
    let desk = Desk::new("provider: age");
    let mut all = String::new();
    for args in [
        &["secrets", "check", "--detailed-exitcode"][..],
        &["secrets", "generate"],
        &["secrets", "generate"],
        &["secrets", "check", "--detailed-exitcode"],
        &["secrets", "show"],
        &["secrets", "show", "--public"],
        &["secrets", "show", "--only", "tokne"],
        &["-o", "json", "secrets", "check"],
        &["--simulate", "secrets", "check"],
    ] {
        all.push_str(&format!("$ nix8s {}\n{}\n", args.join(" "), steady(&desk.run(args))));
    }
    insta::assert_snapshot!(all);
    assert_eq!((mode(&desk.file()), mode(desk.file().parent().unwrap())), (0o600, 0o700));
    assert!(
        std::fs::read_to_string(desk.file()).unwrap().starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n")
    );
}

#[test]
fn planning_says_what_it_wants_and_reads_what_there_is() {
    let desk = Desk::new("provider: age");
    let generate = |names: &str| {
        let mut command = desk.command(&["secrets", "generate", "--names-on-stdin", "prod"]);
        let names = desk.project.path().join("names").tap(|path| std::fs::write(path, names).unwrap());
        Ran::from(command.stdin(std::fs::File::open(names).unwrap()).output().unwrap())
    };
    assert_eq!(generate(r#"["token",{"host-key":"prod-w1"}]"#).code, 0);
    let check = desk.well(&["-o", "json", "secrets", "check", "prod"]);
    let read = nix8s_core::tool::secrets::checked(&check.stdout).unwrap();
    let names: Vec<String> = read.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["token", "host-key/prod-w1"]);
    assert_eq!(generate(r#"[{"host-key":"prod-w9"}]"#).code, 64);
    assert_eq!(generate("token").code, 64);
    std::fs::write(desk.file(), "token: in the open\n").unwrap();
    let ran = desk.run(&["-o", "json", "secrets", "check", "prod"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
}

/// Lets a value be made and used in one expression.
trait Tap: Sized {
    fn tap(self, f: impl FnOnce(&Self)) -> Self {
        f(&self);
        self
    }
}

impl Tap for PathBuf {}

#[test]
fn n_03_the_first_connection_to_each_machine_is_verified_and_nobody_adds_a_key_by_hand() {
    let desk = Desk::new("provider: age");
    let hosts = desk.project.path().join("state/prod/known_hosts");
    let installer = "10.0.0.21 ssh-ed25519 AAAAinstaller\n";
    let accepted = format!("other ssh-ed25519 AAAAaccepted\n{installer}");
    desk.project.write("state/prod/known_hosts", accepted.as_bytes());
    desk.well(&["secrets", "settled", "prod", "prod-w1"]);
    desk.well(&["secrets", "generate"]);
    // Until it is installed a machine shows a key of its own, which is no sign of an impostor.
    assert_eq!(std::fs::read_to_string(&hosts).unwrap(), accepted);
    desk.well(&["-o", "json", "secrets", "files", "prod", "prod-w1"]);
    let public = desk.well(&["secrets", "show", "--public", "--only", "host-key/prod-w1"]).stdout;
    let key = public.split(' ').nth(1).unwrap();
    let text = std::fs::read_to_string(&hosts).unwrap();
    assert!(text.starts_with(&accepted), "the installer is still there: {text}");
    desk.well(&["secrets", "settled", "prod", "prod-w1"]);
    let text = std::fs::read_to_string(&hosts).unwrap();
    assert!(text.starts_with("other ssh-ed25519 AAAAaccepted\n") && !text.contains(installer), "{text}");
    let line = format!("prod-w1,10.0.0.21 ssh-ed25519 {key} nix8s:prod-w1\n");
    assert!(text.contains(&line) && !text.contains("prod-w2"), "{text}");
    assert_eq!(mode(&hosts), 0o600);
    // OpenSSH finds it by both names.
    for host in ["prod-w1", "10.0.0.21"] {
        match Command::new("ssh-keygen").args(["-F", host, "-f"]).arg(&hosts).output() {
            Ok(output) => assert!(String::from_utf8_lossy(&output.stdout).contains(key), "{output:?}"),
            Err(_) => eprintln!("SKIPPED: OpenSSH's ssh-keygen is not on the PATH"),
        }
    }
    desk.well(&["secrets", "rotate", "--only", "host-key/prod-w1"]);
    let lines = |text: &str| text.lines().filter(|line| line.ends_with(" nix8s:prod-w1")).count();
    let text = std::fs::read_to_string(&hosts).unwrap();
    assert!(
        text.contains(&line) && lines(&text) == 2,
        "both keys are known until the machine has the new one: {text}"
    );
    desk.well(&["secrets", "rotate", "--only", "host-key/prod-w1", "--delivered"]);
    let text = std::fs::read_to_string(&hosts).unwrap();
    assert!(!text.contains(&line) && lines(&text) == 1, "{text}");
}

#[test]
fn a_new_value_says_what_follows_and_the_old_one_stays_until_it_is_delivered() {
    let desk = Desk::new("provider: age");
    desk.well(&["secrets", "generate"]);
    let before = desk.values();
    let mut all = String::new();
    for args in [
        &["secrets", "rotate"][..],
        &["secrets", "rotate", "--all"],
        &["secrets", "rotate", "--only", "token"],
        &["secrets", "show", "--only", "token"],
        &["secrets", "rotate", "--only", "token", "--delivered"],
        &["secrets", "rotate", "--only", "token", "--delivered"],
        &["-o", "json", "secrets", "rotate", "--only", "agent-token", "--delivered"],
    ] {
        all.push_str(&format!("$ nix8s {}\n{}\n", args.join(" "), steady(&desk.run(args))));
    }
    insta::assert_snapshot!(all);
    let after = desk.values();
    assert!(before.iter().zip(&after).all(|(a, b)| a.0 == b.0 && a.1 != b.1), "{before:?}");
}

#[test]
fn an_edited_file_is_checked_and_never_left_behind() {
    let desk = Desk::new("provider: age");
    assert_eq!(desk.run(&["secrets", "edit"]).code, 4);
    desk.well(&["secrets", "generate"]);
    let file = || std::fs::read(desk.file()).unwrap();
    let first = file();
    let look = desk.home.path().join("look");
    let ran = Ran::from(
        desk.edit(&format!("stat -c %a \"$1\" \"${{1%/*}}\" > {}", look.display())).output().unwrap(),
    );
    assert_eq!(
        (ran.all().as_str(), file() == first),
        ("exit 0\n--- stderr\nNothing has changed in secrets/prod.yaml.\n", true)
    );
    assert_eq!(std::fs::read_to_string(look).unwrap(), "600\n700\n");
    for (line, code) in [
        ("exit 3", 1),
        ("echo 'hunter2: x' >> \"$1\"", 3),
        ("echo '[' >> \"$1\"", 3),
        ("sed -i 's/^cluster: .*/cluster: other/' \"$1\"", 3),
        ("sed -i '/BEGIN OPENSSH/,+2s/b3BlbnNzaC1/b3BlbnNzaD1/' \"$1\"", 3),
        ("kill -TERM $PPID; exec sleep 1000", 130),
    ] {
        let ran = Ran::from(desk.edit(line).output().unwrap());
        assert_eq!(ran.code, code, "{line}: {}", ran.all());
        assert!(file() == first && desk.runtime_is_empty(), "{line}");
        assert!(!ran.all().contains("hunter2"), "{}", ran.all());
    }
    let ran =
        Ran::from(desk.edit("sed -i '/^token:/,/value:/s/value: .*/value: mine/' \"$1\"").output().unwrap());
    assert_eq!((ran.code, desk.runtime_is_empty()), (0, true), "{}", ran.all());
    assert!(desk.values().contains(&("token".to_owned(), "mine".to_owned())));
}

#[test]
fn secrets_of_the_environment_are_read_and_never_written() {
    let desk = Desk::new("provider: env");
    let ran = desk.run(&["secrets", "generate"]);
    insta::assert_snapshot!(ran.all());
    let mut command = desk.command(&["secrets", "show"]);
    let ran = Ran::from(command.env("NIX8S_SECRET_PROD_TOKEN", "hunter2").output().unwrap());
    assert!(
        ran.stdout.contains("token   -     from the configuration or the environment\n"),
        "{}",
        ran.all()
    );
    let mut command = desk.command(&["secrets", "check"]);
    let ran = Ran::from(command.env("NIX8S_SECRET_PROD_TOKEN", "hunter2:x").output().unwrap());
    assert!(ran.code == 3 && !ran.all().contains("hunter2"), "{}", ran.all());
    assert_eq!(desk.run(&["secrets", "rotate", "--all"]).code, 4);
    assert!(!desk.project.path().join("secrets").exists());
}

#[test]
fn who_cannot_read_a_file_changes_nothing_in_it() {
    let desk = Desk::new("provider: age");
    desk.well(&["secrets", "generate"]);
    let first = std::fs::read(desk.file()).unwrap();
    let other = Desk::new("provider: age");
    for args in [&["secrets", "generate"][..], &["secrets", "rotate", "--all"], &["secrets", "check"]] {
        let mut command = desk.command(args);
        let ran = Ran::from(command.env("SOPS_AGE_KEY_FILE", other.identity()).output().unwrap());
        assert!(ran.code == 4 && ran.stderr.contains("is among its recipients"), "{}", ran.all());
        let ran = Ran::from(desk.command(args).env("HOME", desk.project.path()).output().unwrap());
        assert!(ran.code == 4 && ran.stderr.contains("there is no age identity"), "{}", ran.all());
    }
    assert_eq!(std::fs::read(desk.file()).unwrap(), first);
}

/// Recipients come from the configuration or from `.sops.yaml`, and who is added can read afterwards.
#[test]
fn a_new_recipient_reads_after_the_next_generate() {
    let desk = Desk::new("provider: age");
    desk.well(&["secrets", "generate"]);
    let other = Desk::new("provider: age");
    let recipient = |desk: &Desk| {
        let text = std::fs::read_to_string(desk.identity()).unwrap();
        text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned()
    };
    let rule = |keys: &str| format!("creation_rules:\n  - path_regex: ^secrets/\n    age: {keys}\n");
    desk.project.write(".sops.yaml", rule(&recipient(&other)).as_bytes());
    let ran = desk.run(&["secrets", "generate"]);
    assert!(ran.code == 4 && ran.stderr.contains("you could not read the secrets"), "{}", ran.all());
    desk.project
        .write(".sops.yaml", rule(&format!("{}, {}", recipient(&other), recipient(&desk))).as_bytes());
    let ran = desk.well(&["secrets", "generate"]);
    assert!(ran.stdout.contains("encrypted again"), "{}", ran.all());
    let mut command = desk.command(&["secrets", "check"]);
    assert_eq!(Ran::from(command.env("SOPS_AGE_KEY_FILE", other.identity()).output().unwrap()).code, 0);
    assert!(desk.well(&["secrets", "generate"]).stdout.contains("Nothing is missing"));
}

#[test]
fn two_that_generate_at_once_agree() {
    let desk = Desk::new("provider: age");
    let both = [0, 1].map(|_| {
        desk.command(&["secrets", "generate", "-o", "json"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    });
    let made = both
        .map(|child| Ran::from(child.wait_with_output().unwrap()).json()["made"].as_array().unwrap().len());
    assert_eq!(made.iter().sum::<usize>(), 6, "{made:?}");
}

/// The program `age` reads what we wrote, and we read what it wrote.
#[test]
fn the_program_age_and_we_read_each_other() {
    let age = |args: &[&str], stdin: Option<&Path>| {
        let mut command = Command::new("age");
        command.args(args);
        if let Some(path) = stdin {
            command.stdin(std::fs::File::open(path).unwrap());
        }
        command.output()
    };
    if age(&["--version"], None).is_err() {
        eprintln!("SKIPPED: age is not on the PATH (Debian: age)");
        return;
    }
    let desk = Desk::new("provider: age");
    desk.well(&["secrets", "generate"]);
    let identity = desk.identity();
    let file = desk.file();
    let output = age(&["-d", "-i", identity.to_str().unwrap(), file.to_str().unwrap()], None).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let token =
        text.lines().find_map(|line| line.trim().strip_prefix("value: \"")).unwrap().trim_end_matches('"');
    assert!(desk.values().contains(&("token".to_owned(), token.to_owned())));
    let plain = desk.home.path().join("plain");
    std::fs::write(&plain, text.replace(token, "theirs")).unwrap();
    let to = ["-a", "-e", "-i", identity.to_str().unwrap(), "-o", file.to_str().unwrap()];
    let output = age(&to, Some(&plain)).unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(desk.values().contains(&("token".to_owned(), "theirs".to_owned())));
}

/// Stands in for sops: it takes down with what it was called, and what it writes is no plain text.
const SOPS: &str = r#"#!/bin/sh
{ echo "$0 $*"; env; } >> HOME/recorded
for file; do :; done
case $1 in
  encrypt) echo "data: $(base64 -w0)"; printf 'sops:\n    mac: x\n' ;;
  decrypt) sed -n 's/^data: //p' "$file" | base64 -d ;;
esac
"#;

/// Everything that a run of all verbs leaves, on the screen and elsewhere, with what programs saw of it (X-10, X-11).
fn left_by_all_verbs(desk: &Desk) -> Vec<(String, String)> {
    let record = format!("{{ echo \"$0 $*\"; env; }} >> {}/recorded", desk.home.path().display());
    let mut left = Vec::new();
    for args in [
        &["secrets", "generate", "-v"][..],
        &["secrets", "generate", "-o", "json"],
        &["secrets", "check"],
        &["-o", "json", "secrets", "check"],
        &["secrets", "show"],
        &["secrets", "show", "-o", "json"],
        &["secrets", "show", "--public"],
        &["secrets", "rotate", "--only", "host-key/prod-w1", "--only", "deploy-key"],
        &["secrets", "rotate", "--only", "token", "-o", "json"],
        &["config", "show"],
        &["apply", "--simulate", "--yes", "-v"],
        &["events", "--simulate"],
    ] {
        left.push((args.join(" "), desk.well(args).all()));
    }
    let files = Ran::from(desk.command(&["secrets", "files", "prod", "prod-cp1"]).output().unwrap());
    left.push(("secrets files".to_owned(), files.all()));
    let edit = |line: &str| Ran::from(desk.edit(&format!("{record}\n{line}")).output().unwrap()).all();
    left.push(("edit".to_owned(), edit("sed -i 's/^version/ version/' \"$1\"")));
    left.push(("edit".to_owned(), edit("echo '# comment' >> \"$1\"")));
    let (mut folders, mut modes) =
        (vec![desk.project.path().to_owned(), desk.home.path().to_owned()], BTreeSet::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path != desk.file() && path != desk.identity() {
                left.push((
                    path.display().to_string(),
                    String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
                ));
            } else {
                modes.insert((mode(&path), mode(path.parent().unwrap())));
            }
        }
    }
    assert_eq!(modes, BTreeSet::from([(0o600, 0o700)]));
    left
}

#[test]
fn no_secret_is_in_any_output_argument_variable_or_other_file() {
    for provider in ["age", "sops"] {
        let desk = Desk::new(&format!("provider: {provider}"));
        desk.program("sops", &SOPS.replace("HOME", desk.home.path().to_str().unwrap()));
        desk.well(&["secrets", "generate"]);
        let mut secrets = desk.values();
        let left = left_by_all_verbs(&desk);
        secrets.extend(desk.values());
        let identity = std::fs::read_to_string(desk.identity()).unwrap();
        let identity = identity.lines().find(|line| line.starts_with("AGE-SECRET-KEY")).unwrap();
        // Lines of a key but its first ones, which hold the public half in every key alike.
        let mut values: Vec<&str> = secrets
            .iter()
            .flat_map(|(_, value)| value.lines().skip(if value.contains('\n') { 3 } else { 0 }))
            .collect();
        values.retain(|line| !line.starts_with("-----"));
        values.push(identity);
        assert!(values.len() > 20 && values.iter().all(|value| value.len() >= 8), "{values:?}");
        for (name, text) in &left {
            for value in &values {
                assert!(!text.contains(value), "{provider}: {name} has a secret in it:\n{text}");
            }
        }
        let recorded =
            left.iter().find(|(name, _)| name.ends_with("/recorded")).map(|(_, text)| text.as_str());
        let text = recorded.expect("programs were recorded");
        assert!(text.contains("bin/editor "), "{text}");
        assert_eq!(text.contains("bin/sops encrypt --age age1"), provider == "sops", "{text}");
        assert!(desk.runtime_is_empty());
    }
}

#[test]
fn sops_that_is_missing_or_lies_is_refused() {
    let desk = Desk::new("provider: sops");
    let ran = desk.run(&["secrets", "generate"]);
    match ran.code {
        5 => assert!(ran.stderr.contains("sops is not installed"), "{}", ran.all()),
        _ => eprintln!("SKIPPED in part: there is a sops on the PATH"),
    }
    desk.program("sops", "#!/bin/sh\ncat\nprintf 'sops: {}\\n'\n");
    let ran = desk.run(&["secrets", "generate"]);
    assert!(ran.code == 5 && ran.stderr.contains("is not encrypted, and was not written"), "{}", ran.all());
    assert!(!desk.file().exists());
    desk.program("sops", "#!/bin/sh\necho 'no matching creation rules found' >&2\nexit 1\n");
    let ran = desk.run(&["secrets", "generate"]);
    assert!(ran.code == 3 && ran.stderr.contains("  no matching creation rules found\n"), "{}", ran.all());
}

/// Machines are installed side by side, and each is given its files by a process of its own.
#[test]
fn machines_that_are_given_their_keys_at_once_are_all_known() {
    let desk = Desk::new("provider: age");
    desk.well(&["secrets", "generate"]);
    let machines = ["prod-cp1", "prod-w1", "prod-w2"];
    let files = |machine| desk.command(&["-o", "json", "secrets", "files", "prod", machine]);
    let given = machines.map(|machine| files(machine).stdout(std::process::Stdio::piped()).spawn().unwrap());
    assert!(given.map(|child| Ran::from(child.wait_with_output().unwrap()).code) == [0; 3]);
    let text = std::fs::read_to_string(desk.project.path().join("state/prod/known_hosts")).unwrap();
    assert!(machines.iter().all(|machine| text.contains(machine)), "{text}");
}

/// A token that is written down in clear, or that somebody forgot to decrypt, is nobody's token.
#[test]
fn x_10_what_is_kept_is_encrypted_and_what_is_encrypted_is_no_token() {
    const ENCRYPTED: &str = "ENC[AES256_GCM,data:Q0FGRQ==,iv:AAAA,tag:AAAA,type:str]";
    let desk = Desk::new("provider: age");
    desk.well(&["secrets", "generate"]);
    let values = desk.values();
    let kept = std::fs::read_to_string(desk.file()).unwrap();
    assert!(values.iter().all(|(_, value)| !kept.contains(value.as_str())), "{kept}");
    std::fs::write(desk.file(), "token: hunter2hunter2\n").unwrap();
    let ran = desk.run(&["secrets", "check"]);
    assert!(ran.code == 4 && ran.stderr.contains("is not encrypted"), "{}", ran.all());
    assert!(!ran.all().contains("hunter2"), "{}", ran.all());

    // What sops gives out as if it had decrypted it, and what comes by the environment.
    let desk = Desk::new("provider: sops");
    desk.program("sops", &format!("#!/bin/sh\nprintf 'version: 1\\ntoken: \"{ENCRYPTED}\"\\n'\n"));
    std::fs::create_dir_all(desk.file().parent().unwrap()).unwrap();
    std::fs::write(desk.file(), format!("token: {ENCRYPTED}\nsops:\n    mac: x\n")).unwrap();
    let ran = desk.run(&["secrets", "check"]);
    assert!(ran.code == 3 && ran.stderr.contains("token"), "{}", ran.all());
    let desk = Desk::new("provider: env");
    let ran = Ran::from(
        desk.command(&["secrets", "check"]).env("NIX8S_SECRET_PROD_TOKEN", ENCRYPTED).output().unwrap(),
    );
    assert!(ran.code == 3 && ran.stderr.contains("NIX8S_SECRET_PROD_TOKEN"), "{}", ran.all());
}

/// An installation is given what its machine needs and no more.
#[test]
fn x_20_a_machine_gets_its_own_files_and_a_worker_no_token_of_the_servers() {
    let desk = Desk::new(
        "provider: age, sshPubKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExample ops",
    );
    let ran = desk.run(&["-o", "json", "secrets", "files", "prod", "prod-w1"]);
    assert_eq!(ran.code, 1, "nothing is delivered by halves (N-17): {}", ran.all());
    desk.well(&["secrets", "generate"]);
    let files = |machine: &str| {
        let ran = desk.well(&["-o", "json", "secrets", "files", "prod", machine]);
        let files = nix8s_core::tool::secrets::files_printed(&ran.stdout.into()).unwrap();
        let line = |(path, file): (&String, &nix8s_core::tool::File)| format!("{:o} {path}", file.mode);
        let keys = files["etc/ssh/nix8s_authorized_keys"].text.expose().lines().count();
        assert_eq!(keys, 2, "the deploy key and the user's own");
        files.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(format!("prod-cp1\n{}\nprod-w1\n{}", files("prod-cp1"), files("prod-w1")));
    let ran = desk.run(&["secrets", "files", "prod", "prod-w1"]);
    assert_eq!(ran.code, 64, "{}", ran.all());
}
