//! New applications and new plugins: folders with programs that run.

mod app;
mod app_file;
mod folder;
mod lang;
mod names;
mod plugin;
mod sdk;
mod template;

pub(crate) use app::make as app;
pub(crate) use lang::Lang;
pub(crate) use plugin::{make as plugin, Wish};
pub(crate) use sdk::{Source, SDKS_VARIABLE};
