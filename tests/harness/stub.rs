//! A server that says the same to everybody.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Answers every request with one status and one body, until the end of the tests' process.
pub(crate) fn saying(status: &'static str, body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || say(stream, status, body));
        }
    });
    address
}

fn say(mut stream: TcpStream, status: &str, body: &str) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    // The head is read, so that closing does not reset what was said; a body may be cut off.
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).ok()
}
