//! The console over HTTP, behaving and misbehaving: snapshots, leases, and what is served meanwhile.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gateway::{
    Authority, HttpLink, HttpLinkOptions, LinkError, Local, SecretUnresolved, SnapshotFeed,
    SnapshotFeedOptions, SnapshotFile,
};
use policy::{LeaseReport, PROTOCOL, SnapshotDocument};
use tokio::sync::watch;
use units::{Secret, UnixMicros};

use crate::bank::Bank;
use crate::console::{Console, LINK_SECRET, Offer, link};
use crate::harness::{Gateway, Setup, ask, eventually, send, spawn, wait};
use crate::raw_upstream::{RawUpstream, Then, completion, respond, until_closed};
use crate::setup::local;

/// A gateway without a snapshot, fed by a console.
struct Fed {
    gateway: Gateway,
    feed: Arc<SnapshotFeed>,
    stop: watch::Sender<bool>,
}

impl Fed {
    fn start(setup: Setup, link: HttpLink) -> Self {
        Self::start_with(setup, link, local(), "snapshot.json")
    }

    /// With secrets of its own, and the last good snapshot under a name below the gateway's directory.
    fn start_with(setup: Setup, link: HttpLink, local: Local, kept: &str) -> Self {
        let setup = Setup { version: 0, ..setup };
        let gateway = setup.start();
        let feed = SnapshotFeed::new(SnapshotFeedOptions {
            link: Arc::new(link),
            current: Arc::clone(&gateway.engine.current),
            treasury: Arc::clone(&gateway.engine.accounting.treasury),
            local,
            file: SnapshotFile::new(gateway.dir.path().join(kept)),
        });
        let (stop, stopping) = watch::channel(false);
        spawn(Arc::clone(&feed).run(stopping));
        Self { gateway, feed, stop }
    }

    fn version(&self) -> u64 {
        self.gateway.engine.current.load().snapshot.version
    }

    /// A counter of all gateways of this process.
    fn counter(&self, name: &str) -> u64 {
        let metrics = wait(send(self.gateway.request("GET", "/metrics"))).unwrap().text;
        let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.map_or(0, |value| value.parse().unwrap())
    }

    fn close(self) {
        self.stop.send_replace(true);
        self.gateway.close();
    }
}

fn answering() -> RawUpstream {
    RawUpstream::start(|_, stream| respond(stream, 200, "", &completion()))
}

fn document_of(upstream: &RawUpstream, version: u64) -> SnapshotDocument {
    let setup = Setup::raw(&upstream.base_url());
    Setup { version, ..setup }.document()
}

fn report() -> LeaseReport {
    LeaseReport {
        protocol: PROTOCOL,
        node: "test".to_owned(),
        epoch: "0".to_owned(),
        sent_at: UnixMicros::new(1),
        accounts: Vec::new(),
        unfinished: Vec::new(),
        is_final: false,
    }
}

fn poll(link: &HttpLink) -> Result<Option<gateway::SnapshotReply>, LinkError> {
    wait(link.snapshot(None, Duration::from_millis(10)))
}

#[test]
fn a_gateway_serves_what_the_console_sends_and_a_change_is_in_force_at_once() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url());
    let console = Console::start(&setup.bank);
    let fed = Fed::start(setup, console.link());
    let gateway = &fed.gateway;
    assert_eq!(wait(send(gateway.request("GET", "/readyz"))).unwrap().status, 503);
    let document = document_of(&upstream, 7);
    console.offer(Offer::of(&document));
    eventually("it is in force", || fed.version() == 7);
    assert_eq!(gateway.chat(&ask("raw")).status, 200);
    let ready = wait(send(gateway.request("GET", "/readyz"))).unwrap().json();
    assert_eq!(ready["snapshot"]["tag"], document.tag());
    assert_eq!(ready["snapshot"]["from_disk"], false);
    let mut revoked = document.clone();
    (revoked.version, revoked.keys) = (8, Vec::new());
    console.offer(Offer::of(&revoked));
    eventually("the key is revoked", || gateway.chat(&ask("raw")).status == 401);
    let kept = SnapshotFile::new(gateway.dir.path().join("snapshot.json"));
    eventually("it is on disk", || {
        kept.load().unwrap().is_some_and(|kept| kept.document == revoked)
    });
    let quiet = console.polls();
    assert!(quiet <= 4, "one question at a time: {quiet}");
    fed.close();
}

