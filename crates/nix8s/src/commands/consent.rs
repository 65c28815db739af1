//! Who says yes: a person at the terminal, policy, or nobody.

use std::io::BufRead;
use std::io::IsTerminal;

use async_trait::async_trait;
use nix8s_core::model::Cluster;
use nix8s_core::permit::Risk;
use nix8s_core::plan::Plan;
use nix8s_core::plan::Step;
use nix8s_engine::converge::Answer;
use nix8s_engine::converge::Consent;
use serde_json::json;

use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;
use crate::output::Format;
use crate::output::Output;
use crate::report::json as document;
use crate::report::plan;
use crate::report::plan::View;
use crate::report::screen::Screen;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The person at the terminal.
    Person,
    /// Nobody: what policy and the flags do not allow is not planned in the first place.
    Policy,
    /// Nobody is there.
    Nobody,
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
pub fn who(yes: bool) -> Asked {
    match yes {
        true => Asked::Policy,
        false if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => Asked::Person,
        false => Asked::Nobody,
    }
}

#[async_trait]
impl Consent for Asker<'_> {
    async fn ask(&mut self, plan: &Plan, forecast: &[Step], risk: Risk) -> Answer {
        self.show(plan, forecast);
        match self.asked {
            Asked::Nobody => Answer::No,
            Asked::Policy => Answer::UpTo(Risk::Erases),
            Asked::Person => self.screen.aside(|| question(self.out, risk)),
        }
    }
}

impl Asker<'_> {
    fn show(&self, plan: &Plan, forecast: &[Step]) {
        let view = View { cluster: self.cluster, plan, forecast };
        match self.out.format {
            Format::Text => {
                let plan = plan::render(&[view], self.out.detail, self.out.paint);
                // The headline alone needs no line of its own below it.
                let gap = if self.out.detail == Detail::Quiet { "" } else { "\n" };
                self.screen.data(&format!("{plan}{gap}"));
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
pub fn refusal(asked: Asked) -> CliError {
    match asked {
        Asked::Person => CliError::new(Exit::Refused, "the plan was not carried out, as you wish"),
        Asked::Policy | Asked::Nobody => {
            CliError::new(Exit::Refused, "there is nobody to ask: this is not a terminal")
                .hint("`--yes` carries out what `policy` in the configuration allows.")
        }
    }
}
