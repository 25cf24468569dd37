//! The application's event types. Each has a filter, with which the bytes of all its events begin.

use std::error::Error;

use event_engine::errors::EngineError;
use event_engine::events::{Event, EventType};

/// A text.
pub(crate) struct TypeA {
    pub(crate) message: String,
}

/// The length of a text.
pub(crate) struct TypeB {
    pub(crate) count: usize,
}

/// A goodbye.
pub(crate) struct TypeC {
    pub(crate) message: String,
}

/// The type of events that begin with its name.
pub(crate) struct Named(pub(crate) &'static str);

impl EventType for Named {
    fn get_name(&self) -> String {
        self.0.to_string()
    }

    fn get_filter(&self) -> Result<Vec<u8>, EngineError> {
        Ok(self.0.as_bytes().to_vec())
    }
}

fn after<'a>(filter: &str, bytes: &'a [u8]) -> Result<&'a str, Box<dyn Error>> {
    let rest = bytes.strip_prefix(filter.as_bytes()).ok_or_else(|| format!("not a {filter} event"))?;
    Ok(std::str::from_utf8(rest)?)
}

impl Event for TypeA {
    fn to_bytes(&self) -> Result<Vec<u8>, EngineError> {
        Ok(format!("TypeA{}", self.message).into_bytes())
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Self, Box<dyn Error>> {
        Ok(TypeA { message: after("TypeA", &bytes)?.to_string() })
    }
}

impl Event for TypeB {
    fn to_bytes(&self) -> Result<Vec<u8>, EngineError> {
        Ok(format!("TypeB{}", self.count).into_bytes())
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Self, Box<dyn Error>> {
        Ok(TypeB { count: after("TypeB", &bytes)?.parse()? })
    }
}

impl Event for TypeC {
    fn to_bytes(&self) -> Result<Vec<u8>, EngineError> {
        Ok(format!("TypeC{}", self.message).into_bytes())
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Self, Box<dyn Error>> {
        Ok(TypeC { message: after("TypeC", &bytes)?.to_string() })
    }
}
