//! Wire formats of the providers: encode, decode, stream; pure, without sockets or prices.
//!
//! A dialect is code (a folder each: `openai`, `anthropic`), a provider is data (`providers.toml`).
//! Between two dialects stands the neutral `chat`; a dialect never knows another. Between a client
//! and a provider of the same dialect nothing is translated: bytes pass through but for the few
//! members policy must change.
//!
//! This crate must never know a socket, a clock, a price or a file.

mod anthropic;
mod chat;
mod dispatch;
mod error;
mod json;
mod models;
mod openai;
mod providers;
mod reply;
mod request;
mod sse;
mod stream;
mod tokens;
mod wire;

pub use dispatch::{
    auth_headers, decode_error, encode_error, encode_models, encode_request, encode_stream_error,
    endpoint_path, estimate_input_tokens, peek, transcode_reply,
};
pub use error::{ErrorBody, StreamError, UpstreamError};
pub use models::ModelEntry;
pub use providers::{AuthScheme, ProviderRow, ProviderTableError, provider_table};
pub use reply::{CostFn, ExtraUsage, Facts, OutputText, Reply, ReplyContext, ReplyError, Usage};
pub use request::{Encoded, Peek, RequestError, Target};
pub use sse::EVENT_BYTES_MAX;
pub use stream::StreamTranscoder;
pub use tokens::{estimate_text_tokens, warm_tokenizer};
