import assert from "node:assert/strict";
import { test } from "node:test";
import {
  chain,
  multiScale,
  multiScaleFullyConnected,
  multiScaleUNet3Plus,
  multiScaleWithoutSkip,
  pyramid,
  validateWiring,
  type Wiring,
} from "#src/wiring";

const inputsOf = ({ scale, edges }: Wiring) =>
  scale.map((_, layer) =>
    edges
      .filter(([, to]) => to === layer)
      .map(([from]) => from)
      .sort(),
  );

test("the wirings of the paper, layer by layer (SPEC section 3)", () => {
  assert.deepEqual(inputsOf(chain(3)), [[], [0], [1]]);
  assert.deepEqual(multiScale.scale, [1, 2, 4, 4, 2, 1]);
  assert.deepEqual(inputsOf(multiScale), [[], [0], [1], [2], [1, 3], [0, 4]]);
  assert.deepEqual(inputsOf(multiScaleWithoutSkip), [[], [0], [1], [2], [3], [4]]);
  assert.deepEqual(inputsOf(multiScaleUNet3Plus), [[], [0], [1], [0, 1, 2], [0, 1, 3], [0, 3, 4]]);
  assert.deepEqual(inputsOf(multiScaleFullyConnected), [[], [0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4]]);
  for (const wiring of [chain(6), multiScale, multiScaleWithoutSkip, multiScaleUNet3Plus, multiScaleFullyConnected]) {
    validateWiring(wiring, 64, 88);
  }
});

test("pyramids of two, three and four scales, with even and odd numbers of layers", () => {
  assert.deepEqual(inputsOf(pyramid([1, 2, 1])), [[], [0], [0, 1]]);
  assert.deepEqual(inputsOf(pyramid([1, 2, 4, 2, 1])), [[], [0], [1], [1, 2], [0, 3]]);
  const deep = [1, 2, 4, 8, 8, 4, 2, 1];
  assert.deepEqual(inputsOf(pyramid(deep)), [[], [0], [1], [2], [3], [2, 4], [1, 5], [0, 6]]);
  assert.deepEqual(pyramid(multiScale.scale), multiScale);
});

test("each fault of a wiring has its line", () => {
  const faults: [Wiring, RegExp][] = [
    [{ scale: [], edges: [] }, /no layers/],
    [{ scale: [1, 1], edges: [[0, 2]] }, /unknown layer 2, there are 0 to 1/],
    [
      {
        scale: [1, 1],
        edges: [
          [0, 1],
          [1, 0],
        ],
      },
      /edge 1 -> 0 makes a cycle/,
    ],
    [{ scale: [1, 1], edges: [[1, 1]] }, /edge 1 -> 1 makes a cycle/],
    [{ scale: [1, 2, 1], edges: [[0, 2]] }, /layer 1 has no incoming edge/],
    [
      {
        scale: [1, 2, 3, 1],
        edges: [
          [0, 1],
          [1, 2],
          [2, 3],
        ],
      },
      /joins scales 2 and 3/,
    ],
    [{ scale: [2, 1], edges: [[0, 1]] }, /full size \(scale 1\), got 2 and 1/],
    [{ scale: [1, 2], edges: [[0, 1]] }, /got 1 and 2/],
    [
      {
        scale: [1, 1.5, 1],
        edges: [
          [0, 1],
          [1, 2],
        ],
      },
      /layer 1 has scale 1.5/,
    ],
    [
      {
        scale: [1, 0, 1],
        edges: [
          [0, 1],
          [1, 2],
        ],
      },
      /layer 1 has scale 0/,
    ],
  ];
  for (const [wiring, message] of faults) {
    assert.throws(() => validateWiring(wiring, 12, 12), { name: "UserError", message });
  }
});

test("frames that do not divide are refused, height and width alike", () => {
  assert.throws(() => validateWiring(multiScale, 30, 32), /frames are 30x32, .* divisible by 4/);
  assert.throws(() => validateWiring(multiScale, 32, 30), /frames are 32x30, .* divisible by 4/);
  validateWiring(chain(6), 31, 17);
});