#[test]
fn budgets_of_a_snapshot_are_enforced_with_leases_over_http() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url()).budget("0.03");
    let bank = Arc::clone(&setup.bank);
    let console = Console::start(&bank);
    let document =
        Setup { version: 3, ..Setup::raw(&upstream.base_url()).budget("0.03") }.document();
    console.offer(Offer::of(&document));
    let setup = Setup { authority: Some(Arc::new(console.link())), ..setup };
    let fed = Fed::start(setup, console.link());
    eventually("it is in force", || fed.version() == 3);
    let mut body = ask("raw");
    body["max_tokens"] = 1_000.into();
    let mut served = 0;
    let refused = loop {
        let answer = fed.gateway.chat(&body);
        if answer.status != 200 {
            break answer;
        }
        served += 1;
    };
    assert!(served > 2, "{served}");
    assert_eq!((refused.status, refused.code().as_str()), (402, "budget_exceeded"));
    assert!(bank.committed(document.budgets[0].id) <= document.budgets[0].limit);
    fed.close();
    assert!(bank.reports().pop().unwrap().is_final);
}

#[test]
fn a_gateway_boots_and_serves_from_its_disk_with_nobody_there_and_confirms_it_later() {
    let upstream = answering();
    let document = document_of(&upstream, 5);
    let bank = Arc::new(Bank::default());
    let console = Console::start(&bank);
    let address = console.address;
    let link = console.link();
    drop(console);
    let fed = Fed::start(Setup::raw(&upstream.base_url()), link);
    assert!(!fed.feed.boot().unwrap(), "there is nothing yet");
    let file = SnapshotFile::new(fed.gateway.dir.path().join("snapshot.json"));
    file.save(&document).unwrap();
    assert!(fed.feed.boot().unwrap());
    let gateway = &fed.gateway;
    assert_eq!(gateway.chat(&ask("raw")).status, 200);
    let snapshot = || {
        let ready = wait(send(gateway.request("GET", "/readyz"))).unwrap();
        assert_eq!(ready.status, 200);
        ready.json()["snapshot"].clone()
    };
    let from_disk = snapshot();
    assert_eq!((&from_disk["from_disk"], &from_disk["version"]), (&true.into(), &5.into()));
    assert!(from_disk["age_s"].is_null());
    let metrics = wait(send(gateway.request("GET", "/metrics"))).unwrap().text;
    assert!(metrics.contains("tollgate_snapshot_from_disk"), "{metrics}");
    // The console is back, on the same port, with the same document under another version.
    let console = Console::start_on(address, &bank, PROTOCOL);
    let began = Instant::now();
    let mut again = document.clone();
    again.version = 1;
    console.offer(Offer::of(&again));
    eventually("it is asked again", || console.polls() > 0);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let mut other = document.clone();
    (other.version, other.keys) = (2, Vec::new());
    console.offer(Offer::of(&other));
    eventually("it follows", || fed.version() == 2);
    assert_eq!(snapshot()["from_disk"], false);
    fed.close();
}

#[test]
fn a_document_that_is_none_is_refused_once_and_the_last_good_one_stays() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url());
    let console = Console::start(&setup.bank);
    let good = document_of(&upstream, 1);
    console.offer(Offer::of(&good));
    let fed = Fed::start(setup, console.link());
    eventually("it is in force", || fed.version() == 1);
    eventually("it is asked for the next one", || console.polls() == 2);
    let refused_before = fed.counter("tollgate_snapshot_refused_total");
    let mut nowhere = good.clone();
    nowhere.routes[0].targets.clear();
    let mut later = good.clone();
    later.format = 2;
    let mut priced = good.clone();
    priced.prices = Some("no prices".to_owned());
    let refused = [
        Offer { tag: "cut".into(), json: Offer::of(&good).json[..200].to_owned() },
        Offer { tag: "html".into(), json: "<html>".into() },
        Offer::of(&nowhere),
        Offer::of(&later),
        Offer::of(&priced),
    ];
    for offer in refused {
        let (before, tag) = (console.polls(), offer.tag.clone());
        console.offer(offer);
        // Refused means that the next question is for what comes after it.
        eventually("it is refused", || console.polls() > before);
        assert_eq!(fed.gateway.chat(&ask("raw")).status, 200, "{tag}");
        assert_eq!((fed.version(), console.polls() - before), (1, 1), "{tag}");
    }
    assert!(fed.counter("tollgate_snapshot_refused_total") >= refused_before + 5);
    let mut better = good.clone();
    (better.version, better.keys) = (9, Vec::new());
    console.offer(Offer::of(&better));
    eventually("a better one is taken", || fed.version() == 9);
    fed.close();
}

