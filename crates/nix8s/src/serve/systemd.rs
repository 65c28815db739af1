//! `nix8s run` as a service of systemd: the unit (systemd.service(5)), and what it tells systemd while it runs (sd_notify(3)).

use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use nix8s_engine::progress::Observer;
use nix8s_engine::progress::Progress;
use sd_notify::NotifyState;

use super::board::Shared;

/// What a unit says that depends on who asks for it.
pub struct Unit<'a> {
    /// The cluster that is kept.
    pub cluster: &'a str,
    /// The program and its arguments.
    pub argv: &'a [String],
    /// As whom it runs: a name or a number.
    pub user: &'a str,
    /// Where it begins: what its arguments name is found from there.
    pub folder: &'a str,
    /// Variables that it needs, and their values.
    pub environment: &'a [(String, String)],
}

/// The text of a unit.
pub fn unit(unit: &Unit<'_>) -> String {
    let argv: Vec<String> = unit.argv.iter().map(|word| quoted(word, true)).collect();
    let mut environment = String::new();
    for (name, value) in unit.environment {
        let _ = writeln!(environment, "Environment={}", quoted(&format!("{name}={value}"), false));
    }
    format!(
        "[Unit]
Description=nix8s keeps the cluster {cluster} as it is configured
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
WorkingDirectory={folder}
ExecStart={argv}
# Whose ssh configuration, keys and age identity are used. There is no ssh-agent: the keys must be files, or the deploy key.
User={user}
{environment}# It resumes wherever it was. A usage that is wrong stays wrong.
Restart=always
RestartSec=10s
RestartPreventExitStatus=64
# It says that it is alive for as long as its loop is.
WatchdogSec=2min
# Asked to stop, it finishes the steps that run. Programs that carry them out are not asked.
KillMode=mixed
TimeoutStopSec=15min
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=full

[Install]
WantedBy=multi-user.target
",
        cluster = unit.cluster,
        argv = argv.join(" "),
        user = unit.user,
        // A path as it stands there: without quotes, and specifiers count.
        folder = unit.folder.replace('%', "%%"),
    )
}

/// A word as systemd reads it back: in quotes, with C escapes, and without its specifiers; in a command line also without
/// variables.
fn quoted(word: &str, is_command: bool) -> String {
    let mut out = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '%' => out.push_str("%%"),
            '$' if is_command => out.push_str("$$"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Tells systemd that the loop has begun, and from now on that it is alive, for as long as that is so. Where nobody started it
/// as a service nothing is told.
pub fn ready(board: &Shared) {
    tell(&[NotifyState::Ready]);
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let board = board.clone();
    // Half of it, as sd_watchdog_enabled(3) advises.
    let pause = limit / 2;
    std::thread::spawn(move || {
        while board.get().is_dead(Timestamp::now()).is_none() {
            tell(&[NotifyState::Watchdog]);
            std::thread::sleep(pause.max(Duration::from_millis(100)));
        }
    });
}

/// Hears a loop for `systemctl status`.
pub struct Ear<'a>(pub &'a mut dyn Observer);

impl Observer for Ear<'_> {
    fn hear(&mut self, progress: &Progress) {
        if let Progress::Rested { ending, .. } = progress {
            tell(&[NotifyState::Status(ending.as_str())]);
        }
        self.0.hear(progress);
    }
}

/// What cannot be told is not missed: systemd ends what it does not hear of.
fn tell(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(state);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_to_systemd_what_they_mean_here() {
        for (word, command, setting) in [
            ("run", r#""run""#, r#""run""#),
            ("a b\"c\\d", r#""a b\"c\\d""#, r#""a b\"c\\d""#),
            ("100%n $HOME", r#""100%%n $$HOME""#, r#""100%%n $HOME""#),
            ("two\nlines", r#""two\nlines""#, r#""two\nlines""#),
        ] {
            assert_eq!((quoted(word, true).as_str(), quoted(word, false).as_str()), (command, setting));
        }
    }
}
