//! Style sheets, script and icon, embedded in the binary. Their URLs carry a hash of their content, so that
//! browsers may keep them for ever and still never show an old one.

use std::fmt::Write;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};

use crate::error::ConsoleError;

#[derive(Embed)]
#[folder = "../../web/assets"]
struct Files;

/// Where pages find their assets.
#[derive(Debug, Clone)]
pub(crate) struct AssetUrls {
    /// The style sheets, in the order they apply.
    pub(crate) styles: [String; 6],
    /// The script that lets forms answer without loading the page anew; pages work without it.
    pub(crate) script: String,
    /// The logo, which is also the icon.
    pub(crate) logo: String,
}

impl AssetUrls {
    /// The URLs of the embedded versions.
    pub(crate) fn current() -> Self {
        let styles = ["base.css", "parts.css", "figures.css", "desk.css", "plots.css", "print.css"];
        let styles = styles.map(url);
        Self { styles, script: url("htmx.min.js"), logo: url("logo.svg") }
    }
}

fn url(name: &str) -> String {
    let hash = Files::get(name).map(|file| short_hash(&file)).unwrap_or_default();
    format!("/assets/{hash}/{name}")
}

/// The first 64 bits of the content's SHA-256, hexadecimal.
fn short_hash(file: &EmbeddedFile) -> String {
    file.metadata.sha256_hash().iter().take(8).fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Serves an embedded file under the hash of its content only. There is no file system behind it.
pub(crate) async fn serve(
    Path((hash, name)): Path<(String, String)>,
) -> Result<Response, ConsoleError> {
    let file = Files::get(&name)
        .filter(|file| short_hash(file) == hash)
        .ok_or(ConsoleError::NotFound("asset"))?;
    let kind = match name.rsplit_once('.') {
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "txt")) => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, file.data.into_owned()).into_response())
}
