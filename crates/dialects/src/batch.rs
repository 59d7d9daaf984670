//! A batch as vendors keep it: the lines of its results, each the answer to one of its requests, and the
//! address a batch names for them.
//!
//! Lines are recognised by their shape, so that no state is needed to read a file of them. It must never
//! know who downloads them, or what they cost.

mod line;
mod lines;

use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;

pub use line::{BatchAnswer, BatchLine};
pub use lines::{BATCH_LINE_BYTES_MAX, BatchLines};

/// The member of a batch that says where its results are.
const RESULTS_URL: &[u8] = b"\"results_url\"";
/// Where batches of one vendor lie, below the version of its API.
const BATCHES: &str = "/messages/batches";

/// A batch, or a list of them, with the addresses of results below `prefix` instead of at the vendor's
/// own, where the client's key means nothing: `prefix` is what stands before `/messages/batches` in the
/// address the client asked. `None` when no address is named.
pub fn own_results_urls(body: &Bytes, prefix: &str) -> Option<Bytes> {
    let mut out: Vec<u8> = Vec::new();
    let mut kept = 0;
    for found in memmem::find_iter(body, RESULTS_URL) {
        let Some(url) = value_at(body, found + RESULTS_URL.len()) else { continue };
        let text = body.get(url.clone()).and_then(|url| std::str::from_utf8(url).ok());
        let Some(path) = text.and_then(|text| text.get(text.find(BATCHES)?..)) else { continue };
        out.extend_from_slice(body.get(kept..url.start)?);
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(path.as_bytes());
        kept = url.end;
    }
    if kept == 0 {
        return None;
    }
    out.extend_from_slice(body.get(kept..)?);
    Some(out.into())
}

/// Where the text of the member whose name ends at `at` lies, without its quotes.
fn value_at(body: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = body.get(at..)?;
    let is_before = |byte: &u8| byte.is_ascii_whitespace() || *byte == b':';
    let open = rest.iter().position(|byte| !is_before(byte))?;
    if rest.get(open) != Some(&b'"') {
        return None;
    }
    let length = memchr::memchr(b'"', rest.get(open + 1..)?)?;
    let start = at + open + 1;
    Some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_names_its_results_where_the_client_asked_for_it() {
        let url = "https://api.example/v1/messages/batches/msgbatch_1/results";
        for (body, expected) in [
            (
                format!("{{\"id\":\"a\",\"results_url\":\"{url}\",\"x\":1}}"),
                Some("{\"id\":\"a\",\"results_url\":\"/v1/messages/batches/msgbatch_1/results\",\"x\":1}".to_owned()),
            ),
            (
                format!("{{\"data\":[{{\"results_url\" : \"{url}\"}},{{\"results_url\":null}}]}}"),
                Some("{\"data\":[{\"results_url\" : \"/v1/messages/batches/msgbatch_1/results\"},{\"results_url\":null}]}".to_owned()),
            ),
            ("{\"results_url\":null}".to_owned(), None),
            ("{\"results_url\":\"https://elsewhere.example/x\"}".to_owned(), None),
            ("{\"results_url\":\"cut".to_owned(), None),
            ("{\"results_url\"".to_owned(), None),
        ] {
            let told = own_results_urls(&Bytes::from(body.clone()), "/v1");
            assert_eq!(told, expected.map(Bytes::from), "{body}");
        }
    }
}
