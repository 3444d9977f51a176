import { closest, distance } from "fastest-levenshtein";

/** "; did you mean filters?" where one of the known names is near, else nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  if (name === "" || known.length === 0) return "";
  const near = closest(name, [...known]);
  return distance(name, near) <= Math.max(2, name.length / 2) ? `; did you mean ${near}?` : "";
}
