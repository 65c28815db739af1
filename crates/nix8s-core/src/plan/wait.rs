//! What is not done, why, and what it waits for. Nothing is ever not done in silence.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::model::MachineName;

/// Something that is wanted and cannot be done now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The machine that it concerns; `None`: the cluster.
    pub machine: Option<MachineName>,
    /// Why, for programs.
    pub cause: Cause,
    /// Why, and what a person can do about it.
    pub text: String,
    /// When planning again can help, if time alone does.
    pub until: Option<Timestamp>,
}

/// Why something waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A later version of nix8s does it.
    LaterVersion,
    /// A Node that is not ours and not in the configuration: reported, never touched.
    ForeignNode,
    /// `skip`: left alone.
    Skipped,
    /// Removed, and kept away until `node undelete`.
    Tombstone,
    /// Another system than the wanted one runs, or will after a restart, because somebody asked for that.
    AsAsked,
    /// A machine that was provisioned does not answer.
    Silent,
    /// A machine that was never provisioned does not answer.
    NotThereYet,
    /// Another host key.
    WrongKey,
    /// Erasing needs the user's word.
    NeedsErase,
    /// Not the machine that we know.
    NotOurMachine,
    /// The provisioner cannot take what runs there.
    WrongSystem,
    /// It failed, and is tried again later.
    BackOff,
    /// It failed for good, or too often.
    GivenUp,
    /// Something has to be known first that nobody could say.
    Unknown,
    /// Something else of the cluster comes first.
    Earlier,
    /// Too many would be down.
    Unavailable,
    /// etcd would lose its majority.
    Quorum,
    /// A system failed its gates; the roll halts.
    Halted,
    /// This machine's wanted system failed its gates before.
    BadSystem,
    /// The API would be away, or more machines affected than allowed: needs the user's word.
    NeedsPermit,
    /// More than one minor version, or backwards.
    VersionSkew,
    /// Not named by `--node` or `--phase`.
    NotNamed,
    /// Not Ready, and healing has been tried.
    NotReady,
    /// A pause between two machines of a roll.
    Pause,
}

/// What ends a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ends {
    /// It is information: nothing has to happen.
    Info,
    /// Time, or what runs already.
    Time,
    /// Somebody or something outside: a machine comes back, a person mends something.
    Outside,
    /// The user's leave: a flag, or policy.
    Permit,
}

impl Cause {
    /// What ends such a wait.
    pub fn ends(self) -> Ends {
        match self {
            Self::LaterVersion
            | Self::ForeignNode
            | Self::Skipped
            | Self::Tombstone
            | Self::AsAsked
            | Self::NotNamed => Ends::Info,
            Self::BackOff | Self::Earlier | Self::Unavailable | Self::Pause | Self::Quorum => Ends::Time,
            Self::Silent
            | Self::NotThereYet
            | Self::WrongKey
            | Self::NotOurMachine
            | Self::WrongSystem
            | Self::GivenUp
            | Self::Unknown
            | Self::Halted
            | Self::BadSystem
            | Self::VersionSkew
            | Self::NotReady => Ends::Outside,
            Self::NeedsErase | Self::NeedsPermit => Ends::Permit,
        }
    }
}
