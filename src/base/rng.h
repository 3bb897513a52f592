/* SPDX-License-Identifier: MIT */
/*
 * Random numbers, injectable: seeded in tests and in the sandbox, from getrandom(2) elsewhere.
 * xoshiro256** by Blackman and Vigna, seeded through splitmix64. Not for keys: those come from
 * libsodium or OpenSSL. One rng belongs to one thread.
 */
#ifndef STEWARD_BASE_RNG_H
#define STEWARD_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *rng, uint64_t seed);
void rng_seed_system(struct rng *rng);
uint64_t rng_next(struct rng *rng);

/* Uniform in [0, bound), without modulo bias; 0 for bound 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

/* Uniform in [0, 1). */
double rng_unit(struct rng *rng);

#endif
