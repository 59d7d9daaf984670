//! Wire formats of the providers: encode, decode, stream; pure, without sockets or prices.
