// zlib, which libpng brings along: its crc32_z and inflate are used.
#pragma once

#include <zlib.h>
