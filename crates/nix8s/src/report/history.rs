//! What happened in runs, told from the event log: for each run who did what from when to when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nix8s_core::event::Event;
use nix8s_core::event::What;
use nix8s_core::model::MachineName;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Effect;
use nix8s_core::plan::EffectKind;
use nix8s_core::plan::FailureClass;
use serde::Serialize;

use crate::report::words;

/// One run of nix8s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// The command, for example `apply`; what a person recorded in between has the command that did so.
    pub command: String,
    /// When it began.
    pub from: Timestamp,
    /// When it ended, or when it was last heard of.
    pub to: Timestamp,
    /// How it ended; `None`: it was killed, or still runs.
    pub outcome: Option<String>,
    /// What was done to machines.
    pub machines: BTreeMap<MachineName, Vec<Span>>,
    /// What was done for the cluster as a whole.
    pub cluster: Vec<Span>,
    /// What was seen and asked meanwhile.
    pub marks: Vec<Mark>,
    /// What was waited for, as it began.
    pub waits: Vec<Waited>,
}

/// A time that something was waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waited {
    /// The machine; `None`: the cluster.
    pub machine: Option<MachineName>,
    /// Why, for programs.
    pub cause: Cause,
    /// Why, as it was said when it began.
    pub text: String,
    /// When it began.
    pub from: Timestamp,
    /// When it ended, or its run did.
    pub to: Timestamp,
    /// Whether it ended before its run did.
    pub is_over: bool,
}

/// A step, from its beginning to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    /// What kind of step.
    pub kind: EffectKind,
    /// What it did, in words.
    pub words: String,
    /// When it began.
    pub from: Timestamp,
    /// When it ended, or when its run was last heard of.
    pub to: Timestamp,
    /// What became of it.
    pub end: End,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It was carried out.
    Done {
        /// What there is to say about it.
        note: Option<String>,
    },
    /// It failed.
    Failed {
        /// What came back.
        message: String,
        /// What to try.
        hint: Option<String>,
        /// Whether it is not tried again by itself.
        for_good: bool,
    },
    /// Nobody knows: the run ended before it did.
    Unknown,
}

/// A moment at which something was seen or asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// The machine; `None`: the cluster.
    pub machine: Option<MachineName>,
    /// What.
    pub text: String,
    /// Whether it is bad news.
    pub is_bad: bool,
}

impl Run {
    /// Every span with its machine.
    pub fn spans(&self) -> impl Iterator<Item = (Option<&MachineName>, &Span)> {
        let of_machines =
            self.machines.iter().flat_map(|(name, spans)| spans.iter().map(move |span| (Some(name), span)));
        self.cluster.iter().map(|span| (None, span)).chain(of_machines)
    }

    /// What failed, oldest first.
    pub fn failures(&self) -> Vec<(Option<&MachineName>, &Span)> {
        let mut failed: Vec<_> =
            self.spans().filter(|(_, span)| matches!(span.end, End::Failed { .. })).collect();
        failed.sort_by_key(|(_, span)| span.to);
        failed
    }

    fn begin(event: &Event, command: &str) -> Self {
        Self {
            id: event.run.clone(),
            command: command.to_owned(),
            from: event.at,
            to: event.at,
            outcome: None,
            machines: BTreeMap::new(),
            cluster: Vec::new(),
            marks: Vec::new(),
            waits: Vec::new(),
        }
    }

    fn row(&mut self, effect: &Effect) -> &mut Vec<Span> {
        match effect.machine() {
            Some(machine) => self.machines.entry(machine.clone()).or_default(),
            None => &mut self.cluster,
        }
    }

    /// Ends the step of this effect that began last; one whose beginning is not in the log has no length.
    fn close(&mut self, effect: &Effect, at: Timestamp, end: End) {
        let words = words::effect(effect);
        let row = self.row(effect);
        let open = row.iter_mut().rev().find(|span| span.end == End::Unknown && span.kind == effect.kind());
        match open {
            Some(span) => {
                span.to = at;
                span.end = end;
            }
            None => row.push(Span { kind: effect.kind(), words, from: at, to: at, end }),
        }
    }

    fn mark(&mut self, event: &Event, text: impl Into<String>, news: News) {
        let machine = crate::report::event::machine(&event.what).cloned();
        self.marks.push(Mark { at: event.at, machine, text: text.into(), is_bad: news == News::Bad });
    }

