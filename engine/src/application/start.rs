//! From an application file to a running application.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use super::{ApplicationFile, Diagnostics, PluginEntry, PluginKind, Until};
use crate::builder::{Builder, Factory, InternalPlugin};
use crate::control;
use crate::handle::Handle;
use crate::plugin_spec::PluginSpec;
use crate::start_error::StartError;
use crate::supervisor::children::Sink;
use crate::supervisor::Output;

/// An application that a file describes: complete it with the plugins that run in this program, then start it.
///
/// ```
/// use event_engine::application::{Application, ApplicationFile};
///
/// let file = ApplicationFile::parse(
///     r#"
///     [application]
///     name = "greetings"
///     until = "done"
///     [types]
///     greeting = "greeting: "
///     [plugins.greeter]
///     internal = true
///     publish = ["greeting"]
///     [plugins.listener]
///     internal = true
///     subscribe = ["greeting"]
///     "#,
///     "greetings.toml",
/// )?;
/// let report = Application::new(file)
///     .without_control_socket()
///     .plugin("greeter", || |context: &mut event_engine::Context| {
///         context.publish("greeting: hello")?;
///         Ok(())
///     })
///     .plugin("listener", || |context: &mut event_engine::Context| {
///         for event in context.events() {
///             println!("{}", String::from_utf8_lossy(&event));
///         }
///         Ok(())
///     })
///     .start()?
///     .wait();
/// assert!(report.is_success(), "{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Application {
    file: ApplicationFile,
    factories: BTreeMap<String, Factory>,
    /// Names for which there were two.
    twice: BTreeSet<String>,
    output: Option<Sink>,
    control_socket: bool,
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("name", &self.file.name)
            .field("registered", &self.factories.keys())
            .finish_non_exhaustive()
    }
}

impl Application {
    /// The application that `file` describes.
    pub fn new(file: ApplicationFile) -> Self {
        Application {
            file,
            factories: BTreeMap::new(),
            twice: BTreeSet::new(),
            output: None,
            control_socket: true,
        }
    }

    /// Reads and checks an application file; see [`ApplicationFile::read`].
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_config(path: impl AsRef<Path>) -> Result<Self, Diagnostics> {
        ApplicationFile::read(path).map(Application::new)
    }

    /// What the file says.
    pub fn file(&self) -> &ApplicationFile {
        &self.file
    }

    /// Runs the internal plugin called `name` in this program: `factory` makes it at the start, and again for each restart.
    /// Another factory for the same name is an error at the start.
    pub fn plugin<P, F>(mut self, name: impl Into<String>, factory: F) -> Self
    where
        P: InternalPlugin + 'static,
        F: Fn() -> P + Send + Sync + 'static,
    {
        let name = name.into();
        if self.factories.insert(name.clone(), Box::new(move || Box::new(factory()))).is_some() {
            self.twice.insert(name);
        }
        self
    }

