-- Logins scoped to a team, and keys that took the place of others.
--
-- A migration of this number and name exists for every engine and does the same there.

-- The one team that may be seen; NULL sees the whole organisation. A slug.
ALTER TABLE login_links ADD COLUMN team TEXT;
ALTER TABLE sessions ADD COLUMN team TEXT;

-- Id of the key this one took the place of when that was rotated; NULL when it was made afresh.
ALTER TABLE keys ADD COLUMN replaces TEXT REFERENCES keys (id);
