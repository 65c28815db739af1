//! A switch that undoes itself (rule 12): what each of its moments comes to.
//!
//! It is armed before anything is activated: from then on a timer brings the machine back unless somebody who came over a new
//! connection has confirmed with the nonce of this switch. A system that can be activated as it runs is not made the one
//! that is booted before it is confirmed, so that a machine that loses power comes back with the system before. One that
//! needs a boot is made it for that one boot.

use serde::Deserialize;
use serde::Serialize;

use crate::model::Reboot;
use crate::model::StorePath;

/// What is kept on the machine while a switch is not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Armed {
    /// Who may confirm: whoever says this.
    pub nonce: String,
    /// The system that is being activated.
    pub to: StorePath,
    /// The system that ran before.
    pub from: StorePath,
    /// The system that was booted by default before.
    pub default: StorePath,
    /// How.
    pub way: Way,
    /// Whether what is booted by default stays as it was, also when it is confirmed.
    #[serde(default)]
    pub test: bool,
    /// How long it waits for its confirmation, in seconds.
    pub window: u64,
    /// Since which boot of the machine (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
}

/// How long a system that is activated as the machine runs waits for its confirmation, in seconds. Whoever confirms tries every
/// few seconds; a switch port that was down may take half a minute until it forwards (IEEE 802.1D: twice 15 s).
pub const CONFIRMED_WITHIN: u64 = 120;

/// How a system comes to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Activated as the machine runs.
    Live,
    /// By booting it.
    Boot,
    /// With the next boot, whenever that is: what it changes cannot be activated, and rebooting is not allowed.
    Later,
}

/// How a switch ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Which switch.
    pub nonce: String,
    /// The system that was being activated.
    pub to: StorePath,
    /// Why the machine went back; `None`: it was confirmed.
    pub back: Option<String>,
}

/// What a kernel and its boot are made of, as links of a system: `kernel`, `initrd`, `kernel-modules`, `kernel-params`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Boot {
    /// What each leads to; `None` where there is no such link.
    pub links: Vec<Option<String>>,
}

/// How a system is to come to run, given what the machine booted and what the system would boot.
pub fn way(reboot: Reboot, booted: &Boot, wanted: &Boot) -> Way {
    match reboot {
        Reboot::Always => Way::Boot,
        Reboot::Auto if booted != wanted => Way::Boot,
        Reboot::Auto | Reboot::Never => Way::Live,
    }
}

/// What an activation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activated {
    /// It runs.
    Yes,
    /// It runs, and some unit does not: whether that matters, gates say.
    WithFailedUnits,
    /// Only a boot can activate it.
    NeedsBoot,
    /// It does not run, or not as it should.
    No(String),
}

/// Reads the exit status of `switch-to-configuration`.
pub fn activated(status: i32) -> Activated {
    match status {
        0 => Activated::Yes,
        4 => Activated::WithFailedUnits,
        100 => Activated::NeedsBoot,
        2 => Activated::No("its activation script failed".to_owned()),
        status => Activated::No(format!("switch-to-configuration ended with {status}")),
    }
}

/// What comes of a confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// The system stays.
    Now,
    /// It was confirmed before.
    Already,
    /// The machine has gone back.
    TooLate(String),
    /// The system does not run yet.
    NotYet,
    /// No switch has this nonce.
    Unknown,
}

/// Decides about a confirmation: only whoever knows the nonce of the switch that is armed can confirm it, and only once the
/// system runs.
pub fn confirmed(
    armed: Option<&Armed>,
    ended: Option<&Ended>,
    nonce: &str,
    running: &StorePath,
) -> Confirmed {
    if let Some(armed) = armed.filter(|armed| armed.nonce == nonce) {
        let runs = armed.way == Way::Later || armed.to == *running;
        return if runs { Confirmed::Now } else { Confirmed::NotYet };
    }
    match ended.filter(|ended| ended.nonce == nonce) {
        Some(Ended { back: None, .. }) => Confirmed::Already,
        Some(Ended { back: Some(why), .. }) => Confirmed::TooLate(why.clone()),
        None => Confirmed::Unknown,
    }
}

/// What a machine that has booted while a switch was armed makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterBoot {
    /// It has not been booted since: an activation starts what a boot starts, also that of the way back.
    Nothing,
    /// The new system runs, and waits for its confirmation once more.
    Waits,
    /// The system before runs: that was the way back.
    WentBack,
}

/// Decides what a boot means.
pub fn after_boot(armed: &Armed, running: &StorePath, boot: &str) -> AfterBoot {
    match (armed.boot == boot, armed.to == *running) {
        (true, _) => AfterBoot::Nothing,
        (false, true) => AfterBoot::Waits,
        (false, false) => AfterBoot::WentBack,
    }
}

/// How the machine goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// The system before is activated.
    Activate,
    /// Nothing was activated: it is only made the default again.
    Nothing,
    /// It is made the default again and booted.
    Reboot,
}

