//! Addresses of databases: which engine, and where. It must never show a user or a password.

use std::path::Path;

use sqlx::postgres::PgConnectOptions;

use crate::StoreError;

/// What to write for PostgreSQL.
const POSTGRES_REMEDY: &str = "write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with characters \
     other than letters and digits in user and password percent-encoded";

/// Parameters after the question mark that PostgreSQL addresses may have; anything else is a slip that
/// would otherwise be ignored.
const PARAMETERS: [&str; 9] = [
    "application_name",
    "dbname",
    "host",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
];

/// A database and the engine it needs.
#[derive(Debug)]
pub(crate) enum Address<'a> {
    /// A file.
    Sqlite(&'a Path),
    /// A server's.
    Postgres(Box<Server>),
}

/// A PostgreSQL database.
pub(crate) struct Server {
    /// How to connect.
    pub(crate) options: PgConnectOptions,
    /// Host, port and name, as they may be shown.
    pub(crate) place: String,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", self.place)
    }
}

/// What an address names, as it may be shown: the file, or `host:port/name`. An address that names no
/// database is [`StoreError::Address`], so this also checks a configuration.
pub fn shown_address(url: &str) -> Result<String, StoreError> {
    Ok(match address(url)? {
        Address::Sqlite(path) => path.display().to_string(),
        Address::Postgres(server) => server.place,
    })
}

/// Reads an address.
pub(crate) fn address(url: &str) -> Result<Address<'_>, StoreError> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    let read = match scheme {
        "sqlite" => file(rest).map(Address::Sqlite),
        "postgres" | "postgresql" => server(url).map(|server| Address::Postgres(Box::new(server))),
        _ => Err("write sqlite:PATH, such as sqlite:tollgate.db, or postgres://…"),
    };
    // Without a colon all of it may be a secret that ended up in the wrong place.
    let scheme = if url.contains(':') { scheme } else { "…" };
    read.map_err(|remedy| StoreError::Address { scheme: scheme.to_owned(), remedy })
}

fn file(rest: &str) -> Result<&Path, &'static str> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    match path {
        "" => Err("name a file, such as sqlite:tollgate.db"),
        // Every connection of a pool would see a memory database of its own.
        ":memory:" => Err("name a file; memory is not shared"),
        _ if path.contains('?') => Err("leave out what follows the question mark"),
        _ => Ok(Path::new(path)),
    }
}

fn server(url: &str) -> Result<Server, &'static str> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        if !PARAMETERS.contains(&name) {
            return Err(
                "of what follows the question mark, sslmode, sslrootcert, sslcert, sslkey, \
                 host, port, dbname, password and application_name are known",
            );
        }
    }
    let options: PgConnectOptions = url.parse().map_err(|_| POSTGRES_REMEDY)?;
    let name = options.get_database().ok_or("name the database after the host: …/DATABASE")?;
    // A password with a slash in it would show up here.
    if name.contains(['/', '@']) {
        return Err(POSTGRES_REMEDY);
    }
    let host = options
        .get_socket()
        .map_or_else(|| options.get_host().to_owned(), |socket| socket.display().to_string());
    let place = format!("{host}:{}/{name}", options.get_port());
    Ok(Server { options, place })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_file() {
        for (url, path) in [
            ("sqlite:a.db", "a.db"),
            ("sqlite://a.db", "a.db"),
            ("sqlite:///var/a.db", "/var/a.db"),
            ("sqlite:/var/a b%20.db", "/var/a b%20.db"),
        ] {
            assert_eq!(shown_address(url).ok().as_deref(), Some(path), "{url}");
        }
    }

    #[test]
    fn an_address_names_a_server_that_is_shown_without_user_and_password() {
        for (url, place) in [
            ("postgres://me:hunter2@db.internal/tollgate", "db.internal:5432/tollgate"),
            ("postgresql://me@db.internal:6432/tollgate", "db.internal:6432/tollgate"),
            ("postgres://me:p%40ss%2Fw%3Frd@[::1]:5433/t?sslmode=verify-full", "[::1]:5433/t"),
            ("postgres://me:hunter2@localhost/t?host=/run/postgresql", "/run/postgresql:5432/t"),
        ] {
            assert_eq!(shown_address(url).ok().as_deref(), Some(place), "{url}");
            let debug = format!("{:?}", address(url).unwrap());
            assert!(!debug.contains("hunter2") && !debug.contains("me:"), "{debug}");
        }
    }

    #[test]
    fn an_address_that_names_no_database_is_refused_without_being_shown() {
        for (url, remedy) in [
            ("sqlite:", "name a file"),
            ("sqlite::memory:", "memory is not shared"),
            ("sqlite:a.db?mode=ro", "question mark"),
            ("postgres://me:hunter2@host", "name the database"),
            ("postgres://me:hunter2@host:port/db", "percent-encoded"),
            ("postgres://me:12/hunter2@host/db", "percent-encoded"),
            ("postgres://me:12/hunter2@host/db?sslmode=off", "percent-encoded"),
            ("postgres://me:12?hunter2@host/db", "question mark"),
            ("postgres://me:12#hunter2@host/db", "name the database"),
            ("postgres://host/db?passwrod=hunter2", "question mark"),
            ("mysql://me:hunter2@host/db", "write sqlite:PATH"),
            ("hunter2", "write sqlite:PATH"),
        ] {
            let message = shown_address(url).unwrap_err().to_string();
            assert!(message.contains(remedy), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
