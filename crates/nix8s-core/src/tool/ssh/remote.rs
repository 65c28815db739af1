//! What runs at the other end of a connection: one command, as root, of which nothing is left when the connection ends.
//!
//! ssh(1) joins what it is given with spaces, and a login shell that may be any reads it. So the line that it is given holds
//! nothing but a number: how many bytes of standard input are a text for sh(1), which holds everything else. What follows
//! that text is what the command reads; and as long as standard input is open, nix8s is there. When it is closed (nix8s
//! was stopped or killed, or the connection has broken), the command is asked to end, and killed ten seconds later.

use std::time::Duration;

use super::shell;
use crate::model::Sudo;
use crate::secret::Redacted;
use crate::tool::Command;
use crate::tool::FILES;
use crate::tool::Output;

/// The line for the login shell, and what is written to standard input before it is left open.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    /// The line.
    pub line: String,
    /// What is written.
    pub input: Redacted,
}

/// Where machines keep what nix8s copied to them. Not in /tmp, which may be `noexec`.
pub const PROGRAMS: &str = "/var/lib/nix8s/bin";

/// The exit status of a command whose program is not there (POSIX shell, 2.8.2).
pub const NOT_FOUND: i32 = 127;

/// Stands before the architecture of a machine that our own program is not on.
const LACKS: &str = "nix8s: not on this";

/// Stands before the exit status in the last line of standard error: without it nobody knows how it ended.
const ENDED: &str = "nix8s: ended with";

/// How much longer than here a command may take there, before it is stopped without having been asked to.
const SLACK: Duration = Duration::from_secs(60);

/// What sudo's password is told apart from what comes after it by: sudo reads it only if it needs it.
const BEGIN: &str = "nix8s: begin";

/// How a command is run on a machine, where `nix8s` is the file in [`PROGRAMS`] that is as we are. `password` is for sudo, when
/// it asks.
pub fn remote(command: &Command, nix8s: &str, sudo: Sudo, password: Option<&str>) -> Remote {
    let text = text(command, nix8s);
    let read = read(text.len());
    let Remote { line, input } = begin(&read, sudo, password);
    let stdin = command.stdin.as_ref().map_or("", Redacted::expose);
    Remote { line, input: [input.expose(), &text, stdin].concat().into() }
}

