//! Options that need not be typed: they can stand in the environment and in `detente.toml`.
//!
//! Every option of every command can be set so, under its long flag; nothing here knows one of them. What is typed comes
//! before the environment, that before the file. A setting enters as the default of its option: it gives what is
//! required, and gives way to a typed flag that excludes it.

mod file;
mod options;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, value_parser};

use file::File;
use options::{conflict, is_shared, is_switch, options};

const CONFIG: &str = "config";

type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The whole command line, as help and manual have it.
pub fn command() -> Command {
    let config = Arg::new(CONFIG)
        .long(CONFIG)
        .global(true)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .display_order(900)
        .help("Settings file [default: ./detente.toml, else ~/.config/detente/detente.toml]");
    super::Args::command().arg(config).after_help(
        "Every option can also be set: in the settings file, or as DETENTE_<COMMAND>_<FLAG>, or \
         DETENTE_<FLAG> for what the commands with a model share. What is typed comes first.",
    )
}

/// Reads what was typed, and fills it up from the environment and the settings file.
///
/// Errors are a [`clap::Error`], help and version among them, for what was typed, and name variable or file and key for
/// the rest.
pub fn parse(argv: &[OsString], env: Env<'_>) -> Result<super::Args> {
    let command = with_negations(command());
    // Help and version end here; what else is wrong is found again, and said, once all is there.
    let typed = command.clone().ignore_errors(true);
    let typed = typed.try_get_matches_from(argv)?;
    let named = match typed.get_one::<PathBuf>(CONFIG) {
        Some(path) => Some(path.clone()),
        None => variable(None, CONFIG, env)?.map(|(_, path)| path.into()),
    };
    let file = File::find(named, env, &command)?;

    let (mut path, mut leaf, mut typed) = (Vec::new(), &command, &typed);
    while let Some((name, matches)) = typed.subcommand() {
        let Some(subcommand) = leaf.find_subcommand(name) else {
            break;
        };
        path.push(name.to_owned());
        (leaf, typed) = (subcommand, matches);
    }
    let settings = settings(leaf, &path.join("-"), file.as_ref(), env)?;
    let settings = effective(leaf, typed, settings)?;
    let mut command = with_defaults(command.clone(), &path, &settings);
    let matches = command.try_get_matches_from_mut(argv);
    let matches = matches.or_else(|error| match supplied(&error, argv, &settings) {
        Some(argv) => command.try_get_matches_from_mut(argv),
        None => Err(error),
    })?;
    super::Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command).into())
}

/// Gives every switch a hidden `--no-…`, without which one that the file turns on could not be turned off.
fn with_negations(command: Command) -> Command {
    let switches = options(&command).filter(|(_, arg)| is_switch(arg));
    let negations = switches.map(|(long, arg)| {
        let negation = Arg::new(negation(long)).long(negation(long));
        let negation = negation.action(ArgAction::SetTrue).hide(true);
        negation.overrides_with(arg.get_id())
    });
    let is_new = |negation: &Arg| {
        let mut known = command.get_arguments();
        known.all(|arg| arg.get_long() != negation.get_long())
    };
    let negations: Vec<_> = negations.filter(is_new).collect();
    command.args(negations).mut_subcommands(with_negations)
}

fn negation(long: &str) -> String {
    format!("no-{long}")
}

/// A value that was not typed.
struct Setting<'a> {
    long: &'a str,
    arg: &'a Arg,
    values: Vec<String>,
    layer: Layer,
    /// Variable, or file and key, for messages.
    place: String,
}

/// Where settings stand, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Environment,
    File,
}

