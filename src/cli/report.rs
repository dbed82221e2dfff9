//! What goes to stderr.

/// Reports a row or file that could not be used.
pub fn failure(error: &detente::Error) {
    eprintln!("detente: {}", error.in_one_line());
}
