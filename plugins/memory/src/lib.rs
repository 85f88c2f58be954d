//! The in-memory registry backend.