/// The settings of a command's options, from the first place that has one.
fn settings<'a>(
    command: &'a Command,
    name: &str,
    file: Option<&File>,
    env: Env<'_>,
) -> Result<Vec<Setting<'a>>> {
    let mut settings = Vec::new();
    for (long, arg) in options(command) {
        let scopes: &[Option<&str>] = match is_shared(command, arg) {
            true => &[Some(name), None],
            false => &[Some(name)],
        };
        let mut found = None;
        for &scope in scopes {
            if let Some((name, value)) = variable(scope, long, env)? {
                let value = match value.as_str() {
                    "1" if is_switch(arg) => "true".to_owned(),
                    "0" if is_switch(arg) => "false".to_owned(),
                    _ => value,
                };
                let place = format!("environment variable {name}");
                let values = vec![value];
                options::check(command, long, arg, &values)
                    .map_err(|reason| anyhow!("{place}: {reason}"))?;
                found = Some((Layer::Environment, place, values));
                break;
            }
        }
        let in_file = || {
            let file = file?;
            scopes.iter().find_map(|&scope| {
                let values = file.get(scope, long, arg)?;
                Some((Layer::File, file.place(scope, long), values))
            })
        };
        if let Some((layer, place, values)) = found.or_else(in_file) {
            settings.push(Setting {
                long,
                arg,
                values,
                layer,
                place,
            });
        }
    }
    Ok(settings)
}

/// The environment variable of a command's option, or of a shared one, with its name. An empty one is none.
fn variable(scope: Option<&str>, long: &str, env: Env<'_>) -> Result<Option<(String, String)>> {
    let name = match scope {
        Some(command) => format!("detente_{command}_{long}"),
        None => format!("detente_{long}"),
    };
    let name = name.to_uppercase().replace('-', "_");
    let Some(value) = env(&name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let value = value.into_string();
    let value = value.map_err(|_| anyhow!("environment variable {name}: not UTF-8"))?;
    Ok(Some((name, value)))
}

/// The settings that are left beside what was typed and beside stronger settings: what excludes another drives it out.
fn effective<'a>(
    command: &Command,
    typed: &ArgMatches,
    mut settings: Vec<Setting<'a>>,
) -> Result<Vec<Setting<'a>>> {
    let is_typed =
        |arg: &&Arg| typed.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let typed: Vec<_> = command.get_arguments().filter(is_typed).collect();
    settings.retain(|setting| {
        let negation = negation(setting.long);
        !typed
            .iter()
            .any(|arg| arg.get_long() == Some(&negation) || conflict(command, arg, setting.arg))
    });
    settings.sort_by_key(|setting| setting.layer);
    let mut kept: Vec<Setting<'_>> = Vec::new();
    for setting in settings {
        let mut others = kept.iter();
        match others.find(|other| conflict(command, other.arg, setting.arg)) {
            None => kept.push(setting),
            Some(other) if other.layer == setting.layer => {
                bail!("{}: cannot stand beside {}", setting.place, other.place)
            }
            Some(_) => {}
        }
    }
    Ok(kept)
}

/// The command line with settings as defaults of the command at `path`.
fn with_defaults(command: Command, path: &[String], settings: &[Setting<'_>]) -> Command {
    match path {
        [first, rest @ ..] => {
            command.mut_subcommand(first, |command| with_defaults(command, rest, settings))
        }
        [] => settings.iter().fold(command, |command, setting| {
            let values = setting.values.clone();
            command.mut_arg(setting.arg.get_id(), |arg| {
                arg.required(false).default_values(values)
            })
        }),
    }
}

/// The command line with those settings typed that a typed flag requires: a default is not enough for it.
fn supplied(
    error: &clap::Error,
    argv: &[OsString],
    settings: &[Setting<'_>],
) -> Option<Vec<OsString>> {
    let missing = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(names)) => names,
        _ => return None,
    };
    let is_missing = |setting: &&Setting<'_>| {
        let flag = format!("--{}", setting.long);
        let mut names = missing.iter().map(|name| name.split([' ', '=']).next());
        error.kind() == ErrorKind::MissingRequiredArgument && names.any(|name| name == Some(&flag))
    };
    let typed = settings.iter().filter(is_missing).flat_map(|setting| {
        let values = setting.values.iter();
        let values = values.filter(|value| !is_switch(setting.arg) || *value == "true");
        values.map(|value| match is_switch(setting.arg) {
            true => format!("--{}", setting.long).into(),
            false => format!("--{}={value}", setting.long).into(),
        })
    });
    // What stands behind `--` is no flag.
    let flags = argv.iter().take_while(|arg| *arg != "--").count();
    let (flags, others) = argv.split_at(flags);
    let flags = flags.iter().cloned().chain(typed);
    Some(flags.chain(others.iter().cloned()).collect())
}

#[cfg(test)]
mod tests;
