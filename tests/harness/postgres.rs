//! A private PostgreSQL server: made for the tests of one process and gone with it.
//!
//! The server refuses to run as root, so it then runs as somebody who owns nothing else. It listens on a
//! socket in its own directory and lets in whoever can reach it. A shell beside it waits for the end of
//! this process, however it comes, and then stops the server and removes the directory. This file must
//! never know what is stored.
#![allow(dead_code, reason = "every test binary uses its own part of it")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What to do when the server is not installed.
const REMEDY: &str = "install it: sudo apt-get install --yes --no-install-recommends postgresql-15";
/// Superuser of the server.
const USER: &str = "tollgate";
/// Longest wait for the server to answer, on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// Fast rather than safe: what was committed need only survive the end of the server, not of the machine.
const SETTINGS: [&str; 5] = [
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=400",
    "shared_buffers=32MB",
];
/// Runs the server until a line or the end of the input comes; only a line keeps the directory.
const WATCH: &str = r#"
    trap '' HUP INT TERM
    binary=$1; directory=$2; shift 2
    "$binary" -D "$directory/data" "$@" >>"$directory/log" 2>&1 &
    read -r line
    kill -QUIT $!
    wait $!
    [ "$line" = keep ] || rm -rf "$directory"
"#;

/// A server of our own, up until it is stopped or dropped.
pub(crate) struct Postgres {
    binaries: PathBuf,
    directory: PathBuf,
    settings: Vec<String>,
    /// Names the socket, and is listened on only if the settings name an address.
    port: u16,
    /// User and group it runs as, when they are not ours.
    owner: Option<(u32, u32)>,
    watch: Option<(Child, ChildStdin)>,
}

impl Postgres {
    /// Makes a server and waits until it answers.
    pub(crate) fn start() -> Self {
        Self::start_with(5432, |_| Vec::new())
    }

    /// The same with another port and more settings, written as `name=value`; `prepare` may put files
    /// they name into the server's directory.
    pub(crate) fn start_with(port: u16, prepare: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let binaries = binaries();
        let directory = tempfile::Builder::new().prefix("tollgate-pg-").tempdir().unwrap().keep();
        let is_root = fs::metadata(&directory).unwrap().uid() == 0;
        let owner = is_root.then(unprivileged);
        let mut settings: Vec<String> = SETTINGS.map(str::to_owned).into();
        settings.push(format!("port={port}"));
        settings.push(format!("unix_socket_directories={}", directory.display()));
        settings.extend(prepare(&directory));
        if let Some((user, group)) = owner {
            let files = fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path());
            for path in files.chain([directory.clone()]) {
                chown(path, Some(user), Some(group)).unwrap();
            }
        }
        let mut server = Self { binaries, directory, settings, port, owner, watch: None };
        // Words are sorted as people do, so that a test sees where an order was left to the server.
        let data = server.directory.join("data");
        let arguments = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"];
        let order = ["--locale-provider=icu", "--icu-locale=en-US", "--username", USER, "--pgdata"];
        server.succeed("initdb", |command| command.args(arguments).args(order).arg(&data));
        server.start_again();
        server
    }

    /// Address of a database of this server.
    pub(crate) fn url(&self, database: &str) -> String {
        let (port, socket) = (self.port, self.directory.display());
        format!("postgres://{USER}@localhost:{port}/{database}?host={socket}")
    }

    /// Directory of the server: its socket, its data, its log.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes a database, empty or as a copy of another that nobody is connected to.
    pub(crate) fn create(&self, database: &str, template: Option<&str>) {
        self.succeed("createdb", |command| {
            command.arg("--host").arg(&self.directory).args(["--username", USER]);
            command.args(["--template", template.unwrap_or("template0"), database])
        });
    }

    /// Stops the server at once, as a power cut would, and keeps its data.
    pub(crate) fn stop(&mut self) {
        let (mut watch, mut input) = self.watch.take().expect("a server that runs");
        input.write_all(b"keep\n").unwrap();
        assert!(watch.wait().unwrap().success(), "{}", self.log());
    }

    /// Starts the server that was stopped and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        let mut command = self.as_owner(Path::new("sh"));
        command.args(["-c", WATCH, "sh"]).arg(self.binaries.join("postgres")).arg(&self.directory);
        command.args(self.settings.iter().flat_map(|setting| ["-c", setting]));
        let mut watch = command.stdin(Stdio::piped()).spawn().unwrap();
        let input = watch.stdin.take().expect("a pipe");
        self.watch = Some((watch, input));
        let started = Instant::now();
        while !self.answers() {
            assert!(started.elapsed() < STARTS_WITHIN, "no answer: {}", self.log());
            sleep(PAUSE);
        }
    }

    fn answers(&self) -> bool {
        let mut command = self.as_owner(&self.binaries.join("pg_isready"));
        command.arg("--quiet").arg("--host").arg(&self.directory).status().unwrap().success()
    }

    /// What the server wrote.
    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Runs one of the server's programs to its end.
    fn succeed(&self, program: &str, fill: impl FnOnce(&mut Command) -> &mut Command) {
        let mut command = self.as_owner(&self.binaries.join(program));
        let done = fill(&mut command).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{program}: {said}{}", self.log());
    }

    fn as_owner(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.directory).stdin(Stdio::null());
        command.env("PGPORT", self.port.to_string());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }
}

/// The end of the input stops the server; whoever drops it may go on once the directory is gone.
impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some((mut watch, input)) = self.watch.take() {
            drop(input);
            let _ = watch.wait();
        } else {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// The directory with the server's programs, the newest of several.
#[allow(clippy::disallowed_methods, reason = "tests have no configuration file to read")]
fn binaries() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for (parent, rest) in
        [("/usr/lib/postgresql", "bin"), ("/usr/local/opt", "bin"), ("/usr", "bin")]
    {
        let entries = fs::read_dir(parent).into_iter().flatten();
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|entry| parent.ends_with("postgresql") || is_versioned(entry))
            .map(|entry| entry.join(rest))
            .collect();
        found.sort_by_key(|path| std::cmp::Reverse(version(path)));
        places.extend(found);
    }
    let complete = |place: &PathBuf| {
        ["initdb", "postgres", "createdb", "pg_isready"].iter().all(|p| place.join(p).is_file())
    };
    places.into_iter().find(complete).unwrap_or_else(|| {
        panic!("PostgreSQL's initdb is neither in PATH nor in the usual places: {REMEDY}")
    })
}

/// Whether a directory is of one version of the server, as `pgsql-15` or `postgresql@15` are.
fn is_versioned(directory: &Path) -> bool {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("pgsql-") || name.starts_with("postgresql@")
}

/// The version in a path such as `…/postgresql/15/bin`.
fn version(path: &Path) -> u32 {
    let name = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or_default()
}

/// User and group of somebody who owns nothing of ours: the server's own user, or nobody.
fn unprivileged() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(|field| field.parse().ok());
        Some((fields.next()??, fields.next()??))
    };
    of("postgres")
        .or_else(|| of("nobody"))
        .expect("a user `postgres` or `nobody` to run PostgreSQL as")
}
