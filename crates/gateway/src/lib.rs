//! The proxy: a thin Pingora shell around the engine that meters, routes and caps every call.
