//! The audit log in SQLite. Triggers keep it append-only; the hashes tell when they were bypassed.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqliteExecutor};
use units::UnixMicros;

use super::database::Database;
use super::rows;
use crate::{Audit, AuditEntry, AuditVerdict, NewAudit, StoreError};

/// Entries read at once while verifying, so that a long log needs no more memory than a short one.
const PAGE: i64 = 256;

/// [`Audit`] over one SQLite file.
#[derive(Debug)]
pub(super) struct SqliteAudit {
    db: Arc<Database>,
}

impl SqliteAudit {
    pub(super) fn new(db: Arc<Database>) -> Self {
        Self { db }
    }
}

#[async_trait]
impl Audit for SqliteAudit {
    async fn append(&self, new: &NewAudit) -> Result<AuditEntry, StoreError> {
        let mut transaction = self.db.begin().await?;
        let entry = append(&mut transaction, self.db.now(), new).await?;
        transaction.commit().await?;
        Ok(entry)
    }

    async fn list(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, at_us, actor, action, subject, detail, previous_hash, hash FROM audit
             WHERE ?1 IS NULL OR seq < ?1 ORDER BY seq DESC LIMIT ?2",
        )
        .bind(before.map(rows::from_counter))
        .bind(i64::from(limit))
        .fetch_all(self.db.reader())
        .await?;
        rows.iter().map(entry).collect()
    }

    async fn verify(&self) -> Result<AuditVerdict, StoreError> {
        // The head is read first: entries appended meanwhile lie beyond it and do not matter.
        let (entries, head) = self::head(self.db.reader()).await?;
        let (mut seq, mut hash) = (0, [0; 32]);
        while seq < entries {
            let page = self.page(seq, entries).await?;
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

impl SqliteAudit {
    /// Entries after one position up to and with another, oldest first.
    async fn page(&self, after: u64, last: u64) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, at_us, actor, action, subject, detail, previous_hash, hash FROM audit
             WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
        )
        .bind(rows::from_counter(after))
        .bind(rows::from_counter(last))
        .bind(PAGE)
        .fetch_all(self.db.reader())
        .await?;
        rows.iter().map(entry).collect()
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

/// Appends the next entry. The caller holds the write lock, so nothing comes between.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    now: UnixMicros,
    new: &NewAudit,
) -> Result<AuditEntry, StoreError> {
    let (seq, previous_hash) = head(&mut *connection).await?;
    let entry = AuditEntry::next(seq + 1, now, new, previous_hash);
    sqlx::query(
        "INSERT INTO audit (seq, at_us, actor, action, subject, detail, previous_hash, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(rows::from_counter(entry.seq))
    .bind(entry.at.get())
    .bind(&entry.actor)
    .bind(&entry.action)
    .bind(&entry.subject)
    .bind(&entry.detail)
    .bind(entry.previous_hash.to_vec())
    .bind(entry.hash.to_vec())
    .execute(connection)
    .await?;
    Ok(entry)
}

/// Position and hash of the last entry.
async fn head(executor: impl SqliteExecutor<'_>) -> Result<(u64, [u8; 32]), StoreError> {
    let row = sqlx::query("SELECT seq, hash FROM audit_head").fetch_one(executor).await?;
    Ok((rows::counter(row.try_get("seq")?, "seq")?, rows::hash(&row, "hash")?))
}

fn entry(row: &SqliteRow) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        seq: rows::counter(row.try_get("seq")?, "seq")?,
        at: rows::instant(row, "at_us")?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
        detail: row.try_get("detail")?,
        previous_hash: rows::hash(row, "previous_hash")?,
        hash: rows::hash(row, "hash")?,
    })
}
