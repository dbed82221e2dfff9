//! The file `detente.toml`: a table for each command, keys that are long flags.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Arg, Command};
use toml::{Table, Value};

use super::options::{self, is_list, is_switch};

const NAME: &str = "detente.toml";

/// Names that are less alike than this are not what was meant; clap draws the line there too.
const ALIKE: f64 = 0.7;

/// A settings file in which every key is an option and every value one that it takes.
pub struct File {
    path: PathBuf,
    table: Table,
}

impl File {
    /// Reads the file `named`, else the one in the working directory, else the one in the user's configuration folder.
    pub fn find(
        named: Option<PathBuf>,
        env: &dyn Fn(&str) -> Option<OsString>,
        command: &Command,
    ) -> Result<Option<Self>> {
        let path = named.or_else(|| {
            let xdg = env("XDG_CONFIG_HOME").map(PathBuf::from);
            let home = std::env::home_dir().map(|home| home.join(".config"));
            // A relative one is void, says its specification.
            let folder = xdg.filter(|path| path.is_absolute()).or(home);
            let user = folder.map(|folder| folder.join("detente").join(NAME));
            let mut known = [Some(NAME.into()), user].into_iter().flatten();
            known.find(|path: &PathBuf| path.is_file())
        });
        path.map(|path| Self::read(path, command)).transpose()
    }

    fn read(path: PathBuf, command: &Command) -> Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(&path).with_context(|| name.to_string())?;
        let table: Table = toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.unwrap_or_default().matches('\n').count() + 1;
            anyhow!(
                "{name}, line {line}: {}",
                error.message().replace('\n', "; ")
            )
        })?;
        let file = Self { path, table };
        file.check(command)?;
        Ok(file)
    }

    /// The values of a key in a command's table, or of a key that stands before all tables.
    pub fn get(&self, table: Option<&str>, key: &str, arg: &Arg) -> Option<Vec<String>> {
        let table = match table {
            Some(name) => self.table.get(name)?.as_table()?,
            None => &self.table,
        };
        values(arg, table.get(key)?).ok()
    }

    /// The name of a key for messages.
    pub fn place(&self, table: Option<&str>, key: &str) -> String {
        let table = table.map(|table| format!("{table}."));
        format!(
            "{}: key {}{key}",
            self.path.display(),
            table.unwrap_or_default()
        )
    }

    fn check(&self, command: &Command) -> Result<()> {
        let commands = options::leaves(command);
        for (key, value) in &self.table {
            let command = commands.iter().find(|(name, _)| name == key);
            match (command, value) {
                (Some((name, command)), Value::Table(table)) => {
                    for (key, value) in table {
                        let place = self.place(Some(name), key);
                        check_key(command, key, value, &place)?;
                    }
                }
                (Some((name, _)), _) => {
                    bail!(
                        "{}: {name} is a command; expected a table [{name}]",
                        self.place(None, key)
                    )
                }
                (None, Value::Table(_)) => {
                    let names = commands.iter().map(|(name, _)| name.as_str());
                    bail!(
                        "{}: there is no such command; {}",
                        self.place(None, key),
                        instead(key, names)
                    )
                }
                (None, _) => self.check_shared(&commands, key, value)?,
            }
        }
        Ok(())
    }

    /// Checks a key that stands before all tables.
    fn check_shared(
        &self,
        commands: &[(String, &Command)],
        key: &str,
        value: &Value,
    ) -> Result<()> {
        let place = self.place(None, key);
        let shared = |command: &'_ Command| {
            let options = options::options(command);
            let shared = options.filter(|(_, arg)| options::is_shared(command, arg));
            shared.map(|(long, _)| long.to_owned()).collect::<Vec<_>>()
        };
        let having =
            |(_, command): &&(String, &Command)| shared(command).iter().any(|long| long == key);
        if let Some((_, command)) = commands.iter().find(having) {
            return check_key(command, key, value, &place);
        }
        let owners = commands
            .iter()
            .filter(|(_, c)| options::option(c, key).is_some());
        let owners: Vec<_> = owners.map(|(name, _)| format!("[{name}]")).collect();
        if !owners.is_empty() {
            bail!(
                "{place}: not shared by all commands; put it under {}",
                owners.join(" or ")
            );
        }
        let names: Vec<_> = commands
            .iter()
            .flat_map(|(_, command)| shared(command))
            .collect();
        bail!(
            "{place}: no such option; {}",
            instead(key, names.iter().map(String::as_str))
        )
    }
}

fn check_key(command: &Command, key: &str, value: &Value, place: &str) -> Result<()> {
    let Some(arg) = options::option(command, key) else {
        let known = options::options(command).map(|(long, _)| long);
        bail!("{place}: no such option; {}", instead(key, known));
    };
    values(arg, value)
        .and_then(|values| options::check(command, key, arg, &values))
        .map_err(|reason| anyhow!("{place}: {reason}"))
}

/// A value of the file as it would be typed.
fn values(arg: &Arg, value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::Boolean(on) if is_switch(arg) => Ok(vec![on.to_string()]),
        _ if is_switch(arg) => Err(format!(
            "expected true or false, found {}",
            value.type_str()
        )),
        Value::Array(items) if is_list(arg) => items.iter().map(scalar).collect(),
        _ => Ok(vec![scalar(value)?]),
    }
}

fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        _ => Err(format!(
            "expected a string or a number, found {}",
            value.type_str()
        )),
    }
}

/// What may have been meant by `key`.
fn instead<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<_> = known
        .map(|name| (strsim::jaro_winkler(key, name), name))
        .collect();
    known.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    known.dedup();
    match known.as_slice() {
        [] => "none can be set here".to_owned(),
        [(alike, name), ..] if *alike >= ALIKE => format!("the nearest is `{name}`"),
        _ => {
            let names: Vec<_> = known.iter().map(|(_, name)| *name).collect();
            format!("expected one of {}", names.join(", "))
        }
    }
}
