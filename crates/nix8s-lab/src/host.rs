//! A host, and what can happen to one.

use std::fs;
use std::fs::File;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::LabError;
use crate::error::file;
use crate::space::Space;

/// How long a host may take to boot. It takes a second; a computer that is busy with other tests may take longer.
const BOOT: Duration = Duration::from_secs(180);

/// Says that a host is about to be waited for no more.
const END: &[u8] = b"END";

/// A host of a lab.
#[derive(Debug, Clone, Copy)]
pub struct Host<'lab> {
    pub(crate) space: &'lab Space,
    pub(crate) machine: &'lab Machine,
}

/// What a command on a host came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Host<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.machine.name
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.machine.address
    }

    /// Its host key, as `ssh-ed25519 AAAA…`.
    pub fn public_key(&self) -> &str {
        &self.machine.public_key
    }

    /// Runs a command on it, not over the network: also where the network is cut, or the host frozen.
    ///
    /// # Panics
    /// When it is not running.
    pub fn run(&self, argv: &[&str]) -> Ran {
        const ENTER: &str = r#"read -r leader < "$1/payload/init.scope/cgroup.procs"; shift
            exec nsenter --target "$leader" --mount --uts --ipc --net --pid -- \
              env --ignore-environment PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@""#;
        let mut command = self.space.command("sh");
        command.args(["-c", ENTER, "sh", &self.machine.cgroup]).args(argv);
        let output = must(self.space.output(&mut command));
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a command on it that must not fail, and returns what it printed, without the last line's end.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        let ran = self.run(&["sh", "-euc", script]);
        assert_eq!(ran.code, 0, "on {}: {script}\n{}{}", self.name(), ran.stdout, ran.stderr);
        ran.stdout.trim_end().to_owned()
    }

    /// A file on it, if it is there.
    pub fn read(&self, path: &str) -> Option<String> {
        let ran = self.run(&["cat", path]);
        (ran.code == 0).then_some(ran.stdout)
    }

    /// Puts a file of this computer there, to be run by anybody.
    ///
    /// # Panics
    /// When it cannot.
    pub fn put(&self, from: &Path, to: &str) {
        let script = "install -D --mode=755 \"$1\" \"/run/lab/$2/root$3\"";
        let arguments = [&from.to_string_lossy(), self.name(), to];
        must(self.space.script(&format!("put {to} on {}", self.name()), script, &arguments));
    }

    /// Pulls its network cable.
    pub fn cut(&self) {
        self.outside("cut the network of", "ip link set \"$2\" down");
    }

    /// Puts the cable back.
    pub fn mend(&self) {
        self.outside("mend the network of", "ip link set \"$2\" up");
    }

    /// Stops everything on it where it is. Its kernel still takes connections, as that of a host that hangs does.
    pub fn freeze(&self) {
        self.outside("freeze", "echo 1 > \"$1/payload/cgroup.freeze\"");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.outside("thaw", "echo 0 > \"$1/payload/cgroup.freeze\"");
    }

    /// Reboots it as its operator would, and waits until it is up.
    pub fn reboot(&self) {
        self.sh("systemctl reboot");
        self.wait_for_boot();
    }

    /// Takes its power away, gives it back, and waits until it is up.
    pub fn crash(&self) {
        self.power_off();
        self.power_on();
    }

    /// Takes its power away.
    pub fn power_off(&self) {
        // Its first process takes every other with it. `cgroup.kill` would as well, and some kernels go on killing what
        // a later boot starts in the same group.
        const KILL: &str = "read -r leader < \"$1/payload/init.scope/cgroup.procs\"; kill -KILL \"$leader\"
            echo 0 > \"$1/payload/cgroup.freeze\"";
        self.outside("take the power from", KILL);
        self.machine.ended();
    }

    /// Gives it power, and waits until it is up.
    pub fn power_on(&self) {
        must(self.machine.run(self.space));
        self.wait_for_boot();
    }

    /// Waits until it has booted once more than was waited for so far.
    pub fn wait_for_boot(&self) {
        must(self.machine.wait_for_boot());
    }

    /// From now on it shows another host key, as somebody does who took its address.
    pub fn lie(&self) {
        self.sh("cd /etc/ssh; mkdir -p honest; mv ssh_host_* honest/
            ssh-keygen -q -t ed25519 -N '' -C '' -f ssh_host_ed25519_key; systemctl restart ssh");
    }

    /// From now on it shows its own key again.
    pub fn be_honest(&self) {
        self.sh("cd /etc/ssh; mv honest/* .; rmdir honest; systemctl restart ssh");
    }

    /// Leaves no room on its disk.
    pub fn fill_disk(&self) {
        self.sh("! dd if=/dev/zero of=/var/full bs=64k 2> /run/full; grep -q 'No space left' /run/full");
    }

    /// Makes room again.
    pub fn free_disk(&self) {
        self.sh("rm /var/full");
    }

    /// What it printed on its console.
    pub fn console(&self) -> String {
        self.machine.said()
    }

    /// Runs a script of the lab's with the host's control group and link.
    fn outside(&self, what: &str, script: &str) {
        let what = format!("{what} {}", self.name());
        must(self.space.script(&what, script, &[&self.machine.cgroup, &self.machine.link]));
    }
}

