import { Tensor } from "@tensorflow/tfjs";
import type { Tree } from "./types";

/** The leaves of a tree with their paths (`layers.0.kernel`), in the order of definition. */
export function leaves(tree: Tree, prefix = ""): [path: string, leaf: Tensor][] {
  return Object.entries(tree).flatMap(([name, node]): [string, Tensor][] =>
    node instanceof Tensor ? [[prefix + name, node]] : leaves(node, `${prefix}${name}.`),
  );
}

/** A tree of the same nesting whose leaves are `f(leaf, path)`. */
export function mapTree<T extends Tree>(tree: T, f: (leaf: Tensor, path: string) => Tensor, prefix = ""): T {
  return Object.fromEntries(
    Object.entries(tree).map(([name, node]) => [
      name,
      node instanceof Tensor ? f(node, prefix + name) : mapTree(node, f, `${prefix}${name}.`),
    ]),
  ) as T;
}

/** A tree of the nesting of `like` with the given leaves, in the order of `leaves(like)`. */
export function unflatten<T extends Tree>(like: T, values: readonly Tensor[]): T {
  let next = 0;
  return mapTree(like, () => values[next++]);
}

/** Gives back the memory of every leaf. */
export function disposeTree(tree: Tree): void {
  for (const [, leaf] of leaves(tree)) leaf.dispose();
}
