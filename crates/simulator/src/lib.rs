//! Simulated providers over real HTTP and a seeded traffic generator, for demo, tests and benches.
