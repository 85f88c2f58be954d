//! The etcd registry backend.
