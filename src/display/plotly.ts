import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { type ChartSize, coloursByName, type Panel, xOf } from "./chart";
import { escapeHtml } from "./mime";

/** A Plotly chart as plain data, for `Plotly.newPlot(element, figure.data, figure.layout)`. */
export interface Figure {
  readonly data: readonly Record<string, unknown>[];
  readonly layout: Record<string, unknown>;
}

const symbols = ["circle", "square", "triangle-up", "diamond"];
const short = (value: number) => (Number.isFinite(value) ? Number(value.toPrecision(7)) : null);

const heading = (title: string, height: number) => ({
  text: `<b>${escapeHtml(title)}</b>`,
  font: { size: 15 },
  x: 0.02,
  xanchor: "left",
  y: 1 - 22 / height,
  yref: "container",
  yanchor: "middle",
});

/** The same chart as `drawChart`, for Plotly. */
export function figure(panels: readonly Panel[], { title, width, height, columns }: ChartSize): Figure {
  const colours = coloursByName(panels);
  const names = [...colours.keys()];
  const inLegend = new Set<string>();
  const data: Record<string, unknown>[] = [];
  const legendTop = title ? 40 : 8;
  const layout: Record<string, unknown> = {
    ...(title && { title: heading(title, height) }),
    width,
    height,
    font: { family: "system-ui, 'DejaVu Sans', sans-serif", size: 12, color: "#222222" },
    margin: { l: 64, r: 18, t: legendTop + 28 + (panels.some((panel) => panel.title) ? 24 : 6), b: 52 },
    legend: { orientation: "h", x: 0, xanchor: "left", y: 1 - legendTop / height, yref: "container", yanchor: "top" },
    hovermode: "x unified",
    paper_bgcolor: "#ffffff",
    plot_bgcolor: "#ffffff",
    annotations: [] as unknown[],
  };
  const rows = Math.ceil(panels.length / columns);
  const span = (i: number, count: number, gap: number) => {
    const size = (1 - gap * (count - 1)) / count;
    return [i * (size + gap), i * (size + gap) + size];
  };
  panels.forEach((panel, p) => {
    const suffix = p === 0 ? "" : String(p + 1);
    const [column, row] = [p % columns, rows - 1 - Math.floor(p / columns)];
    const xDomain = span(column, columns, 90 / width);
    const yDomain = span(row, rows, 110 / height);
    const axis = {
      gridcolor: "#e4e4e4",
      linecolor: "#606060",
      zeroline: false,
      ticks: "outside",
      tickcolor: "#606060",
    };
    const label = (text?: string) => (text ? { title: { text: escapeHtml(text), standoff: 8 } } : {});
    layout[`xaxis${suffix}`] = {
      ...axis,
      ...label(panel.xLabel),
      domain: xDomain,
      anchor: `y${suffix}`,
      ...(panel.xRange && { range: panel.xRange }),
    };
    layout[`yaxis${suffix}`] = {
      ...axis,
      ...label(panel.yLabel),
      domain: yDomain,
      anchor: `x${suffix}`,
      ...(panel.logY && { type: "log" }),
    };
    if (panel.title) {
      (layout.annotations as unknown[]).push({
        text: `<b>${escapeHtml(panel.title)}</b>`,
        x: (xDomain[0] + xDomain[1]) / 2,
        y: yDomain[1],
        xref: "paper",
        yref: "paper",
        xanchor: "center",
        yanchor: "bottom",
        showarrow: false,
      });
    }
    for (const series of panel.series) {
      const colour = colours.get(series.name)!;
      const x = xOf(series).map(short);
      const common = { type: "scatter", x, xaxis: `x${suffix}`, yaxis: `y${suffix}`, legendgroup: series.name };
      if (series.band) {
        const edge = {
          ...common,
          mode: "lines",
          line: { width: 0, color: colour },
          showlegend: false,
          hoverinfo: "skip",
        };
        data.push({ ...edge, y: series.band.low.map(short) });
        data.push({ ...edge, y: series.band.high.map(short), fill: "tonexty", fillcolor: `${colour}2e` });
      }
      const listed = !series.faint && !inLegend.has(series.name);
      if (listed) inLegend.add(series.name);
      data.push({
        ...common,
        y: series.y.map(short),
        name: escapeHtml(series.name),
        mode: !series.faint && series.y.length <= 40 ? "lines+markers" : "lines",
        line: { color: colour, width: series.faint ? 1 : 2 },
        marker: { size: 7, symbol: symbols[names.indexOf(series.name) % symbols.length] },
        ...(series.faint && { opacity: 0.35, hoverinfo: "skip" }),
        showlegend: listed,
      });
    }
  });
  layout.showlegend = inLegend.size > 1;
  return { data, layout };
}

