// Draws the report's figures with Apache ECharts from the JSON beside each, and offers their numbers.
// It asks for nothing from outside. The page's root tells tests how far it is: data-figures, data-drawn, data-error.
(() => {
  "use strict";
  const root = document.documentElement;
  const figures = [...document.querySelectorAll("figure[data-figure]")];
  root.dataset.figures = figures.length;
  root.dataset.drawn = 0;
  addEventListener("error", (event) => { root.dataset.error = event.message; });

  const dashes = ["solid", [7, 4], [2, 3], [10, 3, 2, 3], [14, 4], [4, 2, 1, 2], [1, 2], [12, 3, 3, 3, 3, 3]];
  const symbols = ["circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect", "emptyTriangle", "emptyDiamond"];
  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const look = (series, index) => ({
    colour: colour("c" + ((series.look ?? index) % 8 + 1)),
    dash: dashes[(series.look ?? index) % dashes.length],
    symbol: symbols[(series.look ?? index) % symbols.length],
  });

  // --- numbers as words ---------------------------------------------------------------------------------------------
  const superscript = (n) => String(n).replace(/./g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
  const short = (value) => {
    if (value === null || value === undefined || !isFinite(value)) return "–";
    const size = Math.abs(value);
    if (size === 0) return "0";
    if (size >= 1e5 || size < 1e-3) {
      const power = Math.floor(Math.log10(size) + 1e-9);
      const digits = +(value / 10 ** power).toFixed(2);
      return (digits === 1 ? "" : digits + "·") + "10" + superscript(power);
    }
    return String(+value.toPrecision(size >= 1000 ? 6 : 4));
  };
  const percent = (value) => value === null ? "–" : +(100 * value).toFixed(1) + " %";
  const shown = (axis, value) => (axis.percent ? percent(value) : short(value));

  // --- what the charts share ----------------------------------------------------------------------------------------
  const axis = (spec, isX, narrow) => ({
    type: spec.log ? "log" : "value",
    name: spec.name,
    nameLocation: "middle",
    nameGap: isX ? 28 : narrow ? 46 : 50,
    nameTextStyle: { color: colour("soft"), fontSize: 12 },
    min: spec.min ?? undefined,
    max: spec.max ?? undefined,
    scale: true,
    splitNumber: narrow ? 4 : 6,
    interval: spec.percent && spec.min === 0 && spec.max === 1 ? (narrow ? 0.25 : 0.2) : undefined,
    axisLabel: { color: colour("soft"), fontSize: 11, hideOverlap: true, formatter: (v) => shown(spec, v) },
    axisLine: { show: isX, lineStyle: { color: colour("soft") } },
    axisTick: { show: isX, lineStyle: { color: colour("soft") } },
    splitLine: { show: !isX, lineStyle: { color: colour("line") } },
    minorSplitLine: { show: false },
  });
  const frame = (narrow) => ({
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    backgroundColor: "transparent",
    grid: { left: narrow ? 66 : 74, right: 18, top: 16, bottom: 48 },
  });
  const tip = (extra) => ({
    renderMode: "richText", confine: true, backgroundColor: colour("card"), borderColor: colour("line"),
    textStyle: { color: colour("ink"), fontSize: 12 }, ...extra,
  });
  const bandOf = (series, style) => ({
    type: "custom", silent: true, clip: true, z: 1, tooltip: { show: false }, encode: { x: 0, y: [1, 2] },
    data: series.points.map((p, i) => [p[0], series.low[i], series.high[i]]),
    renderItem: (params, api) => {
      if (params.dataIndex !== 0) return null;
      if (series.points.length === 1) {
        const [low, high] = [series.low[0], series.high[0]].map((v) => api.coord([series.points[0][0], v]));
        return { type: "line", shape: { x1: low[0], y1: low[1], x2: high[0], y2: high[1] },
          style: { stroke: style.colour, lineWidth: 4, opacity: 0.35 } };
      }
      const [up, down] = [[], []];
      series.points.forEach((p, i) => {
        if (series.step && i > 0) {
          up.push(api.coord([p[0], series.high[i - 1]]));
          down.push(api.coord([p[0], series.low[i - 1]]));
        }
        up.push(api.coord([p[0], series.high[i]]));
        down.push(api.coord([p[0], series.low[i]]));
      });
      return { type: "polygon", shape: { points: up.concat(down.reverse()) }, style: { fill: style.colour, opacity: 0.16 } };
    },
  });
  const markLine = (marks) => ({
    silent: true, symbol: "none", animation: false,
    lineStyle: { color: colour("ink"), type: [3, 3], width: 1.2 },
    label: { color: colour("ink"), fontSize: 11, position: "end", rotate: 0, formatter: (p) => p.data.name },
    // Neighbours' words point away from each other.
    data: marks.map((mark) => ({
      xAxis: mark.x, name: mark.label,
      label: { align: marks.length === 1 ? "center" : mark.x === Math.min(...marks.map((m) => m.x)) ? "right" : "left" },
    })),
  });

  // --- the kinds of figures -----------------------------------------------------------------------------------------
  const kinds = {
    lines: {
      option(spec, narrow) {
        const series = [];
        spec.series.forEach((one, index) => {
          const style = look(one, index);
          if (one.low) series.push(bandOf(one, style));
          const every = Math.max(1, Math.ceil(one.points.length / (narrow ? 6 : 10)));
          const offset = (index * 3) % every;
          const lone = one.points.length === 1;
          series.push({
            type: one.scatter ? "scatter" : "line", name: one.name, z: 3, step: one.step ? "end" : false,
            symbol: style.symbol, symbolSize: lone ? 10 : one.scatter ? 6 : 8, showSymbol: true,
            lineStyle: { color: style.colour, type: style.dash, width: 2.2 },
            itemStyle: { color: style.colour, opacity: one.scatter ? 0.7 : 1 },
            data: one.points.map((point, i) => one.scatter || lone || i % every === offset || (one.step && i === one.points.length - 1)
              ? { value: point } : { value: point, symbol: "none" }),
            label: { show: lone && !narrow, formatter: one.name, position: "top", color: colour("ink"), fontSize: 11,
              textBorderColor: colour("card"), textBorderWidth: 3 },
            markLine: index === 0 && spec.marks ? markLine(spec.marks) : undefined,
          });
        });
        if (spec.diagonal) {
          const ends = [Math.min(spec.x.min, spec.y.min), Math.max(spec.x.max, spec.y.max)];
          series.push({ type: "line", silent: true, showSymbol: false, data: ends.map((v) => [v, v]),
            lineStyle: { color: colour("soft"), type: [4, 4], width: 1.2 }, tooltip: { show: false } });
        }
        return {
          ...frame(narrow), grid: { ...frame(narrow).grid, top: spec.marks ? 30 : 24 },
          xAxis: axis(spec.x, true, narrow), yAxis: axis(spec.y, false, narrow), series,
          tooltip: tip({ trigger: "item", formatter: (p) =>
            `${p.seriesName}\n${spec.x.name}: ${shown(spec.x, p.value[0])}\n${spec.y.name}: ${shown(spec.y, p.value[1])}` }),
        };
      },
      table(spec) {
        const bands = spec.series.some((one) => one.low);
        return {
          head: [spec.by ?? "series", spec.x.name, spec.y.name].concat(bands ? ["lowest", "highest"] : []),
          rows: spec.series.flatMap((one) => one.points.map((p, i) =>
            [one.name, p[0], p[1]].concat(bands ? [one.low?.[i] ?? "", one.high?.[i] ?? ""] : []))),
        };
      },
    },

    reliability: {
      option(spec, narrow) {
        const count = spec.bins.length;
        const unit = { name: "", min: 0, max: 1, percent: true };
        const left = narrow ? 66 : 74;
        const rectangles = (grid, value, fill) => ({
          type: "custom", xAxisIndex: grid, yAxisIndex: grid, encode: { x: [0, 1], y: 2 },
          data: spec.bins.map((bin, i) => [i / count, (i + 1) / count, value(bin)]),
          renderItem: (params, api) => {
            const [from, to] = [api.coord([api.value(0), api.value(2)]), api.coord([api.value(1), 0])];
            if (isNaN(from[1])) return null;
            return { type: "rect", shape: { x: from[0] + 1, y: from[1], width: Math.max(1, to[0] - from[0] - 2), height: to[1] - from[1] },
              style: { fill, opacity: 0.55 } };
          },
          tooltip: { formatter: (p) => {
            const bin = spec.bins[p.dataIndex];
            return `confidence ${percent(p.dataIndex / count)} to ${percent((p.dataIndex + 1) / count)}\naccuracy ${percent(bin.accuracy)}\nmean confidence ${bin.confidence == null ? "–" : percent(bin.confidence)}\n${bin.count} examples`;
          } },
        });
        const lower = axis({ name: "examples" }, false, narrow);
        return {
          ...frame(narrow), tooltip: tip({ trigger: "item" }),
          grid: [{ left, right: 18, top: 14, bottom: 128 }, { left, right: 18, height: 52, bottom: 46 }],
          xAxis: [{ ...axis(unit, true, narrow), gridIndex: 0, axisLabel: { show: false } },
            { ...axis({ ...unit, name: "confidence" }, true, narrow), gridIndex: 1 }],
          yAxis: [{ ...axis({ ...unit, name: "accuracy" }, false, narrow), gridIndex: 0 },
            { ...lower, min: 0, gridIndex: 1, splitNumber: 2 }],
          series: [
            rectangles(0, (bin) => bin.accuracy, colour("c1")), rectangles(1, (bin) => bin.count, colour("c8")),
            { type: "line", silent: true, showSymbol: false, data: [[0, 0], [1, 1]],
              lineStyle: { color: colour("ink"), type: [5, 4], width: 1.4 }, tooltip: { show: false } },
            { type: "scatter", name: "accuracy at the mean confidence", symbol: "diamond", symbolSize: 11, silent: true,
              itemStyle: { color: colour("c2"), borderColor: colour("card"), borderWidth: 1 },
              data: spec.bins.filter((bin) => bin.confidence != null).map((bin) => [bin.confidence, bin.accuracy]) },
          ],
        };
      },
      table: (spec) => ({
        head: ["confidence from", "confidence to", "examples", "mean confidence", "accuracy"],
        rows: spec.bins.map((bin, i) => [i / spec.bins.length, (i + 1) / spec.bins.length, bin.count, bin.confidence ?? "", bin.accuracy ?? ""]),
      }),
    },

    matrix: {
      height: (spec, width) => Math.min(Math.max(240, width - 10), spec.classes.length <= 4 ? 330 : 640),
      option(spec, narrow) {
        const names = spec.classes;
        const few = names.length <= 12;
        const cells = [];
        spec.counts.forEach((row, label) => {
          const sum = row.reduce((a, b) => a + b, 0);
          row.forEach((count, taken) => { if (count > 0 || few) cells.push([taken, label, sum ? count / sum : 0, count]); });
        });
        // The ends of long names tell them apart as well as their beginnings.
        const most = narrow ? 11 : 17;
        const cut = (text) => (text.length > most ? text.slice(0, most - 6) + "…" + text.slice(-5) : text);
        const longest = Math.max(...names.map((n) => cut(n).length)) * (few ? 6.2 : 5.2);
        const turned = longest * names.length > (narrow ? 200 : names.length > 12 ? 800 : 240);
        const [beside, below] = [18 + longest, turned ? 14 + longest : 16];
        const names1 = { type: "category", data: names, nameLocation: "middle", nameTextStyle: { color: colour("soft"), fontSize: 12 },
          axisTick: { show: false }, axisLine: { lineStyle: { color: colour("line") } },
          splitArea: { show: false } };
        const label = { color: colour("soft"), fontSize: few ? 11 : 9, formatter: cut, hideOverlap: true };
        return {
          ...frame(narrow), grid: { left: beside + 24, right: 14, top: 12, bottom: below + 30 },
          xAxis: { ...names1, name: "predicted", nameGap: below + 12, axisLabel: { ...label, rotate: turned ? 90 : 0 } },
          yAxis: { ...names1, name: "true", nameGap: beside + 4, inverse: true, axisLabel: label },
          visualMap: { show: false, min: 0, max: 1, dimension: 2, inRange: { color: [colour("heat0"), colour("heat1")] } },
          tooltip: tip({ formatter: (p) => `true: ${names[p.value[1]]}\npredicted: ${names[p.value[0]]}\n${p.value[3]} examples, ${percent(p.value[2])} of the class` }),
          series: [{
            type: "heatmap", data: few
              ? cells.map((c) => ({ value: c, label: { color: colour(c[2] > 0.5 ? "heatink1" : "heatink0") } })) : cells,
            itemStyle: { borderColor: colour("card"), borderWidth: few ? 2 : 0 },
            label: { show: few, fontSize: 12, formatter: (p) => p.value[3] },
            emphasis: { itemStyle: { borderColor: colour("ink"), borderWidth: 1 } },
          }],
        };
      },
      table: (spec) => ({
        head: ["true", "predicted", "examples"],
        rows: spec.counts.flatMap((row, label) => row.map((count, taken) => [spec.classes[label], spec.classes[taken], count])),
      }),
    },

    bars: {
      height: (spec) => 26 * spec.bars.length + 40,
      option(spec, narrow) {
        const names = spec.bars.map((bar) => bar.name);
        const width = Math.min(narrow ? 110 : 190, 18 + 6.8 * Math.max(...names.map((n) => n.length)));
        return {
          ...frame(narrow), grid: { left: width + 6, right: 84, top: 4, bottom: 26 },
          xAxis: { ...axis({ ...spec.x, name: "" }, true, narrow), splitLine: { show: true, lineStyle: { color: colour("line") } } },
          yAxis: { type: "category", data: names, inverse: true, axisTick: { show: false }, axisLine: { lineStyle: { color: colour("soft") } },
            axisLabel: { color: colour("ink"), fontSize: 12, width, overflow: "truncate", interval: 0 } },
          tooltip: tip({ formatter: (p) => `${p.name}\n${spec.x.name}: ${shown(spec.x, p.value)}\n${spec.bars[p.dataIndex].note}` }),
          series: [{
            type: "bar", barWidth: "62%", itemStyle: { color: colour("c1") }, data: spec.bars.map((bar) => bar.value),
            label: { show: true, position: "right", color: colour("ink"), fontSize: 11,
              formatter: (p) => shown(spec.x, p.value) },
          }],
        };
      },
      table: (spec) => ({
        head: [spec.by, spec.x.name, "note"], rows: spec.bars.map((bar) => [bar.name, bar.value ?? "", bar.note]),
      }),
    },
  };

  // --- the legend, which tells series apart by dashes and marks as well ----------------------------------------------
  const svg = (tag, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const sample = (style, scatter) => {
    const box = svg("svg", { width: 38, height: 14, "aria-hidden": "true" });
    if (!scatter) {
      box.append(svg("line", { x1: 1, x2: 37, y1: 7, y2: 7, stroke: style.colour, "stroke-width": 2.2,
        "stroke-dasharray": style.dash === "solid" ? "none" : style.dash.join(" ") }));
    }
    const hollow = style.symbol.startsWith("empty");
    const paint = { fill: hollow ? colour("card") : style.colour, stroke: style.colour, "stroke-width": hollow ? 2 : 0 };
    const shape = style.symbol.replace("empty", "").toLowerCase();
    box.append(shape === "circle" ? svg("circle", { cx: 19, cy: 7, r: 4, ...paint })
      : shape === "rect" ? svg("rect", { x: 15, y: 3, width: 8, height: 8, ...paint })
      : svg("path", { d: shape === "triangle" ? "M19 2 L23.5 11 H14.5 Z" : "M19 1.5 L23.5 7 L19 12.5 L14.5 7 Z", ...paint }));
    return box;
  };
  const drawLegend = (list, spec) => {
    list.replaceChildren(...(spec.series ?? []).map((one, index) => {
      const item = document.createElement("li");
      item.append(sample(look(one, index), one.scatter), one.name);
      return item;
    }));
  };

  // --- the numbers --------------------------------------------------------------------------------------------------
  const csv = ({ head, rows }) => [head, ...rows].map((row) => row.map((cell) => {
    const text = String(cell);
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  }).join(",")).join("\r\n") + "\r\n";
  const download = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = name + ".csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const most = 200;
  const fillTable = (box, { head, rows }, caption) => {
    const table = document.createElement("table");
    table.createCaption().textContent = rows.length > most
      ? `${caption}: the first ${most} of ${rows.length} rows; the CSV has all` : caption;
    const cells = (row, values, tag) => values.forEach((value) => {
      const cell = document.createElement(tag);
      if (tag === "th") cell.scope = "col";
      if (typeof value !== "number") cell.className = "words";
      cell.textContent = typeof value === "number" && !Number.isInteger(value) ? String(+value.toPrecision(6)) : value;
      row.append(cell);
    });
    cells(table.createTHead().insertRow(), head, "th");
    const body = table.createTBody();
    for (const row of rows.slice(0, most)) cells(body.insertRow(), row, "td");
    box.replaceChildren(table);
  };

  // --- drawing ------------------------------------------------------------------------------------------------------
  const drawn = new Set();
  const draws = figures.map((figure) => {
    const spec = JSON.parse(figure.querySelector("script").textContent);
    const kind = kinds[spec.kind];
    const box = figure.querySelector(".chart");
    const legend = figure.querySelector(".legend");
    const table = () => kind.table(spec);
    figure.querySelector(".csv").addEventListener("click", () => download(spec.id, csv(table())));
    figure.querySelector("details").addEventListener("toggle", (event) => {
      if (event.target.open) fillTable(event.target.querySelector(".scroll"), table(), spec.title);
    });
    figure.csv = () => csv(table());
    let chart = null;
    return () => {
      chart?.dispose();
      const width = box.clientWidth;
      if (kind.height) box.style.height = kind.height(spec, width) + "px";
      chart = echarts.init(box, null, { renderer: "svg" });
      chart.on("finished", () => {
        drawn.add(spec.id);
        root.dataset.drawn = drawn.size;
      });
      chart.setOption(kind.option(spec, width < 480));
      if (legend) drawLegend(legend, spec);
    };
  });
  const drawAll = () => { for (const draw of draws) draw(); };
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  let width = innerWidth, waiting = null;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 150);
  });
})();