#[test]
fn a_secret_that_turns_up_later_is_found_without_another_snapshot() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url());
    let console = Console::start(&setup.bank);
    console.hasten();
    console.offer(Offer::of(&document_of(&upstream, 1)));
    let is_there = Arc::new(AtomicBool::new(false));
    let known = Arc::clone(&is_there);
    let secrets = move |_: &str| match known.load(Ordering::SeqCst) {
        true => Ok(Secret::new("sk-turned-up-0123456789")),
        false => Err(SecretUnresolved("not there yet".to_owned())),
    };
    let local = Local { secrets: Box::new(secrets), ..local() };
    let fed = Fed::start_with(setup, console.link(), local, "snapshot.json");
    eventually("it is in force", || fed.version() == 1);
    assert_eq!(fed.gateway.chat(&ask("raw")).code(), "provider_unknown");
    is_there.store(true, Ordering::SeqCst);
    eventually("it is found", || fed.gateway.chat(&ask("raw")).status == 200);
    assert!(console.polls() < 40, "a hasty console is not asked all the time: {}", console.polls());
    fed.close();
}

#[test]
fn a_snapshot_that_cannot_be_kept_is_served_all_the_same() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url());
    let console = Console::start(&setup.bank);
    console.offer(Offer::of(&document_of(&upstream, 1)));
    let fed = Fed::start_with(setup, console.link(), local(), "nowhere/snapshot.json");
    eventually("it is in force", || fed.version() == 1);
    assert_eq!(fed.gateway.chat(&ask("raw")).status, 200);
    eventually("it is counted", || fed.counter("tollgate_snapshot_save_errors_total") > 0);
    fed.close();
}

#[test]
fn windows_are_cut_in_the_zone_of_the_snapshot() {
    let upstream = answering();
    let setup = || Setup::raw(&upstream.base_url()).budget("1000");
    let bank = setup();
    let console = Console::start(&bank.bank);
    let mut document = Setup { version: 2, ..setup() }.document();
    document.zone = "Asia/Kolkata".to_owned();
    console.offer(Offer::of(&document));
    let fed = Fed::start(bank, console.link());
    eventually("it is in force", || fed.version() == 2);
    let half_hours = fed.gateway.budget().window_start.get() / 1_800_000_000;
    // Midnight in Kolkata is 18:30 in UTC.
    assert_eq!(half_hours.rem_euclid(48), 37);
    assert_eq!(fed.gateway.chat(&ask("raw")).status, 200);
    fed.close();
}

#[test]
fn a_wrong_secret_and_another_protocol_say_what_to_do_and_stop_nothing() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url());
    let console = Console::start(&setup.bank);
    let wrong = link(&format!("http://{}", console.address), "another-secret-0123456789");
    assert_eq!(poll(&wrong).unwrap_err(), LinkError::Refused);
    let away = wait(wrong.sync(report())).unwrap_err().to_string();
    assert!(away.contains("same link secret"), "{away}");
    let other = Console::start_on("127.0.0.1:0".parse().unwrap(), &setup.bank, 2);
    let refused = poll(&other.link()).unwrap_err();
    assert!(matches!(refused, LinkError::Protocol(_)), "{refused}");
    let told = wait(other.link().sync(report())).unwrap_err().to_string();
    assert!(told.contains("console speaks 2, gateway 1"), "{told}");
    assert!(told.contains("same version"), "{told}");
    // A gateway with such a link serves what it has.
    let document = document_of(&upstream, 4);
    let fed = Fed::start(setup, wrong);
    SnapshotFile::new(fed.gateway.dir.path().join("snapshot.json")).save(&document).unwrap();
    assert!(fed.feed.boot().unwrap());
    assert_eq!(fed.gateway.chat(&ask("raw")).status, 200);
    fed.close();
}