let packed: { base64: string; version: string } | undefined;

/** Plotly's basic bundle, compressed (about a third of a megabyte); read at first use. */
function bundle() {
  if (packed) return packed;
  const { version } = require("plotly.js-basic-dist-min/package.json") as { version: string };
  const source = readFileSync(require.resolve("plotly.js-basic-dist-min"));
  packed = { base64: gzipSync(source, { level: 9 }).toString("base64"), version };
  return packed;
}

/**
 * Runs in the browser. Unpacks Plotly once per page and draws into the first place of this id that is still static.
 * The bundle is run as a function with its own `module`, so it meets neither require.js's `define` nor another Plotly
 * on the page. Whatever fails, the static picture stays.
 */
const script = `(async () => {
  try {
    const found = () => document.querySelector('[data-ms-rnn-chart="' + ID + '"]:not([data-drawn])');
    for (let i = 0; i < 50 && !found(); i++) await new Promise((later) => setTimeout(later, 100));
    const place = found();
    if (!place) return;
    place.setAttribute("data-drawn", "");
    const load = async () => {
      const bytes = Uint8Array.from(atob(BUNDLE), (char) => char.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      const module = { exports: {} };
      new Function("module", "exports", "define", await new Response(stream).text())(module, module.exports, undefined);
      return module.exports;
    };
    const key = "msRnnPlotly " + VERSION;
    const plotly = await (window[key] = window[key] || load());
    const chart = document.createElement("div");
    await plotly.newPlot(chart, FIGURE.data, FIGURE.layout, { displaylogo: false });
    place.replaceChildren(chart);
  } catch (error) {
    console.warn("the chart stays static: " + error);
  }
})();`;

let count = 0;

/**
 * A chart as a piece of HTML that works alone: in the notebook, in a page made from it, without a network. It carries
 * Plotly itself, because no output can know whether another one that does will still be there when the page is opened.
 * Until Plotly runs, and where scripts are not allowed, it is the static picture.
 */
export function figureHtml(chart: Figure, png: Buffer, text: string): string {
  const { base64, version } = bundle();
  const json = JSON.stringify(chart)
    .replace(/</g, "\\u003c")
    .replace(/\u2028/g, "\\u2028")
    .replace(/\u2029/g, "\\u2029");
  const id = `${createHash("sha256").update(json).digest("hex").slice(0, 16)}-${++count}`;
  const parts: Record<string, string> = {
    ID: `"${id}"`,
    BUNDLE: `"${base64}"`,
    VERSION: `"${version}"`,
    FIGURE: "figure",
  };
  const body = script.replace(/\b(ID|BUNDLE|VERSION|FIGURE)\b/g, (name) => parts[name]);
  const { width, height } = chart.layout as { width: number; height: number };
  const image = `<img src="data:image/png;base64,${png.toString("base64")}" alt="${escapeHtml(text)}" width="${width}" height="${height}">`;
  return `<div data-ms-rnn-chart="${id}">${image}</div>\n<script>\n{ const figure = ${json};\n${body} }\n</script>`;
}
