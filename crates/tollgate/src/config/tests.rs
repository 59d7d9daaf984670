//! What a file becomes, and what is said of one that is wrong.

mod mistakes;

use std::path::Path;

use events::Dialect;

use super::*;

const KNOWN: &[KnownProvider<'static>] = &[
    KnownProvider {
        name: "openai",
        dialect: Dialect::OpenaiChat,
        base_url: "https://api.openai.com/v1",
        prices: "openai",
    },
    KnownProvider {
        name: "anthropic",
        dialect: Dialect::AnthropicMessages,
        base_url: "https://api.anthropic.com/v1",
        prices: "anthropic",
    },
];

/// A file that is right; the cases below add to it or replace lines of it.
const GOOD: &str = r#"[organisation]
slug = "acme"

[server]
gateway = "127.0.0.1:4000"

[[provider]]
name = "openai"
api_key = "env:OPENAI_API_KEY"

[[route]]
name = "fast"
targets = [{ provider = "openai", model = "gpt-5.4" }]

[[team]]
slug = "search"

[[budget]]
name = "search-monthly"
team = "search"
limit_usd = "100.00"

[[key]]
name = "backend"
hash = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
team = "search"
"#;

fn parse(text: &str) -> Result<Config, ConfigDiagnostics> {
    Config::parse("tollgate.toml", text, &Environment::default(), KNOWN)
}

fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigDiagnostics> {
    let environment = Environment::of(variables.iter().copied());
    Config::parse("tollgate.toml", GOOD, &environment, KNOWN)
}

/// Each problem as `line | message | label | remedy`.
fn told(diagnostics: &ConfigDiagnostics) -> Vec<String> {
    let shown = |problem: &Problem| {
        let line = problem.line().map_or("-".to_owned(), |line| line.to_string());
        let (label, remedy) = (problem.label(), problem.remedy());
        format!("{line} | {problem} | {} | {}", label.unwrap_or("-"), remedy.unwrap_or("-"))
    };
    diagnostics.problems().iter().map(shown).collect()
}

/// What is told of the good file with one line replaced.
fn replaced(line: &str, by: &str) -> Vec<String> {
    assert_eq!(GOOD.matches(line).count(), 1, "{line}");
    told(&parse(&GOOD.replacen(line, by, 1)).unwrap_err())
}

#[test]
fn a_good_file_is_read_and_the_provider_table_fills_it_in() {
    let config = parse(GOOD).unwrap();
    let openai = config.provider("openai").unwrap();
    assert_eq!(openai.base_url.as_str(), "https://api.openai.com/v1");
    assert_eq!(openai.dialect, Dialect::OpenaiChat);
    assert_eq!(openai.prices.as_str(), "openai");
    assert_eq!(openai.connections_max, 512);
    assert_eq!(config.budgets[0].limit_usd, units::Usd::from_dollars(100));
    assert_eq!(config.budgets[0].on_unpriced, OnUnpriced::Deny);
    assert_eq!(config.keys[0].id().to_string(), "key_6437b3ac38465133ffb63b75273a8db5");
    assert_eq!(config.keys[0].client_may_set.len(), 5);
    assert_eq!(config.console_url(), "http://127.0.0.1:4001");
    let url = config.storage.database_url(&Environment::default()).unwrap();
    assert_eq!(url.expose(), "sqlite://./tollgate-data/tollgate.db");
    assert_eq!(config.organisation.time_zone.billing().name(), "UTC");
    assert_eq!(config.organisation.display_name(), "acme");
}

#[test]
fn the_smallest_file_names_the_organisation_and_nothing_else() {
    let config = parse("organisation.slug = \"acme\"").unwrap();
    assert_eq!(config.server, Server::default());
    assert!(config.providers.is_empty());
}

#[test]
fn a_name_used_twice_shows_both_places() {
    for (section, line, key) in [
        ("[[provider]]\nname = \"openai\"\n", 29, "name `openai`"),
        ("[[team]]\nslug = \"search\"\n", 29, "slug `search`"),
        (
            "[[route]]\nname = \"fast\"\ntargets = [{ provider = \"openai\", model = \"x\" }]\n",
            29,
            "name `fast`",
        ),
    ] {
        let told = parse(&format!("{GOOD}\n{section}")).unwrap_err();
        let [problem] = told.problems() else { panic!("{told:?}") };
        assert_eq!(problem.line(), Some(line));
        assert!(problem.to_string().ends_with(key), "{problem}");
        let report = told.render(true);
        assert!(report.contains("the same again") && report.contains("first here"), "{report}");
    }
}

