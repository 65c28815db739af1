//! What will happen by itself: timers that are carried out in order when time passes them.

use nix8s_core::model::MachineName;
use serde::Deserialize;
use serde::Serialize;

use super::Key;
use super::Ms;
use super::World;

/// Something that will happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Due {
    /// What a machine boots is up; of which boot.
    Booted(MachineName, u32),
    /// A machine's Kubernetes starts, joins or tries again; of which start.
    Kubernetes(MachineName, u32),
    /// The API server believes what it heard, or did not hear, of a kubelet since then.
    Heartbeat(MachineName, Ms),
    /// A system is activated: of the switch with this nonce.
    Activate(MachineName, String),
    /// An armed switch goes back.
    GoBack(MachineName, String),
    /// A cut or a wrong clock ends.
    Mend(MachineName),
    /// An evicted pod is gone.
    PodGone(String),
    /// A fault of the world itself begins.
    Fault,
}

impl World {
    /// Lets something happen later.
    pub fn later(&mut self, after: Ms, due: Due) {
        let key = (self.now + after.max(0), self.fresh());
        self.dues.insert(key, due);
        self.note_changed(Key::Due(key));
    }

    /// Lets time pass: what is due happens at its own time, in order.
    pub fn advance(&mut self, now: Ms) {
        while let Some((&key, _)) = self.dues.first_key_value() {
            if key.0 > now {
                break;
            }
            let due = self.dues.remove(&key).expect("it was just seen");
            self.note_changed(Key::Due(key));
            self.now = self.now.max(key.0);
            self.happen(due);
            self.take_note();
        }
        self.now = self.now.max(now);
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Booted(name, boot) => self.booted(&name, boot),
            Due::Kubernetes(name, start) => self.kubernetes_due(&name, start),
            Due::Heartbeat(name, since) => self.heartbeat(&name, since),
            Due::Activate(name, nonce) => self.activate_armed(&name, &nonce),
            Due::GoBack(name, nonce) => self.go_back(&name, &nonce),
            Due::Mend(name) => self.refresh(&name),
            Due::PodGone(name) => self.pod_gone(&name),
            Due::Fault => self.world_fault(),
        }
    }
}
