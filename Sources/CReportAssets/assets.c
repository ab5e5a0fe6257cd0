#include "report_assets.h"

#if !__has_embed("echarts.min.js")
#error "echarts.min.js is not in the cache: run `make setup`, which fetches it"
#endif

static const unsigned char charts[] = {
#embed "echarts.min.js"
};

static const unsigned char script[] = {
#embed "page/report.js"
};

static const unsigned char style[] = {
#embed "page/report.css"
};

report_asset report_asset_charts(void) { return (report_asset){charts, sizeof charts}; }

report_asset report_asset_script(void) { return (report_asset){script, sizeof script}; }

report_asset report_asset_style(void) { return (report_asset){style, sizeof style}; }
