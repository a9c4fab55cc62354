// OpenSSL 3: what Swift cannot import (macros) is wrapped here as inline functions.
#pragma once
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// ---- contexts
static const uint64_t cssl_no_compression = SSL_OP_NO_COMPRESSION;
static const uint64_t cssl_no_renegotiation = SSL_OP_NO_RENEGOTIATION;
static const uint64_t cssl_server_preference = SSL_OP_CIPHER_SERVER_PREFERENCE;
static const uint64_t cssl_prioritize_chacha = SSL_OP_PRIORITIZE_CHACHA;
static const uint64_t cssl_no_ticket = SSL_OP_NO_TICKET;
static inline int cssl_context_set_minimum_version(SSL_CTX *c, int version) {
  return (int)SSL_CTX_set_min_proto_version(c, version);
}
static inline void cssl_context_set_mode(SSL_CTX *c, long mode) { SSL_CTX_set_mode(c, mode); }
static inline void cssl_context_disable_session_cache(SSL_CTX *c) {
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
}
static inline int cssl_context_set_groups(SSL_CTX *c, const char *names) {
  return (int)SSL_CTX_set1_groups_list(c, names);
}
static inline int cssl_context_set_chain(SSL_CTX *c, STACK_OF(X509) *chain) {
  return (int)SSL_CTX_set1_chain(c, chain);
}

// ---- connections
static inline int cssl_set_server_name(SSL *s, const char *name) { return (int)SSL_set_tlsext_host_name(s, name); }
static inline void *cssl_owner(const SSL *s) { return SSL_get_app_data(s); }
static inline void cssl_set_owner(SSL *s, void *owner) { SSL_set_app_data(s, owner); }
static inline SSL *cssl_of_verification(X509_STORE_CTX *c) {
  return (SSL *)X509_STORE_CTX_get_ex_data(c, SSL_get_ex_data_X509_STORE_CTX_idx());
}

// ---- BIO
static inline void cssl_bio_retry_read(BIO *b) { BIO_set_retry_read(b); }
static inline void cssl_bio_clear_retry(BIO *b) { BIO_clear_retry_flags(b); }

// ---- stacks
static inline int cssl_certificate_count(const STACK_OF(X509) *s) { return s ? sk_X509_num(s) : 0; }
static inline X509 *cssl_certificate_at(const STACK_OF(X509) *s, int i) { return sk_X509_value(s, i); }
static inline STACK_OF(X509) *cssl_certificates_new(void) { return sk_X509_new_null(); }
static inline int cssl_certificates_push(STACK_OF(X509) *s, X509 *c) { return sk_X509_push(s, c); }
static inline void cssl_certificates_free(STACK_OF(X509) *s) { sk_X509_pop_free(s, X509_free); }
static inline STACK_OF(X509_NAME) *cssl_names_new(void) { return sk_X509_NAME_new_null(); }
static inline int cssl_names_push(STACK_OF(X509_NAME) *s, X509_NAME *n) { return sk_X509_NAME_push(s, n); }
static inline void cssl_names_free(STACK_OF(X509_NAME) *s) { sk_X509_NAME_pop_free(s, X509_NAME_free); }
static inline int cssl_general_name_count(const GENERAL_NAMES *s) { return s ? sk_GENERAL_NAME_num(s) : 0; }
static inline GENERAL_NAME *cssl_general_name_at(const GENERAL_NAMES *s, int i) { return sk_GENERAL_NAME_value(s, i); }
static inline int cssl_object_count(const EXTENDED_KEY_USAGE *s) { return s ? sk_ASN1_OBJECT_num(s) : 0; }
static inline ASN1_OBJECT *cssl_object_at(const EXTENDED_KEY_USAGE *s, int i) { return sk_ASN1_OBJECT_value(s, i); }
static inline int cssl_cipher_count(const STACK_OF(SSL_CIPHER) *s) { return s ? sk_SSL_CIPHER_num(s) : 0; }
static inline const SSL_CIPHER *cssl_cipher_at(const STACK_OF(SSL_CIPHER) *s, int i) {
  return sk_SSL_CIPHER_value(s, i);
}
static inline int cssl_ciphers_contain(STACK_OF(SSL_CIPHER) *s, const SSL_CIPHER *c) {
  return s && sk_SSL_CIPHER_find(s, c) >= 0;
}
static inline void cssl_free(void *memory) { OPENSSL_free(memory); }

// ---- errors
static inline int cssl_error_reason(unsigned long code) { return ERR_GET_REASON(code); }
static inline int cssl_error_is_tls(unsigned long code) { return ERR_GET_LIB(code) == ERR_LIB_SSL; }
