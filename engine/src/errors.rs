//! Errors of the ancestor's API: its 24 variants with their shapes, and no more, since applications build some of
//! them and may match all. The engine's own API has [`crate::StartError`] and [`crate::Error`].

use thiserror::Error;
use uuid::Uuid;

/// What went wrong in an application that was built with [`crate::App`].
#[derive(Error, Debug)]
pub enum EngineError {
    /// A socket could not be made or used.
    #[error("a socket could not be made or used: {0}")]
    SubSocketCreateError(#[from] zmq::Error),
    /// Port, cause.
    #[error("subscribe port {0} could not be opened: {1}{hint}", hint = hint(.0))]
    SubSocketTCPBindError(String, zmq::Error),
    /// URL.
    #[error("subscribe address {0} could not be opened")]
    SubSocketInProcBindError(String),
    /// Port.
    #[error("publish port {0} could not be opened{hint}", hint = hint(.0))]
    PubSocketTCPBindError(String),
    /// URL.
    #[error("publish address {0} could not be opened")]
    PubSocketInProcBindError(String),
    /// Plugin's name, its id, and what went wrong.
    #[error("plugin {0} ({1}): {2}")]
    PluginExecutionError(String, String, String),
    /// Plugin's id.
    #[error("the publish socket of plugin {0} could not be made")]
    PluginPubSocketError(Uuid),
    /// Plugin's id, cause.
    #[error("the external socket of plugin {0} could not be made: {1}")]
    PluginExternalSocketError(Uuid, zmq::Error),
    /// Plugin's id.
    #[error("the subscribe socket of plugin {0} could not be made")]
    PluginSubSocketError(Uuid),
    /// Event type's name, plugin's id.
    #[error("the subscription to {0} of plugin {1} could not be set")]
    PluginSubscriptionError(String, Uuid),
    /// Plugin's id, port.
    #[error("the sync socket of plugin {0} (port {1}) could not be made")]
    PluginSyncSocketError(Uuid, i32),
    /// An event type gave no filter.
    #[error("an event type has no filter to subscribe to")]
    EngineSetSubFilterError(),
    /// Cause.
    #[error("the subscription to all events could not be set: {0}")]
    EngineSetSubFilterAllError(zmq::Error),
    /// Plugin's id.
    #[error("plugin {0} could not report that it is ready")]
    PluginSyncSendError(Uuid),
    /// The engine's side of the start barrier.
    #[error("the start barrier could not be made")]
    EngineSyncSocketCreateError(),
    /// Port, cause.
    #[error("the sync port {0} could not be opened: {1}")]
    EngineSyncSocketTCPBindError(i32, zmq::Error),
    /// URL.
    #[error("the sync address {0} could not be opened")]
    EngineSyncSocketInprocBindError(String),
    /// Cause.
    #[error("the start barrier received no report: {0}")]
    EngineSyncSocketMsgRcvError(zmq::Error),
    /// The engine's side of the start barrier.
    #[error("the start barrier has lost a plugin")]
    EngineSyncSocketPopError(),
    /// Cause.
    #[error("the start barrier could not be opened: {0}")]
    EngineSyncSocketSendRcvError(zmq::Error),
    /// Plugin's id, cause.
    #[error("no request could be received for external plugin {0}: {1}")]
    EngineExtSocketRcvError(Uuid, zmq::Error),
    /// Plugin's id, cause.
    #[error("no event could be received for external plugin {0}: {1}")]
    EngineExtSubSocketRcvError(Uuid, zmq::Error),
    /// Plugin's id, cause.
    #[error("external plugin {0} could not be answered: {1}")]
    EngineExtSocketSendError(Uuid, zmq::Error),
    /// Plugin's id, cause.
    #[error("an event of external plugin {0} could not be published: {1}")]
    EngineExtPubSocketSendError(Uuid, zmq::Error),
}

/// What to try for a port that is one; what is none says so itself.
fn hint(port: &str) -> &'static str {
    match port.parse::<u16>() {
        Ok(_) => "; if another process or application uses it, end that or choose another port",
        Err(_) => "",
    }
}
