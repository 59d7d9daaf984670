//! The price book, model resolution and the one pure function that prices a request.
