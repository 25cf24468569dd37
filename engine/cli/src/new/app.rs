//! A new application: a source and a plugin that prints what it gets.

use std::path::Path;

use super::app_file::AppFile;
use super::folder::NewFolder;
use super::lang::Lang;
use super::names;
use super::plugin::{add, Wish};
use super::sdk::Source;
use super::template::{render, Data};
use crate::exit::Problem;
use crate::human::shell_word;

const APP: &str = include_str!("../../templates/app/app.toml.in");
const README: &str = include_str!("../../templates/app/README.md.in");
/// The type that the source publishes.
const TYPE: &str = "hello";

/// Makes an application called `name` in a new folder of that name in `parent`, and says what was made.
///
/// # Errors
/// [`Problem::Wrong`] for a name that will not do, [`Problem::Failed`] if something cannot be written. Nothing is changed then.
pub(crate) fn make(parent: &Path, name: &str, lang: Lang, source: &Source) -> Result<String, Problem> {
    names::check("the application", name)?;
    // `x` rather than `./x`.
    let folder = parent.strip_prefix(".").unwrap_or(parent).join(name);
    let new = NewFolder::make(&folder)?;
    let app = folder.join("app.toml");
    let mut data = Data::default();
    data.set("app", name);
    data.set("lang", lang.name());
    let mut file = AppFile::parse(&app, &render(APP, &data))?;
    let hello = || vec![TYPE.to_owned()];
    let wishes = [
        Wish { lang, name: "source".to_owned(), subscribe: vec![], publish: hello() },
        Wish { lang, name: "printer".to_owned(), subscribe: hello(), publish: vec![] },
    ];
    let mut edits = Vec::new();
    for wish in &wishes {
        let (made, plugin) = add(&mut file, &folder, wish, source)?;
        edits.push(made.edit);
        plugin.keep(); // it goes with the whole
    }
    let edits: Vec<String> = edits.iter().map(|edit| format!("`{edit}`")).collect();
    data.set("files", edits.join(" or "));
    new.write("README.md", &render(README, &data), false)?;
    new.write("app.toml", &file.text(), false)?;
    new.keep();
    Ok(format!(
        "made {}/: app.toml, README.md, and two plugins ({}): source/, printer/\nclient library: {source}\nnext: event-engine run {}\n",
        folder.display(),
        lang.name(),
        shell_word(&app.to_string_lossy())
    ))
}
