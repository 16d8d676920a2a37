//! Noroshi rules: rule files to an immutable compiled rule set; event to hits.
