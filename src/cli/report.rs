//! What goes to stderr.

/// Reports a row or file that could not be scored.
pub fn failure(error: &detente::Error) {
    eprintln!("detente: {}", message(error));
}

/// An error with its causes, on one line.
pub fn message(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        let more = e.to_string();
        // Most of our messages already end in their cause.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = e.source();
    }
    text
}
