// zlib, which libpng brings along: only its crc32_z is used.
#pragma once

#include <zlib.h>
