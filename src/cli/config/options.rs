//! What can be set: the options of every command, as clap knows them.

use clap::builder::ValueRange;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command};

use crate::cli::hub::Hub;
use crate::cli::source::Source;

/// The commands that do something, each with its name as tables and variables have it: `model-pull` for `model pull`.
pub fn leaves(command: &Command) -> Vec<(String, &Command)> {
    below(command, "")
}

fn below<'a>(command: &'a Command, before: &str) -> Vec<(String, &'a Command)> {
    let subcommands = command.get_subcommands().flat_map(|command| {
        let name = format!("{before}{}", command.get_name());
        match command.has_subcommands() {
            true => below(command, &format!("{name}-")),
            false => vec![(name, command)],
        }
    });
    subcommands.collect()
}

/// The options of a command that can be set, each with its long flag.
pub fn options(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    let settable = |arg: &&Arg| {
        let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        !arg.is_hide_set() && !arg.is_global_set() && (takes_value || is_switch(arg))
    };
    let options = command.get_arguments().filter(settable);
    options.filter_map(|arg| Some((arg.get_long()?, arg)))
}

/// The option of a long flag.
pub fn option<'a>(command: &'a Command, long: &str) -> Option<&'a Arg> {
    let mut options = options(command);
    options.find_map(|(name, arg)| (name == long).then_some(arg))
}

/// Whether an option is one that the commands with a model share, and means the same in each.
pub fn is_shared(command: &Command, arg: &Arg) -> bool {
    is_of::<Source>(command, arg) || is_of::<Hub>(command, arg)
}

/// Whether a command has the options of `T`, and this is one of them. An option of another origin may have the same name.
fn is_of<T: clap::Args>(command: &Command, arg: &Arg) -> bool {
    let group = T::group_id();
    let mut groups = command.get_groups();
    let options = T::augment_args(Command::new(""));
    // The group itself lists no options where some of them are flattened into it.
    groups.any(|known| Some(known.get_id()) == group.as_ref())
        && options
            .get_arguments()
            .any(|own| own.get_id() == arg.get_id())
}

/// Whether an option is on or off and takes no value.
pub fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::SetFalse)
}

/// Whether an option takes more than one value.
pub fn is_list(arg: &Arg) -> bool {
    let many = |range: ValueRange| range.max_values() > 1;
    matches!(arg.get_action(), ArgAction::Append) || arg.get_num_args().is_some_and(many)
}

/// Whether two options, both of `command`, exclude each other.
pub fn conflict(command: &Command, a: &Arg, b: &Arg) -> bool {
    let declared = |a: &Arg, b: &Arg| {
        let others = command.get_arg_conflicts_with(a);
        a.is_exclusive_set() || others.iter().any(|other| other.get_id() == b.get_id())
    };
    let either = command.get_groups().any(|group| {
        let holds = |arg: &Arg| group.get_args().any(|id| id == arg.get_id());
        !group.clone().is_multiple() && holds(a) && holds(b)
    });
    a.get_id() != b.get_id() && (either || declared(a, b) || declared(b, a))
}

/// Says what is wrong with the values of an option, in clap's words.
pub fn check(command: &Command, long: &str, arg: &Arg, values: &[String]) -> Result<(), String> {
    if is_switch(arg) {
        let known = values
            .iter()
            .all(|v| ["true", "false"].contains(&v.as_str()));
        return if known {
            Ok(())
        } else {
            Err("expected true or false".to_owned())
        };
    }
    // What the command lacks beside this option is of no account here.
    let typed = values.iter().map(|value| format!("--{long}={value}"));
    match command
        .clone()
        .no_binary_name(true)
        .try_get_matches_from(typed)
    {
        Err(error) if !matches!(error.kind(), ErrorKind::MissingRequiredArgument) => {
            let text = error.to_string();
            let text = text.split("\n\n").next().unwrap_or_default();
            let lines = text.trim_start_matches("error: ").lines().map(str::trim);
            Err(lines.collect::<Vec<_>>().join(" "))
        }
        _ => Ok(()),
    }
}
