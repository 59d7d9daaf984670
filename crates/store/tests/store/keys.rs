//! Virtual keys: secrets, expiry, revocation, revisions.

use std::collections::BTreeSet;

use store::{Actor, ClientField, KeyAccess, KeyFilter, SecretHash, StoreError};
use units::KeyId;

use crate::{Bench, acme, key_for};

#[tokio::test]
async fn a_key_reads_back_whole_and_its_secret_is_nowhere_in_the_files() {
    let bench = Bench::with_acme().await;
    let mut new = key_for("search");
    new.owner.project = Some("ranking".parse().unwrap());
    new.owner.feature = Some("autocomplete".parse().unwrap());
    new.owner.user = Some("Ünï <b>".to_owned().try_into().unwrap());
    new.access = KeyAccess {
        allowed_models: vec!["fast".into(), "gpt-4o".into()],
        trust_client_attribution: BTreeSet::from([ClientField::Customer, ClientField::Tags]),
    };
    new.expires_at = Some(bench.now().plus_micros(10));
    let (key, secret) = bench.store.keys().create(&new, &Actor::Cli).await.unwrap();

    assert!(secret.expose().starts_with("tg_") && secret.expose().len() == 46);
    assert_eq!(key.prefix, secret.expose()[..8]);
    assert_eq!((&key.name, &key.owner, &key.access), (&new.name, &new.owner, &new.access));
    assert_eq!(bench.store.keys().find(key.id).await.unwrap().as_ref(), Some(&key));
    let hash = SecretHash::of(secret.expose());
    assert_eq!(bench.store.keys().find_by_hash(&hash).await.unwrap(), Some(key));
    let random = &secret.expose().as_bytes()[8..];
    for file in std::fs::read_dir(bench.dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(random.len()).any(|window| window == random));
    }
}

#[tokio::test]
async fn a_key_as_json_shows_no_hash() {
    let bench = Bench::with_acme().await;
    let (key, _) = bench.store.keys().create(&key_for("search"), &Actor::Cli).await.unwrap();
    let json = serde_json::to_value(&key).unwrap();
    assert_eq!(json["owner"]["team"], "search");
    assert!(json.get("hash").is_none());
}

#[tokio::test]
async fn a_revoked_key_is_not_found_as_active() {
    let bench = Bench::with_acme().await;
    let keys = bench.store.keys();
    let (key, secret) = keys.create(&key_for("search"), &Actor::Cli).await.unwrap();
    let revoked = keys.revoke(key.id, &Actor::Cli).await.unwrap();
    assert_eq!(revoked.revoked_at, Some(bench.now()));
    assert_eq!(keys.find_by_hash(&SecretHash::of(secret.expose())).await.unwrap(), None);
    assert_eq!(keys.list(&KeyFilter::default()).await.unwrap(), []);
    assert_eq!(keys.snapshot().await.unwrap().keys, []);
    let all = KeyFilter { include_inactive: true, ..KeyFilter::default() };
    assert_eq!(keys.list(&all).await.unwrap(), std::slice::from_ref(&revoked));

    // Revoking again keeps the first time and writes nothing.
    bench.pass_us(1_000_000);
    let entries = bench.store.audit().list(None, 100).await.unwrap();
    assert_eq!(keys.revoke(key.id, &Actor::System).await.unwrap(), revoked);
    assert_eq!(bench.store.audit().list(None, 100).await.unwrap(), entries);
}

#[tokio::test]
async fn an_expired_key_is_refused_from_its_instant_on() {
    let bench = Bench::with_acme().await;
    let mut new = key_for("search");
    new.expires_at = Some(bench.now().plus_micros(10));
    let (key, secret) = bench.store.keys().create(&new, &Actor::Cli).await.unwrap();
    let hash = SecretHash::of(secret.expose());
    bench.pass_us(9);
    assert!(bench.store.keys().find_by_hash(&hash).await.unwrap().is_some());
    assert_eq!(bench.store.keys().list(&KeyFilter::default()).await.unwrap().len(), 1);
    bench.pass_us(1);
    assert_eq!(bench.store.keys().find_by_hash(&hash).await.unwrap(), None);
    assert_eq!(bench.store.keys().list(&KeyFilter::default()).await.unwrap(), []);
    // The gateway's own clock decides, so the snapshot still carries it.
    assert_eq!(bench.store.keys().snapshot().await.unwrap().keys, [key]);
}

