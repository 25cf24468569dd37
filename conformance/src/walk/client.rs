//! stub
pub(crate) type Client = super::Engine;
pub(super) fn reason(_: &super::Atom) -> Option<&'static str> { Some("later") }
