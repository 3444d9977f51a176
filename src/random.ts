/** Uniform numbers in [0, 1). The only source of chance in the library. */
export type Random = () => number;

/**
 * Seeded uniform generator in [0, 1) with 53 random bits, the same on every machine: sfc32 (Doty-Humphrey, PractRand),
 * its state filled from the keys by the finaliser of MurmurHash3.
 *
 * Several keys name independent streams: `random(seed, "mask", iteration)`. Whatever depends on the iteration asks for
 * its own stream, so that a resumed run needs no generator state to continue with the same numbers.
 */
export function random(...keys: readonly (number | string)[]): Random {
  let hash = 0x9e3779b9;
  const absorb = (word: number) => {
    hash = Math.imul(hash ^ word, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash = (hash ^ (hash >>> 16)) + 0x6d2b79f5;
  };
  const buffer = new DataView(new ArrayBuffer(8));
  for (const key of keys) {
    if (typeof key === "string") {
      for (const char of key) absorb(char.codePointAt(0)!);
      absorb(key.length + 0x10000);
    } else {
      buffer.setFloat64(0, key);
      absorb(buffer.getUint32(0));
      absorb(buffer.getUint32(4));
    }
  }
  let [a, b, c, d] = [0, 1, 2, 3].map((word) => {
    absorb(word);
    return hash | 0;
  });
  const next = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;
}
