//! The ancestor's application object, as a thin layer over [`Builder`].

use std::collections::BTreeMap;
use std::sync::Arc;

use event_engine_protocol::constants;
use uuid::Uuid;
use zmq::Context;

#[cfg(feature = "application")]
use crate::application::{Application, Diagnostics};
use crate::builder::{Builder, Work};
use crate::errors::EngineError;
use crate::events::EventType;
use crate::handle::Handle;
use crate::plugin_spec::PluginSpec;
use crate::plugins::{ExternalPlugin, Plugin};
use crate::report::Report;
use crate::start_error::{self, StartError};
use crate::supervisor::Outcome;

/// The TCP ports of the bus.
pub struct AppConfig {
    /// Where processes that are not registered publish; 0 takes a free port.
    pub publish_port: i32,
    /// Where they subscribe; 0 takes a free port.
    pub subscribe_port: i32,
}

/// An application: its plugins and its ports.
///
/// Ports are opened at 127.0.0.1 unless the environment variable EVENT_ENGINE_BIND says another address (`*` for all).
pub struct App {
    /// Internal plugins.
    pub plugins: Vec<Arc<Box<dyn Plugin>>>,
    /// External plugins.
    pub external_plugins: Vec<Arc<Box<dyn ExternalPlugin>>>,
    /// The ports of the bus.
    pub app_config: AppConfig,
    /// A zmq context for the application's own sockets; the engine's are in contexts of its own.
    pub context: Context,
}

impl Default for App {
    fn default() -> Self {
        App::new(i32::from(constants::DEFAULT_PUBLISH_PORT), i32::from(constants::DEFAULT_SUBSCRIBE_PORT))
    }
}

impl App {
    /// An application without plugins, whose bus has these TCP ports.
    pub fn new(publish_port: i32, subscribe_port: i32) -> Self {
        App {
            plugins: Vec::new(),
            external_plugins: Vec::new(),
            app_config: AppConfig { publish_port, subscribe_port },
            context: Context::new(),
        }
    }

    /// The application that a file describes (spec/application-file.md). It runs on the engine's own API: its plugins are processes, and
    /// internal ones that this program registers with [`Application::plugin`].
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    #[cfg(feature = "application")]
    pub fn from_config(path: impl AsRef<std::path::Path>) -> Result<Application, Diagnostics> {
        Application::from_config(path)
    }

    /// Adds an internal plugin.
    #[must_use]
    pub fn register_plugin(mut self, plugin: Arc<Box<dyn Plugin>>) -> Self {
        self.plugins.push(plugin);
        self
    }

    /// Adds internal plugins.
    pub fn register_plugins(&mut self, plugins: Vec<Arc<Box<dyn Plugin>>>) {
        self.plugins.extend(plugins);
    }

    /// Adds an external plugin.
    #[must_use]
    pub fn register_external_plugin(mut self, plugin: Arc<Box<dyn ExternalPlugin>>) -> Self {
        self.external_plugins.push(plugin);
        self
    }

    /// Adds external plugins.
    pub fn register_external_plugins(&mut self, plugins: Vec<Arc<Box<dyn ExternalPlugin>>>) {
        self.external_plugins.extend(plugins);
    }

    /// Starts all plugins together and waits until every one has finished.
    ///
    /// # Errors
    /// Before anything has started: a port that is in use or out of range, an id or a port said twice, a subscription without
    /// a filter. After everything has ended: the first failure of a plugin, as
    /// [`EngineError::PluginExecutionError`] with its name, its id and what went wrong.
    pub fn run(self) -> Result<(), EngineError> {
        let ids = self.ids();
        result(self.start()?.wait(), &ids)
    }

    /// As [`App::run`], but returns once everything has started; a test can ask the [`Handle`] for ports that were 0.
    ///
    /// # Errors
    /// Those of [`App::run`] before anything has started.
    pub fn start(self) -> Result<Handle, EngineError> {
        let ids = self.ids();
        self.check_ids(&ids)?;
        let mut builder = Builder::new();
        builder.names_may_repeat = true;
        let AppConfig { publish_port, subscribe_port } = self.app_config;
        let subscribe = u16::try_from(subscribe_port).map_err(|_| {
            EngineError::SubSocketTCPBindError(out_of_range(subscribe_port), zmq::Error::EINVAL)
        })?;
        let publish = u16::try_from(publish_port)
            .map_err(|_| EngineError::PubSocketTCPBindError(out_of_range(publish_port)))?;
        builder.bus = Some((publish, subscribe));
        for plugin in self.plugins {
            let spec =
                spec(plugin.get_name(), &plugin.get_subscriptions()?)?.queue_limits(plugin.queue_limits());
            builder.plugins.push((spec, Work::SeedInternal(plugin)));
        }
        for plugin in self.external_plugins {
            let name = plugin.get_name();
            let port = plugin.get_tcp_port();
            let port = u16::try_from(port).map_err(|_| {
                let text = format!("TCP port {}", out_of_range(port));
                EngineError::PluginExecutionError(name.clone(), plugin.get_id().to_string(), text)
            })?;
            let spec = spec(name, &plugin.get_subscriptions()?)?
                .queue_limits(plugin.queue_limits())
                .replicas(plugin.replicas());
            builder.plugins.push((spec, Work::SeedExternal { plugin, port }));
        }
        tracing::info!(
            "starting {} plugins; publish port {publish}, subscribe port {subscribe}",
            builder.plugins.len()
        );
        builder.start().map_err(|error| start_error(error, &ids))
    }

