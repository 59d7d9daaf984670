//! The authority over a real store and a real lake.

use std::sync::atomic::{AtomicI64, Ordering};

use events::{
    Attribution, Cache, CacheState, Call, Cost, Decision, EventIds, Meters, ModelNames, Outcome,
    Privacy, Times, UsageEvent, UsageSource,
};
use lake::{LakeOptions, LakeRow};
use policy::{
    AccountReport, Grant, LeaseReport, OnTight, OnUnpriced, PROTOCOL, Scope, Verdict, WhenAlone,
};
use store::{Actor, Store};
use tempfile::TempDir;
use units::{BudgetId, CalendarWindow, RequestId, Usd};

use super::*;

/// 2026-11-22T12:34:56Z, in the middle of a month.
const NOON: i64 = 1_795_350_896_000_000;
const SECOND: i64 = 1_000_000;

#[derive(Debug)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> UnixMicros {
        UnixMicros::new(self.0.load(Ordering::Relaxed))
    }
}

struct Desk {
    _dir: TempDir,
    store: Store,
    lake: Lake,
    clock: Arc<Hands>,
    authority: Authority,
    budget: Budget,
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn budget() -> Budget {
    Budget {
        id: BudgetId::from_u128(1),
        name: "search".into(),
        organisation: "acme".parse().unwrap(),
        scope: Scope::Team("search".parse().unwrap()),
        window: CalendarWindow::Month,
        limit: usd("1"),
        on_tight: OnTight::Clamp,
        on_unpriced: OnUnpriced::Deny,
        when_alone: WhenAlone::Refuse,
    }
}

impl Desk {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hands(AtomicI64::new(NOON)));
        let shared: Arc<dyn Clock> = clock.clone();
        let url = format!("sqlite:{}", dir.path().join("store.db").display());
        let store = Store::open(&url, Arc::clone(&shared)).await.unwrap();
        let lake = Lake::open(LakeOptions::new(dir.path().join("lake")), shared).await.unwrap();
        let authority = authority(&store, &lake, &clock);
        Self { _dir: dir, store, lake, clock, authority, budget: budget() }
    }

    /// Another console over the same store and lake.
    fn another(&self) -> Authority {
        authority(&self.store, &self.lake, &self.clock)
    }

    fn now(&self) -> UnixMicros {
        self.clock.now()
    }

    fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * SECOND, Ordering::Relaxed);
    }

    /// A row of a process in the lake.
    async fn spend(&self, node: &str, epoch: &str, seq: u64, cost: &str) {
        let row = LakeRow {
            event: event(self.now(), usd(cost)),
            node_id: node.into(),
            epoch: epoch.into(),
            seq,
        };
        self.lake.commit(&format!("{node}/{epoch}"), &[row], seq).await.unwrap();
    }

    fn report(&self, node: &str, epoch: &str, accounts: Vec<AccountReport>) -> LeaseReport {
        LeaseReport {
            protocol: PROTOCOL,
            node: node.into(),
            epoch: epoch.into(),
            sent_at: self.now(),
            accounts,
            unfinished: Vec::new(),
            is_final: false,
        }
    }

    fn account(&self, term: u64, granted: Usd, wanted: &str) -> AccountReport {
        let (window_start, _) = self.budget.window.range(self.now(), &BillingZone::UTC);
        AccountReport {
            budget: self.budget.id,
            window_start,
            term,
            granted,
            settled: Usd::ZERO,
            reserved: Usd::ZERO,
            overshoot: Usd::ZERO,
            wanted: usd(wanted),
            least: usd(wanted),
            recent: Usd::ZERO,
            next_seq: 0,
        }
    }

    /// Asks for room as a new holder.
    async fn ask(&self, node: &str, epoch: &str, wanted: &str) -> Grant {
        let report = self.report(node, epoch, vec![self.account(0, Usd::ZERO, wanted)]);
        self.authority.sync(&report).await.unwrap().grants.remove(0)
    }

    async fn audited(&self, action: &str) -> Vec<store::AuditEntry> {
        let entries = self.store.audit().list(None, 100).await.unwrap();
        entries.into_iter().filter(|entry| entry.action == action).collect()
    }
}

fn authority(store: &Store, lake: &Lake, clock: &Arc<Hands>) -> Authority {
    let clock: Arc<dyn Clock> = clock.clone();
    let options = AuthorityOptions::default();
    let authority = Authority::new(store.leases(), lake.clone(), store.audit(), clock, options);
    authority.configure(&[budget()], &BillingZone::UTC);
    authority
}

