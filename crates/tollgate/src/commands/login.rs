//! `tollgate login`: a link that logs one person in to the console, once.

use std::path::Path;

use store::{Actor, Role};
use units::Slug;

use crate::cli::{LoginArgs, LoginRole};
use crate::commands::config::load;
use crate::commands::key::open;
use crate::config::Config;
use crate::failure::CommandError;
use crate::print;
use crate::service::console::public_url;

/// Makes a link and prints it.
pub fn run(arguments: &LoginArgs, path: &Path) -> Result<(), CommandError> {
    let config = load(path)?;
    if let Some(team) = arguments.team.as_ref().filter(|team| !is_known(&config, team)) {
        return Err(CommandError::Usage(format!("team `{team}` is not configured")));
    }
    let role = match arguments.role {
        LoginRole::Admin => Role::Admin,
        LoginRole::Finance => Role::Finance,
        LoginRole::Engineer => Role::Engineer,
        LoginRole::Analyst => Role::Analyst,
        LoginRole::Viewer => Role::Viewer,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::system("cannot start threads"))?;
    runtime.block_on(async {
        let store = open(&config).await?;
        let token = store.login_links().create(role, arguments.team.as_ref(), &Actor::Cli).await?;
        store.close().await;
        let url = console::access::login_url(&public_url(&config)?, &token);
        eprintln!("works once, within {} s:", config.auth.login_link_ttl_s);
        print::line(url.expose())
    })
}

fn is_known(config: &Config, team: &Slug) -> bool {
    config.teams.is_empty() || config.teams.iter().any(|known| known.slug == *team)
}
