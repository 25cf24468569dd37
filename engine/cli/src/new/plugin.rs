//! A new plugin: its folder, and its entry in the application file.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::app_file::{AppFile, Entry, Named};
use super::folder::NewFolder;
use super::lang::Lang;
use super::names;
use super::sdk::Source;
use super::template::{render, Data, Values};
use crate::exit::Problem;
use crate::human::shell_word;

/// What plugin is wished for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// Its language.
    pub(crate) lang: Lang,
    /// Its name.
    pub(crate) name: String,
    /// Names of the types that it gets.
    pub(crate) subscribe: Vec<String>,
    /// Names of the types that it publishes.
    pub(crate) publish: Vec<String>,
}

/// What was made, in words.
pub(super) struct Made {
    /// The new folder and its files.
    pub(super) files: String,
    /// The new entry.
    pub(super) entry: String,
    /// The file to edit, relative to the application file.
    pub(super) edit: String,
}

/// Makes a plugin beside the application file at `app`, and says what was made.
///
/// # Errors
/// [`Problem::Wrong`] for names and files that will not do, [`Problem::Failed`] if something cannot be written. Nothing is changed then.
pub(crate) fn make(app: &Path, wish: &Wish, source: &Source) -> Result<String, Problem> {
    let mut file = AppFile::read(app)?;
    let folder = app.parent().unwrap_or(Path::new(""));
    let wish = completed(wish, &file)?;
    let (made, new) = add(&mut file, folder, &wish, source)?;
    file.write()?;
    new.keep();
    Ok(format!(
        "made {}\nadded to {}: {}\nclient library: {source}\nnext: event-engine run {}    (and edit {})\n",
        made.files,
        app.display(),
        made.entry,
        shell_word(&app.to_string_lossy()),
        folder.join(&made.edit).display()
    ))
}

/// What was wished for, each type once, and with types when none were named: a plugin that gets every type, or in an application
/// without any, a source of a type of its own name.
fn completed(wish: &Wish, file: &AppFile) -> Result<Wish, Problem> {
    let mut wish = wish.clone();
    once(&mut wish.subscribe);
    once(&mut wish.publish);
    if wish.subscribe.is_empty() && wish.publish.is_empty() {
        wish.subscribe = file.types()?.into_iter().map(|(name, _)| name).collect();
        if wish.subscribe.is_empty() {
            wish.publish.push(wish.name.clone());
        }
    }
    Ok(wish)
}

/// Keeps each name once, where it stood first.
fn once(names: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
}

/// Adds the plugin to `file`, and makes its folder in `folder`. The folder is removed again unless it is kept.
pub(super) fn add(
    file: &mut AppFile,
    folder: &Path,
    wish: &Wish,
    source: &Source,
) -> Result<(Made, NewFolder), Problem> {
    let Wish { lang, name, subscribe, publish } = wish;
    names::check_plugin(name)?;
    if file.has_plugin(name) {
        return Err(Problem::Wrong(format!("there is already a plugin '{name}' in the application file")));
    }
    if let Some(both) = subscribe.iter().find(|name| publish.contains(name)) {
        return Err(Problem::Wrong(format!(
            "the plugin would answer its own events of type '{both}' for ever: subscribe to one type, publish another"
        )));
    }
    let (types, fresh) = types(file, subscribe, publish)?;
    file.add_plugin(&Entry {
        name,
        command: lang.command(*source == Source::Published),
        subscribe,
        publish,
    })?;

    let data = data(wish, &types, source);
    let files = lang.files(subscribe.is_empty());
    let new = NewFolder::make(&folder.join(name))?;
    for file in &files {
        new.write(file.path, &render(file.text, &data), file.executable)?;
    }
    let paths: Vec<&str> = files.iter().map(|file| file.path).collect();
    let listed = |names: &[String]| match names {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    let fresh = if fresh.is_empty() { fresh } else { format!("; new: {fresh}") };
    let made = Made {
        files: format!("{}/ ({}): {}", folder.join(name).display(), lang.name(), paths.join(", ")),
        entry: format!(
            "[plugins.{name}], which gets {} and publishes {}{fresh}",
            listed(subscribe),
            listed(publish)
        ),
        edit: PathBuf::from(name).join(paths.first().copied().unwrap_or_default()).display().to_string(),
    };
    Ok((made, new))
}

/// Every type of the plugin with its prefix; those that the file does not know are added. The text names the new ones.
fn types(
    file: &mut AppFile,
    subscribe: &[String],
    publish: &[String],
) -> Result<(Vec<Named>, String), Problem> {
    let mut types: Vec<Named> = Vec::new();
    let mut fresh = Vec::new();
    for name in subscribe.iter().chain(publish) {
        if types.iter().any(|(known, _)| known == name) {
            continue;
        }
        let known = file.types()?.into_iter().find(|(known, _)| known == name);
        let prefix = match known {
            Some((_, prefix)) => prefix,
            None => {
                let prefix = file.add_type(name)?.to_vec();
                fresh.push(format!("type {name} with prefix {}", String::from_utf8_lossy(&prefix)));
                prefix
            }
        };
        types.push((name.clone(), prefix));
    }
    Ok((types, fresh.join(", ")))
}

/// What the templates are filled with.
fn data(wish: &Wish, types: &[Named], source: &Source) -> Data {
    let lang = wish.lang;
    let mut data = Data::default();
    let folder = source.folder(lang);
    data.set("plugin", &wish.name);
    data.set("version", env!("CARGO_PKG_VERSION"));
    data.set("sdk", lang.sdk(folder.as_deref()));
    data.set("published", if folder.is_none() { "yes" } else { "" });
    let mut used: Vec<String> = Vec::new();
    let entries: Vec<(&String, Values)> = types
        .iter()
        .map(|(name, prefix)| {
            // Two names may make one constant: `a-b` and `a_b`.
            let mut constant = lang.constant(name);
            while used.contains(&constant) {
                constant.push('2');
            }
            used.push(constant.clone());
            let text = lang.text(name);
            (name, Values::from([("name", text), ("constant", constant), ("literal", lang.literal(prefix))]))
        })
        .collect();
    let of = |names: &[String]| {
        names
            .iter()
            .filter_map(|name| entries.iter().find(|(known, _)| *known == name))
            .map(|(_, values)| values.clone())
            .collect()
    };
    // The longest prefix first: one that begins as a longer one does would hide it.
    let mut subscribe = wish.subscribe.clone();
    let length =
        |name: &String| types.iter().find(|(known, _)| known == name).map_or(0, |(_, prefix)| prefix.len());
    subscribe.sort_by_key(|name| Reverse(length(name)));
    data.lists.insert("subscribe", of(&subscribe));
    data.lists.insert("publish", of(&wish.publish));
    data.lists.insert("type", entries.iter().map(|(_, values)| values.clone()).collect());
    data
}
