//! Coding agents of npm, run without a person and unmodified: each in a home of its own, with nobody
//! to reach but the gateway.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::command::ended;
use crate::harness::{Client, Tollgate, tools};

/// What stands in the file an agent is to read.
pub(crate) const NOTE: &str = "the toll is 4711 crowns";

/// An agent's task: to read a file with one of its own tools, and to say something.
pub(crate) struct Task<'a> {
    /// Where the gateway is, and where nobody is.
    pub(crate) tollgate: &'a Tollgate,
    /// The key it is given.
    pub(crate) client: &'a Client,
    /// The model it is told to use.
    pub(crate) route: &'a str,
    /// The customer its requests name.
    pub(crate) customer: &'a str,
}

/// What an agent told of its work.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What its tool returned.
    pub(crate) tool_result: String,
    /// Its last words.
    pub(crate) text: String,
    /// Input of all its requests, cached or not, tokens.
    pub(crate) input_tokens: u64,
    /// Output of all its requests, tokens.
    pub(crate) output_tokens: u64,
}

impl Task<'_> {
    /// Address of the gateway without a path.
    fn origin(&self) -> String {
        self.client.base_url().trim_end_matches("/v1").to_owned()
    }

    /// The header that names the customer.
    fn header(&self) -> String {
        format!("x-tollgate-customer: {}", self.customer)
    }

    /// An agent in a home of its own that holds the note.
    fn agent(&self, name: &str, home: &Path) -> Command {
        fs::write(home.join("note.txt"), NOTE).unwrap();
        tools::agent(name, home, self.tollgate.addresses.nobody)
    }

    /// Claude Code, `claude -p`.
    pub(crate) fn claude_code(&self) -> Report {
        let home = home();
        let note = home.path().join("note.txt");
        let mut command = self.agent("claude", home.path());
        command
            .env("CLAUDE_CONFIG_DIR", home.path().join("claude"))
            .env("ANTHROPIC_BASE_URL", self.origin())
            .env("ANTHROPIC_API_KEY", self.client.key())
            .env("ANTHROPIC_CUSTOM_HEADERS", self.header())
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .args(["-p", &order("Read", &json!({"file_path": note})), "--model", self.route])
            .args(["--tools", "Read", "--max-turns", "3"])
            .args(["--output-format", "stream-json", "--verbose"]);
        let mut report = Report::default();
        for event in events(&mut command) {
            match event["type"].as_str() {
                Some("user") => {
                    let result = &event["message"]["content"][0]["content"];
                    report.tool_result = result.as_str().unwrap_or_default().to_owned();
                }
                Some("result") => {
                    assert_eq!(event["is_error"], false, "{event}");
                    report.text = text(&event["result"]);
                    // What each request used, added up by the model it went to.
                    let models = event["modelUsage"].as_object().unwrap().values();
                    for used in models {
                        let input =
                            ["inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"];
                        report.input_tokens +=
                            input.map(|name| number(&used[name])).iter().sum::<u64>();
                        report.output_tokens += number(&used["outputTokens"]);
                    }
                }
                _ => {}
            }
        }
        report
    }

    /// Codex, `codex exec`, with the gateway as a provider of its configuration.
    pub(crate) fn codex(&self) -> Report {
        let home = home();
        let folder = home.path().join("codex");
        fs::create_dir(&folder).unwrap();
        let configuration = format!(
            "model = \"{}\"\nmodel_provider = \"tollgate\"\ncheck_for_update_on_startup = false\n\n\
             [model_providers.tollgate]\nname = \"Tollgate\"\nbase_url = \"{}\"\n\
             env_key = \"TOLLGATE_KEY\"\nwire_api = \"responses\"\n\
             http_headers = {{ \"x-tollgate-customer\" = \"{}\" }}\n\n\
             [analytics]\nenabled = false\n\n[features]\nplugins = false\napps = false\n",
            self.route,
            self.client.base_url(),
            self.customer
        );
        fs::write(folder.join("config.toml"), configuration).unwrap();
        let mut command = self.agent("codex", home.path());
        command
            .env("CODEX_HOME", folder)
            .env("TOLLGATE_KEY", self.client.key())
            // A sandbox within a container needs rights that tests may not have; the task only reads.
            .args(["exec", "--json", "--skip-git-repo-check", "--sandbox", "danger-full-access"])
            .arg(order("exec_command", &json!({"cmd": "cat note.txt"})));
        let mut report = Report::default();
        for event in events(&mut command) {
            let item = &event["item"];
            match (event["type"].as_str(), item["type"].as_str()) {
                (Some("item.completed"), Some("command_execution")) => {
                    report.tool_result = text(&item["aggregated_output"]);
                }
                (Some("item.completed"), Some("agent_message")) => {
                    report.text = text(&item["text"])
                }
                (Some("turn.completed"), _) => {
                    report.input_tokens = number(&event["usage"]["input_tokens"]);
                    report.output_tokens = number(&event["usage"]["output_tokens"]);
                }
                _ => {}
            }
        }
        report
    }

    /// Gemini CLI, `gemini -p`.
    pub(crate) fn gemini_cli(&self) -> Report {
        let home = home();
        let folder = home.path().join(".gemini");
        fs::create_dir(&folder).unwrap();
        let settings = json!({
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "privacy": {"usageStatisticsEnabled": false},
            "telemetry": {"enabled": false},
            "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false},
            "tools": {"core": ["read_file"]},
        });
        fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
        let mut command = self.agent("gemini", home.path());
        command
            .env("GOOGLE_GEMINI_BASE_URL", self.origin())
            .env("GEMINI_API_KEY", self.client.key())
            .env("GEMINI_CLI_CUSTOM_HEADERS", self.header())
            .args(["-p", &order("read_file", &json!({"file_path": "note.txt"}))])
            .args(["--model", self.route, "--skip-trust", "--output-format", "stream-json"]);
        let mut report = Report::default();
        for event in events(&mut command) {
            match (event["type"].as_str(), event["role"].as_str()) {
                (Some("message"), Some("assistant")) => report.text += &text(&event["content"]),
                (Some("result"), _) => {
                    report.input_tokens = number(&event["stats"]["input_tokens"]);
                    // Its own count of output leaves out what was thought.
                    let total = number(&event["stats"]["total_tokens"]);
                    report.output_tokens = total - report.input_tokens;
                }
                _ => {}
            }
        }
        // It prints only that the file was read; what was in it stands in its record of the session.
        report.tool_result = record(&folder.join("tmp"));
        report
    }
}

/// The text of all records below a folder.
fn record(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| match path.is_dir() {
        true => record(&path),
        false if path.extension().is_some_and(|kind| kind == "jsonl") => {
            fs::read_to_string(&path).unwrap()
        }
        false => String::new(),
    });
    texts.collect()
}

fn home() -> TempDir {
    tempfile::Builder::new().prefix("tollgate-agent-").tempdir().unwrap()
}

/// Words that make the simulated model call a tool with these arguments.
fn order(tool: &str, arguments: &Value) -> String {
    format!("Use the tool {tool} with {arguments} and say what you think of it.")
}

/// The events an agent prints, one JSON object a line, of a run that succeeded.
fn events(command: &mut Command) -> Vec<Value> {
    let ended = ended(command);
    assert_eq!(ended.code, Some(0), "{command:?}: {}{}", ended.out, ended.err);
    let lines = ended.out.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}
