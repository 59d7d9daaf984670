//! The command line: a first configuration, questions, exports, and what the exit code says.

use std::fs;

use serde_json::Value;

use crate::harness::client::chat;
use crate::harness::command::{binary, ended, tollgate};
use crate::harness::{Setup, Tollgate, run};

#[test]
fn the_configuration_that_init_writes_works_once_its_secrets_are_there() {
    let directory = tempfile::tempdir().unwrap();
    let told = tollgate(directory.path(), &["init"]).succeeded();
    assert!(told.contains("tollgate config check"), "{told}");
    let again = tollgate(directory.path(), &["init"]);
    assert_eq!(again.code, Some(2), "a file is never overwritten unasked: {again:?}");
    tollgate(directory.path(), &["init", "--force"]).succeeded();
    let without = tollgate(directory.path(), &["config", "check"]);
    assert_eq!(without.code, Some(2), "{without:?}");
    assert!(without.err.contains("OPENAI_API_KEY") && without.err.contains("ANTHROPIC_API_KEY"));
    let mut check = binary(directory.path());
    check.args(["config", "check"]).env("OPENAI_API_KEY", "sk-a").env("ANTHROPIC_API_KEY", "sk-b");
    assert!(ended(&mut check).succeeded().contains(": ok ("));
    let shown = tollgate(directory.path(), &["config", "show"]).succeeded();
    assert!(shown.contains("commit_interval_ms = 1000") && !shown.contains("sk-a"), "{shown}");
    let schema = tollgate(directory.path(), &["config", "schema"]).succeeded();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert!(schema["properties"]["route"].is_object());
}

#[test]
fn a_key_is_shown_once_and_kept_as_a_hash() {
    let tollgate = Tollgate::prepare(&Setup::default());
    let key = tollgate.key("search", &["--name", "backend"]);
    assert!(key.starts_with("tg_") && key.lines().count() == 1, "{key}");
    for output in ["table", "json", "csv"] {
        let list = tollgate.command(&["key", "list", "--output", output]).succeeded();
        assert!(list.contains("backend") && !list.contains(&key), "{list}");
    }
    for file in fs::read_dir(tollgate.data()).unwrap() {
        let path = file.unwrap().path();
        let bytes = if path.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        let held = bytes.windows(key.len()).any(|window| window == key.as_bytes());
        assert!(!held, "{} holds a secret", path.display());
    }
    let unknown = tollgate.command(&["key", "create", "--team", "nobody"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.err.contains("search, support, tiny"), "{}", unknown.err);
    let missing = ["key", "revoke", "key_00000000000000000000000000000001"];
    assert_eq!(tollgate.command(&missing).code, Some(1));
}

#[test]
fn a_query_prints_tables_json_and_csv_and_changes_nothing() {
    let tollgate = Tollgate::start(&Setup::default());
    let answer = run(tollgate.client("search").ask(&chat("openai/gpt-5.4")));
    let (id, cost) = (answer.request_id(), answer.cost().unwrap());
    tollgate.row_of(&id);
    let sql = "SELECT team, count(*) AS requests, sum(cost_usd) AS usd FROM usage GROUP BY team";
    let query = |output| tollgate.command(&["query", sql, "--output", output]).succeeded();
    let table = query("table");
    assert!(table.contains("search") && table.contains(&cost.to_string()), "{table}");
    let csv = query("csv");
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("team,requests,usd"));
    assert!(lines.next().is_some_and(|line| line.starts_with("search,1,")), "{csv}");
    let json: Value = serde_json::from_str(&query("json")).unwrap();
    assert_eq!(json[0]["usd"].as_str().unwrap().parse().ok(), Some(cost), "money is text: {json}");
    for (wrong, told) in [
        ("SELEC 1", "SELEC"),
        ("SELECT tem FROM usage", "tem"),
        ("DROP TABLE usage", "only queries are allowed"),
        ("COPY usage TO 'out.csv'", "only queries are allowed"),
    ] {
        let ended = tollgate.command(&["query", wrong]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains(told), "{}", ended.err);
    }
    assert_eq!(tollgate.query("SELECT count(*) AS n FROM usage")[0].number("n"), 1);
}

#[test]
fn an_export_has_a_manifest_and_never_mixes_with_what_is_there() {
    let tollgate = Tollgate::start(&Setup::default());
    let answer = run(tollgate.client("search").ask(&chat("openai/gpt-5.4")));
    let day = tollgate.row_of(&answer.request_id()).text("event_date").to_owned();
    let export = |from: &str, to: &str, directory: &str| {
        tollgate.command(&["export", "parquet", "--from", from, "--to", to, directory])
    };
    export(&day, &day, "out").succeeded();
    let manifest = fs::read(tollgate.path().join("out/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(
        (manifest["rows"].as_u64(), manifest["rows_without_cost"].as_u64()),
        (Some(1), Some(0))
    );
    assert_eq!(manifest["cost_usd"].as_str().unwrap().parse().ok(), answer.cost());
    for file in manifest["files"].as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        let held = fs::metadata(tollgate.path().join("out").join(name)).unwrap().len();
        assert_eq!(file["bytes"].as_u64(), Some(held), "{name}");
    }
    let again = export(&day, &day, "out");
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.err.contains("cannot export to") && again.err.contains("out"), "{}", again.err);
    let backwards = export("2026-02-01", "2026-01-01", "other");
    assert_eq!(backwards.code, Some(2), "{backwards:?}");
    assert!(!tollgate.path().join("other").exists());
    let empty = export("2020-01-01", "2020-01-31", "empty").succeeded();
    assert!(empty.starts_with("0 rows"), "{empty}");
}

#[test]
fn exit_codes_tell_wrong_usage_from_failure() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["no-such-command"], 2),
        (&["export", "parquet", "--from", "yesterday", "--to", "2026-01-01", "x"], 2),
        (&["config", "check"], 2),
        (&["--config", "no-such-file.toml", "serve"], 2),
    ] {
        let ended = tollgate(directory.path(), arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert!(code == 0 || !ended.err.is_empty(), "{arguments:?}");
    }
    let help = tollgate(directory.path(), &["--help"]).succeeded();
    assert!(help.contains("Exit codes:"), "{help}");
}
