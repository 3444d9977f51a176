import { random } from "../random";

/** Up to here an order is drawn as a list; above it is computed place by place, in constant memory. */
const listed = 1 << 20;

/**
 * A seeded order of 0 .. size - 1: a function from a place to the index that stands there, every index once. It depends
 * on `size` and `keys` alone, so an epoch can be entered anywhere and is the same on every machine.
 *
 * Up to 2^20: Fisher and Yates's shuffle, every order equally likely. Above: a Feistel network of eight rounds on the
 * next even power of two, walked along its cycle until it lands below `size` (Black and Rogaway, "Ciphers with arbitrary
 * finite domains", 2002). Sizes up to 2^50.
 */
export function permutation(size: number, ...keys: readonly (number | string)[]): (place: number) => number {
  return size <= listed ? drawn(size, keys) : computed(size, keys);
}

function drawn(size: number, keys: readonly (number | string)[]): (place: number) => number {
  const uniform = random("permutation", ...keys);
  const order = Uint32Array.from({ length: size }, (_, index) => index);
  for (let last = size - 1; last > 0; last--) {
    const other = Math.floor(uniform() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return (place) => order[place];
}

function computed(size: number, keys: readonly (number | string)[]): (place: number) => number {
  const uniform = random("permutation", ...keys);
  const half = 2 ** Math.ceil(Math.log2(size) / 2);
  const rounds = Array.from({ length: 8 }, () => Math.floor(uniform() * 2 ** 32));
  const encrypt = (value: number) => {
    let left = Math.floor(value / half);
    let right = value % half;
    for (const key of rounds) [left, right] = [right, (left ^ mix(right, key)) & (half - 1)];
    return left * half + right;
  };
  return (place) => {
    let value = encrypt(place);
    while (value >= size) value = encrypt(value);
    return value;
  };
}

/** Finaliser of MurmurHash3 (Appleby, public domain) over value and round key. */
function mix(value: number, key: number): number {
  let hash = Math.imul(value ^ key, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13) ^ key, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
