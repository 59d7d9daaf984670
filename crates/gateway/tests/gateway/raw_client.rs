//! A client made of one bare socket, for what no well-behaved client does.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::harness::{CLIENT_SECRET, PATIENCE};

/// A connection to the gateway.
pub(crate) struct RawClient {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer read from it.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    /// Lower-case lines.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl RawClient {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, received: Vec::new() }
    }

    /// Sends bytes; whether the other side took them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a request for a chat completion.
    pub(crate) fn chat(&mut self, body: &Value) {
        assert!(self.send(&chat(body)));
    }

    /// Reads until the text has arrived, and gives everything up to and including it.
    pub(crate) fn read_until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = memchr::memmem::find(&self.received, text.as_bytes()) {
                let rest = self.received.split_off(at + text.len());
                let read = std::mem::replace(&mut self.received, rest);
                return String::from_utf8(read).unwrap();
            }
            assert!(self.read_more(), "closed before `{text}`: {:?}", self.so_far());
        }
    }

    /// Reads to the end of the connection.
    pub(crate) fn read_to_end(&mut self) -> String {
        while self.read_more() {}
        self.so_far()
    }

    /// Reads one answer with a length or in chunks.
    pub(crate) fn read_answer(&mut self) -> RawAnswer {
        let head = self.read_until("\r\n\r\n").to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut body = String::new();
        if let Some(length) = header(&head, "content-length") {
            let length = length.parse().unwrap();
            while self.received.len() < length {
                assert!(self.read_more(), "closed in the middle of a body");
            }
            let rest = self.received.split_off(length);
            body = String::from_utf8(std::mem::replace(&mut self.received, rest)).unwrap();
        } else if header(&head, "transfer-encoding") == Some("chunked") {
            loop {
                let line = self.read_until("\r\n");
                let length = usize::from_str_radix(line.trim(), 16).unwrap();
                while self.received.len() < length + 2 {
                    assert!(self.read_more(), "closed in the middle of a chunk");
                }
                let rest = self.received.split_off(length + 2);
                let piece = std::mem::replace(&mut self.received, rest);
                body.push_str(std::str::from_utf8(&piece[..length]).unwrap());
                if length == 0 {
                    break;
                }
            }
        } else {
            body = self.read_to_end();
        }
        RawAnswer { status, head, body }
    }

    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        let read = match self.stream.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("nothing came: {:?}", self.so_far())
            }
            Err(_) => 0,
        };
        self.received.extend_from_slice(&buffer[..read]);
        read > 0
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }
}

impl RawAnswer {
    /// A header, lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key == name).then(|| value.trim())
    })
}

/// The head of a request for a chat completion, without the empty line that ends it.
pub(crate) fn chat_head() -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {CLIENT_SECRET}\r\ncontent-type: application/json\r\n"
    )
}

/// A whole request for a chat completion.
pub(crate) fn chat(body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!("{}content-length: {}\r\n\r\n{body}", chat_head(), body.len()).into_bytes()
}
