//! The latency histogram as SVG.