/// Reads so many bytes and not one more, which is for the command, and runs them. Where dd cannot gather a block from what
/// arrives in parts it says so before it reads; byte by byte takes as long as a small program.
fn read(length: usize) -> String {
    let whole = format!("dd bs={length} count=1 iflag=fullblock 2>/dev/null");
    format!(r#"eval "$({whole} || dd bs=1 count={length} 2>/dev/null)""#)
}

/// The architecture of a machine that our own program is not on, as `uname -m` says it.
pub fn lacks(output: &Output) -> Option<&str> {
    let line = output.stderr.lines().rev().find_map(|line| line.strip_prefix(LACKS));
    line.filter(|_| output.status == NOT_FOUND).map(str::trim)
}

/// Puts our own program on a machine: it reads the file whose SHA-256 is `digest` and puts it in its place when it is whole
/// and runs there. Copies that nobody has used for a month go.
pub fn put(nix8s: &str, digest: &str, sudo: Sudo, password: Option<&str>) -> Remote {
    let text = format!(
        r#"set -e; umask 022; mkdir -p {PROGRAMS}; cd {PROGRAMS}; n={nix8s}; t=".$n.$$"; cat >"$t"; {}; {}; {}"#,
        format_args!(
            r#"echo "{digest}  $t" | sha256sum -c --status || {{ rm -f "$t"; echo "what arrived is not what was sent" >&2; exit 1; }}"#
        ),
        concat!(
            r#"chmod 755 "$t"; "./$t" version >/dev/null || { rm -f "$t"; echo "it does not run there: "#,
            r#"machines want a nix8s that is linked statically (make static), or one that is installed beside it" >&2; exit 1; }; "#,
            r#"mv -f "$t" "$n""#,
        ),
        r#"find . -name "nix8s-*" -atime +30 -delete"#,
    );
    begin(&text, sudo, password)
}

/// A text for sh(1) without single quotes, as root.
fn begin(text: &str, sudo: Sudo, password: Option<&str>) -> Remote {
    match sudo {
        Sudo::None => Remote { line: format!("exec sh -c '{text}'"), input: Redacted::default() },
        Sudo::Passwordless => {
            Remote { line: format!("exec sudo -n -- sh -c '{text}'"), input: Redacted::default() }
        }
        Sudo::Password => {
            let skip = format!(r#"while IFS= read -r l && [ "$l" != "{BEGIN}" ]; do :; done"#);
            let line = format!("exec sudo -S -p '' -- sh -c '{skip}; {text}'");
            Remote { line, input: format!("{}\n{BEGIN}\n", password.unwrap_or_default()).into() }
        }
    }
}

/// The text for sh(1).
fn text(command: &Command, nix8s: &str) -> String {
    let mut text =
        format!("PATH={PROGRAMS}:/run/current-system/sw/bin:$PATH:/usr/sbin:/sbin\nexport PATH\numask 077\n");
    let input = command.stdin.as_ref().map(|text| text.expose().len()).filter(|length| *length > 0);
    let holds = input.is_some() || !command.files.is_empty();
    if holds {
        // /run is in memory, and root's.
        text.push_str("d=$(mktemp -d /run/nix8s.XXXXXXXX 2>/dev/null || mktemp -d) || exit 125\n");
        text.push_str("trap 'rm -rf -- \"$d\"' EXIT\n");
    }
    for (name, file) in &command.files {
        if let Some((folder, _)) = name.rsplit_once('/') {
            text.push_str(&format!("mkdir -p -- \"$d\"/{} || exit 125\n", shell([folder])));
        }
        text.push_str(&format!(
            "printf %s {} >\"$d\"/{} || exit 125\n",
            shell([file.text.expose()]),
            shell([name])
        ));
    }
    text.push_str("exec 3<&0\n");
    match input {
        Some(length) => text.push_str(&format!(
            "head -c {length} <&3 >\"$d/stdin\" && exec 4<\"$d/stdin\" || exit 125\nrm -f -- \"$d/stdin\"\n"
        )),
        None => text.push_str("exec 4</dev/null\n"),
    }
    text.push_str(&format!("set -- {}\n", words(command)));
    if command.argv.first().is_some_and(|program| program == "nix8s") {
        text.push_str(&own(command, nix8s));
    }
    let seconds = command.timeout.saturating_add(SLACK).as_secs();
    text.push_str(&format!(
        "setsid timeout -k 10 {seconds} \"$@\" <&4 3<&- 4<&- &\nc=$!\nexec 4<&-\n\
         {{ cat; kill -TERM \"-$c\"; sleep 10; kill -KILL \"-$c\"; }} <&3 >/dev/null 2>&1 &\nw=$!\nexec 3<&-\n\
         trap '' PIPE\nwait \"$c\"\ns=$?\nkill \"$w\"\nkill -KILL \"-$c\" 2>/dev/null\n\
         printf '\\n{ENDED} %s\\n' \"$s\" >&2\n"
    ));
    text
}

/// The command's words, with the folder of its files.
fn words(command: &Command) -> String {
    let word = |word: &String| {
        let parts: Vec<String> = word.split(FILES).map(|part| shell([part])).collect();
        if command.files.is_empty() { shell([word]) } else { parts.join("\"$d\"") }
    };
    command.argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Our own program: the copy that is as we are, or what answers in its stead.
fn own(command: &Command, nix8s: &str) -> String {
    let program = shell([format!("{PROGRAMS}/{nix8s}")]);
    let otherwise = match command.instead {
        Some(instead) => format!("set -- sh -c {} nix8s", shell([instead])),
        None => format!(r#"printf '{LACKS} %s\n\n{ENDED} {NOT_FOUND}\n' "$(uname -m)" >&2; exit"#),
    };
    format!("shift\nif [ -x {program} ]; then set -- {program} \"$@\"; else {otherwise}; fi\n")
}

/// What a command left behind, if it came to its end; else what ssh or the login shell left.
///
/// # Errors
/// With what there is, when nobody knows whether or how it ran.
pub fn ended(output: Output) -> Result<Output, Output> {
    let line = format!("\n{ENDED} ");
    let found = output.stderr.rfind(&line).and_then(|at| {
        let rest = &output.stderr[at + line.len()..];
        let (status, after) = rest.split_once('\n')?;
        Some((at, status.trim().parse().ok()?, after))
    });
    let Some((at, status, after)) = found else { return Err(output) };
    let stderr = format!("{}{after}", &output.stderr[..at]);
    Ok(Output { status, stdout: output.stdout, stderr })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::tool::Host;

    fn on_machine(argv: &[&str]) -> Command {
        let name = "w1".parse().unwrap();
        let on = Host::Machine { name, ssh: crate::model::Ssh::root_at(None) };
        Command { on, ..Command::here(argv.iter().copied(), Duration::from_secs(20)) }
    }

    #[test]
    fn the_line_for_the_login_shell_holds_nothing_but_a_number() {
        let command = on_machine(&["echo", "$(reboot)", "it's\n"]).reading("secret".to_owned());
        let remote = remote(&command, "nix8s-1", Sudo::Passwordless, None);
        let length = remote.input.expose().len() - "secret".len();
        let expected = format!("exec sudo -n -- sh -c '{}'", read(length));
        assert_eq!(remote.line, expected);
        assert!(remote.input.expose().ends_with("secret"));
    }

    #[test]
    fn a_command_with_files_and_input_as_sh_reads_it() {
        let mut command = on_machine(&["bash", "{files}/script"]).reading("token".to_owned());
        command.files.insert("script".to_owned(), crate::tool::File::private("echo 'x'\n"));
        assert_snapshot!(remote(&command, "nix8s-1", Sudo::None, None).input.expose(), @r#"
        PATH=/var/lib/nix8s/bin:/run/current-system/sw/bin:$PATH:/usr/sbin:/sbin
        export PATH
        umask 077
        d=$(mktemp -d /run/nix8s.XXXXXXXX 2>/dev/null || mktemp -d) || exit 125
        trap 'rm -rf -- "$d"' EXIT
        printf %s 'echo '\''x'\''
        ' >"$d"/'script' || exit 125
        exec 3<&0
        head -c 5 <&3 >"$d/stdin" && exec 4<"$d/stdin" || exit 125
        rm -f -- "$d/stdin"
        set -- 'bash' ''"$d"'/script'
        setsid timeout -k 10 80 "$@" <&4 3<&- 4<&- &
        c=$!
        exec 4<&-
        { cat; kill -TERM "-$c"; sleep 10; kill -KILL "-$c"; } <&3 >/dev/null 2>&1 &
        w=$!
        exec 3<&-
        trap '' PIPE
        wait "$c"
        s=$?
        kill "$w"
        kill -KILL "-$c" 2>/dev/null
        printf '\nnix8s: ended with %s\n' "$s" >&2
        token
        "#);
    }

    #[test]
    fn our_own_program_is_the_copy_that_is_as_we_are_or_something_answers_in_its_stead() {
        let mut command = on_machine(&["nix8s", "on-node", "probe"]);
        let own = |command: &Command| {
            let input = remote(command, "nix8s-1", Sudo::None, None).input;
            input.expose().lines().find(|line| line.starts_with("if ")).unwrap().to_owned()
        };
        assert_snapshot!(own(&command), @r#"if [ -x '/var/lib/nix8s/bin/nix8s-1' ]; then set -- '/var/lib/nix8s/bin/nix8s-1' "$@"; else printf 'nix8s: not on this %s\n\nnix8s: ended with 127\n' "$(uname -m)" >&2; exit; fi"#);
        command.instead = Some("echo '{}'");
        assert_snapshot!(own(&command), @r#"if [ -x '/var/lib/nix8s/bin/nix8s-1' ]; then set -- '/var/lib/nix8s/bin/nix8s-1' "$@"; else set -- sh -c 'echo '\''{}'\''' nix8s; fi"#);
    }

    #[test]
    fn a_machine_without_our_program_says_what_it_is() {
        let output =
            |status, stderr: &str| Output { status, stdout: String::new(), stderr: stderr.to_owned() };
        assert_eq!(lacks(&output(127, "a warning\nnix8s: not on this aarch64\n")), Some("aarch64"));
        assert_eq!(lacks(&output(127, "sh: kubectl: not found\n")), None);
        assert_eq!(lacks(&output(1, "nix8s: not on this aarch64\n")), None);
    }

    #[test]
    fn sudo_gets_its_password_and_what_it_does_not_read_is_skipped() {
        let command = on_machine(&["id"]);
        let remote = remote(&command, "nix8s-1", Sudo::Password, Some("pass"));
        assert!(
            remote.line.starts_with("exec sudo -S -p '' -- sh -c 'while IFS= read -r l"),
            "{}",
            remote.line
        );
        assert!(remote.input.expose().starts_with("pass\nnix8s: begin\nPATH="), "{}", remote.input.expose());
        assert!(!remote.line.contains("pass\n"));
    }

    #[test]
    fn the_last_line_says_how_it_ended_and_without_it_nobody_knows() {
        let output =
            |stderr: &str| Output { status: 255, stdout: "out".to_owned(), stderr: stderr.to_owned() };
        let whole = ended(output("a warning\n\nnix8s: ended with 3\nConnection closed.\n")).unwrap();
        assert_eq!((whole.status, whole.stderr.as_str()), (3, "a warning\nConnection closed.\n"));
        let cut = output("client_loop: send disconnect: Broken pipe\n");
        assert_eq!(ended(cut.clone()), Err(cut));
        let half = output("\nnix8s: ended with 1");
        assert_eq!(ended(half.clone()), Err(half));
    }
}
