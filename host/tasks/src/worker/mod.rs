//! The server that runs tasks.
