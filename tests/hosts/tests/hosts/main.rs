//! Clusters of host servers, each a process of its own, on real etcd and real ZooKeeper: who is killed, stopped, cut
//! off or started again is taken over for once, and never while it works.

mod crowd;
mod cut_off;
mod kills;
mod outages;
mod restarts;
mod returns;
mod stops;
mod support;
