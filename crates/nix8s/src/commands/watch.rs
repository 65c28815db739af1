//! `nix8s status --watch`: shows a status again whenever the state directory changes.

use std::collections::BTreeSet;
use std::io;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix8s_engine::state::overview::Overview;
use notify::EventKind;
use notify::RecommendedWatcher;
use notify::RecursiveMode;
use notify::Watcher;
use serde_json::json;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use crate::commands::Cx;
use crate::commands::remembered;
use crate::commands::status;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::change;
use crate::report::json as document;

/// Changes that come closer together than this are shown together: a step writes several files.
const SETTLE: Duration = Duration::from_millis(100);

/// Clears the screen and goes to its corner.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Why the watch looks up.
enum News {
    /// Something in a state folder is other than it was.
    Changed,
    /// Ctrl-C, or a termination signal.
    Ended,
    /// The operating system stopped telling.
    Lost(notify::Error),
}

/// Shows a status with every change until somebody ends it.
pub fn run(cx: &Cx<'_>, cluster: Option<&str>) -> Result<Exit, CliError> {
    let (tell, hear) = mpsc::channel();
    listen_for_end(tell.clone())?;
    let mut watched = Watched { watcher: watcher(tell)?, folders: BTreeSet::new() };
    // Watched before it is read: what changes in between is told again and not missed.
    watched.look_at(cx)?;
    let mut before = status::overviews(cx, cluster)?;
    show(cx, None, &before);
    loop {
        match next(&hear) {
            News::Ended => return Ok(Exit::Done),
            News::Lost(error) => return Err(unwatchable(error)),
            News::Changed => {}
        }
        watched.look_at(cx)?;
        let after = status::overviews(cx, cluster)?;
        if after != before {
            show(cx, Some(&before), &after);
            before = after;
        }
        if cx.out.is_unread() {
            return Ok(Exit::Done);
        }
    }
}

/// Waits for news, and then until nothing more comes for a moment.
fn next(hear: &mpsc::Receiver<News>) -> News {
    let mut news = hear.recv().unwrap_or(News::Ended);
    while let News::Changed = news {
        match hear.recv_timeout(SETTLE) {
            Ok(more) => news = more,
            Err(_) => break,
        }
    }
    news
}

fn show(cx: &Cx<'_>, before: Option<&[Overview]>, after: &[Overview]) {
    if cx.out.format == Format::Json {
        cx.out.json_line(&json!({ "version": document::VERSION, "type": "status", "clusters": after }));
        return;
    }
    let text = if after.is_empty() {
        "Nothing is remembered yet; the first `apply` shows up here.\n".to_owned()
    } else {
        status::shown(cx, after)
    };
    if io::stdout().is_terminal() {
        let foot = cx.out.paint.dim("Shown again with every change; Ctrl-C ends this and nothing else.");
        cx.out.data(&format!("{CLEAR}{text}\n{foot}\n"));
        return;
    }
    match before {
        None => cx.out.data(&text),
        Some(before) => {
            for line in change::lines(before, after, cx.out.paint) {
                cx.out.data(&format!("{line}\n"));
            }
        }
    }
}

struct Watched {
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
}

impl Watched {
    /// Watches the folder with the clusters' folders and each of these, but nothing below: what `status` reads is
    /// written there, and a large cluster has more folders than one may watch.
    fn look_at(&mut self, cx: &Cx<'_>) -> Result<(), CliError> {
        let base = world::state_base(cx.global)?;
        let mut wanted = BTreeSet::new();
        // The folder may not be there before the first `apply`: then the one is watched in which it will be made.
        wanted.extend(base.ancestors().find(|folder| folder.is_dir()).map(PathBuf::from));
        for cluster in remembered::clusters(cx, None)? {
            wanted.insert(cluster.state.root().to_owned());
        }
        for folder in &wanted {
            if !self.folders.contains(folder) {
                self.watcher.watch(folder, RecursiveMode::NonRecursive).map_err(unwatchable)?;
            }
        }
        self.folders = wanted;
        Ok(())
    }
}

fn watcher(tell: mpsc::Sender<News>) -> Result<RecommendedWatcher, CliError> {
    notify::recommended_watcher(move |event: Result<notify::Event, notify::Error>| {
        let news = match event {
            // Reading is what this command does itself.
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => return,
            Ok(_) => News::Changed,
            Err(error) => News::Lost(error),
        };
        // Nobody hears when the command has ended already.
        let _ = tell.send(news);
    })
    .map_err(unwatchable)
}

fn unwatchable(error: notify::Error) -> CliError {
    CliError::new(Exit::Failed, "could not watch the state directory").because(error).hint(
        "`nix8s status` without --watch works; too many watches may be in use (fs.inotify.max_user_watches).",
    )
}

fn listen_for_end(tell: mpsc::Sender<News>) -> Result<(), CliError> {
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| CliError::new(Exit::Failed, "could not listen for Ctrl-C").because(error))?;
    // The thread lives as long as the process: there is nothing to join.
    thread::spawn(move || {
        for _ in signals.forever() {
            let _ = tell.send(News::Ended);
        }
    });
    Ok(())
}
