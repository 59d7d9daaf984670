//! A key as someone asks for it, from a form or as JSON, and what is wrong with it field by field.

use std::collections::BTreeSet;

use store::{ClientField, KeyAccess, KeyOwner, NewKey};
use units::{Label, Slug, UnixMicros};

use crate::declared::Declared;
use crate::problem::FieldError;

/// Longest name, bytes: as the store keeps labels.
const NAME_BYTES_MAX: usize = 256;
/// Most models or routes of one key.
const MODELS_MAX: usize = 64;

/// A key someone asks for. Blank is left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyDraft {
    pub(crate) name: String,
    pub(crate) team: String,
    pub(crate) project: String,
    pub(crate) user: String,
    pub(crate) feature: String,
    pub(crate) allowed_models: Vec<String>,
    pub(crate) trust: BTreeSet<ClientField>,
    pub(crate) expires_at: Option<UnixMicros>,
}

impl KeyDraft {
    /// The key to make, or everything that is wrong with it.
    pub(crate) fn check(
        &self,
        declared: &Declared,
        now: UnixMicros,
    ) -> Result<NewKey, Vec<FieldError>> {
        let mut errors = Vec::new();
        let name = kept("name", label(&self.name), &mut errors);
        let team = kept("team", team(&self.team, declared), &mut errors);
        let project = kept("project", optional(&self.project, slug), &mut errors);
        let user = kept("user", optional(&self.user, label), &mut errors);
        let feature = kept("feature", optional(&self.feature, slug), &mut errors);
        let models = kept("allowed_models", models(&self.allowed_models), &mut errors);
        if self.expires_at.is_some_and(|at| at <= now) {
            errors.push(FieldError::new("expires_at", "this instant is over: name one to come"));
        }
        match (name, team, project, user, feature, models) {
            (Some(name), Some(team), Some(project), Some(user), Some(feature), Some(models))
                if errors.is_empty() =>
            {
                let organisation = declared.organisation.clone();
                Ok(NewKey {
                    name,
                    owner: KeyOwner { organisation, team, project, user, feature },
                    access: KeyAccess {
                        allowed_models: models,
                        trust_client_attribution: self.trust.clone(),
                    },
                    expires_at: self.expires_at,
                })
            }
            _ => Err(errors),
        }
    }
}

/// A field's value, or its error among the others.
fn kept<T>(
    field: &'static str,
    read: Result<T, String>,
    errors: &mut Vec<FieldError>,
) -> Option<T> {
    read.map_err(|detail| errors.push(FieldError::new(field, detail))).ok()
}

fn optional<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    let text = text.trim();
    if text.is_empty() { Ok(None) } else { read(text).map(Some) }
}

fn slug(text: &str) -> Result<Slug, String> {
    text.trim().parse::<Slug>().map_err(|_| {
        "use lower-case letters, digits, `.`, `_` and `-`, at most 63, starting with a letter or \
         digit"
            .to_owned()
    })
}

fn team(text: &str, declared: &Declared) -> Result<Slug, String> {
    if text.trim().is_empty() {
        return Err("name the team that pays".to_owned());
    }
    let team = slug(text)?;
    if declared.teams.is_empty() || declared.teams.contains(&team) {
        return Ok(team);
    }
    let known: Vec<&str> = declared.teams.iter().map(Slug::as_str).collect();
    Err(format!("this team is not configured: use one of {}", known.join(", ")))
}

/// A name as people read it. The store would cut what is too long; here someone can still shorten it.
fn label(text: &str) -> Result<Label, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("give it a name".to_owned());
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(format!("at most {NAME_BYTES_MAX} bytes"));
    }
    if text.chars().any(is_unseen) {
        return Err("leave out control characters and marks of text direction".to_owned());
    }
    Label::clipped(text).map_err(|error| error.to_string())
}

/// Characters that are not seen and change what is: controls, and marks that turn text around.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn models(names: &[String]) -> Result<Vec<String>, String> {
    let names: BTreeSet<&str> =
        names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
    if names.len() > MODELS_MAX {
        return Err(format!("at most {MODELS_MAX} models or routes"));
    }
    let fits = |name: &&str| name.len() <= NAME_BYTES_MAX && !name.chars().any(is_unseen);
    if !names.iter().all(fits) {
        return Err("each at most 256 bytes, without control characters".to_owned());
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMicros = UnixMicros::new(1_000);

    fn declared(teams: &[&str]) -> Declared {
        Declared {
            organisation: "acme".parse().unwrap(),
            teams: teams.iter().map(|team| team.parse().unwrap()).collect(),
            routes: Vec::new(),
            keys: Vec::new(),
        }
    }

    fn draft(name: &str, team: &str) -> KeyDraft {
        KeyDraft { name: name.to_owned(), team: team.to_owned(), ..KeyDraft::default() }
    }

    #[test]
    fn what_is_left_blank_is_left_out_and_the_rest_is_kept_as_written() {
        let asked = KeyDraft {
            user: " Ada <b> ".to_owned(),
            project: "  ".to_owned(),
            allowed_models: vec![" b ".into(), "a".into(), String::new(), "a".into()],
            ..draft(" Indexer ", "search")
        };
        let key = asked.check(&declared(&[]), NOW).unwrap();
        assert_eq!(key.name.as_str(), "Indexer");
        assert_eq!(key.owner.user.as_ref().map(Label::as_str), Some("Ada <b>"));
        assert_eq!(key.owner.project, None);
        assert_eq!(key.access.allowed_models, ["a", "b"]);
    }

    #[test]
    fn each_field_says_what_is_wrong_with_it_and_all_do_at_once() {
        let long = "x".repeat(257);
        for (asked, fields) in [
            (draft("", "search"), &["name"][..]),
            (draft("a\u{0}b", "search"), &["name"]),
            (draft("invoice\u{202e}fdp.exe", "search"), &["name"]),
            (draft("a\u{200b}b", "search"), &["name"]),
            (draft(&long, "search"), &["name"]),
            (draft("a", ""), &["team"]),
            (draft("a", "Search"), &["team"]),
            (draft("a", "growth"), &["team"]),
            (KeyDraft { project: "a b".into(), ..draft("", "x y") }, &["name", "team", "project"]),
            (KeyDraft { user: "\u{7}".into(), ..draft("a", "search") }, &["user"]),
            (KeyDraft { feature: "../x".into(), ..draft("a", "search") }, &["feature"]),
            (KeyDraft { expires_at: Some(NOW), ..draft("a", "search") }, &["expires_at"]),
            (
                KeyDraft { allowed_models: vec![long.clone()], ..draft("a", "search") },
                &["allowed_models"],
            ),
            (
                KeyDraft {
                    allowed_models: (0..65).map(|i| i.to_string()).collect(),
                    ..draft("a", "search")
                },
                &["allowed_models"],
            ),
        ] {
            let errors = asked.check(&declared(&["search"]), NOW).unwrap_err();
            let named: Vec<&str> = errors.iter().map(|error| error.field).collect();
            assert_eq!(named, fields, "{asked:?}");
        }
    }
}
