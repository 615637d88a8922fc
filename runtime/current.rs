//! Floor 3. Which loop am I on?