#[test]
fn a_database_is_a_file_a_server_or_found_elsewhere_and_its_password_is_shown_nowhere() {
    let with = |value: &str| parse(&format!("{GOOD}\n[storage]\ndatabase = \"{value}\"\n"));
    let environment = Environment::of([("DB", "postgres://me:hunter2@db/tollgate")]);
    for (value, url) in [
        ("sqlite", "sqlite://./tollgate-data/tollgate.db"),
        ("sqlite:///var/t.db", "sqlite:///var/t.db"),
        ("postgres://me:hunter2@db/tollgate", "postgres://me:hunter2@db/tollgate"),
        ("env:DB", "postgres://me:hunter2@db/tollgate"),
    ] {
        let config = with(value).unwrap();
        assert_eq!(config.storage.database_url(&environment).unwrap().expose(), url);
        assert!(!config.show().unwrap().contains("hunter2"), "{value}");
        assert!(!format!("{config:?}").contains("hunter2"), "{value}");
    }
    for value in ["mysql://me:hunter2@db/x", "postgres://me:hunter2@[/db", "tollgate.db"] {
        let report = with(value).unwrap_err().render(true);
        assert!(report.contains("not a database Tollgate can use"), "{report}");
        assert!(!report.contains("hunter2"), "{report}");
    }
}

#[test]
fn a_budget_says_once_whose_spending_it_counts_and_how_far_it_trusts() {
    let budget = |lines: &str| {
        let text = GOOD.replacen("team = \"search\"\nlimit_usd", &format!("{lines}\nlimit_usd"), 1);
        parse(&text)
    };
    for (lines, scope) in [
        ("", "organisation"),
        ("team = \"search\"", "team:search"),
        ("scope = \"customer:initech\"", "customer:initech"),
        ("scope = \"model:gpt-5.4\"\nwindow = \"week\"", "model:gpt-5.4"),
    ] {
        assert_eq!(budget(lines).unwrap().budgets[0].scope().to_string(), scope);
    }
    for (lines, problem) in [
        ("scope = \"organisation\"\nteam = \"search\"", "has `scope` and `team`"),
        ("scope = \"planet:earth\"", "not a scope"),
        ("when_alone = \"spend\"", "needs `exposure_usd`"),
        ("exposure_usd = \"5\"", "has no effect"),
    ] {
        let report = budget(lines).unwrap_err().render(true);
        assert!(report.contains(problem), "{report}");
    }
}

