//! A world in memory behind the same ports as the real one.
