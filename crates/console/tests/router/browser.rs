//! A browser reduced to what the tests need: one request at a time, with or without a session.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE,
};
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request, StatusCode};
use console::{ConsoleSettings, ConsoleState, Sources};
use http_body_util::BodyExt;
use tower::ServiceExt;
use units::{BillingZone, UnixMicros};

use crate::sample::{self, NOW};
use crate::sources::{MemoryAccess, MemoryBudgets, MemoryLedger, StoppedClock};

/// Where the console under test is reached.
pub(crate) const PUBLIC_URL: &str = "http://127.0.0.1:4001";
/// The session the browser is signed in with.
pub(crate) const SESSION: &str = "good-session-token";

/// A console and a way to ask it.
pub(crate) struct Browser {
    pub(crate) router: Router,
    /// Where links and sessions can be added; unused by consoles over a real store.
    pub(crate) access: Arc<MemoryAccess>,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    /// A console over the sample month.
    pub(crate) fn over_sample() -> Self {
        Self::over(sample::ledger(), PUBLIC_URL)
    }

    /// A console over this ledger, reached at this address.
    pub(crate) fn over(ledger: MemoryLedger, public_url: &str) -> Self {
        let budgets = Arc::new(MemoryBudgets::of(sample::budgets()));
        Self::with(ledger, public_url, |sources| sources.with_budgets(budgets))
    }

    /// A console over this ledger and whatever else is added.
    pub(crate) fn with(
        ledger: MemoryLedger,
        public_url: &str,
        add: impl FnOnce(Sources) -> Sources,
    ) -> Self {
        let access = Arc::new(MemoryAccess::default());
        access.add_session(SESSION, UnixMicros::new(i64::MAX));
        let settings = ConsoleSettings {
            public_url: public_url.parse().unwrap(),
            organisation: "Acme & Söhne".to_owned(),
            zone: BillingZone::UTC,
        };
        let sources = add(Sources::new(Arc::new(ledger), access.clone()));
        let state = ConsoleState::new(sources, settings, Arc::new(StoppedClock(NOW)));
        Self { access, ..Self::of(state) }
    }

    /// A console made elsewhere.
    pub(crate) fn of(state: ConsoleState) -> Self {
        Self { router: console::router(state), access: Arc::default() }
    }

    /// Sends a request as it is. Every answer, whatever it is, must forbid foreign content.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let address = request.uri().to_string();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let policy = parts.headers.get(CONTENT_SECURITY_POLICY).unwrap().to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{address}");
        assert!(!policy.contains("unsafe"), "{address}");
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let kind = parts.headers.get(CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap());
        for script in body.split("<script").skip(1).filter(|_| kind.starts_with("text/html")) {
            let is_ours = script.starts_with(" src=\"/assets/") && script.contains("></script>");
            assert!(is_ours, "{address}: a script that is none of ours\n{body}");
        }
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Opens a page while signed in.
    pub(crate) async fn open(&self, address: &str) -> Answer {
        self.open_with(address, SESSION).await
    }

    /// Opens a page with a session's cookie.
    pub(crate) async fn open_with(&self, address: &str, session: &str) -> Answer {
        let cookie = format!("tollgate_session={session}");
        let request = page(Request::get(address)).header(COOKIE, cookie);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Opens a page without a session.
    pub(crate) async fn open_as_stranger(&self, address: &str) -> Answer {
        self.send(page(Request::get(address)).body(Body::empty()).unwrap()).await
    }

    /// Sends a form from a page of `origin`, with the session when there is one.
    pub(crate) async fn submit(
        &self,
        address: &str,
        origin: Option<&str>,
        session: Option<&str>,
        form: &str,
    ) -> Answer {
        let mut request =
            page(Request::post(address)).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        if let Some(session) = session {
            request = request.header(COOKIE, format!("tollgate_session={session}"));
        }
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }
}

impl Answer {
    /// A header as text; empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The session token the answer sets.
    pub(crate) fn session(&self) -> Option<&str> {
        let cookie = self.headers.get(SET_COOKIE)?.to_str().ok()?;
        let (pair, _) = cookie.split_once(';')?;
        pair.split_once('=').map(|(_, token)| token)
    }
}

fn page(request: Builder) -> Builder {
    request.header(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
}

/// A page's request with the good session's cookie.
pub(crate) fn signed_in(request: Builder) -> Builder {
    page(request).header(COOKIE, format!("tollgate_session={SESSION}"))
}