fn event(at: UnixMicros, cost: Usd) -> UsageEvent {
    UsageEvent {
        ids: EventIds {
            request_id: RequestId::generate(),
            attempt: 1,
            revision: 0,
            trace_id: None,
            session_id: None,
            parent_id: None,
        },
        times: Times { received_us: at, first_byte_us: None, ended_us: at },
        attribution: Attribution {
            organisation: "acme".into(),
            team: Some("search".into()),
            ..Attribution::default()
        },
        decision: Decision { is_final: true, ..Decision::default() },
        model: ModelNames { asked: "m".into(), ..ModelNames::default() },
        call: Call {
            endpoint: "chat".into(),
            dialect_in: None,
            dialect_out: None,
            is_stream: false,
            request_bytes: 1,
            response_bytes: 1,
        },
        outcome: Outcome::default(),
        meters: Meters::NONE,
        cost: Cost { billed: Some(cost), usage_source: UsageSource::Provider, ..Cost::default() },
        cache: Cache { state: CacheState::Off, saved: None },
        privacy: Privacy::default(),
        source: "tollgate".into(),
    }
}

#[tokio::test]
async fn what_was_spent_before_anyone_had_a_lease_counts() {
    let desk = Desk::open().await;
    desk.spend("old", "e0", 0, "0.25").await;
    desk.spend("a", "e1", 0, "0.15").await;
    let grant = desk.ask("a", "e1", "0.1").await;
    assert_eq!((grant.spent, grant.granted, grant.remaining), (usd("0.4"), usd("0.1"), usd("0.5")));
    let status = desk.authority.status(desk.now()).await.unwrap().remove(0);
    assert_eq!((status.spent, status.leased), (usd("0.4"), usd("0.1")));
    // Nothing drifts: its own earlier spending is known to be in the base.
    desk.authority.reconcile(desk.now()).await.unwrap();
    desk.pass(15);
    assert_eq!(desk.authority.reconcile(desk.now()).await.unwrap(), []);
}

#[tokio::test]
async fn two_consoles_grant_over_the_same_books() {
    let desk = Desk::open().await;
    let other = desk.another();
    desk.ask("a", "e1", "0.7").await;
    let report = desk.report("b", "e1", vec![desk.account(0, Usd::ZERO, "0.4")]);
    let told = other.sync(&report).await.unwrap().grants.remove(0);
    assert_eq!((told.verdict, told.remaining), (Verdict::Refused, usd("0.3")));
    let report = desk.report("b", "e1", vec![desk.account(1, Usd::ZERO, "0.3")]);
    let told = other.sync(&report).await.unwrap().grants.remove(0);
    assert_eq!((told.granted, told.nodes, told.remaining), (usd("0.3"), 2, Usd::ZERO));
}

#[tokio::test]
async fn a_lease_of_a_killed_process_comes_back_once_its_spool_is_in_the_lake() {
    let desk = Desk::open().await;
    assert_eq!(desk.ask("a", "e1", "0.9").await.granted, usd("0.9"));
    desk.spend("a", "e1", 0, "0.2").await;
    // The next process of the node still finds the spool: the lease stays what it was.
    let account = desk.account(0, Usd::ZERO, "0.5");
    let report = LeaseReport {
        unfinished: vec!["e1".into()],
        ..desk.report("a", "e2", vec![account.clone()])
    };
    let told = desk.authority.sync(&report).await.unwrap().grants.remove(0);
    assert_eq!((told.verdict, told.remaining), (Verdict::Refused, usd("0.1")));
    let report = desk.report("a", "e2", vec![AccountReport { term: told.term, ..account }]);
    let told = desk.authority.sync(&report).await.unwrap().grants.remove(0);
    assert_eq!((told.granted, told.spent, told.remaining), (usd("0.5"), usd("0.2"), usd("0.3")));
}

#[tokio::test]
async fn a_lease_nobody_asks_about_is_closed_in_the_background() {
    let desk = Desk::open().await;
    desk.ask("a", "e1", "0.9").await;
    desk.spend("a", "e1", 0, "0.2").await;
    desk.authority.sync(&desk.report("a", "e2", Vec::new())).await.unwrap();
    desk.authority.tend(desk.now()).await.unwrap();
    let status = desk.authority.status(desk.now()).await.unwrap().remove(0);
    assert_eq!((status.spent, status.leased), (usd("0.2"), Usd::ZERO));
}

#[tokio::test]
async fn a_clean_stop_returns_what_is_left() {
    let desk = Desk::open().await;
    let told = desk.ask("a", "e1", "0.9").await;
    let last = AccountReport { settled: usd("0.3"), ..desk.account(told.term, told.granted, "0") };
    let report = LeaseReport { is_final: true, ..desk.report("a", "e1", vec![last]) };
    let told = desk.authority.sync(&report).await.unwrap().grants.remove(0);
    assert_eq!((told.granted, told.remaining), (usd("0.3"), usd("0.7")));
}

