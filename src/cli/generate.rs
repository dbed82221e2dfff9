//! `detente completions` and `detente man`: what shells and manuals know of the command line, made from it.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Outcome, config};

/// Print completions for a shell
///
/// For example `detente completions bash > ~/.local/share/bash-completion/completions/detente`.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

/// Print the manual page, or write one for each command
#[derive(Debug, clap::Args)]
pub struct Man {
    /// Folder for the pages of all commands
    #[arg(long)]
    output: Option<PathBuf>,
}

pub fn completions(args: &Completions) -> Result<Outcome> {
    // The generator takes a write that fails for a bug, and a pipe may close.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut config::command(), "detente", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Outcome::Complete)
}

pub fn man(args: &Man) -> Result<Outcome> {
    match &args.output {
        Some(folder) => std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(config::command(), folder))
            .with_context(|| folder.display().to_string())?,
        None => clap_mangen::Man::new(config::command()).render(&mut std::io::stdout().lock())?,
    }
    Ok(Outcome::Complete)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Command;

    use super::*;

    /// Every command with its parents' names before its own, as it is typed.
    fn commands() -> Vec<(String, Command)> {
        let mut root = config::command()
            .disable_help_subcommand(true)
            .term_width(100);
        root.build();
        let (mut found, mut open) = (Vec::new(), vec![("detente".to_owned(), root)]);
        while let Some((name, command)) = open.pop() {
            let subcommands = command.get_subcommands();
            let subcommands = subcommands.map(|c| (format!("{name} {}", c.get_name()), c.clone()));
            // The last one is taken next.
            open.extend(subcommands.collect::<Vec<_>>().into_iter().rev());
            found.push((name, command));
        }
        found
    }

    fn flags(command: &Command) -> Vec<&str> {
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        shown.filter_map(clap::Arg::get_long).collect()
    }

    /// `DETENTE_UPDATE=1` writes the reference anew.
    #[test]
    fn the_reference_of_all_commands_is_what_they_say_themselves() {
        let mut reference =
            "# Commands\n\nWhat every command says of itself with `--help`.\n".to_owned();
        for (name, mut command) in commands() {
            let help = command.render_long_help().to_string();
            let lines: Vec<_> = help.trim_end().lines().map(str::trim_end).collect();
            reference += &format!("\n## {name}\n\n```text\n{}\n```\n", lines.join("\n"));
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
        if std::env::var_os("DETENTE_UPDATE").is_some() {
            std::fs::write(&path, &reference).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == reference,
            "docs/cli.md is out of date; DETENTE_UPDATE=1 cargo test --release --bin detente reference writes it"
        );
    }

    #[test]
    fn completions_name_every_command_and_flag() {
        use clap_complete::Shell;
        for shell in [
            Shell::Bash,
            Shell::Zsh,
            Shell::Fish,
            Shell::PowerShell,
            Shell::Elvish,
        ] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut config::command(), "detente", &mut script);
            let script = String::from_utf8(script).unwrap();
            for (name, command) in commands() {
                assert!(script.contains(command.get_name()), "{shell}: {name}");
                for flag in flags(&command) {
                    let flag = match shell {
                        Shell::Fish => format!("-l {flag} "),
                        _ => format!("--{flag}"),
                    };
                    let script = script.replace('\n', " ");
                    assert!(script.contains(&flag), "{shell}: {name} {flag}");
                }
            }
        }
    }

    #[test]
    fn every_command_has_a_manual_page_that_names_its_flags() {
        let folder = tempfile::tempdir().unwrap();
        let args = Man {
            output: Some(folder.path().join("man1")),
        };
        man(&args).unwrap();
        for (name, command) in commands() {
            let file = format!("man1/{}.1", name.replace(' ', "-"));
            let page = std::fs::read_to_string(folder.path().join(&file)).unwrap();
            let page = page.replace("\\-", "-");
            for flag in flags(&command) {
                assert!(page.contains(&format!("--{flag}")), "{file}: {flag}");
            }
        }
        let pages = folder.path().join("man1").read_dir().unwrap().count();
        assert_eq!(pages, commands().len());
    }
}
