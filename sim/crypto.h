/* crypto.h - the crypto libraries' contexts for the simulator's one thread. */
#ifndef SIM_CRYPTO_H
#define SIM_CRYPTO_H

/* Before anything of core/crypto; further calls do nothing. Ends the program when the libraries do
 * not start. */
void sim_crypto(void);

#endif
