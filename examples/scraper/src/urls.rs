//! URL normalisation.
