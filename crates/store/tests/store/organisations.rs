//! Organisations.

use store::Actor;

use crate::{Bench, acme};

#[tokio::test]
async fn an_organisation_reads_back_and_changes_by_its_slug() {
    let bench = Bench::new().await;
    let organisations = bench.store.organisations();
    organisations.put(&acme("UTC"), &Actor::Cli).await.unwrap();
    organisations.put(&acme("Europe/Berlin"), &Actor::Cli).await.unwrap();
    assert_eq!(organisations.list().await.unwrap(), [acme("Europe/Berlin")]);
    let found = organisations.find(&"acme".parse().unwrap()).await.unwrap();
    assert_eq!(found, Some(acme("Europe/Berlin")));
    assert_eq!(organisations.find(&"nobody".parse().unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn writing_what_is_there_changes_neither_revision_nor_audit() {
    let bench = Bench::with_acme().await;
    let revision = bench.store.keys().revision().await.unwrap();
    bench.store.organisations().put(&acme("UTC"), &Actor::System).await.unwrap();
    assert_eq!(bench.store.keys().revision().await.unwrap(), revision);
    assert_eq!(bench.store.audit().list(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_changed_zone_is_audited_with_what_it_was() {
    let bench = Bench::with_acme().await;
    bench.store.organisations().put(&acme("Asia/Tokyo"), &Actor::Cli).await.unwrap();
    let newest = bench.store.audit().list(None, 1).await.unwrap().remove(0);
    assert_eq!((newest.action.as_str(), newest.subject.as_str()), ("organisation.put", "acme"));
    assert_eq!(
        newest.detail,
        r#"{"after":{"name":"Acme Ltd.","zone":"Asia/Tokyo"},"before":{"name":"Acme Ltd.","zone":"UTC"},"reason":null}"#
    );
}
