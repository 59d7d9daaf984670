//! Virtual keys as pages and API handle them: those of the store, and those of the file beside them.
//!
//! Every call says for which session, so that another team's keys are not found, and the audit log
//! says who did it. It must never know pages, forms or JSON.

use std::sync::Arc;

use axum::http::StatusCode;
use store::{Actor, Key, KeyFilter, NewKey, Store};
use tokio::sync::watch;
use units::{KeyId, Secret, Slug};

use crate::access::Session;
use crate::declared::{Declared, DeclaredKey};
use crate::error::ConsoleError;
use crate::problem::Problem;

/// The store, and what the configuration declares.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(crate) store: Store,
    declared: watch::Receiver<Arc<Declared>>,
}

/// A key, wherever it is kept.
#[derive(Debug)]
pub(crate) enum Entry {
    /// In the configuration file.
    Declared(DeclaredKey),
    /// In the store.
    Stored(Box<Key>),
}

/// Which keys to list.
#[derive(Debug, Default)]
pub(crate) struct KeysAsked {
    /// Of this team only.
    pub(crate) team: Option<Slug>,
    /// Also those revoked or expired.
    pub(crate) include_inactive: bool,
    /// Those after this one.
    pub(crate) after: Option<KeyId>,
}

/// A page of keys.
#[derive(Debug)]
pub(crate) struct KeysPage {
    pub(crate) entries: Vec<Entry>,
    /// The last entry, when there are more.
    pub(crate) next: Option<KeyId>,
}

impl Entry {
    pub(crate) fn id(&self) -> KeyId {
        match self {
            Self::Declared(key) => key.id,
            Self::Stored(key) => key.id,
        }
    }

    pub(crate) fn team(&self) -> &Slug {
        match self {
            Self::Declared(key) => &key.team,
            Self::Stored(key) => &key.owner.team,
        }
    }
}

impl Desk {
    pub(crate) fn new(store: Store, declared: watch::Receiver<Arc<Declared>>) -> Self {
        Self { store, declared }
    }

    /// What the configuration declares now.
    pub(crate) fn declared(&self) -> Arc<Declared> {
        Arc::clone(&self.declared.borrow())
    }

    /// A page of keys: first those of the file, then those of the store, each in the order of ids.
    pub(crate) async fn keys(
        &self,
        session: &Session,
        asked: &KeysAsked,
        limit: u32,
    ) -> Result<KeysPage, ConsoleError> {
        if let Some(team) = &asked.team {
            session.demand_sight(Some(team.as_str()), "team")?;
        }
        let team = asked.team.as_ref().or(session.team());
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
        let (mut entries, after) = self.declared_keys(team, asked.after);
        entries.truncate(wanted);
        let room = wanted - entries.len();
        if room > 0 {
            let filter = KeyFilter {
                organisation: Some(self.declared().organisation.clone()),
                team: team.cloned(),
                include_inactive: asked.include_inactive,
                after,
                limit: u32::try_from(room).unwrap_or(u32::MAX),
            };
            let stored = self.store.keys().list(&filter).await?;
            entries.extend(stored.into_iter().map(|key| Entry::Stored(Box::new(key))));
        }
        let has_more = entries.len() == wanted;
        entries.truncate(wanted - 1);
        let next = entries.last().filter(|_| has_more).map(Entry::id);
        Ok(KeysPage { entries, next })
    }

    /// The keys of the file after one, and the key of the store to go on after.
    fn declared_keys(
        &self,
        team: Option<&Slug>,
        after: Option<KeyId>,
    ) -> (Vec<Entry>, Option<KeyId>) {
        let declared = self.declared();
        let mut keys: Vec<&DeclaredKey> = declared.keys.iter().collect();
        keys.sort_unstable_by_key(|key| key.id);
        let position = after.and_then(|id| keys.iter().position(|key| key.id == id));
        let (skipped, after) = match (after, position) {
            (None, _) => (0, None),
            (Some(_), Some(position)) => (position + 1, None),
            (Some(id), None) => (keys.len(), Some(id)),
        };
        let rest = keys.into_iter().skip(skipped);
        let theirs = rest.filter(|key| team.is_none_or(|team| key.team == *team));
        (theirs.cloned().map(Entry::Declared).collect(), after)
    }

    /// The key of an id, when the session may see it.
    pub(crate) async fn key(&self, session: &Session, id: KeyId) -> Result<Entry, ConsoleError> {
        let declared = self.declared();
        let entry = match declared.keys.iter().find(|key| key.id == id) {
            Some(key) => Some(Entry::Declared(key.clone())),
            None => {
                let stored = self.store.keys().find(id).await?;
                let ours = stored.filter(|key| key.owner.organisation == declared.organisation);
                ours.map(|key| Entry::Stored(Box::new(key)))
            }
        };
        let entry = entry.ok_or(ConsoleError::NotFound("key"))?;
        session.demand_sight(Some(entry.team().as_str()), "key")?;
        Ok(entry)
    }

    /// Makes a key; its secret is known to the answer alone.
    pub(crate) async fn create(
        &self,
        session: &Session,
        key: &NewKey,
    ) -> Result<(Key, Secret), ConsoleError> {
        session.demand_sight(Some(key.owner.team.as_str()), "team")?;
        Ok(self.store.keys().create(key, &Actor::Session(session.id)).await?)
    }

    /// Puts a key of the same kind in a key's place, which goes on working for a while.
    pub(crate) async fn rotate(
        &self,
        session: &Session,
        id: KeyId,
        grace_us: i64,
    ) -> Result<(Key, Secret), ConsoleError> {
        self.stored(session, id).await?;
        Ok(self.store.keys().rotate(id, grace_us, &Actor::Session(session.id)).await?)
    }

    /// Ends a key for ever.
    pub(crate) async fn revoke(&self, session: &Session, id: KeyId) -> Result<Key, ConsoleError> {
        self.stored(session, id).await?;
        Ok(self.store.keys().revoke(id, &Actor::Session(session.id)).await?)
    }

    /// A key that can be changed here.
    async fn stored(&self, session: &Session, id: KeyId) -> Result<Box<Key>, ConsoleError> {
        match self.key(session, id).await? {
            Entry::Stored(key) => Ok(key),
            Entry::Declared(_) => Err(declared_key().into()),
        }
    }
}

fn declared_key() -> Problem {
    Problem {
        status: StatusCode::CONFLICT,
        kind: "declared-in-file",
        title: "This key is kept in the configuration file",
        detail: "Keys of the file are changed there: edit or remove its `[[key]]` entry."
            .to_owned(),
        errors: Vec::new(),
    }
}
