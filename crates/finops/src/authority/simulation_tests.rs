//! Real treasuries against the real decision, with everything between them unreliable.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy::{
    Admission, Budget, LeaseReply, OnTight, OnUnpriced, PROTOCOL, Quote, Refusal, Reservation,
    Scope, Spender, Treasury, WhenAlone,
};
use proptest::prelude::*;
use units::{BillingZone, BudgetId, CalendarWindow, KeyId, Slug};

use super::*;

const START: UnixMicros = UnixMicros::new(1_795_350_896_000_000);
const SECOND: i64 = 1_000_000;

fn budget(limit: Usd) -> Budget {
    Budget {
        id: BudgetId::from_u128(1),
        name: "all".into(),
        organisation: "acme".parse().unwrap(),
        scope: Scope::Organisation,
        window: CalendarWindow::Month,
        limit,
        on_tight: OnTight::Clamp,
        on_unpriced: OnUnpriced::Deny,
        when_alone: WhenAlone::Refuse,
    }
}

/// A gateway process and its requests under way.
struct Node {
    name: String,
    epoch: String,
    treasury: Arc<Treasury>,
    live: Vec<Reservation>,
}

/// Every gateway, the books, what is on the wire, and what was truly spent.
struct World {
    limit: Usd,
    now: UnixMicros,
    nodes: Vec<Node>,
    books: WindowBooks,
    /// Reports on the wire: node, epoch, when sent, and what they say.
    reports: Vec<(usize, String, UnixMicros, Vec<AccountReport>)>,
    replies: Vec<(usize, String, UnixMicros, LeaseReply)>,
    /// What each process spent: what its spool, and so in the end the lake, says.
    lake: BTreeMap<(String, String), Usd>,
    starts: u32,
}

impl World {
    fn new(nodes: usize, limit: Usd) -> Self {
        let (start, _) = CalendarWindow::Month.range(START, &BillingZone::UTC);
        let books = WindowBooks {
            base: Some(Usd::ZERO),
            ..WindowBooks::new(BudgetId::from_u128(1), start)
        };
        let mut world = Self {
            limit,
            now: START,
            nodes: Vec::new(),
            books,
            reports: Vec::new(),
            replies: Vec::new(),
            lake: BTreeMap::new(),
            starts: 0,
        };
        for at in 0..nodes {
            let node = world.start(format!("node-{at}"));
            world.nodes.push(node);
        }
        world
    }

    fn start(&mut self, name: String) -> Node {
        self.starts += 1;
        let treasury = Arc::new(Treasury::new(BillingZone::UTC));
        treasury.configure(&[budget(self.limit)]);
        Node { name, epoch: format!("{:08}", self.starts), treasury, live: Vec::new() }
    }

    fn admit(&mut self, at: usize, quote: &Quote) -> Result<(), Refusal> {
        let team: Slug = "search".parse().unwrap();
        let spender = Spender {
            team: &team,
            project: None,
            key: KeyId::from_u128(1),
            user: None,
            customer: None,
            model: "m",
        };
        let admission = Admission { spender, at: self.now, quote: Some(quote) };
        let reservation = self.nodes[at].treasury.admit(&admission, self.now)?;
        self.nodes[at].live.push(reservation);
        Ok(())
    }

    fn settle(&mut self, at: usize, position: usize, cost: Usd) {
        let node = &mut self.nodes[at];
        let reservation = node.live.remove(position);
        let spent = self.lake.entry((node.name.clone(), node.epoch.clone())).or_default();
        *spent += cost.min(reservation.hold().amount);
        let cost = cost.min(reservation.hold().amount);
        reservation.settle(cost);
    }

    /// A process is killed: what it held is written off in full, as its spool's intents say.
    fn kill(&mut self, at: usize) {
        while !self.nodes[at].live.is_empty() {
            let held = self.nodes[at].live[0].hold().amount;
            self.settle(at, 0, held);
        }
        let name = self.nodes[at].name.clone();
        self.nodes[at] = self.start(name);
    }

    fn send(&mut self, at: usize) {
        let node = &self.nodes[at];
        let accounts = node.treasury.report(self.now);
        if !accounts.is_empty() {
            self.reports.push((at, node.epoch.clone(), self.now, accounts));
        }
    }

    /// A report arrives, and perhaps will arrive again.
    fn hear(&mut self, position: usize, again: bool) {
        let (at, epoch, sent, accounts) = self.reports.remove(position);
        if again {
            self.reports.push((at, epoch.clone(), sent, accounts.clone()));
        }
        let name = self.nodes[at].name.clone();
        let holder = Holder { node: &name, epoch: &epoch, is_final: false, before: Usd::ZERO };
        let moment = Moment { now: self.now, expires_at: self.now.plus_micros(15 * SECOND) };
        let mut grants = Vec::new();
        for account in &accounts {
            grants.push(decide(&mut self.books, self.limit, &holder, account, moment));
        }
        let reply = LeaseReply { protocol: PROTOCOL, now: self.now, ttl_ms: 15_000, grants };
        self.replies.push((at, epoch, sent, reply));
    }

