//! Which files name a provider: a provider is data, so that few may outside `dialects`.
//!
//! Counted are texts of production code (`"…"`). Not counted: the names of dialects, which are variants
//! of an enum and no provider's; comments; tests; `dialects` itself with its table; `pricing`, whose
//! subject is whose model has which price; and the simulator with the demonstration, which play them.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::sources::collect;
use crate::run::root;

/// Crates that serve whatever provider the table and the configuration name.
const CRATES: [&str; 11] = [
    "alerts", "console", "events", "finops", "gateway", "lake", "policy", "spool", "store",
    "tollgate", "units",
];
/// Names of providers in texts, lower case.
const NAMES: [&str; 8] =
    ["anthropic", "azure", "bedrock", "cohere", "gemini", "groq", "openai", "vertex"];
/// Most files that may: where clients' addresses and headers are read.
const FILES_MAX: usize = 3;

/// The files that name one, should there be too many.
pub(crate) fn check() -> Result<Vec<String>> {
    let mut naming = Vec::new();
    for name in CRATES {
        let mut files = Vec::new();
        collect(&root().join("crates").join(name).join("src"), &mut files)?;
        for file in files {
            let shown = file.strip_prefix(root()).unwrap_or(&file).display().to_string();
            if !is_product(&shown) {
                continue;
            }
            if let Some(line) = first_named(&fs::read_to_string(&file)?) {
                naming.push(format!("{shown}:{line}: names a provider"));
            }
        }
    }
    naming.sort();
    if naming.len() <= FILES_MAX {
        return Ok(Vec::new());
    }
    naming.push(format!("{} files name a provider, at most {FILES_MAX}", naming.len()));
    Ok(naming)
}

fn is_product(shown: &str) -> bool {
    let is_test = shown.contains("/tests/")
        || Path::new(shown).file_stem().is_some_and(|stem| {
            stem == "tests" || stem == "laws" || stem.to_string_lossy().ends_with("_tests")
        });
    !is_test && !shown.contains("/demo")
}

/// The first line, from 1, of production code with a text that names a provider.
fn first_named(text: &str) -> Option<usize> {
    let production = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let named = production.lines().position(|line| {
        let code = line.trim_start();
        !code.starts_with("//") && texts(code).any(names)
    });
    named.map(|at| at + 1)
}

/// What stands between quotes.
fn texts(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

/// Whether a text has a provider's name as a word of its own; a dialect's name holds none.
fn names(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| NAMES.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_names_a_provider_is_found_and_nothing_else() {
        for (text, line) in [
            ("fn a() {}\nconst A: &str = \"api.openai.com\";", Some(2)),
            ("// \"openai\"\nlet a = Dialect::OpenaiChat;", None),
            ("let a = \"openai_chat\";", None),
            ("#[cfg(test)]\nmod tests {\n\"openai\"", None),
            ("\"/v1/x\" | \"/OpenAI/v1/x\" => {}", Some(1)),
        ] {
            assert_eq!(first_named(text), line, "{text}");
        }
        assert!(is_product("crates/gateway/src/inbound.rs"));
        assert!(!is_product("crates/tollgate/src/demo/history.rs"));
        assert!(!is_product("crates/policy/src/treasury_tests.rs"));
    }
}
