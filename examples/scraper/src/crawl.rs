//! The crawl: which page next, and which never.
