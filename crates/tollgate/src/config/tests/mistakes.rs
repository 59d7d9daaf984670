//! Single mistakes, each with the line, the label and the remedy it must be answered with.

use super::replaced;

#[test]
fn each_mistake_is_answered_with_its_line_a_label_and_a_remedy() {
    let about_usd = "write the amount as text, `limit_usd = \"100.00\"`: a floating-point number \
                     cannot hold every cent exactly";
    let cases: &[(&str, &str, &str)] = &[
        // Unknown keys.
        (
            "gateway = \"127.0.0.1:4000\"",
            "gatway = \"127.0.0.1:4000\"",
            "5 | unknown key `gatway` in `[server]` | unknown key | did you mean `gateway`?",
        ),
        (
            "gateway = \"127.0.0.1:4000\"",
            "max_connections = 5",
            "5 | unknown key `max_connections` in `[server]` | unknown key | known keys: \
             body_bytes_max, body_memory_bytes_max, body_read_timeout_ms, budget_denied_status, \
             cache_bytes_max, console, console_cert_file, console_key_file, console_url, \
             expose_litellm_headers, gateway, shutdown_grace_ms, threads, work_stealing",
        ),
        (
            "gateway = \"127.0.0.1:4000\"",
            "data_dir = \"x\"",
            "5 | unknown key `data_dir` in `[server]` | unknown key | `data_dir` belongs to \
             `[storage]`",
        ),
        (
            "[[team]]",
            "[[teams]]",
            "15 | unknown key `teams` in the file | unknown key | did you mean `team`?",
        ),
        (
            "provider = \"openai\", model",
            "provider = \"openai\", weight = 1, model",
            "13 | unknown key `weight` in `[[route.targets]]` | unknown key | known keys: model, \
             provider, ttfb_timeout_ms",
        ),
        // Wrong kinds.
        (
            "gateway = \"127.0.0.1:4000\"",
            "threads = \"4\"",
            "5 | `threads` must be an integer, not text | this is text | write it without quotes: 4",
        ),
        (
            "gateway = \"127.0.0.1:4000\"",
            "work_stealing = \"true\"",
            "5 | `work_stealing` must be true or false, not text | this is text | write it without \
             quotes: true",
        ),
        (
            "[server]",
            "[[server]]",
            "4 | `server` must be a section, not a list | this is a list | there is only one: write \
             `[server]`",
        ),
        (
            "[[route]]",
            "[route]",
            "11 | `route` must be a list, not a section | this is a section | there may be several: \
             write `[[route]]`",
        ),
        (
            "limit_usd = \"100.00\"",
            "limit_usd = 100.10",
            &format!(
                "21 | `limit_usd` must be text, not a number that is no integer | this is a number \
                 that is no integer | {about_usd}"
            ),
        ),
        (
            "limit_usd = \"100.00\"",
            "limit_usd = 100",
            &format!(
                "21 | `limit_usd` must be text, not an integer | this is an integer | {about_usd}"
            ),
        ),
        // Wrong values.
        (
            "gateway = \"127.0.0.1:4000\"",
            "threads = 0",
            "5 | `threads` must be between 1 and 1024 | out of range | Worker threads of the gateway",
        ),
        (
            "gateway = \"127.0.0.1:4000\"",
            "gateway = \"localhost:4000\"",
            "5 | `gateway`: `localhost:4000` is not an IP address and a port | not an address and \
             port | write an IP address and a port: `127.0.0.1:4000`, `0.0.0.0:4000`, `[::1]:4000`",
        ),
        (
            "gateway = \"127.0.0.1:4000\"",
            "budget_denied_status = 500",
            "5 | `budget_denied_status` must be one of `402`, `403`, `429` | not one of them | -",
        ),
        (
            "gateway = \"127.0.0.1:4000\"",
            "console_url = \"console.example.com\"",
            "5 | `console_url`: the URL cannot be read: relative URL without a base | not a usable \
             URL | write scheme, host and path: `https://api.example.com/v1`; a key goes into \
             `api_key`",
        ),
        (
            "limit_usd = \"100.00\"",
            "limit_usd = \"$100\"",
            "21 | `limit_usd`: `$100` is not an amount: write plain decimal dollars such as 12.50 | \
             not an amount | write plain dollars as text: \"100.00\"",
        ),
        (
            "limit_usd = \"100.00\"",
            "limit_usd = \"1\"\non_tight = \"clam\"",
            "22 | `on_tight` must be one of `clamp`, `deny` | not one of them | did you mean `clamp`?",
        ),
        (
            "slug = \"search\"",
            "slug = \"Search team\"",
            "16 | `slug`: `Search team` is not a slug: use lower-case letters, digits, `.`, `_` and \
             `-`, at most 63, starting with a letter or digit | not a slug | a slug is kept in \
             history and never changes: `search`, `eu-west.1`",
        ),
        (
            "targets = [{ provider = \"openai\", model = \"gpt-5.4\" }]",
            "targets = []",
            "13 | `targets` must not be empty | empty | Targets, first is preferred; at least one.",
        ),
        (
            "limit_usd = \"100.00\"\n",
            "",
            "18 | `limit_usd` is missing from `[[budget]]` | `limit_usd` belongs here | add \
             `limit_usd = …`: Most that may be spent in one window, US dollars as text: `\"100.00\"`.",
        ),
        (
            "[organisation]\nslug = \"acme\"",
            "",
            "1 | `[organisation]` is missing from the file | `[organisation]` belongs here | add \
             `[organisation]`: Whose gateway this is.",
        ),
        (
            "team = \"search\"\nlimit_usd",
            "team = \"serch\"\nlimit_usd",
            "20 | there is no team `serch` | named here | did you mean `search`?",
        ),
        (
            "provider = \"openai\"",
            "provider = \"azure\"",
            "13 | there is no provider `azure` | named here | known: openai; or add a `[[provider]]`",
        ),
        (
            "name = \"openai\"",
            "name = \"opnai\"",
            "8 | provider `opnai` is not in the provider table and has no `dialect` and `base_url` | \
             not in the provider table | did you mean `openai`? Otherwise add `dialect` and \
             `base_url`",
        ),
    ];
    for (line, by, expected) in cases {
        let told = replaced(line, by);
        let found = told.iter().any(|told| told == expected);
        assert!(found, "for {by}\nexpected {expected}\n     got {told:#?}");
    }
}