/// Decides how to go back.
pub fn back(armed: &Armed, running: &StorePath) -> Back {
    match armed.way {
        // Whatever `/run/current-system` says: an activation that was killed in the middle may have done anything.
        Way::Live => Back::Activate,
        Way::Boot if armed.to == *running && armed.from != *running => Back::Reboot,
        Way::Boot | Way::Later => Back::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> StorePath {
        StorePath::new(&format!("/nix/store/{name}-nixos-system"))
    }

    fn armed(way: Way) -> Armed {
        let (to, from) = (path("new"), path("old"));
        Armed {
            nonce: "n".to_owned(),
            to,
            default: from.clone(),
            from,
            way,
            test: false,
            window: 600,
            boot: "b1".to_owned(),
        }
    }

    fn ended(back: Option<&str>) -> Ended {
        Ended { nonce: "n".to_owned(), to: path("new"), back: back.map(str::to_owned) }
    }

    #[test]
    fn rule_12_only_the_nonce_of_the_armed_switch_confirms_it() {
        let live = armed(Way::Live);
        let is = |armed: Option<&Armed>, ended: Option<&Ended>, nonce: &str, running: &str| {
            confirmed(armed, ended, nonce, &path(running))
        };
        assert_eq!(is(Some(&live), None, "n", "new"), Confirmed::Now);
        assert_eq!(is(Some(&live), None, "x", "new"), Confirmed::Unknown);
        assert_eq!(is(Some(&live), None, "", "new"), Confirmed::Unknown);
        // A confirmation that is repeated, or comes too late.
        assert_eq!(is(None, Some(&ended(None)), "n", "new"), Confirmed::Already);
        let late = Confirmed::TooLate("late".to_owned());
        assert_eq!(is(None, Some(&ended(Some("late"))), "n", "old"), late);
        assert_eq!(
            is(Some(&Armed { nonce: "m".to_owned(), ..live }), Some(&ended(None)), "n", "new"),
            Confirmed::Already
        );
        assert_eq!(is(None, None, "n", "new"), Confirmed::Unknown);
    }

    #[test]
    fn rule_12_a_system_that_does_not_run_yet_is_not_confirmed() {
        let boot = armed(Way::Boot);
        assert_eq!(
            confirmed(Some(&boot), None, "n", &path("old")),
            Confirmed::NotYet,
            "it has not rebooted yet"
        );
        assert_eq!(confirmed(Some(&boot), None, "n", &path("new")), Confirmed::Now);
        assert_eq!(confirmed(Some(&armed(Way::Live)), None, "n", &path("old")), Confirmed::NotYet);
        assert_eq!(confirmed(Some(&armed(Way::Later)), None, "n", &path("old")), Confirmed::Now);
    }

    #[test]
    fn a_boot_shows_whether_the_machine_went_back() {
        assert_eq!(after_boot(&armed(Way::Boot), &path("new"), "b2"), AfterBoot::Waits);
        // Also the boot of a machine that lost power while a system was only activated.
        assert_eq!(after_boot(&armed(Way::Live), &path("old"), "b2"), AfterBoot::WentBack);
        assert_eq!(after_boot(&armed(Way::Live), &path("old"), "b1"), AfterBoot::Nothing);
    }

    #[test]
    fn the_way_back_is_that_of_the_way_there() {
        let to = |way, running: &str| back(&armed(way), &path(running));
        assert_eq!(to(Way::Live, "new"), Back::Activate);
        assert_eq!(to(Way::Live, "old"), Back::Activate, "an activation that was broken off");
        assert_eq!(to(Way::Boot, "new"), Back::Reboot);
        assert_eq!(to(Way::Boot, "old"), Back::Nothing, "it never came to the reboot");
        assert_eq!(to(Way::Later, "old"), Back::Nothing);
        let same = Armed { from: path("new"), ..armed(Way::Boot) };
        assert_eq!(back(&same, &path("new")), Back::Nothing, "the same system, only rebooted");
    }

    #[test]
    fn a_reboot_follows_from_what_is_booted() {
        let boot = |kernel: &str| Boot { links: vec![Some(kernel.to_owned()), None] };
        assert_eq!(way(Reboot::Auto, &boot("a"), &boot("a")), Way::Live);
        assert_eq!(way(Reboot::Auto, &boot("a"), &boot("b")), Way::Boot);
        assert_eq!(way(Reboot::Never, &boot("a"), &boot("b")), Way::Live);
        assert_eq!(way(Reboot::Always, &boot("a"), &boot("a")), Way::Boot);
    }

    /// Not every status but 0 is a failure to deploy (switch-to-configuration-ng).
    #[test]
    fn exit_statuses_of_an_activation() {
        assert_eq!(activated(0), Activated::Yes);
        assert_eq!(activated(4), Activated::WithFailedUnits);
        assert_eq!(activated(100), Activated::NeedsBoot);
        assert!(matches!(activated(1), Activated::No(_)) && matches!(activated(2), Activated::No(_)));
        assert!(matches!(activated(137), Activated::No(_)));
    }
}
