//! Where an application is reached from outside: its control socket and its address for metrics, if it has them.

use std::io;

use super::Control;
use crate::builder::Builder;
use crate::start_error::StartError;

#[cfg(feature = "application")]
use super::http::{MetricsAddress, MetricsServer};
#[cfg(feature = "application")]
use super::server::{ControlServer, ControlSocket};
#[cfg(feature = "application")]
use std::net::SocketAddr;

/// Open, and not answered yet.
#[derive(Default)]
pub(crate) struct Outside {
    #[cfg(feature = "application")]
    socket: Option<ControlSocket>,
    #[cfg(feature = "application")]
    metrics: Option<MetricsAddress>,
}

/// Answered, until this is dropped.
pub(crate) struct Answering {
    #[cfg(feature = "application")]
    _socket: Option<ControlServer>,
    #[cfg(feature = "application")]
    metrics: Option<MetricsServer>,
    #[cfg(feature = "application")]
    pub(crate) metrics_address: Option<SocketAddr>,
}

#[cfg(feature = "application")]
impl Outside {
    /// Opens what the builder says.
    ///
    /// # Errors
    /// What cannot be opened, and what to do.
    pub(crate) fn open(builder: &Builder) -> Result<Self, StartError> {
        let metrics = builder.metrics.as_ref();
        let metrics =
            metrics.map(|(address, exposed)| MetricsAddress::open(address, *exposed)).transpose()?;
        let socket = builder.control_socket.as_deref().map(ControlSocket::open).transpose()?;
        Ok(Outside { socket, metrics })
    }

    /// Answers from now on.
    ///
    /// # Errors
    /// The system has no threads or descriptors for it.
    pub(crate) fn start(self, control: &Control) -> io::Result<Answering> {
        let metrics_address = self.metrics.as_ref().map(|metrics| metrics.address);
        Ok(Answering {
            _socket: self.socket.map(|socket| socket.start(control.clone())).transpose()?,
            metrics: self.metrics.map(|metrics| metrics.start(control.clone())).transpose()?,
            metrics_address,
        })
    }
}

impl Answering {
    /// Closes the address for metrics, so that its port is free; the control socket answers still.
    pub(crate) fn close_metrics(&mut self) {
        #[cfg(feature = "application")]
        drop(self.metrics.take());
    }
}

/// Without the feature there is no outside.
#[cfg(not(feature = "application"))]
#[allow(clippy::unnecessary_wraps)] // the signatures of the other case
impl Outside {
    pub(crate) fn open(_: &Builder) -> Result<Self, StartError> {
        Ok(Outside {})
    }

    pub(crate) fn start(self, _: &Control) -> io::Result<Answering> {
        Ok(Answering {})
    }
}
