//! Prices: costing on demand without anything else, and prices that change, are set late, and are applied
//! again to what was recorded.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use units::Usd;

use crate::harness::client::chat;
use crate::harness::command::{Ended, binary, tollgate};
use crate::harness::{Setup, Tollgate, run, wait_for};

/// Runs `price cost` over lines and reads every answer.
fn cost(directory: &Path, more: &[&str], lines: &[Value]) -> Vec<Value> {
    let input: Vec<String> = lines.iter().map(Value::to_string).collect();
    let out = cost_text(directory, more, input.join("\n").as_bytes()).succeeded();
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn cost_text(directory: &Path, more: &[&str], input: &[u8]) -> Ended {
    let mut command = binary(directory);
    command.args(["price", "cost"]).args(more);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // The answers are read while lines are written: neither side waits for the other for ever.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    Ended {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn line(provider: &str, model: &str, at: &str, usage: Value) -> Value {
    json!({"provider": provider, "model": model, "at": at, "usage": usage})
}

fn usd(answer: &Value) -> Usd {
    let text = answer["cost_usd"].as_str().unwrap_or_else(|| panic!("{answer}"));
    text.parse().unwrap()
}

#[test]
fn usage_is_costed_to_the_last_digit_without_any_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let prompt = |prompt: u64, cached: u64, completion: u64| {
        json!({"prompt_tokens": prompt, "completion_tokens": completion,
               "prompt_tokens_details": {"cached_tokens": cached}})
    };
    let anthropic = json!({"input_tokens": 500, "cache_read_input_tokens": 200,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        "output_tokens": 50, "server_tool_use": {"web_search_requests": 3}});
    let day = "2026-11-22";
    let lines = [
        (line("openai", "gpt-5.4", day, prompt(300_000, 100_000, 1_234)), "1.077765"),
        (line("anthropic", "claude-fable-5-2", day, anthropic), "0.04024"),
        (line("x-ai", "grok-4.7", day, prompt(200_000, 0, 20)), "0.80024"),
        (
            line("deepseek", "deepseek-flash", "2026-11-22T03:59:59Z", prompt(1_000, 0, 20)),
            "0.000324",
        ),
        (
            line("deepseek", "deepseek-flash", "2026-11-22T04:00:00Z", prompt(1_000, 0, 20)),
            "0.000162",
        ),
        (line("openai", "o3", "2025-06-09", prompt(1_000_000, 0, 0)), "10.00"),
        (
            json!({"provider": "xai", "model": "grok-4.7", "at": 1_795_338_000,
                "meters": {"input.text": 200_000, "output.text": 20}}),
            "0.80024",
        ),
    ];
    let (asked, expected): (Vec<Value>, Vec<&str>) = lines.into_iter().unzip();
    let told = cost(directory.path(), &[], &asked);
    let costs: Vec<&str> = told.iter().map(|told| told["cost_usd"].as_str().unwrap()).collect();
    assert_eq!(costs, expected);
    assert_eq!(told[3]["usage"], asked[3]["usage"], "what came in comes back");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "asking makes no files");
}

