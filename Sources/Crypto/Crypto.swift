// Crypto: what the server needs to prove who somebody is and to keep things secret.
//
// Hashes, random bytes, constant-time comparison, NKeys, JWTs, bcrypt passwords, AEAD ciphers, X25519 boxes and the
// mapping from certificates to users. OpenSSL and libxcrypt stay behind this module; nothing here does I/O other
// than asking the kernel for random bytes. TLS streams live in Reactor, over the same library.
