// OpenSSL's libcrypto: only its digests are used.
#pragma once

#include <openssl/evp.h>
