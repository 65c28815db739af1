//! Where reconcilers put steps and waits; back-off and limits are applied here, once, for all of them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::cx::Cx;
use super::cx::View;
use super::script;
use super::script::Belongs;
use crate::model::MachineName;
use crate::past::Failures;
use crate::permit::Risk;
use crate::plan::Cause;
use crate::plan::Effect;
use crate::plan::EffectKind;
use crate::plan::Ends;
use crate::plan::FailureClass;
use crate::plan::Step;
use crate::plan::StepId;
use crate::plan::Wait;

/// Failures in a row after which a step is not tried again by itself. With the back-off it takes about 40 minutes
/// to get there: longer than any reboot or network repair that nobody has to be told of.
pub const ATTEMPTS_MAX: u32 = 12;

/// A plan being written.
pub struct Out<'c, 'a> {
    cx: &'c Cx<'a>,
    by: &'static str,
    steps: Vec<Step>,
    waits: Vec<Wait>,
    waiting: BTreeSet<(Option<MachineName>, Cause)>,
    ids: BTreeSet<StepId>,
    /// The orders of the phases that something is planned for.
    phases: BTreeSet<u32>,
}

/// An effect with its reason, on its way to becoming a step.
pub type Link = (Effect, String);

impl<'c, 'a> Out<'c, 'a> {
    /// Nothing yet.
    pub fn new(cx: &'c Cx<'a>) -> Self {
        let (steps, waits) = (Vec::new(), Vec::new());
        Self {
            cx,
            by: "",
            steps,
            waits,
            waiting: BTreeSet::new(),
            ids: BTreeSet::new(),
            phases: BTreeSet::new(),
        }
    }

    /// Names the reconciler that writes from now on.
    pub fn by(&mut self, reconciler: &'static str) {
        self.by = reconciler;
    }

    /// What was written.
    pub fn into_parts(self) -> (Vec<Step>, Vec<Wait>) {
        (self.steps, self.waits)
    }

    /// Whether a step of this kind is planned for anybody.
    pub fn has(&self, kind: EffectKind) -> bool {
        self.steps.iter().any(|s| s.effect.kind() == kind)
    }

    /// How many steps of this kind are planned.
    pub fn count(&self, kind: EffectKind) -> usize {
        self.steps.iter().filter(|s| s.effect.kind() == kind).count()
    }

    /// Whether a step of this kind is planned for this machine.
    pub fn plans(&self, kind: EffectKind, machine: &MachineName) -> bool {
        self.steps.iter().any(|s| s.effect.kind() == kind && s.effect.machine() == Some(machine))
    }

    /// Plans one step, unless it failed lately: then it waits. Returns whether it was planned.
    pub fn step(&mut self, risk: Risk, effect: Effect, reason: String) -> bool {
        self.chain(risk, vec![(effect, reason)])
    }

    /// Plans steps of which each needs the one before. If any of them has to wait, none is begun.
    pub fn chain(&mut self, risk: Risk, links: Vec<Link>) -> bool {
        for (effect, _) in &links {
            if let Some((cause, text, until)) = blocked(self.cx, effect.machine(), effect.kind()) {
                self.wait_until(effect.machine(), cause, text, until);
                return false;
            }
        }
        let risks = links.iter().map(|(effect, _)| (effect.machine(), risk_of(effect, risk)));
        if let Some((Some(machine), risk)) = risks.clone().find(|(_, risk)| !self.cx.permit.allows(*risk)) {
            self.wait(Some(machine), Cause::NeedsPermit, denied(machine, risk));
            return false;
        }
        // Two reconcilers may ask for the same; it is done once.
        if links.iter().any(|(effect, _)| self.ids.contains(&effect.id())) {
            return false;
        }
        if !self.is_its_phase(&links) {
            return false;
        }
        self.write(risk, script::around(self.cx, links), Vec::new());
        true
    }

