//! The configuration in force, written back as TOML: what `tollgate config show` prints.
//!
//! Must never show a secret: references are shown as references, hashes of keys in part.

use super::Config;

impl Config {
    /// Every value in force, defaults and overrides included, as TOML.
    pub fn show(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }
}
