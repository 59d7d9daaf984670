//! A provider made of bare sockets, for what no well-behaved server does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::harness::{OPENAI_MODEL, eventually};

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// Which request on its connection, from 0.
    pub(crate) index: usize,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What becomes of the connection after an answer.
pub(crate) enum Then {
    Keep,
    Close,
}

/// A provider that answers as its handler says.
pub(crate) struct RawUpstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    closed: AtomicUsize,
    requests: Mutex<Vec<Heard>>,
}

impl RawUpstream {
    /// Listens on a free port, a thread for each connection.
    pub(crate) fn start(
        handler: impl Fn(&Heard, &mut TcpStream) -> Then + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (handler, shared) = (Arc::new(handler), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (handler, seen) = (Arc::clone(&handler), Arc::clone(&shared));
                seen.connections.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    let Ok(stream) = stream else { return };
                    serve(stream, &seen, &*handler);
                    seen.closed.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, seen }
    }

    /// What providers are configured with.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Waits until every connection accepted has ended.
    pub(crate) fn all_closed(&self) {
        eventually("the provider's connections are closed", || {
            self.seen.closed.load(Ordering::SeqCst) == self.connections()
        });
    }

    /// Requests heard so far.
    pub(crate) fn requests(&self) -> Vec<Heard> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// Waits for the `count`th request.
    pub(crate) fn heard(&self, count: usize) {
        eventually("the provider hears of it", || {
            self.seen.requests.lock().unwrap().len() >= count
        });
    }
}

fn serve(mut stream: TcpStream, seen: &Seen, handler: &dyn Fn(&Heard, &mut TcpStream) -> Then) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut index = 0;
    while let Some((head, body)) = read_request(&mut reader) {
        let heard = Heard { index, head, body };
        seen.requests.lock().unwrap().push(heard.clone());
        if let Then::Close = handler(&heard, &mut stream) {
            return;
        }
        index += 1;
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// Waits until the other side closes; what it still sends is thrown away.
pub(crate) fn until_closed(stream: &mut TcpStream) {
    let mut waste = [0; 4096];
    while matches!(stream.read(&mut waste), Ok(read) if read > 0) {}
}

/// Writes a complete answer.
pub(crate) fn respond(stream: &mut TcpStream, status: u16, headers: &str, body: &str) -> Then {
    let head = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    match stream.write_all((head + body).as_bytes()) {
        Ok(()) => Then::Keep,
        Err(_) => Then::Close,
    }
}

/// A complete answer of ten words to a prompt of twenty tokens.
pub(crate) fn completion() -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": OPENAI_MODEL,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {
            "role": "assistant", "content": "one two three four five six seven eight nine ten"}}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
    })
    .to_string()
}

/// Begins a stream.
pub(crate) fn begin_stream(stream: &mut TcpStream) -> std::io::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes())
}

/// Writes one piece of a stream's body.
pub(crate) fn chunk(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes())
}

/// Ends a stream's body in good order.
pub(crate) fn end_stream(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"0\r\n\r\n")
}

/// An event that brings text.
pub(crate) fn delta(text: &str) -> String {
    let event = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": OPENAI_MODEL,
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]
    });
    format!("data: {event}\n\n")
}

/// The events behind the last text: reason, usage (twenty in, ten out), end.
pub(crate) fn closing() -> String {
    let finish = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": OPENAI_MODEL,
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    });
    let usage = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": OPENAI_MODEL,
        "choices": [],
        "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
    });
    format!("data: {finish}\n\ndata: {usage}\n\ndata: [DONE]\n\n")
}

/// Answers a whole stream.
pub(crate) fn stream_all(stream: &mut TcpStream) -> Then {
    let told = begin_stream(stream)
        .and_then(|()| chunk(stream, &delta("one ")))
        .and_then(|()| chunk(stream, &delta("two")))
        .and_then(|()| chunk(stream, &closing()))
        .and_then(|()| end_stream(stream));
    if told.is_ok() { Then::Keep } else { Then::Close }
}
