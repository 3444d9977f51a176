import assert from "node:assert/strict";
import { test } from "node:test";
import vm from "node:vm";
import { gunzipSync } from "node:zlib";
import { linearTicks, logTicks, numeral, roundUp } from "#src/display/axis";
import { curves, lossCurve } from "#src/display/index";

test("ticks are round numbers inside the range", () => {
  assert.deepEqual(linearTicks(0, 1, 5).labels, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
  assert.deepEqual(linearTicks(-40, 40, 4).labels, ["−40", "−20", "0", "20", "40"]);
  assert.deepEqual(logTicks(2e-3, 3).labels, ["0.01", "0.1", "1"]);
  assert.deepEqual(logTicks(0.9, 30).values, [1, 2, 5, 10, 20]);
  assert.equal(numeral(-2.5e-7, 3), "−2.5×10⁻⁷");
  assert.equal(roundUp(0.61), 0.8);
});

test("the Plotly figure has the same data: one trace per line, gaps as null, names escaped", () => {
  const { figure } = curves(
    [
      { title: "A", series: [{ name: "<b>x", y: [1, Number.NaN, 3], band: { low: [0, 1, 2], high: [2, 3, 4] } }] },
      {
        title: "B",
        series: [
          { name: "<b>x", y: [4, 5] },
          { name: "y", x: [10, 20], y: [6, 7] },
        ],
      },
    ],
    { xLabel: "horizon frame", yLabel: "MSE" },
  );
  assert.equal(figure.data.length, 5);
  const [, , first, again, second] = figure.data;
  assert.deepEqual([first.x, first.y, first.name], [[1, 2, 3], [1, null, 3], "&lt;b&gt;x"]);
  assert.deepEqual([second.x, second.xaxis, second.yaxis], [[10, 20], "x2", "y2"]);
  assert.deepEqual((first.line as { color: string }).color, (again.line as { color: string }).color);
  assert.deepEqual([first.showlegend, again.showlegend, second.showlegend], [true, false, true]);
  assert.deepEqual((figure.layout.xaxis2 as { title: { text: string } }).title.text, "horizon frame");
});

test("the HTML holds all it needs and closes no tag early", () => {
  const { html } = curves([{ name: "</script><script>alert(1)</script>", y: [1, 2] }], { title: "a & <i>b" });
  assert.equal(html!.match(/<script/g)!.length, 1);
  assert.equal(html!.match(/<\/script/g)!.length, 1);
  assert.ok(html!.includes('alt="a &amp; &lt;i&gt;b'));
  assert.doesNotMatch(html!, /src="http|href=/);
  const bundle = html!.match(/atob\("([A-Za-z0-9+/=]+)"\)/)![1];
  assert.match(gunzipSync(Buffer.from(bundle, "base64")).toString("utf8", 0, 60), /plotly\.js/);
  const code = html!.match(/<script>\n([\s\S]*)\n<\/script>/)![1];
  assert.doesNotThrow(() => new vm.Script(code));
  assert.ok(html!.length < 700_000, `${html!.length} bytes`);
});

test("in a page: Plotly is unpacked once, run with its own module, and draws every chart", async () => {
  const one = curves([{ name: "a", y: [1, 2] }]);
  const drawn: unknown[][] = [];
  const places = new Map<string, { done: boolean; chart?: unknown }>();
  let unpacked = 0;
  const page: Record<string, unknown> = {
    document: {
      querySelector: (query: string) => {
        const id = query.match(/chart="([^"]+)"/)![1];
        const place = places.get(id);
        if (!place || place.done) return null;
        const setAttribute = () => {
          place.done = true;
        };
        const replaceChildren = (chart: unknown) => {
          place.chart = chart;
        };
        return { setAttribute, replaceChildren };
      },
      createElement: () => ({}),
    },
    define: () => assert.fail("require.js must not be met"),
    atob,
    console: { warn: assert.fail },
    Blob: class {
      stream = () => ({ pipeThrough: () => null });
    },
    DecompressionStream: class {},
    Response: class {
      text = async () => {
        unpacked++;
        return "module.exports = { newPlot: async (...all) => draw(all) }; if (define) throw new Error('define');";
      };
    },
    Uint8Array,
    setTimeout,
    draw: (all: unknown[]) => drawn.push(all),
  };
  page.window = page;
  vm.createContext(page);
  for (const html of [one.html!, one.html!]) {
    places.set(html.match(/data-ms-rnn-chart="([^"]+)"/)![1], { done: false });
    vm.runInContext(html.match(/<script>\n([\s\S]*)\n<\/script>/)![1], page);
  }
  for (let i = 0; i < 100 && drawn.length < 2; i++) await new Promise((later) => setTimeout(later, 5));
  assert.equal(places.size, 2);
  assert.equal(drawn.length, 2);
  assert.equal(unpacked, 1);
  assert.equal(JSON.stringify(drawn[0][1]), JSON.stringify(one.figure.data));
  assert.ok([...places.values()].every((place) => place.done));
});

test("loss curve: the running mean is over as many points before as after, fewer at both ends", () => {
  const points = [1, 2, 6, 4, 11].map((loss, i) => ({ iteration: i + 1, loss }));
  const { data } = lossCurve(points, { smooth: 3 }).figure;
  assert.deepEqual([...(data[data.length - 1].y as number[])], [1, 3, 4, 7, 11]);
});

test("curves: wrong input is told in one line", () => {
  assert.throws(() => curves([]), { message: "no series to draw" });
  assert.throws(() => curves([{ name: "a", x: [1], y: [1, 2] }]), { message: "a: x has 1 values, but y has 2" });
  const band = { low: [1, 2], high: [1] };
  assert.throws(() => curves([{ name: "a", y: [1, 2], band }]), { message: "a: band.high has 1 values, but y has 2" });
  assert.throws(() => lossCurve([], { smooth: 0 }), { message: "smooth: 0 is not 1, 2, ..." });
});

test("options of curves change the picture", () => {
  const line = [{ name: "a", y: [1, 20, 300] }];
  const plain = curves(line, { interactive: false });
  assert.equal(plain.html, undefined);
  assert.equal(curves(line, { scale: 2 }).width, 2 * plain.width);
  for (const options of [
    { title: "t" },
    { xLabel: "x" },
    { yLabel: "y" },
    { logY: true },
    { width: 600 },
    { height: 300 },
  ]) {
    assert.notDeepEqual(curves(line, options).png, plain.png, JSON.stringify(options));
  }
});

test("a loss curve of 100,000 points is a picture of the same size as one of ten", () => {
  const points = Array.from({ length: 100_000 }, (_, i) => ({ iteration: i + 1, loss: 1 / (1 + i) + 0.01 * (i % 13) }));
  const [few, many] = [points.slice(0, 10), points].map((some) => lossCurve(some, { iterations: 100_000 }));
  assert.deepEqual([many.width, many.height], [few.width, few.height]);
  assert.notDeepEqual(many.png, few.png);
});

test("losses that are not finite, constant or negative are drawn without an error", () => {
  for (const loss of [Number.NaN, Number.POSITIVE_INFINITY, 0, -1, 5]) {
    const points = [1, 2, 3].map((iteration) => ({ iteration, loss }));
    for (const logY of [false, true]) assert.ok(lossCurve(points, { logY }).png.length > 1000);
  }
});
