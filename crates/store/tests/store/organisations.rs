//! Organisations.

use store::{Actor, Organisation};

use crate::{Bench, Engine, acme};

on_both_engines!(
    an_organisation_reads_back_and_changes_by_its_slug,
    writing_what_is_there_changes_neither_revision_nor_audit,
    a_changed_zone_is_audited_with_what_it_was,
    lists_are_ordered_byte_by_byte_whatever_the_language_of_the_server,
);

async fn an_organisation_reads_back_and_changes_by_its_slug(engine: Engine) {
    let bench = Bench::new(engine).await;
    let organisations = bench.store.organisations();
    organisations.put(&acme("UTC"), &Actor::Cli).await.unwrap();
    organisations.put(&acme("Europe/Berlin"), &Actor::Cli).await.unwrap();
    assert_eq!(organisations.list().await.unwrap(), [acme("Europe/Berlin")]);
    let found = organisations.find(&"acme".parse().unwrap()).await.unwrap();
    assert_eq!(found, Some(acme("Europe/Berlin")));
    assert_eq!(organisations.find(&"nobody".parse().unwrap()).await.unwrap(), None);
}

async fn writing_what_is_there_changes_neither_revision_nor_audit(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
    let revision = bench.store.keys().revision().await.unwrap();
    bench.store.organisations().put(&acme("UTC"), &Actor::System).await.unwrap();
    assert_eq!(bench.store.keys().revision().await.unwrap(), revision);
    assert_eq!(bench.store.audit().list(None, 10).await.unwrap().len(), 1);
}

async fn a_changed_zone_is_audited_with_what_it_was(engine: Engine) {
    let bench = Bench::with_acme(engine).await;
    bench.store.organisations().put(&acme("Asia/Tokyo"), &Actor::Cli).await.unwrap();
    let newest = bench.store.audit().list(None, 1).await.unwrap().remove(0);
    assert_eq!((newest.action.as_str(), newest.subject.as_str()), ("organisation.put", "acme"));
    assert_eq!(
        newest.detail,
        r#"{"after":{"name":"Acme Ltd.","zone":"Asia/Tokyo"},"before":{"name":"Acme Ltd.","zone":"UTC"},"reason":null}"#
    );
}

async fn lists_are_ordered_byte_by_byte_whatever_the_language_of_the_server(engine: Engine) {
    let bench = Bench::new(engine).await;
    for slug in ["ab", "a-c", "a1", "b", "a-b"] {
        let organisation = Organisation { slug: slug.parse().unwrap(), ..acme("UTC") };
        bench.store.organisations().put(&organisation, &Actor::Cli).await.unwrap();
    }
    let listed = bench.store.organisations().list().await.unwrap();
    let slugs: Vec<String> = listed.iter().map(|found| found.slug.to_string()).collect();
    assert_eq!(slugs, ["a-b", "a-c", "a1", "ab", "b"]);
}