#[test]
fn a_secret_in_the_file_is_refused_and_shown_nowhere() {
    let reference = "api_key = \"env:OPENAI_API_KEY\"";
    for bad in [
        "api_key = \"sk-hunter2\"",
        "api_key = [\"sk-hunter2\"]",
        "apikey = \"sk-hunter2\"",
        "headers = { authorization = \"sk-hunter2\" }",
        "api_key = \"sk-hunter2",
        "api_key = sk-hunter2",
    ] {
        let text = GOOD.replacen(reference, bad, 1);
        let told = parse(&text).unwrap_err();
        assert_eq!(told.problems()[0].line(), Some(9), "{bad}");
        let report = told.render(true);
        assert!(!report.contains("hunter2") && !report.contains("sk-"), "{bad}: {report}");
        assert!(!format!("{told:?}").contains("hunter2"), "{bad}");
    }
    // Below a section that is itself misspelled, the line beside the label would show it.
    for bad in ["[[providers]]", "[provider]"] {
        let text = GOOD.replacen("[[provider]]\nname = \"openai\"\n", &format!("{bad}\n"), 1);
        let told = parse(&text.replacen(reference, "api_key = \"sk-hunter2\"", 1)).unwrap_err();
        let report = told.render(true);
        assert!(report.contains("api_key") && !report.contains("hunter2"), "{bad}: {report}");
    }
    let told = replaced(reference, "api_key = \"sk-hunter2\"");
    assert!(told[0].contains("not a reference") && told[0].contains("replace it"), "{told:?}");
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_file() {
    let text = GOOD
        .replace("slug = \"acme\"", "slug = \"Acme\"\ntimezone = \"UTC\"")
        .replace("127.0.0.1:4000", "4000")
        .replace("provider = \"openai\",", "provider = \"azure\",")
        .replace("\"100.00\"", "100.0");
    let environment = Environment::of([("TOLLGATE__SERVER__THREADS", "many")]);
    let told = Config::parse("tollgate.toml", &text, &environment, KNOWN).unwrap_err();
    let lines: Vec<_> = told.problems().iter().map(Problem::line).collect();
    assert_eq!(lines, [Some(2), Some(3), Some(6), Some(14), Some(22), None]);
    assert_eq!(told.to_string(), "`tollgate.toml` has 6 problems");
}

#[test]
fn what_is_not_toml_is_told_by_line() {
    let told = parse("[organisation]\nslug = acme\n").unwrap_err();
    assert_eq!(told.problems()[0].line(), Some(2));
    assert!(told.problems()[0].to_string().starts_with("not valid TOML: "), "{told:?}");
    let twice = parse("organisation.slug = \"a\"\norganisation.slug = \"b\"\n").unwrap_err();
    assert_eq!(twice.problems()[0].to_string(), "not valid TOML: duplicate key");
    assert_eq!(twice.problems()[0].line(), Some(2));
}

#[test]
fn the_environment_overrides_single_values() {
    let config = with(&[
        ("TOLLGATE__SERVER__GATEWAY", "0.0.0.0:8080"),
        ("TOLLGATE__SERVER__WORK_STEALING", "false"),
        ("TOLLGATE__STORAGE__COMMIT_INTERVAL_MS", "500"),
        ("TOLLGATE__AUTH__SESSION_TTL_S", "3600"),
    ])
    .unwrap();
    assert_eq!(config.server.gateway.to_string(), "0.0.0.0:8080");
    assert!(!config.server.work_stealing);
    assert_eq!(config.storage.commit_interval_ms, 500);
    assert_eq!(config.auth.session_ttl_s, 3600);
}

#[test]
fn a_bad_override_names_the_variable_and_never_its_value() {
    let cases = [
        ("TOLLGATE__PROVIDER__0__API_KEY", "names a list", "edit `provider` in the file"),
        ("TOLLGATE__KEY", "names a list", "edit `key` in the file"),
        ("TOLLGATE__SERVER__GATWAY", "unknown key", "did you mean `GATEWAY`?"),
        ("TOLLGATE__SERVER", "names a section", "write TOLLGATE__SECTION__KEY"),
        ("TOLLGATE__SERVER__THREADS", "must be an integer", "-"),
        ("TOLLGATE__SERVER__WORK_STEALING", "must be true or false", "-"),
        ("TOLLGATE__SERVER__CONSOLE_URL", "not a usable URL", "write scheme, host and path"),
    ];
    for (variable, label, remedy) in cases {
        let diagnostics = with(&[(variable, "hunter2")]).unwrap_err();
        let [problem] = diagnostics.problems() else { panic!("{diagnostics:?}") };
        assert_eq!((problem.line(), problem.label()), (None, Some(label)), "{variable}");
        assert!(problem.remedy().unwrap_or("-").starts_with(remedy), "{variable}: {problem:?}");
        let report = diagnostics.render(true);
        assert!(report.contains(variable), "{report}");
        assert!(!report.contains("hunter2"), "{report}");
    }
}

#[test]
fn gateway_and_console_need_addresses_and_bodies_of_their_own() {
    let told = replaced("gateway = \"127.0.0.1:4000\"", "gateway = \"127.0.0.1:4001\"");
    assert_eq!(
        told,
        [
            "5 | gateway and console both listen on 127.0.0.1:4001 | the same address | give `console` \
          another port"
        ]
    );
    let told = replaced("gateway = \"127.0.0.1:4000\"", "body_bytes_max = 1_000_000_000");
    assert!(told[0].contains("536870912 for all bodies, 1000000000 for one"), "{told:?}");
    let any = GOOD.replace("127.0.0.1:4000\"", "127.0.0.1:0\"\nconsole = \"127.0.0.1:0\"");
    assert!(parse(&any).is_ok());
}

#[test]
fn a_report_shows_file_line_snippet_and_remedy() {
    let text = GOOD.replace("gateway = \"127", "gatway = \"127");
    let report = parse(&text).unwrap_err().render(true);
    insta::assert_snapshot!(report, @r#"
      x `tollgate.toml` has 1 problem

    Error: 
      x unknown key `gatway` in `[server]`
       ,-[tollgate.toml:5:1]
     4 | [server]
     5 | gatway = "127.0.0.1:4000"
       : ^^^|^^
       :    `-- unknown key
     6 | 
       `----
      help: did you mean `gateway`?
    "#);
}

/// The template with every commented key and section in force.
fn whole_template() -> String {
    let uncomment = |line: &str| {
        let key = line.strip_prefix("# ").filter(|rest| {
            let word = rest.split(" = ").next().unwrap_or_default();
            rest.contains(" = ") && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        });
        key.or(line.strip_prefix("# ").filter(|rest| rest.starts_with("[[")))
            .unwrap_or(line)
            .to_owned()
    };
    let lines: Vec<String> = TEMPLATE.lines().map(uncomment).collect();
    lines.join("\n").replace("<64 hexadecimal digits>", &"0".repeat(64))
}

#[test]
fn the_template_is_valid_as_it_is_and_names_only_known_keys() {
    parse(TEMPLATE).unwrap_or_else(|told| panic!("{}", told.render(true)));
    let config = parse(&whole_template()).unwrap_or_else(|told| panic!("{}", told.render(true)));
    assert_eq!((config.providers.len(), config.keys.len()), (3, 1));
    assert_eq!(config.server.budget_denied_status, DeniedStatus::PaymentRequired);
    let defaults = Server { threads: config.server.threads, ..Server::default() };
    let server = Server {
        console_url: None,
        console_cert_file: None,
        console_key_file: None,
        ..config.server
    };
    assert_eq!(server, defaults);
}

#[test]
fn whatever_the_schema_lets_pass_fits_the_types() {
    let values = [
        "-1",
        "0",
        "402",
        "4000000000",
        "9223372036854775807",
        "0xff",
        "1e3",
        "nan",
        "true",
        "\"\"",
        "\"é\"",
        "\"402\"",
        "\"-1.00\"",
        "\"sqlite://\"",
        "\"env:X\"",
        "\"http:\"",
        "[]",
        "[1]",
        "[\"a\"]",
        "[[]]",
        "{}",
        "{ a = 1 }",
        "1979-05-27",
        "07:32:00",
        "1979-05-27T07:32:00Z",
    ];
    let whole = whole_template();
    let mut read = 0;
    for (position, line) in whole.lines().enumerate() {
        let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.contains(' ')) else {
            continue;
        };
        if key == "targets" {
            continue;
        }
        for value in values {
            let changed = format!("{key} = {value}");
            let text: Vec<&str> = whole
                .lines()
                .enumerate()
                .map(|(at, line)| if at == position { changed.as_str() } else { line })
                .collect();
            match parse(&text.join("\n")) {
                Ok(_) => read += 1,
                Err(told) => {
                    let expected =
                        told.problems().iter().all(|p| p.label() != Some(read::UNEXPECTED));
                    assert!(expected, "{changed}: {}", told.render(true));
                }
            }
        }
    }
    assert!(read > 50, "{read}");
}

#[test]
fn the_template_is_written_once_unless_told_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tollgate.toml");
    write_template(&path, false).unwrap();
    let again = write_template(&path, false).unwrap_err().to_string();
    assert!(again.ends_with("exists: --force overwrites it, --path writes elsewhere"), "{again}");
    std::fs::write(&path, "mine".repeat(10_000)).unwrap();
    write_template(&path, true).unwrap();
    let config = Config::load(&path, &Environment::default(), KNOWN).unwrap();
    assert_eq!(config.organisation.slug.as_str(), "example");
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_the_way_to_make_one() {
    let absent = Path::new("nowhere/tollgate.toml");
    let told = Config::load(absent, &Environment::default(), KNOWN).unwrap_err();
    let [problem] = told.problems() else { panic!("{told:?}") };
    assert!(problem.to_string().starts_with("cannot read `nowhere/tollgate.toml`: "), "{problem}");
    assert!(problem.remedy().unwrap_or_default().contains("tollgate init"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.toml");
    std::fs::write(&path, "#".repeat(1024 * 1024 + 1)).unwrap();
    let told = Config::load(&path, &Environment::default(), KNOWN).unwrap_err();
    assert!(told.problems()[0].to_string().ends_with("it is larger than 1 MiB"), "{told:?}");
}

#[test]
fn what_is_shown_reads_back_but_for_the_hashes() {
    let mut config = parse(GOOD).unwrap();
    let shown = config.show().unwrap();
    assert!(shown.contains("api_key = \"env:OPENAI_API_KEY\""), "{shown}");
    assert!(shown.contains("hash = \"6437b3ac…\""), "{shown}");
    assert!(shown.contains("commit_interval_ms = 1000"), "{shown}");
    config.keys.clear();
    assert_eq!(parse(&config.show().unwrap()).unwrap(), config);
}

#[test]
fn every_provider_without_its_secret_is_named() {
    let config = parse(TEMPLATE).unwrap();
    let environment = Environment::of([("OPENAI_API_KEY", "sk-1")]);
    let missing = config.resolve_secrets(&environment).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "api_key of provider `anthropic`: environment variable `ANTHROPIC_API_KEY` is not set"
    );
    let environment = Environment::of([("OPENAI_API_KEY", "sk-1"), ("ANTHROPIC_API_KEY", "sk-2")]);
    let secrets = config.resolve_secrets(&environment).unwrap();
    assert_eq!(secrets["anthropic"].expose(), "sk-2");
}
