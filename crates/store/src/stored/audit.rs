//! The audit log over any engine. Triggers keep it append-only; the hashes tell when they were bypassed.

use std::sync::Arc;

use async_trait::async_trait;
use units::UnixMicros;

use crate::engine::{Engine, Link};
use crate::rows::{self, Columns};
use crate::{Audit, AuditEntry, AuditVerdict, NewAudit, StoreError};

/// Entries read at once while verifying, so that a long log needs no more memory than a short one.
const PAGE: u32 = 256;

/// The statements of the audit log.
#[async_trait]
pub(crate) trait AuditSql: Engine {
    /// Position and hash of the last entry.
    async fn head(link: &mut Link<Self>) -> Result<(u64, [u8; 32]), StoreError>;

    /// The same, and nobody else may append before this transaction ends.
    async fn locked_head(link: &mut Link<Self>) -> Result<(u64, [u8; 32]), StoreError>;

    /// Adds an entry.
    async fn insert_entry(link: &mut Link<Self>, entry: &AuditEntry) -> Result<(), StoreError>;

    /// Entries before a position (`None`: the newest), newest first.
    async fn entries_before(
        link: &mut Link<Self>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError>;

    /// Entries after one position up to and with another, oldest first.
    async fn entries_between(
        link: &mut Link<Self>,
        (after, last): (u64, u64),
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError>;
}

/// [`Audit`] over one database.
#[derive(Debug)]
pub(super) struct StoredAudit<E>(pub(super) Arc<E>);

#[async_trait]
impl<E: AuditSql> Audit for StoredAudit<E> {
    async fn append(&self, new: &NewAudit) -> Result<AuditEntry, StoreError> {
        let mut transaction = self.0.begin().await?;
        let entry = append::<E>(&mut transaction, self.0.now(), new).await?;
        E::commit(transaction).await?;
        Ok(entry)
    }

    async fn list(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        E::entries_before(&mut *self.0.reader().await?, before, limit).await
    }

    async fn verify(&self) -> Result<AuditVerdict, StoreError> {
        // The head is read first: entries appended meanwhile lie beyond it and do not matter.
        let (entries, head) = E::head(&mut *self.0.reader().await?).await?;
        let (mut seq, mut hash) = (0, [0; 32]);
        while seq < entries {
            let mut reader = self.0.reader().await?;
            let page = E::entries_between(&mut reader, (seq, entries), PAGE).await?;
            if page.is_empty() {
                return Ok(AuditVerdict::Broken { seq: seq + 1, problem: "it is missing" });
            }
            for entry in page {
                if let Some(problem) = misfit(&entry, seq, hash) {
                    return Ok(AuditVerdict::Broken { seq: seq + 1, problem });
                }
                (seq, hash) = (entry.seq, entry.hash);
            }
        }
        if hash != head {
            let problem = "it is not the entry the log ended with";
            return Ok(AuditVerdict::Broken { seq, problem });
        }
        Ok(AuditVerdict::Intact { entries, head })
    }
}

/// What is wrong with an entry that should follow the one at `seq` with this hash.
fn misfit(entry: &AuditEntry, seq: u64, hash: [u8; 32]) -> Option<&'static str> {
    if entry.seq != seq + 1 {
        Some("it is missing")
    } else if entry.previous_hash != hash {
        Some("it does not follow the entry before it")
    } else if entry.expected_hash() != entry.hash {
        Some("it was changed after it was written")
    } else {
        None
    }
}

/// Appends the next entry. It comes last in every transaction, since it keeps all others waiting.
pub(super) async fn append<E: AuditSql>(
    link: &mut Link<E>,
    now: UnixMicros,
    new: &NewAudit,
) -> Result<AuditEntry, StoreError> {
    let (seq, previous_hash) = E::locked_head(link).await?;
    let entry = AuditEntry::next(seq + 1, now, new, previous_hash);
    E::insert_entry(link, &entry).await?;
    Ok(entry)
}

/// An entry from its row.
pub(crate) fn entry(row: &impl Columns) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        seq: rows::count(row, "seq")?,
        at: rows::instant(row, "at_us")?,
        actor: rows::text(row, "actor")?,
        action: rows::text(row, "action")?,
        subject: rows::text(row, "subject")?,
        detail: rows::text(row, "detail")?,
        previous_hash: rows::hash(row, "previous_hash")?,
        hash: rows::hash(row, "hash")?,
    })
}
