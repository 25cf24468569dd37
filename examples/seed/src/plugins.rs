//! The application's plugins: two threads, and what the engine has to know of the third.

use std::error::Error;

use event_engine::errors::EngineError;
use event_engine::events::{Event, EventType};
use event_engine::plugins::{ExternalPlugin, Plugin};
use uuid::Uuid;
use zmq::Socket;

use crate::events::{Named, TypeA, TypeB, TypeC};

const MESSAGES: usize = 5;

/// Publishes texts, then takes their lengths and a goodbye.
pub(crate) struct MsgProducerPlugin(Uuid);

impl MsgProducerPlugin {
    pub(crate) fn new() -> Self {
        MsgProducerPlugin(Uuid::new_v4())
    }
}

impl Plugin for MsgProducerPlugin {
    fn start(&self, mut pub_socket: Socket, sub_socket: Socket) -> Result<(), EngineError> {
        for number in 0..MESSAGES {
            let event = TypeA { message: format!("This is message {number}") };
            println!("MsgProducerPlugin published TypeA {}", event.message);
            event.send(&mut pub_socket)?;
        }
        let mut counts = 0;
        let mut goodbye = false;
        while counts < MESSAGES || !goodbye {
            let bytes = sub_socket.recv_bytes(0)?;
            if bytes.starts_with(b"TypeB") {
                let event = TypeB::from_bytes(bytes).map_err(|error| self.failed(&*error))?;
                println!("MsgProducerPlugin got TypeB {}", event.count);
                counts += 1;
            } else {
                let event = TypeC::from_bytes(bytes).map_err(|error| self.failed(&*error))?;
                println!("MsgProducerPlugin got TypeC {}", event.message);
                goodbye = true;
            }
        }
        Ok(())
    }

    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        Ok(vec![Box::new(Named("TypeB")), Box::new(Named("TypeC"))])
    }

    fn get_id(&self) -> Uuid {
        self.0
    }

    fn get_name(&self) -> String {
        "MsgProducerPlugin".into()
    }
}

impl MsgProducerPlugin {
    fn failed(&self, error: &dyn Error) -> EngineError {
        EngineError::PluginExecutionError(self.get_name(), self.0.to_string(), error.to_string())
    }
}

/// Answers each text with its length.
pub(crate) struct CounterPlugin(Uuid);

impl CounterPlugin {
    pub(crate) fn new() -> Self {
        CounterPlugin(Uuid::new_v4())
    }
}

impl Plugin for CounterPlugin {
    fn start(&self, mut pub_socket: Socket, sub_socket: Socket) -> Result<(), EngineError> {
        for _ in 0..MESSAGES {
            let event = TypeA::from_bytes(sub_socket.recv_bytes(0)?).map_err(|error| {
                EngineError::PluginExecutionError(self.get_name(), self.0.to_string(), error.to_string())
            })?;
            println!("CounterPlugin got TypeA {}", event.message);
            let answer = TypeB { count: event.message.len() };
            println!("CounterPlugin published TypeB {}", answer.count);
            answer.send(&mut pub_socket)?;
        }
        Ok(())
    }

    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        Ok(vec![Box::new(Named("TypeA"))])
    }

    fn get_id(&self) -> Uuid {
        self.0
    }

    fn get_name(&self) -> String {
        "CounterPlugin".into()
    }
}

/// The process at port 6000: reads texts and lengths, says goodbye.
pub(crate) struct PyPlugin(Uuid);

impl PyPlugin {
    pub(crate) fn new() -> Self {
        PyPlugin(Uuid::new_v4())
    }
}

impl ExternalPlugin for PyPlugin {
    fn get_tcp_port(&self) -> i32 {
        6000
    }

    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        Ok(vec![Box::new(Named("TypeA")), Box::new(Named("TypeB"))])
    }

    fn get_id(&self) -> Uuid {
        self.0
    }

    fn get_name(&self) -> String {
        "PyPlugin".into()
    }
}
