//! The rules that no plan may break: one list, with where each is held.

/// A rule. The numbers are those of the documentation and of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// 1. Nothing is drained, erased, removed or initialised on missing knowledge; only `node delete --lost NODE`
    ///    asserts that a machine is gone.
    UnknownIsNotAbsent,
    /// 2. A machine that was ever provisioned is never erased again without a permit that names it, and only if
    ///    the hardware is the same.
    NeverErasedTwice,
    /// 3. A cluster is initialised once: by the elected first server, when every control plane was observed and
    ///    none holds a datastore.
    InitialisedOnce,
    /// 4. etcd keeps its majority: one control plane at a time, and only if the healthy others are a majority.
    ///    With one or two voters it is an outage of the API and needs the interrupt permit.
    EtcdQuorum,
    /// 5. At most `maxUnavailable` workers are down at once, counting those that are down already.
    MaxUnavailable,
    /// 6. Build and copy come before cordon and drain.
    CopyBeforeDrain,
    /// 7. A roll halts when more machines fail their gates than `failureBudget` allows.
    RollHalts,
    /// 8. New versions go to control planes first and workers are never newer; other changes go to workers first,
    ///    the first server last.
    Order,
    /// 9. A control plane leaves etcd before it is deleted.
    LeaveBeforeDelete,
    /// 10. Evictions respect PodDisruptionBudgets.
    Budgets,
    /// 11. One planner a cluster.
    OnePlanner,
    /// 12. A switch that cuts nix8s off or fails its gates rolls itself back.
    SafeSwitch,
    /// 13. Join tokens and certificate keys are made when needed and stored nowhere.
    NoStoredTokens,
    /// 14. Who cordons, uncordons: never a node that somebody else cordoned.
    CordonOwner,
    /// 15. A disk is erased only after the machine has confirmed at that moment that it is the planned one.
    DiskConfirmed,
    /// 16. A system that failed its gates is not rolled out again by itself.
    BadSystems,
    /// 17. More affected machines than `maxAffected`, or a role change, is refused until named.
    BlastRadius,
}

/// Where a rule is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// By [`super::check()`] on every plan, in release builds too.
    Plan,
    /// By the executor.
    Executor,
    /// On the machine itself.
    Machine,
}

/// A row of the list.
#[derive(Debug)]
pub struct Row {
    /// The rule.
    pub rule: Rule,
    /// Its number.
    pub number: u8,
    /// Its name in reports.
    pub name: &'static str,
    /// Where it is held.
    pub held: &'static [Held],
}

macro_rules! rows {
    ($($number:literal $rule:ident $name:literal [$($held:ident),+];)+) => {
        &[$(Row { rule: Rule::$rule, number: $number, name: $name, held: &[$(Held::$held),+] }),+]
    };
}

/// Every rule, in order.
pub const RULES: &[Row] = rows! {
    1 UnknownIsNotAbsent "unknown is not absent" [Plan];
    2 NeverErasedTwice "never erased twice" [Plan, Machine];
    3 InitialisedOnce "initialised once" [Plan];
    4 EtcdQuorum "etcd keeps its majority" [Plan];
    5 MaxUnavailable "workers stay available" [Plan];
    6 CopyBeforeDrain "copied before drained" [Plan];
    7 RollHalts "a roll halts" [Plan];
    8 Order "order of updates" [Plan];
    9 LeaveBeforeDelete "etcd is left before the node goes" [Plan];
    10 Budgets "evictions respect budgets" [Executor];
    11 OnePlanner "one planner" [Executor];
    12 SafeSwitch "a switch undoes itself" [Machine];
    13 NoStoredTokens "no stored tokens" [Executor];
    14 CordonOwner "who cordons, uncordons" [Plan, Executor];
    15 DiskConfirmed "the disk is the planned one" [Machine];
    16 BadSystems "bad systems are remembered" [Plan];
    17 BlastRadius "few machines at a time" [Plan];
};

impl Rule {
    /// Its row.
    pub fn row(self) -> &'static Row {
        RULES.iter().find(|row| row.rule == self).expect("a test walks the list")
    }
}

/// Whether a rule is in force: always, except where a test has taken it out to show that its absence is noticed.
#[cfg(not(feature = "mutation"))]
pub(crate) const fn holds(_rule: Rule) -> bool {
    true
}

#[cfg(feature = "mutation")]
pub use mutation::*;

#[cfg(feature = "mutation")]
mod mutation {
    use std::cell::Cell;

    use super::Rule;

    thread_local! {
        static TAKEN_OUT: Cell<Option<Rule>> = const { Cell::new(None) };
    }

    /// Takes one rule out of planning and checking on this thread, or puts all back.
    pub fn take_out(rule: Option<Rule>) {
        TAKEN_OUT.set(rule);
    }

    /// Whether a rule is in force on this thread.
    pub(crate) fn holds(rule: Rule) -> bool {
        TAKEN_OUT.get() != Some(rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_numbered_as_documented() {
        for (row, number) in RULES.iter().zip(1..) {
            assert_eq!(row.number, number);
            assert_eq!(row.rule.row().number, number);
            assert_eq!(row.rule as u8 + 1, number);
        }
        assert_eq!(RULES.len(), 17);
    }
}
