use units::{CalendarWindow, KeyId};

use super::*;
use crate::{
    CachePolicy, ClientFields, OnClientGone, OnTight, OnUnpriced, Scope, Target, WhenAlone,
    hash_secret,
};

fn layer(name: &str) -> Layer {
    let kind = if name == "litellm" { LayerKind::Imported } else { LayerKind::Operator };
    Layer { kind, name: name.into(), json: "{}".into() }
}

fn document() -> SnapshotDocument {
    let organisation: Slug = "acme".parse().unwrap();
    let key = |id: u128| Key {
        id: KeyId::from_u128(id),
        organisation: organisation.clone(),
        team: "search".parse().unwrap(),
        project: None,
        user: Some("ada".into()),
        feature: None,
        routes: vec!["fast".into()],
        client_may_set: ClientFields { tags: false, ..ClientFields::default() },
        expires_at: Some(UnixMicros::new(9)),
    };
    let target =
        Target { provider: "openai".into(), model: "gpt-5.4".into(), ttfb_timeout_ms: Some(5) };
    SnapshotDocument {
        format: SNAPSHOT_FORMAT,
        version: 7,
        compiled_at: UnixMicros::new(1_793_800_000_000_000),
        zone: "Europe/Berlin".into(),
        keys: vec![
            KeyEntry { hash: hash_secret("tg_a"), key: key(1) },
            KeyEntry { hash: hash_secret("tg_b"), key: key(2) },
        ],
        routes: vec![Route {
            name: "fast".into(),
            targets: vec![target],
            on_client_gone: OnClientGone::Drain,
            drop_params: true,
            cache: Some(CachePolicy { ttl_ms: 60_000 }),
        }],
        providers: vec![ProviderEntry {
            name: "openai".into(),
            dialect: Dialect::OpenaiChat,
            base_url: "https://api.openai.com/v1".into(),
            secret: Some("env:OPENAI_API_KEY".into()),
            prices: "openai".into(),
            connections_max: 256,
            connect_timeout_ms: 2_000,
            ttfb_timeout_ms: 60_000,
            idle_timeout_ms: 30_000,
        }],
        budgets: vec![Budget {
            id: Budget::id_of(&organisation, "search"),
            name: "search".into(),
            organisation: organisation.clone(),
            scope: Scope::Team("search".parse().unwrap()),
            window: CalendarWindow::Week,
            limit: "12.50".parse().unwrap(),
            on_tight: OnTight::Deny,
            on_unpriced: OnUnpriced::Allow,
            when_alone: WhenAlone::Spend { exposure: "0.25".parse().unwrap() },
        }],
        prices: Some("{}".into()),
        price_layers: Some(vec![layer("litellm"), layer("prices.json")]),
        organisation,
    }
}

#[test]
fn a_document_survives_json_and_money_and_scopes_are_text_in_it() {
    let json = serde_json::to_value(document()).unwrap();
    assert_eq!(serde_json::from_value::<SnapshotDocument>(json.clone()).unwrap(), document());
    let budget = &json["budgets"][0];
    assert_eq!(budget["scope"], "team:search");
    assert_eq!(budget["limit"], "12.50");
    assert_eq!(budget["window"], "week");
    assert_eq!(budget["when_alone"]["spend"]["exposure"], "0.25");
    assert_eq!(json["keys"][0]["hash"].as_str().map(str::len), Some(64));
}

#[test]
fn an_old_reader_ignores_what_it_does_not_know_and_a_new_one_fills_in_what_is_missing() {
    let mut json = serde_json::to_value(document()).unwrap();
    json["invented_later"] = true.into();
    json["budgets"][0]["invented_later"] = 1.into();
    for field in ["window", "on_tight", "on_unpriced", "when_alone"] {
        json["budgets"][0].as_object_mut().unwrap().remove(field);
    }
    json["routes"][0].as_object_mut().unwrap().remove("cache");
    let read: SnapshotDocument = serde_json::from_value(json).unwrap();
    assert_eq!(read.budgets[0].window, CalendarWindow::Month);
    assert_eq!(read.budgets[0].when_alone, WhenAlone::Refuse);
    assert_eq!(read.routes[0].cache, None);
}

