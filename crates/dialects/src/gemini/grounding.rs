//! What an answer rests on, as this dialect words it: a list of sources, and parts of the text with the
//! numbers of theirs. Parts of the text are counted in bytes of UTF-8 (the vendor's reference of
//! `GroundingSupport.segment`, read 2026-11), within one part of the answer where it names one.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::chat::{CITATIONS_MAX, Citation, Source, Span, chars};
use crate::json::{List, Text};

/// Text in which parts are looked for, and which is kept of a stream to do so, bytes; longer than any answer
/// that names sources. In a longer one a source is told of all of it, or of none.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Grounding<'a> {
    grounding_chunks: Vec<Chunk<'a>>,
    grounding_supports: Vec<Support<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Chunk<'a> {
    Web(ChunkSource<'a>),
    RetrievedContext(ChunkSource<'a>),
}

#[derive(Serialize)]
struct ChunkSource<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Support<'a> {
    segment: Segment<'a>,
    grounding_chunk_indices: [usize; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Segment<'a> {
    /// The first part is not numbered.
    #[serde(skip_serializing_if = "Option::is_none")]
    part_index: Option<usize>,
    start_index: usize,
    end_index: usize,
    text: &'a str,
}

impl<'a> Grounding<'a> {
    /// The words for citations, `None` for none. `texts` are the parts of the answer, those that are no
    /// text empty.
    pub(super) fn new(citations: &'a [Citation], texts: &[&'a str]) -> Option<Self> {
        let lengths: Vec<usize> = texts.iter().map(|text| chars(text)).collect();
        let mut grounding = Self { grounding_chunks: Vec::new(), grounding_supports: Vec::new() };
        for citation in citations {
            let at = grounding.grounding_chunks.len();
            grounding.grounding_chunks.push(Chunk::new(citation));
            grounding.grounding_supports.extend(
                segment(citation.span, texts, &lengths)
                    .map(|segment| Support { segment, grounding_chunk_indices: [at] }),
            );
        }
        (!citations.is_empty()).then_some(grounding)
    }
}

impl<'a> Chunk<'a> {
    fn new(citation: &'a Citation) -> Self {
        let text = citation.quoted.as_deref();
        match &citation.source {
            Source::Web { url, title } => {
                Chunk::Web(ChunkSource { uri: Some(url), title: title.as_deref(), text: None })
            }
            Source::Document { id, title, .. } => Chunk::RetrievedContext(ChunkSource {
                uri: id.as_deref(),
                title: title.as_deref(),
                text,
            }),
        }
    }
}

fn segment<'a>(span: Span, texts: &[&'a str], lengths: &[usize]) -> Option<Segment<'a>> {
    let mut base = 0;
    for (part_index, (text, &length)) in texts.iter().zip(lengths).enumerate() {
        if let Some(within) = span.within(base, length).filter(|_| text.len() <= TEXT_BYTES_MAX) {
            let (start_index, end_index) = within.bytes_of(text);
            let text = text.get(start_index..end_index).unwrap_or_default();
            let part_index = (part_index > 0).then_some(part_index);
            return Some(Segment { part_index, start_index, end_index, text });
        }
        base += length;
    }
    None
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldBody<'a> {
    #[serde(borrow)]
    grounding_chunks: Option<List<&'a RawValue>>,
    #[serde(borrow)]
    grounding_supports: Option<List<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldChunk<'a> {
    #[serde(borrow, alias = "maps")]
    web: Option<ToldSource<'a>>,
    #[serde(borrow)]
    retrieved_context: Option<ToldSource<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldSource<'a> {
    #[serde(borrow)]
    uri: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    document_name: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldSupport<'a> {
    #[serde(borrow)]
    segment: ToldSegment<'a>,
    grounding_chunk_indices: Option<List<usize>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ToldSegment<'a> {
    #[serde(default)]
    part_index: usize,
    #[serde(default)]
    start_index: usize,
    #[serde(default)]
    end_index: usize,
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

impl ToldChunk<'_> {
    fn source(&self) -> Option<(Source, Option<&str>)> {
        if let Some(web) = &self.web {
            let title = web.title.as_ref().map(Text::as_str);
            return Some((Source::web(web.uri.as_ref()?.as_str(), title)?, None));
        }
        let kept = self.retrieved_context.as_ref()?;
        let id = kept.document_name.as_ref().or(kept.uri.as_ref()).map(Text::as_str);
        let title = kept.title.as_ref().map(Text::as_str);
        Some((Source::document(id, None, title, None)?, kept.text.as_ref().map(Text::as_str)))
    }
}

impl ToldSegment<'_> {
    /// Where it lies in characters of the joined `texts`. Its own words decide where its numbers disagree:
    /// some answers count in the joined text though they name no part, and reasoning may stand before it.
    fn span(&self, texts: &[String], whole: &str) -> Span {
        let base: usize = texts.iter().take(self.part_index).map(String::len).sum();
        let words = self.text.as_ref().map_or("", Text::as_str);
        let at = |start: usize| {
            let start = start.checked_add(self.start_index)?;
            let end = start.checked_add(self.end_index.checked_sub(self.start_index)?)?;
            let found = whole.get(start..end)?;
            (words.is_empty() || found == words).then_some((start, end))
        };
        let searched = || {
            let start = whole.find(words).filter(|_| !words.is_empty())?;
            Some((start, start + words.len()))
        };
        let (start, end) = at(base).or_else(|| at(0)).or_else(searched).unwrap_or((0, whole.len()));
        let count = |end: usize| whole.get(..end).map_or(0, chars);
        Span::new(count(start), count(end))
    }
}

/// The citations of an answer's metadata: one for each source of each part of the text, and one over all of
/// it for a source that no part names. What cannot be read is none.
pub(super) fn read(json: &str, texts: &[String]) -> Vec<Citation> {
    let Ok(told) = serde_json::from_str::<ToldBody<'_>>(json) else { return Vec::new() };
    let chunks = told.grounding_chunks.unwrap_or_default().0;
    let chunks: Vec<Option<ToldChunk<'_>>> =
        chunks.iter().map(|raw| serde_json::from_str(raw.get()).ok()).collect();
    let whole = texts.concat();
    let all = Span::new(0, chars(&whole));
    let mut named = vec![false; chunks.len()];
    let mut citations = Vec::new();
    let mut cite = |at: usize, span: Span| {
        let (source, quoted) = chunks.get(at)?.as_ref()?.source()?;
        if citations.len() < CITATIONS_MAX {
            citations.push(Citation::new(source, quoted, span));
        }
        Some(())
    };
    let supports = told.grounding_supports.unwrap_or_default().0;
    for raw in supports.iter().take(CITATIONS_MAX) {
        let Ok(support) = serde_json::from_str::<ToldSupport<'_>>(raw.get()) else { continue };
        let is_long = whole.len() > TEXT_BYTES_MAX;
        let span = if is_long { all } else { support.segment.span(texts, &whole) };
        let indices = support.grounding_chunk_indices.unwrap_or_default().0;
        for at in indices.into_iter().take(CITATIONS_MAX) {
            if let Some(slot) = named.get_mut(at) {
                *slot = true;
            }
            cite(at, span);
        }
    }
    for at in named.iter().enumerate().filter(|(_, named)| !**named).map(|(at, _)| at) {
        cite(at, all);
    }
    citations
}