    /// Plans scripts one after another, for each machine on its own; what is planned already is not repeated.
    /// Each comes after the steps that are named with it, too.
    pub fn scripts(&mut self, scripts: Vec<(Link, Vec<StepId>)>) {
        let mut last: BTreeMap<Option<MachineName>, StepId> = BTreeMap::new();
        for (link, mut after) in scripts {
            let (machine, id) = (link.0.machine().cloned(), link.0.id());
            after.extend(
                last.get(&machine).filter(|id| !after.contains(id)).cloned().into_iter().collect::<Vec<_>>(),
            );
            self.write(Risk::None, vec![link], after);
            last.insert(machine, id);
        }
    }

    /// Puts steps down, each after the one before it.
    fn write(&mut self, risk: Risk, links: Vec<Link>, mut before: Vec<StepId>) {
        for (effect, reason) in links {
            let id = effect.id();
            // A script that is planned already, for the cluster or on behalf of another chain of this machine.
            if self.ids.contains(&id) {
                before.push(id);
                continue;
            }
            let mut after = std::mem::take(&mut before);
            after.extend(self.must_follow(&effect));
            self.ids.insert(id.clone());
            before.push(id.clone());
            let is_script = effect.kind() == EffectKind::RunScript;
            let by = if is_script { "script" } else { self.by }.to_owned();
            let risk = risk_of(&effect, risk);
            self.steps.push(Step { id, effect, reason, by, risk, after });
        }
    }

    /// Whether a chain may be begun in the phase that it is. What was begun on a machine goes on in any.
    fn is_its_phase(&mut self, links: &[Link]) -> bool {
        let Belongs::To(phase) = script::belongs(links) else { return true };
        let cx = self.cx;
        let machine = links.iter().find_map(|(effect, _)| effect.machine());
        let begun = machine.and_then(|name| cx.of(name)).is_some_and(|v| v.is_our_cordon() || v.is_armed());
        // Secrets are made in the phase that first needs them.
        let needed = links.iter().any(|(effect, _)| effect.kind() == EffectKind::GenerateSecrets);
        let others = |only: &&String| *only != phase && !begun && !(needed && *only == "provisioning");
        if let Some(only) = cx.permit.phase.as_ref().filter(others) {
            self.other_phase(phase, only);
            return false;
        }
        let order = script::order(cx, phase);
        if let Some(barrier) = cx.barrier.as_ref().filter(|barrier| order > barrier.order && !begun) {
            let what = machine.map_or("what follows", MachineName::as_str);
            self.wait(machine, Cause::Earlier, format!("{what}: {phase} {}", barrier.text()));
            return false;
        }
        self.phases.insert(order);
        true
    }

    /// Says, once, that something belongs to another phase than the one that is named.
    fn other_phase(&mut self, phase: &str, only: &str) {
        let text = format!("something is to be done in the phase {phase}, and --phase names {only}");
        if self.waiting.insert((None, Cause::NotNamed)) {
            self.waits.push(Wait { machine: None, cause: Cause::NotNamed, text, until: None });
        }
    }

    /// Whether somebody has to wait for what is said now: what belongs to another phase than the named one holds nobody.
    fn is_awaited(&mut self, cause: Cause) -> bool {
        let cx = self.cx;
        let (Some(only), Some(phase)) = (&cx.permit.phase, script::phase_of_reconciler(self.by)) else {
            return true;
        };
        if only == phase || cause.ends() == Ends::Info {
            return true;
        }
        self.other_phase(phase, only);
        false
    }

    /// Whether anything is planned for a phase with one of these orders.
    pub fn has_phase(&self, orders: std::ops::RangeInclusive<u32>) -> bool {
        self.phases.range(orders).next().is_some()
    }

    /// A machine's secrets exist before it is given them, its membership data is there before it joins.
    fn must_follow(&self, effect: &Effect) -> Option<StepId> {
        let id = match effect {
            Effect::Install { .. } | Effect::Adopt { .. } => EffectKind::GenerateSecrets.as_str().to_owned(),
            Effect::Join { machine, .. } | Effect::Init { machine } => {
                format!("{}:{machine}", EffectKind::WriteMembership.as_str())
            }
            _ => return None,
        };
        self.ids.contains(&id).then_some(id)
    }

