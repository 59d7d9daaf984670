//! The usage table: Delta committer, DataFusion queries and exports. All analytic SQL lives here.
