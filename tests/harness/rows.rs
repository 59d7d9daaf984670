//! Rows of the usage table, as `tollgate query --output json` prints them.

use serde_json::Value;
use units::Usd;

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row(Value);

impl From<Value> for Row {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl Row {
    /// What a command printed.
    pub(crate) fn read(json: &str) -> Vec<Row> {
        let rows: Vec<Value> =
            serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
        rows.into_iter().map(Row::from).collect()
    }

    /// A text; empty for NULL.
    pub(crate) fn text(&self, column: &str) -> &str {
        self.cell(column).as_str().unwrap_or_default()
    }

    /// A whole number.
    pub(crate) fn number(&self, column: &str) -> u64 {
        let cell = self.cell(column);
        cell.as_u64().unwrap_or_else(|| panic!("{column} is {cell} in {self:?}"))
    }

    /// A flag.
    pub(crate) fn flag(&self, column: &str) -> bool {
        let cell = self.cell(column);
        cell.as_bool().unwrap_or_else(|| panic!("{column} is {cell} in {self:?}"))
    }

    /// An amount to its last digit; `None` for NULL.
    pub(crate) fn usd(&self, column: &str) -> Option<Usd> {
        match self.cell(column) {
            Value::Null => None,
            Value::String(text) => Some(text.parse().unwrap()),
            other => panic!("{column} is {other}: money is text, so that no reader rounds it"),
        }
    }

    /// Whether the cell is NULL.
    pub(crate) fn is_null(&self, column: &str) -> bool {
        self.cell(column).is_null()
    }

    fn cell(&self, column: &str) -> &Value {
        // A row's NULLs may be left out of its JSON.
        self.0.get(column).unwrap_or(&Value::Null)
    }
}
