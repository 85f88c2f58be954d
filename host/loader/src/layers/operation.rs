//! What a call does, for errors, spans and metrics.

macro_rules! operations {
    ($($operation:ident => $name:literal, $writes:literal;)+) => {
        /// What a call does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Operation {
            $($operation,)+
        }

        impl Operation {
            pub(crate) const ALL: &'static [Operation] = &[$(Operation::$operation,)+];

            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Operation::$operation => $name,)+
                }
            }

            /// Whether a call that is given up may have written something.
            pub(crate) const fn writes(self) -> bool {
                match self {
                    $(Operation::$operation => $writes,)+
                }
            }
        }
    };
}

operations! {
    Open => "open", true;
    Get => "get", false;
    Children => "children", false;
    List => "list", false;
    Put => "put", true;
    Delete => "delete", true;
    DeleteRecursive => "delete_recursive", true;
    Commit => "txn", true;
    Watch => "watch", false;
    Lock => "lock", true;
    TryLock => "try_lock", true;
    Campaign => "campaign", true;
    Release => "release", true;
    Server => "server", false;
    Close => "close", true;
}
