//! Jobs in, pages out: bounded queues and N workers.
