//! `tollgate init`: a commented configuration to start from.

use std::path::Path;

use crate::cli::InitArgs;
use crate::config::write_template;
use crate::failure::CommandError;
use crate::print;

/// Writes the template.
pub fn run(arguments: &InitArgs, config: &Path) -> Result<(), CommandError> {
    let path = arguments.path.as_deref().unwrap_or(config);
    write_template(path, arguments.force)
        .map_err(|error| CommandError::Usage(error.to_string()))?;
    print::line(&format!(
        "wrote {}; next: edit it, `tollgate config check`, `tollgate key create --team …`, `tollgate serve`",
        path.display()
    ))
}
