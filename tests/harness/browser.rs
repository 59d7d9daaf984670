//! A browser: one that only reads, with its session, and chromium for pictures of what it sees.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use reqwest::header::{ACCEPT, CONTENT_SECURITY_POLICY, COOKIE, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};

use crate::harness::Answer;
use crate::harness::command::ended;
use crate::harness::tools::chromium;

/// Smallest picture that shows a page, bytes: an empty one of that size compresses to far less.
const PICTURE_BYTES_MIN: u64 = 20_000;

/// A browser with or without a session.
pub(crate) struct Browser {
    http: Client,
    console: SocketAddr,
    /// The session's cookie, `name=value`.
    pub(crate) cookie: Option<String>,
}

impl Browser {
    /// A browser without a session.
    pub(crate) fn new(console: SocketAddr) -> Self {
        let http = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        Self { http, console, cookie: None }
    }

    /// A browser that has used a login link.
    pub(crate) async fn logged_in(console: SocketAddr, link: &str) -> Self {
        let mut browser = Self::new(console);
        let answer = browser.use_link(link).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        browser.cookie = session(&answer);
        assert!(browser.cookie.is_some(), "{answer:?}");
        browser
    }

    /// Presses the button of a login link's page.
    pub(crate) async fn use_link(&self, link: &str) -> Answer {
        let request = self.http.post(link).header(ORIGIN, format!("http://{}", self.console));
        self.send(request).await
    }

    /// Opens a page of the console.
    pub(crate) async fn open(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("http://{}{path}", self.console))).await
    }

    /// Opens a page that must be there, and gives its text.
    pub(crate) async fn read(&self, path: &str) -> String {
        let answer = self.open(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// Every answer, whatever it is, must forbid foreign content.
    async fn send(&self, mut request: RequestBuilder) -> Answer {
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let answer = request.header(ACCEPT, "text/html,*/*;q=0.8").send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let policy = headers.get(CONTENT_SECURITY_POLICY).unwrap().to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        Answer { status, headers, body: answer.text().await.unwrap() }
    }

    /// A picture of a page as chromium draws it with this session. Fails when the page logs
    /// anything to the browser's console: a missing asset, a breach of the content policy.
    pub(crate) fn picture(&self, path: &str, height: u32, file: &Path) {
        let cookie = self.cookie.clone().unwrap();
        let entrance = entrance(self.console, cookie);
        let profile = tempfile::tempdir().unwrap();
        let ended = ended(
            chromium(profile.path())
                .arg(format!("--window-size=1280,{height}"))
                .arg(format!("--screenshot={}", file.display()))
                .arg(format!("http://{entrance}{path}")),
        );
        let complaints: Vec<&str> =
            ended.err.lines().filter(|line| line.contains(":CONSOLE")).collect();
        assert!(complaints.is_empty(), "{path}: {complaints:#?}");
        let bytes = fs::metadata(file).map_or(0, |file| file.len());
        assert!(bytes > PICTURE_BYTES_MIN, "{path}: a picture of {bytes} bytes: {}", ended.err);
    }
}

/// The session's cookie that an answer sets, `name=value`.
pub(crate) fn session(answer: &Answer) -> Option<String> {
    let cookie = answer.headers.get(SET_COOKIE)?.to_str().ok()?;
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    cookie.split(';').next().map(str::to_owned)
}

/// Where pictures go: they outlive the run, to be looked at.
pub(crate) fn pictures() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// An address that passes requests on to the console with a session's cookie, since a browser
/// without a person before it cannot be given one. It ends with the process.
fn entrance(console: SocketAddr, cookie: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let cookie = cookie.clone();
            // A browser opens connections ahead and may never use them: each has a thread.
            thread::spawn(move || pass_on(stream, console, &cookie));
        }
    });
    address
}

fn pass_on(mut browser: TcpStream, console: SocketAddr, cookie: &str) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        browser.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let lines = head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !["connection", "cookie"].contains(&name.as_str()) && !line.is_empty()
    });
    let mut request = lines.collect::<Vec<_>>().join("\r\n");
    request.push_str(&format!("\r\nconnection: close\r\ncookie: {cookie}\r\n\r\n"));
    let mut upstream = TcpStream::connect(console).ok()?;
    upstream.write_all(request.as_bytes()).ok()?;
    std::io::copy(&mut upstream, &mut browser).ok()?;
    Some(())
}
