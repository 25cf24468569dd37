//! An application as one wrote them for version 0.2.0: nothing here knows of anything that came later.

use std::error::Error;
use std::sync::Arc;

use event_engine::errors::EngineError;
use event_engine::events::{Event, EventType};
use event_engine::plugins::{ExternalPlugin, Plugin};
use event_engine::App;
use uuid::Uuid;
use zmq::Socket;

struct TypeA {}
struct TypeB {}
struct TypeC {}

impl EventType for TypeA {
    fn get_name(&self) -> String {
        "TypeA".to_string()
    }

    fn get_filter(&self) -> Result<Vec<u8>, EngineError> {
        Ok(self.get_name().as_bytes().to_vec())
    }
}

impl EventType for TypeB {
    fn get_name(&self) -> String {
        "TypeB".to_string()
    }

    fn get_filter(&self) -> Result<Vec<u8>, EngineError> {
        Ok(self.get_name().as_bytes().to_vec())
    }
}

impl EventType for TypeC {
    fn get_name(&self) -> String {
        "TypeC".to_string()
    }

    fn get_filter(&self) -> Result<Vec<u8>, EngineError> {
        Ok(self.get_name().as_bytes().to_vec())
    }
}

struct Text {
    text: String,
}

impl Event for Text {
    fn to_bytes(&self) -> Result<Vec<u8>, EngineError> {
        Ok([TypeA {}.get_filter()?, format!(" {}", self.text).into_bytes()].concat())
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Text, Box<dyn Error + 'static>> {
        Ok(Text { text: std::str::from_utf8(&bytes[6..])?.to_string() })
    }
}

struct Length {
    length: usize,
}

impl Event for Length {
    fn to_bytes(&self) -> Result<Vec<u8>, EngineError> {
        Ok([TypeB {}.get_filter()?, format!(" {}", self.length).into_bytes()].concat())
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Length, Box<dyn Error + 'static>> {
        Ok(Length { length: std::str::from_utf8(&bytes[6..])?.parse()? })
    }
}

struct Producer {
    id: Uuid,
}

impl Plugin for Producer {
    fn start(&self, mut pub_socket: Socket, sub_socket: Socket) -> Result<(), EngineError> {
        for number in 0..5 {
            // The method that the trait provides.
            Text { text: format!("message {}", number) }.send(&mut pub_socket)?;
        }
        let mut lengths = 0;
        loop {
            let bytes = sub_socket.recv_bytes(0).unwrap();
            if bytes.starts_with(b"TypeC") {
                break;
            }
            assert_eq!(Length::from_bytes(bytes).unwrap().length, 9);
            lengths += 1;
        }
        if lengths != 5 {
            let text = format!("{} lengths", lengths);
            return Err(EngineError::PluginExecutionError(self.get_name(), self.id.to_string(), text));
        }
        Ok(())
    }

    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        Ok(vec![Box::new(TypeB {}), Box::new(TypeC {})])
    }

    fn get_id(&self) -> Uuid {
        self.id
    }

    fn get_name(&self) -> String {
        "Producer".to_string()
    }
}

struct Counter {
    id: Uuid,
}

impl Plugin for Counter {
    // As this socket sends without the trait's help it need not be mutable.
    fn start(&self, pub_socket: Socket, sub_socket: Socket) -> Result<(), EngineError> {
        let mut read = 0;
        while read < 5 {
            let event = Text::from_bytes(sub_socket.recv_bytes(0).unwrap()).unwrap();
            read += 1;
            let data = Length { length: event.text.len() }.to_bytes().unwrap();
            pub_socket.send(data, 0).unwrap();
        }
        Ok(())
    }

    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        Ok(vec![Box::new(TypeA {})])
    }

    fn get_id(&self) -> Uuid {
        self.id
    }

    fn get_name(&self) -> String {
        "Counter".to_string()
    }
}

struct Outside {
    id: Uuid,
    port: i32,
}

impl ExternalPlugin for Outside {
    fn get_tcp_port(&self) -> i32 {
        self.port
    }

    fn get_subscriptions(&self) -> Result<Vec<Box<dyn EventType>>, EngineError> {
        Ok(vec![Box::new(TypeA {}), Box::new(TypeB {})])
    }

    fn get_id(&self) -> Uuid {
        self.id
    }

    fn get_name(&self) -> String {
        "Outside".to_string()
    }
}

/// Ports: publish, subscribe, the external plugin's.
pub(super) fn run(ports: [i32; 3]) -> Result<(), EngineError> {
    let producer = Producer { id: Uuid::new_v4() };
    let counter = Counter { id: Uuid::new_v4() };
    let outside = Outside { id: Uuid::new_v4(), port: ports[2] };
    let app: App = App::new(ports[0], ports[1]);
    app.register_plugin(Arc::new(Box::new(producer)))
        .register_plugin(Arc::new(Box::new(counter)))
        .register_external_plugin(Arc::new(Box::new(outside)))
        .run()
}
