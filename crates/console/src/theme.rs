//! Light, dark, or as the system has it: a choice kept in a cookie and told to browsers as a style
//! sheet of its own, so that no page needs to know of it and nothing flashes.

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderMap, REFERER};
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::Deserialize;

use crate::ConsoleState;
use crate::error::ConsoleError;
use crate::guard::Confirmed;

/// The cookie's name. Its value is no secret and decides nothing but colours.
const COOKIE: &str = "tollgate_theme";
/// Where pages find the style sheet of the choice.
pub(crate) const ADDRESS: &str = "/theme.css";

/// A colour scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    /// As the system has it.
    Auto,
    Light,
    Dark,
}

impl Theme {
    const ALL: [Theme; 3] = [Theme::Auto, Theme::Light, Theme::Dark];

    const fn as_str(self) -> &'static str {
        match self {
            Theme::Auto => "auto",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// The choice a browser sends; what is no choice is none.
    fn of(jar: &CookieJar) -> Self {
        let sent = jar.get(COOKIE).map(|cookie| cookie.value().to_owned());
        let known = Theme::ALL.into_iter().find(|theme| Some(theme.as_str()) == sent.as_deref());
        known.unwrap_or(Theme::Auto)
    }

    /// The scheme, and which button is pressed. Print is light whatever the choice.
    fn style(self) -> String {
        let scheme = match self {
            Theme::Auto => "light dark",
            theme => theme.as_str(),
        };
        let name = self.as_str();
        format!(
            "@media not print {{\n  :root {{ color-scheme: {scheme}; }}\n}}\n\
             .theme button[value=\"{name}\"] {{ background: var(--track); color: var(--ink); }}\n"
        )
    }
}

/// The style sheet of the choice a browser sends.
pub(crate) async fn style(jar: CookieJar) -> impl IntoResponse {
    ([(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"))], Theme::of(&jar).style())
}

/// What the switch sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    theme: Theme,
}

/// Keeps a choice, and goes back to where it was made.
pub(crate) async fn choose(
    State(state): State<ConsoleState>,
    headers: HeaderMap,
    jar: CookieJar,
    Confirmed(_, Chosen { theme }): Confirmed<Chosen>,
) -> Result<Response, ConsoleError> {
    let cookie = Cookie::build((COOKIE, theme.as_str()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(state.settings.public_url.is_https())
        .permanent()
        .build();
    Ok((jar.add(cookie), Redirect::to(&came_from(&headers))).into_response())
}

/// The page a request came from, without its host, so that this can lead nowhere else.
fn came_from(headers: &HeaderMap) -> String {
    let referer = headers.get(REFERER).and_then(|referer| referer.to_str().ok());
    let uri: Option<Uri> = referer.and_then(|referer| referer.parse().ok());
    let path = uri.and_then(|uri| uri.path_and_query().map(ToString::to_string));
    // `//host` would be another site.
    path.filter(|path| path.starts_with('/') && !path.starts_with("//"))
        .unwrap_or_else(|| "/".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_leads_back_to_a_page_of_this_console_only() {
        for (referer, expected) in [
            ("http://127.0.0.1:4001/explore?by=team", "/explore?by=team"),
            ("https://evil.test//evil.test/x", "/"),
            ("https://evil.test", "/"),
            ("javascript:alert(1)", "/"),
            ("", "/"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(REFERER, HeaderValue::from_static(referer));
            assert_eq!(came_from(&headers), expected, "{referer}");
        }
    }

    #[test]
    fn what_is_no_choice_is_that_of_the_system() {
        let jar = |value: &str| CookieJar::new().add(Cookie::new(COOKIE, value.to_owned()));
        assert_eq!(Theme::of(&jar("dark")), Theme::Dark);
        for other in ["", "DARK", "} body { display: none"] {
            assert_eq!(Theme::of(&jar(other)), Theme::Auto, "{other}");
            assert!(!Theme::of(&jar(other)).style().contains("display"));
        }
    }
}
