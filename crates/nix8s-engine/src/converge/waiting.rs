//! Which waits are on record as begun: a change of what something waits for is an event, a look is none.

use jiff::Timestamp;
use nix8s_core::event::What;
use nix8s_core::model::MachineName;
use nix8s_core::plan::Cause;
use nix8s_core::plan::Ends;
use nix8s_core::plan::Wait;

/// What a wait is told apart by: waiting for one's turn is one wait, whoever is ahead and whatever for. A roll over a
/// thousand machines would else be a thousand changes for each of them.
fn kind(cause: Cause) -> Cause {
    match cause {
        Cause::Earlier | Cause::Unavailable | Cause::Quorum | Cause::Pause => Cause::Earlier,
        other => other,
    }
}

/// The waits of a run that are on record, sorted. They end with the run.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    open: Vec<Open>,
}

#[derive(Debug, Clone)]
struct Open {
    machine: Option<MachineName>,
    kind: Cause,
    /// The cause that it began with.
    cause: Cause,
    since: Timestamp,
}

impl Waiting {
    /// What has changed since the last look: waits that ended, then those that began. Information is no waiting.
    pub(super) fn changes(&mut self, waits: &[Wait], now: Timestamp) -> Vec<What> {
        let mut seen: Vec<(Option<&MachineName>, Cause, &Wait)> = waits
            .iter()
            .filter(|wait| wait.cause.ends() != Ends::Info)
            .map(|wait| (wait.machine.as_ref(), kind(wait.cause), wait))
            .collect();
        seen.sort_by_key(|(machine, kind, _)| (*machine, *kind));
        seen.dedup_by_key(|(machine, kind, _)| (*machine, *kind));
        let (mut ended, mut began, mut open) = (Vec::new(), Vec::new(), Vec::with_capacity(seen.len()));
        let mut before = std::mem::take(&mut self.open).into_iter().peekable();
        for (machine, kind, wait) in seen {
            let here = (machine, kind);
            while let Some(over) = before.next_if(|open| (open.machine.as_ref(), open.kind) < here) {
                ended.push(over);
            }
            if let Some(same) = before.next_if(|open| (open.machine.as_ref(), open.kind) == here) {
                open.push(same);
                continue;
            }
            let Wait { machine, cause, text, until: _ } = wait;
            let (machine, cause) = (machine.clone(), *cause);
            began.push(What::WaitBegan { machine: machine.clone(), cause, text: text.clone() });
            open.push(Open { machine, kind, cause, since: now });
        }
        ended.extend(before);
        self.open = open;
        let took = |since: Timestamp| u64::try_from(now.duration_since(since).as_millis()).unwrap_or(0);
        let ended = ended.into_iter().map(|open| {
            let Open { machine, kind: _, cause, since } = open;
            What::WaitEnded { machine, cause, took_ms: took(since) }
        });
        ended.chain(began).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(machine: &str, cause: Cause, text: &str) -> Wait {
        Wait { machine: Some(machine.parse().unwrap()), cause, text: text.to_owned(), until: None }
    }

    fn told(waiting: &mut Waiting, at: i64, waits: &[Wait]) -> Vec<String> {
        let changes = waiting.changes(waits, Timestamp::from_second(at).unwrap());
        let line = |what: What| match what {
            What::WaitBegan { machine, cause, .. } => format!("{} begins {cause:?}", machine.unwrap()),
            What::WaitEnded { machine, cause, took_ms } => {
                format!("{} ends {cause:?} after {took_ms}", machine.unwrap())
            }
            other => format!("{other:?}"),
        };
        changes.into_iter().map(line).collect()
    }

    #[test]
    fn a_change_of_the_cause_is_told_and_a_look_is_not() {
        let mut waiting = Waiting::default();
        let silent = |text| wait("w1", Cause::Silent, text);
        assert_eq!(told(&mut waiting, 0, &[silent("for 1m")]), ["w1 begins Silent"]);
        assert!(told(&mut waiting, 30, &[silent("for 2m")]).is_empty(), "the sentence is another one");
        let not_ready = wait("w1", Cause::NotReady, "");
        let both = [not_ready.clone(), wait("w2", Cause::GivenUp, "")];
        let expected = ["w1 ends Silent after 60000", "w1 begins NotReady", "w2 begins GivenUp"];
        assert_eq!(told(&mut waiting, 60, &both), expected);
        assert_eq!(told(&mut waiting, 61, &[not_ready]), ["w2 ends GivenUp after 1000"]);
        assert_eq!(told(&mut waiting, 62, &[]), ["w1 ends NotReady after 2000"]);
    }

    #[test]
    fn waiting_for_its_turn_is_one_wait_and_information_is_none() {
        let mut waiting = Waiting::default();
        let skipped = wait("w2", Cause::Skipped, "");
        assert_eq!(
            told(&mut waiting, 0, &[wait("w1", Cause::Unavailable, ""), skipped.clone()]),
            ["w1 begins Unavailable"]
        );
        for cause in [Cause::Pause, Cause::Earlier, Cause::Quorum, Cause::Unavailable] {
            assert!(told(&mut waiting, 10, &[wait("w1", cause, ""), skipped.clone()]).is_empty());
        }
        assert_eq!(told(&mut waiting, 20, &[skipped]), ["w1 ends Unavailable after 20000"]);
    }
}
