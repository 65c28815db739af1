//! Who says yes: a person at the terminal, policy, or nobody.

use std::io::BufRead;
use std::io::IsTerminal;

use async_trait::async_trait;
use nix8s_core::model::Cluster;
use nix8s_core::model::Policy;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Plan;
use nix8s_core::plan::Step;
use nix8s_engine::converge::Answer;
use nix8s_engine::converge::Consent;
use serde_json::json;

use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::output::Output;
use crate::report::json as document;
use crate::report::plan;
use crate::report::plan::View;
use crate::report::screen::Screen;
use crate::report::words;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The person at the terminal.
    Person,
    /// The policy of the configuration, and the flags.
    Policy(Leave),
    /// Nobody is there.
    Nobody,
}

/// What policy and flags allow without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leave {
    /// The policy.
    pub policy: Policy,
    /// The flags name what may be erased.
    pub erase_named: bool,
}

impl Leave {
    fn allows(self, risk: Risk) -> bool {
        match risk {
            Risk::None => true,
            Risk::Interrupts => self.policy.interrupt,
            Risk::Removes => self.policy.remove,
            // Planning never erases what no flag names; naming it is the word that is needed.
            Risk::Erases => self.policy.erase || self.erase_named,
        }
    }

    /// The greatest risk up to which everything is allowed: a later plan beyond it is asked about again.
    fn covers(self) -> Risk {
        let all = [Risk::Interrupts, Risk::Removes, Risk::Erases];
        all.into_iter().take_while(|risk| self.allows(*risk)).last().unwrap_or(Risk::None)
    }
}

/// Shows plans and asks.
pub struct Asker<'a> {
    /// Where plans are shown.
    pub screen: &'a Screen<'a>,
    /// How they are shown.
    pub out: &'a Output,
    /// Whose plans.
    pub cluster: &'a Cluster,
    /// Who is asked.
    pub asked: Asked,
}

/// Who is asked, given `--yes` or not.
pub fn who(yes: Option<Leave>) -> Asked {
    match yes {
        Some(leave) => Asked::Policy(leave),
        None if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => Asked::Person,
        None => Asked::Nobody,
    }
}

#[async_trait]
impl Consent for Asker<'_> {
    async fn ask(&mut self, plan: &Plan, forecast: &[Step], risk: Risk) -> Answer {
        self.show(plan, forecast);
        match self.asked {
            Asked::Nobody => Answer::No,
            Asked::Policy(leave) => {
                let refused = plan.steps.iter().any(|step| !leave.allows(step.risk));
                let now = plan.steps.iter().map(|step| step.risk).max().unwrap_or(Risk::None);
                if refused { Answer::No } else { Answer::UpTo(leave.covers().max(now)) }
            }
            Asked::Person => self.screen.aside(|| question(self.out, risk)),
        }
    }
}

impl Asker<'_> {
    fn show(&self, plan: &Plan, forecast: &[Step]) {
        let view = View { cluster: self.cluster, plan, forecast };
        match self.out.format {
            Format::Text => {
                self.screen.data(&format!("{}\n", plan::render(&[view], self.out.detail, self.out.paint)));
            }
            Format::Json => {
                self.screen.json(&json!({
                    "type": "plan",
                    "version": document::VERSION,
                    "plan": document::plan(view),
                }));
            }
        }
    }
}

fn question(out: &Output, risk: Risk) -> Answer {
    let paint = out.paint_err;
    let what = match risk {
        Risk::None => paint.bold("Carry this out?"),
        Risk::Interrupts => paint.yellow("Carry this out? Running things are interrupted."),
        Risk::Removes => paint.yellow("Carry this out? Members leave the cluster."),
        Risk::Erases => paint.red("Carry this out? Disks that hold something are erased."),
    };
    out.ask(&format!("{what} [y/N] "));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    let yes = read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if yes { Answer::UpTo(risk) } else { Answer::No }
}

/// Why a plan was not consented to.
pub fn refusal(asked: Asked, risk: Risk) -> CliError {
    match asked {
        Asked::Person => CliError::new(Exit::Refused, "the plan was not carried out, as you wish"),
        Asked::Nobody => CliError::new(Exit::Refused, "there is nobody to ask: this is not a terminal")
            .hint("`--yes` carries out what `policy` in the configuration allows."),
        Asked::Policy(_) => {
            let message =
                format!("the plan {}, and policy does not allow that without a person", words::risk(risk));
            let error = CliError::new(Exit::Refused, message);
            match key(risk) {
                Some(key) => {
                    error.hint(format!("Run it on a terminal without --yes, or set `policy.{key}: true`."))
                }
                None => error,
            }
        }
    }
}

fn key(risk: Risk) -> Option<&'static str> {
    match risk {
        Risk::None => None,
        Risk::Interrupts => Some("interrupt"),
        Risk::Removes => Some("remove"),
        Risk::Erases => Some("erase"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leave(interrupt: bool, remove: bool, erase: bool) -> Leave {
        Leave { policy: Policy { interrupt, remove, erase, max_affected: None }, erase_named: false }
    }

    #[test]
    fn policy_covers_only_as_far_as_everything_below_is_allowed() {
        assert_eq!(leave(false, true, true).covers(), Risk::None);
        assert_eq!(leave(true, false, true).covers(), Risk::Interrupts);
        assert_eq!(leave(true, true, false).covers(), Risk::Removes);
        assert_eq!(leave(true, true, true).covers(), Risk::Erases);
    }

    #[test]
    fn a_machine_named_by_a_flag_may_be_erased() {
        let named = Leave { erase_named: true, ..leave(true, false, false) };
        assert!(named.allows(Risk::Erases));
        assert!(!named.allows(Risk::Removes));
    }
}