    /// Waits for something that time alone does not bring.
    pub fn wait(&mut self, machine: Option<&MachineName>, cause: Cause, text: String) {
        self.wait_until(machine, cause, text, None);
    }

    /// Says something about the cluster that may be said of several things for the same cause.
    pub fn wait_each(&mut self, cause: Cause, text: String) {
        if !self.is_awaited(cause) {
            return;
        }
        self.waits.push(Wait { machine: None, cause, text, until: None });
    }

    /// Waits until then. A machine waits for the same cause once.
    pub fn wait_until(
        &mut self,
        machine: Option<&MachineName>,
        cause: Cause,
        text: String,
        until: Option<Timestamp>,
    ) {
        if !self.is_awaited(cause) {
            return;
        }
        if self.waiting.insert((machine.cloned(), cause)) {
            self.waits.push(Wait { machine: machine.cloned(), cause, text, until });
        }
    }
}

/// What a step of a chain does to running things: some only accompany those that do.
fn risk_of(effect: &Effect, chain: Risk) -> Risk {
    if effect.interrupts() || chain == Risk::Erases { chain } else { Risk::None }
}

/// Why something is not done though nothing else speaks against it: policy forbids it without a person.
pub fn denied(name: &MachineName, risk: Risk) -> String {
    let (what, key) = match risk {
        Risk::None => ("be worked on", "interrupt"),
        Risk::Interrupts => ("be interrupted", "interrupt"),
        Risk::Removes => ("leave", "remove"),
        Risk::Erases => ("be erased", "erase"),
    };
    format!(
        "{name} would {what}, and policy does not allow that without a person: `policy.{key}: true`, or `nix8s apply` \
         on a terminal without --yes"
    )
}

/// Why a step of this kind has to wait on this machine, if it has to.
pub fn blocked(
    cx: &Cx<'_>,
    machine: Option<&MachineName>,
    kind: EffectKind,
) -> Option<(Cause, String, Option<Timestamp>)> {
    if cx.foresee {
        return None;
    }
    if let Some((cause, text)) = machine.and_then(|name| script::failed_before(cx, name, kind)) {
        return Some((cause, text, None));
    }
    let past = &cx.seen.past;
    let failures = match machine {
        Some(name) => past.machines.get(name)?.failures.get(&kind)?,
        None => past.failures.get(&kind)?,
    };
    let Failures { count, last, class, message } = failures;
    let (name, what) = (machine.map_or(cx.cluster.name.as_str(), MachineName::as_str), kind.as_str());
    // What concerns the cluster is forgiven with any of its machines.
    let any = machine.or_else(|| cx.cluster.machines.keys().next()).map_or(name, MachineName::as_str);
    let retry = format!("mend it, then `nix8s node retry {any}`");
    if *class == FailureClass::Permanent {
        return Some((Cause::GivenUp, format!("{what} failed on {name}: {message}; {retry}"), None));
    }
    if *count >= ATTEMPTS_MAX {
        let text = format!("{what} failed on {name} {count} times in a row, last: {message}; {retry}");
        return Some((Cause::GivenUp, text, None));
    }
    let until = cx.retry_at(*last, *count, name)?;
    let text =
        format!("{what} failed on {name} (attempt {count} of {ATTEMPTS_MAX}): {message}; it is tried again");
    Some((Cause::BackOff, text, Some(until)))
}

/// Whether a machine could be updated if it were its turn: nothing that an update needs was given up.
pub fn is_able(cx: &Cx<'_>, view: &View<'_>) -> bool {
    [EffectKind::Build, EffectKind::Copy, EffectKind::Drain, EffectKind::Switch, EffectKind::CheckGates]
        .into_iter()
        .all(|kind| !matches!(blocked(cx, Some(view.name), kind), Some((Cause::GivenUp, ..))))
}
