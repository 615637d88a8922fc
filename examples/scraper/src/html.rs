//! Links out of HTML.