#[tokio::test]
async fn an_unknown_budget_or_window_is_refused_and_the_rest_is_answered() {
    let desk = Desk::open().await;
    let good = desk.account(0, Usd::ZERO, "0.1");
    let unknown = AccountReport { budget: BudgetId::from_u128(9), ..good.clone() };
    let skewed = AccountReport { window_start: UnixMicros::new(5), ..good.clone() };
    let report = desk.report("a", "e1", vec![unknown, skewed, good]);
    let grants = desk.authority.sync(&report).await.unwrap().grants;
    let verdicts: Vec<_> = grants.iter().map(|grant| (grant.verdict, grant.granted)).collect();
    let refused = (Verdict::Refused, Usd::ZERO);
    assert_eq!(verdicts, [refused, refused, (Verdict::Held, usd("0.1"))]);
    let newer = LeaseReport { protocol: 2, ..desk.report("a", "e1", Vec::new()) };
    let error = desk.authority.sync(&newer).await.unwrap_err();
    assert_eq!((error.is_retryable(), error.to_string().contains("protocol 2")), (false, true));
}

#[tokio::test]
async fn drift_is_found_corrected_once_and_audited() {
    let desk = Desk::open().await;
    let told = desk.ask("a", "e1", "0.5").await;
    desk.authority.reconcile(desk.now()).await.unwrap();
    // A tenth more than was ever reported, and a twentieth without a lease.
    desk.spend("a", "e1", 0, "0.3").await;
    desk.spend("stranger", "e1", 0, "0.05").await;
    desk.pass(15);
    let settled = AccountReport {
        settled: usd("0.2"),
        next_seq: 1,
        ..desk.account(told.term, told.granted, "0")
    };
    let report = desk.report("a", "e1", vec![settled]);
    desk.authority.sync(&report).await.unwrap();
    // Only now seen: it may yet be reported.
    assert_eq!(desk.authority.reconcile(desk.now()).await.unwrap(), []);
    desk.pass(15);
    let drifts = desk.authority.reconcile(desk.now()).await.unwrap();
    let amounts: Vec<_> =
        drifts.iter().map(|drift| (drift.holder.is_some(), drift.amount())).collect();
    assert_eq!(amounts, [(false, usd("0.05")), (true, usd("0.1"))]);
    let status = desk.authority.status(desk.now()).await.unwrap().remove(0);
    assert_eq!(status.spent, usd("0.35"));
    let entries = desk.audited("budget.reconcile").await;
    assert_eq!(entries.len(), 2);
    assert!(entries[0].detail.contains("a/e1") && entries[0].detail.contains("0.30"));
    desk.pass(15);
    assert_eq!(desk.authority.reconcile(desk.now()).await.unwrap(), []);
}

#[tokio::test]
async fn a_node_that_will_not_come_back_is_forgotten_by_an_operator() {
    let desk = Desk::open().await;
    desk.ask("a", "e1", "0.9").await;
    desk.spend("a", "e1", 0, "0.4").await;
    assert_eq!(desk.authority.forget("a", "e9", &Actor::Cli).await.unwrap(), 0);
    assert_eq!(desk.authority.forget("a", "e1", &Actor::Cli).await.unwrap(), 1);
    let status = desk.authority.status(desk.now()).await.unwrap().remove(0);
    assert_eq!((status.spent, status.leased), (usd("0.4"), Usd::ZERO));
    let entries = desk.audited("lease.forget").await;
    assert_eq!((entries.len(), entries[0].actor.as_str()), (1, "cli"));
}

#[tokio::test]
async fn a_restarted_authority_goes_on_where_it_was() {
    let desk = Desk::open().await;
    let told = desk.ask("a", "e1", "0.6").await;
    let again = desk.another();
    let same = desk.report("a", "e1", vec![desk.account(0, Usd::ZERO, "0.6")]);
    let repeated = again.sync(&same).await.unwrap().grants.remove(0);
    assert_eq!((repeated.term, repeated.granted), (told.term, told.granted));
    let other = desk.report("b", "e1", vec![desk.account(0, Usd::ZERO, "0.5")]);
    assert_eq!(again.sync(&other).await.unwrap().grants[0].verdict, Verdict::Refused);
}

#[tokio::test]
async fn how_budgets_stand_follows_syncs_and_configuration() {
    let desk = Desk::open().await;
    let mut report = desk.report("a", "e1", vec![desk.account(0, Usd::ZERO, "0.6")]);
    let now = report.sent_at;
    report.sent_at = now.plus_micros(-3 * SECOND);
    desk.authority.sync(&report).await.unwrap();
    let stands = async || desk.authority.status(now).await.unwrap();
    assert_eq!(stands().await[0].leased, usd("0.6"));
    assert_eq!(desk.authority.skew_us().get("a"), Some(&(-3 * SECOND)));
    let raised = Budget { limit: usd("2"), ..budget() };
    desk.authority.configure(&[raised], &BillingZone::UTC);
    assert_eq!(stands().await[0].limit, usd("2"));
    desk.authority.configure(&[], &BillingZone::UTC);
    assert_eq!(stands().await, []);
}
