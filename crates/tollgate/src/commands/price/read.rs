//! Where an import comes from: a file, standard input, or an https URL someone asked for.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use futures::StreamExt;

use crate::failure::CommandError;

/// Largest import read, bytes.
const BYTES_MAX: usize = 64 << 20;
/// Longest wait for an import from elsewhere.
const FETCH_TIME_MAX: Duration = Duration::from_secs(60);

/// Reads a source whole.
pub(super) async fn text(source: &str) -> Result<String, CommandError> {
    let bytes = match source {
        "-" => limited(io::stdin().lock(), "standard input")?,
        url if url.starts_with("https://") => fetched(url).await?,
        url if url.starts_with("http://") => {
            let why = "prices are fetched by https only: anybody on the way could change others";
            return Err(CommandError::Usage(format!("{url}: {why}")));
        }
        file => {
            let open = std::fs::File::open(Path::new(file))
                .map_err(CommandError::system(format!("cannot read {file}")))?;
            limited(open, file)?
        }
    };
    String::from_utf8(bytes).map_err(|_| CommandError::Usage(format!("{source} is not UTF-8")))
}

fn limited(input: impl Read, what: &str) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    let limit = BYTES_MAX as u64 + 1;
    input
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(CommandError::system(format!("cannot read {what}")))?;
    if bytes.len() > BYTES_MAX { Err(too_large(what)) } else { Ok(bytes) }
}

async fn fetched(url: &str) -> Result<Vec<u8>, CommandError> {
    let failed = |error: reqwest::Error| {
        CommandError::system(format!("cannot fetch {url}"))(io::Error::other(error))
    };
    let client = reqwest::Client::builder()
        .https_only(true)
        .timeout(FETCH_TIME_MAX)
        .build()
        .map_err(failed)?;
    let answer = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
    let mut parts = answer.map_err(failed)?.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(part) = parts.next().await {
        let part = part.map_err(failed)?;
        if bytes.len() + part.len() > BYTES_MAX {
            return Err(too_large(url));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

fn too_large(what: &str) -> CommandError {
    CommandError::Usage(format!("{what} is larger than 64 MiB"))
}
