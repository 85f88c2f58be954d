//! The server that hands tasks out.