    fn tell(&mut self, position: usize, again: bool) {
        let (at, epoch, sent, reply) = self.replies.remove(position);
        if self.nodes[at].epoch == epoch {
            self.nodes[at].treasury.apply(&reply, sent);
        }
        if again {
            self.replies.push((at, epoch, sent, reply));
        }
    }

    /// A node has delivered all that its earlier processes left.
    fn adopt(&mut self, at: usize) {
        let (name, epoch) = (&self.nodes[at].name, &self.nodes[at].epoch);
        let gone =
            |lease: &&mut Lease| lease.is_open() && lease.node == *name && lease.epoch < *epoch;
        for lease in self.books.leases.iter_mut().filter(gone) {
            let key = (lease.node.clone(), lease.epoch.clone());
            close(lease, self.lake.get(&key).copied().unwrap_or_default());
        }
    }

    fn sync(&mut self, at: usize) {
        self.send(at);
        while !self.reports.is_empty() {
            self.hear(0, false);
        }
        while !self.replies.is_empty() {
            self.tell(0, false);
        }
    }

    /// What was truly spent or may still be by what is under way.
    fn spent_or_held(&self) -> Usd {
        let live = self.nodes.iter().flat_map(|node| &node.live);
        let held: Usd = live.map(|reservation| reservation.hold().amount).sum();
        self.lake.values().copied().sum::<Usd>() + held
    }
}

fn quote(max: u64, usual: u64) -> Quote {
    Quote {
        fixed: Usd::ZERO,
        output_per_million: Usd::from_dollars(1),
        output_tokens_max: max,
        output_tokens_usual: usual,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn whatever_is_lost_repeated_late_or_killed_the_limit_holds(
        steps in proptest::collection::vec((0_u8..10, 0_usize..3, any::<u16>(), any::<bool>()), 1..300),
    ) {
        let limit = Usd::from_pico(20_000_000_000);
        let mut world = World::new(3, limit);
        for (step, at, dice, again) in steps {
            let pick = |len: usize| usize::from(dice).checked_rem(len);
            match step {
                0 | 1 => drop(world.admit(at, &quote(u64::from(dice) % 4_000, 50))),
                2 => if let Some(position) = pick(world.nodes[at].live.len()) {
                    world.settle(at, position, Usd::from_pico(i128::from(dice) * 50_000));
                },
                3 | 4 => world.send(at),
                5 => if let Some(position) = pick(world.reports.len()) {
                    world.hear(position, again);
                },
                6 => if let Some(position) = pick(world.replies.len()) {
                    world.tell(position, again);
                },
                7 => world.sync(at),
                8 if dice % 8 == 0 => world.kill(at),
                8 => world.adopt(at),
                _ => world.now = world.now.plus_micros(i64::from(dice) * 100),
            }
            prop_assert!(world.books.committed() <= limit, "{:?}", world.books);
            prop_assert!(world.spent_or_held() <= limit, "{:?}", world.books);
        }
        // When everything was told and delivered, the books are what the lake is.
        for at in 0..3 {
            world.kill(at);
            world.adopt(at);
        }
        prop_assert_eq!(world.books.spent(), world.spent_or_held());
        prop_assert_eq!(world.books.committed(), world.books.spent());
    }
}

/// The share of the limit, in thousandths, that was spent when a request was first denied.
fn spent_at_first_denial(nodes: usize, clients: usize, limit: Usd, seed: u64) -> u32 {
    let mut world = World::new(nodes, limit);
    let ask = quote(400, 64);
    let mut dice = seed;
    let mut roll = |of: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(dice >> 33).unwrap() % of
    };
    for _ in 0..1_000_000 {
        world.now = world.now.plus_micros(1_000);
        for at in 0..nodes {
            let ended = roll(clients / 4 + 1).min(world.nodes[at].live.len());
            for _ in 0..ended {
                let position = roll(world.nodes[at].live.len());
                world.settle(at, position, Usd::from_pico(50_000_000));
            }
            while world.nodes[at].live.len() < clients {
                match world.admit(at, &ask) {
                    Ok(()) => {}
                    Err(Refusal::Short) => world.sync(at),
                    Err(Refusal::Denied(_)) => {
                        let spent: Usd = world.lake.values().copied().sum();
                        return spent.share_per_mille(limit).unwrap();
                    }
                }
            }
        }
    }
    unreachable!("the limit was never reached")
}

#[test]
fn two_nodes_of_64_clients_spend_nine_tenths_before_the_first_denial() {
    for seed in 0..20 {
        // Answers of $0.00005; the limit is worth 20,000 of them.
        let share = spent_at_first_denial(2, 64, usd("1"), seed);
        assert!(share >= 900, "seed {seed}: first denial at {share} thousandths");
    }
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}