    /// Where the lines go that the plugins' processes print; to the log unless said.
    pub fn output(mut self, sink: impl Fn(&Output<'_>) + Send + Sync + 'static) -> Self {
        self.output = Some(Box::new(sink));
        self
    }

    /// Opens no control socket: nobody outside of this program can look at the application or stop it.
    pub fn without_control_socket(mut self) -> Self {
        self.control_socket = false;
        self
    }

    /// Names of the file's internal plugins for which nothing is registered yet.
    pub fn missing(&self) -> Vec<&str> {
        let internal = |plugin: &&PluginEntry| plugin.kind == PluginKind::Internal;
        let names = self.file.plugins.iter().filter(internal).map(|plugin| plugin.name.as_str());
        names.filter(|name| !self.factories.contains_key(*name)).collect()
    }

    /// Opens all ports, makes all queues, then starts all plugins together, and the processes of the external ones.
    ///
    /// # Errors
    /// [`StartError`], also when an internal plugin is missing, or a registered one is not in the file or registered twice; nothing
    /// has run then.
    pub fn start(self) -> Result<Handle, StartError> {
        self.builder()?.start()
    }

    /// The application as a [`Builder`], to add to it what a file cannot say.
    ///
    /// # Errors
    /// As [`Application::start`], as far as names are concerned.
    pub fn builder(self) -> Result<Builder, StartError> {
        self.check_names()?;
        let Application { file, mut factories, output, control_socket, .. } = self;
        let mut builder = Builder::new()
            .name(&file.name)
            .stop_within(file.stop_within)
            .max_event_bytes(file.max_event_bytes)
            .session_grace(file.session_grace);
        for declared in &file.types {
            builder = builder.event_type(&declared.name, &declared.prefix);
        }
        if file.until == Until::Done {
            builder = builder.until_done();
        }
        if let Some(bind) = &file.bind {
            builder = builder.bind(bind);
        }
        if file.allow_ambiguous_filters {
            builder = builder.allow_ambiguous_filters();
        }
        if let Some(bus) = file.bus {
            builder = builder.bus(bus.publish, bus.subscribe);
        }
        if let Some(wait) = file.wait_for_external {
            builder = builder.wait_for_external(wait.within, wait.laggards);
        }
        if let Some(sink) = output {
            builder = builder.output(sink);
        }
        if let Some(address) = file.metrics {
            builder = builder.metrics(address.to_string());
        }
        if control_socket {
            builder = builder.control_socket(match &file.control {
                Some(path) => path.clone(),
                None => control::default_path(&file.name).map_err(|error| StartError::Control {
                    path: file.name.clone().into(),
                    what: error.to_string(),
                })?,
            });
        }
        for plugin in &file.plugins {
            builder = add(builder, &file, plugin, &mut factories);
        }
        Ok(builder)
    }

    fn check_names(&self) -> Result<(), StartError> {
        let internal: BTreeSet<&str> = self
            .file
            .plugins
            .iter()
            .filter(|plugin| plugin.kind == PluginKind::Internal)
            .map(|plugin| plugin.name.as_str())
            .collect();
        let registered: BTreeSet<&str> = self.factories.keys().map(String::as_str).collect();
        let named = |names: BTreeSet<&str>| names.into_iter().map(String::from).collect::<Vec<_>>();
        let (missing, unknown) = (named(&internal - &registered), named(&registered - &internal));
        if !self.twice.is_empty() {
            return Err(StartError::RegisteredTwice { plugins: self.twice.iter().cloned().collect() });
        }
        match (missing.is_empty(), unknown.is_empty()) {
            (true, true) => Ok(()),
            (false, true) => Err(StartError::NotRegistered { plugins: missing }),
            (true, false) => Err(StartError::NotInFile { plugins: unknown }),
            (false, false) => Err(StartError::OtherNames { missing, unknown }),
        }
    }
}

/// Adds one plugin of the file.
fn add(
    builder: Builder,
    file: &ApplicationFile,
    plugin: &PluginEntry,
    factories: &mut BTreeMap<String, Factory>,
) -> Builder {
    let spec = spec(file, plugin);
    match &plugin.kind {
        PluginKind::Process { process, port, replicas } => {
            builder.process(spec.replicas(*replicas), *port, process.clone())
        }
        PluginKind::External { port, replicas } => builder.external(spec.replicas(*replicas), *port),
        PluginKind::Internal => match factories.remove(&plugin.name) {
            Some(factory) => builder.factory(spec, factory),
            None => builder, // `check_names` has seen to it
        },
    }
}

fn spec(file: &ApplicationFile, plugin: &PluginEntry) -> PluginSpec {
    let mut spec = PluginSpec::new(&plugin.name)
        .source(plugin.source)
        .critical(plugin.critical)
        .restart(plugin.restart.clone())
        .queue_limits(plugin.queue)
        .redelivery_limit(plugin.redelivery_limit);
    for name in &plugin.publish {
        spec = spec.publishes(name);
    }
    for name in &plugin.subscribe {
        spec = spec.subscribe_type(name, file.prefix(name).unwrap_or_default());
    }
    if let Some(limit) = plugin.hang_after {
        spec = spec.hang_after(limit);
    }
    if let Some(event) = &plugin.stop_event {
        spec = spec.stop_event(event.as_slice());
    }
    if let Some(prefix) = plugin.dead_letter.as_deref().and_then(|name| file.prefix(name)) {
        spec = spec.dead_letter(prefix);
    }
    spec
}
