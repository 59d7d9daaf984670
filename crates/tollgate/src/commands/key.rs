//! `tollgate key create|list|rotate|revoke`.

use std::path::Path;
use std::sync::Arc;

use store::{Actor, ClientField, Key, KeyAccess, KeyFilter, KeyOwner, NewKey, Organisation, Store};
use units::{Label, Slug, SystemClock, UnixMicros};

use crate::cli::{KeyCommand, KeyCreateArgs, Output};
use crate::commands::config::load;
use crate::config::{Config, Environment};
use crate::failure::CommandError;
use crate::{print, service};

/// Runs the command.
pub fn run(command: &KeyCommand, path: &Path) -> Result<(), CommandError> {
    let config = load(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::system("cannot start threads"))?;
    runtime.block_on(async {
        let store = open(&config).await?;
        let result = match command {
            KeyCommand::Create(arguments) => create(&config, &store, arguments).await,
            KeyCommand::List { output } => list(&store, *output).await,
            KeyCommand::Rotate { id, grace_s } => {
                let grace_us = i64::from(*grace_s) * 1_000_000;
                let (key, secret) = store.keys().rotate(*id, grace_us, &Actor::Cli).await?;
                eprintln!("created {} in place of {id}, which works on for {grace_s} s;", key.id);
                eprintln!("this is the only time the new secret is shown:");
                print::line(secret.expose())
            }
            KeyCommand::Revoke { id } => {
                let key = store.keys().revoke(*id, &Actor::Cli).await?;
                print::line(&format!("revoked {} ({})", key.id, key.name))
            }
        };
        store.close().await;
        result
    })
}

/// Opens the database of a configuration, made if need be, with its organisation.
pub async fn open(config: &Config) -> Result<Store, CommandError> {
    let directory = &config.storage.data_dir;
    std::fs::create_dir_all(directory).map_err(CommandError::system(format!(
        "cannot use {} (storage.data_dir)",
        directory.display()
    )))?;
    let store = Store::open_with(
        &service::store_options(config, &Environment::of_process())?,
        Arc::new(SystemClock),
    )
    .await?;
    let slug = config.organisation.slug.clone();
    if store.organisations().find(&slug).await?.is_none() {
        let name = label(config.organisation.display_name(), "organisation.name")?;
        let zone = config.organisation.time_zone.billing().clone();
        store.organisations().put(&Organisation { slug, name, zone }, &Actor::Cli).await?;
    }
    Ok(store)
}

async fn create(
    config: &Config,
    store: &Store,
    arguments: &KeyCreateArgs,
) -> Result<(), CommandError> {
    if !config.teams.is_empty() && !config.teams.iter().any(|team| team.slug == arguments.team) {
        let known: Vec<&str> = config.teams.iter().map(|team| team.slug.as_str()).collect();
        let known = known.join(", ");
        let team = &arguments.team;
        return Err(CommandError::Usage(format!(
            "team `{team}` is not configured: use one of {known}"
        )));
    }
    let key = new_key(config, arguments)?;
    let (key, secret) = store.keys().create(&key, &Actor::Cli).await?;
    eprintln!("created {} for team {}; this is the only time it is shown:", key.id, key.owner.team);
    print::line(secret.expose())
}

/// The key that is asked for; what the client may say about itself is everything but the team.
pub fn new_key(config: &Config, arguments: &KeyCreateArgs) -> Result<NewKey, CommandError> {
    let feature = arguments.feature.as_deref().map(str::parse::<Slug>).transpose();
    let user = arguments.user.as_deref().map(|user| label(user, "--user")).transpose()?;
    Ok(NewKey {
        name: label(arguments.name.as_deref().unwrap_or(arguments.team.as_str()), "--name")?,
        owner: KeyOwner {
            organisation: config.organisation.slug.clone(),
            team: arguments.team.clone(),
            project: arguments.project.clone(),
            user,
            feature: feature.map_err(|error| CommandError::Usage(format!("--feature: {error}")))?,
        },
        access: KeyAccess {
            allowed_models: arguments.routes.clone(),
            trust_client_attribution: ClientField::ALL.into(),
        },
        expires_at: arguments.expires,
    })
}

fn label(text: &str, what: &str) -> Result<Label, CommandError> {
    Label::clipped(text).map_err(|error| CommandError::Usage(format!("{what}: {error}")))
}

async fn list(store: &Store, output: Output) -> Result<(), CommandError> {
    let mut filter = KeyFilter { include_inactive: true, ..KeyFilter::default() };
    let mut keys: Vec<Key> = Vec::new();
    loop {
        let page = store.keys().list(&filter).await?;
        let is_last = page.len() < filter.limit as usize;
        filter.after = page.last().map(|key| key.id);
        keys.extend(page);
        if is_last {
            break;
        }
    }
    let at =
        |instant: Option<UnixMicros>| instant.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let row = |key: &Key| {
        let state = if key.revoked_at.is_some() { "revoked" } else { "active" };
        [
            key.id.to_string(),
            format!("{}…", key.prefix),
            key.name.to_string(),
            key.owner.team.to_string(),
            state.to_owned(),
            at(Some(key.created_at)),
            at(key.expires_at),
        ]
    };
    if output == Output::Json {
        return print::line(&serde_json::to_string_pretty(&keys).unwrap_or_default());
    }
    let rows: Vec<[String; 7]> = keys.iter().map(row).collect();
    print::rows(["id", "secret", "name", "team", "state", "created", "expires"], &rows, output)
}