    fn take_in(&mut self, event: &Event) {
        self.to = self.to.max(event.at);
        match &event.what {
            What::RunStarted { .. } => {}
            What::RunEnded { outcome } => self.outcome = Some(outcome.clone()),
            What::Started { effect } => {
                let span = Span {
                    kind: effect.kind(),
                    words: words::effect(effect),
                    from: event.at,
                    to: event.at,
                    end: End::Unknown,
                };
                self.row(effect).push(span);
            }
            What::Done { effect, note, .. } => self.close(effect, event.at, End::Done { note: note.clone() }),
            What::Failed { effect, failure } => {
                let end = End::Failed {
                    message: failure.message.clone(),
                    hint: failure.hint.clone(),
                    for_good: failure.class == FailureClass::Permanent,
                };
                self.close(effect, event.at, end);
            }
            What::Held { effect, why } => {
                let text = format!("{} is held up: {why}", words::verb(effect.kind()));
                self.mark(event, text, News::Bad);
            }
            What::Recognised { .. } => self.mark(event, "carries our identity mark", News::Good),
            What::Joined { role, .. } => self.mark(event, format!("is a node ({role})"), News::Good),
            What::ClusterFound => self.mark(event, "the cluster exists", News::Good),
            What::ApiLost => self.mark(event, "the API server does not answer", News::Bad),
            What::ApiBack => self.mark(event, "the API server answers again", News::Good),
            What::LostSight { .. } => self.mark(event, "does not answer", News::Bad),
            What::Sighted { .. } => self.mark(event, "answers again", News::Good),
            What::NotReady { .. } => self.mark(event, "its node is not Ready", News::Bad),
            What::Ready { .. } => self.mark(event, "its node is Ready again", News::Good),
            What::MarkedDelete { lost: false, .. } => self.mark(event, "asked: let it leave", News::Good),
            What::MarkedDelete { lost: true, .. } => {
                self.mark(event, "asked: let it leave; it is lost", News::Good);
            }
            What::Undeleted { .. } => self.mark(event, "asked: keep it, or let it come back", News::Good),
            What::Retry { .. } => self.mark(event, "asked: try again what was given up", News::Good),
            What::WaitBegan { machine, cause, text } => self.waits.push(Waited {
                machine: machine.clone(),
                cause: *cause,
                text: text.clone(),
                from: event.at,
                to: event.at,
                is_over: false,
            }),
            What::WaitEnded { machine, cause, .. } => {
                let is_it =
                    |wait: &&mut Waited| !wait.is_over && wait.machine == *machine && wait.cause == *cause;
                if let Some(wait) = self.waits.iter_mut().rev().find(is_it) {
                    wait.to = event.at;
                    wait.is_over = true;
                }
            }
            What::HooksKnown { .. } => {}
            What::Rebuild { .. } => self.mark(event, "asked: roll its system out again", News::Good),
            What::Reinstall { scope: Some(_), .. } => {
                self.mark(event, "asked: erase it and install it once more", News::Good);
            }
            What::Reinstall { scope: None, .. } => {
                self.mark(event, "asked: keep it as it is installed", News::Good);
            }
            What::Migrated { from, .. } => {
                self.mark(event, format!("taken over from the state in {from}"), News::Good);
            }
        }
    }

    /// Steps that nobody heard of again, and waits, went on until the run was last heard of, as far as anybody can say.
    fn finish(mut self) -> Self {
        let to = self.to;
        for span in self.machines.values_mut().flatten().chain(&mut self.cluster) {
            if span.end == End::Unknown {
                span.to = to;
            }
        }
        for wait in self.waits.iter_mut().filter(|wait| !wait.is_over) {
            wait.to = to;
        }
        self
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    Good,
    Bad,
}

/// The runs that these events tell of, oldest first.
pub fn runs(events: &[Event]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for event in events {
        let is_new = runs.last().is_none_or(|run| run.id != event.run);
        match &event.what {
            What::RunStarted { command } => runs.push(Run::begin(event, command)),
            _ if is_new => {
                // What a person recorded between runs is named after the command: `node-retry`.
                let command = event.run.split_once('-').map_or("", |_| event.run.as_str());
                runs.push(Run::begin(event, &command.replace('-', " ")));
            }
            _ => {}
        }
        if let Some(run) = runs.last_mut() {
            run.take_in(event);
        }
    }
    runs.into_iter().map(Run::finish).collect()
}

#[cfg(test)]
mod tests {
    use nix8s_core::event::EVENT_VERSION;
    use nix8s_core::event::Failure;