#[tokio::test]
async fn lists_filter_by_team_and_page_by_id() {
    let bench = Bench::with_acme().await;
    let keys = bench.store.keys();
    let mut made = Vec::new();
    for team in ["search", "support", "search", "search"] {
        made.push(keys.create(&key_for(team), &Actor::System).await.unwrap().0);
    }
    let search = KeyFilter { team: Some("search".parse().unwrap()), ..KeyFilter::default() };
    let mut expected: Vec<KeyId> = [0, 2, 3].map(|n: usize| made[n].id).to_vec();
    expected.sort_unstable();
    let first = keys.list(&KeyFilter { limit: 2, ..search.clone() }).await.unwrap();
    let rest = keys.list(&KeyFilter { after: Some(first[1].id), ..search }).await.unwrap();
    let paged: Vec<KeyId> = first.iter().chain(&rest).map(|key| key.id).collect();
    assert_eq!(paged, expected);
    let other = KeyFilter { organisation: Some("other".parse().unwrap()), ..KeyFilter::default() };
    assert_eq!(keys.list(&other).await.unwrap(), []);
}

#[tokio::test]
async fn a_key_of_an_unknown_organisation_or_id_is_refused_by_name() {
    let bench = Bench::new().await;
    let keys = bench.store.keys();
    let error = keys.create(&key_for("search"), &Actor::Cli).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no organisation `acme`");
    let unknown = KeyId::from_u128(7);
    let error = keys.revoke(unknown, &Actor::Cli).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { what: "key", .. }) && error.is_not_found());
    assert_eq!(keys.find(unknown).await.unwrap(), None);
    // What failed left nothing behind, in the log either.
    assert_eq!(bench.store.audit().list(None, 10).await.unwrap(), []);
    assert_eq!(keys.revision().await.unwrap(), 0);
}

#[tokio::test]
async fn the_revision_rises_with_every_write_that_a_snapshot_shows_and_no_other() {
    let bench = Bench::with_acme().await;
    let (keys, other) = (bench.store.keys(), bench.second().await);
    let mut seen = vec![keys.revision().await.unwrap()];
    let (key, _) = keys.create(&key_for("search"), &Actor::Cli).await.unwrap();
    seen.push(other.keys().revision().await.unwrap());
    keys.mark_used(&[(key.id, bench.now())]).await.unwrap();
    assert_eq!(seen.last(), Some(&keys.revision().await.unwrap()), "use is no change");
    other.keys().revoke(key.id, &Actor::Cli).await.unwrap();
    seen.push(keys.revision().await.unwrap());
    bench.store.organisations().put(&acme("Asia/Tokyo"), &Actor::Cli).await.unwrap();
    seen.push(keys.revision().await.unwrap());
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    let snapshot = keys.snapshot().await.unwrap();
    assert_eq!(Some(&snapshot.revision), seen.last());
    assert_eq!(snapshot.organisations, [acme("Asia/Tokyo")]);
}

#[tokio::test]
async fn whoever_waits_is_told_of_every_change_made_here() {
    let bench = Bench::with_acme().await;
    let keys = bench.store.keys();
    let mut changes = keys.changes();
    let known = *changes.borrow_and_update();
    let (key, _) = keys.create(&key_for("search"), &Actor::Cli).await.unwrap();
    changes.changed().await.unwrap();
    let told = *changes.borrow_and_update();
    assert!(told > known);
    assert_eq!(told, keys.revision().await.unwrap());
    keys.mark_used(&[(key.id, bench.now())]).await.unwrap();
    assert!(!changes.has_changed().unwrap());
}

#[tokio::test]
async fn the_time_of_last_use_only_moves_forward() {
    let bench = Bench::with_acme().await;
    let keys = bench.store.keys();
    let (key, _) = keys.create(&key_for("search"), &Actor::Cli).await.unwrap();
    let (early, late) = (bench.now(), bench.now().plus_micros(5));
    keys.mark_used(&[(key.id, late), (key.id, early), (KeyId::from_u128(1), late)]).await.unwrap();
    assert_eq!(keys.find(key.id).await.unwrap().unwrap().last_used_at, Some(late));
}

#[tokio::test]
async fn a_row_edited_into_nonsense_is_reported_by_column() {
    let bench = Bench::with_acme().await;
    bench.store.keys().create(&key_for("search"), &Actor::Cli).await.unwrap();
    let raw = bench.raw().await;
    sqlx::query("UPDATE keys SET allowed_models = '{'").execute(&raw).await.unwrap();
    let error = bench.store.keys().snapshot().await.unwrap_err();
    assert!(error.to_string().starts_with("the stored allowed_models does not read back"));
}

#[tokio::test]
async fn writers_in_two_processes_all_get_their_turn() {
    let bench = Bench::with_acme().await;
    let stores = [bench.store.clone(), bench.second().await];
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..40 {
        let keys = stores[n % 2].keys();
        tasks.spawn(async move { keys.create(&key_for("search"), &Actor::System).await });
    }
    while let Some(created) = tasks.join_next().await {
        created.unwrap().unwrap();
    }
    assert_eq!(bench.store.keys().list(&KeyFilter::default()).await.unwrap().len(), 40);
    assert_eq!(bench.store.keys().revision().await.unwrap(), 41);
    assert!(matches!(
        bench.store.audit().verify().await.unwrap(),
        store::AuditVerdict::Intact { entries: 41, .. }
    ));
}
