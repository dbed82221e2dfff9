//! The Hugging Face hub as the commands use it: where its cache is, as whom to ask, and how far a download is.

use std::path::{Path, PathBuf};

use anyhow::Result;

/// How a command reaches the hub.
#[derive(Debug, clap::Args)]
pub struct Hub {
    /// Use only what the hub's cache already holds
    #[arg(long)]
    pub offline: bool,
}

/// The id and revision in `id@revision`.
pub fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((id, revision)) => (id, Some(revision)),
        None => (name, None),
    }
}

/// The id and revision in `owner/name@revision`, unless a folder of that name is there.
pub fn id(name: &str) -> Option<(&str, Option<&str>)> {
    if Path::new(name).exists() {
        return None;
    }
    let (id, revision) = split(name);
    let (owner, model) = id.split_once('/')?;
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    (plain(owner) && plain(model)).then_some((id, revision))
}

/// Brings a model into the cache, with a bar where a person looks on, and returns its folder.
#[cfg(feature = "hub")]
pub fn fetch(id: &str, revision: Option<&str>, hub: &Hub) -> Result<PathBuf> {
    use detente::encoder::hub;
    use indicatif::{ProgressBar, ProgressStyle};

    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template(
        "{msg} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
    );
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let options = hub::HubOptions {
        revision: revision.map(str::to_owned),
        offline: hub.offline,
        ..options()
    };
    let folder = hub::fetch_with(id, &options, &mut |download| {
        if download.done == 0 {
            bar.reset();
            bar.set_message(download.file.to_owned());
            bar.set_length(download.total);
        }
        bar.set_position(download.done);
    });
    bar.finish_and_clear();
    Ok(folder?)
}

/// Where the other Hugging Face tools of this user keep their models, whom they ask and as whom.
#[cfg(feature = "hub")]
pub fn options() -> detente::encoder::hub::HubOptions {
    detente::encoder::hub::HubOptions {
        cache: std::env::var_os("HF_HOME").map(|home| PathBuf::from(home).join("hub")),
        endpoint: std::env::var("HF_ENDPOINT").ok(),
        token: std::env::var("HF_TOKEN").ok(),
        ..Default::default()
    }
}

#[cfg(not(feature = "hub"))]
pub fn fetch(id: &str, _revision: Option<&str>, _hub: &Hub) -> Result<PathBuf> {
    anyhow::bail!("{id}: no such folder, and this program was built without the feature `hub`")
}

#[cfg(test)]
mod tests {
    use super::id;

    #[test]
    fn an_id_has_an_owner_and_no_folder() {
        assert_eq!(
            id("intfloat/multilingual-e5-small"),
            Some(("intfloat/multilingual-e5-small", None))
        );
        assert_eq!(id("owner/name@v1"), Some(("owner/name", Some("v1"))));
        assert_eq!(id("models/training"), None, "a folder that is there");
        assert_eq!(id("../elsewhere/model"), None);
        assert_eq!(id("name"), None);
    }
}