#[test]
fn an_older_console_sends_one_file_and_an_older_gateway_finds_it_where_it_was() {
    let mut json = serde_json::to_value(document()).unwrap();
    assert_eq!(json["prices"], "{}", "an older gateway reads this one text");
    assert_eq!(json["price_layers"][0]["kind"], "imported");
    let read = |json: &serde_json::Value| -> SnapshotDocument {
        serde_json::from_value(json.clone()).unwrap()
    };
    assert_eq!(*read(&json).layers(), [layer("litellm"), layer("prices.json")]);
    // What a console of the release before writes.
    json.as_object_mut().unwrap().remove("price_layers");
    assert_eq!(*read(&json).layers(), [layer("pricing.file")]);
    json["prices"] = serde_json::Value::Null;
    assert_eq!(*read(&json).layers(), []);
    // No layers is not the same as an older console's silence.
    json["prices"] = "{}".into();
    json["price_layers"] = serde_json::json!([]);
    assert_eq!(*read(&json).layers(), []);
}

#[test]
fn the_tag_names_the_content_and_nothing_else() {
    let tag = document().tag();
    assert_eq!((&tag[..5], tag.len()), ("snap_", 21));
    let mut same = document();
    (same.version, same.compiled_at) = (8, UnixMicros::new(1));
    same.keys.reverse();
    assert_eq!(same.tag(), tag);
    let changes: [fn(&mut SnapshotDocument); 7] = [
        |d| d.zone = "UTC".into(),
        |d| d.keys.truncate(1),
        |d| d.routes[0].cache = None,
        |d| d.budgets[0].limit = "12.51".parse().unwrap(),
        |d| d.prices = None,
        |d| d.price_layers = None,
        |d| d.price_layers = Some(vec![layer("prices.json"), layer("litellm")]),
    ];
    for (change, apply) in changes.into_iter().enumerate() {
        let mut other = document();
        apply(&mut other);
        assert_ne!(other.tag(), tag, "change {change}");
    }
}

#[test]
fn a_snapshot_is_built_from_a_sound_document() {
    let snapshot = Snapshot::from_document(&document()).unwrap();
    assert_eq!(snapshot.version, 7);
    assert_eq!(snapshot.keys[&hash_secret("tg_b")].id, KeyId::from_u128(2));
    assert!(snapshot.providers.contains("openai") && snapshot.routes.contains_key("fast"));
    assert_eq!(snapshot.budgets, document().budgets);
}

#[test]
fn a_document_that_contradicts_itself_is_refused_with_what_is_wrong() {
    type Change = fn(&mut SnapshotDocument);
    let changes: [(Change, &str); 8] = [
        (|d| d.format = 2, "has format 2"),
        (|d| d.zone = "Mars/Olympus".into(), "Mars/Olympus"),
        (|d| d.keys[1].hash = d.keys[0].hash, "the hash of key"),
        (|d| d.routes.push(d.routes[0].clone()), "route `fast` twice"),
        (|d| d.providers.push(d.providers[0].clone()), "provider `openai` twice"),
        (|d| d.budgets.push(d.budgets[0].clone()), "budget `search` twice"),
        (|d| d.routes[0].targets.clear(), "route `fast` has no target"),
        (|d| d.providers.clear(), "route `fast` has no target"),
    ];
    for (change, expected) in changes {
        let mut broken = document();
        change(&mut broken);
        let error = Snapshot::from_document(&broken).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_hash_that_is_none_is_refused() {
    for hash in ["", "abc", &"g".repeat(64), &"0".repeat(65)] {
        let mut json = serde_json::to_value(document()).unwrap();
        json["keys"][0]["hash"] = hash.into();
        let error = serde_json::from_value::<SnapshotDocument>(json).unwrap_err().to_string();
        assert!(error.contains("64 hexadecimal digits"), "{error}");
    }
}