    use super::*;

    fn log(run: &str, whats: Vec<(i64, What)>) -> Vec<Event> {
        let event = |(at, what)| Event {
            v: EVENT_VERSION,
            seq: 1,
            at: Timestamp::from_second(at).unwrap(),
            run: run.to_owned(),
            what,
        };
        whats.into_iter().map(event).collect()
    }

    fn cordon() -> Effect {
        Effect::Cordon { machine: "w1".parse().unwrap() }
    }

    #[test]
    fn a_step_lasts_from_its_beginning_to_its_end() {
        let effect = cordon();
        let failure = Failure {
            class: FailureClass::Transient,
            message: "no".to_owned(),
            hint: None,
            bad_system: None,
        };
        let events = log(
            "r1",
            vec![
                (0, What::RunStarted { command: "apply".to_owned() }),
                (10, What::Started { effect: effect.clone() }),
                (25, What::Failed { effect: effect.clone(), failure }),
                (30, What::Started { effect: effect.clone() }),
                (40, What::Done { effect, took_ms: 10_000, note: None }),
                (50, What::RunEnded { outcome: "converged".to_owned() }),
            ],
        );
        let runs = runs(&events);
        let [run] = runs.as_slice() else { panic!("{runs:?}") };
        assert_eq!(run.outcome.as_deref(), Some("converged"));
        let times: Vec<(i64, i64)> =
            run.machines.values().flatten().map(|s| (s.from.as_second(), s.to.as_second())).collect();
        assert_eq!(times, [(10, 25), (30, 40)]);
        assert_eq!(run.failures().len(), 1);
    }

    #[test]
    fn a_killed_run_leaves_steps_of_which_nobody_knows() {
        let began = |at| (at, What::RunStarted { command: "apply".to_owned() });
        let mut events =
            log("r1", vec![began(0), (10, What::Started { effect: cordon() }), (12, What::ApiLost)]);
        events.extend(log("r2", vec![began(100), (101, What::RunEnded { outcome: "converged".to_owned() })]));
        let runs = runs(&events);
        assert_eq!(runs.len(), 2);
        assert_eq!((runs[0].outcome.as_deref(), runs[0].to.as_second()), (None, 12));
        let span = &runs[0].machines.values().next().unwrap()[0];
        assert_eq!((span.to.as_second(), &span.end), (12, &End::Unknown));
        assert!(runs[0].marks[0].is_bad);
    }

    #[test]
    fn a_wait_lasts_until_it_ends_or_its_run_does() {
        let machine = Some("w1".parse().unwrap());
        let began = |cause| What::WaitBegan { machine: machine.clone(), cause, text: "no answer".to_owned() };
        let ended = What::WaitEnded { machine: machine.clone(), cause: Cause::Silent, took_ms: 20_000 };
        let events = log(
            "r1",
            vec![
                (0, What::RunStarted { command: "apply".to_owned() }),
                (5, began(Cause::Silent)),
                (25, ended),
                (30, began(Cause::GivenUp)),
                (40, What::RunEnded { outcome: "waits-outside".to_owned() }),
            ],
        );
        let runs = runs(&events);
        let told: Vec<(Cause, i64, i64, bool)> = runs[0]
            .waits
            .iter()
            .map(|wait| (wait.cause, wait.from.as_second(), wait.to.as_second(), wait.is_over))
            .collect();
        assert_eq!(told, [(Cause::Silent, 5, 25, true), (Cause::GivenUp, 30, 40, false)]);
    }

    #[test]
    fn what_a_person_records_between_runs_is_no_part_of_them() {
        let mut events = log("r1", vec![(0, What::RunStarted { command: "apply".to_owned() })]);
        events.extend(log("node-retry", vec![(5, What::Retry { machine: "w1".parse().unwrap() })]));
        let runs = runs(&events);
        assert_eq!((runs.len(), runs[1].command.as_str(), runs[1].marks.len()), (2, "node retry", 1));
    }
}
