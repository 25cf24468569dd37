//! `event-engine new`: applications and plugins that run.

use std::env;
use std::path::PathBuf;

use clap::Subcommand;

use crate::exit::{self, Exit, Problem};
use crate::new::{self, Lang, Source, Wish};
use crate::output;

/// What is to be made.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make an application that runs: its file, a plugin that publishes and one that prints
    App(App),
    /// Make a plugin that runs, beside the application file, and add it there
    ///
    /// Without --subscribe and --publish the plugin gets every type of the application; in an application that has no types it
    /// publishes one of its own name. Types that the file does not know are added to it, with a prefix of two letters.
    Plugin(Plugin),
}

#[derive(Debug, clap::Args)]
#[command(after_help = exit::HELP)]
struct App {
    /// The application's name, and that of its folder
    name: String,
    /// Where the folder is made
    #[arg(long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    dir: PathBuf,
    /// Language of its two plugins
    #[arg(long, value_enum, default_value = "python")]
    lang: Lang,
    #[command(flatten)]
    sdk: Sdk,
}

#[derive(Debug, clap::Args)]
#[command(after_help = exit::HELP)]
struct Plugin {
    /// The plugin's name, and that of its folder
    name: String,
    /// Its language
    #[arg(long, value_enum)]
    lang: Lang,
    /// The application file
    #[arg(long, value_name = "APP.toml", default_value = "app.toml")]
    app: PathBuf,
    /// A type of events that it gets; may be said several times
    #[arg(long, value_name = "TYPE")]
    subscribe: Vec<String>,
    /// A type of events that it publishes; may be said several times
    #[arg(long, value_name = "TYPE")]
    publish: Vec<String>,
    #[command(flatten)]
    sdk: Sdk,
}

#[derive(Debug, clap::Args)]
struct Sdk {
    /// Take the client library of this checkout of event-engine instead of the published one
    ///
    /// Unless said, the checkout that the environment variable EVENT_ENGINE_SDKS names, or else the one that this program lies in.
    #[arg(long, value_name = "DIR")]
    sdk_dir: Option<PathBuf>,
}

impl Sdk {
    fn source(&self) -> Result<Source, Problem> {
        let variable = env::var_os(new::SDKS_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        // Where the program itself cannot be found, it lies in no checkout.
        let executable = env::current_exe().and_then(|path| path.canonicalize()).ok();
        Source::find(self.sdk_dir.as_deref(), variable.as_deref(), executable.as_deref())
    }
}

/// Makes it.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Problem> {
    let made = match &arguments.what {
        What::App(App { name, dir, lang, sdk }) => new::app(dir, name, *lang, &sdk.source()?)?,
        What::Plugin(Plugin { name, lang, app, subscribe, publish, sdk }) => {
            let wish = Wish {
                lang: *lang,
                name: name.clone(),
                subscribe: subscribe.clone(),
                publish: publish.clone(),
            };
            new::plugin(app, &wish, &sdk.source()?)?
        }
    };
    output::say(&made);
    Ok(Exit::Done)
}
