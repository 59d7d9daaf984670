//! The transactional store: keys, budgets, sessions, audit. All transactional SQL lives here.
