//! The API's document, and the page of it.

use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::bench::Bench;
use crate::browser::SESSION;

async fn document(bench: &Bench) -> Value {
    let answer = bench.browser.open_as_stranger("/openapi.json").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    serde_json::from_str(&answer.body).unwrap()
}

/// Every path and method of the document.
fn operations(document: &Value) -> Vec<(String, Method)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let path = path.clone();
        methods
            .into_iter()
            .map(move |method| (path.clone(), method.to_uppercase().parse().unwrap()))
    };
    paths.iter().flat_map(of_path).collect()
}

#[tokio::test]
async fn the_document_is_openapi_3_1_and_says_of_every_operation_how_to_sign_in() {
    let bench = Bench::new().await;
    let document = document(&bench).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(operations(&document).len(), 20);
    for (path, method) in operations(&document) {
        let operation = &document["paths"][&path][method.as_str().to_lowercase()];
        let schemes = operation["security"].as_array().unwrap();
        assert_eq!(schemes.len(), 2, "{method} {path}");
        assert!(operation["summary"].is_string(), "{method} {path}");
    }
    let text = document.to_string();
    for shape in text.split("\"#/components/schemas/").skip(1) {
        let name = shape.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[tokio::test]
async fn every_operation_of_the_document_refuses_strangers_and_exists() {
    let bench = Bench::new().await;
    for (path, method) in operations(&document(&bench).await) {
        let address = path.replace("{id}", "x").replace("{team}", "x").replace("{period}", "x");
        let stranger = bench.call(method.clone(), &address, "nobody", None).await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        let known = bench.call(method.clone(), &address, SESSION, None).await;
        assert_ne!(known.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert!(!known.body.contains("no such page"), "{method} {path}: {}", known.body);
    }
}

#[tokio::test]
async fn the_page_shows_every_operation_and_object_and_runs_nothing() {
    let bench = Bench::new().await;
    bench.key("search", "indexer").await;
    let document = document(&bench).await;
    for page in [bench.browser.open("/docs").await, bench.browser.open_as_stranger("/docs").await] {
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        for (path, method) in operations(&document) {
            let heading = format!("<b class=\"method\">{method}</b> {path}");
            assert!(page.body.contains(&heading), "{heading}\n{}", page.body);
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(page.body.contains(&format!("id=\"shape-{name}\"")), "{name}");
        }
        assert!(
            !page.body.contains("http://") && !page.body.contains("https://"),
            "nothing foreign"
        );
        let links = page.body.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
        for target in links {
            assert!(page.body.contains(&format!("id=\"{target}\"")), "{target}");
        }
    }
    let stranger = bench.browser.open_as_stranger("/docs").await.body;
    assert!(!stranger.contains("Acme") && !stranger.contains("indexer"), "{stranger}");
}