#[test]
fn answers_that_are_cut_garbage_or_too_large_are_errors_and_never_half_a_document() {
    let cut = |length: usize| {
        RawUpstream::start(move |_, stream| {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{{\"half\":");
            let _ = stream.write_all(head.as_bytes());
            Then::Close
        })
    };
    let origin = |upstream: &RawUpstream| format!("http://{}", upstream.address);
    let half = cut(500);
    let link_to = |upstream: &RawUpstream| link(&origin(upstream), LINK_SECRET);
    let error = poll(&link_to(&half)).unwrap_err();
    assert!(matches!(error, LinkError::Unreachable(_)), "{error}");
    assert!(wait(link_to(&half).sync(report())).is_err());
    let huge = cut(100 << 20);
    assert!(matches!(poll(&link_to(&huge)).unwrap_err(), LinkError::TooLarge(_)));
    let chunked = RawUpstream::start(|_, stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"hal");
        Then::Close
    });
    let error = poll(&link_to(&chunked)).unwrap_err();
    assert!(matches!(error, LinkError::Unreachable(_)), "{error}");
    let garbage = RawUpstream::start(|_, stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n");
        Then::Close
    });
    let error = poll(&link_to(&garbage)).unwrap_err();
    assert!(matches!(error, LinkError::Unreachable(_)), "{error}");
    let odd = RawUpstream::start(|_, stream| respond(stream, 200, "", "[1, 2]"));
    let away = wait(link_to(&odd).sync(report())).unwrap_err().to_string();
    assert!(away.contains("cannot be understood"), "{away}");
    let failing = RawUpstream::start(|_, stream| respond(stream, 500, "", "oh"));
    let error = poll(&link_to(&failing)).unwrap_err();
    assert_eq!(error, LinkError::Status { status: 500, detail: "nothing more".to_owned() });
    let moved = RawUpstream::start(|heard, stream| {
        assert!(heard.head.starts_with("GET /gateway/v1/snapshot?"), "{}", heard.head);
        respond(stream, 302, "location: http://127.0.0.1:9/elsewhere\r\n", "")
    });
    let error = poll(&link_to(&moved)).unwrap_err();
    assert!(matches!(error, LinkError::Status { status: 302, .. }), "{error}");
}

#[test]
fn a_console_that_hangs_is_given_up_in_time() {
    let hanging = RawUpstream::start(|_, stream| {
        until_closed(stream);
        Then::Close
    });
    let link = link(&format!("http://{}", hanging.address), LINK_SECRET);
    let began = Instant::now();
    let away = wait(link.sync(report())).unwrap_err().to_string();
    assert!(away.contains("in time"), "{away}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn a_console_without_its_database_is_an_authority_that_is_away() {
    let bank = Arc::new(Bank::default());
    let console = Console::start(&bank);
    bank.is_away.store(true, Ordering::SeqCst);
    let away = wait(console.link().sync(report())).unwrap_err().to_string();
    assert!(away.contains("503") && away.contains("the database is away"), "{away}");
    bank.is_away.store(false, Ordering::SeqCst);
    assert!(wait(console.link().sync(report())).unwrap().grants.is_empty());
}

#[test]
fn a_link_that_cannot_work_is_told_at_the_start() {
    let new = |url: &str, ca_file: Option<&std::path::Path>| {
        let options = HttpLinkOptions {
            console_url: url.to_owned(),
            secret: Secret::new(LINK_SECRET),
            node: "test".to_owned(),
            ca_file: ca_file.map(Into::into),
        };
        HttpLink::new(options).map(drop).map_err(|error| error.to_string())
    };
    for url in ["", "console:4001", "ftp://console", "http://", "http://console/?a=b"] {
        let error = new(url, None).unwrap_err();
        assert!(error.contains("is not the address of a console"), "{url}: {error}");
    }
    for url in ["http://console:4001", "http://console:4001/", "http://[::1]:4001/prefix"] {
        assert_eq!(new(url, None), Ok(()), "{url}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    let error = new("https://console:4001", Some(&path)).unwrap_err();
    assert!(error.contains("ca.pem"), "{error}");
    std::fs::write(&path, "no certificate").unwrap();
    let error = new("https://console:4001", Some(&path)).unwrap_err();
    assert!(error.contains("no certificate"), "{error}");
    let shown = format!("{:?}", link("http://console:4001", LINK_SECRET));
    assert!(!shown.contains(LINK_SECRET), "{shown}");
}
