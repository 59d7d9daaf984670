//! Virtual keys: secrets, expiry, revocation, revisions.

use std::collections::BTreeSet;

use store::{Actor, ClientField, KeyAccess, KeyFilter, SecretHash, StoreError};
use units::KeyId;

use crate::{Bench, Engine, acme, key_for};

on_both_engines!(
    a_key_reads_back_whole_and_its_secret_is_nowhere_in_the_files,
    a_key_as_json_shows_no_hash,
    a_revoked_key_is_not_found_as_active,
    an_expired_key_is_refused_from_its_instant_on,
    lists_filter_by_team_and_page_by_id,
    a_key_of_an_unknown_organisation_or_id_is_refused_by_name,
    the_revision_rises_with_every_write_that_a_snapshot_shows_and_no_other,
    whoever_waits_is_told_of_every_change_made_here,
    the_time_of_last_use_only_moves_forward,
    a_row_edited_into_nonsense_is_reported_by_column,
    writers_in_two_processes_all_get_their_turn,
    a_rotated_key_hands_over_within_its_grace,
    a_rotated_key_never_outlives_its_own_expiry,
    a_key_no_longer_accepted_cannot_be_rotated,
    uses_told_by_two_processes_never_block_each_other,
);

async fn a_key_reads_back_whole_and_its_secret_is_nowhere_in_the_files(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
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
    for file in bench.files() {
        let bytes = std::fs::read(file).unwrap();
        assert!(!bytes.windows(random.len()).any(|window| window == random));
    }
}

async fn a_key_as_json_shows_no_hash(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
    let (key, _) = bench.store.keys().create(&key_for("search"), &Actor::Cli).await.unwrap();
    let json = serde_json::to_value(&key).unwrap();
    assert_eq!(json["owner"]["team"], "search");
    assert!(json.get("hash").is_none());
}

async fn a_revoked_key_is_not_found_as_active(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
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

async fn an_expired_key_is_refused_from_its_instant_on(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
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

async fn lists_filter_by_team_and_page_by_id(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
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

async fn a_key_of_an_unknown_organisation_or_id_is_refused_by_name(engine: Engine) {
    let bench = Bench::new(engine).await;
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

async fn the_revision_rises_with_every_write_that_a_snapshot_shows_and_no_other(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
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

async fn whoever_waits_is_told_of_every_change_made_here(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
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

async fn the_time_of_last_use_only_moves_forward(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
    let keys = bench.store.keys();
    let (key, _) = keys.create(&key_for("search"), &Actor::Cli).await.unwrap();
    let (early, late) = (bench.now(), bench.now().plus_micros(5));
    keys.mark_used(&[(key.id, late), (key.id, early), (KeyId::from_u128(1), late)]).await.unwrap();
    assert_eq!(keys.find(key.id).await.unwrap().unwrap().last_used_at, Some(late));
}

async fn a_row_edited_into_nonsense_is_reported_by_column(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
    bench.store.keys().create(&key_for("search"), &Actor::Cli).await.unwrap();
    bench.raw("UPDATE keys SET allowed_models = '{'").await.unwrap();
    let error = bench.store.keys().snapshot().await.unwrap_err();
    assert!(error.to_string().starts_with("the stored allowed_models does not read back"));
}

async fn writers_in_two_processes_all_get_their_turn(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
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

async fn a_rotated_key_hands_over_within_its_grace(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
    let keys = bench.store.keys();
    let mut new = key_for("search");
    new.access.allowed_models = vec!["fast".into()];
    let (old, old_secret) = keys.create(&new, &Actor::Cli).await.unwrap();
    let revision = keys.revision().await.unwrap();
    bench.pass_us(5);
    let (key, secret) = keys.rotate(old.id, 100, &Actor::Cli).await.unwrap();

    assert_eq!((&key.name, &key.owner, &key.access), (&old.name, &old.owner, &old.access));
    assert_eq!((key.replaces, key.expires_at, old.replaces), (Some(old.id), None, None));
    assert_eq!(keys.find(key.id).await.unwrap().as_ref(), Some(&key));
    assert!(keys.revision().await.unwrap() > revision, "gateways must learn of it");
    assert_ne!(secret, old_secret);
    let of = |secret: &units::Secret| SecretHash::of(secret.expose());
    bench.pass_us(99);
    assert_eq!(keys.find_by_hash(&of(&old_secret)).await.unwrap().unwrap().id, old.id);
    bench.pass_us(1);
    assert_eq!(keys.find_by_hash(&of(&old_secret)).await.unwrap(), None);
    assert_eq!(keys.find_by_hash(&of(&secret)).await.unwrap().unwrap().id, key.id);
    let log = bench.store.audit().list(None, 2).await.unwrap();
    assert_eq!([&log[0].action, &log[1].action], ["key.create", "key.rotate"]);
    assert_eq!([&log[0].subject, &log[1].subject], [&key.id.to_string(), &old.id.to_string()]);
}

async fn a_rotated_key_never_outlives_its_own_expiry(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
    let keys = bench.store.keys();
    for (grace_us, ends_in_us) in [(5, 5), (10, 10), (500, 10), (0, 0), (-7, 0)] {
        let mut new = key_for("search");
        new.expires_at = Some(bench.now().plus_micros(10));
        let (old, _) = keys.create(&new, &Actor::Cli).await.unwrap();
        let (key, _) = keys.rotate(old.id, grace_us, &Actor::Cli).await.unwrap();
        let ended = keys.find(old.id).await.unwrap().unwrap().expires_at.unwrap();
        assert_eq!(ended.micros_since(bench.now()), ends_in_us, "a grace of {grace_us}");
        assert_eq!(key.expires_at, new.expires_at, "the new key keeps the expiry of the old");
    }
}

async fn a_key_no_longer_accepted_cannot_be_rotated(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
    let keys = bench.store.keys();
    let (revoked, _) = keys.create(&key_for("search"), &Actor::Cli).await.unwrap();
    keys.revoke(revoked.id, &Actor::Cli).await.unwrap();
    let mut new = key_for("search");
    new.expires_at = Some(bench.now());
    let (expired, _) = keys.create(&new, &Actor::Cli).await.unwrap();
    let entries = bench.store.audit().list(None, 100).await.unwrap();
    for id in [revoked.id, expired.id] {
        let error = keys.rotate(id, 1, &Actor::Cli).await.unwrap_err();
        assert!(error.is_conflict(), "{error}");
        let expected = format!("the key `{id}` is no longer accepted: make a new one");
        assert_eq!(error.to_string(), expected);
    }
    let error = keys.rotate(KeyId::from_u128(7), 1, &Actor::Cli).await.unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(bench.store.audit().list(None, 100).await.unwrap(), entries);
}

async fn uses_told_by_two_processes_never_block_each_other(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
    let stores = [bench.store.clone(), bench.second().await];
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(bench.store.keys().create(&key_for("search"), &Actor::System).await.unwrap().0.id);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..20_usize {
        let (keys, at) = (stores[n % 2].keys(), bench.now().plus_micros(n as i64));
        let mut uses: Vec<_> = ids.iter().map(|id| (*id, at)).collect();
        if n % 2 == 0 {
            uses.reverse();
        }
        tasks.spawn(async move { keys.mark_used(&uses).await });
    }
    while let Some(told) = tasks.join_next().await {
        told.unwrap().unwrap();
    }
    let all = bench.store.keys().list(&KeyFilter::default()).await.unwrap();
    let latest = Some(bench.now().plus_micros(19));
    assert!(all.iter().all(|key| key.last_used_at == latest));
}