#[test]
fn a_bad_line_stops_no_other_and_a_missing_file_is_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let good =
        line("openai", "gpt-5.4", "2026-11-22", json!({"prompt_tokens": 1_000_000})).to_string();
    let mut input = format!("\u{feff}{good}\n\n{{\"provider\": \n").into_bytes();
    input.extend_from_slice(b"\xff\xfe\n   \r\n");
    input.extend_from_slice(good.as_bytes());
    let ended = cost_text(directory.path(), &[], &input);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told: Vec<Value> =
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let errors: Vec<bool> = told.iter().map(|told| told["error"].is_string()).collect();
    assert_eq!(errors, [false, true, true, false], "{told:?}");
    assert_eq!(usd(&told[0]), usd(&told[3]));
    fs::write(directory.path().join("usage.jsonl"), &good).unwrap();
    let from_file = tollgate(directory.path(), &["price", "cost", "usage.jsonl"]).succeeded();
    assert_eq!(from_file.lines().next(), ended.out.lines().next());
    let missing = tollgate(directory.path(), &["price", "cost", "nowhere.jsonl"]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    let unknown = tollgate(directory.path(), &["price", "cost", "--book", "pb_0000000000000000"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}

#[test]
fn an_import_changes_what_comes_after_it_and_nothing_before() {
    let tollgate = Tollgate::prepare(&Setup::default());
    let at = |at: &str| line("openai", "gpt-5.4", at, json!({"prompt_tokens": 1_000_000}));
    // The day after tomorrow lies after the import whenever this runs.
    let (before, after) = (at("2026-01-01"), at("2126-01-01"));
    let config = ["--config", "tollgate.toml"];
    let costs = || -> Vec<Usd> {
        cost(tollgate.path(), &config, &[before.clone(), after.clone()]).iter().map(usd).collect()
    };
    let was = costs();
    let catalog = json!({"gpt-5.4": {"litellm_provider": "openai", "mode": "chat",
        "input_cost_per_token": 7e-6, "output_cost_per_token": 9e-6}});
    fs::write(tollgate.path().join("litellm.json"), catalog.to_string()).unwrap();
    let import = ["price", "import", "litellm", "litellm.json", "--source-version", "abc123"];
    let dry = tollgate.command(&[&import[..], &["--dry-run"]].concat()).succeeded();
    assert!(dry.contains("nothing was changed"), "{dry}");
    assert_eq!(costs(), was);
    tollgate.command(&import).succeeded();
    let now = costs();
    assert_eq!(now[0], was[0], "the past stays");
    assert_eq!(now[1], "7".parse().unwrap());
    let again = tollgate.command(&import).succeeded();
    assert!(again.contains("in force already"), "{again}");

    let versions = tollgate.command(&["price", "versions", "--format", "json"]).succeeded();
    let versions: Value = serde_json::from_str(&versions).unwrap();
    let highest = versions[0]["layers"].as_array().and_then(|layers| layers.last());
    assert_eq!(highest.unwrap()["source_version"], "abc123", "{versions}");
    let broken = fs::write(tollgate.path().join("broken.json"), "{\"gpt-5.4\": ");
    broken.unwrap();
    let refused = tollgate.command(&["price", "import", "litellm", "broken.json"]);
    assert!(refused.code != Some(0) && refused.err.contains("broken.json"), "{refused:?}");
    assert_eq!(costs(), now, "nothing of it is taken over");

    // Taken out of force it says nothing; the book that had it still prices as it did.
    let withdraw = ["price", "withdraw", "litellm"];
    tollgate.command(&[&withdraw[..], &["--dry-run"]].concat()).succeeded();
    assert_eq!(costs(), now);
    let told = tollgate.command(&withdraw).succeeded();
    assert!(told.contains("gpt-5.4"), "{told}");
    assert_eq!(costs(), was);
    let imported = versions[0]["version"].as_str().unwrap();
    let then = ["--config", "tollgate.toml", "--book", imported];
    assert_eq!(usd(&cost(tollgate.path(), &then, std::slice::from_ref(&after))[0]), now[1]);
    let twice = tollgate.command(&withdraw);
    assert!(twice.code == Some(2) && twice.err.contains("in force: none"), "{twice:?}");
}

#[test]
fn a_model_priced_late_is_rerated_and_its_book_can_be_named_again() {
    let setup = Setup::default().route("house", &["openai/house-model-7b"], "");
    let tollgate = Tollgate::start(&setup);
    let answer = run(tollgate.client("search").ask(&chat("house")));
    let row = tollgate.row_of(&answer.request_id());
    assert_eq!(row.usd("cost_usd"), None, "{row:?}");
    let json = |arguments: &[&str]| -> Value {
        let out = tollgate.command(&[arguments, &["--output", "json"]].concat()).succeeded();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    };
    let queue = json(&["price", "unpriced"]);
    assert_eq!(
        (&queue[0]["model"], &queue[0]["requests"]),
        (&"house-model-7b".into(), &"1".into())
    );

    let set =
        ["price", "set", "openai", "house-model-7b", "input=1", "output=2", "--from", "2026-01-01"];
    let told = tollgate.command(&set).succeeded();
    assert!(told.contains("in force"), "{told}");
    let window = ["price", "rerate", "--from", "2026-01-01", "--to", "2100-01-01"];
    let dry = json(&[&window[..], &["--dry-run"]].concat());
    assert_eq!((&dry[0]["restated"], &dry[0]["newly_priced"]), (&"1".into(), &"1".into()));
    let done = json(&window);
    let expected = Usd::from_pico(i128::from(
        row.number("input_tokens_total") * 1_000_000
            + row.number("output_tokens_total") * 2_000_000,
    ));
    assert_eq!(done[0]["after"], expected.to_string(), "{done}");
    assert_eq!(json(&window), json!([]), "doing it again changes nothing");
    let sums = tollgate.query("SELECT SUM(cost_usd) AS usd, COUNT(*) AS n FROM usage");
    assert_eq!((sums[0].usd("usd"), sums[0].number("n")), (Some(expected), 2));
    assert_eq!(json(&["price", "unpriced"]), json!([]));

    // The gateway prices by it from now on, and the row names a book that is still known.
    let client = tollgate.client("search");
    let priced = wait_for("the new price", std::time::Duration::from_secs(20), || {
        let answer = run(client.ask(&chat("house")));
        answer.cost().map(|_| answer)
    });
    let row = tollgate.row_of(&priced.request_id());
    let version = row.text("price_version").to_owned();
    let line = json!({"provider": "openai", "model": "house-model-7b", "at": "2026-11-22",
                      "meters": {"input.text": 1_000_000}});
    let config = ["--config", "tollgate.toml", "--book", &version];
    assert_eq!(usd(&cost(tollgate.path(), &config, &[line])[0]), Usd::from_dollars(1));
    let diff = ["price", "diff", "catalog", &version, "--output", "csv"];
    let diff = tollgate.command(&diff).succeeded();
    assert!(diff.contains("house-model-7b"), "{diff}");

    // Elsewhere the same traffic would have come to something else; on the same terms, to the same.
    let what_if = ["price", "what-if", "--from", "2026-01-01", "--to", "2100-01-01"];
    let elsewhere = json(&[&what_if[..], &["--team", "search", "--model", "openai/o3"]].concat());
    let total = elsewhere.as_array().unwrap().last().unwrap();
    assert_eq!((&total["provider"], &total["requests"]), (&"all".into(), &"2".into()), "{total}");
    assert_ne!(total["would_cost"], total["billed"]);
    let same = json(&[&what_if[..], &["--tier", "default"]].concat());
    assert_eq!(same[0]["would_cost"], same[0]["billed"], "{same}");
    assert_eq!(same[0]["difference"], "0.00");
    assert_eq!(tollgate.command(&what_if).code, Some(2), "as what?");
}

#[test]
fn prices_are_listed_shown_and_compared_without_any_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| tollgate(directory.path(), &[&["price"], arguments].concat());
    let listed: Value =
        serde_json::from_str(&run(&["list", "--provider", "xai", "--format", "json"]).succeeded())
            .unwrap();
    assert!(listed.as_array().unwrap().iter().all(|model| model["provider"] == "x-ai"), "{listed}");
    let shown: Value =
        serde_json::from_str(&run(&["show", "gpt-5.4", "--format", "json"]).succeeded()).unwrap();
    assert_eq!((&shown["provider"], &shown["model"]), (&"openai".into(), &"gpt-5.4".into()));
    assert!(shown["rates"]["input"]["source"].as_str().unwrap().starts_with("catalog.json "));
    assert!(run(&["show", "openai/gpt-5.4"]).succeeded().contains("> 272000"));
    let unknown = run(&["show", "no-such-model"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    let file = json!({"providers": [{"id": "openai", "models": [
        {"id": "gpt-5.4", "prices": [{"rates": {"input": "1", "output": "15"}}]}]}]});
    fs::write(directory.path().join("mine.json"), file.to_string()).unwrap();
    let diff = run(&["diff", "catalog", "mine.json", "--format", "csv"]).succeeded();
    assert!(diff.contains(r#""changed","openai","gpt-5.4","input","2.50","1.00""#), "{diff}");
    assert_eq!(run(&["diff", "now", "catalog", "--format", "json"]).succeeded().trim(), "[]");
    fs::write(directory.path().join("mine.json"), "{\"providers\": [{\"id\": 7}]}").unwrap();
    let broken = run(&["diff", "catalog", "mine.json"]);
    assert!(broken.code == Some(1) && broken.err.contains("mine.json:1:"), "{broken:?}");
}