    /// Names and ids in the order of registration with the engine.
    fn ids(&self) -> Vec<(String, Uuid)> {
        let internal = self.plugins.iter().map(|plugin| (plugin.get_name(), plugin.get_id()));
        let external = self.external_plugins.iter().map(|plugin| (plugin.get_name(), plugin.get_id()));
        internal.chain(external).collect()
    }

    fn check_ids(&self, ids: &[(String, Uuid)]) -> Result<(), EngineError> {
        let mut seen = BTreeMap::new();
        for (name, id) in ids {
            if let Some(other) = seen.insert(id, name) {
                let text =
                    format!("plugin {other} has the same id; make one with Uuid::new_v4() for each plugin");
                return Err(EngineError::PluginExecutionError(name.clone(), id.to_string(), text));
            }
        }
        Ok(())
    }
}

fn out_of_range(port: i32) -> String {
    format!("{port} (ports are 1 to 65535, or 0 for one that is free)")
}

fn spec(name: String, types: &[Box<dyn EventType>]) -> Result<PluginSpec, EngineError> {
    let mut spec = PluginSpec::new(name);
    for kind in types {
        let filter = kind.get_filter()?;
        spec.subscriptions.push((kind.get_name(), filter));
    }
    Ok(spec)
}

/// How an error of the builder names a plugin.
const PLUGIN: &str = "plugin ";

/// The ancestor's error for a failed start.
fn start_error(error: StartError, ids: &[(String, Uuid)]) -> EngineError {
    let text = error.to_string();
    let of_plugin = |owner: &str, text: String| {
        let name = owner.strip_prefix(PLUGIN).unwrap_or(owner).to_string();
        let id =
            ids.iter().find(|(known, _)| *known == name).map_or_else(String::new, |(_, id)| id.to_string());
        EngineError::PluginExecutionError(name, id, text)
    };
    match error {
        StartError::Bind { owner, port, source, .. } if owner == "bus subscribe port" => {
            EngineError::SubSocketTCPBindError(port.to_string(), source)
        }
        StartError::Bind { owner, port, .. } if owner == "bus publish port" => {
            EngineError::PubSocketTCPBindError(port.to_string())
        }
        StartError::Bind { owner, port, address, source } => {
            let advice = start_error::advice(&source);
            of_plugin(&owner, format!("port {port} on {address} could not be opened: {source}{advice}"))
        }
        StartError::PortTwice { first, second, .. } => {
            let owner = if second.starts_with(PLUGIN) { second } else { first };
            of_plugin(&owner, text)
        }
        StartError::Resources { owner, what } => of_plugin(&owner, what),
        _ => EngineError::PluginExecutionError("application".into(), String::new(), text),
    }
}

/// The ancestor's result of a run.
fn result(report: Report, ids: &[(String, Uuid)]) -> Result<(), EngineError> {
    if let Some(failure) = report.failure {
        return Err(EngineError::PluginExecutionError("application".into(), String::new(), failure));
    }
    let Some((plugin, error)) = report.errors.into_iter().next() else {
        return match report.plugins.into_iter().find(|plugin| plugin.outcome == Outcome::Unfinished) {
            None => Ok(()),
            Some(plugin) => Err(EngineError::PluginExecutionError(
                plugin.name.to_string(),
                String::new(),
                plugin.outcome.to_string(),
            )),
        };
    };
    let text = match error.downcast::<EngineError>() {
        Ok(error) if matches!(*error, EngineError::PluginExecutionError(..)) => return Err(*error),
        Ok(error) => error.to_string(),
        Err(error) => error.to_string(),
    };
    let (name, id) = ids.get(plugin).cloned().unwrap_or_default();
    Err(EngineError::PluginExecutionError(name, id.to_string(), text))
}
