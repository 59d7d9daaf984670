//! A console over the sample month with a real store behind it.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use axum::http::{Method, Request, StatusCode};
use console::explore::{Answer as Explored, Explorer, Measure, Question, Series};
use console::ledger::LedgerError;
use console::{Declared, DeclaredKey};
use serde_json::Value;
use store::{Actor, Key, KeyAccess, KeyOwner, NewKey, Organisation, Store};
use tempfile::TempDir;
use tokio::sync::watch;
use units::{BillingZone, Clock, KeyId, Label, Secret};

use crate::browser::{Answer, Browser, PUBLIC_URL, SESSION};
use crate::sample::{self, NOW};
use crate::sources::{MemoryBudgets, MemoryPrices, StoppedClock};

/// The key of the configuration file, of team `growth`.
pub(crate) const DECLARED: KeyId = KeyId::from_u128(7);

/// The console and its store.
pub(crate) struct Bench {
    pub(crate) browser: Browser,
    pub(crate) store: Store,
    _dir: TempDir,
}

/// Explores one week of a dollar a day, whatever is asked, except for the team `platform`.
pub(crate) struct DollarADay;

#[async_trait]
impl Explorer for DollarADay {
    async fn explore(&self, question: &Question) -> Result<Explored, LedgerError> {
        let names = question.conditions.iter().flat_map(|condition| &condition.values);
        if names.flatten().any(|name| name == "platform") {
            return Err(LedgerError::Failed("disk gone".to_owned()));
        }
        let day = 86_400_000_000;
        let buckets = (0..7).map(|i| question.span.from.plus_micros(i * day)).collect::<Vec<_>>();
        let points = buckets.iter().map(|_| Measure::Money(sample::usd("50"))).collect();
        let total = Measure::Money(sample::usd("350"));
        Ok(Explored {
            buckets,
            series: Vec::new(),
            other: None,
            total: Series { key: Vec::new(), points, total, unpriced: 0 },
            sql: String::new(),
            is_rolled_up: true,
        })
    }
}

impl Bench {
    /// Over the sample month, its budgets, and a store with the organisation alone.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(StoppedClock(NOW));
        let url = format!("sqlite:{}", dir.path().join("store.db").display());
        let store = Store::open(&url, clock).await.unwrap();
        let acme = Organisation {
            slug: "acme".parse().unwrap(),
            name: Label::clipped("Acme").unwrap(),
            zone: BillingZone::UTC,
        };
        store.organisations().put(&acme, &Actor::System).await.unwrap();
        let (_, declared) = watch::channel(Arc::new(declared()));
        let kept = store.clone();
        let browser = Browser::with(sample::ledger(), PUBLIC_URL, |sources| {
            sources
                .with_budgets(Arc::new(MemoryBudgets::of(sample::budgets())))
                .with_explorer(Arc::new(DollarADay))
                .with_prices(Arc::new(MemoryPrices::of(sample::PRICES)))
                .with_store(kept, declared)
        });
        Self { browser, store, _dir: dir }
    }

    /// Makes a key behind the console's back.
    pub(crate) async fn key(&self, team: &str, name: &str) -> (Key, Secret) {
        let key = NewKey {
            name: Label::clipped(name).unwrap(),
            owner: KeyOwner {
                organisation: "acme".parse().unwrap(),
                team: team.parse().unwrap(),
                project: None,
                user: None,
                feature: None,
            },
            access: KeyAccess::default(),
            expires_at: None,
        };
        self.store.keys().create(&key, &Actor::Cli).await.unwrap()
    }

    /// Sends a form of the console's own page, with its token.
    pub(crate) async fn form(&self, address: &str, session: &str, fields: &str) -> Answer {
        let form = format!("csrf=csrf-of-{session}&{fields}");
        self.browser.submit(address, Some(PUBLIC_URL), Some(session), &form).await
    }

    /// Asks the API with the good session's token, as a program would.
    pub(crate) async fn get(&self, address: &str) -> Value {
        let answer = self.call(Method::GET, address, SESSION, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Calls the API with a session's token.
    pub(crate) async fn call(
        &self,
        method: Method,
        address: &str,
        session: &str,
        body: Option<&Value>,
    ) -> Answer {
        let request = Request::builder().method(method).uri(address);
        let request = request.header(AUTHORIZATION, format!("Bearer {session}"));
        self.send(request, body).await
    }

    /// Calls the API with the good session's cookie and whatever headers are given.
    pub(crate) async fn post_with_cookie(
        &self,
        address: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let mut request = Request::post(address);
        request = request.header(COOKIE, format!("tollgate_session={SESSION}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, Some(body)).await
    }

    pub(crate) async fn send(
        &self,
        request: axum::http::request::Builder,
        body: Option<&Value>,
    ) -> Answer {
        let request = request.header(CONTENT_TYPE, "application/json");
        let body = body.map(ToString::to_string).unwrap_or_default();
        self.browser.send(request.body(Body::from(body)).unwrap()).await
    }
}

fn declared() -> Declared {
    Declared {
        organisation: "acme".parse().unwrap(),
        teams: ["growth", "platform", "search"].map(|team| team.parse().unwrap()).into(),
        routes: vec!["fast".to_owned(), "careful".to_owned()],
        keys: vec![DeclaredKey {
            id: DECLARED,
            name: "nightly <job>".to_owned(),
            team: "growth".parse().unwrap(),
            project: None,
            user: Some("cron".to_owned()),
            feature: None,
            routes: vec!["fast".to_owned()],
            expires_at: None,
        }],
    }
}
