//! Wire formats of the providers: encode, decode, stream; pure, without sockets or prices.
//!
//! A dialect is code (a folder each, such as `openai`), a provider is data (`providers.toml`).
//! Between two dialects stands the neutral `chat`; a dialect never knows another. Between a client
//! and a provider of the same dialect nothing is translated: bytes pass through but for the few
//! members policy must change.
//!
//! This crate must never know a socket, a clock, a price or a file.

mod answer_meter;
mod anthropic;
mod batch;
mod bedrock;
mod chat;
mod cohere;
mod cutter;
mod data_url;
mod dispatch;
mod embeddings;
mod error;
mod event_array;
mod form;
mod further;
mod gemini;
mod guess;
mod inclusive;
mod json;
mod metered;
mod models;
mod naming;
mod openai;
mod operations;
mod own;
mod path;
mod peek_any;
mod providers;
mod quirks;
mod realtime;
mod reply;
mod request;
mod rerank;
mod responses;
mod sent;
mod sse;
mod stream;
mod tokens;
mod usage_words;
mod vectors;
mod wire;

pub use answer_meter::AnswerMeter;
pub use batch::{BATCH_LINE_BYTES_MAX, BatchAnswer, BatchLine, BatchLines, own_results_urls};
pub use bedrock::{
    AwsCredentials, COUNT_HEADERS, SIGNING_SERVICE, SignedRequest, SigningScope, meters_of_headers,
    sign,
};
pub use dispatch::{
    auth_headers, count_path, decode_count, decode_error, encode_count, encode_count_request,
    encode_error, encode_model, encode_models, encode_request, encode_request_at,
    encode_stream_error, endpoint_path, error_type, error_type_header, estimate_count,
    estimate_input_tokens, passed_headers, peek, peek_at, tells_model, transcode_reply,
};
pub use embeddings::{
    EmbeddingsPeek, VectorShape, VectorsAsked, embeddings_path, encode_embeddings, encode_vectors,
    has_embeddings, peek_contents, peek_embeddings, transcode_embeddings, transcode_vectors,
    vectors_path,
};
pub use error::{ErrorBody, StreamError, UpstreamError};
pub use event_array::EventArray;
pub use further::{Further, FurtherModel, further};
pub use gemini::{EmbedRequest, decode_embed_request, encode_embed_reply, read_vectors};
pub use inclusive::{COST_HEADERS, cost_of_header};
pub use metered::{Metered, UsageDialect, read_usage};
pub use models::ModelEntry;
pub use naming::name_model;
pub use operations::{
    OpenaiOperation, OperationPeek, completions_path, encode_completion, encode_operation,
    peek_completion, peek_operation,
};
pub use path::{Framing, PathModel, Verb};
pub use peek_any::peek_any;
pub use providers::{
    AuthScheme, ProviderRow, ProviderTableError, auth_of, credential_headers, provider_table,
    quirks_of,
};
pub use quirks::{Quirk, adapt};
pub use realtime::{
    REALTIME_KEY_PROTOCOL, RealtimeClientEvent, RealtimeDone, RealtimeEffect, RealtimeServerEvent,
    encode_realtime_error, read_realtime_client_event, read_realtime_server_event, realtime_cancel,
};
pub use reply::{CostFn, ExtraUsage, Facts, OutputText, Reply, ReplyContext, ReplyError, Usage};
pub use request::{Encoded, Peek, RequestError, Target};
pub use rerank::{
    RerankPeek, encode_rerank, encode_rerank_error, has_rerank, peek_rerank, rerank_path,
    transcode_rerank,
};
pub use sent::SentBody;
pub use sse::EVENT_BYTES_MAX;
pub use stream::StreamTranscoder;
pub use tokens::{estimate_text_tokens, warm_tokenizer};
pub use vectors::VectorFormat;
