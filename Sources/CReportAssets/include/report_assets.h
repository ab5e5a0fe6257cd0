// What every report carries with it: the charting library, and the page's own script and style.
#pragma once

#include <stddef.h>

/// Bytes of a file that was embedded when this was compiled.
typedef struct {
  const unsigned char *bytes;
  size_t size;
} report_asset;

/// Apache ECharts, minified, as `make setup` fetched it.
report_asset report_asset_charts(void);

/// The page's script, which draws the figures.
report_asset report_asset_script(void);

/// The page's style.
report_asset report_asset_style(void);