/// What a lab has of a host.
#[derive(Debug)]
pub struct Machine {
    pub name: String,
    pub address: String,
    pub public_key: String,
    link: String,
    cgroup: String,
    folder: PathBuf,
    running: Mutex<Option<Child>>,
    boots: Mutex<mpsc::Receiver<()>>,
    /// Hears that it has booted; told to end through `ears`.
    listener: Option<JoinHandle<()>>,
    ears: UnixDatagram,
}

impl Machine {
    /// Starts a host whose disk and network are there.
    pub fn start(
        space: &Space,
        folder: &Path,
        name: &str,
        address: String,
        public_key: String,
    ) -> Result<Self, LabError> {
        let number = address.rsplit('.').next().unwrap_or_default();
        let lab = folder.file_name().unwrap_or_default().to_string_lossy();
        let (boot, boots) = mpsc::channel();
        let ears = UnixDatagram::unbound();
        let mut machine = Self {
            name: name.to_owned(),
            link: format!("host{number}"),
            cgroup: format!("/sys/fs/cgroup/{lab}/{name}"),
            folder: folder.to_owned(),
            running: Mutex::new(None),
            boots: Mutex::new(boots),
            listener: None,
            ears: file(|| "make a socket".to_owned(), ears)?,
            address,
            public_key,
        };
        let path = machine.notify();
        let socket = file(|| format!("listen on {}", path.display()), UnixDatagram::bind(&path))?;
        file(|| format!("connect to {}", path.display()), machine.ears.connect(&path))?;
        machine.listener = Some(std::thread::spawn(move || listen(&socket, &boot)));
        machine.run(space)?;
        Ok(machine)
    }

    /// Runs it.
    fn run(&self, space: &Space) -> Result<(), LabError> {
        let lab = self.folder.file_name().unwrap_or_default();
        let path = self.console();
        let open = || File::options().create(true).append(true).open(&path);
        let console = file(|| format!("open {}", path.display()), open())?;
        let errors = file(|| format!("open {}", path.display()), console.try_clone())?;
        let mut command = space.command("sh");
        command.args(["-c", include_str!("script/run.sh"), "run"]).arg(lab).arg(&self.name);
        command.env("NOTIFY_SOCKET", self.notify()).stdout(console).stderr(errors);
        let child =
            command.spawn().map_err(|cause| LabError::Program { program: "nsenter".to_owned(), cause })?;
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        Ok(())
    }

    /// Waits until what runs it has ended.
    fn ended(&self) {
        if let Some(mut child) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = child.wait();
        }
    }

    /// Waits until it has booted.
    pub fn wait_for_boot(&self) -> Result<(), LabError> {
        let boots = self.boots.lock().unwrap_or_else(PoisonError::into_inner);
        boots.recv_timeout(BOOT).map_err(|_| LabError::NotUp {
            host: self.name.clone(),
            seconds: BOOT.as_secs(),
            console: self.said(),
        })
    }

    fn notify(&self) -> PathBuf {
        self.folder.join(format!("{}.notify", self.name))
    }

    fn console(&self) -> PathBuf {
        self.folder.join(format!("{}.console", self.name))
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.console()).unwrap_or_default()).into_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.ended();
        // The socket's file is gone with the lab's folder by now; the connection to it is not.
        let _ = self.ears.send(END);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

/// Tells of each time that a host says it has booted, until it is told to end.
fn listen(socket: &UnixDatagram, boot: &mpsc::Sender<()>) {
    let mut message = [0; 4096];
    // systemd says that it is ready after each reload as well; a boot is the first time after the container's start.
    let mut boots = false;
    while let Ok(length) = socket.recv(&mut message) {
        let message = &message[..length];
        if message == END {
            return;
        }
        for line in message.split(|byte| *byte == b'\n') {
            if line.starts_with(b"X_NSPAWN_LEADER_PID=") {
                boots = true;
            } else if line == b"READY=1" && std::mem::take(&mut boots) {
                let _ = boot.send(());
            }
        }
    }
}

/// What a lab does at a test's wish either happens or fails the test.
#[track_caller]
fn must<T>(result: Result<T, LabError>) -> T {
    result.unwrap_or_else(|why| panic!("{}", why.chain()))
}
