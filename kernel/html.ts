/** An executed notebook as one HTML page that needs no other file and no network. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { jupyterEnv } from "./paths.js";
import { findPython } from "./python.js";
import { writeWhole } from "./write.js";

/** Writes `out` and returns its absolute path. */
export function notebookToHtml(notebook: string, out: string): string {
  const source = resolve(notebook);
  const target = resolve(out);
  if (!existsSync(source)) throw new Error(`notebook not found: ${source}`);
  const python = findPython(["nbconvert"]);
  const folder = mkdtempSync(join(tmpdir(), "ms-rnn-html-"));
  try {
    const options = ["--to", "html", "--HTMLExporter.embed_images=True", "--output", "page", "--output-dir", folder];
    const { status, stderr } = spawnSync(python, ["-m", "nbconvert", ...options, source], {
      encoding: "utf8",
      env: jupyterEnv(),
    });
    if (status !== 0) throw new Error(`nbconvert failed on ${source}: ${stderr.trim().split("\n").at(-1)}`);
    const page = selfContained(readFileSync(join(folder, "page.html"), "utf8"));
    const left = outsideReferences(page);
    if (left.length > 0) throw new Error(`the page of ${source} would load ${left[0]} from outside`);
    writeWhole(target, page);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return target;
}

/** Takes out what nbconvert links: require.js (nothing we show needs it), MathJax and web fonts. */
export function selfContained(page: string): string {
  return page
    .replace(/<script\b[^>]*\bsrc\s*=\s*(["'])(?!data:)[^"']*\1[^>]*>\s*<\/script>/gi, "")
    .replace(/<script\b[^>]*type="text\/x-mathjax-config"[^>]*>[\s\S]*?<\/script>/gi, "")
    .replace(/<link\b[^>]*\bhref\s*=\s*(["'])(?!data:)[^"']*\1[^>]*>/gi, "");
}

/** Addresses a browser would load on opening the page. Links to follow by hand are not among them. */
export function outsideReferences(page: string): string[] {
  // Scripts and styles carry text that looks like markup; only what a browser would read as tags counts.
  const markup = page
    .replace(/(<script\b[^>]*>)[\s\S]*?<\/script>/gi, "$1")
    .replace(/(<style\b[^>]*>)[\s\S]*?<\/style>/gi, "$1");
  const tags = markup.matchAll(
    /<(?:script|img|link|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|href|data)\s*=\s*["'](?!data:|#|about:)([^"']+)["']/gi,
  );
  const styles = [...page.matchAll(/<style\b[^>]*>([\s\S]*?)<\/style>/gi)].map((match) => match[1]).join("\n");
  const imports = styles.matchAll(/(?:@import\s+|url\(\s*)["']?((?:https?:|file:|\/\/)[^"')\s]+)/gi);
  return [...tags, ...imports].map((match) => match[1]);
}
